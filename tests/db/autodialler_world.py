"""Tasks of the auto-dialler without a telephone network: calls end as the tests say."""

from __future__ import annotations

import io
import wave
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from app.kernel import clock
from app.kernel.actors import Actor
from app.kernel.db import domain_transaction, platform_transaction
from app.modules.autodialler import numbers, queries, service, work
from app.modules.autodialler.number_file import Entry
from app.modules.autodialler.queries import Number, Task
from app.modules.autodialler.rules import Action, Status
from tenants.calls import orders
from tenants.sounds import prompts
from tenants.sounds.convert import convert
from tenants.sounds.service import Original
from tests.db import billing_factories as world
from tests.db.factories import STAFF
from tests.db.services_world import a_company, a_service

SERVICE = a_service(service.CODE, "domain")


def a_wav(seconds: float = 12.0) -> bytes:
    target = io.BytesIO()
    with wave.open(target, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(b"\x10\x20" * int(8000 * seconds))
    return target.getvalue()


async def a_prompt(actor: Actor, seconds: float = 12.0, content: bytes = b"") -> int:
    wav = content or a_wav(seconds)
    async with domain_transaction(actor) as tx:
        return await prompts.keep(tx, Original("message.wav", "wav", wav), convert(wav, "wav"))


async def live(actor: Actor) -> None:
    async with platform_transaction(STAFF) as tx:
        await tx.execute("INSERT INTO provisioning_state (domain_id) VALUES ($1) ON CONFLICT DO NOTHING",
                         actor.domain_id)
        await tx.execute("UPDATE provisioning_state SET applied = desired WHERE domain_id = $1", actor.domain_id)


class Dialler:
    """One task of a company."""

    def __init__(self, actor: Actor, task_id: int) -> None:
        self.actor, self.id = actor, task_id

    async def task(self) -> Task:
        async with domain_transaction(self.actor) as tx:
            return await queries.task(tx, self.id)

    async def status(self) -> Status:
        return (await self.task()).status

    async def numbers(self) -> dict[str, Number]:
        async with domain_transaction(self.actor) as tx:
            rows, _total = await queries.numbers(tx, self.id, digits="", result="", order="id", limit=100, offset=0)
        return {row.number: row for row in rows}

    async def load(self, *digits: str) -> numbers.Loaded:
        async with domain_transaction(self.actor) as tx:
            return await numbers.load(tx, self.id, [Entry(one) for one in digits])

    async def save(self, **changes: Any) -> None:
        task = await self.task()
        wanted = service.Changes(**{name: getattr(task, name) for name in service.Changes.__dataclass_fields__})
        async with domain_transaction(self.actor) as tx:
            await service.save(tx, self.id, replace(wanted, **changes))

    async def press(self, action: Action) -> Status:
        async with domain_transaction(self.actor) as tx:
            return await service.change_status(tx, self.id, action)

    async def advance(self, moment: datetime | None = None) -> None:
        with clock.at(moment or clock.now()):
            async with domain_transaction(Actor.system(self.actor.domain_id)) as tx:
                await work.advance(tx, self.id)

    async def calls(self) -> dict[str, int]:
        """Number → order of the calls that have not ended."""
        async with domain_transaction(self.actor) as tx:
            rows = await tx.fetch(
                "SELECT n.number, o.id FROM call_order o JOIN dial_number n ON n.domain_id = o.domain_id "
                "AND n.order_id = o.id WHERE o.domain_id = $1 AND n.task_id = $2 AND o.state <> 'ended' ORDER BY o.id",
                tx.domain_id, self.id)
        return {row["number"]: row["id"] for row in rows}

    async def end(self, digits: str, result: str, talked: int = 0, *, reason: str = "",
                  moment: datetime | None = None) -> None:
        """The call to this number ends; the worker is told."""
        order_id = (await self.calls())[digits]
        with clock.at(moment or clock.now()):
            async with domain_transaction(self.actor) as tx:
                await tx.execute("UPDATE call_order SET state = 'calling', begun_at = $3 WHERE domain_id = $1 AND id = $2",
                                 tx.domain_id, order_id, tx.now)
                await orders.settle(tx, order_id, result, reason=reason, first_seconds=talked)
                order = await orders.find(tx, order_id)
                assert order is not None
                await work.call_ended(tx, order)

    async def letters(self) -> list[tuple[str, str]]:
        """Subject and text of what was written about tasks of this name."""
        async with platform_transaction(STAFF) as tx:
            rows = await tx.fetch("SELECT subject, body FROM mail_message WHERE recipient = $1 ORDER BY id",
                                  (await self._email(tx)))
        return [(row["subject"], row["body"]) for row in rows]

    async def _email(self, tx: Any) -> str:
        return await tx.fetchval("SELECT email FROM dial_task WHERE id = $1", self.id)


async def a_task(*digits: str, plan: Sequence[dict] = (SERVICE,), actor: Actor | None = None, name: str = "Оповещение",
                 **settings: Any) -> Dialler:
    """A task with a caller ID and a message, of a company of its own; the company's configuration is live."""
    actor = actor or await an_owner(*plan)
    async with domain_transaction(actor) as tx:
        made = Dialler(actor, await service.create(tx, name))
    if digits:
        await made.load(*digits)
    await made.save(audio_id=await a_prompt(actor), **settings)
    await live(actor)
    return made


async def an_owner(*plan: dict) -> Actor:
    actor = await a_company(*(plan or (SERVICE,)), money="1000")
    await world.a_number(actor)
    return actor
