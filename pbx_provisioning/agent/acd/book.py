"""The record of what the engine does: written to the database in order, behind the decisions."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime

import asyncpg
import structlog

from app.kernel.db import PlatformTx, platform_transaction
from pbx_provisioning.agent.reconciler import AGENT

log = structlog.get_logger()

AT_ONCE = 200
AGAIN_SECONDS = 0.5
Trouble = (OSError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError, TimeoutError)
Write = Callable[[PlatformTx], Awaitable[None]]
Tell = Callable[[int, dict], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class CallKey:
    """One pass of a call: the caller's channel and which time it comes to a group."""

    domain_id: int
    node_id: int
    uniqueid: str
    number: int

    @property
    def columns(self) -> tuple[int, int, str, int]:
        return self.domain_id, self.node_id, self.uniqueid, self.number


_CALL = "domain_id = $1 AND node_id = $2 AND uniqueid = $3 AND pass = $4"
_OF_CALL = f"group_call_id = (SELECT id FROM group_call WHERE {_CALL})"


@dataclass
class Book:
    """Every method notes one fact; `run()` writes them. `tell` is called for what has been written."""

    tell: Tell
    _queue: asyncio.Queue[tuple[Write, int, dict]] = field(default_factory=asyncio.Queue)

    def _note(self, write: Write, domain_id: int, **told: object) -> None:
        self._queue.put_nowait((write, domain_id, told))

    def entered(self, key: CallKey, *, linkedid: str, group_id: int, group_name: str, number: str, caller_number: str,
                caller_user_id: int | None, t_line: datetime, t_group: datetime, vip: int | None) -> None:
        async def write(tx: PlatformTx) -> None:
            await tx.execute(
                "INSERT INTO group_call (domain_id, node_id, uniqueid, pass, linkedid, group_id, group_name, number, "
                "caller_number, caller_user_id, t_line, t_group, vip_priority) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, "
                "$9, $10, $11, $12, $13) ON CONFLICT DO NOTHING", *key.columns, linkedid, group_id, group_name, number,
                caller_number, caller_user_id, t_line, t_group, vip)

        self._note(write, key.domain_id)

    def offered(self, key: CallKey, operator_id: int, name: str, at: datetime) -> None:
        async def write(tx: PlatformTx) -> None:
            await tx.execute(
                "INSERT INTO call_offer (domain_id, group_call_id, operator_id, operator_name, t_offer) "
                f"SELECT domain_id, id, $5, $6, $7 FROM group_call WHERE {_CALL}", *key.columns, operator_id, name, at)

        self._note(write, key.domain_id)

    def offer_ended(self, key: CallKey, result: str, at: datetime) -> None:
        async def write(tx: PlatformTx) -> None:
            await tx.execute(
                "UPDATE call_offer SET t_result = greatest($5, t_offer), result = $6 WHERE domain_id = $1 "
                f"AND t_result IS NULL AND {_OF_CALL}", *key.columns, at, result)

        self._note(write, key.domain_id)

    def answered(self, key: CallKey, operator_id: int, name: str, at: datetime) -> None:
        async def write(tx: PlatformTx) -> None:
            await tx.execute(
                f"UPDATE group_call SET t_answer = $5, operator_id = $6, operator_name = $7 WHERE {_CALL} "
                "AND t_answer IS NULL", *key.columns, at, operator_id, name)

        self.offer_ended(key, "answered", at)
        self._note(write, key.domain_id)

    def ended(self, key: CallKey, outcome: str, ended_by: str, at: datetime) -> None:
        """The first end counts; who ended it may be told a moment later."""
        async def write(tx: PlatformTx) -> None:
            await tx.execute(
                "UPDATE group_call SET t_end = greatest(coalesce(t_end, $5), t_group), "
                f"outcome = coalesce(outcome, $6), ended_by = $7 WHERE {_CALL}", *key.columns, at, outcome, ended_by)

        self._note(write, key.domain_id)

    def sample(self, domain_id: int, group_id: int, length: int, at: datetime) -> None:
        async def write(tx: PlatformTx) -> None:
            await tx.execute("INSERT INTO queue_length_sample (domain_id, group_id, at, length) "
                             "VALUES ($1, $2, $3, $4)", domain_id, group_id, at, length)

        self._note(write, domain_id, kind="queue", group_id=group_id, length=length)

    def state(self, domain_id: int, user_id: int, state: str, group_id: int | None, at: datetime,
              wrap_up_until: datetime | None) -> None:
        """Closes the open interval and opens the next at the same instant [RPT-65]."""
        async def write(tx: PlatformTx) -> None:
            closed = await tx.fetchrow(
                "UPDATE operator_state_interval SET ended_at = greatest($3, started_at) WHERE domain_id = $1 "
                "AND user_id = $2 AND ended_at IS NULL RETURNING ended_at", domain_id, user_id, at)
            begun = closed["ended_at"] if closed else at
            await tx.execute(
                "INSERT INTO operator_state_interval (domain_id, user_id, state, group_id, started_at) "
                "VALUES ($1, $2, $3, $4, $5)", domain_id, user_id, state, group_id, begun)
            await tx.execute("UPDATE operator_session SET wrap_up_until = $3 WHERE domain_id = $1 AND user_id = $2",
                             domain_id, user_id, wrap_up_until)

        self._note(write, domain_id, kind="operator", user_id=user_id, state=state, since=at.isoformat())

    def changed(self, domain_id: int) -> None:
        """Nothing to write: open pages look again once everything before is written."""
        async def write(_tx: PlatformTx) -> None:
            return

        self._note(write, domain_id, kind="operators")

    # ------------------------------------------------------------------ writing

    async def run(self) -> None:
        while True:
            batch = [await self._queue.get()]
            while len(batch) < AT_ONCE and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            await self._write(batch)
            for told in {(domain_id, tuple(sorted(told.items()))): (domain_id, told)
                         for _write, domain_id, told in batch if told}.values():
                await self.tell(*told)
            for _one in batch:
                self._queue.task_done()

    async def written(self) -> None:
        """Everything noted so far is in the database."""
        await self._queue.join()

    async def _write(self, batch: list[tuple[Write, int, dict]]) -> None:
        """Once: a batch that was rolled back is written again; a fact that the database refuses is left out."""
        while True:
            try:
                async with platform_transaction(AGENT) as tx:
                    for write, domain_id, _told in batch:
                        try:
                            async with tx.savepoint():
                                await tx.enter_domain(domain_id)
                                await write(tx)
                        except asyncpg.PostgresError as error:
                            if isinstance(error, Trouble):
                                raise
                            log.error("acd_fact_refused", domain_id=domain_id, error=repr(error)[:300])
                return
            except Trouble as error:
                log.warning("acd_book_put_off", error=repr(error)[:200], facts=len(batch))
                await asyncio.sleep(AGAIN_SECONDS)
