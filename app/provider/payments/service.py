"""Taking a payment in, once, whatever is clicked or sent twice."""

from __future__ import annotations

from dataclasses import dataclass

from app.kernel.db import PlatformTx
from app.kernel.errors import InvalidFields
from app.kernel.i18n import _
from app.kernel.money import Money
from app.provider.payments import queries
from billing.accounts import service as accounts


@dataclass(frozen=True, slots=True)
class NewPayment:
    """`external_id`: number of the bank's document, or made by the form, or of the API; one payment per id, ever."""

    domain_id: int
    amount: Money
    source: str
    description: str
    external_id: str


async def check(tx: PlatformTx, new: NewPayment) -> queries.Payee:
    """Whose account it is; the same id may only come with the same payment again.

    Raises:
        InvalidFields: the id belongs to another payment.
    """
    payee = await queries.payee(tx, new.domain_id)
    known = await tx.fetchrow("SELECT domain_id, amount FROM payment WHERE external_id = $1", new.external_id)
    if known and (known["domain_id"], known["amount"]) != (new.domain_id, new.amount.amount):
        text = _("A payment with this number exists, for another domain or amount")
        raise InvalidFields("taken", text, fields={"external_id": text})
    return payee


async def enter(tx: PlatformTx, new: NewPayment) -> bool:
    """Post what a person typed; False when it had been posted before. Raises InvalidFields as `check`."""
    await check(tx, new)
    return await receive(tx, new)


async def receive(tx: PlatformTx, new: NewPayment) -> bool:
    """Post it; False when it had been posted before.

    Raises:
        InvalidFields: the amount is not one of the account's currency.
        Refused: another payment has this id.
    """
    bound = await tx.enter_domain(new.domain_id)
    return await accounts.record_payment(bound, external_id=new.external_id, amount=new.amount, source=new.source,
                                         description=new.description)
