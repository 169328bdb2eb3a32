"""What the workplace shows: the operator's state, the call at hand, the queues."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.kernel.db import DomainTx
from tenants.operators import rules
from tenants.vip.rules import stored_number


@dataclass(frozen=True, slots=True)
class Topic:
    id: int
    name: str


@dataclass(frozen=True, slots=True)
class Card:
    """The call that rings, is talked or is being processed. `caller`: a name, "" when none is known."""

    call_id: int
    group: str
    greeting: str
    number: str
    caller: str
    called: str
    vip: int | None
    vip_comment: str
    answered_at: datetime | None
    ended_at: datetime | None
    topics: tuple[Topic, ...]
    topic_id: int | None
    pane: str  # address of the right pane, "" before the answer


@dataclass(frozen=True, slots=True)
class Queue:
    """A group of the operator: callers with nobody being rung for them, colleagues signed in."""

    id: int
    name: str
    waiting: int
    at_work: int


@dataclass(frozen=True, slots=True)
class Workplace:
    """`state` is what the engine has made of `wish`; `is_applied`: of the sign-in too."""

    is_signed_in: bool
    wish: str
    state: str
    since: datetime | None
    wrap_up_until: datetime | None
    card: Card | None
    queues: tuple[Queue, ...]
    missed: int  # offers not picked up since the sign-in
    answered: int

    @property
    def is_applied(self) -> bool:
        return self.is_signed_in == (self.state != "offline")


async def workplace(tx: DomainTx, user_id: int) -> Workplace:
    row = await tx.fetchrow(
        "SELECT s.wish, s.signed_in_at, s.wrap_up_until, i.state, i.started_at, u.login FROM domain_user u "
        "LEFT JOIN operator_session s ON s.domain_id = u.domain_id AND s.user_id = u.id "
        "LEFT JOIN operator_state_interval i ON i.domain_id = u.domain_id AND i.user_id = u.id AND i.ended_at IS NULL "
        "WHERE u.domain_id = $1 AND u.id = $2", tx.domain_id, user_id)
    assert row is not None
    state = row["state"] or "offline"
    done = await tx.fetchrow(
        "SELECT count(*) FILTER (WHERE result = 'answered') AS answered, "
        "count(*) FILTER (WHERE result IN ('timeout', 'rejected', 'caller_left')) AS missed FROM call_offer "
        "WHERE domain_id = $1 AND operator_id = $2 AND t_offer >= $3", tx.domain_id, user_id,
        row["signed_in_at"] or tx.now)
    assert done is not None
    return Workplace(row["signed_in_at"] is not None, row["wish"] or "waiting", state, row["started_at"],
                     row["wrap_up_until"] if state == "wrap_up" else None,
                     await _card(tx, user_id, state, row["login"]), await _queues(tx, user_id), done["missed"],
                     done["answered"])


_CARD = """
SELECT c.id, c.group_id, c.group_name, c.caller_number, c.number, c.vip_priority, c.t_answer, c.t_end, c.topic_id,
    c.uniqueid, coalesce(g.greeting_text, '') AS greeting, coalesce(g.external_url, '') AS url,
    coalesce(v.comment, '') AS vip_comment,
    coalesce((SELECT p.display_name FROM domain_user p WHERE p.domain_id = c.domain_id AND p.id = c.caller_user_id), '')
        AS caller
FROM group_call c
LEFT JOIN call_group g ON g.domain_id = c.domain_id AND g.id = c.group_id
LEFT JOIN vip_number v ON v.domain_id = c.domain_id AND c.vip_priority IS NOT NULL
    AND v.number = regexp_replace(regexp_replace(c.caller_number, '^\\+', ''), '^8(\\d{10})$', '7\\1')
WHERE c.domain_id = $1 AND """


async def _card(tx: DomainTx, user_id: int, state: str, login: str) -> Card | None:
    """The call that rings comes before the one that was talked last."""
    row = await tx.fetchrow(
        _CARD + "c.t_end IS NULL AND c.id = (SELECT o.group_call_id FROM call_offer o WHERE o.domain_id = $1 "
        "AND o.operator_id = $2 ORDER BY o.id DESC LIMIT 1) AND EXISTS (SELECT FROM call_offer o "
        "WHERE o.domain_id = $1 AND o.group_call_id = c.id AND o.operator_id = $2 "
        "AND (o.t_result IS NULL OR o.result = 'answered'))", tx.domain_id, user_id)
    if row is None and state == "wrap_up":
        row = await tx.fetchrow(_CARD + "c.operator_id = $2 ORDER BY c.t_answer DESC LIMIT 1", tx.domain_id, user_id)
    if row is None:
        return None
    topics = await tx.fetch("SELECT id, name FROM group_topic WHERE domain_id = $1 AND group_id = $2 "
                            "AND NOT is_archived ORDER BY lower(name), id", tx.domain_id, row["group_id"])
    facts = {"caller": row["caller_number"], "called": row["number"], "group_id": row["group_id"],
             "group_name": row["group_name"], "operator": login, "call_id": row["uniqueid"], "direction": "incoming"}
    caller = row["caller"] or await _contact(tx, user_id, row["caller_number"])
    return Card(row["id"], row["group_name"], row["greeting"], row["caller_number"], caller, row["number"],
                row["vip_priority"], row["vip_comment"], row["t_answer"], row["t_end"],
                tuple(Topic(one["id"], one["name"]) for one in topics), row["topic_id"],
                rules.pane_url(row["url"], facts) if row["t_answer"] else "")


async def _contact(tx: DomainTx, user_id: int, number: str) -> str:
    """Name in the operator's own address book, else in the company's."""
    try:
        digits = stored_number(number)
    except ValueError:
        return ""
    return await tx.fetchval(
        "SELECT c.name FROM contact_number n JOIN contact c ON c.domain_id = n.domain_id AND c.id = n.contact_id "
        "WHERE n.domain_id = $1 AND n.number = ANY($3::text[]) AND c.owner_key IN (0, $2) "
        "ORDER BY c.owner_key DESC, c.id LIMIT 1", tx.domain_id, user_id, [f"+{digits}", digits]) or ""


async def _queues(tx: DomainTx, user_id: int) -> tuple[Queue, ...]:
    rows = await tx.fetch(
        "SELECT g.id, g.name, (SELECT count(*) FROM group_call c WHERE c.domain_id = g.domain_id AND c.group_id = g.id "
        "AND c.t_end IS NULL AND c.t_answer IS NULL AND NOT EXISTS (SELECT FROM call_offer o "
        "WHERE o.domain_id = g.domain_id AND o.group_call_id = c.id AND o.t_result IS NULL)) AS waiting, "
        "(SELECT count(*) FROM group_member x JOIN operator_session s ON s.domain_id = x.domain_id "
        "AND s.user_id = x.user_id WHERE x.domain_id = g.domain_id AND x.group_id = g.id) AS at_work "
        "FROM call_group g JOIN group_member m ON m.domain_id = g.domain_id AND m.group_id = g.id "
        "WHERE g.domain_id = $1 AND m.user_id = $2 AND g.algorithm LIKE 'acd%' ORDER BY lower(g.name), g.id",
        tx.domain_id, user_id)
    return tuple(Queue(*row) for row in rows)


async def pane_templates(tx: DomainTx, user_id: int) -> list[str]:
    """Addresses of external systems of the operator's groups [GRP-46]."""
    return [row["external_url"] for row in await tx.fetch(
        "SELECT g.external_url FROM call_group g JOIN group_member m ON m.domain_id = g.domain_id "
        "AND m.group_id = g.id WHERE g.domain_id = $1 AND m.user_id = $2 AND g.external_url <> '' "
        "AND g.algorithm LIKE 'acd%'", tx.domain_id, user_id)]
