"""Keeps paid calls within their money: marks answers, buys more time, closes what nobody ends.

The limit itself sits on the channel (TIMEOUT(absolute), set by the dialplan at answer), so nothing here
has to happen in time for the provider's safety; it has to happen for the caller to talk on.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

import asyncpg
import structlog

from app.kernel import clock
from app.kernel.db import DomainTx, PlatformTx, platform_transaction
from billing.holds import service as holds
from pbx_provisioning.agent.reconciler import AGENT
from pbx_provisioning.ami import AmiClient, AmiDown, AmiError, Message

log = structlog.get_logger()

LONGEST_MARGIN_SECONDS, SHORTEST_MARGIN_SECONDS = 300, 10
AGAIN_SECONDS = 1.0  # the database is away: ask again so soon
SHORTEST_PAUSE_SECONDS = 0.5
Trouble = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError)


@dataclass(slots=True)
class Talk:
    """One paid call in progress. Seconds are counted from its answer."""

    hold_id: int
    channel: str  # the called leg, which carries the limit
    answered_at: datetime
    allowed: int
    limited: int  # what the channel has been told
    domain_id: int = 0

    def talked(self) -> float:
        return max(0.0, (clock.now() - self.answered_at).total_seconds())


def first_ask(allowed: int, talked: float) -> float:
    """When more is asked for the first time: early while there is much, so that an outage of the panel
    cuts nobody off; late near the floor, where holding more would take it from other calls."""
    left = max(0, allowed - int(talked))
    return allowed - max(SHORTEST_MARGIN_SECONDS, min(LONGEST_MARGIN_SECONDS, left // 3))


def stranded(channels: Iterable[Message]) -> set[str]:
    """Outside legs that nobody is with: alone in their bridge, and of their conversation nothing else is left.

    Asterisk leaves one behind when a user hangs up in the moment in which the target of his transfer does.
    """
    listed = list(channels)
    found = set()
    for one in listed:
        name = one["channel"]
        if not (name.startswith("Local/") and "@sw-leg-out-" in name and name.endswith(";1") and one["bridgeid"]):
            continue
        leg = next((other for other in listed if other["channel"] == name[:-1] + "2"), None)
        company = [other for other in listed if other is not one and other is not leg
                   and (other["linkedid"] == one["linkedid"] or other["bridgeid"] == one["bridgeid"])
                   and not (leg and other["bridgeid"] == leg["bridgeid"])]  # the trunk's channel
        if not company:
            found.add(name)
    return found


class Control:
    """`on_event` takes the dialplan's SwAnswered; `run()` does the periodic parts."""

    def __init__(self, node_id: int, ami: AmiClient, *, spool_caught_up: Callable[[], float],
                 seen_every: float = 5.0, orphan_after: float = 60.0) -> None:
        self.node_id, self.ami, self._spool_caught_up = node_id, ami, spool_caught_up
        self._seen_every, self._orphan_after = seen_every, orphan_after
        self._talks: dict[int, asyncio.Task[None]] = {}
        self._absent: dict[int, float] = {}  # hold → since when its call is not there
        self._stranded: set[str] = set()
        self.calls = 0  # conversations, at the last look

    def on_event(self, event: Message) -> None:
        """UserEvent(SwAnswered, Hold, Seconds, Caller) from the called leg at its answer."""
        if event["userevent"] != "SwAnswered" or not event["hold"].isdigit() or not event["seconds"].isdigit():
            return
        seconds = int(event["seconds"])
        self._follow(Talk(int(event["hold"]), event["channel"], clock.now(), seconds, limited=seconds))

    def _follow(self, talk: Talk, *, marked: bool = False) -> None:
        if talk.hold_id in self._talks:
            return
        task = asyncio.create_task(self._watch(talk, marked))
        self._talks[talk.hold_id] = task
        task.add_done_callback(lambda _task: self._talks.pop(talk.hold_id, None))

    # ------------------------------------------------------------------ one call

    async def _watch(self, talk: Talk, marked: bool) -> None:
        """From answer to end: mark, then extend each time before the money ends."""
        try:
            if not marked and not await self._mark(talk):
                return
            ask_at: float | None = first_ask(talk.allowed, talk.talked())
            while ask_at is not None:
                await self._limit(talk)
                await asyncio.sleep(max(ask_at - talk.talked(), SHORTEST_PAUSE_SECONDS))
                if not await self._is_up(talk.channel):
                    return
                ask_at = await self._extend(talk)
            await self._limit(talk)
        except Exception:
            log.exception("call_control_failed", hold_id=talk.hold_id)

    async def _mark(self, talk: Talk) -> bool:
        """Tell the database when and on which channel it was answered; repeated until it is back."""
        while True:
            try:
                async with platform_transaction(AGENT) as tx:
                    bound = await self._enter(tx, talk)
                    return bound is not None and await holds.mark_answered(
                        bound, talk.hold_id, channel=talk.channel, at=talk.answered_at)
            except Trouble as error:
                log.warning("mark_put_off", hold_id=talk.hold_id, error=repr(error)[:200])
                await asyncio.sleep(1)

    async def _enter(self, tx: PlatformTx, talk: Talk) -> DomainTx | None:
        if not talk.domain_id:
            talk.domain_id = await tx.fetchval("SELECT domain_id FROM hold WHERE id = $1", talk.hold_id) or 0
        return await tx.enter_domain(talk.domain_id) if talk.domain_id else None

    async def _extend(self, talk: Talk) -> float | None:
        """Buy more talk; when to ask again, None: there is nothing more to be had."""
        try:
            async with platform_transaction(AGENT) as tx:
                bound = await self._enter(tx, talk)
                if bound is None:
                    return None
                allowed = await holds.extend(bound, talk.hold_id, talked_seconds=int(talk.talked()))
        except Trouble as error:
            log.warning("extend_put_off", hold_id=talk.hold_id, error=repr(error)[:200])
            return talk.talked() + AGAIN_SECONDS
        talk.allowed = max(talk.allowed, int(allowed))
        return allowed.ask_at_seconds

    async def _limit(self, talk: Talk) -> None:
        """Lengthen the channel's limit to what is paid for; AbsoluteTimeout counts whole seconds from now."""
        if talk.allowed <= talk.limited:
            return
        wait = (talk.allowed - talk.talked()) % 1  # told then, the last paid second is talked to its end
        if talk.talked() + wait < talk.limited - 0.5:  # not while the old limit strikes
            await asyncio.sleep(wait)
        left = int(talk.allowed - talk.talked() + 0.1)
        if left < 1:
            return
        try:
            await self.ami.action("AbsoluteTimeout", Channel=talk.channel, Timeout=left)
        except AmiError:
            return  # it ended meanwhile; its record releases the hold
        except AmiDown:
            log.warning("limit_put_off", hold_id=talk.hold_id)
            return
        talk.limited = talk.allowed
        log.info("call_extended", hold_id=talk.hold_id, allowed=talk.allowed)

    async def _is_up(self, channel: str) -> bool:
        try:
            await self.ami.listing("Status", timeout=5, Channel=channel)
        except AmiError:
            return False
        except AmiDown:
            return True  # not known; the channel keeps its limit
        return True

    # ------------------------------------------------------------------ all calls

    async def run(self) -> None:
        """Every few seconds: which held calls live, which are orphans, which are not followed yet."""
        while True:
            await asyncio.sleep(self._seen_every)
            if not self.ami.up.is_set():
                continue
            with contextlib.suppress(AmiDown, *Trouble):
                await self.round()

    async def round(self) -> None:
        listed = await self.ami.listing("CoreShowChannels")
        self.calls = len({event["linkedid"] for event in listed})
        await self._end_stranded(stranded(listed))
        channels = {event["uniqueid"]: event["channel"] for event in listed}
        names = set(channels.values())
        async with platform_transaction(AGENT) as tx:
            open_holds = await holds.open_holds(tx, self.node_id, channels)
            alive = [one for one in open_holds if one.uniqueid in channels or one.channel in names]
            if alive:
                await holds.seen(tx, [one.hold_id for one in alive])
        living = {one.hold_id for one in alive}
        for one in alive:
            if one.answered_at is not None and one.channel in names:
                # What the channel was told before a restart of ours is not known: it is told again.
                self._follow(Talk(one.hold_id, one.channel, one.answered_at, one.seconds, 0), marked=True)
        await self._close_orphans([one for one in open_holds if one.hold_id not in living])

    async def _end_stranded(self, found: set[str]) -> None:
        """Seen twice in a row: a transfer on its way may look so for a moment."""
        for name in found & self._stranded:
            with contextlib.suppress(AmiError):
                await self.ami.action("Hangup", Channel=name)
            log.warning("stranded_leg_ended", channel=name)
        self._stranded = found - self._stranded

    async def _close_orphans(self, missing: list[holds.OpenHold]) -> None:
        """Calls that are gone and of which no record comes: a crash of Asterisk took it along.

        While a record of that time may wait in the spool nothing is closed: the record knows better.
        """
        moment = time.monotonic()
        self._absent = {one.hold_id: self._absent.get(one.hold_id, moment) for one in missing}
        for one in missing:
            absent_since = self._absent[one.hold_id]
            if moment - absent_since < self._orphan_after:
                continue
            if self._spool_caught_up() < absent_since + self._orphan_after / 2:
                continue
            async with platform_transaction(AGENT) as tx:
                bound = await tx.enter_domain(one.domain_id)
                await holds.close_orphan(bound, one.hold_id)
            log.warning("orphan_closed", hold_id=one.hold_id, domain_id=one.domain_id)
