"""Other terms inside a month: the rest of what was paid in advance is given back, and the rest of the month is charged
by the new monthly prices, so that each day costs what is in force on it [FIN-D2]."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from asyncpg import Record

from app.kernel.db import DomainTx, PlatformTx
from app.kernel.money import Money
from billing.accounts.posting import Operation, Posting
from billing.accounts.rules import Cycle, RecurringFee
from billing.services import counts
from billing.services.rules import Line
from billing.subscriptions import rules
from billing.subscriptions.changes import NewTerms, since_charged
from billing.subscriptions.registry import on_new_terms
from billing.tariffs.plan import Level, Plan, PlanService

Lines = Mapping[str, Line]
_MONTH = """
SELECT p.domain_id, p.key, p.service, p.quantity::int AS quantity, p.at, -e.amount AS amount
FROM unnest($1::bigint[], $2::timestamptz[], $3::timestamptz[]) AS one (domain_id, begins, ends)
JOIN posting p ON p.domain_id = one.domain_id AND p.at >= one.begins AND p.at < one.ends
    AND p.kind = 'subscription_fee' AND p.service = ANY($4::text[]) AND p.key NOT LIKE 'fee:%:____-__-__'
JOIN entry e ON e.domain_id = p.domain_id AND e.posting_id = p.id AND e.account = 'domain' ORDER BY p.id
"""


@dataclass(frozen=True, slots=True)
class Found:
    """What a domain has of the services whose terms have changed: all the time since these came into force, by the
    terms before and after; and, by those before, all the time since the month (or the contract) began."""

    before: Lines
    after: Lines
    since_month: Lines
    charged: Mapping[str, int]  # service → quantity for which the month's fee was charged last
    lasting: Lines = field(default_factory=dict)  # by the terms after, as long as by those before
    between: Sequence[tuple[Lines, Lines]] = ()  # by passing terms: since their beginning, since their end
    left: Mapping[str, Decimal] | None = None  # service → of what was paid the part for the days that are left


@on_new_terms
async def service_renewals(
    tx: DomainTx | PlatformTx, changed: Mapping[int, NewTerms],
) -> dict[int, list[Posting]]:
    """Of the services with a monthly price before or after."""
    concerned = {domain_id: narrow for domain_id, terms in changed.items()
                 if (narrow := _monthly(terms)).before.services or narrow.after.services}
    if not concerned:
        return {}
    at = {domain_id: terms.at for domain_id, terms in concerned.items()}
    since = {domain_id: terms.since for domain_id, terms in concerned.items()}
    ended = {domain_id: terms.last_of_old for domain_id, terms in concerned.items()}
    begins = {domain_id: rules.start_of_day(terms.day.replace(day=1), terms.zone)
              for domain_id, terms in concerned.items()}
    months = await since_charged(tx, begins)
    plans = {domain_id: terms.before for domain_id, terms in concerned.items()}
    after = {domain_id: terms.after for domain_id, terms in concerned.items()}
    old = await counts.lines(tx, plans, at, ended)
    since_month = await counts.lines(tx, plans, at, months)
    new = await counts.lines(tx, after, at, since)
    lasting = await counts.lines(tx, after, at, ended) if ended != since else new
    paid = await _paid_postings(tx, concerned, begins)
    return {domain_id: postings(terms, Found(
        old[domain_id], new[domain_id], since_month[domain_id], _charged(terms, paid[domain_id]), lasting[domain_id],
        await _passing(tx, domain_id, terms), _left(terms, paid[domain_id])))
        for domain_id, terms in concerned.items()}


async def _passing(tx: DomainTx | PlatformTx, domain_id: int, terms: NewTerms) -> list[tuple[Lines, Lines]]:
    async def had(plan: Plan, since: datetime) -> Lines:
        return (await counts.lines(tx, {domain_id: plan}, {domain_id: terms.at}, {domain_id: since}))[domain_id]

    return [(await had(one.plan, one.since), await had(one.plan, one.until)) for one in terms.between]


def _monthly(terms: NewTerms) -> NewTerms:
    """Without the services that cost the same, or are charged by the day before and after."""
    plans = [terms.before, *(one.plan for one in terms.between), terms.after]
    codes = set()
    for code in {code for one in plans for code in one.services}:
        items = [one.services.get(code) for one in plans]
        if Cycle.MONTHLY in map(_cycle, items) and not all(_costs_the_same(items[0], one) for one in items):
            codes.add(code)
    before, *between, after = (replace(plan, services={code: item for code, item in plan.services.items()
                                                       if code in codes}) for plan in plans)
    return replace(terms, before=before, after=after, between=tuple(
        replace(one, plan=narrow) for one, narrow in zip(terms.between, between, strict=True)))


def _cycle(item: PlanService | None) -> Cycle | None:
    return item.cycle if item else None


def _costs_the_same(old: PlanService | None, new: PlanService | None) -> bool:
    return old is not None and new is not None and replace(old, connection=new.connection) == new


async def _paid_postings(tx: DomainTx | PlatformTx, changed: Mapping[int, NewTerms],
                         begins: Mapping[int, datetime]) -> dict[int, list[Record]]:
    """Fees of the month, and of the day before it, beside those by the day."""
    codes = {code for terms in changed.values() for code in (*terms.before.services, *terms.after.services)}
    found: dict[int, list[Record]] = {domain_id: [] for domain_id in changed}
    for row in await tx.fetch(_MONTH, list(changed), [begins[one] - timedelta(days=1) for one in changed],
                              [terms.at for terms in changed.values()], list(codes)):
        found[row["domain_id"]].append(row)
    return found


def _charged(terms: NewTerms, paid: Iterable[Record]) -> dict[str, int]:
    return {row["service"]: row["quantity"] for row in paid if row["quantity"] > 0 and _is_of_month(terms, row)}


def _is_of_month(terms: NewTerms, row: Record) -> bool:
    key = rules.month_key(row["service"], terms.day)
    return row["key"] == key or row["key"].startswith(f"{key}:")


def _left(terms: NewTerms, paid: Iterable[Record]) -> dict[str, Decimal]:
    """Each was paid to the month's end from its day on; the month's fee also if the zone was another one then."""
    first, days = terms.day.replace(day=1), monthrange(terms.day.year, terms.day.month)[1]
    found: dict[str, Decimal] = {}
    for row in paid:
        day = rules.local_day(row["at"], terms.zone)
        if day >= first or _is_of_month(terms, row):
            part = Decimal(days - terms.day.day + 1) / (days - max(day, first).day + 1)
            found[row["service"]] = found.get(row["service"], Decimal(0)) + row["amount"] * part
    return found


def postings(terms: NewTerms, found: Found) -> list[Posting]:
    """Credits first, altogether no more than is left of what was paid. A service that the new terms lack is given up
    like one that is disconnected: nothing is given back [SVC-34, SVC-36]."""
    lines: list[Posting] = []
    for code in found.after:
        backs = _backs(terms, found, code)
        lines += backs if found.left is None else _within(backs, found.left.get(code, Decimal(0)))
    for code, new in found.after.items():
        if new.plan.cycle is Cycle.MONTHLY:
            is_same = _is_same(found, code)
            key = _key(code, terms) if is_same or code in found.charged else rules.month_key(code, terms.day)
            there = found.lasting[code].quantity if is_same else 0
            lines += _line(terms, new, max(new.quantity - there, 0), key)
    return lines


def _is_same(found: Found, code: str) -> bool:
    """The terms came back: what was paid by them stays paid."""
    old, new = found.before.get(code), found.after[code]
    return old is not None and _costs_the_same(old.plan, new.plan)


def _backs(terms: NewTerms, found: Found, code: str) -> list[Posting]:
    """What the terms before, and those that passed since, have been paid."""
    key, old = f"{_key(code, terms)}:back", found.before.get(code)
    lines: list[Posting] = []
    if old is not None and old.plan.cycle is Cycle.MONTHLY and not _is_same(found, code):
        lines += _line(terms, old, -_paid(code, found), key)
    for number, (first, last) in enumerate(found.between, 1):
        line = last.get(code)
        if line is not None and line.plan.cycle is Cycle.MONTHLY:
            lines += _line(terms, line, -max(line.quantity - first[code].quantity, 0), f"{key}:{number}")
    return lines


def _within(backs: Iterable[Posting], left: Decimal) -> list[Posting]:
    """No more than that, but for the rounding of each instance when it was paid and when it is given back."""
    lines: list[Posting] = []
    for one in backs:
        amount = one.amount
        if amount.amount > left - one.quantity * Decimal(1).scaleb(-amount.currency.minor_digits):
            amount = Money(max(left, Decimal(0)), amount.currency)
        left -= amount.amount
        if amount.rounded_for_ledger():
            lines.append(Posting(one.key, one.operation, one.service, one.quantity, amount, one.at))
    return lines


def _paid(code: str, found: Found) -> int:
    """Instances that are paid until the month's end: those added inside the month at their connection, the others if
    the month's fee was charged. What an external module counts has paid by the number of that day."""
    line = found.before[code]
    if line.plan.level is Level.EXTERNAL:
        return min(line.quantity, found.charged.get(code, 0))
    return line.quantity if code in found.charged else max(line.quantity - found.since_month[code].quantity, 0)


def _key(code: str, terms: NewTerms) -> str:
    return f"{rules.month_key(code, terms.day)}:{terms.day:%d}"


def _line(terms: NewTerms, line: Line, quantity: int, key: str) -> list[Posting]:
    """The rest of the month for so many instances; given back when there are less than none of them."""
    amount = RecurringFee(line.plan.service, line.plan.monthly, quantity, Cycle.MONTHLY).first_charge(terms.day)
    if not amount:
        return []
    return [Posting(key, Operation.SUBSCRIPTION_FEE, line.plan.service, quantity, -amount, terms.at)]
