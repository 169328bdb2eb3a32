"""What the console reads of tariffs: list, versions, rates, differences between two versions."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import Decimal

from app.kernel.db import PlatformTx
from app.kernel.errors import NotFound
from app.kernel.i18n import _
from app.kernel.sql import like_escaped


@dataclass(frozen=True, slots=True)
class TariffRow:
    """`version_id`, `version`, `user_monthly` and `rates` are of the version in force; `domains` counts the accounts on
    this tariff."""

    id: int
    name: str
    currency: str
    timezone: str
    user_monthly: Decimal | None
    domains: int
    version_id: int | None
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
    valid_until: datetime | None  # where the next published version begins
    created_at: datetime
    created_by: str
    rates: int
    in_force: bool
    is_to_come: bool
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
    weekdays: str | None  # digits from 1, Monday; None: a row without a time band
    start_minute: int
    end_minute: int
    first_on: date | None
    last_on: date | None
    weight: int
    steps: str
    package_applies: bool
    id: int

    # the columns of the CSV file that are called or written otherwise there

    @property
    def time_from(self) -> str:
        return clock_text(self.start_minute) if self.weekdays else ""

    @property
    def time_to(self) -> str:
        return clock_text(self.end_minute) if self.weekdays else ""

    @property
    def date_from(self) -> date | None:
        return self.first_on

    @property
    def date_to(self) -> date | None:
        return self.last_on

    @property
    def price_steps(self) -> str:
        return self.steps

    @property
    def price_list(self) -> list[tuple[int, Decimal]]:
        """(second of talk, price from then on)."""
        return [(int(second), Decimal(price)) for second, price in (step.split(":") for step in self.steps.split())]

    @property
    def package_minutes(self) -> str:
        return "yes" if self.package_applies else ""


RATE_COLUMNS = tuple(one.name for one in fields(Rate))
STORED_COLUMNS = RATE_COLUMNS[:-1]  # without the id, which the table gives


def clock_text(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


@dataclass(frozen=True, slots=True)
class Difference:
    """One row, told by prefix, band and weight, that the two versions treat differently; None: not in that version."""

    kind: str  # added | changed | removed
    prefix: str
    weekdays: str | None
    start_minute: int
    end_minute: int
    first_on: date | None
    last_on: date | None
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


_TARIFFS = """
SELECT t.id, t.name, t.currency, t.timezone, (SELECT s.monthly FROM plan_service s WHERE s.version_id = f.id
                                              AND s.service = 'additional_user') AS user_monthly,
       (SELECT count(*) FROM account a WHERE a.tariff_id = t.id) AS domains, f.id AS version_id, f.number AS version,
       f.valid_from,
       (SELECT count(*) FROM tariff_rate r WHERE r.version_id = f.id) AS rates,
       (SELECT count(*) FROM tariff_version v WHERE v.tariff_id = t.id AND v.state = 'draft') AS drafts
FROM tariff t LEFT JOIN tariff_version f ON f.id = tariff_version_at(t.id, $1)
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
        "v.id IS NOT DISTINCT FROM tariff_version_at(t.id, $1) AS in_force, "
        "v.state = 'published' AND v.valid_from > $1 AS is_to_come, CASE WHEN v.state = 'published' THEN "
        "(SELECT min(n.valid_from) FROM tariff_version n WHERE n.tariff_id = t.id AND n.state = 'published' "
        "AND (n.valid_from, n.id) > (v.valid_from, v.id)) END AS valid_until "
        "FROM tariff_version v JOIN tariff t ON t.id = v.tariff_id WHERE t.id = $2 ORDER BY v.number DESC",
        tx.now, tariff_id)
    return [VersionRow(**row) for row in rows]


async def version_in_force(tx: PlatformTx, tariff_id: int) -> int | None:
    return await tx.fetchval("SELECT tariff_version_at($1, $2)", tariff_id, tx.now)


_RATE = ", ".join(RATE_COLUMNS)
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
    like = like_escaped(search)
    total = await tx.fetchval(f"SELECT count(*) FROM tariff_rate WHERE {_MATCHING}", version_id, prefix, like)
    rows = await tx.fetch(f"SELECT {_RATE} FROM tariff_rate WHERE {_MATCHING} ORDER BY {order}, id LIMIT $4 OFFSET $5",
                          version_id, prefix, like, limit, offset)
    return [Rate(**row) for row in rows], total


async def all_rates(tx: PlatformTx, version_id: int) -> list[Rate]:
    rows = await tx.fetch(f"SELECT {_RATE} FROM tariff_rate WHERE version_id = $1 ORDER BY prefix, id", version_id)
    return [Rate(**row) for row in rows]


_PAIRS = """
WITH pair AS (
    SELECT COALESCE(n.prefix, o.prefix) AS prefix, COALESCE(n.destination, o.destination) AS destination,
           COALESCE(n.weekdays, o.weekdays) AS weekdays, COALESCE(n.start_minute, o.start_minute) AS start_minute,
           COALESCE(n.end_minute, o.end_minute) AS end_minute, COALESCE(n.first_on, o.first_on) AS first_on,
           COALESCE(n.last_on, o.last_on) AS last_on, COALESCE(n.id, o.id) AS id,
           o.price AS before, n.price AS after, n.prefix IS NULL AS gone, o.prefix IS NULL AS new,
           (n.destination, n.unit_seconds, n.connection_fee, n.first_increment, n.next_increment, n.minimum_charge,
            n.free_seconds, n.free_mode, n.steps, n.package_applies) IS DISTINCT FROM
           (o.destination, o.unit_seconds, o.connection_fee, o.first_increment, o.next_increment, o.minimum_charge,
            o.free_seconds, o.free_mode, o.steps, o.package_applies) AS other
    FROM (SELECT *, {band} AS band FROM tariff_rate WHERE version_id = $1) n
    FULL JOIN (SELECT *, {band} AS band FROM tariff_rate WHERE version_id = $2) o
           ON o.prefix = n.prefix AND o.band = n.band
), kinds AS (
    SELECT prefix, destination, weekdays, start_minute, end_minute, first_on, last_on, id, before, after,
           other AND NOT new AND NOT gone AS other_fields,
           CASE WHEN new THEN 'added' WHEN gone THEN 'removed' WHEN other OR before <> after THEN 'changed'
                ELSE 'unchanged' END AS kind
    FROM pair
)
""".format(band="concat_ws('/', COALESCE(weekdays, '-'), start_minute, end_minute, COALESCE(first_on::text, '-'), "
                "COALESCE(last_on::text, '-'), weight)")


async def compare(tx: PlatformTx, version_id: int, against_id: int | None, *, limit: int = 200) -> Comparison:
    """What becomes different when `version_id` replaces `against_id` (None: everything is new)."""
    counts = {row["kind"]: row["n"] for row in await tx.fetch(
        _PAIRS + "SELECT kind, count(*) AS n FROM kinds GROUP BY kind", version_id, against_id)}
    rows = await tx.fetch(
        _PAIRS + "SELECT kind, prefix, weekdays, start_minute, end_minute, first_on, last_on, destination, before, "
        "after, other_fields FROM kinds WHERE kind <> 'unchanged' "
        "ORDER BY abs(COALESCE(after, 0) - COALESCE(before, 0)) DESC, prefix, id LIMIT $3",
        version_id, against_id, limit)
    number = await tx.fetchval("SELECT number FROM tariff_version WHERE id = $1", against_id)
    return Comparison(number, counts.get("added", 0), counts.get("changed", 0), counts.get("removed", 0),
                      counts.get("unchanged", 0), tuple(Difference(**row) for row in rows))


async def tariff_of(tx: PlatformTx, version_id: int) -> int:
    """Raises NotFound."""
    tariff_id = await tx.fetchval("SELECT tariff_id FROM tariff_version WHERE id = $1", version_id)
    if tariff_id is None:
        raise NotFound("version", _("There is no such tariff version"))
    return tariff_id
