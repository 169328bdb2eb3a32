"""Generations of a domain's configuration: list, contents, differences, going back to one."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.audit import history
from app.kernel import provisioning
from app.kernel.db import DomainTx, PlatformTx
from app.kernel.errors import NotFound, Refused
from app.kernel.i18n import _
from pbx_provisioning.apply import store
from pbx_provisioning.apply.step import PIN_REASON
from pbx_provisioning.render.objects import Objects, dialplan_file

_GENERATION = (
    "SELECT g.number, g.state, g.reason, g.changed_by, g.wanted_at, g.ended_at, g.objects, g.hash, g.error, "
    "(SELECT count(*) FROM generation_change c WHERE c.domain_id = g.domain_id AND c.generation = g.number) "
    "AS changes, (SELECT max(e.number) FROM generation e WHERE e.domain_id = g.domain_id "
    "AND e.number < g.number AND e.state = 'live') AS previous FROM generation g")
_SECRET = re.compile(r'("ha1": ")[0-9a-f]{32}(")')


@dataclass(frozen=True, slots=True)
class State:
    """`held`: changes that wait while an engineer keeps an earlier generation in force."""

    desired: int
    applied: int
    pinned: int | None
    live_at: datetime | None
    error: str
    node_state: str
    agent_seen_at: datetime | None

    @property
    def held(self) -> int:
        return self.desired - self.applied if self.pinned is not None else 0


@dataclass(frozen=True, slots=True)
class Generation:
    number: int
    state: str
    reason: str
    changed_by: str
    wanted_at: datetime
    ended_at: datetime
    objects: int
    changes: int
    hash: str
    error: str
    previous: int | None  # the last live one before it

    @property
    def took(self) -> timedelta:
        """From the saved change to live (or to the failure)."""
        return self.ended_at - self.wanted_at


@dataclass(frozen=True, slots=True)
class Difference:
    """One object that differs between two generations, as lines of a unified diff."""

    kind: str
    key: str
    lines: tuple[str, ...]


async def state_of(tx: DomainTx | PlatformTx, domain_id: int) -> State:
    """Raises NotFound."""
    row = await tx.fetchrow(
        "SELECT p.desired, p.applied, p.pinned, p.live_at, p.error, n.state AS node_state, n.agent_seen_at "
        "FROM provisioning_state p JOIN domain d ON d.id = p.domain_id JOIN pbx_node n ON n.id = d.pbx_node_id "
        "WHERE p.domain_id = $1", domain_id)
    if row is None:
        raise NotFound("domain", _("There is no such domain"))
    return State(**dict(row))


async def generations(tx: DomainTx | PlatformTx, domain_id: int, *, limit: int = 50,
                      offset: int = 0) -> tuple[list[Generation], int]:
    """Newest first, and how many there are."""
    rows = await tx.fetch(
        f"{_GENERATION} WHERE g.domain_id = $1 ORDER BY g.number DESC LIMIT $2 OFFSET $3",
        domain_id, limit, offset)
    total = await tx.fetchval("SELECT count(*) FROM generation WHERE domain_id = $1", domain_id)
    return [Generation(**dict(row)) for row in rows], total


async def generation(tx: DomainTx | PlatformTx, domain_id: int, number: int) -> Generation:
    """Raises NotFound."""
    row = await tx.fetchrow(
        f"{_GENERATION} WHERE g.domain_id = $1 AND g.number = $2", domain_id, number)
    if row is None:
        raise NotFound("generation", _("There is no such generation"))
    return Generation(**dict(row))


async def configuration(tx: DomainTx | PlatformTx, domain_id: int, number: int) -> tuple[str, str]:
    """Dialplan file and SIP accounts of a generation, secrets masked, as a person reads them."""
    await generation(tx, domain_id, number)
    objects = await store.objects_at(tx, domain_id, number)
    accounts = "\n\n".join(readable("endpoint", body) for (kind, _key), body in sorted(objects.items())
                           if kind == "endpoint")
    return dialplan_file(domain_id, objects), accounts


async def difference(tx: DomainTx | PlatformTx, domain_id: int, older: int, newer: int) -> list[Difference]:
    """What changed between two generations, object by object, secrets masked.

    Raises:
        NotFound: one of them is not recorded.
    """
    for number in (older, newer):
        await generation(tx, domain_id, number)
    return compare(await store.objects_at(tx, domain_id, older), await store.objects_at(tx, domain_id, newer))


def compare(old: Objects, new: Objects) -> list[Difference]:
    return [Difference(change.kind, change.key, tuple(_lines(change)))
            for change in store.difference(old, new)]


def _lines(change: store.Change) -> Sequence[str]:
    before = readable(change.kind, change.before).split("\n") if change.before is not None else []
    after = readable(change.kind, change.after).split("\n") if change.after is not None else []
    lines = [line for line in difflib.unified_diff(before, after, lineterm="", n=2)
             if not line.startswith(("---", "+++", "@@"))]
    return lines or ['~"password digest": "***"']  # only the secret differs: that is told, not what it is


def readable(kind: str, body: str) -> str:
    """A body as lines, without secrets."""
    if kind != "endpoint":
        return body
    row = json.loads(_SECRET.sub(r"\1***\2", body))
    return "\n".join(f"{name} = {'' if value is None else value}" for name, value in row.items())


async def pin(tx: DomainTx, number: int) -> None:
    """Go back to a generation and stay there: its objects become a new generation, later changes wait.

    Raises:
        NotFound: no such generation.
        Refused: it had failed.
    """
    past = await generation(tx, tx.domain_id, number)
    if past.state != "live":
        raise Refused("generation_failed", _("This generation was never live."))
    await tx.execute("UPDATE provisioning_state SET pinned = $2 WHERE domain_id = $1", tx.domain_id, number)
    await provisioning.want_new_generation(tx, f"{PIN_REASON}{number}")
    await history.record(tx, "generation_pinned", "generation", object_id=number, object_name=str(number))


async def release(tx: DomainTx) -> None:
    """Back to what the database wants now.

    Raises:
        Refused: nothing is pinned.
    """
    pinned = await tx.fetchval("SELECT pinned FROM provisioning_state WHERE domain_id = $1 FOR UPDATE", tx.domain_id)
    if pinned is None:
        raise Refused("not_pinned", _("No generation is held."))
    await tx.execute("UPDATE provisioning_state SET pinned = NULL WHERE domain_id = $1", tx.domain_id)
    await provisioning.want_new_generation(tx, "released")
    await history.record(tx, "generation_released", "generation", object_id=pinned, object_name=str(pinned))


async def try_again(tx: DomainTx) -> None:
    """Apply a failed generation anew, under a new number."""
    await provisioning.want_new_generation(tx, "retried")


async def ask_for_drift_check(tx: PlatformTx, node_id: int) -> None:
    """The node's agent compares everything now."""
    await tx.execute("SELECT pg_notify('drift_check', $1::text)", str(node_id))
