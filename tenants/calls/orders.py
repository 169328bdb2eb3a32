"""Calls that the system places by itself: the first party is called, then connected with the second, or hears a file.

A feature orders a call and is told once how it ended:

    await orders.order(tx, kind="widget", ref="17", first=Destination(Kind.USER, 7), then=Destination(Kind.NUMBER, …))

    @on_order("widget")
    async def ended(tx: DomainTx, order: Order) -> None: ...

The node's agent carries it out (`pbx_provisioning/agent/orders.py`). A number is called like any outside call of the
domain: authorised, held, rated, counted among the outgoing channels. Of each order there is one attempt.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta

from app.kernel import outbox
from app.kernel.db import DomainTx, PlatformTx
from tenants.destinations.model import Destination, Kind

EVENT = "call_order_ended"
LONGEST_WAIT = timedelta(minutes=2)  # an order that nobody could take by then is not carried out any more
_FIRST = frozenset({Kind.USER, Kind.GROUP, Kind.NUMBER})
_ANSWERED = frozenset({"connected", "played", "not_connected"})  # the first party did
_THEN = frozenset({Kind.USER, Kind.GROUP, Kind.IVR, Kind.NUMBER})


@dataclass(frozen=True, slots=True)
class Order:
    """`result`: connected (both talked), played (the file was heard to its end or hung up into), no_answer, busy,
    unreachable, refused (`reason`: funds, blocked, restricted, …), no_channel (nothing was dialled), not_connected (the
    first party answered, the second did not: `cause` tells why), expired, cancelled, interrupted.
    """

    id: int
    kind: str
    ref: str
    state: str
    result: str | None
    reason: str
    cause: int
    payer_user_id: int | None
    node_id: int | None
    linkedid: str
    created_at: datetime
    begun_at: datetime | None
    first_at: datetime | None
    ended_at: datetime | None
    first_seconds: int
    talk_seconds: int


_COLUMNS = ", ".join(one.name for one in fields(Order))
Handler = Callable[[DomainTx, Order], Awaitable[None]]
_handlers: dict[str, Handler] = {}


def on_order(kind: str) -> Callable[[Handler], Handler]:
    """Register the one handler of a kind; its module is imported by the worker (`app.features.JOBS`)."""

    def register(handler: Handler) -> Handler:
        _handlers[kind] = handler
        return handler

    return register


async def order(tx: DomainTx, *, kind: str, ref: str, first: Destination, then: Destination | int,
                payer_user_id: int | None = None, caller_id: str = "", shown_number: str = "", shown_name: str = "",
                ring_seconds: int = 40, due_at: datetime | None = None, wait: timedelta = LONGEST_WAIT,
                further: Sequence[Destination] = (), at_once: bool = False, then_seconds: int | None = None,
                talk_limit_seconds: int | None = None) -> int:
    """Have a call placed; the id of the order.

    Args:
        first: USER (his forwarding scheme is followed), GROUP or NUMBER.
        then: USER, GROUP, IVR or NUMBER; an int is the id of a prompt that is played.
        payer_user_id: whose call it is; None: the domain's, by its default restriction and number.
        caller_id: E.164 digits of a number of this domain to be shown outside instead.
        shown_number, shown_name: what the first party sees when it is a user or a group.
        wait: how long after `due_at` it may still begin.
        further: more numbers of the second party, called after `then`, a number too, or together with it (`at_once`).
        then_seconds: how long each number of the second party rings.
        talk_limit_seconds: the conversation is ended then, with a tone to the first party 30 s before.

    Raises:
        ValueError: a party that cannot be called so; a number is dialled as a user would dial it, without +.
    """
    if first.kind not in _FIRST or (isinstance(then, Destination) and then.kind not in _THEN):
        raise ValueError("party")
    if any("+" in one.number for one in (first, then, *further) if isinstance(one, Destination)):
        raise ValueError("number")
    more = further or then_seconds is not None or talk_limit_seconds is not None
    if more and not all(isinstance(one, Destination) and one.kind is Kind.NUMBER for one in (then, *further)):
        raise ValueError("further")
    due = due_at or tx.now
    return await tx.fetchval(
        "INSERT INTO call_order (domain_id, kind, ref, first_code, then_code, payer_user_id, caller_id, shown_number, "
        "shown_name, ring_seconds, due_at, expires_at, created_at, further_codes, at_once, then_seconds, "
        "talk_limit_seconds) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) RETURNING id",
        tx.domain_id, kind, ref, first.code, f"s{then}" if isinstance(then, int) else then.code, payer_user_id,
        caller_id, shown_number, shown_name[:100], ring_seconds, due, due + wait, tx.now,
        [one.code for one in further], at_once, then_seconds, talk_limit_seconds)


async def cancel(tx: DomainTx, order_id: int) -> None:
    """End it wherever it is; nothing happens to one that has ended. Its handler is told as always."""
    await tx.execute("UPDATE call_order SET cancel_wanted = true WHERE domain_id = $1 AND id = $2 AND state <> 'ended'",
                     tx.domain_id, order_id)


async def find(tx: DomainTx, order_id: int) -> Order | None:
    row = await tx.fetchrow(f"SELECT {_COLUMNS} FROM call_order WHERE domain_id = $1 AND id = $2", tx.domain_id,
                            order_id)
    return Order(*row) if row else None


async def under_way(tx: DomainTx, kind: str) -> int:
    """How many orders of this kind have not ended."""
    return await tx.fetchval("SELECT count(*) FROM call_order WHERE domain_id = $1 AND kind = $2 AND state <> 'ended'",
                             tx.domain_id, kind)


async def settle(tx: DomainTx, order_id: int, result: str, *, reason: str = "", cause: int = 0, first_seconds: int = 0,
                 talk_seconds: int = 0) -> None:
    """Called by the agent: how it ended, which tells that the first party answered even if nothing did at that moment.
    A repeat changes nothing."""
    done = await tx.fetchval(
        "UPDATE call_order SET state = 'ended', result = $3, reason = $4, cause = $5, ended_at = $6, "
        "first_seconds = $7, talk_seconds = $8, first_at = CASE WHEN $9 THEN coalesce(first_at, $6::timestamptz "
        "- make_interval(secs => $7::int)) ELSE first_at END WHERE domain_id = $1 AND id = $2 AND state <> 'ended' "
        "RETURNING id",
        tx.domain_id, order_id, result, reason[:40], cause, tx.now, first_seconds, talk_seconds, result in _ANSWERED)
    if done is not None:
        await outbox.publish(tx, EVENT, {"id": order_id})


@outbox.on(EVENT)
async def _hand_over(tx: PlatformTx, domain_id: int | None, payload: dict) -> None:
    assert domain_id is not None
    bound = await tx.enter_domain(domain_id)
    found = await find(bound, payload["id"])
    handler = _handlers.get(found.kind) if found else None
    if found is not None and handler is not None:
        await handler(bound, found)
