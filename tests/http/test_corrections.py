"""Corrections in the console: alone up to the limit, above it with another person."""

from __future__ import annotations

import asyncio
import secrets
from decimal import Decimal
from typing import Any

import pytest

from app.kernel.actors import Actor
from app.kernel.db import platform_transaction
from tests.db.billing_factories import balance, pay
from tests.db.factories import STAFF, a_domain
from tests.http.browser import Browser
from tests.http.people import a_user
from tests.http.provider_help import Console, a_console, told, value

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("web")]


@pytest.fixture
async def console(client: Browser) -> Console:
    return await a_console(client, "billing")


@pytest.fixture
async def other(other_client: Browser) -> Console:
    return await a_console(other_client, "administrator")


async def ask(console: Console, actor: Actor, amount: str, *, direction: str = "credit", form: str = "",
              reason: str = "Double charge of May") -> Any:
    return await console.post("/provider/corrections", domain_id=str(actor.domain_id), direction=direction,
                              amount=amount, reason=reason, form_id=form or secrets.token_hex(8))


async def request_of(actor: Actor) -> int:
    return await value("SELECT max(id) FROM correction WHERE domain_id = $1", actor.domain_id)


async def state(number: int) -> str:
    return await value("SELECT state FROM correction WHERE id = $1", number)


@pytest.mark.req("FIN-D13")
async def test_a_small_correction_is_posted_at_once_and_once(console: Console) -> None:
    actor = await a_domain()
    form = secrets.token_hex(8)
    check = await console.post("/provider/corrections/check", domain_id=str(actor.domain_id), direction="credit",
                               amount="1 500,50", reason="Double charge", form_id=form)
    assert "1,500.50" in check.text
    for _time in range(2):
        assert (await ask(console, actor, "1500.50", form=form)).status_code == 200
    assert (await ask(console, actor, "1500.51", form=form)).status_code == 409
    assert (await ask(console, actor, "500", direction="debit")).status_code == 200
    assert await balance(actor) == Decimal("1000.50")
    assert (await told("balance_corrected", f"staff:{await request_of(actor)}"))["amount"] == [None, "-500"]
    assert await value("SELECT count(*) FROM posting WHERE domain_id = $1 AND kind = 'correction'",
                       actor.domain_id) == 2
    page = (await console.get(f"/provider/corrections?q={actor.domain_id + 40_000_000}")).text
    assert "Double charge of May" in page


@pytest.mark.req("FIN-D13")
async def test_above_the_limit_another_person_confirms(console: Console, other: Console) -> None:
    actor = await a_domain()
    assert "confirm" in (await ask(console, actor, "10000.01")).headers["hx-trigger"]
    number = await request_of(actor)
    assert await balance(actor) == 0
    assert "Waits for another person" in (await console.get("/provider/corrections")).text
    own = await console.post(f"/provider/corrections/{number}/confirm")
    assert own.status_code == 409
    assert await state(number) == "pending"
    assert "10,000.01" in (await other.get(f"/provider/corrections/{number}/decide/confirm")).text
    answers = await asyncio.gather(*(other.post(f"/provider/corrections/{number}/confirm") for _time in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    assert await balance(actor) == Decimal("10000.01")
    row = await _row("SELECT state, author_login, decider_login FROM correction WHERE id = $1", number)
    assert tuple(row) == ("confirmed", console.staff.login, other.staff.login)
    said = await told("balance_corrected", f"staff:{number}")
    assert console.staff.login in said["author"][1]
    assert await value("SELECT actor_login FROM action_history WHERE action = 'balance_corrected' AND domain_id = $1",
                       actor.domain_id) == other.staff.login
    name = await value("SELECT name FROM domain WHERE id = $1", actor.domain_id)
    assert console.staff.login in (await told("correction_confirmed", name))["author"][1]
    assert (await told("correction_requested", name))["amount"] == [None, "10000.01"]


async def test_those_who_may_decide_get_a_letter(console: Console, other: Console) -> None:
    for one in (console, other):
        await value("UPDATE staff SET email = login || '@provider.example' WHERE id = $1 RETURNING id", one.staff.id)
    actor = await a_domain()
    await ask(console, actor, "20000", reason="Refund of May")
    body = await value("SELECT body FROM mail_message WHERE recipient = $1", f"{other.staff.login}@provider.example")
    assert "Refund of May" in body
    assert "/provider/corrections?state=pending" in body
    assert await value("SELECT count(*) FROM mail_message WHERE recipient = $1",
                       f"{console.staff.login}@provider.example") == 0


async def _row(sql: str, *args: object) -> Any:
    async with platform_transaction(STAFF) as tx:
        return await tx.fetchrow(sql, *args)


@pytest.mark.req("FIN-D13")
async def test_a_sum_in_parts_needs_another_person_too(console: Console, other: Console) -> None:
    actor, neighbour = await a_domain(), await a_domain()
    answers = await asyncio.gather(*(ask(console, actor, "6000") for _time in range(3)))
    assert {answer.status_code for answer in answers} == {200}
    assert await balance(actor) == 6000
    await ask(console, actor, "6000", direction="debit")
    assert await balance(actor) == 6000
    await ask(console, neighbour, "6000")
    assert await balance(neighbour) == 6000, "another domain is looked at alone"
    await ask(other, actor, "6000")
    assert await balance(actor) == 12000, "another author is looked at alone"
    await value("UPDATE correction SET created_at = created_at - interval '25 hours' WHERE domain_id = $1 "
                "RETURNING id", actor.domain_id)
    await ask(console, actor, "4000")
    assert await balance(actor) == 16000


@pytest.mark.req("FIN-D13")
async def test_a_request_is_rejected_with_a_reason_or_withdrawn(console: Console, other: Console) -> None:
    actor = await a_domain()
    await ask(console, actor, "20000")
    first = await request_of(actor)
    assert (await other.post(f"/provider/corrections/{first}/reject", answer="")).status_code == 422
    assert (await other.post(f"/provider/corrections/{first}/reject", answer="No document")).status_code == 200
    await ask(console, actor, "20000")
    second = await request_of(actor)
    assert (await other.post(f"/provider/corrections/{second}/withdraw")).status_code == 409
    assert (await console.post(f"/provider/corrections/{second}/withdraw")).status_code == 200
    for number in (first, second):
        assert (await other.post(f"/provider/corrections/{number}/confirm")).status_code == 409
    assert (await state(first), await state(second), await balance(actor)) == ("rejected", "withdrawn", 0)
    assert (await other.post("/provider/corrections/999999999/confirm")).status_code == 404


@pytest.mark.req("FIN-D13")
async def test_who_may_not_correct(console: Console, other_client: Browser) -> None:
    actor = await a_domain()
    await ask(console, actor, "20000")
    number = await request_of(actor)
    support = await a_console(other_client, "support")
    assert "Waits for another person" in (await support.get("/provider/corrections")).text
    for path in ("", f"/{number}/confirm", f"/{number}/reject", f"/{number}/withdraw"):
        assert (await support.post(f"/provider/corrections{path}")).status_code == 403
    assert (await support.get("/provider/corrections/new")).status_code == 403
    admin = await a_user(actor, is_admin=True)
    assert admin.login not in (await support.get("/provider/corrections")).text
    assert await state(number) == "pending"


@pytest.mark.parametrize("data", [
    {"amount": "0"}, {"amount": "-5"}, {"amount": "1.001"}, {"amount": "NaN"},
    {"amount": "9" * 20}, {"reason": "no"}, {"reason": "a\u202eb\nc"}, {"direction": "both"}, {"form_id": "x"},
    {"domain_id": "0"}, {"domain_id": "999999999"}, {"domain_id": ""}])
async def test_nonsense_is_refused(console: Console, data: dict[str, str]) -> None:
    actor = await a_domain()
    whole = {"domain_id": str(actor.domain_id), "direction": "credit", "amount": "10", "reason": "a mistake",
             "form_id": secrets.token_hex(8)} | data
    assert (await console.post("/provider/corrections", **whole)).status_code in {404, 422}
    assert await balance(actor) == 0


@pytest.mark.req("FIN-28")
async def test_a_positive_correction_repays_a_promised_payment(console: Console) -> None:
    from app.kernel.db import domain_transaction
    from app.kernel.errors import Refused
    from app.kernel.money import Money
    from billing.payments import promised

    actor = await a_domain()
    async with domain_transaction(actor) as tx:
        await promised.grant(tx, Money.parse("500"))
    await ask(console, actor, "499.99")
    with pytest.raises(Refused):
        async with domain_transaction(actor) as tx:
            await promised.grant(tx, Money.parse("500"))
    await ask(console, actor, "0.01")
    async with domain_transaction(actor) as tx:
        await promised.grant(tx, Money.parse("500"))
    assert await balance(actor) == 1500


@pytest.mark.req("FIN-D3")
async def test_a_correction_blocks_and_unblocks(console: Console) -> None:
    actor = await a_domain()
    await pay(actor, "10")
    await ask(console, actor, "15", direction="debit")
    blocked = "SELECT count(*) FROM domain_block WHERE domain_id = $1 AND kind = 'financial' AND ended_at IS NULL"
    assert await value(blocked, actor.domain_id) == 1
    await ask(console, actor, "100")
    assert await value(blocked, actor.domain_id) == 0
