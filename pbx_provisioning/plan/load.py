"""Reading a domain's plan: one statement per table inside one snapshot of the database."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from app.kernel.db import PlatformTx
from app.settings import settings
from billing.services import channels
from pbx_provisioning.features import load_all, parts
from pbx_provisioning.plan.model import DomainPlan, Pool, Trunk, User, phone_name
from pbx_provisioning.plan.scheme import INITIAL, Reach, load_reach

KEPT_USERS = 12_000  # checked users are remembered: of a large company usually one has changed


@dataclass(frozen=True, slots=True)
class Wanted:
    """A row of provisioning_state with the node it concerns."""

    domain_id: int
    node_id: int
    desired: int
    applied: int
    pinned: int | None
    changed_at: datetime
    changed_by: str
    reason: str
    error: str


async def one_snapshot(tx: PlatformTx) -> None:
    """Every later statement of this transaction sees the same instant; call it before any query."""
    await tx.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")


async def load_wanted(tx: PlatformTx, domain_id: int) -> Wanted | None:
    row = await tx.fetchrow(
        "SELECT p.domain_id, d.pbx_node_id AS node_id, p.desired, p.applied, p.pinned, p.changed_at, "
        "p.changed_by, p.reason, p.error FROM provisioning_state p JOIN domain d ON d.id = p.domain_id "
        "WHERE p.domain_id = $1", domain_id)
    return Wanted(**dict(row)) if row else None


async def load_plan(tx: PlatformTx, wanted: Wanted) -> DomainPlan:
    """Raises BadPlan when a stored value could not be rendered safely."""
    domain_id = wanted.domain_id
    row = await tx.fetchrow(
        "SELECT d.name, d.locale, d.timezone, d.dtmf_transfer, d.dtmf_fax, d.dtmf_conference_add, "
        "d.dtmf_conference_remove, d.dtmf_hold, d.pickup_number, d.pool_id, p.dial_expression, d.route_number, "
        "n.e164 AS main_number, EXISTS (SELECT FROM domain_block b "
        "WHERE b.domain_id = d.id AND b.ended_at IS NULL) AS is_blocked FROM domain d "
        "LEFT JOIN pool p ON p.id = d.pool_id "
        "LEFT JOIN phone_number n ON n.domain_id = d.id AND n.id = coalesce(d.default_number_id, "
        "(SELECT o.id FROM phone_number o WHERE o.domain_id = d.id AND o.category <> 'toll_free' "
        "ORDER BY o.assigned_at, o.id LIMIT 1)) WHERE d.id = $1", domain_id)
    assert row is not None
    users = await tx.fetch(
        "SELECT u.id, u.login, u.extension, u.sip_ha1, u.display_name, "
        "coalesce(u.outgoing_restriction, d.default_restriction) <> 'none', u.pickup_group_id, u.recording_on, "
        "u.analytics_on FROM domain_user u JOIN domain d ON d.id = u.domain_id WHERE u.domain_id = $1 ORDER BY u.id",
        domain_id)
    devices = await _devices(tx, domain_id)
    reach, has_hold = await load_reach(tx, domain_id, row["name"], row["timezone"])
    load_all()
    incoming, outgoing = await channels.in_force(tx, domain_id)
    return DomainPlan(
        domain_id=domain_id, name=row["name"], number=wanted.desired, language=row["locale"],
        is_blocked=row["is_blocked"], main_number=row["main_number"], stranger_ha1=stranger_ha1(row["name"]),
        users=tuple(_user(*user, reach.get(user[0], INITIAL), devices.get(user[0], ())) for user in users),
        pool=Pool(row["pool_id"], row["dial_expression"], row["route_number"]) if row["pool_id"] else None,
        commands=tuple(row[f"dtmf_{name}"] for name in
                       ("transfer", "fax", "conference_add", "conference_remove", "hold")),
        pickup_code=row["pickup_number"], has_hold=has_hold, channels_in=incoming, channels_out=outgoing,
        parts=await parts.load(tx, domain_id))


async def _devices(tx: PlatformTx, domain_id: int) -> dict[int, tuple[tuple[str, str], ...]]:
    rows = await tx.fetch("SELECT user_id, id, bindings, ha1 FROM sip_device WHERE domain_id = $1 "
                          "AND user_id IS NOT NULL ORDER BY id", domain_id)
    found: dict[int, tuple[tuple[str, str], ...]] = {}
    for row in rows:
        account = (f"d{row['id']}-{row['bindings']}", row["ha1"])
        found[row["user_id"]] = (*found.get(row["user_id"], ()), account)
    return found


@lru_cache(maxsize=KEPT_USERS)
def _user(number: int, login: str, extension: str, ha1: str, display_name: str, is_restricted: bool,
          pickup_group: int | None, is_recorded: bool, is_analysed: bool, reach: Reach,
          devices: tuple[tuple[str, str], ...]) -> User:
    return User(number, login, extension, ha1, phone_name(display_name), is_restricted, pickup_group, reach,
                is_recorded, is_analysed, devices)


def stranger_ha1(name: str) -> str:
    """A digest nobody has a password for, the same at every rendering."""
    return hmac.new(settings().secret_key, f"stranger@{name}".encode(), hashlib.sha256).hexdigest()[:32]


async def load_trunks(tx: PlatformTx, node_id: int) -> list[Trunk]:
    """Active trunks of the node, in order of preference."""
    rows = await tx.fetch(
        "SELECT id, host, port, username, password, transport, number_style, max_calls FROM trunk "
        "WHERE node_id = $1 AND is_active ORDER BY priority, id", node_id)
    return [Trunk(**dict(row)) for row in rows]
