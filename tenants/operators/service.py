"""What an operator wants of his workplace; the engine in the node's agent makes states of it [RPT-65].

An operator is signed in while there is a row of `operator_session`. Nothing here waits for the engine.
"""

from __future__ import annotations

from app.kernel.db import DomainTx
from app.kernel.errors import Forbidden, NotFound, Refused
from app.kernel.i18n import _
from tenants.operators.rules import WISHES


async def require_operator(tx: DomainTx, user_id: int) -> None:
    """Raises Forbidden: the role was taken since the sign-in."""
    if not await tx.fetchval("SELECT is_operator FROM domain_user WHERE domain_id = $1 AND id = $2", tx.domain_id,
                             user_id):
        raise Forbidden("no_operator", _("You are not an operator of the contact centre."))


async def sign_in(tx: DomainTx, user_id: int) -> None:
    """Offline → waiting. Again while signed in changes nothing.

    Raises:
        Forbidden: no operator.
    """
    await require_operator(tx, user_id)
    await tx.execute("INSERT INTO operator_session (domain_id, user_id, signed_in_at, seen_at) VALUES ($1, $2, $3, $3) "
                     "ON CONFLICT (domain_id, user_id) DO UPDATE SET seen_at = $3", tx.domain_id, user_id, tx.now)


async def sign_out(tx: DomainTx, user_id: int) -> None:
    """Any state → offline; a call that is up is not touched."""
    await tx.execute("DELETE FROM operator_session WHERE domain_id = $1 AND user_id = $2", tx.domain_id, user_id)


async def choose(tx: DomainTx, user_id: int, wish: str) -> None:
    """waiting, break or away; during a call it is applied after it.

    Raises:
        Refused: not signed in, or no such choice.
    """
    if wish not in WISHES:
        raise Refused("no_such_state", _("This state cannot be chosen."))
    await _change(tx, user_id, "wish = $3, ready_at = CASE WHEN $3 = 'waiting' THEN $4 ELSE ready_at END", wish, tx.now)


async def ready(tx: DomainTx, user_id: int) -> None:
    """Ends post-call processing. Raises Refused: not signed in."""
    await _change(tx, user_id, "ready_at = $3", tx.now)


async def _change(tx: DomainTx, user_id: int, values: str, *args: object) -> None:
    done = await tx.execute(f"UPDATE operator_session SET seen_at = ${len(args) + 2}, {values} WHERE domain_id = $1 "
                            "AND user_id = $2", tx.domain_id, user_id, *args)
    if done == "UPDATE 0":
        raise Refused("not_signed_in_work", _("You are signed out of the workplace."))


async def alive(tx: DomainTx, user_id: int) -> bool:
    """A sign of life of the open page; False: signed out meanwhile."""
    return await tx.execute("UPDATE operator_session SET seen_at = $3 WHERE domain_id = $1 AND user_id = $2",
                            tx.domain_id, user_id, tx.now) != "UPDATE 0"


async def set_topic(tx: DomainTx, user_id: int, call_id: int, topic_id: int | None) -> None:
    """What the call was about, during it or in post-call processing [GRP-47].

    Raises:
        NotFound: no such call of this operator, or no such topic of its group.
        Refused: it is over and processed.
    """
    call = await tx.fetchrow(
        "SELECT c.id, c.group_id, c.t_end, (SELECT s.state FROM operator_state_interval s "
        "WHERE s.domain_id = c.domain_id AND s.user_id = c.operator_id AND s.ended_at IS NULL) AS state, "
        "EXISTS (SELECT FROM group_call n "
        "WHERE n.domain_id = c.domain_id AND n.operator_id = c.operator_id AND n.t_answer > c.t_answer) AS is_old "
        "FROM group_call c WHERE c.domain_id = $1 AND c.id = $2 AND c.operator_id = $3 FOR NO KEY UPDATE",
        tx.domain_id, call_id, user_id)
    if call is None:
        raise NotFound("call", _("There is no such call."))
    if call["is_old"] or (call["t_end"] is not None and call["state"] != "wrap_up"):
        raise Refused("call_processed", _("The call has been processed already."))
    name = ""
    if topic_id is not None:
        name = await tx.fetchval("SELECT name FROM group_topic WHERE domain_id = $1 AND group_id = $2 AND id = $3 "
                                 "AND NOT is_archived", tx.domain_id, call["group_id"], topic_id)
        if name is None:
            raise NotFound("topic", _("There is no such topic."))
    await tx.execute("UPDATE group_call SET topic_id = $3, topic_name = $4 WHERE domain_id = $1 AND id = $2",
                     tx.domain_id, call_id, topic_id, name)


async def take_for_campaign(tx: DomainTx, user_id: int) -> bool:
    """waiting → campaign, for who places the calls of a campaign; False: the operator does not wait for a call."""
    done = await tx.execute(
        "UPDATE operator_session s SET in_campaign = true WHERE s.domain_id = $1 AND s.user_id = $2 "
        "AND NOT s.in_campaign AND s.wish = 'waiting' AND EXISTS (SELECT FROM operator_state_interval i "
        "WHERE i.domain_id = s.domain_id "
        "AND i.user_id = s.user_id AND i.ended_at IS NULL AND i.state = 'waiting')", tx.domain_id, user_id)
    return done != "UPDATE 0"


async def release_from_campaign(tx: DomainTx, user_id: int) -> None:
    """campaign → waiting."""
    await tx.execute("UPDATE operator_session SET in_campaign = false WHERE domain_id = $1 AND user_id = $2 "
                     "AND in_campaign", tx.domain_id, user_id)
