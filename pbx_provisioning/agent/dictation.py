""""Call and record": rings the phone of a request and tells the panel how it goes; the recording goes by `media.py`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from datetime import timedelta

import asyncpg
import structlog

from app.kernel.db import platform_transaction
from pbx_provisioning.agent.reconciler import AGENT
from pbx_provisioning.ami import AmiClient, AmiDown, AmiError, Message

log = structlog.get_logger()

RING_SECONDS = 40
LOOK_SECONDS = 5.0
SPOOL_SECONDS = 8.0
STALE = timedelta(seconds=30)  # nobody waits for an older one any more


class Dictation:
    """`run()` until cancelled; `wake()` when a request came; `on_event` for what Asterisk tells."""

    def __init__(self, node_id: int, ami: AmiClient) -> None:
        self.node_id, self.ami = node_id, ami
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def wake(self) -> None:
        self._wake.set()

    def on_event(self, event: Message) -> None:
        number = event["request"]
        if event["userevent"] not in ("SwRecord", "SwRecordGone") or not (number.isascii() and number.isdigit()):
            return
        if event["userevent"] == "SwRecord":
            self._later(self._set(int(number), "ringing", "recording"))
        else:
            self._later(self._gone(int(number)))

    async def run(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), LOOK_SECONDS)
            self._wake.clear()
            await self.ami.up.wait()
            try:
                await self._ring_all()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
                log.warning("dictation_put_off", error=repr(error)[:200])

    async def _ring_all(self) -> None:
        """Taken in one transaction, so that a request rings once whatever happens."""
        async with platform_transaction(AGENT) as tx:
            rows = await tx.fetch(
                "UPDATE recording_request r SET state = CASE WHEN r.created_at < $2 THEN 'failed' ELSE 'ringing' END, "
                "changed_at = $3 FROM domain d, domain_user u WHERE r.state = 'wanted' AND d.id = r.domain_id "
                "AND d.pbx_node_id = $1 AND u.domain_id = r.domain_id AND u.id = r.ring_user_id "
                "RETURNING r.id, r.state, r.domain_id, coalesce(r.user_id, r.ring_user_id) AS user_id, "
                "r.slot = 'prompt' AS is_prompt, u.login || '@' || d.name AS account, u.extension",
                self.node_id, tx.now - STALE, tx.now)
        for row in rows:
            if row["state"] == "ringing":
                await self._ring(row)

    async def _ring(self, row: asyncpg.Record) -> None:
        variables = {"__SW_RECORD_PHONE": row["account"], "__SW_RECORD_REQUEST": row["id"],
                     "__SW_RECORD_DOMAIN": row["domain_id"], "__SW_RECORD_USER": row["user_id"],
                     "__SW_RECORD_KIND": "prompt" if row["is_prompt"] else "greeting"}
        try:
            await self.ami.action(
                "Originate", Channel="Local/s@sw-record-ring/n", Context="sw-record", Exten="s", Priority="1",
                Timeout=(RING_SECONDS + 5) * 1000, CallerID=f'"Switchroom" <{row["extension"]}>', Async="true",
                Variable=",".join(f"{name}={value}" for name, value in variables.items()))
        except (AmiDown, AmiError) as error:
            log.warning("dictation_failed", request=row["id"], error=repr(error)[:200])
            await self._set(row["id"], "ringing", "failed")

    async def _gone(self, request_id: int) -> None:
        """The phone's leg is over. What was dictated comes by the spool; when nothing comes, nothing was said."""
        await self._set(request_id, "ringing", "unanswered")
        await asyncio.sleep(SPOOL_SECONDS)
        await self._set(request_id, "recording", "empty")

    def _later(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _set(self, request_id: int, before: str, after: str) -> None:
        """What the worker settled stays settled."""
        try:
            async with platform_transaction(AGENT) as tx:
                await tx.execute(
                    "UPDATE recording_request r SET state = $4, changed_at = $5 FROM domain d WHERE r.id = $2 "
                    "AND d.id = r.domain_id AND d.pbx_node_id = $1 AND r.state = $3",
                    self.node_id, request_id, before, after, tx.now)
        except Exception as error:
            log.warning("dictation_state_lost", request=request_id, error=repr(error)[:200])
