"""Writing postings: idempotent, balanced, in as few statements for a thousand as for one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from app.kernel import outbox, parameters
from app.kernel.db import DomainTx, PlatformTx
from app.kernel.money import Money
from billing.accounts.posting import Posting
from billing.accounts.rules import Scheme, comes_near_limit, falls_below
from billing.accounts.state import Account, lock_many

Key = tuple[int, str]  # domain, posting's key

# A number for every posting whose key is new; NULL for one that is there. Whoever posts has locked the account, so
# that nobody else can enter the same key before this transaction ends.
_NUMBERS = """
SELECT CASE WHEN NOT EXISTS (SELECT FROM posting p WHERE p.domain_id = new.domain_id AND p.key = new.key)
            THEN nextval('posting_id_seq') END AS id
FROM unnest($1::bigint[], $2::text[]) WITH ORDINALITY AS new (domain_id, key, place) ORDER BY place
"""

# Both lines of every posting in one INSERT: the trigger that checks the sum sees them together. The account
# row is written once: a second update in a transaction makes PostgreSQL check its foreign keys again. Amounts come in
# hundredths, as whole numbers, which the driver writes ten times as fast.
_WRITE = """
WITH new AS (
    SELECT id, domain_id, key, kind, service, quantity, at, ref, counter, hundredths * 0.01 AS amount,
           balance * 0.01 AS balance_after
    FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::int[], $7::timestamptz[],
                $8::text[], $9::text[], $10::bigint[], $11::bigint[])
        AS posting (id, domain_id, key, kind, service, quantity, at, ref, counter, hundredths, balance)
), posted AS (
    INSERT INTO posting (id, domain_id, key, kind, service, quantity, at, posted_at, detail)
    SELECT id, domain_id, key, kind, service, quantity, at, $12, jsonb_build_object('ref', ref) FROM new
), added AS (
    INSERT INTO entry (posting_id, domain_id, account, amount, balance_after)
    SELECT id, domain_id, 'domain', amount, balance_after FROM new
    UNION ALL SELECT id, domain_id, counter, -amount, NULL FROM new
)
UPDATE account SET balance = coalesce(changed.balance * 0.01, account.balance),
                   held = greatest(account.held - changed.freed, 0)
FROM unnest($13::bigint[], $14::bigint[], $15::numeric[]) AS changed (domain_id, balance, freed)
WHERE account.domain_id = changed.domain_id
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
    unique: dict[Key, Posting] = {}
    for domain_id, posting in postings:
        unique.setdefault((domain_id, posting.key), posting)
    ids = await _numbers(tx, unique)
    return Posted(ids, await _write(tx, [(key[0], unique[key]) for key in ids], list(ids.values()), accounts,
                                    freed or {}))


async def _numbers(tx: DomainTx | PlatformTx, keys: Collection[Key]) -> dict[Key, int]:
    """Of those that are new."""
    if not keys:
        return {}
    rows = await tx.fetch(_NUMBERS, [domain_id for domain_id, _key in keys], [key for _domain_id, key in keys])
    return {key: row["id"] for key, row in zip(keys, rows, strict=True) if row["id"] is not None}


async def _write(
    tx: DomainTx | PlatformTx, fresh: Sequence[tuple[int, Posting]], ids: Sequence[int],
    accounts: Mapping[int, Account], freed: Mapping[int, Decimal],
) -> dict[int, Money]:
    """Balances after the postings, which are all new."""
    balances: dict[int, int] = {}  # hundredths, like the amounts
    amounts: list[int] = []
    after: list[int] = []
    for domain_id, posting in fresh:
        amount = _hundredths(posting.ledger_amount)  # the lines are those of `posting.lines()`
        before = balances.get(domain_id)
        if before is None:
            before = _hundredths(accounts[domain_id].balance)
        balances[domain_id] = balance = before + amount
        amounts.append(amount)
        after.append(balance)
    touched = list(balances.keys() | freed.keys())
    if touched:
        await tx.execute(
            _WRITE, ids, [domain_id for domain_id, _ in fresh], [p.key for _, p in fresh],
            [p.operation.value for _, p in fresh], [p.service for _, p in fresh], [p.quantity for _, p in fresh],
            [p.at for _, p in fresh], [p.ref for _, p in fresh], [p.counter_account.value for _, p in fresh],
            amounts, after, tx.now, touched,
            [balances.get(domain_id) for domain_id in touched],
            [freed.get(domain_id, Decimal(0)) for domain_id in touched])
    after_all = {domain_id: Money(Decimal(balance).scaleb(-2), accounts[domain_id].currency)
                 for domain_id, balance in balances.items()}
    await _tell_falls(tx, accounts, after_all)
    return after_all


def _hundredths(money: Money) -> int:
    """An amount of the ledger, or a balance: no currency has more than two decimals."""
    return int(money.amount.scaleb(2))


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
