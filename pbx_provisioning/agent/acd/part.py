"""The engine as a part of the agent: its connections to Asterisk, the database and open pages."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta

import structlog

from app.kernel import clock
from app.kernel.db import platform_transaction
from pbx_provisioning.agent.acd import events, recovery, settings
from pbx_provisioning.agent.acd.book import Book
from pbx_provisioning.agent.acd.engine import Engine
from pbx_provisioning.agent.acd.memory import Caller
from pbx_provisioning.agent.reconciler import AGENT
from pbx_provisioning.ami import AmiClient, AmiDown, AmiError, Message

log = structlog.get_logger()

TICK_SECONDS = 0.5
BEAT_SECONDS = 2.0  # the dialplan does without us after 10
SWEEP_SECONDS = 5.0
CHECK_SECONDS = 15.0
OFFLINE_SECONDS = 60  # without a sign of life of the workplace [RPT-65]
UP = "6"  # ChannelState of an answered channel


class Acd:
    """`run()` until cancelled; `on_event` for what Asterisk tells, `heard` for a changed domain, `asterisk_up` after
    each connection."""

    def __init__(self, node_id: int, ami: AmiClient, publish: Callable[[int, dict], Awaitable[None]]) -> None:
        self.node_id, self.ami = node_id, ami
        self.book = Book(publish)
        self.engine = Engine(node_id, self.book, self._command, self._for_all)
        self._wake = asyncio.Event()
        self._stale: set[int] = set()
        self._backlog: list[Message] = []
        self._must_recover = True
        self._tasks: set[asyncio.Task[None]] = set()

    def asterisk_up(self) -> None:
        self._must_recover = True
        self._wake.set()

    def heard(self, domain_id: int) -> None:
        self._stale.add(domain_id)
        self._wake.set()

    # ------------------------------------------------------------------ events

    def on_event(self, event: Message) -> None:
        if event["userevent"] not in ("SwAcd", "SwOperator"):
            return
        if self._must_recover or not self._handle(event):
            self._backlog.append(event)
            self._wake.set()

    def _handle(self, event: Message) -> bool:
        """False: of a domain that has to be read first."""
        if event["userevent"] == "SwOperator":
            return self._operator(event)
        if event["what"] == "enter":
            found = events.entered(event["facts"])
            if found is None:
                log.error("acd_event_not_understood", facts=event["facts"][:100])
            elif found.domain_id not in self.engine.domains:
                self._stale.add(found.domain_id)
                return False
            else:
                self.engine.entered(found, event["channel"], event["uniqueid"], event["linkedid"])
            return True
        self._of_caller(event)
        return True

    def _of_caller(self, event: Message) -> None:
        caller, number, what = event["caller"], events.digits(event["pass"]), event["what"]
        if what == "back":
            self.engine.came_back(caller, number, events.digits(event["offer"]), event["status"])
        elif what == "talk":
            self.engine.answered(caller, number, event["account"])
        elif what == "talked":
            self.engine.talked(caller, number)
        elif what == "over":
            self.engine.ended(caller, number, "operator")
        elif what == "gone":
            self.engine.ended(caller, number, "subscriber")
        elif what == "left":
            self.engine.left(caller, number)
        elif what == "said":
            self.engine.said(caller, number)

    def _operator(self, event: Message) -> bool:
        found = events.who(event["who"])
        if found is None:
            return True
        if found.domain_id not in self.engine.domains:
            self._stale.add(found.domain_id)
            return False
        kind = {"out": "out", "in": "ring"}.get(event["what"], "")
        self.engine.line(found.domain_id, found.user_id, event["uniqueid"], event["channel"], kind)
        return True

    # ------------------------------------------------------------------ commands

    def _later(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _command(self, caller: Caller, variable: str, value: str) -> None:
        self._later(self._tell(caller, variable, value))

    async def _tell(self, caller: Caller, variable: str, value: str) -> None:
        try:
            await self.ami.action("Setvar", Channel=caller.channel, Variable=variable, Value=value)
            if variable == "SW_ACD_GO" and caller.is_announced_to:  # the announcement need not be heard to its end
                caller.is_announced_to = False
                await self.ami.action("Redirect", Channel=caller.channel, Context="sw-acd-wait", Exten="s", Priority=1)
        except AmiError:
            self.engine.lost(caller)
        except AmiDown:
            log.warning("acd_command_lost", variable=variable)  # looked up after the next connection

    def _for_all(self, variable: str, value: str) -> None:
        async def tell() -> None:
            with contextlib.suppress(AmiDown, AmiError):
                await self.ami.action("Setvar", Variable=variable, Value=value)

        self._later(tell())

    # ------------------------------------------------------------------ running

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.book.run())
            group.create_task(self._beat())
            group.create_task(self._work())

    async def _beat(self) -> None:
        while True:
            if self.ami.up.is_set() and not self._must_recover:
                with contextlib.suppress(AmiDown, AmiError):
                    await self.ami.action("Setvar", Variable="SW_ACD_SEEN", Value=int(time.time()))
            await asyncio.sleep(BEAT_SECONDS)

    async def _work(self) -> None:
        swept = checked = looked = 0.0
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), TICK_SECONDS)
            self._wake.clear()
            await self.ami.up.wait()
            try:
                moment = time.monotonic()
                if self._must_recover:
                    await self._recover()
                if moment - looked >= 1:
                    await self._look_at_ringing()
                    self._stale.update(self.engine.not_applied())
                    looked = moment
                if moment - checked >= CHECK_SECONDS:
                    await self._check()
                    checked = moment
                await self._read_stale()
                if moment - swept >= SWEEP_SECONDS:
                    await self._sweep()
                    swept = moment
            except Exception as error:  # Asterisk or the database is away: what is known goes on
                log.warning("acd_put_off", error=repr(error)[:300])
                await asyncio.sleep(TICK_SECONDS)
            self.engine.tick()

    async def _sweep(self) -> None:
        async with platform_transaction(AGENT) as tx:
            gone = await settings.sign_out_unseen(tx, self.node_id, tx.now - timedelta(seconds=OFFLINE_SECONDS))
            found = await settings.domains_at_work(tx, self.node_id)
        self._stale.update(gone, (one for one in found if one not in self.engine.domains))

    async def _read_stale(self) -> None:
        while self._stale or self._backlog:
            domain_ids, self._stale = self._stale, set()
            for domain_id in domain_ids:
                try:
                    async with platform_transaction(AGENT) as tx:
                        found = await settings.load(tx, domain_id, self.node_id)
                except BaseException:
                    self._stale.add(domain_id)
                    raise
                if found is not None:
                    self.engine.take(domain_id, found)
                else:
                    self.engine.domains.pop(domain_id, None)
            backlog, self._backlog = self._backlog, []
            for event in backlog:
                if not self._handle(event) and not self._stale - domain_ids:
                    log.warning("acd_event_of_unknown_domain", what=event["what"])
                    self._stale.clear()
                elif self._stale:
                    self._backlog.append(event)

    async def _recover(self) -> None:
        """After a start of ours or of Asterisk's: memory anew from the database and from the living channels."""
        await self.book.written()
        async with platform_transaction(AGENT) as tx:
            domain_ids = await settings.domains_at_work(tx, self.node_id)
            found = {one: await settings.load(tx, one, self.node_id) for one in domain_ids}
            passes = await recovery.open_passes(tx, self.node_id)
        channels = await recovery.living(self.ami)
        self.engine.domains.clear()
        known = {domain_id: one for domain_id, one in found.items() if one is not None}
        recovery.restore(self.engine, known, passes, channels)
        self._stale.clear()
        self._must_recover = False
        self.engine.retell()
        log.info("acd_ready", domains=len(domain_ids), callers=len(channels.callers))

    async def _look_at_ringing(self) -> None:
        """Which of the operators' ringing phones have been answered: Asterisk does not say so by itself."""
        for domain_id, user_id, uniqueid, channel in self.engine.ringing_lines():
            try:
                [found] = await self.ami.listing("Status", timeout=5, Channel=channel)
                if found["channelstate"] == UP:
                    self.engine.line(domain_id, user_id, uniqueid, channel, "in")
            except (AmiError, ValueError):
                self.engine.line(domain_id, user_id, uniqueid, channel, "")

    async def _check(self) -> None:
        """Callers and calls whose end was not heard."""
        callers = [one for domain in self.engine.domains.values() for one in domain.callers.values()]
        lines = [(domain.id, operator.person.id, uniqueid) for domain in self.engine.domains.values()
                 for operator in domain.operators.values() for uniqueid in operator.lines]
        if not callers and not lines:
            return
        alive = {event["uniqueid"] for event in await self.ami.listing("CoreShowChannels")}
        for caller in callers:
            if caller.key.uniqueid not in alive:
                self.engine.lost(caller)
        for domain_id, user_id, uniqueid in lines:
            if uniqueid not in alive:
                self.engine.line(domain_id, user_id, uniqueid, "", "")
        self.engine.give_up_offers(clock.now())
