"""The internal API of payments: `/api/v1/provider/payments`, for the provider's own programs with a key [FIN-D7].

A payment's id is the sender's; sent again it answers what the first one did.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any
from urllib.parse import unquote_to_bytes

from litestar import Controller, Request, Response, get, post
from pydantic import BeforeValidator, Field

from app.auth.permissions import Permission
from app.kernel.db import PlatformTx, platform_transaction
from app.kernel.errors import InvalidFields, NotFound
from app.kernel.i18n import _
from app.kernel.money import Currency, Money
from app.provider.fields import Line
from app.provider.payments import service
from app.provider.payments.queries import API_PREFIX
from app.web.forms import FormModel, validated
from app.web.json_body import Number, json_object

PATH = "/api/v1/provider/payments"
LARGEST = 16 * 1024  # bytes of a body
LONGEST_ID = 100
_AMOUNT = re.compile(r"[0-9]{1,12}(\.[0-9]{1,2})?", re.ASCII)


def _amount(value: object) -> Decimal:
    """A number or a string with a point; neither is ever a float."""
    text = value.text if isinstance(value, Number) else value
    if not isinstance(text, str) or not _AMOUNT.fullmatch(text) or not Decimal(text):
        raise ValueError(_("An amount above zero with at most two decimals is expected"))
    return Decimal(text)


def _untrimmed(value: object) -> object:
    """Ids that differ in a space are two: none is made of the other."""
    if isinstance(value, str) and value != value.strip():
        raise ValueError(_("Spaces at the ends are not allowed"))
    return value


class PaymentBody(FormModel):
    account: Annotated[Line, Field(min_length=1, max_length=20)]
    amount: Annotated[Decimal, BeforeValidator(_amount)]
    currency: str | None = None
    external_id: Annotated[Line, Field(min_length=1, max_length=LONGEST_ID), BeforeValidator(_untrimmed)]
    source: Annotated[Line, Field(min_length=1, max_length=100)]
    description: Annotated[Line, Field(max_length=500)] = ""


@dataclass(frozen=True, slots=True)
class Told:
    """A payment as a program reads it. Balances: right after its posting, and now (fees may have followed)."""

    external_id: str
    account: str
    amount: Decimal
    currency: str
    source: str
    description: str
    at: datetime
    balance_after: Decimal
    balance: Decimal

    def answer(self) -> dict[str, Any]:
        return {"external_id": self.external_id.removeprefix(API_PREFIX), "account": self.account,
                "amount": str(self.amount), "currency": self.currency, "source": self.source,
                "description": self.description, "at": self.at.astimezone(UTC).isoformat(),
                "balance_after": str(self.balance_after), "balance": str(self.balance)}


async def _told(tx: PlatformTx, external_id: str) -> Told:
    """Raises NotFound."""
    row = await tx.fetchrow(
        "SELECT p.external_id, a.number AS account, p.amount, a.currency, p.source, p.description, p.at, "
        "e.balance_after, a.balance FROM payment p JOIN account a ON a.domain_id = p.domain_id "
        "JOIN entry e ON e.domain_id = p.domain_id AND e.posting_id = p.posting_id AND e.account = 'domain' "
        "WHERE p.external_id = $1", API_PREFIX + external_id)
    if row is None:
        raise NotFound("payment", _("There is no such payment."))
    return Told(**row)


async def _new(tx: PlatformTx, sent: PaymentBody) -> service.NewPayment:
    """Raises NotFound: the account; InvalidFields: it is kept in another currency."""
    row = await tx.fetchrow("SELECT domain_id, currency FROM account WHERE number = $1", sent.account)
    if row is None:
        raise NotFound("account", _("There is no such account."))
    if sent.currency is not None and sent.currency != row["currency"]:
        text = _("The account is kept in another currency")
        raise InvalidFields("invalid_fields", text, fields={"currency": text})
    return service.NewPayment(row["domain_id"], Money(sent.amount, Currency(row["currency"])), sent.source,
                              sent.description, API_PREFIX + sent.external_id)


class PaymentApi(Controller):
    """Without a session: a cookie is not looked at, only the key."""

    path = PATH
    opt = {"permission": Permission.PAYMENTS_API, "api": True, "provider_key": True, "csrf_exempt": True}
    include_in_schema = False
    request_max_body_size = LARGEST

    @post("/")
    async def take(self, request: Request) -> Response[dict[str, Any]]:
        """201, and 200 for one that is there already."""
        sent = validated(PaymentBody, await json_object(request))
        async with platform_transaction(request.user.actor) as tx:
            posted = await service.receive(tx, await _new(tx, sent))
            found = await _told(tx, sent.external_id)
        return Response(found.answer() | {"repeated": not posted}, status_code=201 if posted else 200)

    @get("/{external_id:path}")
    async def tell(self, request: Request) -> dict[str, Any]:
        async with platform_transaction(request.user.actor) as tx:
            return (await _told(tx, _asked_id(request))).answer()


def _asked_id(request: Request) -> str:
    """As it was sent: the framework joins the slashes of a path. Raises NotFound: no payment can have it."""
    raw = bytes(request.scope.get("raw_path") or b"").partition(f"{PATH}/".encode())[2]
    found = unquote_to_bytes(raw).decode(errors="replace")
    if not found.isprintable() or len(found) > LONGEST_ID:
        raise NotFound("payment", _("There is no such payment."))
    return found


CONTROLLERS = [PaymentApi]
