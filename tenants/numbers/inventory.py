"""The provider's stock of numbers: take in a file, give a number to a domain, take it back [NUM-58].

Everything here runs behind the platform door; what happens to a domain is written in that domain's history.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from asyncpg import UniqueViolationError

from app.audit import history
from app.kernel import provisioning
from app.kernel.db import PlatformTx
from app.kernel.errors import InvalidFields, NotFound, Refused
from app.kernel.i18n import _
from billing.services import service as services
from tenants.domains.trial import check_number_in_trial
from tenants.numbers import leaving
from tenants.numbers.inventory_file import InventoryFile, InventoryRow, LineError
from tenants.numbers.services import service_of


@dataclass(frozen=True, slots=True)
class Dependants:
    """What uses a number in its domain; all of it falls back when the number goes [NUM-59]."""

    domain_id: int | None
    domain_name: str
    e164: str
    users: tuple[str, ...]  # display names of those who chose it as their outgoing number
    is_default: bool  # it is the domain's outgoing number
    rules: int  # of its routing; they are deleted with its lists


async def known_already(tx: PlatformTx, file: InventoryFile) -> InventoryFile:
    """The file with an error for each number that is in the stock or at a domain already."""
    known = {row["e164"] for row in await tx.fetch(
        "SELECT e164 FROM phone_number WHERE e164 = ANY($1::text[])", [row.e164 for row in file.rows])}
    return file.with_errors([LineError(row.line, row.e164, _("This number is in the inventory already."))
                             for row in file.rows if row.e164 in known])


async def add_numbers(tx: PlatformTx, rows: Sequence[InventoryRow]) -> int:
    """Put all of them into the stock, or none.

    Raises:
        Refused: one of them is known by now.
    """
    try:
        async with tx.savepoint():
            await tx.execute(
                "INSERT INTO phone_number (e164, category, region) "
                "SELECT * FROM unnest($1::text[], $2::text[], $3::text[])",
                [row.e164 for row in rows], [row.category for row in rows], [row.region for row in rows])
    except UniqueViolationError as taken:
        raise Refused("taken", _("Some of these numbers were added meanwhile. Nothing was imported; "
                                 "choose the file again.")) from taken
    await history.record(tx, "numbers_imported", "phone_number", changes={"count": (None, len(rows))})
    return len(rows)


async def give(tx: PlatformTx, number_id: int, domain_id: int) -> str:
    """Assign a number of the stock to a domain; it gets no rule and is not the outgoing number [NUM-53]. One beyond
    those that the plan includes is charged at once [NUM-50, NUM-51].

    Returns:
        The number.

    Raises:
        Refused: another domain has it, the domain is in trial and has its number [ACC-06], or its money does not do.
        InvalidFields: there is no such domain.
    """
    row = await _locked(tx, number_id)
    if row["domain_id"] is not None:
        raise Refused("taken", _("This number belongs to a domain already"))
    if row["held_for"] not in (None, domain_id):
        raise Refused("held", _("This number is booked or in reserve for another domain"))
    domain = await tx.fetchrow("SELECT mode, (SELECT count(*) FROM phone_number n WHERE n.domain_id = d.id) AS numbers "
                               "FROM domain d WHERE id = $1 FOR NO KEY UPDATE", domain_id)
    if domain is None:
        text = _("Choose a domain")
        raise InvalidFields("domain", text, fields={"domain_id": text})
    check_number_in_trial(domain["mode"], row["category"], domain["numbers"])
    bound = await tx.enter_domain(domain_id)
    await services.add_instances(bound, await service_of(bound, row["category"]), 1, f"number:{row['e164']}")
    await tx.execute("UPDATE phone_number SET domain_id = $2, assigned_at = $3, held_for = NULL, hold_kind = NULL, "
                     "hold_until = NULL, extensions = 0 WHERE id = $1", number_id, domain_id, tx.now)
    await provisioning.want_new_generation(bound, f"number_given {row['e164']}")
    await history.record(bound, "number_given", "phone_number", object_id=number_id, object_name=row["e164"])
    return row["e164"]


async def dependants(tx: PlatformTx, number_id: int) -> Dependants:
    """What taking a number back would touch. Raises NotFound."""
    row = await tx.fetchrow(
        "SELECT n.e164, n.domain_id, COALESCE(d.name, '') AS domain_name, "
        "(SELECT count(*) FROM routing_rule r WHERE r.domain_id = n.domain_id AND r.number_id = n.id) AS rules, "
        "COALESCE(d.default_number_id = n.id, false) AS is_default FROM phone_number n "
        "LEFT JOIN domain d ON d.id = n.domain_id WHERE n.id = $1", number_id)
    if row is None:
        raise _no_number()
    users = await tx.fetch("SELECT display_name FROM domain_user WHERE domain_id = $1 AND outgoing_number_id = $2 "
                           "ORDER BY lower(display_name), id", row["domain_id"], number_id)
    return Dependants(row["domain_id"], row["domain_name"], row["e164"],
                      tuple(user["display_name"] for user in users), row["is_default"], row["rules"])


async def take_back(tx: PlatformTx, number_id: int) -> Dependants:
    """Return a number to the stock. Users who had chosen it fall back to the domain's outgoing number, and
    that becomes "not set" if it was this one [NUM-59].

    Raises:
        Refused: no domain has it.
    """
    row = await _locked(tx, number_id)
    found = await dependants(tx, number_id)
    if found.domain_id is None:
        raise Refused("in_stock", _("This number is in the stock already"))
    bound = await tx.enter_domain(found.domain_id)
    await services.remove_instances(bound, await service_of(bound, row["category"]), 1, f"number:{found.e164}")
    await leaving.leave(bound, number_id)
    await tx.execute("UPDATE phone_number SET domain_id = NULL, assigned_at = NULL, is_additional = false "
                     "WHERE id = $1", number_id)
    await provisioning.want_new_generation(bound, f"number_taken_back {row['e164']}")
    await history.record(bound, "number_taken_back", "phone_number", object_id=number_id, object_name=row["e164"],
                         changes={"users": (", ".join(found.users)[:500], ""),
                                  "default_number": (found.is_default, False), "rules": (found.rules, 0)})
    return found


# --- prices, categories, booking [NUM-55, NUM-58, screen 11] -----------------------------------------


async def set_price(tx: PlatformTx, ids: Sequence[int], *, grade: str | None, price: Decimal | None) -> int:
    """Category and connection cost of numbers; None leaves as it is. How many were changed."""
    changed = 0
    for number_id in sorted(set(ids)):
        row = await _locked(tx, number_id)
        after = {"grade": grade or row["grade"],
                 "connection_price": row["connection_price"] if price is None else price}
        if (after["grade"], after["connection_price"]) == (row["grade"], row["connection_price"]):
            continue
        await tx.execute("UPDATE phone_number SET grade = $2, connection_price = $3 WHERE id = $1", number_id,
                         after["grade"], after["connection_price"])
        changes = {name: (str(row[name]), str(value)) for name, value in after.items() if value != row[name]}
        await history.record(tx, "number_priced", "phone_number", object_id=number_id, object_name=row["e164"],
                             changes=changes)
        changed += 1
    return changed


async def book(tx: PlatformTx, number_id: int, domain_id: int, until: date) -> str:
    """Hold a number of the stock for a domain until the end of a day.

    Raises:
        Refused: it is at a domain, or held for another one.
        InvalidFields: there is no such domain, or the day is past.
    """
    row = await _locked(tx, number_id)
    if row["domain_id"] is not None or row["held_for"] not in (None, domain_id):
        raise Refused("taken", _("This number is not in the stock"))
    if await tx.fetchval("SELECT true FROM domain WHERE id = $1", domain_id) is None:
        text = _("Choose a domain")
        raise InvalidFields("domain", text, fields={"domain_id": text})
    if until <= tx.now.date():
        text = _("Choose a day in the future.")
        raise InvalidFields("until", text, fields={"until": text})
    await tx.execute("UPDATE phone_number SET held_for = $2, hold_kind = 'booked', hold_until = $3, extensions = 0 "
                     "WHERE id = $1", number_id, domain_id, until)
    await history.record(await tx.enter_domain(domain_id), "number_booked", "phone_number", object_id=number_id,
                         object_name=row["e164"], changes={"hold_until": (None, until.isoformat())})
    return row["e164"]


async def unbook(tx: PlatformTx, number_id: int) -> None:
    """Into the stock again, before the end of booking or reserve. Raises Refused: not held for anybody."""
    row = await _locked(tx, number_id)
    if row["held_for"] is None:
        raise Refused("not_held", _("This number is neither booked nor in reserve"))
    await _let_go(tx, number_id)
    await history.record(await tx.enter_domain(row["held_for"]), "number_unbooked", "phone_number", object_id=number_id,
                         object_name=row["e164"], changes={"hold_until": (row["hold_until"].isoformat(), None)})


async def end_holds(tx: PlatformTx, today: date) -> int:
    """Numbers whose last day of booking or reserve is over are for sale again [NUM-58]. How many."""
    rows = await tx.fetch("SELECT id FROM phone_number WHERE hold_until < $1 FOR UPDATE SKIP LOCKED", today)
    for row in rows:
        await _let_go(tx, row["id"])
    return len(rows)


async def _let_go(tx: PlatformTx, number_id: int) -> None:
    await tx.execute("UPDATE phone_number SET held_for = NULL, hold_kind = NULL, hold_until = NULL, extensions = 0 "
                     "WHERE id = $1", number_id)


async def _locked(tx: PlatformTx, number_id: int):
    row = await tx.fetchrow("SELECT e164, category, domain_id, held_for, hold_kind, hold_until, grade, "
                            "connection_price FROM phone_number WHERE id = $1 FOR UPDATE", number_id)
    if row is None:
        raise _no_number()
    return row


def _no_number() -> NotFound:
    return NotFound("number", _("There is no such number"))
