"""Who may call what, and how much money a call may hold."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from app.kernel.db import domain_transaction, platform_transaction
from billing.accounts.blocks import start_block
from billing.books.checks import check_books
from billing.holds import service as holds
from pbx_provisioning.authorise.question import Allow, Deny
from pbx_provisioning.intake.service import take_in
from tests.db.billing_factories import E164, MOSCOW, a_company, a_number, a_record, a_user, channel, pay
from tests.db.factories import STAFF, a_tariff

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]


async def change(company, sql: str, *args: object) -> None:
    async with platform_transaction(STAFF) as tx:
        await tx.execute(sql, *args)


async def test_allowed_call_gets_number_trunk_and_limit() -> None:
    company = await a_company("100")
    answer = await company.authorise(MOSCOW)
    assert isinstance(answer, Allow)
    number = await company.fetchrow("SELECT e164 FROM phone_number WHERE domain_id = $1", company.id)
    assert (answer.b_number, answer.max_seconds, answer.caller_id) == (E164, 900, number["e164"])
    assert answer.trunks.startswith("t")
    assert answer.offline_seconds == 0
    assert (await company.account())["held"] == Decimal("22.5")


@pytest.mark.parametrize(("balance", "count"), [("1.50", 1), ("4.50", 3)])
async def test_thirty_at_once_on_money_for_a_few(balance: str, count: int) -> None:
    company = await a_company(balance)
    answers = await asyncio.gather(*(company.authorise() for _ in range(30)))
    allowed = [answer for answer in answers if isinstance(answer, Allow)]
    assert 1 <= len(allowed) <= count
    assert {answer for answer in answers if isinstance(answer, Deny)} == {Deny("funds")}
    spent_at_most = [a_record(company, talked=answer.max_seconds + 0.3, hold=answer.hold_id) for answer in allowed]
    await take_in(company.node_id, spent_at_most)
    assert await company.balance() >= 0
    assert (await company.account())["held"] == 0


async def test_thirty_calls_that_go_on_asking_spend_no_more_than_there_is() -> None:
    company = await a_company("40", scheme="credit")
    await change(company, "UPDATE account SET credit_limit = 20 WHERE domain_id = $1", company.id)
    answers = await asyncio.gather(*(company.authorise() for _ in range(30)))
    talks = {answer.hold_id: answer.max_seconds for answer in answers if isinstance(answer, Allow)}

    async def talk(hold_id: int) -> None:
        for _ in range(20):
            async with domain_transaction(company.actor) as tx:
                talks[hold_id] = await holds.extend(tx, hold_id, talked_seconds=talks[hold_id])

    await asyncio.gather(*(talk(hold_id) for hold_id in talks))
    assert (await company.account())["held"] <= 60
    await take_in(company.node_id, [a_record(company, talked=seconds, hold=hold) for hold, seconds in talks.items()])
    assert -20 <= await company.balance() < -10
    async with platform_transaction(STAFF) as tx:
        assert not [one for one in await check_books(tx) if one.domain_id == company.id]


async def test_extension_stops_without_money_and_grows_after_a_payment() -> None:
    company = await a_company("1.50")
    answer = await company.authorise()
    assert isinstance(answer, Allow)
    async with domain_transaction(company.actor) as tx:
        stuck = await holds.extend(tx, answer.hold_id, talked_seconds=50)
    assert (stuck, stuck.ask_at_seconds) == (60, 55)
    await pay(company.actor, "100")
    async with domain_transaction(company.actor) as tx:
        longer = await holds.extend(tx, answer.hold_id, talked_seconds=50)
    assert longer == 960
    assert longer.seconds > 60


async def test_a_blocked_domain_talks_on_what_it_holds() -> None:
    company = await a_company("100")
    answer = await company.authorise()
    assert isinstance(answer, Allow)
    async with domain_transaction(company.actor) as tx:
        await start_block(tx, "administrative", "test")
    async with domain_transaction(company.actor) as tx:
        assert await holds.extend(tx, answer.hold_id, talked_seconds=800) == answer.max_seconds
    assert await company.authorise() == Deny("blocked")


async def test_the_same_channel_gets_the_same_answer() -> None:
    company = await a_company("100")
    uniqueid = channel()
    answers = await asyncio.gather(*(company.authorise(uniqueid=uniqueid) for _ in range(5)))
    assert len(set(answers)) == 1
    assert isinstance(answers[0], Allow)
    assert (await company.account())["held"] == Decimal("22.5")
    assert await company.authorise("84957654321", uniqueid=uniqueid) == Deny("error")
    await take_in(company.node_id, [a_record(company, uniqueid=uniqueid)])
    assert await company.authorise(uniqueid=uniqueid) == Deny("error")


async def test_a_call_whose_answer_was_lost_still_ends_its_hold() -> None:
    company = await a_company("100")
    uniqueid = channel()
    await company.authorise(uniqueid=uniqueid)
    await take_in(company.node_id, [a_record(company, talked=0, uniqueid=uniqueid, hold="", reason="error")])
    assert (await company.account())["held"] == 0


async def test_tenants_are_apart() -> None:
    company, other = await a_company("100"), await a_company("100")
    uniqueid = channel()
    assert isinstance(await other.authorise(uniqueid=uniqueid), Allow)
    assert await company.authorise(user_id=other.user_id) == Deny("error")
    assert await company.authorise(node="pbx2") == Deny("error")
    ghost = replace_company(company)
    assert await ghost.authorise() == Deny("error")
    assert (await company.account())["held"] == 0


def replace_company(company):
    from tests.db.billing_factories import Company

    return Company(replace(company.actor, domain_id=company.id + 10_000_000), company.node_id, company.user_id)


@pytest.mark.parametrize(("digits", "reason"), [
    ("12", "number"), ("+1", "number"), ("4930123456789012345", "number"), ("810493012345678", "no_rate")])
async def test_numbers_that_cannot_be_called(digits: str, reason: str) -> None:
    company = await a_company("100")
    assert await company.authorise(digits) == Deny(reason)


@pytest.mark.req("USR-84", "USR-85")
async def test_own_restriction_overrides_the_domains() -> None:
    company = await a_company("100", tariff_id=await a_tariff(("7", "1"), ("49", "5")))
    abroad = "81049301234567"
    await change(company, "UPDATE domain SET default_restriction = 'no_international' WHERE id = $1", company.id)
    free = await a_user(company.actor, "free", "102", outgoing_restriction="none")
    closed = await a_user(company.actor, "closed", "103", outgoing_restriction="internal_only")
    assert await company.authorise(abroad) == Deny("restricted")
    assert isinstance(await company.authorise(abroad, user_id=free), Allow)
    assert isinstance(await company.authorise(MOSCOW), Allow)
    assert await company.authorise(MOSCOW, user_id=closed) == Deny("restricted")


@pytest.mark.req("USR-58")
async def test_caller_id_is_own_then_the_domains_and_never_toll_free() -> None:
    company = await a_company("100")
    default = await company.fetchrow("SELECT e164 FROM phone_number WHERE domain_id = $1", company.id)
    own_id = await a_number(company.actor, is_default=False)
    own = await company.fetchrow("SELECT e164 FROM phone_number WHERE id = $1", own_id)
    free_id = await a_number(company.actor, category="toll_free", is_default=False)
    chooser = await a_user(company.actor, "chooser", "102", outgoing_number_id=own_id)
    toll_free = await a_user(company.actor, "tollfree", "103", outgoing_number_id=free_id)
    answers = [await company.authorise(user_id=user) for user in (company.user_id, chooser, toll_free)]
    assert [a.caller_id for a in answers if isinstance(a, Allow)] == [default["e164"], own["e164"], default["e164"]]
    await change(company, "UPDATE phone_number SET category = 'toll_free' WHERE domain_id = $1", company.id)
    assert await company.authorise() == Deny("number")


@pytest.mark.req("ACC-D1")
async def test_trial_shares_its_seconds_and_stays_national() -> None:
    company = await a_company(commercial=False, tariff_id=await a_tariff(("7", "1.50"), ("49", "9")))
    await change(company, "UPDATE domain SET trial_seconds_left = 100 WHERE id = $1", company.id)
    answers = await asyncio.gather(*(company.authorise() for _ in range(30)))
    allowed = [answer for answer in answers if isinstance(answer, Allow)]
    assert allowed
    assert sum(answer.max_seconds for answer in allowed) <= 100
    assert Deny("trial") in answers
    assert await company.authorise("81049301234567") == Deny("trial")
    assert await company.authorise("88091234567") == Deny("trial")
    assert (await company.account())["held"] == 0
    first = allowed[0]
    async with domain_transaction(company.actor) as tx:
        for other in allowed[1:]:
            await holds.release(tx, other.hold_id)
        grown = await holds.extend(tx, first.hold_id, talked_seconds=first.max_seconds)
    assert first.max_seconds < grown <= 100


async def test_limit_of_parallel_paid_calls() -> None:
    company = await a_company("1000")
    await change(company, "UPDATE domain SET max_paid_calls = 2 WHERE id = $1", company.id)
    answers = await asyncio.gather(*(company.authorise() for _ in range(6)))
    assert sorted(type(answer) is Allow for answer in answers) == [False] * 4 + [True] * 2
    assert {answer for answer in answers if isinstance(answer, Deny)} == {Deny("limit")}


async def test_credit_may_talk_offline_at_the_dearest_rate() -> None:
    company = await a_company("90", scheme="credit", tariff_id=await a_tariff(("7", "1.50"), ("53", "60")))
    answer = await company.authorise()
    assert isinstance(answer, Allow)
    assert answer.offline_seconds == 60  # 90 − 22.50 held leaves one minute to Cuba
    unlimited = await a_company(scheme="unlimited")
    await change(unlimited, "INSERT INTO domain_guard (domain_id, daily_cap) VALUES ($1, 0)", unlimited.id)
    answer = await unlimited.authorise()
    assert isinstance(answer, Allow)
    assert (answer.max_seconds, answer.offline_seconds) == (86_400, 3600)
    assert (await unlimited.account())["held"] == 0


async def test_open_holds_are_the_nodes_and_seen_moves_on() -> None:
    company = await a_company("100")
    answer = await company.authorise()
    assert isinstance(answer, Allow)
    async with platform_transaction(STAFF) as tx:
        mine = [one for one in await holds.open_holds(tx, company.node_id, ()) if one.hold_id == answer.hold_id]
        assert not await holds.open_holds(tx, company.node_id + 1000, ())
        await tx.execute("UPDATE hold SET seen_at = now() - interval '1 hour' WHERE id = $1", answer.hold_id)
        await holds.seen(tx, [answer.hold_id])
        again = [one for one in await holds.open_holds(tx, company.node_id, ()) if one.hold_id == answer.hold_id]
    assert (mine[0].domain_id, mine[0].seconds, mine[0].is_trial) == (company.id, 900, False)
    assert abs((again[0].seen_at - mine[0].seen_at).total_seconds()) < 5
