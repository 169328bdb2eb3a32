"""Reading groups and their members."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from asyncpg import Record

from app.kernel.db import DomainTx
from app.kernel.errors import NotFound
from app.kernel.i18n import _
from tenants.groups.rules import Algorithm, Settings, Workplace
from tenants.numbers.rules import Restriction

BY_NAME = "translate(lower(g.name), 'ё', 'е')"
PERSON = "translate(lower(u.display_name), 'ё', 'е'), u.id"


@dataclass(frozen=True, slots=True)
class GroupRow:
    """`users` are members who are no operators; `priorities`: how many different ones there are."""

    id: int
    name: str
    extension: str
    algorithm: Algorithm
    users: int
    operators: int
    names: list[str]
    priorities: int = 1

    @property
    def is_deaf(self) -> bool:
        """An ACD group without operators: every call to it is ended [GRP-25]."""
        return self.algorithm.is_acd and not self.operators


@dataclass(frozen=True, slots=True)
class Group:
    """Everything of a group's page."""

    id: int
    name: str
    extension: str
    algorithm: Algorithm
    email: str
    ring_seconds: int
    voicemail_on: bool
    voicemail_greeting_on: bool
    workplace: Workplace
    prompts: Mapping[str, int | None]  # slot → prompt

    @property
    def settings(self) -> Settings:
        return Settings(self.name, self.extension, self.algorithm, self.email, self.ring_seconds, self.workplace)


@dataclass(frozen=True, slots=True)
class Member:
    id: int
    display_name: str
    position: str
    extension: str
    is_operator: bool
    is_recorded: bool
    restriction: Restriction
    others: list[str]  # names of other groups
    priority: int


@dataclass(frozen=True, slots=True)
class Person:
    """A user of the domain in the chooser."""

    id: int
    display_name: str
    extension: str
    login: str
    is_operator: bool
    groups: list[str]


@dataclass(frozen=True, slots=True)
class Topic:
    id: int
    name: str
    is_archived: bool


_ROW = ("SELECT g.id, g.name, coalesce(g.extension, '') AS extension, g.algorithm, m.users, m.operators, m.names, "
        "m.priorities FROM call_group g CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE NOT u.is_operator) AS users, "
        "count(*) FILTER (WHERE u.is_operator) AS operators, count(DISTINCT gm.priority) AS priorities, "
        f"coalesce(array_agg(u.display_name ORDER BY {PERSON}), '{{}}') AS names "
        "FROM group_member gm JOIN domain_user u ON u.domain_id = gm.domain_id AND u.id = gm.user_id "
        "WHERE gm.domain_id = g.domain_id AND gm.group_id = g.id) m WHERE g.domain_id = $1")


def _row(row: Record) -> GroupRow:
    return GroupRow(row["id"], row["name"], row["extension"], Algorithm(row["algorithm"]), row["users"],
                    row["operators"], row["names"], row["priorities"])


async def any_there(tx: DomainTx) -> bool:
    return await tx.fetchval("SELECT EXISTS (SELECT FROM call_group WHERE domain_id = $1)", tx.domain_id)


async def groups(tx: DomainTx, *, like: str | None = None, order: str = f"{BY_NAME}, g.id", limit: int | None = None,
                 offset: int = 0) -> tuple[list[GroupRow], int]:
    """Found by name or internal number [GRP-13]; and how many match."""
    found = "($2::text IS NULL OR g.name ILIKE $2 OR g.extension ILIKE $2)"
    total = await tx.fetchval(f"SELECT count(*) FROM call_group g WHERE g.domain_id = $1 AND {found}", tx.domain_id,
                              like)
    rows = await tx.fetch(f"{_ROW} AND {found} ORDER BY {order} LIMIT $3 OFFSET $4", tx.domain_id, like, limit, offset)
    return [_row(row) for row in rows], total


async def find(tx: DomainTx, ids: Collection[int]) -> dict[int, GroupRow]:
    rows = await tx.fetch(f"{_ROW} AND g.id = ANY($2::bigint[])", tx.domain_id, list(ids))
    return {row["id"]: _row(row) for row in rows}


async def one(tx: DomainTx, group_id: int) -> GroupRow:
    """Raises NotFound, for another domain's group too."""
    found = await find(tx, [group_id])
    if not found:
        raise missing()
    return found[group_id]


def missing() -> NotFound:
    return NotFound("group", _("There is no such group"))


async def card(tx: DomainTx, group_id: int, *, lock: bool = False) -> Group:
    """Raises NotFound."""
    row = await tx.fetchrow("SELECT * FROM call_group WHERE domain_id = $1 AND id = $2"
                            + (" FOR NO KEY UPDATE" if lock else ""), tx.domain_id, group_id)
    if row is None:
        raise missing()
    place = Workplace(row["greeting_text"], row["answer_seconds"], row["wrap_up_seconds"],
                      row["average_talk_seconds"], row["queue_limit_seconds"], row["external_url"])
    return Group(row["id"], row["name"], row["extension"] or "", Algorithm(row["algorithm"]), row["email"],
                 row["ring_seconds"], row["voicemail_on"], row["voicemail_greeting_on"], place,
                 {slot: row[f"{slot}_prompt_id"] for slot in ("greeting", "vm", "ringback")})


async def members(tx: DomainTx, group_id: int) -> list[Member]:
    """By priority, then by name."""
    rows = await tx.fetch(
        "SELECT u.id, u.display_name, u.position, u.extension, u.is_operator, u.recording_on AS is_recorded, "
        "coalesce(u.outgoing_restriction, d.default_restriction) AS restriction, "
        "ARRAY(SELECT o.name FROM group_member om "
        " JOIN call_group o ON o.domain_id = om.domain_id AND o.id = om.group_id "
        " WHERE om.domain_id = u.domain_id AND om.user_id = u.id AND om.group_id <> $2 "
        " ORDER BY lower(o.name), o.id) AS others, m.priority "
        "FROM group_member m JOIN domain_user u ON u.domain_id = m.domain_id AND u.id = m.user_id "
        f"JOIN domain d ON d.id = u.domain_id WHERE m.domain_id = $1 AND m.group_id = $2 ORDER BY {PERSON}",
        tx.domain_id, group_id)
    return [Member(row["id"], row["display_name"], row["position"], row["extension"], row["is_operator"],
                   row["is_recorded"], Restriction(row["restriction"]), row["others"], row["priority"]) for row in rows]


async def member_ids(tx: DomainTx, group_id: int) -> list[int]:
    rows = await tx.fetch("SELECT user_id FROM group_member WHERE domain_id = $1 AND group_id = $2 ORDER BY user_id",
                          tx.domain_id, group_id)
    return [row["user_id"] for row in rows]


async def people(tx: DomainTx) -> list[Person]:
    """Everybody of the domain, with the groups they are in [GRP-16]."""
    rows = await tx.fetch(
        "SELECT u.id, u.display_name, u.extension, u.login, u.is_operator, ARRAY(SELECT g.name FROM group_member m "
        " JOIN call_group g ON g.domain_id = m.domain_id AND g.id = m.group_id WHERE m.domain_id = u.domain_id "
        " AND m.user_id = u.id ORDER BY lower(g.name), g.id) AS groups "
        f"FROM domain_user u WHERE u.domain_id = $1 ORDER BY {PERSON}", tx.domain_id)
    return [Person(**row) for row in rows]


async def topics(tx: DomainTx, group_id: int) -> list[Topic]:
    rows = await tx.fetch("SELECT id, name, is_archived FROM group_topic WHERE domain_id = $1 AND group_id = $2 "
                          "ORDER BY is_archived, lower(name), id", tx.domain_id, group_id)
    return [Topic(**row) for row in rows]


async def of_user(tx: DomainTx, user_id: int) -> list[GroupRow]:
    rows = await tx.fetch(f"{_ROW} AND EXISTS (SELECT FROM group_member x WHERE x.domain_id = g.domain_id "
                          f"AND x.group_id = g.id AND x.user_id = $2) ORDER BY {BY_NAME}, g.id", tx.domain_id, user_id)
    return [_row(row) for row in rows]


async def orphaned_by(tx: DomainTx, user_ids: Sequence[int]) -> tuple[list[GroupRow], list[GroupRow]]:
    """(groups whose only members these users are, other ACD groups whose only operators they are) [GRP-42]."""
    rows = await tx.fetch(
        f"SELECT r.*, x.leaving, x.leaving_operators FROM ({_ROW}) r CROSS JOIN LATERAL (SELECT count(*) AS leaving, "
        "count(*) FILTER (WHERE u.is_operator) AS leaving_operators FROM group_member m "
        "JOIN domain_user u ON u.domain_id = m.domain_id AND u.id = m.user_id WHERE m.domain_id = $1 "
        "AND m.group_id = r.id AND m.user_id = ANY($2::bigint[])) x WHERE x.leaving > 0 ORDER BY lower(r.name), r.id",
        tx.domain_id, list(user_ids))
    empty = [_row(row) for row in rows if row["leaving"] == row["users"] + row["operators"]]
    left = [_row(row) for row in rows if row["leaving"] < row["users"] + row["operators"]
            and row["leaving_operators"] == row["operators"] > 0]
    return empty, left
