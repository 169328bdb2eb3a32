"""Stripe's webhook: only what Stripe has signed, lately, and however often it comes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest
import stripe

from tests.db import card_world as world
from tests.http.browser import Browser
from tests.stripe_stub import WEBHOOK_SECRET, StripeStub, signed

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("web"),
              pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")]  # in the stripe package
PATH = "/stripe/webhook"


@pytest.fixture
def stub() -> Iterator[StripeStub]:
    with world.a_gateway() as found:
        yield found


async def call(client: Browser, body: bytes, signature: str | bytes | None) -> int:
    headers: dict[bytes, bytes] = {b"content-type": b"application/json"}
    if signature is not None:
        headers[b"stripe-signature"] = signature.encode() if isinstance(signature, str) else signature
    return (await client.post(PATH, content=body, headers=headers)).status_code


def test_our_signature_is_the_one_of_stripes_package() -> None:
    made = stripe.WebhookSignature.generate_signature_header('{"a": 1}', WEBHOOK_SECRET, timestamp=1_700_000_000)
    assert signed(b'{"a": 1}', at=1_700_000_000).startswith(made)


@pytest.mark.req("FIN-D7")
async def test_only_signed_calls_are_heard(client: Browser, stub: StripeStub) -> None:
    actor = await world.a_company()
    payment = await world.begin(actor, "500")
    body = stub.event("checkout.session.completed", stub.pay(payment.session_id))
    good = signed(body)
    moment, mac = good.split(",")[:2]
    forged = [
        None, "", "x", moment, mac, f"{moment},v1=", f"{moment},v1={'0' * 64}", f"{moment},v0={mac[3:]}",
        signed(body, "whsec_other"), signed(body, ""), f"t={int(time.time()) + 1},{mac}", signed(body + b" "),
        signed(body, at=time.time() - 400), "t=x,v1=y", f"t=99999999999999999999,{mac}", b"t=1,v1=\xe9"]
    for signature in forged:
        answer = await call(client, body, signature)
        assert answer == 400, signature
    assert await call(client, body.replace(b"50000", b"99999"), good) == 400
    assert await call(client, b"\xff\xfe", good) == 400
    assert await call(client, b"", good) == 400
    assert await world.balance(actor) == 0
    assert await call(client, body, good) == 200
    assert await world.balance(actor) == 500


@pytest.mark.req("FIN-D7")
async def test_repeated_calls_in_parallel_credit_once(client: Browser, stub: StripeStub) -> None:
    actor = await world.a_company()
    payment = await world.begin(actor, "500")
    body = stub.event("checkout.session.completed", stub.pay(payment.session_id))
    answers = await asyncio.gather(*(call(client, body, signed(body)) for _time in range(8)))
    assert set(answers) == {200}
    assert await world.postings(actor) == [("payment", world.Decimal(500))]


async def test_what_is_not_ours_is_acknowledged_and_what_cannot_be_known_comes_again(
        client: Browser, stub: StripeStub) -> None:
    for body in (stub.event("customer.created", {"object": "customer", "id": "cus_1"}), b"[]", b'"text"', b"{",
                 stub.event("payment_intent.succeeded", {
                     "object": "payment_intent", "id": "pi_foreign", "status": "succeeded", "amount_received": 100,
                     "currency": "rub", "metadata": {"order": "17"}})):
        assert await call(client, body, signed(body)) == 200
    stub.is_away = True
    refund = stub.event("refund.created", {"object": "refund", "id": "re_1", "amount": 100, "currency": "rub",
                                           "payment_intent": "pi_unknown", "status": "succeeded"})
    assert await call(client, refund, signed(refund)) == 503
    huge = b" " * 1_100_000
    assert await call(client, huge, signed(huge)) == 413
