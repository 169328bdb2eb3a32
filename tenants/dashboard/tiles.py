"""Quick access: one tile for each main function that this installation has [DASH-11, DASH-D3].

A feature may register a tile of its own; a paid service with a section gets one by itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from app.auth.permissions import Permission
from app.kernel.db import DomainTx
from app.kernel.i18n import LazyText, _, format_datetime, format_money, format_number, format_phone, lazy, ngettext
from app.kernel.money import Currency, Money
from app.web import menu
from billing.services.queries import ServiceRow
from billing.tariffs.plan import Level

SERVICES = "/services"


@dataclass(frozen=True, slots=True)
class Status:
    """What stands under a tile's name: main figures, or the state of what is off."""

    text: str
    is_on: bool = True


Indicators = Callable[[DomainTx], Awaitable[Status]]


@dataclass(frozen=True, slots=True)
class Tile:
    """`in_menu`: shown where a feature has registered the address in the domain's menu."""

    url: str
    name: LazyText | str
    icon: str
    permission: Permission
    indicators: Indicators
    order: int = 500
    in_menu: bool = True


@dataclass(frozen=True, slots=True)
class Shown:
    url: str
    name: LazyText | str
    icon: str
    status: Status


_tiles: dict[str, Tile] = {}


def register(tile: Tile) -> None:
    """Called at import; one tile for an address, the last one counts."""
    _tiles[tile.url] = tile


async def shown(tx: DomainTx, may: Callable[[object], bool], rows: Sequence[ServiceRow] = ()) -> list[Shown]:
    """The tiles of this reader, in order. `rows`: the domain's services."""
    found = [Shown(one.url, one.name, one.icon, await one.indicators(tx))
             for one in sorted(_tiles.values(), key=lambda one: one.order)
             if may(one.permission) and (not one.in_menu or menu.has("domain", one.url))]
    known = {one.url for one in found}
    if menu.has("domain", SERVICES) and may(Permission.SERVICES_EDIT):
        count = sum(row.is_on for row in rows)
        found.append(Shown(SERVICES, _("Service management"), "apps",
                           Status(_("Connected: %(n)s") % {"n": format_number(count)}, is_on=count > 0)))
    return found + [Shown(row.configure, row.name, row.icon, _of_service(row)) for row in rows
                    if row.configure and row.configure not in known]


def _of_service(row: ServiceRow) -> Status:
    if not row.is_on:
        return Status(_("Switched off"), is_on=False)
    if row.level is Level.DOMAIN:
        return Status(_("Switched on"))
    return Status(_("Switched on: %(n)s") % {"n": format_number(row.instances)})


# --- tiles of what every installation has -----------------------------------------------------------


async def _users(tx: DomainTx) -> Status:
    row = await tx.fetchrow("SELECT count(*) AS users, count(*) FILTER (WHERE is_operator) AS operators "
                            "FROM domain_user WHERE domain_id = $1", tx.domain_id)
    assert row is not None
    return Status(_("%(users)s, operators: %(operators)s") % {
        "users": ngettext("%(n)s user", "%(n)s users", row["users"]) % {"n": format_number(row["users"])},
        "operators": format_number(row["operators"])})


async def _numbers(tx: DomainTx) -> Status:
    row = await tx.fetchrow(
        "SELECT count(*) AS numbers, (SELECT n.e164 FROM phone_number n JOIN domain d ON d.id = n.domain_id "
        "AND d.default_number_id = n.id WHERE d.id = $1) AS main FROM phone_number WHERE domain_id = $1", tx.domain_id)
    assert row is not None
    if not row["numbers"]:
        return Status(_("No number yet"), is_on=False)
    text = ngettext("%(n)s number", "%(n)s numbers", row["numbers"]) % {"n": format_number(row["numbers"])}
    return Status(f"{text}, {format_phone('+' + row['main'])}" if row["main"] else text)


async def _contacts(tx: DomainTx) -> Status:
    count = await tx.fetchval("SELECT count(*) FROM contact WHERE domain_id = $1 AND owner_key = 0", tx.domain_id)
    if not count:
        return Status(_("Empty"), is_on=False)
    return Status(ngettext("%(n)s contact", "%(n)s contacts", count) % {"n": format_number(count)})


async def _pickup(tx: DomainTx) -> Status:
    row = await tx.fetchrow(
        "SELECT count(*) AS groups, (SELECT pickup_number FROM domain WHERE id = $1) AS digits FROM pickup_group "
        "WHERE domain_id = $1", tx.domain_id)
    assert row is not None
    if not row["groups"]:
        return Status(_("No group yet"), is_on=False)
    text = ngettext("%(n)s group", "%(n)s groups", row["groups"]) % {"n": format_number(row["groups"])}
    return Status(_("%(groups)s, dial %(digits)s") % {"groups": text, "digits": row["digits"]}
                  if row["digits"] else text)


async def _finance(tx: DomainTx) -> Status:
    row = await tx.fetchrow("SELECT balance, currency FROM account WHERE domain_id = $1", tx.domain_id)
    assert row is not None
    return Status(format_money(Money(row["balance"], Currency(row["currency"]))))


async def _settings(tx: DomainTx) -> Status:
    return Status(await tx.fetchval("SELECT timezone FROM domain WHERE id = $1", tx.domain_id))


async def _calls(tx: DomainTx) -> Status:
    """A figure of all calls would cost more than it tells."""
    last = await tx.fetchval("SELECT started_at FROM call WHERE domain_id = $1 ORDER BY started_at DESC, id DESC "
                             "LIMIT 1", tx.domain_id)
    if last is None:
        return Status(_("No calls yet"), is_on=False)
    return Status(_("Last call: %(moment)s") % {"moment": format_datetime(last)})


for _tile in (
    Tile("/users", lazy("Users"), "users", Permission.USERS_EDIT, _users, 100),
    Tile("/numbers", lazy("Numbers"), "phone", Permission.NUMBERS_EDIT, _numbers, 200),
    Tile("/contacts", lazy("Company address book"), "address-book", Permission.CONTACTS_EDIT, _contacts, 300),
    Tile("/pickup-groups", lazy("Pickup groups"), "phone-call", Permission.USERS_EDIT, _pickup, 350),
    Tile("/calls", lazy("Call history"), "history", Permission.CALLS_VIEW, _calls, 400),
    Tile("/finance", lazy("Finance and payment"), "wallet", Permission.FINANCE_VIEW, _finance, 600, in_menu=False),
    Tile("/settings", lazy("General settings"), "settings", Permission.SETTINGS_EDIT, _settings, 700),
):
    register(_tile)
