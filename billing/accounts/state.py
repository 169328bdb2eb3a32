"""The account row as a value, read under its lock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from asyncpg import Record

from app.kernel.db import DomainTx, PlatformTx
from app.kernel.errors import NotFound
from app.kernel.i18n import _
from app.kernel.money import Currency, Money
from billing.accounts.rules import Scheme, Terms, available
from billing.packages.bucket import Bucket, Held, covering
from billing.packages.rules import Package

ACCOUNT_COLUMNS = (
    "a.domain_id, a.number, a.currency, a.balance, a.held, a.scheme, a.credit_limit, a.tariff_id, a.notify_below, "
    "a.auto_topup_below, a.unblock_waits, "
    "a.package_seconds_left, a.package_from, a.package_until, "
    "a.mgp_left, a.mgp_from, a.mgp_until, a.mgp_before, a.mgp_before_from, a.mgp_before_until, "
    "(SELECT (p.value #>> '{}')::numeric FROM provider_parameter p WHERE p.key = 'credit.default_limit') "
    "AS default_limit")


@dataclass(frozen=True, slots=True)
class Account:
    """A domain's account at one moment; `held` is set aside for calls in progress."""

    domain_id: int
    number: str
    balance: Money
    held: Money
    terms: Terms
    tariff_id: int
    notify_below: Money | None = None  # somebody wants to be told when the balance falls below [SET-05]
    auto_topup_below: Money | None = None  # the saved card is charged when the balance falls below [FIN-D15]
    unblock_waits: bool = False  # only what calls hold keeps the financial block in force [FIN-D3]
    package: Package = field(default_factory=Package)
    buckets: tuple[Bucket, ...] = ()  # of the guaranteed payment, those with something left [FIN-D4]

    @classmethod
    def of(cls, row: Record) -> Account:
        """`row` has ACCOUNT_COLUMNS."""
        currency = Currency(row["currency"])
        limit, default = row["credit_limit"], row["default_limit"]
        terms = Terms(Scheme(row["scheme"]), None if limit is None else Money(limit, currency),
                      None if default is None else Money(default, currency))
        return cls(row["domain_id"], row["number"], Money(row["balance"], currency), Money(row["held"], currency),
                   terms, row["tariff_id"],
                   None if row["notify_below"] is None else Money(row["notify_below"], currency),
                   None if row["auto_topup_below"] is None else Money(row["auto_topup_below"], currency),
                   row["unblock_waits"],
                   package=Package(row["package_seconds_left"], row["package_from"], row["package_until"]),
                   buckets=_buckets(row, currency) if row["mgp_left"] or row["mgp_before"] else ())

    @property
    def currency(self) -> Currency:
        return self.balance.currency

    def mgp_left(self, moment: datetime) -> Money:
        """Of the guaranteed payment for the calls that begin then."""
        found = covering(self.buckets, moment)
        return found.left if found else Money.zero(self.currency)

    def free_millionths(self, held: Held, begun: datetime) -> int | None:
        """Money for a call that began then: balance − floor − held, and its bucket; None without a floor."""
        room = available(self.balance, self.terms, held.beyond_buckets(covering(self.buckets, begun)))
        return None if room is None else room.millionths()


def _buckets(row: Record, currency: Currency) -> tuple[Bucket, ...]:
    columns = (("mgp_before", "mgp_before_from", "mgp_before_until"), ("mgp_left", "mgp_from", "mgp_until"))
    return tuple(Bucket(Money(row[left], currency), row[since], row[until])
                 for left, since, until in columns if row[left])


async def currency_of(tx: DomainTx) -> Currency:
    """Never changes, so that nothing is locked for it."""
    return Currency(await tx.fetchval("SELECT currency FROM account WHERE domain_id = $1", tx.domain_id))


async def lock(tx: DomainTx) -> Account:
    """The domain's account, locked until the end of the transaction. Comes before every lock of a hold, and after that
    of the domain's row where both are needed.

    `tx.now` is the instant of the first lock from here on: what waited for the daily run belongs to the day after it.

    Raises:
        NotFound: there is no such domain.
    """
    row = await tx.fetchrow(f"SELECT {ACCOUNT_COLUMNS} FROM account a WHERE a.domain_id = $1 FOR NO KEY UPDATE",
                            tx.domain_id)
    if row is None:
        raise NotFound("domain", _("There is no such domain"))
    tx.renew_now()
    return Account.of(row)


async def lock_many(tx: DomainTx | PlatformTx, domain_ids: Iterable[int]) -> dict[int, Account]:
    """Accounts of several domains, locked in order of id: two batches cannot wait for each other."""
    wanted = sorted(set(domain_ids))
    if not wanted:
        return {}
    rows = await tx.fetch(
        f"SELECT {ACCOUNT_COLUMNS} FROM account a WHERE a.domain_id = ANY($1::bigint[]) ORDER BY a.domain_id "
        "FOR NO KEY UPDATE", wanted)
    return {row["domain_id"]: Account.of(row) for row in rows}


async def held_by(tx: DomainTx | PlatformTx, accounts: Mapping[int, Account]) -> dict[int, Held]:
    """What the locked accounts' calls hold, told apart by bucket where there is one."""
    asked = [domain_id for domain_id, account in accounts.items() if account.buckets and account.held]
    rows = await tx.fetch("SELECT domain_id, created_at, amount FROM open_hold "
                          "WHERE domain_id = ANY($1::bigint[]) AND amount > 0", asked) if asked else ()
    holds: dict[int, list[tuple[datetime, Money]]] = {}
    for row in rows:
        holds.setdefault(row["domain_id"], []).append(
            (row["created_at"], Money(row["amount"], accounts[row["domain_id"]].currency)))
    return {domain_id: Held.of(account.held, account.buckets, holds.get(domain_id, ()))
            for domain_id, account in accounts.items()}


async def held(tx: DomainTx, account: Account) -> Held:
    """Of the bound domain; its account is locked."""
    return (await held_by(tx, {tx.domain_id: account}))[tx.domain_id]
