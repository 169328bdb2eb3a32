"""Tasks of the auto-dialler: settings, life cycle, calls and what becomes of numbers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.kernel import clock
from app.kernel.db import domain_transaction, platform_transaction
from app.kernel.errors import InvalidFields, NotFound, Refused
from app.modules.autodialler import numbers, queries, service, services
from app.modules.autodialler.number_file import Entry
from app.modules.autodialler.rules import Action, Counts, Result, Status
from billing.accounts import blocks
from billing.services import channels
from tenants.numbers import inventory
from tests.db import billing_factories as world
from tests.db.autodialler_world import SERVICE, Dialler, a_prompt, a_task, a_wav, an_owner, live
from tests.db.factories import STAFF
from tests.db.services_world import a_service

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]
A, B, C, D = "9051234567", "9051234568", "9051234569", "9051234570"


async def counts(task: Dialler) -> Counts:
    async with domain_transaction(task.actor) as tx:
        return await queries.counts(tx, task.id)


async def started(*digits: str, **settings: Any) -> Dialler:
    task = await a_task(*digits, **settings)
    assert await task.press(Action.START) is Status.ACTIVE
    await task.advance()
    return task


@pytest.mark.req("ADL-10")
async def test_a_new_task() -> None:
    actor = await an_owner()
    async with domain_transaction(actor) as tx:
        task = await queries.task(tx, await service.create(tx, "Долги, май"))
        zone = await tx.fetchval("SELECT timezone FROM domain WHERE id = $1", tx.domain_id)
        number = await tx.fetchval("SELECT e164 FROM phone_number WHERE domain_id = $1", tx.domain_id)
    assert (task.status, task.timezone, task.caller, task.schedule) == (Status.INACTIVE, zone, number, "1" * 168)
    assert (task.attempts, task.answer_seconds, task.retry_minutes, task.success_seconds, task.concurrency) == (
        3, 30, 10, 5, 1)
    for name in ("", "x" * 51, "Долг!"):
        async with domain_transaction(actor) as tx:
            with pytest.raises(InvalidFields):
                await service.create(tx, name)


@pytest.mark.req("ADL-13")
async def test_a_task_on_the_base_of_another() -> None:
    base = await a_task(A, B, email="boss@example.com", attempts=7, answer_seconds=44, retry_minutes=5,
                        success_seconds=9, schedule="01" * 84, timezone="Asia/Omsk",
                        starts_at=datetime(2026, 5, 1, tzinfo=UTC), ends_at=datetime(2036, 5, 1, tzinfo=UTC))
    async with domain_transaction(base.actor) as tx:
        copy = Dialler(base.actor, await service.create(tx, "Оповещение", base.id))  # names need not be unique
    old, new = await base.task(), await copy.task()
    assert (new.status, new.starts_at, new.ends_at, await counts(copy)) == (Status.INACTIVE, None, None, Counts())
    for same in ("timezone", "schedule", "email", "attempts", "answer_seconds", "retry_minutes", "success_seconds",
                 "concurrency"):
        assert getattr(new, same) == getattr(old, same), same
    assert new.audio_id not in (None, old.audio_id)
    await base.save(audio_id=None)
    async with domain_transaction(base.actor) as tx:  # a file of its own outlives the template's
        assert await tx.fetchval("SELECT content FROM prompt WHERE domain_id = $1 AND id = $2", tx.domain_id,
                                 new.audio_id) == a_wav()
    stranger = await an_owner()
    async with domain_transaction(stranger) as tx:
        with pytest.raises(NotFound):
            await service.create(tx, "Чужое", base.id)


async def test_the_voice_message_must_be_of_the_right_kind() -> None:
    task = await a_task(A)
    stereo = bytearray(a_wav())
    stereo[22], stereo[32] = 2, 4  # channels and frame
    for wrong in (await a_prompt(task.actor, content=bytes(stereo)), 2**40):
        with pytest.raises(InvalidFields) as refused:
            await task.save(audio_id=wrong)
        assert "audio_id" in str(refused.value.facts["fields"])
    other = await a_task(B)
    with pytest.raises(InvalidFields):
        await task.save(audio_id=await a_prompt(other.actor))
    before = (await task.task()).audio_id
    await task.save(audio_id=await a_prompt(task.actor, 20))
    async with domain_transaction(task.actor) as tx:
        assert not await tx.fetchval("SELECT count(*) FROM prompt WHERE domain_id = $1 AND id = $2", tx.domain_id,
                                     before)


@pytest.mark.req("ADL-44")
async def test_what_can_be_edited_when() -> None:
    task = await a_task(A, B)
    assert await task.load(A, C) == numbers.Loaded(1, 1)
    await task.press(Action.START)
    for _status in (Status.ACTIVE, Status.RUNNING):
        with pytest.raises(Refused):
            await task.save(attempts=5)
        with pytest.raises(Refused):
            await task.load(D)
        await task.advance()
    await task.press(Action.STOP)
    await task.save(attempts=5)
    with pytest.raises(Refused):
        await task.load(D)
    async with domain_transaction(task.actor) as tx:
        with pytest.raises(Refused):
            await numbers.clear(tx, task.id)
        assert await numbers.remove(tx, task.id, (await _in(tx, task, C)).id)
    assert set(await task.numbers()) == {A, B}


async def _number(task: Dialler, digits: str) -> queries.Number:
    return (await task.numbers())[digits]


async def test_what_a_start_is_judged_by() -> None:
    actor = await an_owner()
    async with domain_transaction(actor) as tx:
        task = Dialler(actor, await service.create(tx, "Пустое"))
    await task.save(caller_number_id=None, ends_at=clock.now() - timedelta(minutes=1))
    with pytest.raises(Refused) as refused:
        await task.press(Action.START)
    assert refused.value.code == "not_ready"
    async with domain_transaction(actor) as tx:
        assert len(await service.not_ready(tx, await queries.task(tx, task.id))) == 4
    assert await task.status() is Status.INACTIVE
    ready = await a_task(A)
    async with domain_transaction(ready.actor) as tx:
        await blocks.start_block(tx, "administrative", "test")
    with pytest.raises(Refused):
        await ready.press(Action.START)
    short = await a_task(A, success_seconds=13)  # the message lasts 12
    with pytest.raises(Refused, match="12"):
        await short.press(Action.START)


@pytest.mark.req("ADL-D6")
async def test_preparation() -> None:
    task = await a_task(A, email="prep@example.com")
    async with platform_transaction(STAFF) as tx:
        await tx.execute("UPDATE provisioning_state SET desired = desired + 1 WHERE domain_id = $1",
                         task.actor.domain_id)
    assert await task.press(Action.START) is Status.PREPARING
    await task.advance()
    assert await task.status() is Status.PREPARING
    with pytest.raises(Refused):  # warned, and nothing happens [ADL-42]
        await task.press(Action.DELETE)
    await task.advance(clock.now() + timedelta(minutes=4))
    assert await task.status() is Status.PREP_ERROR
    async with platform_transaction(STAFF) as tx:
        await service.forgive(await tx.enter_domain(task.actor.domain_id), task.id)
    assert await task.status() is Status.INACTIVE
    assert await task.press(Action.START) is Status.PREPARING
    await live(task.actor)
    await task.advance()
    assert await task.status() is Status.RUNNING
    assert len(await task.letters()) == 6


@pytest.mark.req("ADL-41", "ADL-52", "ADL-32", "ADL-30")
async def test_the_life_of_a_task() -> None:
    """TC-17 and TC-13 with the sequence that leads there: success, exhaustion, a number stopped by hand."""
    moment = clock.now()
    task = await started(A, B, C, concurrency=3, attempts=2, success_seconds=10, retry_minutes=10)
    assert await task.status() is Status.RUNNING
    assert set(await task.calls()) == {A, B, C}
    await task.end(A, "played", 9, moment=moment)  # 9 s of 10: a failed attempt
    await task.end(B, "busy", moment=moment)
    one = await _number(task, A)
    assert (one.result, one.attempts, one.is_calling) == (Result.IN_PROGRESS, 1, False)
    await task.advance(moment + timedelta(minutes=9, seconds=59))
    assert set(await task.calls()) == {C}
    again = moment + timedelta(minutes=10, seconds=1)
    await task.advance(again)
    assert set(await task.calls()) == {A, B, C}
    await task.end(A, "played", 10, moment=again)
    await task.end(B, "no_answer", moment=again)
    assert await counts(task) == Counts(1, 1, 3)
    async with domain_transaction(task.actor) as tx:
        assert not await numbers.remove(tx, task.id, (await queries.number(tx, task.id, one.id + 2)).id)
        order = await tx.fetchrow("SELECT cancel_wanted FROM call_order WHERE domain_id = $1 AND state <> 'ended'",
                                  tx.domain_id)
    assert order is not None
    assert order["cancel_wanted"]
    await task.end(C, "cancelled", moment=again)
    assert await task.status() is Status.COMPLETED
    rows = await task.numbers()
    assert [(rows[one].result.value, rows[one].attempts) for one in (A, B, C)] == [
        ("success", 2), ("failed", 2), ("failed", 1)]
    assert rows[A].last_attempt_at == again
    assert (await counts(task)).progress == 100


async def test_the_end_date() -> None:
    moment = clock.now()
    task = await a_task(A, B, starts_at=moment + timedelta(hours=1), ends_at=moment + timedelta(hours=2))
    await task.press(Action.START)
    await task.advance(moment + timedelta(minutes=59))
    assert await task.status() is Status.ACTIVE
    await task.advance(moment + timedelta(minutes=61))
    assert await task.status() is Status.RUNNING
    await task.advance(moment + timedelta(hours=2))
    assert await task.status() is Status.RUNNING  # a call is going on
    assert (await _number(task, B)).result is Result.FAILED
    await task.end(A, "played", 30, moment=moment + timedelta(hours=2))
    assert await task.status() is Status.COMPLETED
    assert await counts(task) == Counts(1, 1, 2)
    with pytest.raises(Refused):
        await task.press(Action.START)
    other = await a_task(A, starts_at=moment + timedelta(hours=1), ends_at=moment + timedelta(hours=2))
    await other.press(Action.START)
    await other.advance(moment + timedelta(hours=3))  # the end came before the first call
    assert await other.status() is Status.COMPLETED
    assert (await _number(other, A)).attempts == 0
    assert await other.press(Action.DELETE) is Status.DELETED
    async with domain_transaction(other.actor) as tx:
        shown: dict[str, list[int]] = {}
        for status in ("", "deleted"):
            shown[status] = [row.id for row in (await queries.tasks(
                tx, like=None, status=status, order="t.id", limit=9, offset=0))[0]]
        with pytest.raises(Refused):
            await numbers.remove(tx, other.id, (await queries.numbers(
                tx, other.id, digits="", result="", order="id", limit=1, offset=0))[0][0].id)
    assert shown == {"": [], "deleted": [other.id]}


async def test_outside_of_its_hours_a_task_waits() -> None:
    noon = datetime(2026, 4, 20, 9, 0, tzinfo=UTC)  # Monday, noon in Moscow, 15:00 in Omsk
    only_15 = "".join("1" if hour == 15 else "0" for hour in range(168))
    task = await a_task(A, B, schedule=only_15, timezone="Asia/Omsk", starts_at=noon - timedelta(days=1))
    await task.press(Action.START)
    await task.advance(noon - timedelta(minutes=1))
    assert await task.status() is Status.ACTIVE
    await task.advance(noon)
    assert await task.status() is Status.RUNNING
    await task.end(A, "no_answer", moment=noon + timedelta(hours=1))
    await task.advance(noon + timedelta(hours=1))
    assert await task.status() is Status.RUNNING
    assert not await task.calls()


@pytest.mark.req("ADL-37")
async def test_no_more_calls_than_free_channels() -> None:
    plan = (SERVICE, a_service(channels.OUTGOING, "special", included=2))
    actor = await an_owner(*plan)
    task = await a_task(A, B, C, D, actor=actor, concurrency=2)
    with pytest.raises(InvalidFields):
        await task.save(concurrency=3)
    rival = await a_task(A, B, actor=actor, concurrency=2)
    await task.press(Action.START)
    await task.advance()
    assert len(await task.calls()) == 2
    await rival.press(Action.START)
    await rival.advance()
    assert not await rival.calls()
    await task.end(A, "no_channel")  # refused by the node all the same: no attempt
    one = await _number(task, A)
    assert (one.attempts, one.result, one.last_attempt_at) == (0, Result.NOT_STARTED, None)
    assert len(await task.calls()) + len(await rival.calls()) == 2


@pytest.mark.req("ADL-23", "ADL-24")
async def test_the_caller_id_is_taken_away() -> None:
    """TC-18 and TC-41."""
    task = await started(A, B, email="tc18@example.com")
    idle = await a_task(A, actor=task.actor, starts_at=clock.now() + timedelta(days=1))
    await idle.press(Action.START)
    number_id = (await task.task()).caller_number_id
    assert number_id is not None
    async with platform_transaction(STAFF) as tx:
        await inventory.take_back(tx, number_id)
    await task.advance()
    await idle.advance()
    assert (await task.status(), await idle.status()) == (Status.STOPPED, Status.INACTIVE)
    assert ((await task.task()).caller_number_id, (await task.task()).caller) == (None, "")
    await live(task.actor)
    with pytest.raises(Refused):
        await task.press(Action.RESUME)
    assert await task.status() is Status.STOPPED
    await world.a_number(task.actor)
    async with domain_transaction(task.actor) as tx:
        another = await tx.fetchval("SELECT id FROM phone_number WHERE domain_id = $1", tx.domain_id)
    await task.save(caller_number_id=another)
    assert await task.press(Action.RESUME) is Status.RUNNING
    told = await task.letters()
    assert len(told) == 4  # active, running, stopped, running
    assert all("Оповещение" in subject for subject, _body in told)
    assert f"/autodialler/{task.id}" in told[2][1]
    assert "отключён" in told[2][1]


@pytest.mark.parametrize("reason", ["funds", "blocked", "trial"])
async def test_without_money_the_task_stops(reason: str) -> None:
    task = await started(A, B, C, concurrency=2, email=f"{reason}@example.com")
    await task.end(A, "refused", reason=reason)
    assert await task.status() is Status.STOPPED
    assert (await _number(task, A)).attempts == 0
    assert len(await task.letters()) == 3


async def test_stopping_and_resuming() -> None:
    task = await started(A, B)
    assert await task.press(Action.STOP) is Status.STOPPED
    async with domain_transaction(task.actor) as tx:
        assert await tx.fetchval("SELECT bool_and(cancel_wanted) FROM call_order WHERE domain_id = $1", tx.domain_id)
    await task.end(A, "cancelled")
    assert not await task.calls()
    one = await _number(task, A)
    assert (one.attempts, one.result) == (0, Result.NOT_STARTED)
    with pytest.raises(Refused):
        await task.press(Action.START)
    assert await task.press(Action.RESUME) is Status.RUNNING
    with pytest.raises(Refused):  # TC-20
        await task.press(Action.DELETE)
    assert await task.status() is Status.RUNNING
    idle = await a_task(A)
    await idle.press(Action.START)
    assert await idle.press(Action.STOP) is Status.INACTIVE


@pytest.mark.req("ADL-55", "ADL-D10")
async def test_a_number_whose_scenario_goes_on_is_stopped_and_stays() -> None:
    """TC-21; between two attempts, too."""
    task = await started(A, B, C)
    await task.end(A, "busy")
    async with domain_transaction(task.actor) as tx:
        assert not await numbers.remove(tx, task.id, (await _in(tx, task, A)).id)
        assert await numbers.remove(tx, task.id, (await _in(tx, task, C)).id)
    rows = await task.numbers()
    assert set(rows) == {A, B}
    assert (rows[A].result, rows[A].attempts) == (Result.FAILED, 1)
    assert await task.status() is Status.RUNNING


async def _in(tx, task: Dialler, digits: str) -> queries.Number:
    return (await queries.numbers(tx, task.id, digits=digits, result="", order="id", limit=1, offset=0))[0][0]


@pytest.mark.req("ADL-58", "ADL-61")
async def test_the_size_of_a_task() -> None:
    """TC-16: existing and new rows count together."""
    task = await a_task()
    entries = [Entry(f"9{index:09}") for index in range(15_001)]
    async with domain_transaction(task.actor) as tx:
        assert (await numbers.load(tx, task.id, entries[:9_000])).added == 9_000
    for more in (entries[9_000:], [Entry(one.number, "x") for one in entries[9_000:10_001]]):
        with pytest.raises(InvalidFields):
            async with domain_transaction(task.actor) as tx:
                await numbers.load(tx, task.id, more)
    async with domain_transaction(task.actor) as tx:
        assert (await numbers.load(tx, task.id, entries[8_000:15_000])) == numbers.Loaded(6_000, 1_000)
        assert await numbers.clear(tx, task.id) == 15_000
    assert await counts(task) == Counts()


async def test_the_end_of_the_service() -> None:
    task = await started(A, B)
    idle = await a_task(A, actor=task.actor)
    async with domain_transaction(task.actor) as tx:
        assert (await services.affected(tx))[0].total == 2
        await service.archive_all(tx)
        assert not await tx.fetchval("SELECT count(*) FROM prompt WHERE domain_id = $1", tx.domain_id)
        assert await tx.fetchval("SELECT cancel_wanted FROM call_order WHERE domain_id = $1", tx.domain_id)
    assert (await task.status(), await idle.status()) == (Status.DELETED, Status.DELETED)


async def test_another_domain_sees_nothing() -> None:
    task, stranger = await a_task(A), await an_owner()
    async with domain_transaction(stranger) as tx:
        for attempt in (queries.task(tx, task.id), service.change_status(tx, task.id, Action.START),
                        numbers.clear(tx, task.id)):
            with pytest.raises(NotFound):
                await attempt
