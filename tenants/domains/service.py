"""Use cases of a domain: create, switch to commercial, terms, limits, block and unblock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from asyncpg import ForeignKeyViolationError, UniqueViolationError

from app.audit import history
from app.kernel import parameters, provisioning
from app.kernel.db import DomainTx, PlatformTx
from app.kernel.errors import InvalidFields, NotFound, Refused
from app.kernel.i18n import _, format_money
from app.kernel.money import Currency, Money
from billing.accounts.blocks import FINANCIAL, end_block, is_blocked, start_block
from billing.accounts.posting import Posting
from billing.accounts.rules import FeeDecision, Scheme, decide_fee
from billing.accounts.service import after_credit, after_debit, charge_fees
from billing.accounts.state import held, lock
from billing.packages import mgp
from billing.packages import service as packages
from billing.payments.rules import check_credit_limit
from billing.services import plans
from billing.services.rules import CostChanged
from billing.subscriptions.registry import due_for_unblocking
from billing.subscriptions.rules import total
from billing.tariffs.terms import note_change, plan_of
from tenants.domains.rules import (
    NewDomain,
    check_domain_name,
    trial_end,
)

__all__ = ["change_limits", "change_tariff", "change_terms", "create_domain", "end_administrative_block", "start_block",
           "switch_to_commercial"]


async def create_domain(tx: PlatformTx, new: NewDomain) -> DomainTx:
    """A trial domain with its account, its first free number if the stock has one [ACC-02, ACC-03].

    Returns:
        The same transaction, bound to the new domain.

    Raises:
        InvalidFields: the name is taken or not a domain name.
    """
    name = check_domain_name(new.name)
    trial = await parameters.group(tx, "trial")
    try:
        async with tx.savepoint():
            domain_id = await tx.fetchval(
                "INSERT INTO domain (name, display_name, company_name, trial_ends_at, trial_seconds_left, timezone, "
                "country, area_code, locale, notification_email, max_users, pool_id, route_number, pbx_node_id) "
                "VALUES ($1,left($2, 100),$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13) RETURNING id",
                name, new.company_name, trial_end(tx.now, trial["days"]), trial["minutes"] * 60, new.timezone,
                new.country, new.area_code, new.locale, new.notification_email, new.max_users, new.pool_id,
                new.route_number, new.node_id)
    except UniqueViolationError as taken:
        field = "route_number" if "route" in (getattr(taken, "constraint_name", None) or "") else "name"
        raise InvalidFields("taken", _("Already taken"), fields={field: _("Already taken")}) from taken
    account = f"{40_000_000 + domain_id}"
    await tx.execute("INSERT INTO account (domain_id, number, scheme, tariff_id) VALUES ($1, $2, $3, $4)",
                     domain_id, account, new.scheme, new.tariff_id)
    await tx.execute("INSERT INTO provisioning_state (domain_id, changed_by, reason) VALUES ($1, $2, $3)",
                     domain_id, tx.actor.login, "domain_created")
    bound = await tx.enter_domain(domain_id)
    await _give_free_number(bound)
    await history.record(bound, "domain_created", "domain", object_id=domain_id, object_name=name,
                         changes={"company_name": (None, new.company_name), "scheme": (None, new.scheme)})
    return bound


async def _give_free_number(tx: DomainTx) -> None:
    """Exactly one free number comes with the trial [ACC-03]; an empty stock is no reason to fail."""
    number_id = await tx.fetchval(
        "UPDATE phone_number SET domain_id = $1, assigned_at = $2 WHERE id = (SELECT id FROM phone_number "
        "WHERE domain_id IS NULL AND held_for IS NULL AND category = 'city' ORDER BY connection_price, e164 LIMIT 1 "
        "FOR UPDATE SKIP LOCKED) RETURNING id",
        tx.domain_id, tx.now)
    if number_id is not None:
        await tx.execute("UPDATE domain SET default_number_id = $2 WHERE id = $1", tx.domain_id, number_id)


async def switch_to_commercial(tx: DomainTx, *, tariff_id: int, scheme: str, quoted: str | None = None) -> None:
    """The customer signed: one way, the rest of the trial minutes is cancelled, charging starts today without any
    connection fee, the free number stays [ACC-05, ACC-D3].

    A prepaid account that cannot pay today's fee and its share of the guaranteed payment gets the financial block, and
    nothing is posted [FIN-D1, FIN-D4].

    Args:
        quoted: `Quote.mark` of the amounts that were shown.

    Raises:
        Refused: the domain is commercial already.
        CostChanged: the amounts are no longer those shown.
    """
    row = await tx.fetchrow("SELECT name, mode FROM domain WHERE id = $1 FOR NO KEY UPDATE", tx.domain_id)
    if row is None:
        raise NotFound("domain", _("There is no such domain"))
    if row["mode"] == "commercial":
        raise Refused("already_commercial", _("The domain is in commercial mode already"))
    await lock(tx)
    before = await tx.fetchrow("SELECT tariff_id, scheme FROM account WHERE domain_id = $1", tx.domain_id)
    assert before is not None
    await note_change(tx)
    await tx.execute("UPDATE domain SET mode = 'commercial', trial_ends_at = NULL, trial_seconds_left = 0 "
                     "WHERE id = $1", tx.domain_id)
    await tx.execute("UPDATE account SET tariff_id = $2, scheme = $3, credit_limit = CASE WHEN $3 = 'credit' "
                     "THEN credit_limit END WHERE domain_id = $1", tx.domain_id, tariff_id, scheme)
    await end_block(tx, "trial_expired")
    await history.record(tx, "switched_to_commercial", "domain", object_id=tx.domain_id, object_name=row["name"],
                         changes={"mode": ("trial", "commercial"), "scheme": (before["scheme"], scheme),
                                  "tariff_id": (before["tariff_id"], tariff_id)})
    await packages.activate(tx)
    await plans.drop_missing(tx)
    await _charge_first_day(tx, tariff_id, quoted)


async def _begin_billing(tx: DomainTx, day: date) -> None:
    """This day is settled here; the daily run goes on with the next."""
    await tx.execute("UPDATE account SET billed_through = $2, charged_since = $3, settled_on = $2, "
                     "settled_version = tariff_version_at(tariff_id, $3) WHERE domain_id = $1",
                     tx.domain_id, day, tx.now)


async def _charge_first_day(tx: DomainTx, tariff_id: int, quoted: str | None) -> None:
    quote = await plans.quote_tariff(tx, tariff_id)
    if quoted is not None and quoted != quote.mark:
        raise CostChanged("cost_changed", _("The amounts have changed meanwhile. Look at them and save again."),
                               quote=quote)
    await _begin_billing(tx, quote.day)
    due = [*plans.first_postings(quote, tx.now), *await mgp.first_postings(tx, quote.day)]
    await _charge_or_block(tx, due)


async def _charge_or_block(tx: DomainTx, due: Sequence[Posting]) -> None:
    """As the daily run decides: prepaid that cannot pay is blocked and pays nothing, credit goes down to its limit.
    Where calls in progress hold the money the block lasts until they end."""
    if not due:
        return
    account = await lock(tx)
    amount = total(due, account.currency)
    verdict = decide_fee(amount, account.balance, account.terms, (await held(tx, account)).beyond_buckets())
    if verdict is not FeeDecision.POST:
        await start_block(tx, FINANCIAL, "fee")
        if verdict is FeeDecision.WAIT:
            await after_credit(tx)
        return
    await charge_fees(tx, [(tx.domain_id, posting) for posting in due])
    await after_debit(tx)


async def end_administrative_block(tx: DomainTx) -> bool:
    """The blocked days were free; from today on the fees are due, as after a financial block, and who cannot pay them
    gets that block [FIN-D1, FIN-D3].

    Returns:
        False if there was no such block.
    """
    mode = await tx.fetchval("SELECT mode FROM domain WHERE id = $1 FOR NO KEY UPDATE", tx.domain_id)
    await lock(tx)
    if not await end_block(tx, "administrative"):
        return False
    if mode == "commercial" and not await is_blocked(tx):
        await _charge_or_block(tx, await due_for_unblocking(tx))
    return True


async def change_terms(tx: DomainTx, *, scheme: Scheme, credit_limit: Money | None) -> bool:
    """Set the billing scheme and the credit limit; both changes are told apart in the history [FIN-42].

    A balance below the new floor imposes the financial block in the same transaction; a block that the new terms
    do not call for is lifted, and the fees due are charged, as after a payment [FIN-D1, FIN-D3].

    Returns:
        Whether the domain was blocked by it.

    Raises:
        InvalidFields: the limit does not suit the scheme, the bounds or the balance.
    """
    await lock(tx)
    row = await tx.fetchrow("SELECT scheme, credit_limit, credit_max, balance, currency FROM account "
                            "WHERE domain_id = $1", tx.domain_id)
    assert row is not None
    currency = Currency(row["currency"])
    balance = Money(row["balance"], currency)
    most = await parameters.get(tx, "credit.max")
    check_credit_limit(credit_limit, scheme, balance,
                       least=Money(await parameters.get(tx, "credit.min"), currency),
                       most=Money(min(most, row["credit_max"] or most), currency))
    amount = credit_limit.amount if credit_limit else None
    is_new_scheme = scheme.value != row["scheme"]
    if is_new_scheme:
        await note_change(tx)
    await tx.execute("UPDATE account SET scheme = $2, credit_limit = $3 WHERE domain_id = $1",
                     tx.domain_id, scheme.value, amount)
    name = await _name(tx)
    if is_new_scheme:
        await history.record(tx, "scheme_changed", "domain", object_id=tx.domain_id, object_name=name,
                             changes={"scheme": (row["scheme"], scheme.value)})
    if amount != row["credit_limit"]:
        await history.record(tx, "credit_limit_changed", "domain", object_id=tx.domain_id, object_name=name,
                             changes={"credit_limit": (row["credit_limit"], amount)})
    await after_credit(tx)
    is_too_low = await after_debit(tx)
    return (is_new_scheme and await _charge_guaranteed(tx)) or is_too_low


async def _charge_guaranteed(tx: DomainTx) -> bool:
    """The terms have changed inside the month: what its guaranteed payment lacks now is charged at once [FIN-D4].

    Returns:
        Whether the domain is blocked because it cannot pay.
    """
    due = await mgp.rest_of_month(tx, await plan_of(tx))
    await _charge_or_block(tx, due)
    return bool(due) and await is_blocked(tx, FINANCIAL)


async def change_tariff(tx: DomainTx, tariff_id: int) -> None:
    """Calls that are set up from now on are charged by the new tariff; running ones keep theirs. Services that it does
    not contain are disconnected [SVC-D10]. Fees are charged by it from the next day on [FIN-D2], what the month's
    guaranteed payment lacks is charged at once; who cannot pay that gets the financial block [FIN-D4].

    Raises:
        InvalidFields: there is no such tariff.
    """
    await tx.execute("SELECT FROM domain WHERE id = $1 FOR NO KEY UPDATE", tx.domain_id)  # before the account
    before = (await lock(tx)).tariff_id
    if tariff_id == before:
        return
    await note_change(tx)
    try:
        async with tx.savepoint():
            await tx.execute("UPDATE account SET tariff_id = $2 WHERE domain_id = $1", tx.domain_id, tariff_id)
    except ForeignKeyViolationError as missing:
        text = _("There is no such tariff")
        raise InvalidFields("tariff", text, fields={"tariff_id": text}) from missing
    names = {row["id"]: row["name"] for row in await tx.fetch(
        "SELECT id, name FROM tariff WHERE id = ANY($1::bigint[])", [before, tariff_id])}
    await history.record(tx, "tariff_changed", "domain", object_id=tx.domain_id, object_name=await _name(tx),
                         changes={"tariff": (names[before], names[tariff_id])})
    await plans.drop_missing(tx)
    await _charge_guaranteed(tx)
    await provisioning.want_new_generation(tx, "tariff_changed")


async def change_limits(tx: DomainTx, *, max_users: int, max_paid_calls: int, credit_max: Money | None,
                        buys_numbers: bool = True) -> None:
    """How many users a domain may have, how many paid calls may run at once, and the largest credit limit that may
    be set for it (None: the provider's `credit.max`) [FIN-D11]; whether it buys numbers by itself [NUM-04].

    A smaller limit takes nothing away that is there: it holds for what is added or set from now on.

    Raises:
        InvalidFields: the largest credit limit is outside of the provider's bounds.
    """
    before = await tx.fetchrow(
        "SELECT d.name, d.max_users, d.max_paid_calls, d.buys_numbers, a.credit_max FROM domain d "
        "JOIN account a ON a.domain_id = d.id WHERE d.id = $1 FOR NO KEY UPDATE", tx.domain_id)
    if before is None:
        raise NotFound("domain", _("There is no such domain"))
    amount = credit_max.amount if credit_max else None
    if amount is not None:
        least, most = [await parameters.get(tx, key) for key in ("credit.min", "credit.max")]
        if not least <= amount <= most:
            text = _("From %(least)s to %(most)s") % {"least": format_money(Money(least), trim=True),
                                                      "most": format_money(Money(most), trim=True)}
            raise InvalidFields("credit_max", text, fields={"credit_max": text})
    await tx.execute("UPDATE domain SET max_users = $2, max_paid_calls = $3, buys_numbers = $4 WHERE id = $1",
                     tx.domain_id, max_users, max_paid_calls, buys_numbers)
    await tx.execute("UPDATE account SET credit_max = $2 WHERE domain_id = $1", tx.domain_id, amount)
    await history.record(tx, "limits_changed", "domain", object_id=tx.domain_id, object_name=before["name"], changes={
        "max_users": (before["max_users"], max_users),
        "max_paid_calls": (before["max_paid_calls"], max_paid_calls),
        "buys_numbers": (before["buys_numbers"], buys_numbers), "credit_max": (before["credit_max"], amount)})


async def _name(tx: DomainTx) -> str:
    return await tx.fetchval("SELECT name FROM domain WHERE id = $1", tx.domain_id)
