"""Paying by card as the administrator sees it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from app import settings as app_settings
from app.kernel.actors import Actor
from app.kernel.db import domain_transaction
from app.web.security import content_security_policy
from billing.payments import gateway, gateway_stripe
from tests.db import card_world as world
from tests.http.browser import Browser
from tests.http.people import Someone, a_user
from tests.stripe_stub import StripeStub

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("web"),
              pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")]  # in the stripe package


@pytest.fixture
def stub() -> Iterator[StripeStub]:
    with world.a_gateway() as found:
        yield found


async def signed_in(client: Browser, actor: Actor | None = None) -> Someone:
    admin = await a_user(actor or await world.a_company(), is_admin=True)
    client.cookies.set("lang", "ru")
    await client.sign_in(admin.login, admin.domain)
    return admin


async def send(client: Browser, path: str, *, htmx: bool = True, **data: str):
    headers = {"X-CSRF-Token": await client.csrf("/finance")} | ({"HX-Request": "true"} if htmx else {})
    return await client.post(path, data=data, headers=headers)


async def actions(someone: Someone) -> list[tuple[str, dict]]:
    async with domain_transaction(someone.actor) as tx:
        rows = await tx.fetch("SELECT action, changes FROM action_history WHERE domain_id = $1 AND actor_id = $2 "
                              "AND (action LIKE 'card%' OR action LIKE 'auto%') ORDER BY id", tx.domain_id, someone.id)
    return [tuple(row) for row in rows]


@pytest.mark.req("FIN-D15")
async def test_without_keys_the_page_says_so_and_the_other_ways_stay(client: Browser) -> None:
    await signed_in(client)
    with gateway.using(None):
        html = (await client.get("/finance")).text
        assert "Оплата картой недоступна" in html
        assert 'action="/finance/promised"' in html
        assert "/finance/card/pay" not in html
        refused = await send(client, "/finance/card/pay", card_amount="500")
        assert refused.status_code == 409
        assert "недоступна" in refused.text
        assert (await client.post("/stripe/webhook", content=b"{}")).status_code == 404


@pytest.mark.req("FIN-D7")
async def test_from_the_form_to_the_history(client: Browser, stub: StripeStub) -> None:
    admin = await signed_in(client)
    html = (await client.get("/finance")).text
    assert "От 100" in html
    assert (await send(client, "/finance/card/pay", card_amount="99,99")).status_code == 422
    assert (await send(client, "/finance/card/pay", card_amount="много")).status_code == 422
    answer = await send(client, "/finance/card/pay", card_amount="1 000,50")
    (session,) = stub.sessions.values()
    assert (answer.status_code, answer.headers["hx-redirect"]) == (200, session["url"])
    assert session["amount_total"] == 100_050
    assert session["customer"] is None
    payment_id = session["success_url"].rpartition("/")[2]
    html = (await client.get(f"/finance/card/{payment_id}")).text
    assert "ещё не подтвердила" in html
    assert "Ожидает оплаты" in (await client.get("/finance/payments")).text
    stub.pay(session["id"])
    async with domain_transaction(admin.actor) as tx:  # as if seconds had passed
        assert await tx.fetchval("SELECT asked_at IS NOT NULL FROM card_payment WHERE domain_id = $1", tx.domain_id)
    await world.hear(stub.event("checkout.session.completed", session))
    html = (await client.get(f"/finance/card/{payment_id}")).text
    assert "зачислены" in html
    html = (await client.get("/finance/payments")).text
    assert "Оплачен" in html
    assert re.search(r"1\s000,50", html)
    assert await world.balance(admin.actor) == world.Decimal("1000.50")
    assert ("card_payment_started", {"amount": [None, "1000.50"]}) in await actions(admin)


async def test_a_browser_without_scripts_is_led_by_303_and_our_policy_allows_it(
        client: Browser, stub: StripeStub, monkeypatch: pytest.MonkeyPatch) -> None:
    await signed_in(client)
    answer = await send(client, "/finance/card/pay", htmx=False, card_amount="500")
    (session,) = stub.sessions.values()
    assert (answer.status_code, answer.headers["location"]) == (303, session["url"])
    for name, value in (("STRIPE_SECRET_KEY", "sk_test_x"), ("STRIPE_WEBHOOK_SECRET", "whsec_x")):
        assert app_settings.from_environment().form_targets == ()
        monkeypatch.setenv(name, value)
    known = app_settings.from_environment()
    assert "form-action 'self' https://checkout.stripe.com;" in content_security_policy(known.form_targets)
    assert "sk_test_x" not in repr(known)
    assert "whsec_x" not in repr(known)
    monkeypatch.setattr(gateway_stripe, "settings", lambda: known)
    assert gateway_stripe.from_settings() is not None


async def test_coming_back_the_page_asks_stripe_and_shows_the_payment_without_the_webhook(
        client: Browser, stub: StripeStub) -> None:
    admin = await signed_in(client)
    payment = await world.begin(admin.actor, "500")
    stub.pay(payment.session_id)
    assert "зачислены" in (await client.get(f"/finance/card/{payment.id}")).text
    assert await world.balance(admin.actor) == 500
    other = await world.begin(admin.actor, "500")
    stub.is_away = True
    assert "ещё не подтвердила" in (await client.get(f"/finance/card/{other.id}")).text


async def test_when_stripe_is_away_the_payer_is_told(client: Browser, stub: StripeStub) -> None:
    admin = await signed_in(client)
    stub.is_away = True
    answer = await send(client, "/finance/card/pay", card_amount="500")
    assert answer.status_code == 503
    assert "не отвечает" in answer.text
    assert [one.state.value for one in await world.card_payments(admin.actor, "checkout")] == ["pending"]


@pytest.mark.req("FIN-D15")
async def test_the_saved_card_and_its_settings(client: Browser, stub: StripeStub) -> None:
    admin = await signed_in(client)
    html = (await client.get("/finance")).text
    assert "Сначала сохраните карту" in html
    assert (await send(client, "/finance/card/automatic", is_on="on", threshold="100", auto_amount="300")
            ).status_code == 409
    await send(client, "/finance/card/pay", card_amount="500", save_card="on")
    (session,) = stub.sessions.values()
    await world.hear(stub.event("checkout.session.completed", stub.pay(session["id"])))
    html = (await client.get("/finance")).text
    assert "VISA •••• 4242" in html
    assert "04/2031" in html
    assert len(re.findall('id="f-amount"', html)) <= 1
    wrong = await send(client, "/finance/card/automatic", is_on="on", threshold="", auto_amount="50")
    assert wrong.status_code == 422
    assert (await send(client, "/finance/card/automatic", is_on="on", threshold="100", auto_amount="300")
            ).status_code == 200
    html = (await client.get("/finance")).text
    assert 'value="100.00"' in html
    assert 'value="300.00"' in html
    assert (await send(client, "/finance/card/automatic", threshold="", auto_amount="")).status_code == 200
    dialog = await client.get("/finance/card/remove")
    assert "VISA •••• 4242 будет удалена" in dialog.text
    assert (await send(client, "/finance/card/remove")).status_code == 200
    assert "4242" not in (await client.get("/finance")).text
    assert (await client.get("/finance/card/remove")).status_code == 404
    assert [action for action, _changes in await actions(admin)] == [
        "card_payment_started", "auto_topup_changed", "auto_topup_changed", "card_removed"]
    told = dict(await actions(admin))
    assert told["auto_topup_changed"] == {"auto_topup": [True, False]}


async def test_somebody_elses_payment_does_not_exist_and_a_plain_user_pays_nothing(
        client: Browser, other_client: Browser, stub: StripeStub) -> None:
    theirs = await world.begin(await world.a_company(), "500")
    await signed_in(client)
    for number in (theirs.id, 2**62, 2**70):
        assert (await client.get(f"/finance/card/{number}")).status_code == 404
    user = await a_user()
    await other_client.sign_in(user.login, user.domain)
    token = await other_client.csrf("/me")
    for path in ("pay", "automatic", "remove"):
        answer = await other_client.post(f"/finance/card/{path}", data={"card_amount": "500"},
                                         headers={"X-CSRF-Token": token})
        assert answer.status_code == 403
