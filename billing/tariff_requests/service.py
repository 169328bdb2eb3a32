"""Use cases of a request: ask for it, close it, write to the provider's people."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from app.audit import history
from app.kernel import letters, outbox
from app.kernel.db import DomainTx, PlatformTx
from app.kernel.errors import NotFound, Refused
from app.kernel.i18n import _, lazy
from app.kernel.money import Currency, Money
from app.settings import settings

EVENT = "tariff_requested"
PER_DAY = 3  # a request that the provider closed at once may be made again, but not all day long
READERS = ("administrator", "billing")  # roles of the staff who get the letter

letters.letter(
    "tariff_request", lazy("A domain asks for another tariff"), lazy("{{ domain }}: another tariff is asked for"),
    lazy("{{ who }} of {{ company }} ({{ domain }}) asks for another tariff. Now it is «{{ tariff }}».\n\n"
         "{% if users %}\nUsers beyond the tariff: {{ users }}\n{% endif %}"
         "{% if minutes %}\nMinutes of this month beyond the package: {{ minutes }}\n{% endif %}"
         "{% if mgp %}\nCalls of this month beyond the minimum guaranteed payment: {{ mgp }}\n{% endif %}"
         "\nOpen requests: {{ url }}\n"),
    who="Anna Petrova (anna)", company="Romashka", domain="company.pbx.example", tariff="Business", users=7,
    minutes="12:30", mgp=Money.parse("140.50"), url="https://pbx.example/provider/tariff-requests")


async def ask(tx: DomainTx, excess: Mapping[str, int | str]) -> None:
    """Store the request and have the letters written after the commit.

    Args:
        excess: by how much each is exceeded: `users`, `seconds`, `mgp` (text of an amount).

    Raises:
        Refused: `open`, one is open; `too_often`.
    """
    recent = await tx.fetchval("SELECT count(*) FROM tariff_request WHERE domain_id = $1 AND asked_at > $2",
                               tx.domain_id, tx.now - timedelta(days=1))
    if recent >= PER_DAY:
        raise Refused("too_often", _("The tariff has been asked for several times today. Call your provider."))
    request_id = await tx.fetchval(
        "INSERT INTO tariff_request (domain_id, asked_at, asked_by, tariff, excess) "
        "SELECT $1, $2, $3, t.name, $4 FROM account a JOIN tariff t ON t.id = a.tariff_id WHERE a.domain_id = $1 "
        "ON CONFLICT (domain_id) WHERE done_at IS NULL DO NOTHING RETURNING id",
        tx.domain_id, tx.now, f"{tx.actor.name} ({tx.actor.login})", dict(excess))
    if request_id is None:
        raise Refused("open", _("Another tariff has been asked for already. The provider will get in touch."))
    await history.record(tx, EVENT, "tariff", object_id=request_id,
                         changes={f"excess_{key}": (None, value) for key, value in excess.items()})
    await outbox.publish(tx, EVENT, {"request_id": request_id})


async def close(tx: PlatformTx, request_id: int) -> bool:
    """The provider has dealt with it; False when somebody else had closed it. Raises NotFound."""
    row = await tx.fetchrow("SELECT domain_id, done_at FROM tariff_request WHERE id = $1 FOR UPDATE", request_id)
    if row is None:
        raise NotFound("tariff_request", _("There is no such request."))
    if row["done_at"] is not None:
        return False
    await tx.execute("UPDATE tariff_request SET done_at = $2, done_by = $3 WHERE id = $1", request_id, tx.now,
                     f"{tx.actor.name} ({tx.actor.login})")
    await history.record(await tx.enter_domain(row["domain_id"]), "tariff_request_closed", "tariff",
                         object_id=request_id)
    return True


async def write_letters(tx: PlatformTx, request_id: int) -> int:
    """To everybody of the staff who sells or reckons and has an address; how many letters."""
    row = await tx.fetchrow(
        "SELECT r.asked_by, r.tariff, r.excess, d.name, d.company_name, d.locale, a.currency FROM tariff_request r "
        "JOIN domain d ON d.id = r.domain_id JOIN account a ON a.domain_id = r.domain_id WHERE r.id = $1", request_id)
    if row is None:
        return 0
    staff = await tx.fetch("SELECT email, locale FROM staff WHERE is_active AND email <> '' AND role = ANY($1::text[]) "
                           "ORDER BY id", list(READERS))
    facts = _facts(row["excess"], Currency(row["currency"]))
    for one in staff:
        await letters.queue(tx, "tariff_request", one["email"], one["locale"] or row["locale"], who=row["asked_by"],
                            company=row["company_name"], domain=row["name"], tariff=row["tariff"],
                            url=f"{settings().public_url}/provider/tariff-requests", **facts)
    return len(staff)


def _facts(excess: Mapping[str, Any], currency: Currency) -> dict[str, Any]:
    minutes, seconds = divmod(int(excess.get("seconds", 0)), 60)
    return {"users": excess.get("users", 0), "minutes": f"{minutes}:{seconds:02}" if minutes or seconds else "",
            "mgp": Money(Decimal(excess["mgp"]), currency) if "mgp" in excess else ""}
