"""The account row as a value, read under its lock."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from asyncpg import Record

from app.kernel.db import DomainTx, PlatformTx
from app.kernel.errors import NotFound
from app.kernel.i18n import _
from app.kernel.money import Currency, Money
from billing.accounts.rules import Scheme, Terms, available
from billing.packages.rules import Package

ACCOUNT_COLUMNS = (
    "a.domain_id, a.number, a.currency, a.balance, a.held, a.scheme, a.credit_limit, a.tariff_id, a.notify_below, "
    "a.auto_topup_below, "
    "a.package_seconds_left, a.package_from, a.package_until, "
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
    package: Package = field(default_factory=Package)

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
                   package=Package(row["package_seconds_left"], row["package_from"], row["package_until"]))

    @property
    def currency(self) -> Currency:
        return self.balance.currency

    @property
    def free_millionths(self) -> int | None:
        """Balance − floor − held, None without a floor: what holds reckon with."""
        room = available(self.balance, self.terms, self.held)
        return None if room is None else room.millionths()


async def lock(tx: DomainTx) -> Account:
    """The domain's account, locked until the end of the transaction. Comes before every lock of a hold.

    Raises:
        NotFound: there is no such domain.
    """
    row = await tx.fetchrow(f"SELECT {ACCOUNT_COLUMNS} FROM account a WHERE a.domain_id = $1 FOR NO KEY UPDATE",
                            tx.domain_id)
    if row is None:
        raise NotFound("domain", _("There is no such domain"))
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
