"""The credit limit that a domain sets itself [FIN-33…42, FIN-D11]."""

from __future__ import annotations

from decimal import Decimal

from app.audit import history
from app.kernel import parameters
from app.kernel.db import DomainTx
from app.kernel.errors import Refused
from app.kernel.i18n import _
from app.kernel.money import Money
from billing.accounts.blocks import FINANCIAL, is_blocked
from billing.accounts.rules import Scheme
from billing.accounts.state import lock
from billing.payments.rules import check_credit_limit
from billing.tariffs.terms import note_change


class NeedsConfirmation(Refused):
    """The limit changes the billing scheme; the reader has to agree first."""


async def set_limit(tx: DomainTx, limit: Money, *, confirmed: bool = False) -> bool:
    """Set or change the lowest allowed balance; True when the scheme changed by it [FIN-41].

    Raises:
        Refused: a prepaid domain, or a financial block is in force.
        NeedsConfirmation: an unlimited domain would become a credit one.
        InvalidFields: the sum is out of bounds or would block at once.
    """
    account = await lock(tx)
    if account.terms.scheme is Scheme.PREPAID:
        raise Refused("credit_scheme", _("A credit limit is possible with the credit scheme only. Your scheme is "
                                         "prepaid: the provider can change it."))
    if await is_blocked(tx, FINANCIAL):
        raise Refused("blocked", _("In the financial block the limit cannot be changed. Top up the account first."))
    own_most = await tx.fetchval("SELECT credit_max FROM account WHERE domain_id = $1", tx.domain_id)
    most = Decimal(await parameters.get(tx, "credit.max"))
    check_credit_limit(
        limit, Scheme.CREDIT, account.balance, field="limit",
        least=Money(Decimal(await parameters.get(tx, "credit.min")), account.currency),
        most=Money(most if own_most is None else min(own_most, most), account.currency))
    is_new_scheme = account.terms.scheme is Scheme.UNLIMITED
    if is_new_scheme and not confirmed:
        raise NeedsConfirmation("confirm_scheme", _("With a limit your domain moves from the unlimited to the credit "
                                                    "scheme. Confirm it to continue."))
    if is_new_scheme:
        await note_change(tx)
    before = await tx.fetchval("SELECT credit_limit FROM account WHERE domain_id = $1", tx.domain_id)
    await tx.execute("UPDATE account SET scheme = 'credit', credit_limit = $2 WHERE domain_id = $1", tx.domain_id,
                     limit.amount)
    await _tell(tx, is_new_scheme, before, limit.amount)
    return is_new_scheme


async def _tell(tx: DomainTx, is_new_scheme: bool, before: Decimal | None, after: Decimal) -> None:
    name = await tx.fetchval("SELECT name FROM domain WHERE id = $1", tx.domain_id)
    if is_new_scheme:
        await history.record(tx, "scheme_changed", "domain", object_id=tx.domain_id, object_name=name,
                             changes={"scheme": (Scheme.UNLIMITED.value, Scheme.CREDIT.value)})
    if before != after:
        await history.record(tx, "credit_limit_changed", "domain", object_id=tx.domain_id, object_name=name,
                             changes={"credit_limit": (before, after)})
