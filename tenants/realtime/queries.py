"""What operators and groups do at this moment; reading leaves nothing behind [RT-12]."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.kernel.db import DomainTx
from tenants.realtime.rules import OFFLINE, GroupNumbers, numbers
from tenants.users.queries import BY_NAME


@dataclass(frozen=True, slots=True)
class OperatorRow:
    """`since` None: he has never signed in. `mode`: how the reader is connected to his conversation now, or ""."""

    id: int
    name: str
    extension: str
    state: str
    since: datetime | None
    caller: str
    group: str
    mode: str
    session: str  # state of that connection

    @property
    def is_online(self) -> bool:
        return self.state != OFFLINE


@dataclass(frozen=True, slots=True)
class GroupRow:
    id: int
    name: str
    numbers: GroupNumbers


async def operators(tx: DomainTx, reader_id: int) -> list[OperatorRow]:
    """All operators of the domain: online ones first, then by name [RT-01, RT-02]."""
    rows = await tx.fetch(
        f"SELECT u.id, u.display_name, u.extension, coalesce(s.state, '{OFFLINE}') AS state, s.started_at, "
        "coalesce(c.caller_number, '') AS caller, coalesce(c.group_name, '') AS group_name, "
        "coalesce(v.mode, '') AS mode, coalesce(v.state, '') AS session FROM domain_user u "
        "LEFT JOIN operator_state_interval s ON s.domain_id = u.domain_id AND s.user_id = u.id AND s.ended_at IS NULL "
        "LEFT JOIN LATERAL ("
        "SELECT caller_number, group_name FROM group_call WHERE domain_id = u.domain_id AND operator_id = u.id "
        "AND t_answer IS NOT NULL AND t_end IS NULL AND s.state = 'incoming' ORDER BY t_answer DESC LIMIT 1) c ON true "
        "LEFT JOIN supervisor_session v ON v.domain_id = u.domain_id AND v.supervisor_id = $2 AND v.operator_id = u.id "
        "AND v.state <> 'ended' WHERE u.domain_id = $1 AND u.is_operator "
        f"ORDER BY coalesce(s.state, '{OFFLINE}') = '{OFFLINE}', {BY_NAME}, u.id", tx.domain_id, reader_id)
    return [OperatorRow(*row) for row in rows]


async def groups(tx: DomainTx) -> list[GroupRow]:
    """Every group, by name. An operator of several groups is counted in each [RT-10]."""
    rows = await tx.fetch(
        "SELECT g.id, g.name, (SELECT count(*)::int FROM group_call c WHERE c.domain_id = g.domain_id "
        "AND c.group_id = g.id AND c.t_answer IS NULL AND c.t_end IS NULL) AS queue, "
        "(SELECT coalesce(array_agg(s.state), '{}') FROM group_member m JOIN domain_user u "
        "ON u.domain_id = m.domain_id AND u.id = m.user_id AND u.is_operator JOIN operator_state_interval s "
        "ON s.domain_id = u.domain_id AND s.user_id = u.id AND s.ended_at IS NULL "
        "WHERE m.domain_id = g.domain_id AND m.group_id = g.id) AS states "
        "FROM call_group g WHERE g.domain_id = $1 ORDER BY lower(g.name), g.id", tx.domain_id)
    return [GroupRow(row["id"], row["name"], numbers(row["queue"], row["states"])) for row in rows]
