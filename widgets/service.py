"""Use cases of a widget in the panel [WGT.2–WGT.6, WGT.8]. Nothing of it lies on the PBX."""

from __future__ import annotations

import secrets

from asyncpg import UniqueViolationError

from app.audit import history
from app.kernel.db import DomainTx
from app.kernel.errors import InvalidFields, NotFound, Refused
from app.kernel.i18n import _
from billing.services import service as services
from tenants.calls import orders
from tenants.destinations import registry
from tenants.destinations.model import Destination, Kind
from widgets import queries, rules
from widgets.appearance import DEFAULT, Appearance
from widgets.queries import Widget

CODE = "callback_widget"
DEFAULT_NAME = "Обратный звонок"
OBJECT = "widget"
CALLBACK = "widget"  # kind of the orders of calls


async def create(tx: DomainTx, *, mark: str | None = None) -> int:
    """A new widget, switched off, charged as one instance [WGT-10, WGT-11].

    Raises:
        Forbidden, Refused, CostChanged: as of `add_instances`.
    """
    await services.scene(tx, lock=True)
    await services.require(tx, CODE)
    public_id = secrets.token_hex(16)
    await services.add_instances(tx, CODE, 1, f"widget:{public_id}", mark=mark)
    widget_id = await tx.fetchval(
        "INSERT INTO widget (domain_id, public_id, name, appearance, created_at) VALUES ($1, $2, $3, $4, $5) "
        "RETURNING id", tx.domain_id, public_id, DEFAULT_NAME, DEFAULT.model_dump(mode="json"), tx.now)
    await history.record(tx, "widget_created", OBJECT, object_id=widget_id, object_name=DEFAULT_NAME)
    return widget_id


async def delete(tx: DomainTx, widget_id: int) -> None:
    """With lists, looks, counters and request log; calls that are wanted are not placed [WGT-D1]. Raises NotFound."""
    await services.scene(tx, lock=True)
    found = await queries.widget(tx, widget_id, lock=True)
    await services.remove_instances(tx, CODE, 1, f"widget:{found.public_id}")
    await _remove(tx, found)


async def end_all(tx: DomainTx) -> None:
    """The service is disconnected [SVC-D5]."""
    for row in await tx.fetch("SELECT id FROM widget WHERE domain_id = $1 ORDER BY id", tx.domain_id):
        await _remove(tx, await queries.widget(tx, row["id"], lock=True))


async def _remove(tx: DomainTx, found: Widget) -> None:
    waiting = await tx.fetch("SELECT order_id FROM widget_request WHERE domain_id = $1 AND widget_id = $2 "
                             "AND result = 'waiting' AND order_id IS NOT NULL", tx.domain_id, found.id)
    for row in waiting:
        await orders.cancel(tx, row["order_id"])
    await tx.execute("DELETE FROM widget WHERE domain_id = $1 AND id = $2", tx.domain_id, found.id)
    await history.record(tx, "widget_deleted", OBJECT, object_id=found.id, object_name=found.name)


async def configure(tx: DomainTx, widget_id: int, *, is_on: bool, name: str, dist_type: str, object_id: int | None,
                    schedule: str, intensity_seconds: int) -> None:
    """The Settings tab, all at once [WGT-30…36].

    Raises:
        NotFound: the widget, or its object, is not of this domain.
        InvalidFields: on without an object; another name while it is on.
    """
    await services.scene(tx, lock=True)  # objects are deleted under the domain's lock, too
    await services.require(tx, CODE)
    before = await queries.widget(tx, widget_id, lock=True)
    if before.is_on and name != before.name:
        raise _wrong("name", _("The name can be changed while the widget is off."))
    if is_on and object_id is None:
        raise _wrong("object_id", _("Choose the group or user that handles the requests, then switch the widget on."))
    if object_id is not None:
        await registry.require(tx, Destination(Kind(dist_type), object_id))
    await tx.execute(
        "UPDATE widget SET name = $3, dist_type = $4, group_id = $5, user_id = $6, schedule = $7, "
        "intensity_seconds = $8 WHERE domain_id = $1 AND id = $2", tx.domain_id, widget_id, name, dist_type,
        object_id if dist_type == "group" else None, object_id if dist_type == "user" else None, schedule,
        intensity_seconds)
    await tx.execute("UPDATE widget SET is_on = $3 WHERE domain_id = $1 AND id = $2", tx.domain_id, widget_id, is_on)
    after = await queries.widget(tx, widget_id)
    names = [one.name if (one := await queries.object_name(tx, widget)) else "" for widget in (before, after)]
    await note(tx, after, {
        "widget_on": (before.is_on, after.is_on), "name": (before.name, after.name),
        "widget_dist_type": (before.dist_type, after.dist_type), "widget_object": (names[0], names[1]),
        "widget_intensity": (before.intensity_seconds, after.intensity_seconds),
        "widget_hours": (before.schedule.count("1"), after.schedule.count("1"))})


async def draw(tx: DomainTx, widget_id: int, looks: Appearance) -> None:
    """The Display tab; sites show it at their next page view [WGT-44]. Raises NotFound."""
    await services.require(tx, CODE)
    before = await queries.widget(tx, widget_id, lock=True)
    await tx.execute("UPDATE widget SET appearance = $3 WHERE domain_id = $1 AND id = $2", tx.domain_id, widget_id,
                     looks.model_dump(mode="json"))
    if looks != before.appearance:
        changed = [name for name in Appearance.model_fields if getattr(looks, name) != getattr(before.appearance, name)]
        await note(tx, before, {f"widget_{name}": (_told(before.appearance, name), _told(looks, name))
                                 for name in changed})


def _told(looks: Appearance, name: str) -> object:
    if name != "fill":
        return getattr(looks, name)
    fill = looks.fill
    return fill.colour if fill.kind == "solid" else ", ".join(f"{one.colour} {one.at}%" for one in fill.stops)


async def switch_captcha(tx: DomainTx, widget_id: int, to: bool) -> None:
    await services.require(tx, CODE)
    before = await queries.widget(tx, widget_id, lock=True)
    await tx.execute("UPDATE widget SET captcha = $3 WHERE domain_id = $1 AND id = $2", tx.domain_id, widget_id, to)
    await note(tx, before, {"widget_captcha": (before.captcha, to)})


async def add_number(tx: DomainTx, widget_id: int, which: str, typed: str) -> str:
    """To the white or black list; the entry as kept [WGT-D6]. Raises InvalidFields, NotFound."""
    try:
        value = rules.list_entry(typed)
    except ValueError as wrong:
        raise _wrong("number", _("Enter a prefix of at most 5 digits (7495) or a number of 10 digits.")) from wrong
    await _add(tx, widget_id, "widget_number_rule", "list, value", (which, value), "number",
               _("%(value)s is in the list already.") % {"value": value})
    await note(tx, await queries.widget(tx, widget_id), {f"widget_{which}": ("", value)})
    return value


async def add_domain(tx: DomainTx, widget_id: int, typed: str) -> str:
    """To the list of sites [WGT-60]. Raises InvalidFields, NotFound."""
    try:
        pattern = rules.domain_entry(typed)
    except ValueError as wrong:
        raise _wrong("domain", _("Enter a domain name without http:// and without a path, such as shop.example.com, "
                                 "or a mask such as *.example.com.")) from wrong
    shown = rules.shown_domain(pattern)
    await _add(tx, widget_id, "widget_domain_rule", "pattern", (pattern,), "domain",
               _("%(value)s is in the list already.") % {"value": shown})
    await note(tx, await queries.widget(tx, widget_id), {"widget_domains": ("", shown)})
    return pattern


async def _add(tx: DomainTx, widget_id: int, table: str, columns: str, values: tuple[str, ...], field: str,
               twice: str) -> None:
    """`table` and `columns` are ours."""
    await services.require(tx, CODE)
    await queries.widget(tx, widget_id, lock=True)
    only = " AND list = $3" if len(values) == 2 else ""
    held = await tx.fetchval(f"SELECT count(*) FROM {table} WHERE domain_id = $1 AND widget_id = $2{only}",
                             tx.domain_id, widget_id, *values[:-1])
    if held >= rules.MAX_ENTRIES:
        raise _wrong(field, _("A list holds at most %(n)s entries.") % {"n": rules.MAX_ENTRIES})
    marks = ", ".join(f"${number}" for number in range(3, 3 + len(values)))
    try:
        async with tx.savepoint():
            await tx.execute(f"INSERT INTO {table} (domain_id, widget_id, {columns}) VALUES ($1, $2, {marks})",
                             tx.domain_id, widget_id, *values)
    except UniqueViolationError as taken:
        raise _wrong(field, twice) from taken


async def remove_number(tx: DomainTx, widget_id: int, which: str, entry_id: int) -> None:
    """Raises NotFound."""
    found = await queries.widget(tx, widget_id, lock=True)
    value = await tx.fetchval("DELETE FROM widget_number_rule WHERE domain_id = $1 AND widget_id = $2 AND list = $3 "
                              "AND id = $4 RETURNING value", tx.domain_id, widget_id, which, entry_id)
    await _removed(tx, found, f"widget_{which}", value)


async def remove_domain(tx: DomainTx, widget_id: int, entry_id: int) -> None:
    """Raises NotFound."""
    found = await queries.widget(tx, widget_id, lock=True)
    value = await tx.fetchval("DELETE FROM widget_domain_rule WHERE domain_id = $1 AND widget_id = $2 AND id = $3 "
                              "RETURNING pattern", tx.domain_id, widget_id, entry_id)
    await _removed(tx, found, "widget_domains", value and rules.shown_domain(value))


async def _removed(tx: DomainTx, found: Widget, field: str, value: str | None) -> None:
    if value is None:
        raise NotFound("entry", _("There is no such entry."))
    await note(tx, found, {field: (value, "")})


async def black_list(tx: DomainTx, widget_id: int, request_id: int) -> bool:
    """The client's number of a request into the black list [WGT-72]. False: it is there already. Raises NotFound."""
    phone = await tx.fetchval("SELECT phone FROM widget_request WHERE domain_id = $1 AND widget_id = $2 AND id = $3",
                              tx.domain_id, widget_id, request_id)
    if phone is None:
        raise NotFound("request", _("There is no such request."))
    if len(phone) != 11 or phone[0] != "7":
        raise Refused("not_russian", _("Numbers outside Russia are never called."))
    if phone[1:] in (await queries.number_lists(tx, widget_id))["black"]:
        return False
    await add_number(tx, widget_id, "black", phone)
    return True


async def tick_off(tx: DomainTx, widget_id: int, request_id: int, to: bool) -> None:
    """An administrator has dealt with the request, or takes that back [WGT-D2]. Raises NotFound."""
    found = await queries.widget(tx, widget_id)
    phone = await tx.fetchval("UPDATE widget_request SET is_processed = $4 WHERE domain_id = $1 AND widget_id = $2 "
                              "AND id = $3 AND result <> 'refused' RETURNING phone", tx.domain_id, widget_id,
                              request_id, to)
    if phone is None:
        raise NotFound("request", _("There is no such request."))
    await note(tx, found, {"widget_processed": ("", f"+{phone}") if to else (f"+{phone}", "")})


async def note(tx: DomainTx, found: Widget, changes: dict[str, tuple[object, object]]) -> None:
    """A line of the history, if anything changed."""
    if any(before != after for before, after in changes.values()):
        await history.record(tx, "widget_changed", OBJECT, object_id=found.id, object_name=found.name, changes=changes)


def _wrong(field: str, text: str) -> InvalidFields:
    return InvalidFields("invalid_fields", text, fields={field: text})
