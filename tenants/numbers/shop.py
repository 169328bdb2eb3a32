"""Numbers that a domain buys, gives back and keeps in reserve [NUM-40…60]."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from app.audit import history
from app.kernel import letters, parameters, provisioning
from app.kernel.db import DomainTx
from app.kernel.errors import Forbidden, InvalidFields, NotFound, Refused
from app.kernel.i18n import _
from app.kernel.money import Currency, Money
from app.kernel.sql import like_escaped
from billing.accounts import service as accounts
from billing.accounts.posting import Operation, Posting
from billing.services import service as services
from billing.services.rules import CostChanged, Quote
from billing.subscriptions.rules import local_day
from tenants.numbers import leaving
from tenants.numbers.outgoing import shown_number
from tenants.numbers.services import service_of

GRADES = ("none", "bronze", "silver", "gold", "platinum", "m")
KINDS = ("city", "toll_free")
PAGE_SIZE = 10
MOST_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class Offer:
    """A number that the domain may connect. `hold_kind` "": in the stock; else held for this domain until a day."""

    id: int
    e164: str
    category: str
    grade: str
    price: Money
    hold_kind: str = ""
    hold_until: date | None = None
    extensions: int = 0

    @property
    def shown(self) -> str:
        """Toll-free ones as people dial them [NUM-61]."""
        text = shown_number(self.e164)
        return text.replace("+7", "8", 1) if self.category == "toll_free" and self.e164.startswith("7") else text


@dataclass(frozen=True, slots=True)
class Purchase:
    """What connecting these numbers costs: their own prices and the services' fees."""

    offers: tuple[Offer, ...]
    quote: Quote
    added: dict[str, int]

    @property
    def own(self) -> Money:
        return total(self.offers)

    @property
    def mark(self) -> str:
        return f"{self.quote.mark}|{self.own.amount.normalize():f}"


def total(offers: Sequence[Offer]) -> Money:
    """Of at least one number [NUM-47]."""
    return sum((one.price for one in offers[1:]), offers[0].price)


_OFFER = "id, e164, category, grade, connection_price, hold_kind, hold_until, extensions"


def _offer(row, currency: Currency) -> Offer:
    return Offer(row["id"], row["e164"], row["category"], row["grade"], Money(row["connection_price"], currency),
                 row["hold_kind"] or "", row["hold_until"], row["extensions"])


async def _currency(tx: DomainTx) -> Currency:
    return Currency(await tx.fetchval("SELECT currency FROM account WHERE domain_id = $1", tx.domain_id))


async def _open(tx: DomainTx) -> None:
    """Until its end this transaction sees the numbers that the domain may take."""
    await tx.execute("SELECT set_config('app.number_shop', 'on', true)")


async def require_shop(tx: DomainTx) -> None:
    """Raises Forbidden: the provider sells numbers to this domain in person [NUM-04]."""
    if not await has_shop(tx):
        raise Forbidden("no_number_shop", _("Numbers are connected by the provider. Please contact the support."))


async def has_shop(tx: DomainTx) -> bool:
    return await tx.fetchval("SELECT buys_numbers FROM domain WHERE id = $1", tx.domain_id)


async def available(tx: DomainTx, *, category: str, grade: str = "", digits: str = "", page: int = 1) -> tuple[
        list[Offer], int]:
    """One page of the stock and how many there are [NUM-43…46].

    Args:
        digits: a run that the number contains; in toll-free ones also as written with 8 [NUM-45].
    """
    await _open(tx)
    run = like_escaped(digits)
    where = ("domain_id IS NULL AND held_for IS NULL AND category = $1 AND ($2 = '' OR grade = $2) AND ($3 = '' "
             "OR (CASE WHEN category = 'toll_free' THEN '8' || substr(e164, 2) ELSE e164 END) LIKE '%' || $3 || '%')")
    total = await tx.fetchval(f"SELECT count(*) FROM phone_number WHERE {where}", category, grade, run)
    rows = await tx.fetch(f"SELECT {_OFFER} FROM phone_number WHERE {where} ORDER BY e164 LIMIT $4 OFFSET $5", category,
                          grade, run, PAGE_SIZE, (page - 1) * PAGE_SIZE)
    currency = await _currency(tx)
    return [_offer(row, currency) for row in rows], total


async def chosen(tx: DomainTx, numbers: Sequence[str]) -> list[Offer]:
    """Of the ticked numbers those that can still be had, in the order of ticking."""
    await _open(tx)
    rows = await tx.fetch(f"SELECT {_OFFER} FROM phone_number WHERE e164 = ANY($1::text[]) AND domain_id IS NULL "
                          "ORDER BY array_position($1::text[], e164)", list(numbers))
    currency = await _currency(tx)
    return [_offer(row, currency) for row in rows]


async def reserved(tx: DomainTx) -> list[Offer]:
    """Booked for this domain or in its reserve [NUM-55]."""
    await _open(tx)
    rows = await tx.fetch(f"SELECT {_OFFER} FROM phone_number WHERE held_for = $1 ORDER BY hold_until, e164",
                          tx.domain_id)
    currency = await _currency(tx)
    return [_offer(row, currency) for row in rows]


async def purchase(tx: DomainTx, numbers: Sequence[str], *, lock: bool = False) -> Purchase:
    """The cost of connecting all of them.

    Raises:
        InvalidFields: none is chosen, or too many.
        Refused: some are not to be had any more; the text names them [NUM-53].
    """
    await _open(tx)
    wanted = list(dict.fromkeys(numbers))
    if not 0 < len(wanted) <= MOST_AT_ONCE:
        raise InvalidFields("numbers", _("Choose from 1 to %(n)s numbers.") % {"n": MOST_AT_ONCE})
    rows = await tx.fetch(f"SELECT {_OFFER} FROM phone_number WHERE e164 = ANY($1::text[]) AND domain_id IS NULL "
                          "ORDER BY e164" + (" FOR UPDATE" if lock else ""), wanted)
    missing = sorted(set(wanted) - {row["e164"] for row in rows})
    if missing:
        raise Refused("numbers_taken", _("These numbers are not available any more: %(numbers)s.") % {
            "numbers": ", ".join(shown_number(one) for one in missing[:10] if one.isascii() and one.isdigit())})
    added = Counter([await service_of(tx, row["category"]) for row in rows])
    quote = await services.quote_many(tx, added)
    currency = quote.balance.currency
    return Purchase(tuple(_offer(row, currency) for row in rows), quote, dict(added))


async def connect(tx: DomainTx, numbers: Sequence[str], *, mark: str | None = None) -> Purchase:
    """All of them or none, charged at once [NUM-49…53].

    Raises:
        Forbidden: no purchases here; Refused: trial, taken meanwhile, funds, blocked; CostChanged.
    """
    await require_shop(tx)
    domain = await tx.fetchrow("SELECT mode, name, notification_email, locale, timezone FROM domain WHERE id = $1 "
                               "FOR NO KEY UPDATE", tx.domain_id)
    assert domain is not None
    if domain["mode"] == "trial":
        raise trial_refusal()
    found = await purchase(tx, numbers, lock=True)
    if mark is not None and mark != found.mark:
        raise CostChanged("cost_changed", _("The amounts have changed. Check them and save again."), quote=found.quote)
    await accounts.ensure_funds(tx, found.quote.cost.charged + found.own)
    names = [one.e164 for one in found.offers]
    await services.add_many(tx, found.added, f"numbers:{','.join(names)}"[:200], mark=found.quote.mark)
    order = await tx.fetchval(
        "INSERT INTO number_order (domain_id, numbers, connection_total, at, actor_login) VALUES ($1, $2, $3, $4, $5) "
        "RETURNING id", tx.domain_id, names, found.own.amount, tx.now, tx.actor.login)
    for one in found.offers:
        await accounts.post(tx, Posting(
            f"number_order:{order}:{one.e164}", Operation.CONNECTION, await service_of(tx, one.category), 1, -one.price,
            tx.now, f"number:{one.e164}"))
    await tx.execute(
        "UPDATE phone_number SET domain_id = $1, assigned_at = $2, is_additional = true, held_for = NULL, "
        "hold_kind = NULL, hold_until = NULL, extensions = 0 WHERE id = ANY($3::bigint[])", tx.domain_id, tx.now,
        [one.id for one in found.offers])
    for one in found.offers:
        await history.record(tx, "number_connected", "number", object_id=one.id, object_name=shown_number(one.e164),
                             changes={"connection_price": (None, str(one.price.amount))})
    await provisioning.want_new_generation(tx, f"numbers_connected {len(names)}")
    if domain["notification_email"]:
        await letters.queue(tx, "numbers_connected", domain["notification_email"], domain["locale"],
                            zone=domain["timezone"], domain=domain["name"], cost=found.own,
                            numbers=", ".join(shown_number(one) for one in names))
    return found


def trial_refusal() -> Refused:
    return Refused("trial", _("Numbers can be bought after the switch to commercial use."))


async def additional(tx: DomainTx, number_id: int, *, lock: bool = False) -> tuple[str, str]:
    """E.164 digits and category of a number that the domain may give back.

    Raises:
        NotFound: not of this domain.
        Refused: a main number [NUM-42].
    """
    row = await tx.fetchrow("SELECT e164, category, is_additional FROM phone_number WHERE domain_id = $1 AND id = $2"
                            + (" FOR UPDATE" if lock else ""), tx.domain_id, number_id)
    if row is None:
        raise no_number()
    if not row["is_additional"]:
        raise Refused("main_number", _("This number was assigned by the provider and can be removed only by the "
                                       "provider."))
    return row["e164"], row["category"]


async def disconnect(tx: DomainTx, number_id: int) -> None:
    """Into the domain's reserve; the fee ends with this day [NUM-54, NUM-59]."""
    await tx.execute("SELECT FROM domain WHERE id = $1 FOR NO KEY UPDATE", tx.domain_id)
    e164, category = await additional(tx, number_id, lock=True)
    await services.remove_instances(tx, await service_of(tx, category), 1, f"number:{e164}")
    await leaving.leave(tx, number_id)
    await _open(tx)
    until = await _today(tx) + timedelta(days=await parameters.get(tx, "numbers.reserve_days"))
    await tx.execute(
        "UPDATE phone_number SET domain_id = NULL, assigned_at = NULL, is_additional = false, held_for = $1, "
        "hold_kind = 'reserve', hold_until = $3, extensions = 0 WHERE id = $2", tx.domain_id, number_id, until)
    await history.record(tx, "number_disconnected", "number", object_id=number_id, object_name=shown_number(e164),
                         changes={"hold_until": (None, until.isoformat())})
    await provisioning.want_new_generation(tx, f"number_disconnected {e164}")


async def extend(tx: DomainTx, number_id: int) -> date:
    """The end of booking or reserve moves forward, so often as the provider allows [NUM-56].

    Raises:
        NotFound: not held for this domain.
        Refused: extended often enough, or no money for the fee.
    """
    await require_shop(tx)
    await tx.execute("SELECT FROM domain WHERE id = $1 FOR NO KEY UPDATE", tx.domain_id)
    await _open(tx)
    row = await tx.fetchrow("SELECT e164, category, hold_until, extensions FROM phone_number WHERE held_for = $1 "
                            "AND id = $2 FOR UPDATE", tx.domain_id, number_id)
    if row is None:
        raise no_number()
    if row["extensions"] >= await parameters.get(tx, "numbers.extensions"):
        raise Refused("extended", _("The reserve of this number cannot be extended any more."))
    fee = Money(await parameters.get(tx, "numbers.extension_fee"), await _currency(tx))
    if fee:
        await accounts.ensure_funds(tx, fee)
        await accounts.post(tx, Posting(
            f"number_extended:{number_id}:{tx.now.isoformat()}", Operation.ONE_OFF,
            await service_of(tx, row["category"]), 1, -fee, tx.now, f"number:{row['e164']}"))
    until = row["hold_until"] + timedelta(days=await parameters.get(tx, "numbers.extension_days"))
    await tx.execute("UPDATE phone_number SET hold_until = $2, extensions = extensions + 1 WHERE id = $1", number_id,
                     until)
    await history.record(tx, "number_extended", "number", object_id=number_id, object_name=shown_number(row["e164"]),
                         changes={"hold_until": (row["hold_until"].isoformat(), until.isoformat())})
    return until


def no_number() -> NotFound:
    return NotFound("number", _("There is no such number"))


async def _today(tx: DomainTx) -> date:
    return local_day(tx.now, await parameters.get(tx, "billing.timezone"))
