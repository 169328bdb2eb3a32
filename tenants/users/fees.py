"""What one more user costs, and what the domain saves by one less [USR-22…24, USR-77, USR-78]."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime

from app.kernel import parameters
from app.kernel.db import DomainTx, PlatformTx
from app.kernel.errors import InvalidFields, NotFound, Refused
from app.kernel.i18n import _
from app.kernel.money import Currency, Money
from billing.accounts import service as accounts
from billing.accounts.posting import Operation, Posting, connection_postings, disconnection_posting
from billing.accounts.rules import ConnectionCost, Cycle, RecurringFee, connection_cost
from billing.subscriptions.registry import Days, recurring
from billing.subscriptions.rules import fee_key, local_day
from billing.tariffs.rules import ADDITIONAL_USER, Tariff


class CostChanged(Refused):
    """The amounts are no longer those that were shown; `facts["quote"]` has the new ones."""


@dataclass(frozen=True, slots=True)
class Quote:
    """The amounts shown and the fee that they come from. `users` is the number before the change."""

    cost: ConnectionCost
    fee: RecurringFee
    day: date  # of the billing zone
    users: int
    balance: Money

    @property
    def mark(self) -> str:
        """Travels through the form: at save it tells whether the amounts are still those shown."""
        amounts = (self.cost.monthly, self.cost.connection, self.cost.first_day)
        return "/".join(f"{one.amount.normalize():f}" for one in amounts)


_TERMS = """
SELECT a.balance, a.currency, t.name, t.timezone, t.included_users, t.user_monthly, t.user_connection, t.fee_cycle,
       d.mode, (SELECT count(*) FROM domain_user u WHERE u.domain_id = d.id) AS users
FROM domain d JOIN account a ON a.domain_id = d.id JOIN tariff t ON t.id = a.tariff_id
WHERE d.id = $1
"""


_USERS_OF_MANY = """
SELECT a.domain_id, a.currency, t.name, t.timezone, t.included_users, t.user_monthly, t.user_connection, t.fee_cycle,
       (SELECT count(*) FROM domain_user u WHERE u.domain_id = a.domain_id AND u.created_at < wanted.day) AS users
FROM unnest($1::bigint[], $2::timestamptz[]) AS wanted (domain_id, day)
JOIN account a ON a.domain_id = wanted.domain_id JOIN tariff t ON t.id = a.tariff_id WHERE t.user_monthly > 0
"""
_TERMS_OF_TARIFF = _TERMS.replace("t.id = a.tariff_id", "t.id = $2")


async def quote_new_user(tx: DomainTx) -> Quote:
    """The one function behind the price shown and the price charged; zero in trial [ACC-03]."""
    terms = await _terms(tx)
    currency = Currency(terms["currency"])
    fee = _tariff(terms, currency).new_users_fee(terms["users"])
    day = local_day(tx.now, await parameters.get(tx, "billing.timezone"))
    cost = connection_cost([fee], day, trial=terms["mode"] == "trial", currency=currency)
    return Quote(cost, fee, day, terms["users"], Money(terms["balance"], currency))


async def quote_after_trial(tx: DomainTx, tariff_id: int) -> Quote:
    """What the users of a trial domain will cost by that tariff; nobody pays for being connected [ACC-D3].

    Raises:
        InvalidFields: there is no such tariff.
    """
    terms = await tx.fetchrow(_TERMS_OF_TARIFF, tx.domain_id, tariff_id)
    if terms is None:
        text = _("There is no such tariff")
        raise InvalidFields("tariff", text, fields={"tariff_id": text})
    currency = Currency(terms["currency"])
    fee = replace(_tariff(terms, currency).new_users_fee(0, terms["users"]), connection=None)
    day = local_day(tx.now, await parameters.get(tx, "billing.timezone"))
    return Quote(connection_cost([fee], day, currency=currency), fee, day, terms["users"],
                 Money(terms["balance"], currency))


def first_day_posting(quote: Quote, at: datetime) -> Posting | None:
    """Today's fee of the users beyond the included ones, once a day; None when none is due."""
    amount = quote.fee.first_charge(quote.day)
    if not amount:
        return None
    return Posting(fee_key(quote.fee, quote.day), Operation.SUBSCRIPTION_FEE, quote.fee.service,
                   quote.fee.quantity, -amount, at)


@recurring
async def users_fees(tx: DomainTx | PlatformTx, days: Days) -> dict[int, list[RecurringFee]]:
    """The users beyond the tariff's included ones, as of each domain's day: later ones have paid for it themselves."""
    rows = await tx.fetch(_USERS_OF_MANY, list(days), list(days.values()))
    return {row["domain_id"]: [_tariff(row, Currency(row["currency"])).new_users_fee(0, row["users"])] for row in rows}


async def monthly_saving(tx: DomainTx, leaving: int = 1) -> Money:
    """By how much the monthly fee falls when so many users go [USR-78]."""
    terms = await _terms(tx)
    currency = Currency(terms["currency"])
    if terms["mode"] == "trial":
        return Money.zero(currency)
    fee = _tariff(terms, currency).new_users_fee(max(terms["users"] - leaving, 0), leaving)
    return fee.monthly * fee.quantity


async def charge_new_user(tx: DomainTx, quote: Quote, user_id: int) -> None:
    """Connection and first day, as two lines of the ledger; nothing for an included user or in trial [USR-39].

    Raises:
        Refused: the funds do not cover them; names what is missing [USR-24].
    """
    if not quote.cost.monthly and not quote.cost.charged:
        return
    await accounts.ensure_funds(tx, quote.cost.charged)
    for posting in connection_postings(quote.fee, quote.day, tx.now, key=f"user:{user_id}", ref=f"user:{user_id}"):
        await accounts.post(tx, posting)


async def note_leaving_user(tx: DomainTx, user_id: int) -> None:
    """A line of quantity −1 and sum 0.00 for a user who was paid for. To be called before the deletion [USR-77]."""
    saving = await monthly_saving(tx)
    if saving:
        await accounts.post(tx, disconnection_posting(
            ADDITIONAL_USER, 1, tx.now, key=f"user:{user_id}", ref=f"user:{user_id}", currency=saving.currency))


async def _terms(tx: DomainTx):
    found = await tx.fetchrow(_TERMS, tx.domain_id)
    if found is None:
        raise NotFound("domain", _("There is no such domain"))
    return found


def _tariff(terms, currency: Currency) -> Tariff:
    return Tariff(
        name=terms["name"], currency=currency, included_users=terms["included_users"],
        user_monthly=Money(terms["user_monthly"], currency),
        user_connection=Money(terms["user_connection"], currency),
        cycle=Cycle(terms["fee_cycle"]), time_zone=terms["timezone"])
