"""Recording as a paid service: who is recorded, what it costs, how long recordings stay."""

from __future__ import annotations

import io
import wave
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from app.kernel import clock
from app.kernel.actors import Actor
from app.kernel.db import domain_transaction, platform_transaction
from app.kernel.errors import Forbidden, InvalidFields, NotFound, Refused
from app.modules.recording import jobs, queries, service
from app.modules.recording.services import affected
from billing.services import plans
from billing.services import service as services
from pbx_provisioning.agent.media import MediaSpool
from tenants.media import Media
from tenants.users import service as users
from tests.db import billing_factories as world
from tests.db.factories import STAFF
from tests.db.services_world import a_company, a_service, balance, ledger

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

DECEMBER = datetime(2020, 12, 1, 15, 33, tzinfo=ZoneInfo("Europe/Moscow"))
PLAN = a_service("recording", "special", "70.00")


async def people(actor: Actor, count: int) -> list[int]:
    return [await world.a_user(actor, f"user{number}", str(200 + number)) for number in range(count)]


async def switch(actor: Actor, ids: list[int] | None, to: bool = True) -> int:
    async with domain_transaction(actor) as tx:
        return await service.switch(tx, ids, to)


async def on(actor: Actor) -> int:
    async with domain_transaction(actor) as tx:
        return (await queries.counter(tx)).on


@pytest.mark.req("T19", "REC-10", "GEN-D1")
async def test_one_user() -> None:
    with clock.at(DECEMBER):
        actor = await a_company(PLAN, money="9906161.91")
        user_id, _other = await people(actor, 2)
        assert await switch(actor, [user_id]) == 1
        assert await switch(actor, [user_id]) == 0  # a repeat costs nothing
    assert await ledger(actor) == [("connection", "recording", 1, 0),
                                   ("subscription_fee", "recording", 1, Decimal("-2.26"))]
    assert await balance(actor) == Decimal("9906159.65")
    async with domain_transaction(actor) as tx:
        told = await tx.fetch("SELECT object_id, changes FROM action_history WHERE domain_id = $1 "
                              "AND action = 'recording_switched'", tx.domain_id)
        wanted = await tx.fetchval("SELECT reason FROM provisioning_state WHERE domain_id = $1", tx.domain_id)
    assert [row["object_id"] for row in told] == [user_id]
    assert wanted == "recording_switched"


@pytest.mark.req("SVC-D11", "REC-D3", "REC-24", "REC-25")
async def test_a_group_is_one_pair_of_rows() -> None:
    with clock.at(DECEMBER):
        actor = await a_company(PLAN, money="100")
        ids = await people(actor, 3)
        assert await switch(actor, ids[:2]) == 2
        assert await switch(actor, None) == 1  # only who was off
        assert await switch(actor, None, False) == 3
    assert await ledger(actor) == [
        ("connection", "recording", 2, 0), ("subscription_fee", "recording", 2, Decimal("-4.52")),
        ("connection", "recording", 1, 0), ("subscription_fee", "recording", 1, Decimal("-2.26")),
        ("disconnection", "recording", -3, 0)]
    assert await on(actor) == 0


@pytest.mark.req("REC-D3", "SVC-30")
async def test_all_or_none() -> None:
    with clock.at(DECEMBER):
        actor = await a_company(PLAN, money="5")
        ids = await people(actor, 3)  # 6.78 are wanted
        with pytest.raises(Refused) as refused:
            await switch(actor, ids)
    assert refused.value.code == "funds"
    assert await on(actor) == 0
    assert await ledger(actor) == []


@pytest.mark.req("GEN-D5")
async def test_without_the_service() -> None:
    actor = await a_company(money="100")
    (user_id,) = await people(actor, 1)
    with pytest.raises(Forbidden):
        await switch(actor, [user_id])
    async with domain_transaction(actor) as tx:
        with pytest.raises(Forbidden):
            await service.keep_for(tx, 6)


async def test_a_user_of_another_domain() -> None:
    actor, other = await a_company(PLAN, money="100"), await a_company(PLAN)
    (own,), (foreign,) = await people(actor, 1), await people(other, 1)
    with pytest.raises(NotFound):
        await switch(actor, [own, foreign])
    assert await on(actor) == 0


@pytest.mark.req("REC-D2", "REC-04", "USR-77")
async def test_a_user_is_deleted() -> None:
    actor = await a_company(PLAN, money="100")
    first, _second = await people(actor, 2)
    await switch(actor, [first])
    async with domain_transaction(actor) as tx:
        await tx.execute("UPDATE domain_user SET is_admin = true WHERE domain_id = $1 AND id <> $2", tx.domain_id, first)
        await users.delete_user(tx, first)
    assert ("disconnection", "recording", -1, Decimal(0)) in await ledger(actor)
    async with domain_transaction(actor) as tx:
        assert {row.code: row.instances for row in await services.rows(tx)}["recording"] == 0


@pytest.mark.req("REC-D4")
async def test_a_longer_term_costs_more_from_the_next_charge() -> None:
    actor = await a_company(PLAN, money="100")
    await switch(actor, await people(actor, 2))
    before = await balance(actor)
    async with domain_transaction(actor) as tx:
        assert await queries.months(tx) == 1
        assert (await service.fee(tx, 150)).amount == 210
        assert await service.keep_for(tx, 6)
        assert not await service.keep_for(tx, 6)
        with pytest.raises(InvalidFields):
            await service.keep_for(tx, 5)
    async with domain_transaction(actor) as tx:
        row = {row.code: row for row in await services.rows(tx)}["recording"]
    assert row.unit.amount == 105
    assert row.total.amount == 210
    assert await balance(actor) == before


@pytest.mark.req("SVC-35", "SVC-D5", "SVC-D10")
async def test_the_service_leaves_the_plan() -> None:
    actor = await a_company(PLAN, money="100")
    await switch(actor, await people(actor, 2))
    bare = await a_company()
    async with domain_transaction(bare) as tx:
        tariff = await tx.fetchval("SELECT tariff_id FROM account WHERE domain_id = $1", tx.domain_id)
    async with domain_transaction(actor) as tx:
        assert [row.code for row in await plans.leaving(tx, tariff)] == ["recording"]
        assert [(one.names, one.total) for one in await affected(tx)] == [(["user0", "user1"], 2)]
        await tx.execute("UPDATE account SET tariff_id = $2 WHERE domain_id = $1", tx.domain_id, tariff)
        assert await plans.drop_missing(tx) == ["recording"]
    assert await on(actor) == 0
    assert ("disconnection", "recording", -2, Decimal(0)) in await ledger(actor)


# --- what was recorded ------------------------------------------------------------------------------


async def a_talk(actor: Actor, node_id: int, users_of: list[int], *, ago: timedelta, linkedid: str) -> None:
    """A conversation in the journals of these users."""
    async with domain_transaction(actor) as tx:
        for user_id in users_of:
            await tx.execute(
                "INSERT INTO user_call (domain_id, user_id, node_id, linkedid, part, is_incoming, is_answered, "
                "started_at) VALUES ($1, $2, $3, $4, 'in', true, true, $5)", tx.domain_id, user_id, node_id, linkedid,
                tx.now - ago)


async def a_recording(actor: Actor, node_id: int, user_id: int, *, ago: timedelta, linkedid: str,
                      seconds: int = 9) -> None:
    async with domain_transaction(actor) as tx:
        start = tx.now - ago
        await jobs.keep(tx, Media(
            linkedid, node_id, tx.domain_id, user_id, "recording", {
                "start": f"{start.timestamp():.0f}", "linkedid": linkedid, "seconds": str(seconds)},
            linkedid.encode() + bytes([seconds]), start))


async def audio(actor: Actor) -> list[bool]:
    async with domain_transaction(actor) as tx:
        rows = await tx.fetch("SELECT audio_id FROM user_call WHERE domain_id = $1 ORDER BY linkedid, user_id",
                              tx.domain_id)
    return [row["audio_id"] is not None for row in rows]


async def kept(actor: Actor) -> int:
    """Recordings; a file for each."""
    async with domain_transaction(actor) as tx:
        count = await tx.fetchval("SELECT count(*) FROM call_recording WHERE domain_id = $1", tx.domain_id)
        assert count == await tx.fetchval("SELECT count(*) FROM file WHERE domain_id = $1", tx.domain_id)
    return count


async def node_of(actor: Actor) -> int:
    async with domain_transaction(actor) as tx:
        return await tx.fetchval("SELECT pbx_node_id FROM domain WHERE id = $1", tx.domain_id)


async def test_a_recording_may_come_before_the_record_of_its_call() -> None:
    actor = await a_company(PLAN)
    node_id, (anna, boris) = await node_of(actor), await people(actor, 2)
    await a_recording(actor, node_id, anna, ago=timedelta(hours=1), linkedid="l1")
    await a_talk(actor, node_id, [anna, boris], ago=timedelta(hours=1), linkedid="l1")
    assert await audio(actor) == [False, False]
    with clock.at(clock.now() + timedelta(seconds=jobs.FIRST_WAIT + 1)):
        async with platform_transaction(STAFF) as tx:
            event = await tx.fetchrow("SELECT kind, payload FROM outbox_event WHERE domain_id = $1 "
                                      "AND kind = 'recording_attach' ORDER BY id DESC LIMIT 1", actor.domain_id)
            assert event is not None
            await jobs.attach_later(tx, actor.domain_id, event["payload"])
    assert await audio(actor) == [True, True]


@pytest.mark.req("REC-D5", "REC-D2")
async def test_recordings_end_with_their_term() -> None:
    """The default month; half a year keeps what is there; shortening deletes with the next run."""
    actor = await a_company(PLAN, money="100")
    node_id, (anna,) = await node_of(actor), await people(actor, 1)
    for number, days in enumerate((10, 40, 400)):
        await a_talk(actor, node_id, [anna], ago=timedelta(days=days), linkedid=f"l{number}")
        await a_recording(actor, node_id, anna, ago=timedelta(days=days), linkedid=f"l{number}")
    async with domain_transaction(actor) as tx:
        assert [await queries.going(tx, months) for months in (1, 6, 36)] == [2, 1, 0]
        await service.keep_for(tx, 6)
    await jobs.delete_old({})
    assert await audio(actor) == [True, True, False]
    assert await kept(actor) == 2
    async with domain_transaction(actor) as tx:
        await service.keep_for(tx, 1)
    await jobs.delete_old({})
    assert await audio(actor) == [True, False, False]
    async with domain_transaction(actor) as tx:  # the recording is the domain's, not the user's
        await tx.execute("DELETE FROM domain_user WHERE domain_id = $1 AND id = $2", tx.domain_id, anna)
    assert await kept(actor) == 1


# --- on the node --------------------------------------------------------------------------------------


def a_wav(seconds: float) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(int(16_000 * seconds)))
    return out.getvalue()


@pytest.mark.req("REC-D6")
async def test_the_agent_makes_mp3_and_lets_silence_go(tmp_path: Path) -> None:
    """What nobody spoke in is no recording; neither that nor what is no sound holds up the others."""
    actor = await a_company(PLAN)
    node_id, (anna,) = await node_of(actor), await people(actor, 1)
    sounds = {"a": a_wav(0), "b": b"no sound", "c": a_wav(0.2), "d": a_wav(3)}
    for name, sound in sounds.items():
        path = tmp_path / f"recording-{actor.domain_id}-{name}"
        path.with_suffix(".wav").write_bytes(sound)
        path.with_suffix(".facts").write_text(
            f"kind=recording\ndomain={actor.domain_id}\nuser={anna}\next=wav\nat=1700000000\nend\n")
    assert await MediaSpool(node_id, tmp_path).ship() == len(sounds)
    assert list(tmp_path.iterdir()) == []
    async with domain_transaction(actor) as tx:
        [found] = await tx.fetch("SELECT key, facts, content FROM node_media WHERE domain_id = $1", tx.domain_id)
    assert found["key"].endswith("-d")
    assert found["facts"]["seconds"] == "3"
    assert found["content"][:1] == b"\xff"
