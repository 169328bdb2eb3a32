"""Use cases of a personal account: post, check funds, take a payment, correct, block and unblock."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal

from app.audit import history
from app.kernel.db import DomainTx, PlatformTx
from app.kernel.errors import InvalidFields, Refused
from app.kernel.i18n import _, format_money
from app.kernel.money import Currency, Money
from billing.accounts import ledger
from billing.accounts.blocks import FINANCIAL, end_block, is_blocked, start_block
from billing.accounts.ledger import Posted
from billing.accounts.posting import Operation, Posting
from billing.accounts.rules import Unblocking, blocks_after_debit, decide_unblocking, missing_funds
from billing.accounts.state import Account, held, lock

__all__ = ["Account", "Posted", "after_credit", "after_debit", "after_release", "charge_fees", "correct", "end_block",
           "ensure_funds", "fees_due", "lock", "missing_for", "on_fees_charged", "on_real_credit", "post", "post_many",
           "record_payment", "settle_payment", "start_block"]

FeesDue = Callable[[DomainTx], Awaitable[Sequence[Posting]]]
_fees_due: list[FeesDue] = []
FeesCharged = Callable[[DomainTx | PlatformTx, Sequence[tuple[int, Posting]]], Awaitable[None]]
_fees_charged: list[FeesCharged] = []
Credited = Callable[[DomainTx, Money], Awaitable[None]]
_credited: list[Credited] = []

_PAYMENT_KINDS = {"bank": Operation.PAYMENT, "card": Operation.PAYMENT, "promised": Operation.PROMISED_PAYMENT}


def fees_due(reckon: FeesDue) -> FeesDue:
    """Register what a service still has to charge before a block may be lifted [FIN-D3]."""
    _fees_due.append(reckon)
    return reckon


def on_fees_charged(learn: FeesCharged) -> FeesCharged:
    """Register what has to know of fees that are posted now, in the same transaction."""
    _fees_charged.append(learn)
    return learn


def on_real_credit(count: Credited) -> Credited:
    """Register what looks at money that really came in: payments and positive corrections [FIN-D9]."""
    _credited.append(count)
    return count


async def _tell_credited(tx: DomainTx, amount: Money) -> None:
    for count in _credited:
        await count(tx, amount)


async def post(tx: DomainTx, posting: Posting) -> bool:
    """Write a posting once; False if its key is there already."""
    return bool((await ledger.write(tx, [(tx.domain_id, posting)])).ids)


async def post_many(tx: DomainTx | PlatformTx, postings: Sequence[tuple[int, Posting]]) -> Posted:
    """A batch in three round trips, whatever its length."""
    return await ledger.write(tx, postings)


async def charge_fees(tx: DomainTx | PlatformTx, postings: Sequence[tuple[int, Posting]],
                      accounts: Mapping[int, Account] | None = None) -> Posted:
    """Post recurring fees; what hangs on them (the bucket of the guaranteed payment) follows."""
    posted = await ledger.write(tx, postings, accounts)
    fresh = [(domain_id, one) for domain_id, one in postings if (domain_id, one.key) in posted.ids]
    for learn in _fees_charged if fresh else ():
        await learn(tx, fresh)
    return posted


async def missing_for(tx: DomainTx, amount: Money) -> Money:
    """What the account, which is locked by this, lacks for a paid action of `amount`; zero when it suffices. The
    guaranteed payment counts for calls only [FIN-D4]."""
    account = await lock(tx)
    return missing_funds(amount, account.balance, account.terms, (await held(tx, account)).beyond_buckets())


async def ensure_funds(tx: DomainTx, amount: Money) -> None:
    """The account stays locked, so that what was checked can be charged in the same transaction [SVC-D3].

    Raises:
        Refused: `funds` names the missing amount; `blocked`: a block is in force.
    """
    if not amount:
        return
    await lock(tx)
    if await is_blocked(tx):
        raise Refused("blocked", _("The domain is blocked: paid actions are not possible"))
    missing = await missing_for(tx, amount)
    if missing:
        raise Refused("funds", _("Not enough money on the account: %(missing)s more is needed")
                      % {"missing": format_money(_up(missing))}, missing=str(_up(missing).amount))


def _up(amount: Money) -> Money:
    """To the minor unit and never below: the sum that is asked for must suffice."""
    rounded = amount.rounded_for_ledger()
    if rounded < amount:
        rounded += Money(Decimal(1).scaleb(-amount.currency.minor_digits), amount.currency)
    return rounded


async def record_payment(
    tx: DomainTx, *, external_id: str, amount: Money, source: str, description: str, kind: str = "bank",
) -> bool:
    """Money that came in, once per `external_id`; lifts the financial block if it suffices [FIN-D3, FIN-D7].

    Needs the wide role (`PlatformTx.enter_domain`): a tenant enters promised payments only.

    Returns:
        False if this payment is there already.

    Raises:
        InvalidFields: the amount is not positive or has parts of the minor unit.
        Refused: the external id belongs to another payment.
    """
    if amount.amount <= 0 or amount.rounded_for_ledger().amount != amount.amount:
        text = _("An amount above zero with at most two decimals is expected")
        raise InvalidFields("amount", text, fields={"amount": text})
    account = await lock(tx)
    if amount.currency is not account.currency:
        raise InvalidFields("currency", _("The account is kept in another currency"))
    payment_id = await tx.fetchval(
        "INSERT INTO payment (domain_id, external_id, kind, source, description, amount, at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (external_id) DO NOTHING RETURNING id",
        tx.domain_id, external_id, kind, source, description, amount.amount, tx.now)
    if payment_id is None:
        await _check_same_payment(tx, external_id, amount)
        return False
    await _post_payment(tx, payment_id, external_id, amount, source, kind)
    return True


async def settle_payment(tx: DomainTx, payment_id: int) -> bool:
    """Post a card payment that was pending, once; False if it has its posting already. Needs the wide role."""
    await lock(tx)
    row = await tx.fetchrow(
        "UPDATE payment p SET state = 'succeeded', at = $3 FROM account a WHERE p.domain_id = $1 AND p.id = $2 "
        "AND p.posting_id IS NULL AND p.kind = 'card' AND a.domain_id = p.domain_id "
        "RETURNING p.external_id, p.amount, p.source, p.kind, a.currency", tx.domain_id, payment_id, tx.now)
    if row is None:
        return False
    await _post_payment(tx, payment_id, row["external_id"], Money(row["amount"], Currency(row["currency"])),
                        row["source"], row["kind"])
    return True


async def _post_payment(tx: DomainTx, payment_id: int, external_id: str, amount: Money, source: str,
                        kind: str) -> None:
    posting = Posting(f"payment:{external_id}", _PAYMENT_KINDS[kind], source, 1, amount, tx.now,
                      f"payment:{payment_id}")
    written = await ledger.write(tx, [(tx.domain_id, posting)])
    await tx.execute("UPDATE payment SET posting_id = $3 WHERE domain_id = $1 AND id = $2",
                     tx.domain_id, payment_id, written.ids[tx.domain_id, posting.key])
    await history.record(tx, "payment_recorded", "payment", object_id=payment_id, object_name=external_id,
                         changes={"amount": (None, amount.amount), "kind": (None, kind)})
    if kind != "promised":
        await _tell_credited(tx, amount)
    await after_credit(tx)


async def _check_same_payment(tx: DomainTx, external_id: str, amount: Money) -> None:
    known = await tx.fetchrow("SELECT domain_id, amount FROM payment WHERE external_id = $1", external_id)
    if known is None or known["domain_id"] != tx.domain_id or known["amount"] != amount.amount:
        raise Refused("payment_known", _("There is another payment with this number already"))


async def correct(tx: DomainTx, *, key: str, amount: Money, reason: str, author: str = "") -> bool:
    """Mend the balance by an entry of its own: entries are never changed. Negative: a debit.

    Args:
        author: who asked for it, when another person says yes.

    Returns:
        False if a correction with this key is there already.
    """
    if not amount:
        raise InvalidFields("amount", _("An amount is expected"), fields={"amount": _("An amount is expected")})
    await lock(tx)
    if not await post(tx, Posting(f"correction:{key}", Operation.CORRECTION, reason[:200], 1, amount, tx.now)):
        return False
    await history.record(tx, "balance_corrected", "account", object_id=tx.domain_id, object_name=key,
                         changes={"amount": (None, amount.amount), "reason": (None, reason),
                                  "author": (None, author or None)})
    if amount.amount < 0:
        await after_debit(tx)
    else:
        await _tell_credited(tx, amount)
        await after_credit(tx)
    return True


async def after_debit(tx: DomainTx) -> bool:
    """Impose the financial block when the balance calls for it [FIN-D1]; True if it begins now."""
    account = await lock(tx)
    if not blocks_after_debit(account.balance, account.terms):
        return False
    if await tx.fetchval("SELECT mode FROM domain WHERE id = $1", tx.domain_id) != "commercial":
        return False
    return await start_block(tx, FINANCIAL, "balance")


async def after_credit(tx: DomainTx) -> bool:
    """Lift the financial block when the balance, without what calls hold, covers the fees due, which are posted then
    [FIN-D3]. If only the calls are in the way, the end of one of them asks again."""
    account = await lock(tx)
    if not await is_blocked(tx, FINANCIAL):
        return False
    due = [posting for reckon in _fees_due for posting in await reckon(tx)]
    total = sum((-posting.ledger_amount for posting in due), Money.zero(account.currency))
    verdict = decide_unblocking(account.balance, total, account.terms, (await held(tx, account)).beyond_buckets())
    if account.unblock_waits != (verdict is Unblocking.WAIT):
        await tx.execute("UPDATE account SET unblock_waits = $2 WHERE domain_id = $1", tx.domain_id,
                         verdict is Unblocking.WAIT)
    if verdict is not Unblocking.LIFT:
        return False
    await charge_fees(tx, [(tx.domain_id, posting) for posting in due])
    return await end_block(tx, FINANCIAL)


async def after_release(tx: DomainTx) -> bool:
    """A call has given back what it held, or used it up: the check that a credit is still waiting for."""
    return (await lock(tx)).unblock_waits and await after_credit(tx)
