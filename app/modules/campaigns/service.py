"""Campaigns as the administrator has them: made, changed, started, stopped, deleted [CMP-04, CMP-20…32]."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from asyncpg import Record, UniqueViolationError

from app.audit import history
from app.kernel.db import DomainTx
from app.kernel.errors import Forbidden, InvalidFields, NotFound, Refused
from app.kernel.i18n import LANGUAGES, _, speaking
from app.modules.campaigns import queries
from app.modules.campaigns.rules import LONGEST_NAME, LONGEST_STATUS, STATUSES, url_problem
from billing.services import service as services
from tenants.users.rules import one_line, text_problem

FUNCTION = "CAMPAIGNS"  # of the contact centre [SVC-14]
OBJECT = "campaign"


@dataclass(frozen=True, slots=True)
class Settings:
    """The form of a campaign [CMP-20]."""

    name: str
    attempts: int
    method: str
    group_id: int | None
    max_talk_minutes: int | None
    info_url: str
    starts_at: datetime
    ends_at: datetime


async def require(tx: DomainTx) -> None:
    """Raises Forbidden: no service with campaigns is on."""
    if not await services.has_function(tx, FUNCTION):
        raise Forbidden("service_off", _("Campaigns need the service “Virtual contact centre”."))


async def create(tx: DomainTx, wanted: Settings) -> int:
    """A new campaign is inactive [CMP-D3]. Raises InvalidFields, Forbidden."""
    await require(tx)
    await _check(tx, wanted)
    campaign_id = await tx.fetchval(
        "INSERT INTO campaign (domain_id, name, attempts, method, group_id, max_talk_minutes, info_url, starts_at, "
        "ends_at, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING id", tx.domain_id, wanted.name,
        wanted.attempts, wanted.method, wanted.group_id, wanted.max_talk_minutes, wanted.info_url, wanted.starts_at,
        wanted.ends_at, tx.now)
    await history.record(tx, "campaign_created", OBJECT, object_id=campaign_id, object_name=wanted.name)
    return campaign_id


async def save(tx: DomainTx, campaign_id: int, wanted: Settings) -> None:
    """Raises InvalidFields, NotFound, Forbidden."""
    await require(tx)
    before = await queries.campaign(tx, campaign_id, lock=True)
    await _check(tx, wanted)
    await tx.execute(
        "UPDATE campaign SET name = $3, attempts = $4, method = $5, group_id = $6, max_talk_minutes = $7, "
        "info_url = $8, starts_at = $9, ends_at = $10 WHERE domain_id = $1 AND id = $2", tx.domain_id, campaign_id,
        wanted.name, wanted.attempts, wanted.method, wanted.group_id, wanted.max_talk_minutes, wanted.info_url,
        wanted.starts_at, wanted.ends_at)
    changes = {name if name == "name" else f"campaign_{name}": (getattr(before, name), getattr(wanted, name))
               for name in Settings.__dataclass_fields__}
    if any(old != new for old, new in changes.values()):
        await history.record(tx, "campaign_changed", OBJECT, object_id=campaign_id, object_name=wanted.name,
                             changes=changes)


async def _check(tx: DomainTx, wanted: Settings) -> None:
    wrong = {"name": text_problem(wanted.name, LONGEST_NAME, required=True), "info_url": url_problem(wanted.info_url)}
    if wanted.group_id is None or wanted.group_id not in dict(await queries.groups(tx)):
        wrong["group_id"] = _("Choose a group.")
    if wanted.ends_at <= wanted.starts_at:
        wrong["ends_at"] = _("The end must be later than the start.")
    wrong = {field: text for field, text in wrong.items() if text}
    if wrong:
        raise InvalidFields("invalid_fields", _("Check the highlighted fields."), fields=wrong)


async def switch(tx: DomainTx, campaign_id: int, to: bool) -> bool:
    """Activate or deactivate; calls that go on are not cut [CMP-D3].

    Returns:
        False if it is that already.

    Raises:
        Refused: the end is over, or there is no group [CMP-D4].
    """
    await require(tx)
    before = await queries.campaign(tx, campaign_id, lock=True)
    if before.is_active == to:
        return False
    if to and before.ends_at <= tx.now:
        raise Refused("over", _("The end of the campaign is over. Move it first."))
    if to and before.group_id is None:
        raise Refused("no_group", _("The campaign has no group: it was deleted. Choose another one first."))
    await tx.execute("UPDATE campaign SET is_active = $3 WHERE domain_id = $1 AND id = $2", tx.domain_id, campaign_id,
                     to)
    await history.record(tx, "campaign_switched", OBJECT, object_id=campaign_id, object_name=before.name,
                         changes={"campaign_is_active": (before.is_active, to)})
    return True


async def delete(tx: DomainTx, campaign_id: int) -> None:
    """With its clients, numbers and own statuses; calls stay in the history [CMP-D4]. Raises NotFound."""
    before = await queries.campaign(tx, campaign_id, lock=True)
    await tx.execute("DELETE FROM campaign WHERE domain_id = $1 AND id = $2", tx.domain_id, campaign_id)
    await history.record(tx, "campaign_deleted", OBJECT, object_id=campaign_id, object_name=before.name)


async def end_over(tx: DomainTx) -> int:
    """Campaigns whose end has come become inactive by themselves; how many [CMP-D3]."""
    rows = await tx.fetch("UPDATE campaign SET is_active = false WHERE domain_id = $1 AND is_active AND ends_at < $2 "
                          "RETURNING id, name", tx.domain_id, tx.now)
    await _tell_off(tx, rows)
    return len(rows)


async def deactivate_all(tx: DomainTx) -> None:
    """The contact centre is disconnected [SVC-D5]."""
    await _tell_off(tx, await tx.fetch("UPDATE campaign SET is_active = false WHERE domain_id = $1 AND is_active "
                                       "RETURNING id, name", tx.domain_id))


async def _tell_off(tx: DomainTx, rows: list[Record]) -> None:
    if rows:
        await history.record_many(tx, "campaign_switched", OBJECT, [
            history.Item(row["id"], row["name"], {"campaign_is_active": (True, False)}) for row in rows])


async def deactivate_of_group(tx: DomainTx, group_id: int) -> None:
    """Its group is being deleted; the database takes it out of the campaign [CMP-D4]."""
    await _tell_off(tx, await tx.fetch(
        "UPDATE campaign SET is_active = false WHERE domain_id = $1 AND group_id = $2 AND is_active RETURNING id, name",
        tx.domain_id, group_id))


# --- statuses -------------------------------------------------------------------------------------------


async def add_status(tx: DomainTx, campaign_id: int, name: str) -> int:
    """Raises InvalidFields: too long, or there is one of this name [CMP-D5]."""
    campaign = await queries.campaign(tx, campaign_id, lock=True)
    name = one_line(name)
    problem = text_problem(name, LONGEST_STATUS, required=True)
    # The names of the two that always exist, in every language that the panel speaks.
    if name.lower() in _reserved():
        problem = _("There is such a status already.")
    if problem:
        raise InvalidFields("invalid_fields", problem, fields={"status": problem})
    try:
        async with tx.savepoint():
            status_id = await tx.fetchval("INSERT INTO campaign_status (domain_id, campaign_id, name) "
                                          "VALUES ($1, $2, $3) RETURNING id", tx.domain_id, campaign_id, name)
    except UniqueViolationError as taken:
        text = _("There is such a status already.")
        raise InvalidFields("taken", text, fields={"status": text}) from taken
    await history.record(tx, "campaign_status_added", OBJECT, object_id=campaign_id, object_name=campaign.name,
                         changes={"campaign_status": ("", name)})
    return status_id


def _reserved() -> set[str]:
    found: set[str] = set()
    for one in LANGUAGES:
        with speaking(one):
            found |= {str(label).lower() for label in STATUSES.values()}
    return found


async def delete_status(tx: DomainTx, campaign_id: int, status_id: int) -> None:
    """Clients that have it keep its text [CMP-D5]. Raises NotFound."""
    campaign = await queries.campaign(tx, campaign_id, lock=True)
    name = await tx.fetchval("DELETE FROM campaign_status WHERE domain_id = $1 AND campaign_id = $2 AND id = $3 "
                             "RETURNING name", tx.domain_id, campaign_id, status_id)
    if name is None:
        raise NotFound("status", _("There is no such status."))
    await history.record(tx, "campaign_status_deleted", OBJECT, object_id=campaign_id, object_name=campaign.name,
                         changes={"campaign_status": (name, "")})
