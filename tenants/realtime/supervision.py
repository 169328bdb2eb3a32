"""A supervisor joins an operator's conversation [RT-03…08]. The node's agent carries it out (agent/supervision.py)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.audit import history
from app.kernel.db import DomainTx
from app.kernel.errors import NotFound, Refused
from app.kernel.i18n import LazyText, _, lazy
from tenants.realtime.rules import MODES

RESULTS: dict[str, LazyText] = {
    "finished": lazy("You have left the conversation."),
    "conversation_over": lazy("The conversation is already finished."),
    "no_phone": lazy("No phone of yours can be reached: none is registered."),
    "no_answer": lazy("Your phone was not answered."), "busy": lazy("Your phone is busy."),
    "expired": lazy("The telephone system did not answer in time."),
    "interrupted": lazy("The connection was interrupted.")}
SHOWN_FOR = timedelta(seconds=20)


@dataclass(frozen=True, slots=True)
class Session:
    id: int
    operator_id: int
    group_call_id: int | None
    mode: str
    state: str
    leg_id: int


async def join(tx: DomainTx, operator_id: int, mode: str) -> None:
    """Ring the reader's own phone; with a session under way only its mode changes [RT-05, RT-08].

    Raises:
        NotFound: no such operator in this domain, or no such mode.
        Refused: not an incoming conversation, the own one, nobody to ring, or another conversation is listened to.
    """
    supervisor = tx.actor.user_id
    if mode not in MODES:
        raise NotFound("mode", _("There is no such page."))
    operator = await tx.fetchrow("SELECT id, display_name, extension FROM domain_user WHERE domain_id = $1 AND id = $2 "
                                 "AND is_operator", tx.domain_id, operator_id)
    if operator is None:
        raise NotFound("operator", _("There is no such operator"))
    if not await tx.fetchval("SELECT true FROM domain_user WHERE domain_id = $1 AND id = $2 FOR NO KEY UPDATE",
                             tx.domain_id, supervisor):
        raise Refused("no_phone", _("You have no phone in this domain that could be called."))
    if supervisor == operator_id:
        raise Refused("own_call", _("This is your own conversation."))
    call = await _conversation(tx, operator_id)
    running = await open_session(tx, supervisor)
    if running and running.operator_id != operator_id:
        raise Refused("busy", _("You are connected to another conversation. Hang up first."))
    if running and running.mode == mode:
        raise Refused("connected", _("You are connected in this way already."))
    await _begin(tx, operator_id, call, mode, running)
    await history.record(tx, "supervision_changed" if running else "supervision_begun", "supervisor_session",
                         object_id=operator_id, object_name=operator["display_name"],
                         changes={"supervision_mode": (running.mode if running else "", mode),
                                  "caller": ("", call[1] if call else "")})


async def _conversation(tx: DomainTx, operator_id: int) -> tuple[int, str] | None:
    """(group call, caller's number) of an incoming conversation; None when it did not come by a group.

    Raises:
        Refused: the operator does not talk on an incoming call.
    """
    state = await tx.fetchval("SELECT state FROM operator_state_interval WHERE domain_id = $1 AND user_id = $2 "
                              "AND ended_at IS NULL", tx.domain_id, operator_id)
    if state != "incoming":
        raise Refused("not_incoming", _("You can join only while the operator talks on an incoming call."))
    row = await tx.fetchrow(
        "SELECT id, caller_number FROM group_call WHERE domain_id = $1 AND operator_id = $2 AND t_answer IS NOT NULL "
        "AND t_end IS NULL ORDER BY t_answer DESC LIMIT 1", tx.domain_id, operator_id)
    return (row["id"], row["caller_number"]) if row else None


async def open_session(tx: DomainTx, supervisor_id: int) -> Session | None:
    row = await tx.fetchrow(
        "SELECT id, operator_id, group_call_id, mode, state, coalesce(leg_id, id) FROM supervisor_session "
        "WHERE domain_id = $1 AND supervisor_id = $2 AND state <> 'ended'", tx.domain_id, supervisor_id)
    return Session(*row) if row else None


async def _begin(tx: DomainTx, operator_id: int, call: tuple[int, str] | None, mode: str,
                 running: Session | None) -> None:
    """Each mode has a session of its own in the log; the phone call is the same."""
    if running:
        if running.state == "wanted":
            raise Refused("too_fast", _("Your phone is being called. Try again in a moment."))
        await tx.execute("UPDATE supervisor_session SET state = 'ended', ended_at = $3, result = 'switched' "
                         "WHERE domain_id = $1 AND id = $2", tx.domain_id, running.id, tx.now)
    await tx.execute(
        "INSERT INTO supervisor_session (domain_id, supervisor_id, operator_id, group_call_id, mode, started_at, "
        "leg_id) VALUES ($1, $2, $3, $4, $5, $6, $7)", tx.domain_id, tx.actor.user_id, operator_id,
        call[0] if call else None, mode, tx.now, running.leg_id if running else None)


async def last_result(tx: DomainTx, now: datetime) -> LazyText | None:
    """How the reader's last connection ended, for a short while."""
    found = await tx.fetchval(
        "SELECT result FROM supervisor_session WHERE domain_id = $1 AND supervisor_id = $2 AND state = 'ended' "
        "AND ended_at > $3 ORDER BY id DESC LIMIT 1", tx.domain_id, tx.actor.user_id, now - SHOWN_FOR)
    return RESULTS.get(found or "")
