"""Campaigns, their statuses and clients, read [CMP-10, CMP-30, CMP-40, CMP-41]."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from datetime import datetime

from asyncpg import Record

from app.kernel.db import DomainTx
from app.kernel.errors import NotFound
from app.kernel.i18n import LazyText, _
from app.modules.campaigns.rules import OWN, STATUSES, is_working

PORTION = 2000


@dataclass(frozen=True, slots=True)
class Campaign:
    """`group`: its name, "" when there is none."""

    id: int
    name: str
    attempts: int
    method: str
    group_id: int | None
    group: str
    max_talk_minutes: int | None
    info_url: str
    starts_at: datetime
    ends_at: datetime
    is_active: bool

    def works(self, now: datetime) -> bool:
        return is_working(self.is_active, self.starts_at, self.ends_at, now)


@dataclass(frozen=True, slots=True)
class Client:
    """A line of the call list. `held_name`: the operator who has the client at the moment, "" for nobody."""

    id: int
    name: str
    notes: str
    status: str
    status_text: str
    numbers: tuple[str, ...]
    attempts: int
    last_attempt_at: datetime | None
    talk_seconds: int
    operator_name: str
    held_name: str

    @property
    def status_label(self) -> str | LazyText:
        return self.status_text if self.status == OWN else STATUSES[self.status]


_CAMPAIGN = ("SELECT c.id, c.name, c.attempts, c.method, c.group_id, coalesce(g.name, '') AS group, "
             "c.max_talk_minutes, c.info_url, c.starts_at, c.ends_at, c.is_active FROM campaign c "
             "LEFT JOIN call_group g ON g.domain_id = c.domain_id AND g.id = c.group_id WHERE c.domain_id = $1 ")
_CLIENT = ("SELECT c.id, c.name, c.notes, c.status, c.status_text, (SELECT array_agg(n.number ORDER BY n.position) "
           "FROM campaign_number n WHERE n.domain_id = c.domain_id AND n.client_id = c.id) AS numbers, c.attempts, "
           "c.last_attempt_at, c.talk_seconds, c.operator_name, c.held_name FROM campaign_client c ")
_FOUND = ("WHERE c.domain_id = $1 AND c.campaign_id = $2 AND ($3::text IS NULL OR c.name ILIKE $3 OR c.notes ILIKE $3 "
          "OR ($4 <> '' AND EXISTS (SELECT FROM campaign_number n WHERE n.domain_id = c.domain_id "
          "AND n.client_id = c.id AND n.number LIKE '%' || $4 || '%'))) "
          "AND ($5 = '' OR c.status = $5 OR c.status = 'own' AND $5 = 'own:' || c.status_text)")


@dataclass(frozen=True, slots=True)
class Found:
    """What a call list is narrowed to. `status`: a code, or own:<text>."""

    like: str | None = None
    digits: str = ""
    status: str = ""


async def campaign(tx: DomainTx, campaign_id: int, *, lock: bool = False) -> Campaign:
    """Raises NotFound."""
    row = await tx.fetchrow(_CAMPAIGN + "AND c.id = $2" + (" FOR NO KEY UPDATE OF c" if lock else ""), tx.domain_id,
                            campaign_id)
    if row is None:
        raise NotFound("campaign", _("There is no such campaign."))
    return Campaign(**row)


async def campaigns(tx: DomainTx, *, like: str | None, order: str, limit: int,
                    offset: int) -> tuple[list[Campaign], int]:
    where = "AND ($2::text IS NULL OR c.name ILIKE $2)"
    rows = await tx.fetch(f"{_CAMPAIGN} {where} ORDER BY {order} LIMIT $3 OFFSET $4", tx.domain_id, like, limit, offset)
    total = await tx.fetchval(f"SELECT count(*) FROM campaign c WHERE c.domain_id = $1 {where}", tx.domain_id, like)
    return [Campaign(**row) for row in rows], total


async def of_operator(tx: DomainTx, user_id: int) -> list[Campaign]:
    """Those at work now that this operator's groups take part in."""
    rows = await tx.fetch(
        f"{_CAMPAIGN} AND c.is_active AND c.starts_at <= $3 AND c.ends_at >= $3 AND EXISTS (SELECT FROM group_member m "
        "WHERE m.domain_id = c.domain_id AND m.group_id = c.group_id AND m.user_id = $2) ORDER BY lower(c.name), c.id",
        tx.domain_id, user_id, tx.now)
    return [Campaign(**row) for row in rows]


async def groups(tx: DomainTx) -> list[tuple[int, str]]:
    rows = await tx.fetch("SELECT id, name FROM call_group WHERE domain_id = $1 ORDER BY lower(name), id", tx.domain_id)
    return [(row["id"], row["name"]) for row in rows]


async def statuses(tx: DomainTx, campaign_id: int) -> list[tuple[int, str]]:
    """The campaign's own, by name."""
    rows = await tx.fetch("SELECT id, name FROM campaign_status WHERE domain_id = $1 AND campaign_id = $2 "
                          "ORDER BY lower(name), id", tx.domain_id, campaign_id)
    return [(row["id"], row["name"]) for row in rows]


async def own_statuses_given(tx: DomainTx, campaign_id: int) -> list[str]:
    """Texts that clients have, deleted statuses among them: what the list can be filtered by."""
    rows = await tx.fetch("SELECT DISTINCT status_text FROM campaign_client WHERE domain_id = $1 AND campaign_id = $2 "
                          "AND status = 'own' ORDER BY 1", tx.domain_id, campaign_id)
    return [row["status_text"] for row in rows]


async def totals(tx: DomainTx, campaign_id: int) -> tuple[int, int]:
    """Clients in the list, and those that are not in the initial state [CMP-41]."""
    row = await tx.fetchrow("SELECT count(*), count(*) FILTER (WHERE status <> 'initial') FROM campaign_client "
                            "WHERE domain_id = $1 AND campaign_id = $2", tx.domain_id, campaign_id)
    assert row is not None
    return row[0], row[1]


async def clients(tx: DomainTx, campaign_id: int, found: Found, *, order: str, limit: int,
                  offset: int) -> tuple[list[Client], int]:
    values = (tx.domain_id, campaign_id, found.like, found.digits, found.status)
    rows = await tx.fetch(f"{_CLIENT} {_FOUND} ORDER BY {order} LIMIT $6 OFFSET $7", *values, limit, offset)
    total = await tx.fetchval(f"SELECT count(*) FROM campaign_client c {_FOUND}", *values)
    return [_client(row) for row in rows], total


async def every_client(tx: DomainTx, campaign_id: int, found: Found) -> AsyncIterator[Client]:
    """For the report, in the order of the list."""
    last = 0
    while True:
        rows = await tx.fetch(f"{_CLIENT} {_FOUND} AND c.id > $6 ORDER BY c.id LIMIT $7", tx.domain_id, campaign_id,
                              found.like, found.digits, found.status, last, PORTION)
        for row in rows:
            yield _client(row)
        if len(rows) < PORTION:
            return
        last = rows[-1]["id"]


async def client(tx: DomainTx, campaign_id: int, client_id: int, *, lock: bool = False) -> Client:
    """Raises NotFound."""
    row = await tx.fetchrow(f"{_CLIENT} WHERE c.domain_id = $1 AND c.campaign_id = $2 AND c.id = $3"
                            + (" FOR NO KEY UPDATE OF c" if lock else ""), tx.domain_id, campaign_id, client_id)
    if row is None:
        raise NotFound("client", _("There is no such client in the list."))
    return _client(row)


async def taken_numbers(tx: DomainTx, campaign_id: int, numbers: Collection[str] | None = None) -> set[str]:
    """Of these numbers, or of all, those that the campaign has."""
    rows = await tx.fetch("SELECT number FROM campaign_number WHERE domain_id = $1 AND campaign_id = $2 "
                          "AND ($3::text[] IS NULL OR number = ANY($3))", tx.domain_id, campaign_id,
                          None if numbers is None else list(numbers))
    return {row["number"] for row in rows}


def _client(row: Record) -> Client:
    return Client(**{**row, "numbers": tuple(row["numbers"] or ())})
