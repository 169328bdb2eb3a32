"""Fraud guards at the authorisation: who is let through, what stops, what is told."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta
from decimal import Decimal

import pytest

from app.kernel.db import domain_transaction, platform_transaction
from app.kernel.errors import InvalidFields, NotFound, Refused
from billing.books.checks import check_books
from billing.guards import hits, queries
from billing.guards.jobs import guards as sweep
from billing.guards.settings import Amounts, Bounds, Lists, save_amounts, save_bounds, save_lists
from billing.holds import service as holds
from billing.holds.orphans import close_orphan
from pbx_provisioning.authorise.question import Allow, Deny, Question
from pbx_provisioning.authorise.service import authorise
from pbx_provisioning.intake.service import take_in
from tests.db.billing_factories import MOSCOW, Company, a_company, a_record, a_user, channel
from tests.db.factories import STAFF, a_tariff

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]
CUBA, PREMIUM = "8105371234567", "88091234567"


async def guard(company: Company, **values: object) -> None:
    """Settings as stored; the services are tried below."""
    names = list(values)
    async with platform_transaction(STAFF) as tx:
        await tx.execute(
            f"INSERT INTO domain_guard (domain_id, {', '.join(names)}) "
            f"VALUES ($1, {', '.join(f'${place}' for place in range(2, len(names) + 2))}) "
            f"ON CONFLICT (domain_id) DO UPDATE SET {', '.join(f'{one} = EXCLUDED.{one}' for one in names)}",
            company.id, *values.values())


async def a_world_company(balance: str = "1000", **changes: object) -> Company:
    return await a_company(balance, tariff_id=await a_tariff(
        ("7", "1.50"), ("7809", "60"), ("53", "60"), ("881", "90"), ("78005", "0"), ("44", "9")), **changes)


async def told(company: Company) -> tuple[list[str], list[str]]:
    """(actions of the history, subjects of the letters), oldest first."""
    async with platform_transaction(STAFF) as tx:
        actions = await tx.fetch("SELECT action FROM action_history WHERE domain_id = $1 AND action LIKE 'guard%' "
                                 "ORDER BY id", company.id)
        letters = await tx.fetch("SELECT subject FROM mail_message WHERE domain_id = $1 ORDER BY id", company.id)
    return [row["action"] for row in actions], [row["subject"].partition(": ")[2] for row in letters]


async def with_address(company: Company) -> None:
    async with platform_transaction(STAFF) as tx:
        await tx.execute("UPDATE domain SET notification_email = 'it@acme.example', locale = 'en' WHERE id = $1",
                         company.id)


async def stops(company: Company) -> list[str]:
    async with domain_transaction(company.actor) as tx:
        return [one.reason for one in await queries.open_stops(tx)]


# --- the day's cap -----------------------------------------------------------------------------------


async def test_thirty_at_once_hold_no_more_than_the_day_allows() -> None:
    company = await a_company("1000")
    await guard(company, daily_cap=Decimal("4.50"))
    answers = await asyncio.gather(*(company.authorise() for _ in range(30)))
    allowed = [answer for answer in answers if isinstance(answer, Allow)]
    assert 1 <= len(allowed) <= 3
    assert {answer for answer in answers if isinstance(answer, Deny)} == {Deny("guard_cap")}
    assert (await company.account())["held"] <= Decimal("4.50")
    assert not await stops(company)  # what is held may come back
    await take_in(company.node_id, [a_record(company, talked=one.max_seconds, hold=one.hold_id) for one in allowed])
    assert await company.balance() >= Decimal("995.50")
    while isinstance(await company.authorise(), Allow):
        hold = await company.fetchrow("SELECT id, seconds FROM hold WHERE domain_id = $1 AND released_at IS NULL",
                                      company.id)
        await take_in(company.node_id, [a_record(company, talked=hold["seconds"], hold=hold["id"])])
    assert await company.balance() == Decimal("995.50")
    assert await stops(company) == ["daily_cap"]


async def test_calls_that_go_on_asking_spend_no_more_than_the_day_allows() -> None:
    company = await a_company(scheme="unlimited")
    await guard(company, daily_cap=Decimal("40"))
    answers = await asyncio.gather(*(company.authorise() for _ in range(20)))
    talks = {answer.hold_id: answer.max_seconds for answer in answers if isinstance(answer, Allow)}
    assert talks

    async def talk(hold_id: int) -> None:
        for _ in range(15):
            async with domain_transaction(company.actor) as tx:
                talks[hold_id] = await holds.extend(tx, hold_id, talked_seconds=talks[hold_id])

    await asyncio.gather(*(talk(hold_id) for hold_id in talks))
    assert (await company.account())["held"] <= 40
    await take_in(company.node_id, [a_record(company, talked=seconds, hold=hold) for hold, seconds in talks.items()])
    assert -40 <= await company.balance() < -30
    async with platform_transaction(STAFF) as tx:
        assert not [one for one in await check_books(tx) if one.domain_id == company.id]


async def test_a_lone_call_at_the_end_of_the_day_s_money_stops_paid_calls_with_one_letter() -> None:
    company = await a_world_company()
    await with_address(company)
    await guard(company, daily_cap=Decimal("3"))
    answer = await company.authorise()
    assert isinstance(answer, Allow)
    async with domain_transaction(company.actor) as tx:
        talked = [await holds.extend(tx, answer.hold_id, talked_seconds=seconds) for seconds in (50, 100, 110)]
    assert (answer.max_seconds, *talked) == (60, 120, 120, 120)
    assert [await company.authorise() for _ in range(3)] == [Deny("guard_stopped")] * 3
    assert isinstance(await company.authorise("88005553535"), Allow)  # costs nothing
    assert await told(company) == (["guard_stopped"], ["paid calls are stopped"])
    body = await company_letter(company)
    assert "the daily cap of 3.00\u00a0₽ is used up" in body
    stop = await company.fetchrow("SELECT until, started_at FROM guard_stop WHERE domain_id = $1", company.id)
    assert timedelta(0) < stop["until"] - stop["started_at"] <= timedelta(days=1)


async def company_letter(company: Company) -> str:
    async with platform_transaction(STAFF) as tx:
        return await tx.fetchval("SELECT body FROM mail_message WHERE domain_id = $1 ORDER BY id DESC LIMIT 1",
                                 company.id)


async def test_the_day_s_money_comes_back_with_the_day() -> None:
    company = await a_world_company()
    await with_address(company)
    await guard(company, daily_cap=Decimal("1.50"))
    answer = await company.authorise()
    assert isinstance(answer, Allow)
    await take_in(company.node_id, [a_record(company, talked=60, hold=answer.hold_id)])
    assert await company.authorise() == Deny("guard_cap")
    assert await company.authorise() == Deny("guard_stopped")
    async with platform_transaction(STAFF) as tx:  # as if it had been yesterday
        await tx.execute("UPDATE guard_stop SET until = now() - interval '1 s' WHERE domain_id = $1", company.id)
        await tx.execute("UPDATE guard_day SET day = day - 1 WHERE domain_id = $1", company.id)
    await sweep({})
    await sweep({})
    assert isinstance(await company.authorise(), Allow)
    assert (await told(company))[0] == ["guard_stopped", "guard_released"]
    assert (await told(company))[1] == ["paid calls are stopped", "paid calls work again"]


async def test_orphans_and_late_rated_calls_count_into_the_day() -> None:
    company = await a_world_company()
    answer = await company.authorise()
    assert isinstance(answer, Allow)
    async with domain_transaction(company.actor) as tx:
        await holds.mark_answered(tx, answer.hold_id, channel="PJSIP/t1-1", at=tx.now - timedelta(seconds=61))
        await close_orphan(tx, answer.hold_id)
    await take_in(company.node_id, [a_record(company, talked=60, b_number="999123456789", uniqueid=channel())])
    async with platform_transaction(STAFF) as tx:
        await tx.execute("UPDATE call SET cost = 7, rating = 'rated' WHERE domain_id = $1 AND rating = 'unrated'",
                         company.id)
    day = await company.fetchrow("SELECT spent, day = billing_day(now()) AS is_today FROM guard_day "
                                 "WHERE domain_id = $1", company.id)
    assert (day["spent"], day["is_today"]) == (Decimal("10"), True)


async def test_the_administrator_lifts_up_to_the_provider_s_amount_and_the_provider_beyond() -> None:
    company = await a_company("1000")
    await guard(company, daily_cap=Decimal("1.50"), max_daily_cap=Decimal("3"))

    async def spend() -> None:
        answer = await company.authorise()
        assert isinstance(answer, Allow)
        await take_in(company.node_id, [a_record(company, talked=60, hold=answer.hold_id)])
        assert await company.authorise() == Deny("guard_cap")

    await spend()
    async with domain_transaction(company.actor) as tx:
        assert await hits.lift(tx) == 1
    await spend()
    async with domain_transaction(company.actor) as tx:
        with pytest.raises(Refused, match="provider"):
            await hits.lift(tx)
    async with platform_transaction(STAFF) as tx:
        assert await hits.lift(await tx.enter_domain(company.id), by_provider=True) == 1
    await spend()
    async with domain_transaction((await a_company()).actor) as tx:
        with pytest.raises(NotFound):
            await hits.lift(tx)


async def test_a_raised_cap_lets_calls_go_on_and_no_more_than_the_provider_allows() -> None:
    company = await a_company("1000")
    await guard(company, daily_cap=Decimal("1.50"), max_daily_cap=Decimal("30"))
    answer = await company.authorise()
    assert isinstance(answer, Allow)
    await take_in(company.node_id, [a_record(company, talked=60, hold=answer.hold_id)])
    assert await company.authorise() == Deny("guard_cap")
    for looser in (Decimal("30.01"), Decimal(0)):
        async with domain_transaction(company.actor) as tx:
            with pytest.raises(InvalidFields) as wrong:
                await save_amounts(tx, Amounts(looser, None, None))
        assert isinstance(wrong.value.facts["fields"], dict)
    async with domain_transaction(company.actor) as tx:
        assert await save_amounts(tx, Amounts(Decimal("30"), None, None))
        assert not await save_amounts(tx, Amounts(Decimal("30"), None, None))
    assert isinstance(await company.authorise(), Allow)
    assert (await told(company))[0] == ["guard_stopped", "guard_changed", "guard_released"]


# --- how fast and how many ---------------------------------------------------------------------------


async def test_so_many_paid_calls_begin_within_a_minute() -> None:
    company = await a_world_company()
    await guard(company, calls_per_minute=5)
    answers = await asyncio.gather(*(company.authorise() for _ in range(12)))
    assert sorted(str(type(one).__name__) for one in answers) == ["Allow"] * 5 + ["Deny"] * 7
    assert {one for one in answers if isinstance(one, Deny)} == {Deny("guard_rate")}
    assert isinstance(await company.authorise("88005553535"), Allow)  # free, and not counted
    async with platform_transaction(STAFF) as tx:
        await tx.execute("UPDATE hold SET created_at = created_at - interval '61 s' WHERE domain_id = $1", company.id)
    assert isinstance(await company.authorise(), Allow)
    assert not await stops(company)


async def test_so_many_paid_calls_at_once_also_without_a_balance_to_hold() -> None:
    company = await a_world_company(scheme="unlimited")
    await guard(company, daily_cap=Decimal(0), parallel_calls=2)
    answers = await asyncio.gather(*(company.authorise() for _ in range(6)))
    allowed = [one for one in answers if isinstance(one, Allow)]
    assert len(allowed) == 2
    assert {one for one in answers if isinstance(one, Deny)} == {Deny("guard_parallel")}
    async with domain_transaction(company.actor) as tx:
        await holds.release(tx, allowed[0].hold_id)
    assert isinstance(await company.authorise(), Allow)


async def test_many_refusals_stop_paid_calls_once_until_they_are_lifted() -> None:
    company = await a_world_company()
    await with_address(company)
    await guard(company, calls_per_minute=2)
    answers = [await company.authorise() for _ in range(25)]
    reasons = [one.reason for one in answers if isinstance(one, Deny)]
    assert reasons == ["guard_rate"] * 20 + ["guard_stopped"] * 3
    assert await told(company) == (["guard_refused", "guard_stopped"], ["a paid call was refused",
                                                                        "paid calls are stopped"])
    async with domain_transaction(company.actor) as tx:
        assert await hits.lift(tx) == 1
    assert await company.authorise() == Deny("guard_rate")  # and not stopped again at once
    assert not await stops(company)


async def test_a_stopped_domain_talks_on_what_it_holds() -> None:
    company = await a_company("100")
    answer = await company.authorise()
    assert isinstance(answer, Allow)
    async with domain_transaction(company.actor) as tx:
        await hits.start(tx, hits.REPEATED, "guard_rate:20", None)
        assert await holds.extend(tx, answer.hold_id, talked_seconds=800) == answer.max_seconds


# --- where to ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialled", ["8105371234567", "+5371234567", "810 53 7123-45-67"])
async def test_a_forbidden_prefix_in_every_way_of_dialling(dialled: str) -> None:
    company = await a_world_company()
    async with domain_transaction(company.actor) as tx:
        await save_lists(tx, Lists("+53", "+5371234568", None, None, None))
    assert await company.authorise(dialled) == Deny("guard_forbidden")
    assert isinstance(await company.authorise("8105371234568"), Allow)
    assert isinstance(await company.authorise(MOSCOW), Allow)
    abroad = await a_world_company(country="DE", area_code="30")
    await guard(abroad, forbidden=["53"])
    assert await abroad.authorise("005371234567") == Deny("guard_forbidden")


async def test_a_national_number_is_forbidden_in_all_its_forms() -> None:
    company = await a_world_company(area_code="495")
    await guard(company, forbidden=["74951"])
    for dialled in (MOSCOW, "+74951234567", "74951234567", "4951234567", "1234567"):
        assert await company.authorise(dialled) == Deny("guard_forbidden"), dialled
    assert isinstance(await company.authorise("84957654321"), Allow)


async def test_premium_and_satellite_numbers_unless_the_domain_says_so() -> None:
    company = await a_world_company()
    assert [await company.authorise(one) for one in (PREMIUM, "+881612345678")] == [Deny("guard_forbidden")] * 2
    async with domain_transaction(company.actor) as tx:
        await save_lists(tx, Lists("", "", None, False, None))
    assert isinstance(await company.authorise(PREMIUM), Allow)
    async with platform_transaction(STAFF) as tx:
        await save_bounds(await tx.enter_domain(company.id), Bounds(None, None, "8809", ""))
    assert await company.authorise(PREMIUM) == Deny("guard_forbidden")
    assert (await company.account())["held"] == 240  # of the call that was let through


async def test_every_user_of_the_company_and_every_leg() -> None:
    company, other = await a_world_company(), await a_world_company()
    await guard(company, forbidden=["53"])
    petrov = await a_user(company.actor, "petrov", "102")
    assert await company.authorise(CUBA, user_id=petrov) == Deny("guard_forbidden")
    redirected = Question("pbx1", company.id, petrov, CUBA, channel(), is_redirected=True)
    assert await authorise(redirected) == Deny("guard_forbidden")
    assert isinstance(await other.authorise(CUBA), Allow)


async def test_in_trial_the_same_limits_hold_but_for_the_money() -> None:
    company = await a_company(commercial=False)
    await guard(company, daily_cap=Decimal("0.01"), calls_per_minute=2, forbidden=["74957"])
    assert await company.authorise("84957654321") == Deny("guard_forbidden")
    assert isinstance(await company.authorise(), Allow)
    assert isinstance(await company.authorise(), Allow)
    assert await company.authorise() == Deny("guard_rate")


async def test_a_refused_question_of_the_same_channel_is_not_another_call() -> None:
    company = await a_world_company()
    await guard(company, calls_per_minute=1)
    uniqueid = channel()
    first = await company.authorise(uniqueid=uniqueid)
    assert isinstance(first, Allow)
    assert [await company.authorise(uniqueid=uniqueid) for _ in range(3)] == [first] * 3


async def test_credit_without_the_panel_only_where_no_own_rule_is_passed_over() -> None:
    company = await a_world_company(scheme="credit")
    answer = await company.authorise()
    assert isinstance(answer, Allow)
    assert answer.offline_seconds > 0
    await guard(company, forbidden=["7495765"])
    answer = await company.authorise()
    assert isinstance(answer, Allow)
    assert answer.offline_seconds == 0


# --- new destinations --------------------------------------------------------------------------------


async def test_the_first_call_to_a_country_is_told_once() -> None:
    company = await a_world_company()
    await with_address(company)
    for dialled in (CUBA, CUBA, MOSCOW, "8105371234999"):
        assert isinstance(await company.authorise(dialled), Allow)
    assert await told(company) == (["guard_destination_new"], ["first call to Cuba"])
    async with platform_transaction(STAFF) as tx:
        await tx.execute("UPDATE guard_destination SET called_at = now() - interval '91 days' WHERE domain_id = $1",
                         company.id)
    assert isinstance(await company.authorise(CUBA), Allow)
    assert (await told(company))[0] == ["guard_destination_new"] * 2


async def test_a_new_country_waits_for_a_confirmation() -> None:
    company = await a_world_company()
    await with_address(company)
    await guard(company, new_destination="block")
    assert [await company.authorise(CUBA) for _ in range(3)] == [Deny("guard_new")] * 3
    assert isinstance(await company.authorise(MOSCOW), Allow)
    assert await told(company) == (["guard_destination_new"], ["first call to Cuba"])
    async with domain_transaction(company.actor) as tx:
        with pytest.raises(NotFound):
            await hits.confirm(tx, "GB")
        await hits.confirm(tx, "CU")
    assert isinstance(await company.authorise(CUBA), Allow)
    assert await company.authorise("+442079460018") == Deny("guard_new")


async def test_only_outside_working_hours() -> None:
    company = await a_world_company()
    await guard(company, new_destination="block", only_outside_hours=True, work_days="1234567", work_from=_time("00:00"),
                work_until=_time("23:59:59.999999"))
    assert isinstance(await company.authorise(CUBA), Allow)
    await guard(company, work_days="")
    assert await company.authorise("+442079460018") == Deny("guard_new")
    assert isinstance(await company.authorise(CUBA), Allow)  # known by now


def _time(text: str):
    from datetime import time

    return time.fromisoformat(text)


async def test_a_call_that_no_money_pays_for_is_no_call_to_a_country() -> None:
    company = await a_world_company("1.50")
    assert await company.authorise(CUBA) == Deny("funds")
    assert await company.fetchrow("SELECT 1 FROM guard_destination WHERE domain_id = $1", company.id) is None


# --- tenancy -----------------------------------------------------------------------------------------


async def test_a_domain_cannot_set_the_provider_s_bounds() -> None:
    import asyncpg

    company, other = await a_company(), await a_company()
    for column in ("max_daily_cap", "max_calls_per_minute"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with domain_transaction(company.actor) as tx:
                await tx.execute(f"INSERT INTO domain_guard (domain_id, {column}) VALUES ($1, 1)", company.id)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with domain_transaction(company.actor) as tx:
            await tx.execute("INSERT INTO domain_guard (domain_id, daily_cap) VALUES ($1, 1)", other.id)


# --- everything at once ------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
async def test_random_calls_side_by_side_never_pass_the_cap(seed: int) -> None:
    chance = random.Random(seed)
    company = await a_world_company("500", scheme=chance.choice(["prepaid", "unlimited"]))
    cap = Decimal(chance.choice(["7.50", "61", "130"]))
    await guard(company, daily_cap=cap, premium=False)

    async def caller() -> None:
        for _ in range(chance.randrange(1, 4)):
            answer = await company.authorise(chance.choice([MOSCOW, CUBA, PREMIUM, "+442079460018"]))
            if not isinstance(answer, Allow):
                continue
            seconds = answer.max_seconds
            for _ in range(chance.randrange(3)):
                async with domain_transaction(company.actor) as tx:
                    seconds = await holds.extend(tx, answer.hold_id, talked_seconds=seconds)
            talked = chance.choice([0, 1, seconds // 2, seconds])
            await take_in(company.node_id, [a_record(company, talked=talked, hold=answer.hold_id)])

    await asyncio.gather(*(caller() for _ in range(15)))
    row = await company.fetchrow(
        "SELECT (SELECT sum(spent) FROM guard_day WHERE domain_id = $1) AS spent, (SELECT -sum(amount) FROM entry "
        "WHERE domain_id = $1 AND account = 'domain' AND amount < 0) AS posted, (SELECT held FROM account "
        "WHERE domain_id = $1) AS held", company.id)
    assert row["spent"] == row["posted"]
    assert (row["spent"] or 0) <= cap
    assert row["held"] == 0


async def test_a_call_that_the_cap_does_not_cover_is_told_once() -> None:
    company = await a_world_company()
    await with_address(company)
    await guard(company, daily_cap=Decimal("30"))
    assert isinstance(await company.authorise(), Allow)
    assert [await company.authorise(CUBA) for _ in range(25)] == [Deny("guard_cap")] * 25  # 60 is more than a day's
    assert await told(company) == (["guard_refused"], ["a paid call was refused"])
    assert isinstance(await company.authorise(), Allow)
