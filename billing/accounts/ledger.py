"""Writing postings: idempotent, balanced, in as few statements for a thousand as for one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from app.kernel import outbox, parameters
from app.kernel.db import DomainTx, PlatformTx
from app.kernel.money import Money
from billing.accounts.posting import Posting
from billing.accounts.rules import Scheme, comes_near_limit, falls_below
from billing.accounts.state import Account, lock_many

Key = tuple[int, str]  # domain, posting's key

_INSERT_POSTINGS = """
INSERT INTO posting (domain_id, key, kind, service, quantity, at, posted_at, detail)
SELECT domain_id, key, kind, service, quantity, at, $8, jsonb_build_object('ref', ref)
FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::int[], $6::timestamptz[], $7::text[])
     WITH ORDINALITY AS new (domain_id, key, kind, service, quantity, at, ref, place)
ORDER BY place ON CONFLICT (domain_id, key) DO NOTHING RETURNING domain_id, key, id
"""

# Both lines of every posting in one INSERT: the trigger that checks the sum sees them together. The account
# row is written once: a second update in a transaction makes PostgreSQL check its foreign keys again.
_INSERT_ENTRIES = """
WITH lines AS (
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::numeric[], $5::numeric[])
        AS line (posting_id, domain_id, counter, amount, balance_after)
), added AS (
    INSERT INTO entry (posting_id, domain_id, account, amount, balance_after)
    SELECT posting_id, domain_id, 'domain', amount, balance_after FROM lines
    UNION ALL SELECT posting_id, domain_id, counter, -amount, NULL FROM lines
)
UPDATE account SET balance = new.balance, held = greatest(account.held - new.freed, 0)
FROM unnest($6::bigint[], $7::numeric[], $8::numeric[]) AS new (domain_id, balance, freed)
WHERE account.domain_id = new.domain_id
"""


@dataclass(frozen=True, slots=True)
class Posted:
    """`ids`: postings written now (one that was there already is absent); `balances` after them."""

    ids: dict[Key, int]
    balances: dict[int, Money]


async def write(
    tx: DomainTx | PlatformTx, postings: Sequence[tuple[int, Posting]],
    accounts: Mapping[int, Account] | None = None, freed: Mapping[int, Decimal] | None = None,
) -> Posted:
    """Post in the given order. The only place that rounds.

    Args:
        postings: (domain, posting); inside a domain's transaction every domain is that one.
        accounts: what `lock_many` gave in this transaction, for callers that have locked already.
        freed: domain → what holds released in this transaction gave back; needs `accounts`.

    Raises:
        ValueError: another currency than the account's.
        LookupError: a domain without an account.
    """
    if accounts is None:
        accounts = await lock_many(tx, {domain_id for domain_id, _ in postings})
    for domain_id, posting in postings:
        if posting.amount.currency is not accounts[domain_id].currency:
            raise ValueError(f"{posting.amount.currency} on an account in {accounts[domain_id].currency}")
    if not postings and not freed:
        return Posted({}, {})
    rows = await tx.fetch(
        _INSERT_POSTINGS, [domain_id for domain_id, _ in postings], [p.key for _, p in postings],
        [p.operation.value for _, p in postings], [p.service for _, p in postings],
        [p.quantity for _, p in postings], [p.at for _, p in postings], [p.ref for _, p in postings], tx.now)
    ids = {(row["domain_id"], row["key"]): row["id"] for row in rows}
    return Posted(ids, await _write_entries(tx, postings, ids, accounts, freed or {}))


async def _write_entries(
    tx: DomainTx | PlatformTx, postings: Sequence[tuple[int, Posting]], ids: Mapping[Key, int],
    accounts: Mapping[int, Account], freed: Mapping[int, Decimal],
) -> dict[int, Money]:
    balances: dict[int, Decimal] = {}
    numbers: list[int] = []
    domains: list[int] = []
    counters: list[str] = []
    amounts: list[Decimal] = []
    after: list[Decimal] = []
    seen: set[Key] = set()
    for domain_id, posting in postings:
        key = (domain_id, posting.key)
        number = ids.get(key)
        if number is None or key in seen:
            continue
        seen.add(key)
        amount = posting.ledger_amount.amount  # the lines are those of `posting.lines()`
        balance = balances.get(domain_id, accounts[domain_id].balance.amount) + amount
        balances[domain_id] = balance
        numbers.append(number)
        domains.append(domain_id)
        counters.append(posting.counter_account.value)
        amounts.append(amount)
        after.append(balance)
    touched = list(balances.keys() | freed.keys())
    if touched:
        await tx.execute(
            _INSERT_ENTRIES, numbers, domains, counters, amounts, after, touched,
            [balances.get(domain_id, accounts[domain_id].balance.amount) for domain_id in touched],
            [freed.get(domain_id, Decimal(0)) for domain_id in touched])
    after_all = {domain_id: Money(balance, accounts[domain_id].currency) for domain_id, balance in balances.items()}
    await _tell_falls(tx, accounts, after_all)
    return after_all


async def _tell_falls(tx: DomainTx | PlatformTx, accounts: Mapping[int, Account],
                      balances: Mapping[int, Money]) -> None:
    """An event for each account that fell below what its domain wants to be told of, or came near its limit."""
    for domain_id, balance in balances.items():
        account = accounts[domain_id]
        if falls_below(account.balance, balance, account.notify_below):
            await outbox.publish(tx, "balance_fell", {"balance": str(balance.amount)}, domain_id=domain_id)
        if falls_below(account.balance, balance, account.auto_topup_below):
            await outbox.publish(tx, "auto_topup_due", {"balance": str(balance.amount)}, domain_id=domain_id)
        percent = await parameters.get(tx, "credit.warn_percent") if account.terms.scheme is Scheme.CREDIT else 0
        if comes_near_limit(account.balance, balance, account.terms, percent):
            await outbox.publish(tx, "credit_near", {"balance": str(balance.amount)}, domain_id=domain_id)
