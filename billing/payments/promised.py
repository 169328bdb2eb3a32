"""Use cases of the promised payment: give, count what repays it, remind, debit [FIN-19…32, FIN-D8…D10]."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from app.audit import history
from app.kernel import letters, parameters
from app.kernel.db import DomainTx, PlatformTx
from app.kernel.i18n import _
from app.kernel.money import Currency, Money
from billing.accounts import service as accounts
from billing.accounts.blocks import FINANCIAL, is_blocked, start_block
from billing.accounts.posting import Operation, Posting
from billing.accounts.rules import available
from billing.accounts.state import Account, held, lock
from billing.payments import rules
from billing.subscriptions import registry
from billing.subscriptions import rules as fee_rules

SOURCE = "promised"


async def grant(tx: DomainTx, amount: Money) -> int:
    """Credit the amount at once; in the financial block also charge the fees due and lift it [FIN-21, FIN-31].

    Raises:
        Refused, InvalidFields: see `rules`.
    """
    mode = await tx.fetchval("SELECT mode FROM domain WHERE id = $1 FOR NO KEY UPDATE", tx.domain_id)
    account = await lock(tx)
    terms = await terms_of(tx, account.currency)
    zone = await tx.fetchval("SELECT timezone FROM domain WHERE id = $1", tx.domain_id)
    rules.check_request(amount, terms, account.terms.scheme, is_trial=mode == "trial",
                        earlier=await _open(tx, account.currency), zone=zone)
    if await is_blocked(tx, FINANCIAL):
        due = fee_rules.total(await registry.due_for_unblocking(tx), account.currency)
        free = account.balance - (await held(tx, account)).beyond_buckets()
        rules.check_unblocking(amount, balance=free, due=due)
    promised_id = await tx.fetchval(
        "INSERT INTO promised_payment (domain_id, amount, granted_at, expires_at) VALUES ($1, $2, $3, $4) RETURNING id",
        tx.domain_id, amount.amount, tx.now, terms.expires(tx.now))
    await accounts.record_payment(
        tx, external_id=f"promised:{promised_id}", amount=amount, source=SOURCE,
        description=str(_("Promised payment")), kind="promised")
    await tx.execute("UPDATE promised_payment SET payment_id = (SELECT id FROM payment WHERE external_id = $3) "
                     "WHERE domain_id = $1 AND id = $2", tx.domain_id, promised_id, f"promised:{promised_id}")
    return promised_id


async def terms_of(tx: DomainTx, currency: Currency) -> rules.Terms:
    return rules.Terms(Money(Decimal(await parameters.get(tx, "promised.min")), currency),
                       Money(Decimal(await parameters.get(tx, "promised.max")), currency),
                       await parameters.get(tx, "promised.term_days"))


async def _open(tx: DomainTx, currency: Currency) -> rules.Earlier | None:
    row = await tx.fetchrow("SELECT amount, granted_at FROM promised_payment WHERE domain_id = $1 AND NOT repaid "
                            "ORDER BY id LIMIT 1", tx.domain_id)
    return rules.Earlier(Money(row["amount"], currency), row["granted_at"]) if row else None


@accounts.on_real_credit
async def count_repayment(tx: DomainTx, amount: Money) -> None:
    """A payment or a positive correction; promised payments do not repay each other [FIN-D9]."""
    await tx.execute("UPDATE promised_payment SET repaid_sum = repaid_sum + $2 WHERE domain_id = $1 AND NOT repaid",
                     tx.domain_id, amount.amount)


async def due_now(tx: PlatformTx) -> list[int]:
    """Domains whose promised payment is to be debited."""
    rows = await tx.fetch("SELECT DISTINCT domain_id FROM promised_payment WHERE status = 'active' "
                          "AND expires_at <= $1 ORDER BY domain_id", tx.now)
    return [row["domain_id"] for row in rows]


async def write_off(tx: DomainTx) -> int:
    """Debit what has expired, whatever the balance is then; block if the next fee is not covered [FIN-26, FIN-27]."""
    account = await lock(tx)
    rows = await tx.fetch("SELECT id, amount, expires_at FROM promised_payment WHERE domain_id = $1 "
                          "AND status = 'active' AND expires_at <= $2 ORDER BY id FOR UPDATE", tx.domain_id, tx.now)
    for row in rows:
        amount = Money(row["amount"], account.currency)
        await accounts.post(tx, Posting(f"promised:{row['id']}:write_off", Operation.PROMISED_WRITE_OFF, SOURCE, 1,
                                        -amount, row["expires_at"], f"promised:{row['id']}"))
        await tx.execute("UPDATE promised_payment SET status = 'written_off' WHERE domain_id = $1 AND id = $2",
                         tx.domain_id, row["id"])
        await history.record(tx, "promised_written_off", "account", object_id=tx.domain_id,
                             changes={"amount": (None, row["amount"])})
    if rows and not await accounts.after_debit(tx):
        await _block_without_next_fee(tx)
    return len(rows)


async def _block_without_next_fee(tx: DomainTx) -> None:
    account = await lock(tx)
    room = available(account.balance, account.terms, None)
    if room is not None and room < await next_fee(tx, account):
        await start_block(tx, FINANCIAL, "promised")


async def next_fee(tx: DomainTx, account: Account) -> Money:
    """What the next daily run will charge."""
    zone = await parameters.get(tx, "billing.timezone")
    tomorrow = fee_rules.local_day(tx.now, zone) + timedelta(days=1)
    start = fee_rules.start_of_day(tomorrow, zone)
    fees = await registry.fees_of(tx, {tx.domain_id: start})
    return fee_rules.total(fee_rules.day_postings(fees[tx.domain_id], tomorrow, start), account.currency)


async def to_remind(tx: PlatformTx) -> list[int]:
    days = await parameters.get(tx, "promised.remind_days")
    rows = await tx.fetch(
        "SELECT DISTINCT domain_id FROM promised_payment WHERE status = 'active' AND reminded_at IS NULL "
        "AND expires_at > $1 AND expires_at <= $1::timestamptz + $2::interval ORDER BY domain_id", tx.now,
        timedelta(days=days))
    return [row["domain_id"] for row in rows]


async def remind(tx: DomainTx) -> None:
    """The letter before the debit names the sum that will be missing [FIN-D8]."""
    account = await lock(tx)
    rows = await tx.fetch("UPDATE promised_payment SET reminded_at = $2 WHERE domain_id = $1 AND status = 'active' "
                          "AND reminded_at IS NULL AND expires_at > $2 RETURNING amount, expires_at",
                          tx.domain_id, tx.now)
    domain = await tx.fetchrow("SELECT name, locale, timezone, notification_email FROM domain WHERE id = $1",
                               tx.domain_id)
    if domain is None or not domain["notification_email"]:
        return
    for row in rows:
        amount = Money(row["amount"], account.currency)
        missing = amount - account.balance
        await letters.queue(
            tx, "promised_due", domain["notification_email"], domain["locale"], zone=domain["timezone"],
            domain=domain["name"], moment=row["expires_at"], amount=amount, balance=account.balance,
            missing=missing if missing.amount > 0 else "")
