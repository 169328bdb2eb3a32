"""Reading scenarios."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from asyncpg import Record

from app.kernel.db import DomainTx
from app.kernel.errors import NotFound
from app.kernel.i18n import _
from tenants.destinations.model import from_columns
from tenants.destinations.registry import Choice
from tenants.ivr.rules import Action, Branch, Menu, Scenario, in_order


@dataclass(frozen=True, slots=True)
class Row:
    """One of the list. `numbers`: E.164 digits of numbers with an active rule that leads here [IVR-02]."""

    id: int
    name: str
    menus: int
    numbers: Sequence[str]


@dataclass(frozen=True, slots=True)
class Limits:
    """Domain-wide [IVR-25, IVR-26]."""

    timeout_seconds: int
    errors: int


async def rows(tx: DomainTx, *, like: str | None = None, order: str = "lower(s.name), s.id", limit: int | None = None,
               offset: int = 0) -> tuple[list[Row], int]:
    """Scenarios whose name matches, and how many there are."""
    where = "s.domain_id = $1 AND s.deleted_at IS NULL AND ($2::text IS NULL OR s.name ILIKE $2)"
    total = await tx.fetchval(f"SELECT count(*) FROM ivr_scenario s WHERE {where}", tx.domain_id, like)
    found = await tx.fetch(
        "SELECT s.id, s.name, (SELECT count(*) FROM ivr_menu m WHERE m.domain_id = s.domain_id "
        "AND m.scenario_id = s.id) AS menus, ARRAY(SELECT DISTINCT n.e164 FROM routing_rule r JOIN phone_number n "
        "ON n.domain_id = r.domain_id AND n.id = r.number_id WHERE r.domain_id = s.domain_id AND r.is_active "
        "AND coalesce(r.target_owner, r.target_kind) = 'ivr' AND r.target_id = s.id ORDER BY n.e164) AS numbers "
        f"FROM ivr_scenario s WHERE {where} ORDER BY {order} LIMIT $3 OFFSET $4", tx.domain_id, like, limit, offset)
    return [Row(**row) for row in found], total


async def scenario(tx: DomainTx, scenario_id: int, *, lock: bool = False) -> Scenario:
    """Raises NotFound, for another domain's scenario too."""
    name = await tx.fetchval("SELECT name FROM ivr_scenario WHERE domain_id = $1 AND id = $2 AND deleted_at IS NULL"
                             + (" FOR NO KEY UPDATE" if lock else ""), tx.domain_id, scenario_id)
    if name is None:
        raise NotFound("ivr", _("There is no such voice scenario."))
    menus = await tx.fetch("SELECT id, name, is_main, audio_id FROM ivr_menu WHERE domain_id = $1 AND scenario_id = $2 "
                           "ORDER BY NOT is_main, lower(name), id", tx.domain_id, scenario_id)
    branches = await tx.fetch("SELECT * FROM ivr_branch WHERE domain_id = $1 AND scenario_id = $2", tx.domain_id,
                              scenario_id)
    return put_together(scenario_id, name, menus, branches)


def put_together(scenario_id: int, name: str, menus: Sequence[Record], branches: Sequence[Record]) -> Scenario:
    """Of rows of ivr_menu, in order, and ivr_branch."""
    found: dict[int, list[Branch]] = {menu["id"]: [] for menu in menus}
    for row in branches:
        found[row["menu_id"]].append(Branch(row["trigger"], Action(row["action"]), from_columns(dict(row)),
                                            row["audio_id"], row["to_menu_id"]))
    return Scenario(scenario_id, name, tuple(
        Menu(menu["id"], menu["name"], menu["is_main"], menu["audio_id"], in_order(found[menu["id"]]))
        for menu in menus))


async def limits(tx: DomainTx) -> Limits:
    row = await tx.fetchrow("SELECT ivr_timeout_seconds, ivr_errors FROM domain WHERE id = $1", tx.domain_id)
    assert row is not None
    return Limits(*row)


async def choices(tx: DomainTx, search: str, most: int) -> Sequence[Choice]:
    """For the picker."""
    found = await tx.fetch(
        "SELECT id, name FROM ivr_scenario WHERE domain_id = $1 AND deleted_at IS NULL "
        "AND strpos(lower(name), lower($2)) > 0 ORDER BY lower(name), id LIMIT $3", tx.domain_id, search.strip(), most)
    return [_choice(row) for row in found]


async def find(tx: DomainTx, ids: Collection[int]) -> Mapping[int, Choice]:
    found = await tx.fetch("SELECT id, name FROM ivr_scenario WHERE domain_id = $1 AND id = ANY($2::bigint[]) "
                           "AND deleted_at IS NULL", tx.domain_id, list(ids))
    return {row["id"]: _choice(row) for row in found}


def _choice(row: Record) -> Choice:
    return Choice(row["id"], row["name"], url=f"/ivr/{row['id']}")


async def pointing(tx: DomainTx, code: str, object_id: int) -> list[str]:
    """Names of scenarios with a branch that sends calls to this user or group [IVR-65]."""
    found = await tx.fetch(
        "SELECT DISTINCT s.name FROM ivr_branch b JOIN ivr_scenario s ON s.domain_id = b.domain_id "
        "AND s.id = b.scenario_id AND s.deleted_at IS NULL WHERE b.domain_id = $1 "
        "AND coalesce(b.target_owner, b.target_kind) = $2 AND b.target_id = $3 ORDER BY s.name",
        tx.domain_id, code, object_id)
    return [row["name"] for row in found]
