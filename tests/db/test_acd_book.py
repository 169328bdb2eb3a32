"""What the engine of voice queues keeps in the database, and what it makes of it after a start."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from app.kernel import clock
from app.kernel.actors import Actor
from app.kernel.db import domain_transaction, platform_transaction
from pbx_provisioning.agent.acd import recovery, settings
from pbx_provisioning.agent.acd.book import Book
from pbx_provisioning.agent.acd.engine import Engine
from pbx_provisioning.agent.acd.events import entered
from pbx_provisioning.agent.acd.recovery import LiveCaller, Living
from tenants.operators import service
from tests.db.factories import STAFF, a_domain, a_node
from tests.http.contact_centre import a_group, an_operator
from tests.http.people import Someone

pytestmark = pytest.mark.anyio
BEGIN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class Running:
    """An engine with the real book."""

    def __init__(self, node_id: int) -> None:
        self.told: list[dict] = []
        self.commands: list[tuple[str, str]] = []
        self.book = Book(self._tell)
        self.engine = Engine(node_id, self.book, lambda caller, _name, value: self.commands.append(
            (caller.key.uniqueid, value)), lambda _name, _value: None)
        self._task = asyncio.create_task(self.book.run())

    async def _tell(self, _domain_id: int, told: dict) -> None:
        self.told.append(told)

    async def read(self, domain_id: int) -> settings.DomainSettings:
        async with platform_transaction(STAFF) as tx:
            found = await settings.load(tx, domain_id, self.engine.node_id)
        assert found
        self.engine.take(domain_id, found)
        await self.book.written()
        return found

    def stop(self) -> None:
        self._task.cancel()


async def a_queue() -> tuple[int, Actor, Someone, int]:
    node_id = await a_node()
    actor = await a_domain(node_id=node_id)
    operator = await an_operator(actor)
    return node_id, actor, operator, await a_group(actor, "Sales", [operator.id])


async def rows(actor: Actor, sql: str) -> list[dict]:
    async with domain_transaction(actor) as tx:
        return [dict(row) for row in await tx.fetch(sql, tx.domain_id)]


def facts(actor: Actor, group_id: int, at: datetime) -> Any:
    found = entered(f"{actor.domain_id}.{group_id}|1|{at.timestamp():.6f}|{int(at.timestamp())}|74950000001|+79161112233|")
    assert found
    return found


async def sign_in(actor: Actor, operator: Someone) -> None:
    async with domain_transaction(actor) as tx:
        await service.sign_in(tx, operator.id)


@pytest.mark.req("RPT-65")
async def test_states_without_gaps_and_sign_out_after_silence(database: None) -> None:
    node_id, actor, operator, group_id = await a_queue()
    run = Running(node_id)
    try:
        with clock.at(BEGIN):
            await sign_in(actor, operator)
            await run.read(actor.domain_id)
        moment = BEGIN
        for step, seconds in (("enter", 10), ("talk", 4), ("end", 60), ("break", 5), ("ready", 7)):
            moment += timedelta(seconds=seconds)
            with clock.at(moment):
                if step == "enter":
                    run.engine.entered(facts(actor, group_id, moment), "PJSIP/t1-1", "u1", "u1")
                elif step == "talk":
                    run.engine.answered("u1", 1, "")
                elif step == "end":
                    run.engine.talked("u1", 1)
                    run.engine.ended("u1", 1, "subscriber")
                else:
                    async with domain_transaction(actor) as tx:
                        await service.choose(tx, operator.id, "break" if step == "break" else "waiting")
                    await run.read(actor.domain_id)
        with clock.at(moment + timedelta(seconds=59)):
            async with platform_transaction(STAFF) as tx:
                assert await settings.sign_out_unseen(tx, node_id, clock.now() - timedelta(seconds=60)) == []
        with clock.at(moment + timedelta(seconds=61)):
            async with platform_transaction(STAFF) as tx:
                found = await settings.sign_out_unseen(tx, node_id, clock.now() - timedelta(seconds=60))
            assert actor.domain_id in found
            await run.read(actor.domain_id)
    finally:
        await run.book.written()
        run.stop()
    kept = await rows(actor, "SELECT state, started_at, ended_at FROM operator_state_interval WHERE domain_id = $1 "
                             "ORDER BY started_at, id")
    seconds = [((one["ended_at"] or one["started_at"]) - one["started_at"]).total_seconds() for one in kept]
    assert [(one["state"], length) for one, length in zip(kept, seconds, strict=True)] == [
        ("waiting", 10), ("ringing", 4), ("incoming", 60), ("waiting", 5), ("break", 7), ("waiting", 61), ("offline", 0)]
    assert all(one["ended_at"] == after["started_at"] for one, after in pairwise(kept))
    [call] = await rows(actor, "SELECT * FROM group_call WHERE domain_id = $1")
    assert (call["outcome"], call["ended_by"], call["operator_id"], call["caller_number"], call["number"]) == (
        "answered", "subscriber", operator.id, "+79161112233", "74950000001")
    assert (call["t_answer"] - call["t_group"], call["t_end"] - call["t_answer"]) == (
        timedelta(seconds=4), timedelta(seconds=60))
    assert {"operator", "operators"} <= {told["kind"] for told in run.told}


async def test_a_new_engine_goes_on_where_the_old_one_was(database: None) -> None:
    node_id, actor, operator, group_id = await a_queue()
    await sign_in(actor, operator)
    first = Running(node_id)
    await first.read(actor.domain_id)
    now = clock.now()
    for name in ("talks", "waits", "gone"):
        first.engine.entered(facts(actor, group_id, now), f"PJSIP/t1-{name}", name, name)
    first.engine.answered("talks", 1, "")
    await first.book.written()
    first.stop()

    second = Running(node_id)
    try:
        known = await second.read(actor.domain_id)
        second.engine.domains.clear()
        async with platform_transaction(STAFF) as tx:
            passes = [one for one in await recovery.open_passes(tx, node_id) if one.key.domain_id == actor.domain_id]
        assert len(passes) == 3
        account = known.people[operator.id].account
        living = Living(callers=[
            LiveCaller(facts(actor, group_id, now), f"PJSIP/t1-{name}", name, name, at, 1, operator.id, peer)
            for name, at, peer in (("talks", "offer", account), ("waits", "wait", ""))])
        recovery.restore(second.engine, {actor.domain_id: known}, passes, living)
        second.engine.retell()
        assert second.commands == []  # the operator talks
        second.engine.talked("talks", 1)
        second.engine.ended("talks", 1, "operator")
        assert [name for name, _value in second.commands] == ["waits"]
        await second.book.written()
    finally:
        second.stop()
    kept = await rows(actor, "SELECT c.uniqueid, c.outcome, c.ended_by, (SELECT count(*) FROM call_offer o "
                             "WHERE o.domain_id = c.domain_id AND o.group_call_id = c.id) AS offers FROM group_call c "
                             "WHERE c.domain_id = $1 ORDER BY c.uniqueid")
    assert [tuple(one.values()) for one in kept] == [
        ("gone", "abandoned", "system", 0), ("talks", "answered", "operator", 1), ("waits", None, None, 1)]


async def test_whether_the_dialplan_has_the_settings_already() -> None:
    node_id, actor, _operator, _group = await a_queue()
    running = Running(node_id)
    async with platform_transaction(STAFF) as tx:
        await tx.execute("INSERT INTO provisioning_state (domain_id) VALUES ($1) ON CONFLICT DO NOTHING", actor.domain_id)
    for values, is_applied in (("desired = 2, applied = 1", False), ("applied = desired", True)):
        async with platform_transaction(STAFF) as tx:
            await tx.execute(f"UPDATE provisioning_state SET {values} WHERE domain_id = $1", actor.domain_id)
        assert (await running.read(actor.domain_id)).is_applied is is_applied
    running.stop()
