"""From records to calls, postings and balances."""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from redis.asyncio import Redis

from app.kernel.db import domain_transaction, platform_transaction
from app.settings import settings
from billing.books.checks import check_books
from billing.holds import service as holds
from pbx_provisioning.authorise.question import Allow, Deny
from pbx_provisioning.intake import live
from pbx_provisioning.intake import service as intake
from pbx_provisioning.intake.service import take_in
from tests.db.billing_factories import a_company, a_record, a_user, channel
from tests.db.factories import STAFF, a_tariff

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]


async def differences(*companies) -> list:
    async with platform_transaction(STAFF) as tx:
        return [one for one in await check_books(tx) if one.domain_id in {company.id for company in companies}]


@pytest.mark.req("FIN-62")
async def test_sixty_five_seconds_at_one_fifty_a_minute_cost_three() -> None:
    company = await a_company("100")
    uniqueid = channel()
    answer = await company.authorise(uniqueid=uniqueid)
    assert isinstance(answer, Allow)
    assert (await company.account())["held"] > 0
    await take_in(company.node_id, [a_record(company, talked=65, uniqueid=uniqueid, hold=answer.hold_id)])
    assert tuple((await company.account()).values()) == (Decimal("97.00"), Decimal(0))
    call = await company.fetchrow("SELECT * FROM call WHERE domain_id = $1", company.id)
    assert (call["cost"], call["rating"], call["talk_seconds"], call["hold_id"]) == (
        Decimal("3.00"), "rated", 65, answer.hold_id)
    assert call["charge"]["prefix"] == "7"
    entry = await company.fetchrow(
        "SELECT e.amount, e.balance_after, p.kind, p.quantity, p.service FROM entry e JOIN posting p ON p.id = "
        "e.posting_id WHERE p.id = $1 AND e.account = 'domain'", call["posting_id"])
    assert tuple(entry.values()) == (Decimal("-3.00"), Decimal("97.00"), "call", 65, "to 7")
    assert not await differences(company)


@pytest.mark.parametrize("seed", range(3))
async def test_every_record_three_times_in_any_order_is_charged_once(seed: int) -> None:
    chance = random.Random(seed)
    companies = [await a_company("1000") for _ in range(3)]
    records = [a_record(chance.choice(companies), talked=chance.choice([0, 1, 59, 60, 61, 200])) for _ in range(60)]
    deliveries = records * 3
    chance.shuffle(deliveries)
    node = companies[0].node_id
    while deliveries:
        size = chance.randint(1, 40)
        batch, deliveries = deliveries[:size], deliveries[size:]
        await take_in(node, batch)
    for company in companies:
        own = [record for record in records if record.domain_id == company.id]
        minutes = sum(-(-int(record.billsec) // 60) for record in own)
        assert await company.balance() == 1000 - Decimal("1.50") * minutes
        row = await company.fetchrow("SELECT count(*), sum(cost) AS cost FROM call WHERE domain_id = $1", company.id)
        assert (row["count"], row["cost"] or 0) == (len(own), Decimal("1.50") * minutes)
    assert not await differences(*companies)


async def test_the_same_batch_at_the_same_time_is_charged_once() -> None:
    company, other = await a_company("100"), await a_company("100")
    records = [a_record(one, talked=30) for one in (company, other) * 10]
    await asyncio.gather(*(take_in(company.node_id, random.sample(records, len(records))) for _ in range(5)))
    assert await company.balance() == await other.balance() == Decimal("85.00")
    assert not await differences(company, other)


async def test_internal_calls_delivered_at_the_same_time_are_there_once() -> None:
    """No account is locked for them, so that only their key keeps the deliveries apart."""
    company = await a_company("0")
    records = [a_record(company, direction="internal", b_number="102", uniqueid=channel()) for _ in range(60)]
    await asyncio.gather(*(take_in(company.node_id, records) for _ in range(5)))
    assert (await company.fetchrow("SELECT count(*) AS n FROM call WHERE domain_id = $1", company.id))["n"] == 60
    async with platform_transaction(STAFF) as tx:
        assert not await tx.fetchval("SELECT count(*) FROM record_quarantine WHERE uniqueid = ANY($1::text[])",
                                     [record.uniqueid for record in records])


async def test_a_failure_before_the_commit_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process dies after the postings are written: neither call nor charge remains, the repeat does it all."""
    company = await a_company("100")
    answer = await company.authorise(uniqueid="dies.1" + channel())
    assert isinstance(answer, Allow)
    record = a_record(company, hold=answer.hold_id)

    async def dies(*_arguments: object) -> None:
        raise ConnectionError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(intake, "_block_where_due", dies)  # the last step before the commit
        with pytest.raises(ConnectionError):
            await take_in(company.node_id, [record])
    assert await company.balance() == 100
    assert (await company.account())["held"] > 0
    assert await company.fetchrow("SELECT 1 FROM call WHERE domain_id = $1", company.id) is None
    await take_in(company.node_id, [record])
    assert await company.balance() == 97
    assert not await differences(company)


async def test_a_bad_record_goes_to_quarantine_and_the_rest_is_taken_in() -> None:
    company = await a_company("100")
    good = [a_record(company, talked=10) for _ in range(4)]
    nobody = a_record(company, domain_id=999_999_999, account_code="")
    spoilt = a_record(company, number="nul\x00")
    await take_in(company.node_id, [good[0], nobody, good[1], spoilt, *good[2:]])
    assert await company.balance() == 94
    async with platform_transaction(STAFF) as tx:
        rows = await tx.fetch("SELECT uniqueid, reason FROM record_quarantine WHERE uniqueid = ANY($1)",
                              [nobody.uniqueid, spoilt.uniqueid])
    assert {row["uniqueid"]: row["reason"] for row in rows} == {
        nobody.uniqueid: "no_domain", spoilt.uniqueid: "defect"}


async def test_a_user_or_hold_of_another_domain_is_not_believed() -> None:
    company, other = await a_company("100"), await a_company("100")
    answer = await other.authorise()
    assert isinstance(answer, Allow)
    await take_in(company.node_id, [a_record(company, user_id=other.user_id, hold=answer.hold_id)])
    call = await company.fetchrow("SELECT user_id, hold_id, cost FROM call WHERE domain_id = $1", company.id)
    assert tuple(call.values()) == (None, None, Decimal("3.00"))
    assert (await other.account())["held"] > 0
    assert await other.balance() == 100
    assert not await differences(company, other)


async def test_clocks_gone_wrong_lose_no_record() -> None:
    company = await a_company("100")
    old = a_record(company, talked=61, ended=datetime(1970, 1, 2, tzinfo=UTC))
    far = a_record(company, talked=1, ended=datetime(2101, 1, 1, tzinfo=UTC))
    back = replace(a_record(company), answered_at=datetime.now(UTC) + timedelta(hours=1))
    await take_in(company.node_id, [old, far, back])
    row = await company.fetchrow("SELECT count(*), sum(cost) AS cost, min(talk_seconds) AS least FROM call "
                                 "WHERE domain_id = $1", company.id)
    assert (row["count"], row["cost"], row["least"]) == (3, Decimal("4.50"), 0)


@pytest.mark.req("FIN-57")
async def test_a_call_without_a_rate_is_kept_unrated() -> None:
    company = await a_company("100")
    await take_in(company.node_id, [a_record(company, b_number="4930123456")])
    call = await company.fetchrow("SELECT rating, cost, posting_id FROM call WHERE domain_id = $1", company.id)
    assert tuple(call.values()) == ("unrated", 0, None)
    assert await company.balance() == 100


@pytest.mark.req("FIN-59", "FIN-61")
async def test_calls_that_cost_nothing_leave_no_posting() -> None:
    company = await a_company("100", tariff_id=await a_tariff(("7", "0")))
    await take_in(company.node_id, [a_record(company, talked=0), a_record(company, talked=30)])
    rows = await company.fetchrow("SELECT count(*) AS calls, (SELECT count(*) FROM posting WHERE domain_id = $1 "
                                  "AND kind = 'call') AS postings FROM call WHERE domain_id = $1", company.id)
    assert tuple(rows.values()) == (2, 0)


@pytest.mark.req("FIN-54")
async def test_internal_and_incoming_calls_are_free() -> None:
    company = await a_company("100")
    called = await a_user(company.actor, "petrov", "102")
    await take_in(company.node_id, [
        a_record(company, direction="internal", b_number="102", number="", trunk=""),
        a_record(company, direction="in", a_number="79161234567", b_number="74950000001")])
    async with domain_transaction(company.actor) as tx:
        rows = await tx.fetch("SELECT direction, peer_user_id, rating FROM call WHERE domain_id = $1 "
                              "ORDER BY direction", tx.domain_id)
    assert [tuple(row.values()) for row in rows] == [("in", None, "free"), ("internal", called, "free")]
    assert await company.balance() == 100


@pytest.mark.req("PICK-14")
@pytest.mark.parametrize("direction", ["internal", "in"])
async def test_the_phone_whose_call_was_picked_up_did_not_answer(direction: str) -> None:
    """Asterisk's race at a pickup: the first record is answered and over in one instant."""
    company = await a_company("0")
    rang, now = channel(), datetime.now(UTC)
    taken = replace(a_record(company, direction=direction, b_number="102", uniqueid=rang, ended=now), answered_at=now)
    await take_in(company.node_id, [
        taken, a_record(company, direction=direction, b_number="102", uniqueid=rang, sequence=5)])
    async with platform_transaction(STAFF) as tx:
        rows = await tx.fetch("SELECT result, talk_seconds FROM call WHERE domain_id = $1 ORDER BY sequence", company.id)
    assert [tuple(row.values()) for row in rows] == [("no_answer", 0), ("answered", 65)]


async def test_price_stays_as_authorised() -> None:
    company = await a_company("100")
    answer = await company.authorise()
    assert isinstance(answer, Allow)
    dear = await a_tariff(("7", "9.00"))
    async with domain_transaction(company.actor) as tx:
        await tx.execute("UPDATE account SET tariff_id = $2 WHERE domain_id = $1", tx.domain_id, dear)
    await take_in(company.node_id, [a_record(company, hold=answer.hold_id)])
    assert await company.balance() == 97


@pytest.mark.req("FIN-05", "FIN-D1")
async def test_credit_at_its_limit_is_blocked_at_once() -> None:
    company = await a_company("3", scheme="credit")
    async with domain_transaction(company.actor) as tx:
        await tx.execute("UPDATE account SET credit_limit = 6 WHERE domain_id = $1", tx.domain_id)
    await take_in(company.node_id, [a_record(company, talked=330)])  # 9.00 without a hold: the limit is reached
    assert await company.balance() == -6
    blocked = await company.fetchrow("SELECT kind FROM domain_block WHERE domain_id = $1 AND ended_at IS NULL",
                                     company.id)
    assert blocked["kind"] == "financial"
    assert await company.authorise() == Deny("blocked")


@pytest.mark.req("ACC-D1")
async def test_trial_minutes_are_used_second_by_second() -> None:
    company = await a_company(commercial=False)
    answer = await company.authorise()
    assert isinstance(answer, Allow)
    await take_in(company.node_id, [a_record(company, talked=65, hold=answer.hold_id)])
    row = await company.fetchrow("SELECT trial_seconds_left FROM domain WHERE id = $1", company.id)
    assert row["trial_seconds_left"] == 3000 - 65
    assert tuple((await company.account()).values()) == (0, 0)


async def test_an_orphan_is_charged_until_last_seen_and_its_late_record_is_not() -> None:
    company = await a_company("100")
    uniqueid = channel()
    answer = await company.authorise(uniqueid=uniqueid)
    assert isinstance(answer, Allow)
    seen_at = datetime.now(UTC)
    async with domain_transaction(company.actor) as tx:
        assert await holds.mark_answered(tx, answer.hold_id, channel="PJSIP/trunk1-3",
                                         at=seen_at - timedelta(seconds=61))
        assert await holds.close_orphan(tx, answer.hold_id)
        assert not await holds.close_orphan(tx, answer.hold_id)
    assert tuple((await company.account()).values()) == (97, 0)
    await take_in(company.node_id, [a_record(company, talked=200, uniqueid=uniqueid, hold=answer.hold_id)])
    assert await company.balance() == 97
    row = await company.fetchrow("SELECT count(*), min(sequence) AS sequence FROM call WHERE domain_id = $1",
                                 company.id)
    assert tuple(row.values()) == (1, -1)
    assert not await differences(company)


async def test_no_orphan_when_the_record_was_first() -> None:
    company = await a_company("100")
    answer = await company.authorise()
    assert isinstance(answer, Allow)
    await take_in(company.node_id, [a_record(company, hold=answer.hold_id)])
    async with domain_transaction(company.actor) as tx:
        assert not await holds.close_orphan(tx, answer.hold_id)
        assert not await holds.mark_answered(tx, answer.hold_id, channel="late", at=tx.now)
    assert tuple((await company.account()).values()) == (97, 0)


async def test_a_second_trunk_opens_the_hold_again() -> None:
    """The record of the failed first attempt came in while the second one rang."""
    company = await a_company("100")
    answer = await company.authorise()
    assert isinstance(answer, Allow)
    held = (await company.account())["held"]
    await take_in(company.node_id, [a_record(company, talked=0, hold=answer.hold_id, disposition="NO ANSWER")])
    assert (await company.account())["held"] == 0
    async with domain_transaction(company.actor) as tx:
        assert await holds.mark_answered(tx, answer.hold_id, channel="PJSIP/trunk2-1", at=tx.now)
    assert (await company.account())["held"] == held
    assert not await differences(company)


@pytest.mark.parametrize(("talked", "seconds"), [(0.3, 1), (59.6, 60), (60.04, 60), (60.5, 61)])
async def test_free_calls_are_counted_in_seconds_like_paid_ones(talked: float, seconds: int) -> None:
    company = await a_company("100.00")
    kinds = [{"direction": "out"}, {"direction": "internal", "b_number": "102"}, {"direction": "in"}]
    await take_in(company.node_id, [a_record(company, talked=talked, **kind) for kind in kinds])
    row = await company.fetchrow("SELECT array_agg(talk_seconds) AS found FROM call WHERE domain_id = $1", company.id)
    assert row["found"] == [seconds] * 3


async def test_talk_beyond_the_hold_is_not_charged() -> None:
    company = await a_company("1.50")
    answer = await company.authorise()
    assert isinstance(answer, Allow)
    assert answer.max_seconds == 60
    await take_in(company.node_id, [a_record(company, talked=3700, hold=answer.hold_id)])
    assert await company.balance() == 0


async def test_quarantine_is_read_behind_the_platform_door_only() -> None:
    import asyncpg

    company = await a_company()
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await company.fetchrow("SELECT * FROM record_quarantine")




async def test_open_pages_are_told_and_a_missing_cache_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    company = await a_company("100")
    redis = Redis.from_url(settings().redis_url)
    async with redis.pubsub(ignore_subscribe_messages=True) as pubsub:
        await pubsub.subscribe(f"domain:{company.id}")
        await pubsub.get_message(timeout=1)
        await take_in(company.node_id, [a_record(company)])
        told = []
        while message := await pubsub.get_message(timeout=1):
            told.append(json.loads(message["data"]))
    await redis.aclose()
    assert [(one["kind"], one.get("cost") or one["balance"]) for one in told] == [
        ("call", "3.00"), ("balance", "97.00")]
    monkeypatch.setattr(live, "_redis", lambda: Redis.from_url("redis://127.0.0.1:1"))
    await take_in(company.node_id, [a_record(company)])
    monkeypatch.setattr(live, "_not_before", 0.0)
    assert await company.balance() == 94


async def test_a_failed_trunk_keeps_the_money_for_the_next_one() -> None:
    company = await a_company("3.00")
    uniqueid = channel()
    answer = await company.authorise(uniqueid=uniqueid)
    assert isinstance(answer, Allow)
    held = (await company.account())["held"]
    attempt = a_record(company, talked=0, uniqueid=uniqueid, hold=answer.hold_id, disposition="CONGESTION", sequence=1)
    await take_in(company.node_id, [attempt])
    assert (await company.account())["held"] == held > 0
    end = a_record(company, talked=0, uniqueid=uniqueid, hold=answer.hold_id, disposition="CONGESTION", reason="trunk",
                   sequence=2)
    await take_in(company.node_id, [end])
    assert (await company.account())["held"] == 0
