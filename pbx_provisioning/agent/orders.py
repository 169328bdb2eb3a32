"""Places the calls that features order (`tenants/calls/orders.py`) and tells what came of each, once.

An order is taken in the database before Asterisk is asked, and Asterisk keeps its outcome (`sw-order/<id>` of its
database) until it is written there: after a crash of either side each order is known to have ended, or its channel is
still up, or it was cut off. Nothing is called twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass

import asyncpg
import structlog

from app.kernel.db import PlatformTx, platform_transaction
from pbx_provisioning.agent.reconciler import AGENT
from pbx_provisioning.ami import AmiClient, AmiDown, AmiError, Message
from pbx_provisioning.plan.model import phone_name
from tenants.calls import orders

log = structlog.get_logger()

FAMILY = "sw-order"
LOOK_SECONDS = 2.0
AT_ONCE = 20  # orders begun in one round
GONE_SECONDS = 6.0  # so long neither a channel nor an outcome: cut off
_RESULTS = {17: "busy", 21: "refused", 18: "no_answer", 19: "no_answer", 16: "no_answer", 0: "no_answer"}  # Q.850
_NOBODY = frozenset({"unregistered", "no_rule"})  # a user without a phone, an object that is gone
_TAKE = """
UPDATE call_order o SET state = 'calling', begun_at = $2, node_id = $1 FROM (
    SELECT c.id, u.extension, p.sha256,
           EXISTS (SELECT FROM domain_block b WHERE b.domain_id = c.domain_id AND b.ended_at IS NULL) AS is_blocked
    FROM call_order c JOIN domain d ON d.id = c.domain_id
    LEFT JOIN domain_user u ON u.domain_id = c.domain_id AND c.first_code = 'u' || u.id
    LEFT JOIN prompt p ON p.domain_id = c.domain_id AND c.then_code = 's' || p.id
    WHERE c.state = 'wanted' AND c.due_at <= $2 AND d.pbx_node_id = $1 ORDER BY c.due_at, c.id LIMIT $3
    FOR NO KEY UPDATE OF c SKIP LOCKED) taken
WHERE o.id = taken.id RETURNING o.*, taken.extension, taken.sha256, taken.is_blocked, (SELECT t.extension
    FROM domain_user t WHERE t.domain_id = o.domain_id AND o.then_code = 'u' || t.id) AS then_extension
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    result: str
    cause: int = 0
    reason: str = ""
    first_seconds: int = 0
    talk_seconds: int = 0


class CallOrders:
    """`run()` until cancelled; `wake()` when an order came; `on_event` for what Asterisk tells."""

    def __init__(self, node_id: int, ami: AmiClient) -> None:
        self.node_id, self.ami = node_id, ami
        self._wake = asyncio.Event()
        self._absent: dict[int, float] = {}
        self._states: dict[int, tuple[str, str]] = {}  # order → state, linkedid: not written yet

    def wake(self) -> None:
        self._wake.set()

    def on_event(self, event: Message) -> None:
        if event["userevent"] == "SwOrder" and event["id"].isascii() and event["id"].isdigit():
            if event["state"] in ("first", "talking"):
                known = self._states.get(int(event["id"]), ("", ""))[1]
                self._states[int(event["id"])] = (event["state"], event["linkedid"] or known)
            self._wake.set()

    async def run(self) -> None:
        while True:
            await self.ami.up.wait()
            try:
                await self.round()
            except Exception as error:  # Asterisk or the database is away: the orders wait
                log.warning("order_round_put_off", error=repr(error)[:200])
                await asyncio.sleep(0.5)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), LOOK_SECONDS)
            self._wake.clear()

    async def round(self) -> None:
        """What has ended is written down, what is unwanted is ended, what is due is begun."""
        async with platform_transaction(AGENT) as tx:
            under_way = await tx.fetch("SELECT id, domain_id, cancel_wanted FROM call_order WHERE node_id = $1 "
                                       "AND state IN ('calling', 'first', 'talking')", self.node_id)
            await self._write_states(tx)
        if under_way:
            await self._finish({row["id"]: row["domain_id"] for row in under_way})
            for row in under_way:
                if row["cancel_wanted"]:
                    await self._hang_up(row["id"])
        async with platform_transaction(AGENT) as tx:
            await self._drop_unwanted(tx)
            taken = await tx.fetch(_TAKE, self.node_id, tx.now, AT_ONCE)
        for row in taken:
            await self._call(row)
        if len(taken) == AT_ONCE:
            self._wake.set()

    async def _write_states(self, tx: PlatformTx) -> None:
        for order_id, (state, linkedid) in list(self._states.items()):
            await tx.execute(
                "UPDATE call_order SET state = $3, first_at = coalesce(first_at, $4), "
                "linkedid = CASE WHEN $5 <> '' THEN $5 ELSE linkedid END WHERE id = $1 AND node_id = $2 "
                "AND state IN ('calling', 'first')", order_id, self.node_id, state, tx.now, linkedid[:80])
            self._states.pop(order_id, None)

    async def _drop_unwanted(self, tx: PlatformTx) -> None:
        """Cancelled before it began, or nobody could take it in its time."""
        rows = await tx.fetch(
            "SELECT o.id, o.domain_id, o.cancel_wanted FROM call_order o JOIN domain d ON d.id = o.domain_id "
            "WHERE o.state = 'wanted' AND d.pbx_node_id = $1 AND (o.cancel_wanted OR o.expires_at < $2) "
            "FOR NO KEY UPDATE OF o SKIP LOCKED", self.node_id, tx.now)
        for row in rows:
            await orders.settle(await tx.enter_domain(row["domain_id"]), row["id"],
                                "cancelled" if row["cancel_wanted"] else "expired")

    async def _finish(self, under_way: dict[int, int]) -> None:
        kept = await self._kept()
        for order_id, text in kept.items():
            if text == "begun":
                continue
            if order_id in under_way:
                await self._settle(under_way[order_id], order_id, read_outcome(text))
            else:  # written once more after it was settled
                await self._forget(order_id)
        waiting = [one for one in under_way if kept.get(one, "begun") == "begun"]
        living = {event["uniqueid"] for event in await self.ami.listing("CoreShowChannels")} if waiting else set()
        moment = time.monotonic()
        self._absent = {one: self._absent.get(one, moment) for one in waiting if channel_of(one) not in living}
        for order_id, since in self._absent.items():
            if moment - since > GONE_SECONDS:
                await self._settle(under_way[order_id], order_id, Outcome("interrupted"))

    async def _kept(self) -> dict[int, str]:
        try:
            rows = await self.ami.listing("DBGetTree", Family=FAMILY)
        except AmiError:  # the family is empty
            return {}
        found = {row["key"].rpartition("/")[2]: row["val"] for row in rows}
        return {int(key): value for key, value in found.items() if key.isascii() and key.isdigit()}

    async def _settle(self, domain_id: int, order_id: int, outcome: Outcome) -> None:
        """First the database, then Asterisk forgets: a crash in between tells it twice, which is known."""
        async with platform_transaction(AGENT) as tx:
            bound = await tx.enter_domain(domain_id)
            if await bound.fetchval("SELECT cancel_wanted FROM call_order WHERE domain_id = $1 AND id = $2", domain_id,
                                    order_id) and outcome.result not in ("connected", "played"):
                outcome = Outcome("cancelled", outcome.cause)
            await orders.settle(bound, order_id, outcome.result, reason=outcome.reason, cause=outcome.cause,
                                first_seconds=outcome.first_seconds, talk_seconds=outcome.talk_seconds)
        await self._forget(order_id)
        log.info("order_ended", order=order_id, result=outcome.result)

    async def _forget(self, order_id: int) -> None:
        with contextlib.suppress(AmiError):
            await self.ami.action("DBDel", Family=FAMILY, Key=order_id)

    async def _hang_up(self, order_id: int) -> None:
        with contextlib.suppress(AmiError):
            for event in await self.ami.listing("CoreShowChannels"):
                if event["uniqueid"] in (channel_of(order_id), f"{channel_of(order_id)}-leg"):
                    await self.ami.action("Hangup", Channel=event["channel"])

    async def _call(self, row: asyncpg.Record) -> None:
        first, then = row["first_code"], row["then_code"]
        if first[0] == "u":
            first = f"e{row['extension']}" if row["extension"] else ""
        if then[0] == "u":
            then = f"e{row['then_extension']}" if row["then_extension"] else ""
        if row["is_blocked"] or not first or not then or (then[0] == "s" and not row["sha256"]):
            await self._settle(row["domain_id"], row["id"],
                               Outcome("refused", 21, "blocked" if row["is_blocked"] else "absent"))
            return
        variables = {
            "__SW_ORDER": row["id"], "__SW_ORDER_DOMAIN": row["domain_id"], "__SW_ORDER_KIND": row["kind"],
            "__SW_ORDER_USER": row["payer_user_id"] or 0, "__SW_CID_WANTED": row["caller_id"],
            "__SW_BY": f"{row['domain_id']}.{row['payer_user_id'] or 0}", "SW_ORDER_SOUND": row["sha256"] or ""}
        if row["then_seconds"] or row["further_codes"] or row["talk_limit_seconds"]:
            variables |= numbers_of(row)
        try:
            await self.ami.action(
                "Originate", Channel=f"Local/{first}@sw-order-first/n", ChannelId=channel_of(row["id"]),
                OtherChannelId=f"{channel_of(row['id'])}-leg", Context="sw-order-then", Exten=then, Priority=1,
                Async="true", Timeout=row["ring_seconds"] * 1000,
                CallerID=f'"{phone_name(row["shown_name"])}" <{row["shown_number"]}>',
                Variable=",".join(f"{name}={value}" for name, value in variables.items()))
            log.info("order_begun", order=row["id"])
        except AmiError as refused:
            log.warning("order_refused", order=row["id"], error=str(refused)[:200])
            await self._settle(row["domain_id"], row["id"], Outcome("unreachable"))
        except AmiDown:
            log.warning("order_unknown", order=row["id"])  # looked for when Asterisk is back


def numbers_of(row: asyncpg.Record) -> dict[str, object]:
    """Several numbers of the second party, how long each rings and how long they may talk; see `sw-order-numbers`."""
    numbers = [code[1:] for code in (row["then_code"], *row["further_codes"])]
    return {"SW_CALL_NUMBERS": "&".join(numbers), "SW_CALL_AT_ONCE": int(row["at_once"]),
            "SW_CALL_RING": row["then_seconds"] or "", "SW_CALL_LIMIT": row["talk_limit_seconds"] or ""}


def channel_of(order_id: int) -> str:
    """Unique id of the order's channel, chosen by us so that it can be found again."""
    return f"order-{order_id}"


def read_outcome(text: str) -> Outcome:
    """Of what the dialplan wrote: `<what>|<Q.850>|<reason>|<seconds>|<seconds>`."""
    what, cause, reason, first, talk = (text.split("|") + [""] * 5)[:5]
    number = int(cause) if cause.isdigit() and len(cause) < 4 else 0
    if what == "failed":
        if reason in _NOBODY:
            return Outcome("unreachable", number)
        result = "no_channel" if reason == "no_channel" else "refused"
        return Outcome(result if reason else _RESULTS.get(number, "unreachable"), number, reason)
    if what not in ("connected", "played", "not_connected"):
        return Outcome("interrupted")
    return Outcome(what, number, reason, _whole(first), _whole(talk))


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0
