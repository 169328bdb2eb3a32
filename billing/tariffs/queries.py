"""What the console reads of tariffs: list, versions, rates, differences between two versions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from app.kernel.db import PlatformTx
from app.kernel.errors import NotFound
from app.kernel.i18n import _


@dataclass(frozen=True, slots=True)
class TariffRow:
    """`rates` counts the version in force; `domains` the accounts on this tariff."""

    id: int
    name: str
    currency: str
    timezone: str
    included_users: int
    user_monthly: Decimal
    user_connection: Decimal
    fee_cycle: str
    domains: int
    version: int | None
    valid_from: datetime | None
    rates: int
    drafts: int


@dataclass(frozen=True, slots=True)
class VersionRow:
    id: int
    number: int
    state: str
    valid_from: datetime | None
    created_at: datetime
    created_by: str
    rates: int
    in_force: bool
    source_file_id: int | None


@dataclass(frozen=True, slots=True)
class Rate:
    prefix: str
    destination: str
    price: Decimal
    unit_seconds: int
    connection_fee: Decimal
    first_increment: int
    next_increment: int
    minimum_charge: Decimal
    free_seconds: int
    free_mode: str


@dataclass(frozen=True, slots=True)
class Difference:
    """One prefix that the two versions treat differently; None: not in that version."""

    kind: str  # added | changed | removed
    prefix: str
    destination: str
    before: Decimal | None
    after: Decimal | None
    other_fields: bool  # something besides the price changes


@dataclass(frozen=True, slots=True)
class Comparison:
    """Counts are complete; `rows` are the first ones, the dearest changes first."""

    against: int | None  # number of the version compared with
    added: int
    changed: int
    removed: int
    unchanged: int
    rows: tuple[Difference, ...]


_IN_FORCE = ("(SELECT v.id FROM tariff_version v WHERE v.tariff_id = t.id AND v.state = 'published' "
             "AND v.valid_from <= $1 ORDER BY v.valid_from DESC, v.id DESC LIMIT 1)")

_TARIFFS = f"""
SELECT t.id, t.name, t.currency, t.timezone, t.included_users, t.user_monthly, t.user_connection, t.fee_cycle,
       (SELECT count(*) FROM account a WHERE a.tariff_id = t.id) AS domains, f.number AS version, f.valid_from,
       (SELECT count(*) FROM tariff_rate r WHERE r.version_id = f.id) AS rates,
       (SELECT count(*) FROM tariff_version v WHERE v.tariff_id = t.id AND v.state = 'draft') AS drafts
FROM tariff t LEFT JOIN tariff_version f ON f.id = {_IN_FORCE}
"""


async def tariffs(tx: PlatformTx) -> list[TariffRow]:
    """All of them, by name: a provider has some dozens."""
    return [TariffRow(**row) for row in await tx.fetch(_TARIFFS + "ORDER BY lower(t.name), t.id", tx.now)]


async def tariff(tx: PlatformTx, tariff_id: int) -> TariffRow:
    row = await tx.fetchrow(_TARIFFS + "WHERE t.id = $2", tx.now, tariff_id)
    if row is None:
        raise NotFound("tariff", _("There is no such tariff"))
    return TariffRow(**row)


async def versions(tx: PlatformTx, tariff_id: int) -> list[VersionRow]:
    """Newest first."""
    rows = await tx.fetch(
        "SELECT v.id, v.number, v.state, v.valid_from, v.created_at, v.created_by, v.source_file_id, "
        "(SELECT count(*) FROM tariff_rate r WHERE r.version_id = v.id) AS rates, "
        f"v.id IS NOT DISTINCT FROM {_IN_FORCE.replace('v.', 'x.').replace('tariff_version v', 'tariff_version x')} "
        "AS in_force FROM tariff_version v JOIN tariff t ON t.id = v.tariff_id WHERE t.id = $2 "
        "ORDER BY v.number DESC", tx.now, tariff_id)
    return [VersionRow(**row) for row in rows]


async def version_in_force(tx: PlatformTx, tariff_id: int) -> int | None:
    return await tx.fetchval(f"SELECT {_IN_FORCE} FROM tariff t WHERE t.id = $2", tx.now, tariff_id)


_RATE = ("prefix, destination, price, unit_seconds, connection_fee, first_increment, next_increment, "
         "minimum_charge, free_seconds, free_mode")
_MATCHING = "version_id = $1 AND ($2::text IS NULL OR prefix LIKE $2 || '%' OR destination ILIKE '%' || $3 || '%')"


async def rates(tx: PlatformTx, version_id: int, *, search: str = "", order: str = "prefix",
                limit: int = 50, offset: int = 0) -> tuple[list[Rate], int]:
    """One page and the number of all that match.

    Args:
        search: as typed; digits match the beginning of a prefix, the whole text any part of a destination.
        order: our own SQL.
    """
    digits = "".join(ch for ch in search if ch in "0123456789")
    prefix = (digits or "-") if search else None
    like = search.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    total = await tx.fetchval(f"SELECT count(*) FROM tariff_rate WHERE {_MATCHING}", version_id, prefix, like)
    rows = await tx.fetch(f"SELECT {_RATE} FROM tariff_rate WHERE {_MATCHING} ORDER BY {order} LIMIT $4 OFFSET $5",
                          version_id, prefix, like, limit, offset)
    return [Rate(**row) for row in rows], total


async def all_rates(tx: PlatformTx, version_id: int) -> list[Rate]:
    rows = await tx.fetch(f"SELECT {_RATE} FROM tariff_rate WHERE version_id = $1 ORDER BY prefix", version_id)
    return [Rate(**row) for row in rows]


_PAIRS = """
WITH pair AS (
    SELECT COALESCE(n.prefix, o.prefix) AS prefix, COALESCE(n.destination, o.destination) AS destination,
           o.price AS before, n.price AS after, n.prefix IS NULL AS gone, o.prefix IS NULL AS new,
           (n.destination, n.unit_seconds, n.connection_fee, n.first_increment, n.next_increment, n.minimum_charge,
            n.free_seconds, n.free_mode) IS DISTINCT FROM
           (o.destination, o.unit_seconds, o.connection_fee, o.first_increment, o.next_increment, o.minimum_charge,
            o.free_seconds, o.free_mode) AS other
    FROM (SELECT * FROM tariff_rate WHERE version_id = $1) n
    FULL JOIN (SELECT * FROM tariff_rate WHERE version_id = $2) o ON o.prefix = n.prefix
), kinds AS (
    SELECT prefix, destination, before, after, other AND NOT new AND NOT gone AS other_fields,
           CASE WHEN new THEN 'added' WHEN gone THEN 'removed' WHEN other OR before <> after THEN 'changed'
                ELSE 'unchanged' END AS kind
    FROM pair
)
"""


async def compare(tx: PlatformTx, version_id: int, against_id: int | None, *, limit: int = 200) -> Comparison:
    """What becomes different when `version_id` replaces `against_id` (None: everything is new)."""
    counts = {row["kind"]: row["n"] for row in await tx.fetch(
        _PAIRS + "SELECT kind, count(*) AS n FROM kinds GROUP BY kind", version_id, against_id)}
    rows = await tx.fetch(
        _PAIRS + "SELECT kind, prefix, destination, before, after, other_fields FROM kinds WHERE kind <> 'unchanged' "
        "ORDER BY abs(COALESCE(after, 0) - COALESCE(before, 0)) DESC, prefix LIMIT $3", version_id, against_id, limit)
    number = await tx.fetchval("SELECT number FROM tariff_version WHERE id = $1", against_id)
    return Comparison(number, counts.get("added", 0), counts.get("changed", 0), counts.get("removed", 0),
                      counts.get("unchanged", 0), tuple(Difference(**row) for row in rows))


async def tariff_of(tx: PlatformTx, version_id: int) -> int:
    """Raises NotFound."""
    tariff_id = await tx.fetchval("SELECT tariff_id FROM tariff_version WHERE id = $1", version_id)
    if tariff_id is None:
        raise NotFound("version", _("There is no such tariff version"))
    return tariff_id
