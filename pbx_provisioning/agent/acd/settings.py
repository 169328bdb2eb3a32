"""What the engine knows of a domain's queues: read from the database, held in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from app.kernel.db import PlatformTx
from pbx_provisioning.agent.acd.rules import Algorithm


@dataclass(frozen=True, slots=True)
class Group:
    """A group with an ACD algorithm. `members`: operators of the group → priority."""

    id: int
    name: str
    algorithm: Algorithm
    voicemail_on: bool
    answer_seconds: int
    wrap_up_seconds: int
    average_talk_seconds: int
    queue_limit_seconds: int
    members: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Person:
    """A user who is an operator. `account`: <login>@<domain>."""

    id: int
    name: str
    account: str


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in workplace."""

    signed_in_at: datetime
    wish: str
    ready_at: datetime | None
    in_campaign: bool
    wrap_up_until: datetime | None = None  # as the engine has written it


@dataclass(frozen=True, slots=True)
class OpenState:
    """Of the operator's open interval."""

    state: str
    since: datetime
    group_id: int | None


@dataclass(frozen=True, slots=True)
class Worked:
    """Of an operator before the engine knew: end of the last received call, seconds talked since the sign-in."""

    last_end: datetime | None
    talk_seconds: float


@dataclass(frozen=True, slots=True)
class DomainSettings:
    """`other_groups`: groups that are there and are no queues. `is_applied`: the dialplan has all of it already."""

    groups: dict[int, Group]
    people: dict[int, Person]
    vips: dict[str, int]
    sessions: dict[int, Session]
    worked: dict[int, Worked]
    other_groups: frozenset[int] = frozenset()
    states: dict[int, OpenState] = field(default_factory=dict)
    is_applied: bool = True


async def load(tx: PlatformTx, domain_id: int, node_id: int) -> DomainSettings | None:
    """None: no domain of this node."""
    if not await tx.fetchval("SELECT true FROM domain WHERE id = $1 AND pbx_node_id = $2", domain_id, node_id):
        return None
    groups: dict[int, Group] = {}
    others: set[int] = set()
    for row in await tx.fetch(
            "SELECT id, name, algorithm, voicemail_on, answer_seconds, wrap_up_seconds, average_talk_seconds, "
            "queue_limit_seconds FROM call_group WHERE domain_id = $1", domain_id):
        if row["algorithm"].startswith("acd_"):
            groups[row["id"]] = Group(
                row["id"], row["name"], Algorithm(row["algorithm"]), row["voicemail_on"], row["answer_seconds"],
                row["wrap_up_seconds"], row["average_talk_seconds"], row["queue_limit_seconds"])
        else:
            others.add(row["id"])
    for row in await tx.fetch(
            "SELECT m.group_id, m.user_id, m.priority FROM group_member m JOIN domain_user u "
            "ON u.domain_id = m.domain_id AND u.id = m.user_id WHERE m.domain_id = $1 AND u.is_operator", domain_id):
        if row["group_id"] in groups:
            groups[row["group_id"]].members[row["user_id"]] = row["priority"]
    people = {row["id"]: Person(row["id"], row["display_name"], row["account"]) for row in await tx.fetch(
        "SELECT u.id, u.display_name, u.login || '@' || d.name AS account FROM domain_user u JOIN domain d "
        "ON d.id = u.domain_id WHERE u.domain_id = $1 AND u.is_operator", domain_id)}
    vips = {row["number"]: row["priority"] for row in await tx.fetch(
        "SELECT number, priority FROM vip_number WHERE domain_id = $1", domain_id)}
    sessions, worked = {}, {}
    for row in await tx.fetch(
            "SELECT s.user_id, s.signed_in_at, s.wish, s.ready_at, s.in_campaign, s.wrap_up_until, "
            "t.last_end, t.talked "
            "FROM operator_session s JOIN domain_user u ON u.domain_id = s.domain_id AND u.id = s.user_id "
            "LEFT JOIN LATERAL (SELECT max(c.t_end) AS last_end, "
            "sum(extract(epoch FROM c.t_end - c.t_answer)::float8) FILTER (WHERE c.t_answer >= s.signed_in_at) "
            "AS talked "
            "FROM group_call c WHERE c.domain_id = s.domain_id AND c.operator_id = s.user_id "
            "AND c.t_group > s.signed_in_at - interval '1 day') t ON true "
            "WHERE s.domain_id = $1 AND u.is_operator", domain_id):
        sessions[row["user_id"]] = Session(row["signed_in_at"], row["wish"], row["ready_at"], row["in_campaign"],
                                            row["wrap_up_until"])
        worked[row["user_id"]] = Worked(row["last_end"], row["talked"] or 0.0)
    states = {row["user_id"]: OpenState(row["state"], row["started_at"], row["group_id"]) for row in await tx.fetch(
        "SELECT user_id, state, started_at, group_id FROM operator_state_interval WHERE domain_id = $1 "
        "AND ended_at IS NULL", domain_id)}
    is_behind = await tx.fetchval("SELECT applied < desired FROM provisioning_state WHERE domain_id = $1", domain_id)
    return DomainSettings(groups, people, vips, sessions, worked, frozenset(others), states, not is_behind)


async def domains_at_work(tx: PlatformTx, node_id: int) -> list[int]:
    """Domains of the node with queues or operators."""
    return [row["id"] for row in await tx.fetch(
        "SELECT d.id FROM domain d WHERE d.pbx_node_id = $1 AND (EXISTS (SELECT FROM operator_session s "
        "WHERE s.domain_id = d.id) OR EXISTS (SELECT FROM operator_state_interval i WHERE i.domain_id = d.id "
        "AND i.ended_at IS NULL AND i.state <> 'offline') "
        "OR EXISTS (SELECT FROM call_group g WHERE g.domain_id = d.id AND g.algorithm LIKE 'acd%'))", node_id)]


async def sign_out_unseen(tx: PlatformTx, node_id: int, before: datetime) -> list[int]:
    """End sessions whose workplace was not heard of since `before`; their domains [RPT-65]."""
    return [row["domain_id"] for row in await tx.fetch(
        "DELETE FROM operator_session s USING domain d WHERE d.id = s.domain_id AND d.pbx_node_id = $1 "
        "AND s.seen_at < $2 RETURNING s.domain_id", node_id, before)]
