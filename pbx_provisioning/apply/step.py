"""One domain's step to the wanted configuration: what is known after reading and rendering."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from app.kernel.db import PlatformTx
from pbx_provisioning.apply import store
from pbx_provisioning.apply.store import Change
from pbx_provisioning.plan.load import Wanted, load_plan
from pbx_provisioning.render import reach
from pbx_provisioning.render.check import check_dialplan
from pbx_provisioning.render.objects import Objects, dialplan_file, digest, render

PIN_REASON = "pinned "  # begins the reason of the generation that goes back to an earlier one


@dataclass(frozen=True, slots=True)
class Step:
    """`bodies` and `gone` are realtime rows; `expire` are the objects that Asterisk may hold an old copy of.

    `dialplan` None: the file in force is right already.
    """

    wanted: Wanted
    objects: Objects = field(repr=False)
    changes: Sequence[Change]
    digest: str
    bodies: Sequence[str] = field(repr=False)
    gone: Sequence[str] = ()
    expire: Sequence[str] = ()
    dialplan: str | None = field(default=None, repr=False)
    is_new: bool = True  # a generation to be recorded; else the one in force is mended
    is_repair: bool = False


async def target_objects(tx: PlatformTx, wanted: Wanted) -> Objects:
    """What should be in force: rendered from today's rows, or the generation an engineer pinned."""
    if wanted.pinned is None:
        return render(await load_plan(tx, wanted))
    past = await store.objects_at(tx, wanted.domain_id, wanted.pinned)
    past = store.without_lost_numbers(past, await store.own_numbers(tx, wanted.domain_id))
    return reach.with_todays_pool(past, await load_plan(tx, wanted))


async def prepare(tx: PlatformTx, wanted: Wanted, *, known: Objects | None, repair: bool,
                  current_file: str | None) -> Step | None:
    """Read, render, compare. None: nothing is to be done.

    Args:
        known: the applied objects when the caller has them in memory.
        repair: compare the realtime rows and the file themselves, not only what was recorded of them.
        current_file: text of the dialplan file (None: missing); read for `repair` and new domains.

    Raises:
        AppError: the plan or the text is not fit for a node.
    """
    is_new = wanted.applied < wanted.desired
    if not is_new and not repair:
        return None
    old = known if known is not None else await store.load_applied(tx, wanted.domain_id)
    objects = await target_objects(tx, wanted) if is_new else old
    changes = store.difference(old, objects)
    if wanted.pinned is not None and is_new and not changes and not wanted.reason.startswith(PIN_REASON):
        is_new = False  # held: later changes are counted, not applied
        if not repair:
            return None
    touched = {change.key for change in changes if change.kind == "endpoint"}
    expire = {change.key for change in changes if change.kind == "endpoint" and change.before is not None}
    if repair or known is None:
        every = [body for (kind, _key), body in objects.items() if kind == "endpoint"]
        wrong = await store.wrong_endpoints(tx, wanted.domain_id, every)
        touched |= wrong
        expire |= wrong
    text = None
    if repair or current_file is None or any(change.kind != "endpoint" for change in changes):
        text = dialplan_file(wanted.domain_id, objects)
        check_dialplan(wanted.domain_id, text)
        if text == current_file:
            text = None
    return Step(
        wanted, objects, changes, digest(objects) if is_new else "",
        [objects["endpoint", key] for key in sorted(touched) if ("endpoint", key) in objects],
        sorted(key for key in touched if ("endpoint", key) not in objects), sorted(expire), text, is_new, repair)
