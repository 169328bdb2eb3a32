"""Users as lists and pages show them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from redis.exceptions import RedisError

from app.auth import store
from app.kernel.db import DomainTx
from app.kernel.errors import NotFound
from app.kernel.i18n import _
from tenants.numbers.outgoing import shown_number
from tenants.numbers.rules import Restriction, effective_restriction
from tenants.users.rules import SEARCH_FROM

log = structlog.get_logger()

# The order of the Russian alphabet, in which Ё stands with Е [USR-02]
BY_NAME = "translate(lower(u.display_name), 'ё', 'е')"


@dataclass(frozen=True, slots=True)
class UserRow:
    """One line of the list. `restriction` is the one in force."""

    id: int
    login: str
    display_name: str
    extension: str
    position: str
    email: str
    is_admin: bool
    is_operator: bool
    restriction: Restriction
    created_at: datetime


@dataclass(frozen=True, slots=True)
class UserCard:
    """Everything of the user's page."""

    id: int
    login: str
    domain: str
    display_name: str
    extension: str
    position: str
    email: str
    is_admin: bool
    is_operator: bool
    notify_voicemail: bool
    outgoing_number_id: int | None
    outgoing_number: str  # as shown, "" for the domain's
    own_restriction: Restriction | None
    domain_restriction: Restriction
    sip_host: str
    sip_port: int
    created_at: datetime
    recording_on: bool = False
    analytics_on: bool = False

    @property
    def sip_address(self) -> str:
        return f"{self.login}@{self.domain}"

    @property
    def restriction(self) -> Restriction:
        """In force: the user's own, else the domain's [USR-85]."""
        return effective_restriction(self.own_restriction, self.domain_restriction)


_MATCHING = ("u.domain_id = $1 AND ($2::text IS NULL OR u.display_name ILIKE $2 OR u.login ILIKE $2 "
             "OR u.extension ILIKE $2 OR u.email ILIKE $2) AND ($3::text = '' "
             "OR ($3 = 'admin' AND u.is_admin) OR ($3 = 'operator' AND u.is_operator) "
             "OR ($3 = 'restricted' AND COALESCE(u.outgoing_restriction, d.default_restriction) <> 'none'))")
_FROM = "FROM domain_user u JOIN domain d ON d.id = u.domain_id"


def search_pattern(like: str | None, typed: str) -> str | None:
    """A search narrows the list from the third character on [USR-08]."""
    return like if len(typed) >= SEARCH_FROM else None


async def users(tx: DomainTx, *, like: str | None = None, role: str = "", order: str = f"{BY_NAME}, u.id",
                limit: int | None = None, offset: int = 0) -> tuple[list[UserRow], int]:
    """One page (all of them without a limit) and the number of all that match.

    Args:
        like: escaped for ILIKE; looked for in name, login, extension and e-mail [USR-07].
        role: "", admin, operator, restricted.
        order: our own SQL.
    """
    rows = await tx.fetch(
        "SELECT u.id, u.login, u.display_name, u.extension, u.position, u.email, u.is_admin, u.is_operator, "
        "COALESCE(u.outgoing_restriction, d.default_restriction) AS restriction, u.created_at, "
        f"count(*) OVER () AS total {_FROM} WHERE {_MATCHING} ORDER BY {order} LIMIT $4 OFFSET $5",
        tx.domain_id, like, role, limit, offset)
    if not rows and offset:  # past the end nothing tells how many there are
        total = await tx.fetchval(f"SELECT count(*) {_FROM} WHERE {_MATCHING}", tx.domain_id, like, role)
        return [], total
    return [_row(*row) for row in rows], rows[0]["total"] if rows else 0


def _row(number: int, login: str, name: str, extension: str, position: str, email: str, is_admin: bool,
         is_operator: bool, restriction: str, created_at: datetime, _total: int) -> UserRow:
    return UserRow(number, login, name, extension, position, email, is_admin, is_operator,
                   _RESTRICTIONS[restriction], created_at)


_RESTRICTIONS = {one.value: one for one in Restriction}


async def names_of(tx: DomainTx, ids: list[int]) -> list[tuple[int, str]]:
    """(id, name) of those ids that are users of this domain, by name."""
    rows = await tx.fetch(f"SELECT u.id, u.display_name FROM domain_user u WHERE u.domain_id = $1 "
                          f"AND u.id = ANY($2::bigint[]) ORDER BY {BY_NAME}, u.id", tx.domain_id, ids)
    return [(row["id"], row["display_name"]) for row in rows]


async def card(tx: DomainTx, user_id: int) -> UserCard:
    """Raises NotFound, for another domain's id too."""
    row = await tx.fetchrow(
        "SELECT u.id, u.login, d.name AS domain, u.display_name, u.extension, u.position, u.email, u.is_admin, "
        "u.is_operator, u.notify_voicemail, u.outgoing_number_id, COALESCE(n.e164, '') AS outgoing_number, "
        "u.outgoing_restriction AS own_restriction, d.default_restriction AS domain_restriction, "
        "p.sip_host, p.sip_port, u.created_at, u.recording_on, u.analytics_on "
        f"{_FROM} JOIN pbx_node p ON p.id = d.pbx_node_id LEFT JOIN phone_number n ON n.domain_id = u.domain_id "
        "AND n.id = u.outgoing_number_id WHERE u.domain_id = $1 AND u.id = $2", tx.domain_id, user_id)
    if row is None:
        raise NotFound("user", _("There is no such user"))
    values: dict[str, Any] = dict(row)
    number, own = values["outgoing_number"], values["own_restriction"]
    values["outgoing_number"] = shown_number(number) if number else ""
    values["own_restriction"] = Restriction(own) if own else None
    values["domain_restriction"] = Restriction(values["domain_restriction"])
    return UserCard(**values)


async def online(domain_id: int) -> frozenset[int]:
    """Users with a live registration, as the node's agent tells it; nobody when the cache is away."""
    try:
        known = await store.client().hkeys(f"presence:{domain_id}")  # type: ignore[misc]
    except (RedisError, OSError):
        log.warning("presence_unknown", domain_id=domain_id)
        return frozenset()
    return frozenset(int(one) for one in known if one.isdigit())
