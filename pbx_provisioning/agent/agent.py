"""The agent: one process per node that keeps its parts running through every loss."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg
import structlog

from app.kernel.db import DB, platform_transaction
from app.kernel.errors import AppError
from app.settings import Settings
from pbx_provisioning.agent.acd.part import Acd
from pbx_provisioning.agent.audio import TIDY_SECONDS, Audio
from pbx_provisioning.agent.call_events import CallEvents
from pbx_provisioning.agent.config import AgentConfig
from pbx_provisioning.agent.control import Control
from pbx_provisioning.agent.devices import Devices
from pbx_provisioning.agent.dictation import Dictation
from pbx_provisioning.agent.faxes import FaxJobs
from pbx_provisioning.agent.heartbeat import Heartbeat
from pbx_provisioning.agent.live import Live
from pbx_provisioning.agent.media import MediaSpool
from pbx_provisioning.agent.orders import CallOrders
from pbx_provisioning.agent.presence import Presence
from pbx_provisioning.agent.reconciler import AGENT, Reconciler
from pbx_provisioning.agent.spool import PARTS, STREAMS, Spool, TakeIn, drop_when_large
from pbx_provisioning.agent.supervision import Supervision
from pbx_provisioning.agent.trunks import Trunks
from pbx_provisioning.ami import AmiClient, AmiDown, AmiError, Message
from pbx_provisioning.drift.check import DriftCheck

log = structlog.get_logger()

Done = TypeVar("Done")
LOCK = 7_302_012  # advisory lock, second key is the node: one agent per node
CHANNELS = ("provisioning", "trunks", "drift_check", "recording_request", "call_order", "supervision", "operators",
            "device_update")


class Agent:
    """`run()` until cancelled. Parts share nothing but their node's connections."""

    def __init__(self, settings: Settings, config: AgentConfig, take_in: TakeIn) -> None:
        self._settings, self._config, self._take_in = settings, config, take_in
        self.live = Live(settings.redis_url)
        self._listener: asyncpg.Connection | None = None
        self._trunks_wake = asyncio.Event()
        self._drift_wake = asyncio.Event()
        self._up_wake = asyncio.Event()
        self.ready = asyncio.Event()

    async def run(self) -> None:
        await self._open_database()
        node_id = await self._retry(self._own_node)
        self._make_parts(node_id)
        self._trunks_wake.set()
        try:
            async with asyncio.TaskGroup() as group:
                for part in (self.ami.run, self._listen, self.reconciler.run, self.presence.run, self.presence.watch,
                             self.spool.run, self.control.run, self.media.run, self.dictation.run, self.faxes.run,
                             self.orders.run, self.supervision.run, self.acd.run,
                             self.call_events.run, self.devices.run,
                             self._trunks_loop, self._drift_loop, self._up_loop):
                    group.create_task(self._keep(part))
                group.create_task(self._every(self._config.heartbeat_every, self.heartbeat.beat))
                group.create_task(self._every(self._config.sweep_every, self._sweep))
                group.create_task(self._every(TIDY_SECONDS, self._tidy))
        finally:
            await self.live.close()
            await DB.close()

    def _make_parts(self, node_id: int) -> None:
        config = self._config
        self.node_id = node_id
        self.ami = AmiClient(config.ami_host, config.ami_port, config.ami_user, config.ami_secret,
                             events="system,user,security", on_event=self._on_event, on_up=self._on_up,
                             on_down=self._on_down)
        self.reconciler = Reconciler(node_id, config.etc, self.ami, self.live.publish, config.debounce)
        self.presence = Presence(node_id, self.ami, self.live)
        self.spool = Spool(node_id, config.cdr_file, config.spool_state, self._take_in, batch=config.ship_batch,
                           rotate_after=config.rotate_after)
        self.control = Control(node_id, self.ami, spool_caught_up=lambda: self.spool.caught_up_at,
                               seen_every=config.seen_every, orphan_after=config.orphan_after)
        spool = config.asterisk_state / "spool"
        self.media = MediaSpool(node_id, spool / "media")
        self.faxes = FaxJobs(node_id, spool / "fax", self.ami)
        self.orders = CallOrders(node_id, self.ami)
        self.devices = Devices(node_id, self.ami)
        self.acd = Acd(node_id, self.ami, self.live.publish)
        self.supervision = Supervision(node_id, self.ami, self.live)
        self.heartbeat = Heartbeat(node_id, self.ami, self.presence, self.spool, lambda: self.control.calls)
        self.audio = Audio(node_id, config.asterisk_state, self.ami)
        self.reconciler.before_apply = self.audio.bring
        self.dictation = Dictation(node_id, self.ami)
        self.call_events = CallEvents(node_id, config.cel_file, config.spool_state)
        self.trunks = Trunks(node_id, config.etc, self.ami, self.reconciler)
        self.drift = DriftCheck(node_id, self.ami, self.reconciler)

    # ------------------------------------------------------------------ Asterisk

    def _on_event(self, event: Message) -> None:
        if event.event == "ContactStatus":
            self.presence.on_event(event)
        elif event.event == "UserEvent":
            self.control.on_event(event)
            self.media.on_event(event)
            self.dictation.on_event(event)
            self.faxes.on_event(event)
            self.orders.on_event(event)
            self.acd.on_event(event)
            self.supervision.on_event(event)
        elif event.event == "SuccessfulAuth":
            self.presence.on_authenticated(event)

    async def _on_up(self) -> None:
        log.info("asterisk_up")
        self.acd.asterisk_up()
        self._up_wake.set()

    async def _on_down(self) -> None:
        log.warning("asterisk_down")
        self.presence.gone()

    async def _up_loop(self) -> None:
        """After each connection: its memory may be older than our files, its contacts are unknown."""
        while True:
            await self._up_wake.wait()
            self._up_wake.clear()
            try:
                await self.heartbeat.meet()
                await self.presence.read_all()
                self.audio.forget()
                self.trunks.must_reload()
                self._trunks_wake.set()
                self.reconciler.want_reload()
                await self.reconciler.sweep()
                self._drift_wake.set()
            except (AmiDown, AmiError):
                await asyncio.sleep(0.5)
                if self.ami.up.is_set():
                    self._up_wake.set()
            except Exception as error:  # the database is away: the sweep comes back to it
                log.warning("greeting_put_off", error=repr(error)[:200])
                await asyncio.sleep(1)
                self._up_wake.set()

    # ------------------------------------------------------------------ PostgreSQL

    async def _open_database(self) -> None:
        async def connect() -> None:
            await DB.open(size=STREAMS * PARTS + 4)  # all transactions of records at once, and room for the rest

        await self._retry(connect)

    async def _own_node(self) -> int:
        name = self._settings.node_name
        async with platform_transaction(AGENT) as tx:
            found = await tx.fetchval("SELECT id FROM pbx_node WHERE name = $1", name)
            if found is None:
                found = await tx.fetchval(
                    "INSERT INTO pbx_node (name, sip_host) VALUES ($1, '127.0.0.1') ON CONFLICT (name) "
                    "DO UPDATE SET name = EXCLUDED.name RETURNING id", name)
        return found

    async def _listen(self) -> None:
        """Hear of changes; after every loss of the connection look at everything once."""
        pause = 0.2
        while True:
            try:
                connection = await asyncpg.connect(self._settings.database_url, timeout=5)
                try:
                    await self._lock(connection)
                    for channel in CHANNELS:
                        await connection.add_listener(channel, self._heard)
                    ended = asyncio.Event()
                    connection.add_termination_listener(lambda _connection, ended=ended: ended.set())
                    await self._start_over()
                    self.ready.set()
                    pause = 0.2
                    while not ended.is_set():
                        with contextlib.suppress(TimeoutError):
                            await asyncio.wait_for(ended.wait(), 30)
                        if not ended.is_set():
                            await connection.execute("SELECT 1", timeout=5)  # a dead peer says nothing by itself
                finally:
                    connection.terminate()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
                log.warning("listener_lost", error=repr(error)[:200])
            await asyncio.sleep(pause)
            pause = min(pause * 1.7, 3.0)

    async def _lock(self, connection: asyncpg.Connection) -> None:
        """One agent at a time works for a node; a second one waits."""
        while not await connection.fetchval("SELECT pg_try_advisory_lock($1, $2)", LOCK, self.node_id):
            log.warning("another_agent_serves_this_node")
            await asyncio.sleep(0.5)

    def _heard(self, _connection: object, _pid: int, channel: str, payload: str) -> None:
        if channel == "provisioning" and payload.isdigit():
            self.reconciler.want(int(payload))
        elif channel == "recording_request":
            self.dictation.wake()
        elif channel == "call_order":
            self.orders.wake()
        elif channel == "supervision":
            self.supervision.wake()
        elif channel == "operators" and payload.isdigit():
            self.acd.heard(int(payload))
        elif channel == "device_update" and payload.isdigit():
            self.devices.wake(int(payload))
        elif channel == "trunks":
            self._trunks_wake.set()
        elif channel == "drift_check" and payload in ("", str(self.node_id)):
            self._drift_wake.set()

    async def _start_over(self) -> None:
        self.reconciler.forget()
        await self.reconciler.sweep()
        self._trunks_wake.set()

    async def _sweep(self) -> None:
        if self.ami.up.is_set():
            await self.reconciler.sweep()
        await asyncio.to_thread(drop_when_large, self._config.cel_file)

    async def _tidy(self) -> None:
        await self.audio.tidy()
        await asyncio.to_thread(self.media.forget_refused)

    # ------------------------------------------------------------------ periodic parts

    async def _trunks_loop(self) -> None:
        while True:
            await self._trunks_wake.wait()
            await self.ami.up.wait()
            self._trunks_wake.clear()
            try:
                await self.trunks.bring_up_to_date()
                self.heartbeat.error = ""
            except AppError as error:
                self.heartbeat.error = f"trunks: {error.message}"
                log.error("trunks_refused", error=error.message)
            except Exception as error:
                log.warning("trunks_put_off", error=repr(error)[:200])
                await asyncio.sleep(1)
                self._trunks_wake.set()

    async def _drift_loop(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._drift_wake.wait(), self._config.drift_every)
            self._drift_wake.clear()
            await self.ami.up.wait()
            try:
                found = await self.drift.run()
                if found:
                    log.warning("drift", count=len(found), first=found[0].as_json())
            except Exception as error:
                log.warning("drift_check_put_off", error=repr(error)[:200])
                await asyncio.sleep(5)

    async def _keep(self, part: Callable[[], Awaitable[None]]) -> None:
        """A part that fails in a way nobody thought of begins again; the others go on."""
        if part not in (self.ami.run, self._listen):
            await self.ready.wait()  # this process is the node's agent
        while True:
            try:
                await part()
            except Exception:
                log.exception("part_failed", part=part.__qualname__)
            await asyncio.sleep(1)

    async def _every(self, seconds: float, do: Callable[[], Awaitable[None]]) -> None:
        await self.ready.wait()
        while True:
            try:
                await do()
            except Exception as error:  # PostgreSQL is away: the next turn tries again
                log.warning("periodic_failed", part=do.__qualname__, error=repr(error)[:200])
            await asyncio.sleep(seconds)

    async def _retry(self, do: Callable[[], Awaitable[Done]]) -> Done:
        """What must succeed before anything else can."""
        pause = 0.3
        while True:
            try:
                return await do()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
                log.warning("database_unreachable", error=repr(error)[:200])
                await asyncio.sleep(pause)
                pause = min(pause * 1.7, 3.0)
