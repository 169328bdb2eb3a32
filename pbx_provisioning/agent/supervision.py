"""Supervisors who join conversations (`tenants/realtime/supervision.py`): rings their phone, lets Asterisk mix, and
tells what came of it.

A session is taken in the database before Asterisk is asked, so it rings once whatever happens; a session whose leg is
not there any more was interrupted.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterable
from datetime import timedelta

import asyncpg
import structlog

from app.kernel.db import PlatformTx, platform_transaction
from pbx_provisioning.agent.live import Live
from pbx_provisioning.agent.reconciler import AGENT
from pbx_provisioning.ami import AmiClient, AmiDown, AmiError, Message
from pbx_provisioning.plan.model import phone_name

log = structlog.get_logger()

RING_SECONDS = 30  # [RT-07]
LOOK_SECONDS = 2.0
GONE_SECONDS = 5.0  # so long without a leg: it was cut off
STALE = timedelta(seconds=30)  # nobody waits for an older wish any more
_RESULTS = {"17": "busy", "20": "no_phone"}  # Q.850 of the leg to the phone; all others: not answered
_TAKE = """
UPDATE supervisor_session s SET state = 'ringing' FROM domain d, domain_user u, domain_user o
WHERE s.state = 'wanted' AND s.started_at >= $2 AND d.id = s.domain_id AND d.pbx_node_id = $1
AND u.domain_id = s.domain_id AND u.id = s.supervisor_id AND o.domain_id = s.domain_id AND o.id = s.operator_id
RETURNING s.id, s.domain_id, s.mode, coalesce(s.leg_id, s.id) AS leg_id, s.leg_id IS NOT NULL AS goes_on, u.extension,
          o.login || '@' || d.name AS operator, o.extension AS shown, o.display_name AS name,
          CASE WHEN s.group_call_id IS NOT NULL THEN coalesce((SELECT g.uniqueid FROM group_call g
          WHERE g.domain_id = s.domain_id AND g.id = s.group_call_id AND g.t_end IS NULL), '') END AS caller
"""


class Supervision:
    """`run()` until cancelled; `wake()` when somebody wants to join; `on_event` for what Asterisk tells."""

    def __init__(self, node_id: int, ami: AmiClient, live: Live) -> None:
        self.node_id, self.ami, self.live = node_id, ami, live
        self._wake = asyncio.Event()
        self._told: list[tuple[int, str, str]] = []  # leg, state, result: not written yet
        self._absent: dict[int, float] = {}  # leg → since when it is not there

    def wake(self) -> None:
        self._wake.set()

    def on_event(self, event: Message) -> None:
        leg, state = event["leg"], event["state"]
        if event["userevent"] != "SwSupervise" or not (leg.isascii() and leg.isdigit()):
            return
        if state in ("gone", "failed"):
            reason = "no_phone" if event["reason"] in ("unregistered", "no_rule") else _RESULTS.get(event["cause"])
            self._told.append((int(leg), state, reason or "no_answer"))
        else:
            self._told.append((int(leg), state, event["result"]))
        self._wake.set()

    async def run(self) -> None:
        while True:
            await self.ami.up.wait()
            try:
                await self.round()
            except Exception as error:  # Asterisk or the database is away: it is tried again
                log.warning("supervision_put_off", error=repr(error)[:200])
                await asyncio.sleep(0.5)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), LOOK_SECONDS)
            self._wake.clear()

    async def round(self) -> None:
        """What was heard of is written down, what is lost is ended, who wants to join is called."""
        while self._told:
            await self._write(*self._told[0])
            self._told.pop(0)
        async with platform_transaction(AGENT) as tx:
            await tx.execute("UPDATE supervisor_session s SET state = 'ended', ended_at = $2, result = 'expired' "
                             "FROM domain d WHERE s.state = 'wanted' AND s.started_at < $3 AND d.id = s.domain_id "
                             "AND d.pbx_node_id = $1", self.node_id, tx.now, tx.now - STALE)
            running = await tx.fetch("SELECT s.id, coalesce(s.leg_id, s.id) AS leg FROM supervisor_session s "
                                     "JOIN domain d ON d.id = s.domain_id WHERE s.state IN ('ringing', 'talking') "
                                     "AND d.pbx_node_id = $1", self.node_id)
            taken = await tx.fetch(_TAKE, self.node_id, tx.now - STALE)
        if not running and not taken:
            return
        channels = await self.ami.listing("CoreShowChannels")
        await self._end_lost({row["leg"] for row in running}, channels)
        for row in taken:
            await self._join(row, channels)

    # ------------------------------------------------------------------ one session

    async def _join(self, row: asyncpg.Record, channels: list[Message]) -> None:
        leg = find(channels, channel_of(row["leg_id"]))
        if row["goes_on"]:
            await self._change_mode(row, leg)
            return
        target = operator_channel(channels, row["operator"], row["caller"])
        if target is None:
            await self._end(row["leg_id"], "conversation_over")
            return
        variables = {"__SW_ORDER_DOMAIN": row["domain_id"], "__SW_LEG": row["leg_id"], "SW_SPY": target["uniqueid"],
                     "SW_SPY_MODE": row["mode"]}
        try:
            await self.ami.action(
                "Originate", Channel=f"Local/e{row['extension']}@sw-supervise-ring/n", Context="sw-supervise",
                Exten="s", ChannelId=channel_of(row["leg_id"]), OtherChannelId=f"{channel_of(row['leg_id'])}-leg",
                Priority=1, Timeout=RING_SECONDS * 1000, CallerID=f'"{phone_name(row["name"])}" <{row["shown"]}>',
                Async="true", Variable=",".join(f"{name}={value}" for name, value in variables.items()))
            await self._tell(row["domain_id"])
        except (AmiError, AmiDown) as error:
            log.warning("supervision_failed", session=row["id"], error=repr(error)[:200])
            await self._end(row["leg_id"], "interrupted")

    async def _change_mode(self, row: asyncpg.Record, leg: Message | None) -> None:
        """Before he answers it is only noted; afterwards listening begins anew in the other mode."""
        if leg is None:
            await self._end(row["leg_id"], "interrupted")
            return
        try:
            await self.ami.action("Setvar", Channel=leg["channel"], Variable="SW_SPY_MODE", Value=row["mode"])
            if leg["application"] == "ChanSpy":
                await self.ami.action("Redirect", Channel=leg["channel"], Context="sw-supervise-spy", Exten="s",
                                      Priority=1)
                await self._write(row["leg_id"], "talking", "")
        except (AmiError, AmiDown) as error:
            log.warning("supervision_mode_failed", session=row["id"], error=repr(error)[:200])
            await self._end(row["leg_id"], "interrupted")

    async def _end_lost(self, legs: set[int], channels: list[Message]) -> None:
        moment = time.monotonic()
        self._absent = {one: self._absent.get(one, moment) for one in legs if find(channels, channel_of(one)) is None}
        for leg, since in self._absent.items():
            if moment - since > GONE_SECONDS:
                await self._end(leg, "interrupted")

    # ------------------------------------------------------------------ the database

    async def _write(self, leg: int, state: str, result: str) -> None:
        async with platform_transaction(AGENT) as tx:
            if state == "talking":
                domain = await self._update(tx, leg, "s.state = 'ringing'", "state = 'talking', answered_at = $3",
                                            tx.now)
            elif state == "ended":
                result = "conversation_over" if result == "conversation_over" else "finished"
                domain = await self._update(tx, leg, "s.state <> 'ended'", _ENDED, tx.now, result)
            else:  # the phone's leg: a call that nobody took, or he hung up while the conversation was without a sound
                domain = await self._update(
                    tx, leg, "s.state IN ('ringing', 'talking')", "state = 'ended', ended_at = $3, "
                    "result = CASE WHEN s.answered_at IS NULL THEN $4 ELSE 'finished' END", tx.now, result)
        if domain:
            await self._tell(domain)

    async def _update(self, tx: PlatformTx, leg: int, where: str, change: str, *values: object) -> int | None:
        return await tx.fetchval(
            f"UPDATE supervisor_session s SET {change} FROM domain d WHERE coalesce(s.leg_id, s.id) = $2 AND {where} "
            "AND d.id = s.domain_id AND d.pbx_node_id = $1 RETURNING s.domain_id", self.node_id, leg, *values)

    async def _end(self, leg: int, result: str) -> None:
        async with platform_transaction(AGENT) as tx:
            domain = await self._update(tx, leg, "s.state <> 'ended'", _ENDED, tx.now, result)
        if domain:
            await self._tell(domain)

    async def _tell(self, domain_id: int) -> None:
        await self.live.publish(domain_id, {"kind": "supervision"})


_ENDED = "state = 'ended', ended_at = $3, result = $4"


def channel_of(leg: int) -> str:
    """Unique id of the supervisor's channel, chosen by us so that it can be found again."""
    return f"supervise-{leg}"


def find(channels: Iterable[Message], uniqueid: str) -> Message | None:
    return next((one for one in channels if one["uniqueid"] == uniqueid), None)


def operator_channel(channels: list[Message], account: str, caller: str | None) -> Message | None:
    """The operator's side of his incoming conversation; None when there is none any more.

    Args:
        account: login@domain of the operator; only channels of his own phones count.
        caller: unique id of the caller's channel; None when the call did not come by a group: then it is the
            conversation that the operator's phone did not begin.
    """
    own = [one for one in channels if one["channel"].rpartition("-")[0] == f"PJSIP/{account}" and one["bridgeid"]
           and one["uniqueid"] != one["linkedid"]]
    if caller is None:
        return own[0] if len(own) == 1 else None
    theirs = find(channels, caller)
    if theirs is None or not theirs["bridgeid"]:
        return None
    talking = [one for one in own if one["linkedid"] == theirs["linkedid"]]
    same_bridge = [one for one in talking if one["bridgeid"] == theirs["bridgeid"]]
    return next(iter(same_bridge or talking), None)
