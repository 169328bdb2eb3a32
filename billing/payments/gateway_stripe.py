"""Stripe through its own package: Checkout, charges of a saved card, signed webhooks."""

from __future__ import annotations

import json
from collections.abc import Awaitable
from typing import Any

import stripe

from app.kernel.money import Money
from app.settings import settings
from billing.payments.gateway import (
    BadSignature,
    Card,
    Checkout,
    GatewayAway,
    GatewayRefused,
    News,
    Order,
    Return,
    SavedCardOrder,
)

TIMEOUT_SECONDS = 10.0
TOLERANCE_SECONDS = 300  # how old a signed call may be
DECLINED_ONCE_AND_FOR_ALL = "requires_payment_method"


def from_settings() -> StripeGateway | None:
    """Both keys, or none at all: without the second one no payment would ever be known."""
    known = settings()
    if not (known.stripe_secret_key and known.stripe_webhook_secret):
        return None
    return StripeGateway(known.stripe_secret_key, known.stripe_webhook_secret, known.stripe_api_base)


def minor(amount: Money) -> int:
    return int(amount.amount.scaleb(amount.currency.minor_digits))


class StripeGateway:
    """`Gateway` on Stripe's API; `api_base` is another address in tests only."""

    name = "Stripe"

    def __init__(self, secret_key: str, webhook_secret: str, api_base: str) -> None:
        self._webhook_secret = webhook_secret
        self._client = stripe.StripeClient(
            secret_key, base_addresses={"api": api_base}, max_network_retries=1,
            http_client=stripe.HTTPXClient(timeout=TIMEOUT_SECONDS))

    async def start_checkout(self, order: Order) -> Checkout:
        marks = _marks(order)
        intent: dict[str, Any] = {"metadata": marks, "description": order.title}
        wanted: dict[str, Any] = {
            "mode": "payment", "client_reference_id": order.reference, "metadata": marks,
            "line_items": [{"quantity": 1, "price_data": {
                "currency": order.amount.currency.value.lower(), "unit_amount": minor(order.amount),
                "product_data": {"name": order.title}}}],
            "payment_method_types": ["card"], "payment_intent_data": intent, "success_url": order.return_url,
            "cancel_url": order.return_url, "expires_at": int(order.expires_at.timestamp()),
            "adaptive_pricing": {"enabled": False}}
        if order.customer_id:
            wanted["customer"] = order.customer_id
        if order.saves_card:
            intent["setup_future_usage"] = "off_session"
            if not order.customer_id:
                wanted["customer_creation"] = "always"
        made = await _asked(self._client.v1.checkout.sessions.create_async(
            wanted, {"idempotency_key": f"checkout-{order.reference}"}))  # type: ignore[arg-type]
        return Checkout(made["id"], made.get("url") or "")

    async def ask_session(self, session_id: str) -> News:
        return news_of(await _asked(self._client.v1.checkout.sessions.retrieve_async(
            session_id, {"expand": ["payment_intent.latest_charge"]})))

    async def ask_payment(self, intent_id: str) -> News:
        return news_of(await _asked(self._client.v1.payment_intents.retrieve_async(
            intent_id, {"expand": ["latest_charge"]})))

    async def close_session(self, session_id: str) -> None:
        await _asked(self._client.v1.checkout.sessions.expire_async(session_id))

    async def charge_saved(self, order: SavedCardOrder) -> News:
        wanted: dict[str, Any] = {
            "amount": minor(order.amount), "currency": order.amount.currency.value.lower(), "confirm": True,
            "customer": order.customer_id, "payment_method": order.method_id, "off_session": True,
            "payment_method_types": ["card"], "metadata": _marks(order), "description": order.title}
        try:
            return news_of(await _asked(self._client.v1.payment_intents.create_async(
                wanted, {"idempotency_key": f"auto-{order.reference}"})))  # type: ignore[arg-type]
        except stripe.CardError as declined:  # the bank said no: an answer like another
            body: Any = declined.json_body or {}
            intent = body.get("error", {}).get("payment_intent") or {}
            return News(reference=order.reference, domain_id=order.domain_id, intent_id=intent.get("id", ""),
                        is_failed=True, reason=str(declined.code or "declined")[:100])

    async def detach(self, method_id: str) -> None:
        try:
            await _asked(self._client.v1.payment_methods.detach_async(method_id))
        except GatewayRefused:  # not attached any more
            return

    def read_event(self, body: bytes, signature: str) -> News | None:
        try:
            stripe.WebhookSignature.verify_header(body, signature, self._webhook_secret, TOLERANCE_SECONDS)
        except (stripe.SignatureVerificationError, ValueError, TypeError) as wrong:  # the latter: not even text
            raise BadSignature from wrong
        try:
            event = json.loads(body)
            told = event["data"]["object"]
            if not isinstance(told, dict):
                return None
            if event["type"] == "checkout.session.async_payment_failed":
                return News(**_told(told), session_id=told["id"], is_failed=True, reason="async_payment_failed")
            return news_of(told)
        except (ValueError, KeyError, TypeError, AttributeError):  # signed, but of no shape that we know
            return None


def _marks(order: Order | SavedCardOrder) -> dict[str, str]:
    """What comes back with every news of the payment."""
    return {"payment": order.reference, "domain": str(order.domain_id)}


async def _asked(answer: Awaitable[Any]) -> dict[str, Any]:
    """Stripe's answer as plain data; a declined card stays a CardError."""
    try:
        return (await answer).to_dict()
    except stripe.CardError:
        raise
    except (stripe.APIConnectionError, stripe.RateLimitError) as away:
        raise GatewayAway(str(away)[:200]) from away
    except stripe.StripeError as refused:
        if (refused.http_status or 500) >= 500 or refused.http_status in (401, 403, 409):
            raise GatewayAway(str(refused)[:200]) from refused  # keys are the provider's to mend, not the payer's
        raise GatewayRefused(str(refused)[:200]) from refused


def news_of(told: dict[str, Any]) -> News:
    """Facts of one object of Stripe's, whatever the occasion that brought it; unknown objects tell nothing."""
    read = _READERS.get(told.get("object", ""))
    return read(told) if read else News()


def _told(source: dict[str, Any]) -> dict[str, Any]:
    """Our marks and the currency, which most objects carry."""
    marks = source.get("metadata") or {}
    domain = str(marks.get("domain", ""))
    return {"reference": str(marks.get("payment", "")), "currency": str(source.get("currency") or "").upper(),
            "domain_id": int(domain) if domain.isascii() and domain.isdigit() and len(domain) < 19 else 0}


def _id(value: Any) -> str:
    """Stripe gives an id, or the object itself where it was asked to."""
    return str(value["id"]) if isinstance(value, dict) else str(value or "")


def _session(told: dict[str, Any]) -> News:
    intent = told.get("payment_intent")
    if isinstance(intent, dict) and told.get("payment_status") == "paid":
        known = _intent(intent)
        return News(**{**_fields(known), **_told(told), "session_id": told["id"]})
    return News(**_told(told), session_id=told["id"], intent_id=_id(intent), amount_minor=told.get("amount_total"),
                is_paid=told.get("payment_status") == "paid", is_over=told.get("status") == "expired")


def _fields(news: News) -> dict[str, Any]:
    return {name: getattr(news, name) for name in News.__dataclass_fields__}


def _intent(told: dict[str, Any]) -> News:
    status = told.get("status")
    is_paid = status == "succeeded"
    failure = told.get("last_payment_error") or {}
    charge = told.get("latest_charge")
    return News(
        **_told(told), intent_id=told["id"], amount_minor=told.get("amount_received" if is_paid else "amount"),
        is_paid=is_paid, is_failed=bool(failure) and status == DECLINED_ONCE_AND_FOR_ALL,
        is_over=status == "canceled", reason=str(failure.get("decline_code") or failure.get("code") or "")[:100],
        refunded_minor=int(charge.get("amount_refunded") or 0) if isinstance(charge, dict) else 0,
        card=_card(charge) if is_paid and isinstance(charge, dict) else None)


def _charge(told: dict[str, Any]) -> News:
    is_paid = told.get("status") == "succeeded" and bool(told.get("captured")) and bool(told.get("paid"))
    return News(**_told(told), intent_id=_id(told.get("payment_intent")), amount_minor=told.get("amount_captured"),
                is_paid=is_paid, refunded_minor=int(told.get("amount_refunded") or 0) if is_paid else 0,
                card=_card(told) if is_paid else None)


def _card(charge: dict[str, Any]) -> Card | None:
    shown = (charge.get("payment_method_details") or {}).get("card")
    customer, method = _id(charge.get("customer")), _id(charge.get("payment_method"))
    last4 = str((shown or {}).get("last4") or "")
    if not (shown and customer and method and len(last4) == 4 and last4.isascii() and last4.isdigit()):
        return None
    return Card(customer, method, str(shown.get("brand") or "")[:30], last4, int(shown.get("exp_month") or 0),
                int(shown.get("exp_year") or 0))


def _refund(told: dict[str, Any]) -> News:
    is_undone = told.get("status") in ("failed", "canceled")
    return _returned(told, "refund", is_undone)


def _dispute(told: dict[str, Any]) -> News:
    """An inquiry (`warning_…`) takes no money."""
    status = str(told.get("status"))
    return _returned(told, "dispute", status in ("won", "prevented")) if not status.startswith("warning_") else News()


def _returned(told: dict[str, Any], kind: str, is_undone: bool) -> News:
    """Marks of such an object are its own, not the payment's: only the payment it names counts."""
    return News(intent_id=_id(told.get("payment_intent")), currency=str(told.get("currency") or "").upper(),
                returned=Return(told["id"], kind, int(told["amount"]), is_undone))


_READERS = {"checkout.session": _session, "payment_intent": _intent, "charge": _charge, "refund": _refund,
            "dispute": _dispute}
