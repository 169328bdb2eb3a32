"""Carrying a campaign out: a client is handed to one operator, called from his phone, given a status [CMP-50…D13]."""

from __future__ import annotations

from dataclasses import dataclass

from asyncpg import UniqueViolationError

from app.kernel.db import DomainTx
from app.kernel.errors import NotFound, Refused
from app.kernel.i18n import _, format_phone
from app.modules.campaigns import queries
from app.modules.campaigns.queries import Campaign, Client
from app.modules.campaigns.rules import (
    ABSENCE,
    ALWAYS,
    ATTEMPT_SECONDS,
    OWN,
    SUCCESS,
    Outcome,
    after_call,
    dialled,
)
from app.modules.campaigns.service import require
from billing.accounts.blocks import is_blocked
from tenants.calls import orders
from tenants.calls.orders import Order
from tenants.destinations.model import Destination, Kind
from tenants.operators import service as operators

KIND = "campaign"
OWN_PHONE_SECONDS = 20  # how long the operator's phone rings
NOT_TRIED = frozenset({"funds", "trial", "blocked", "no_channel", "limit", "trunk", "error", "guard_cap", "guard_rate",
                       "guard_parallel", "guard_stopped"})  # nobody's number was called


_HAND_OUT = """
UPDATE campaign_client SET held_by = $3, held_name = $4, seen_at = $5, stage = 'handed', order_id = NULL
WHERE domain_id = $1 AND id = (SELECT id FROM campaign_client WHERE domain_id = $1 AND campaign_id = $2
    AND status = 'initial' AND held_by IS NULL AND (next_attempt_at IS NULL OR next_attempt_at <= $5)
    ORDER BY place, id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id
"""


@dataclass(frozen=True, slots=True)
class Held:
    """The client that an operator has. `stage`: handed, calling, talked; `order_state`: of the call, "" without one."""

    campaign: Campaign
    client: Client
    stage: str
    order_state: str


async def held(tx: DomainTx, user_id: int, *, lock: bool = False) -> Held | None:
    row = await tx.fetchrow("SELECT id, campaign_id, stage, order_id FROM campaign_client WHERE domain_id = $1 "
                            "AND held_by = $2" + (" FOR NO KEY UPDATE" if lock else ""), tx.domain_id, user_id)
    if row is None:
        return None
    state = await tx.fetchval("SELECT state FROM call_order WHERE domain_id = $1 AND id = $2", tx.domain_id,
                              row["order_id"]) if row["order_id"] else None
    return Held(await queries.campaign(tx, row["campaign_id"]),
                await queries.client(tx, row["campaign_id"], row["id"]), row["stage"], state or "")


async def take_next(tx: DomainTx, user_id: int, campaign_id: int) -> Held | None:
    """Hand the next client to this operator; None: there is none at the moment.

    Raises:
        Refused: no operator at work, he has a client, or the campaign does not work.
        NotFound: the operator's groups do not take part in it.
    """
    await _at_work(tx, user_id)
    if await held(tx, user_id, lock=True) is not None:
        raise Refused("has_client", _("Finish with the client that you have first."))
    if campaign_id not in {one.id for one in await queries.of_operator(tx, user_id)}:
        raise NotFound("campaign", _("This campaign is not at work for your groups now."))
    name = await tx.fetchval("SELECT display_name FROM domain_user WHERE domain_id = $1 AND id = $2", tx.domain_id,
                             user_id)
    try:
        async with tx.savepoint():
            found = await tx.fetchval(_HAND_OUT, tx.domain_id, campaign_id, user_id, name, tx.now)
    except UniqueViolationError as twice:  # two requests of one operator at once
        raise Refused("has_client", _("Finish with the client that you have first.")) from twice
    return await held(tx, user_id) if found is not None else None


async def call(tx: DomainTx, user_id: int) -> None:
    """Ring the operator's phone, then the client's numbers: one attempt [CMP-D10, CMP-D11].

    Raises:
        Refused: no client, the call goes on, the campaign has stopped, or the operator does not wait for calls.
    """
    await _at_work(tx, user_id)
    mine = await _mine(tx, user_id, "handed")
    if not mine.campaign.works(tx.now):
        raise Refused("not_working", _("The campaign does not work at the moment."))
    if not await operators.take_for_campaign(tx, user_id):
        raise Refused("not_waiting", _("A client can be called while you are ready for calls and nothing rings."))
    country = await tx.fetchval("SELECT country FROM domain WHERE id = $1", tx.domain_id)
    first, *others = (Destination(Kind.NUMBER, number=dialled(one, country)) for one in mine.client.numbers)
    shown = mine.client.numbers[0]
    order_id = await orders.order(
        tx, kind=KIND, ref=str(mine.client.id), first=Destination(Kind.USER, user_id), then=first, further=others,
        at_once=mine.campaign.method == "parallel", then_seconds=ATTEMPT_SECONDS,
        talk_limit_seconds=mine.campaign.max_talk_minutes * 60 if mine.campaign.max_talk_minutes else None,
        payer_user_id=user_id, shown_number=shown, shown_name=mine.client.name, ring_seconds=OWN_PHONE_SECONDS)
    await tx.execute("UPDATE campaign_client SET stage = 'calling', order_id = $3, operator_id = $4, "
                     "operator_name = held_name WHERE domain_id = $1 AND id = $2", tx.domain_id, mine.client.id,
                     order_id, user_id)


async def hang_up(tx: DomainTx, user_id: int) -> None:
    """End the call that goes on. Raises Refused: there is none."""
    mine = await _mine(tx, user_id, "calling")
    order_id = await tx.fetchval("SELECT order_id FROM campaign_client WHERE domain_id = $1 AND id = $2", tx.domain_id,
                                 mine.client.id)
    await orders.cancel(tx, order_id)


async def skip(tx: DomainTx, user_id: int) -> None:
    """The client goes to the end of the queue; no attempt is counted [CMP-D12]."""
    mine = await _mine(tx, user_id, "handed")
    await _release(tx, mine.client.id, "place = nextval('campaign_place')")


async def leave(tx: DomainTx, user_id: int) -> None:
    """An unprocessed client returns to its place in the queue. Raises Refused: it is being called, or has no status."""
    mine = await held(tx, user_id, lock=True)
    if mine is None:
        return
    if mine.stage != "handed":
        raise Refused("unfinished", _("Finish with the client that you have first."))
    await _release(tx, mine.client.id)


async def give_status(tx: DomainTx, user_id: int, code: str, status_id: int | None) -> None:
    """What the operator chooses after a conversation [CMP-51].

    Raises:
        Refused: there was none. NotFound: no such status of this campaign.
    """
    mine = await _mine(tx, user_id, "talked")
    text = ""
    if code == OWN:
        text = dict(await queries.statuses(tx, mine.campaign.id)).get(status_id or 0, "")
    if code not in (*ALWAYS, OWN) or (code == OWN and not text):
        raise NotFound("status", _("There is no such status."))
    await _finish(tx, mine.client.id, code, text)


async def call_ended(tx: DomainTx, order: Order) -> None:
    """What came of the call that was ordered for a client; told once."""
    row = await tx.fetchrow(
        "SELECT c.id, c.held_by, c.attempts, p.attempts AS most FROM campaign_client c JOIN campaign p "
        "ON p.domain_id = c.domain_id AND p.id = c.campaign_id WHERE c.domain_id = $1 AND c.order_id = $2 "
        "AND c.stage = 'calling' FOR NO KEY UPDATE OF c", tx.domain_id, order.id)
    if order.payer_user_id is not None:
        await operators.release_from_campaign(tx, order.payer_user_id)
    if row is None:
        return
    outcome = outcome_of(order)
    found = after_call(outcome, before=row["attempts"], limit=row["most"], now=tx.now)
    await tx.execute(
        "UPDATE campaign_client SET attempts = $3, status = $4, next_attempt_at = $5, "
        "talk_seconds = talk_seconds + $6, last_attempt_at = CASE WHEN $7 THEN $8 ELSE last_attempt_at END, "
        "stage = $9::text, held_by = CASE WHEN $9::text IS NULL THEN NULL ELSE held_by END, "
        "held_name = CASE WHEN $9::text IS NULL THEN '' ELSE held_name END WHERE domain_id = $1 AND id = $2",
        tx.domain_id, row["id"], found.attempts, found.status, found.next_attempt_at, outcome.talk_seconds,
        outcome.was_tried, order.begun_at or order.created_at, found.stage)


def outcome_of(order: Order) -> Outcome:
    """Without an answer of the operator's phone nobody was called."""
    if order.result == "connected":
        return Outcome(was_tried=True, is_answered=True, talk_seconds=order.talk_seconds)
    tried = order.result in ("not_connected", "cancelled", "interrupted") and order.first_at is not None \
        and order.reason not in NOT_TRIED
    return Outcome(was_tried=tried, is_answered=False)


async def look_after(tx: DomainTx) -> None:
    """Clients of operators who have gone: after five minutes they go to others, or get their status [CMP-D12]."""
    await tx.execute(
        "UPDATE campaign_client c SET seen_at = $2 WHERE c.domain_id = $1 AND c.held_by IS NOT NULL AND EXISTS "
        "(SELECT FROM operator_session s WHERE s.domain_id = c.domain_id AND s.user_id = c.held_by)", tx.domain_id,
        tx.now)
    rows = await tx.fetch(
        "SELECT id, stage FROM campaign_client WHERE domain_id = $1 AND held_by IS NOT NULL AND seen_at < $2 "
        "AND stage IN ('handed', 'talked') FOR NO KEY UPDATE SKIP LOCKED", tx.domain_id, tx.now - ABSENCE)
    for row in rows:
        if row["stage"] == "handed":
            await _release(tx, row["id"])
        else:
            await _finish(tx, row["id"], SUCCESS, "")


async def _at_work(tx: DomainTx, user_id: int) -> None:
    await require(tx)
    await operators.require_operator(tx, user_id)
    if not await tx.fetchval("SELECT true FROM operator_session WHERE domain_id = $1 AND user_id = $2", tx.domain_id,
                             user_id):
        raise Refused("not_signed_in_work", _("Begin work first."))
    if await is_blocked(tx):  # [GEN-D3]
        raise Refused("blocked", _("The domain is blocked: calls are not possible."))


async def _mine(tx: DomainTx, user_id: int, stage: str) -> Held:
    found = await held(tx, user_id, lock=True)
    if found is None or found.stage != stage:
        raise Refused("stage", _("This is not possible now: look at the client again."))
    return found


async def _release(tx: DomainTx, client_id: int, also: str = "order_id = NULL") -> None:
    await tx.execute(f"UPDATE campaign_client SET held_by = NULL, held_name = '', stage = NULL, {also} "
                     "WHERE domain_id = $1 AND id = $2", tx.domain_id, client_id)


async def _finish(tx: DomainTx, client_id: int, code: str, text: str) -> None:
    await tx.execute(
        "UPDATE campaign_client SET status = $3, status_text = $4, held_by = NULL, held_name = '', stage = NULL, "
        "next_attempt_at = NULL WHERE domain_id = $1 AND id = $2", tx.domain_id, client_id, code, text)


def shown(number: str) -> str:
    """A stored number as people read it."""
    return format_phone(f"+{number}") if len(number) > 10 else number
