"""Use cases of groups; each reaches the PBX at once [GRP-09, GRP-15…49]. Members are in `members.py`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from asyncpg import UniqueViolationError

from app.audit import history
from app.kernel import provisioning
from app.kernel.db import DomainTx
from app.kernel.errors import InvalidFields, NotFound
from app.kernel.i18n import _
from billing.services import service as services
from tenants.destinations import registry
from tenants.groups import members, queries
from tenants.groups.queries import Group
from tenants.groups.rules import Algorithm, NewGroup, Settings, check_new, check_settings, topic_name
from tenants.sounds import prompts
from tenants.users.operators import CONTACT_CENTRE
from tenants.users.service import domain_facts

OBJECT = "group"  # in the registry of destinations and in the history
SLOTS = ("greeting", "vm", "ringback")


async def has_contact_centre(tx: DomainTx) -> bool:
    return await services.is_on(tx, CONTACT_CENTRE)


async def create(tx: DomainTx, new: NewGroup) -> int:
    """Raises InvalidFields: a value breaks a rule or is taken, or a member is not of this domain [GRP-17]."""
    facts = await domain_facts(tx, lock=True)
    new = check_new(new, pickup_number=facts.pickup_number, has_contact_centre=await has_contact_centre(tx))
    try:
        async with tx.savepoint():
            group_id = await tx.fetchval(
                "INSERT INTO call_group (domain_id, name, extension, algorithm, created_at) "
                "VALUES ($1, $2, $3, $4, $5) RETURNING id", tx.domain_id, new.name, new.extension or None,
                new.algorithm.value, tx.now)
    except UniqueViolationError as taken:
        raise await _taken(tx, taken, new.name, new.extension) from taken
    added = await members.put(tx, group_id, new.members)
    await history.record(tx, "group_created", OBJECT, object_id=group_id, object_name=new.name, changes={
        "extension": ("", new.extension), "algorithm": (None, new.algorithm.value), "members": ("", ", ".join(added))})
    await provisioning.want_new_generation(tx, f"group_created {group_id}")
    return group_id


async def save(tx: DomainTx, group_id: int, wanted: Settings) -> None:
    """Tab "Main". What the workplace of another algorithm has is kept [GRP-43, GRP-48].

    Raises:
        NotFound, InvalidFields.
    """
    facts = await domain_facts(tx, lock=True)
    before = await queries.card(tx, group_id, lock=True)
    wanted = check_settings(wanted, pickup_number=facts.pickup_number, has_contact_centre=await has_contact_centre(tx))
    place = wanted.workplace
    try:
        async with tx.savepoint():
            await tx.execute(
                "UPDATE call_group SET name = $3, extension = $4, algorithm = $5, email = $6, ring_seconds = $7, "
                "greeting_text = $8, answer_seconds = $9, wrap_up_seconds = $10, average_talk_seconds = $11, "
                "queue_limit_seconds = $12, external_url = $13 WHERE domain_id = $1 AND id = $2", tx.domain_id,
                group_id, wanted.name, wanted.extension or None, wanted.algorithm.value, wanted.email,
                wanted.ring_seconds, place.greeting_text, place.answer_seconds, place.wrap_up_seconds,
                place.average_talk_seconds, place.queue_limit_seconds, place.external_url)
    except UniqueViolationError as taken:
        raise await _taken(tx, taken, wanted.name, wanted.extension, group_id) from taken
    await _tell(tx, group_id, wanted.name, _flat(before.settings), _flat(wanted))


async def set_voicemail(tx: DomainTx, group_id: int, *, is_on: bool, greets: bool) -> None:
    """Raises NotFound [GRP-60]."""
    before = await queries.card(tx, group_id, lock=True)
    await tx.execute("UPDATE call_group SET voicemail_on = $3, voicemail_greeting_on = $4 WHERE domain_id = $1 "
                     "AND id = $2", tx.domain_id, group_id, is_on, greets)
    await _tell(tx, group_id, before.name, {
        "voicemail_on": before.voicemail_on, "voicemail_greeting_on": before.voicemail_greeting_on},
        {"voicemail_on": is_on, "voicemail_greeting_on": greets})


async def set_prompt(tx: DomainTx, group_id: int, slot: str, prompt_id: int | None) -> None:
    """Another file, or none, in one of `SLOTS`; the one before is deleted [GRP-59…62].

    Raises:
        NotFound: the group, the slot or the file.
    """
    if slot not in SLOTS:
        raise NotFound("slot", _("There is no such page."))
    group = await queries.card(tx, group_id, lock=True)
    before = group.prompts[slot]
    if before == prompt_id:
        return
    names = await prompts.find(tx, [before] if before else [])
    after = await prompts.use(tx, prompt_id) if prompt_id else None
    await tx.execute(f"UPDATE call_group SET {slot}_prompt_id = $3 WHERE domain_id = $1 AND id = $2", tx.domain_id,
                     group_id, prompt_id)
    if before:
        await prompts.drop(tx, before)
    await _tell(tx, group_id, group.name, {f"audio_{slot}": names[before].name if before in names else ""},
                {f"audio_{slot}": after.name if after else ""})


async def delete(tx: DomainTx, group_id: int) -> str:
    """For good; its name. Whoever pointed at it is told first; journal, recordings, messages and faxes stay
    [GRP-40, GRP-41]. Raises NotFound."""
    await domain_facts(tx, lock=True)
    row = await queries.one(tx, group_id)
    group = await queries.card(tx, group_id, lock=True)
    await registry.gone(tx, OBJECT, group_id)
    await tx.execute("DELETE FROM call_group WHERE domain_id = $1 AND id = $2", tx.domain_id, group_id)
    for prompt_id in group.prompts.values():
        if prompt_id:
            await prompts.drop(tx, prompt_id)
    await history.record(tx, "group_deleted", OBJECT, object_id=group_id, object_name=group.name, changes={
        "extension": (group.extension, ""), "members": (", ".join(row.names), "")})
    await provisioning.want_new_generation(tx, f"group_deleted {group_id}")
    return group.name


async def add_topic(tx: DomainTx, group_id: int, name: str) -> None:
    """Raises NotFound, InvalidFields [GRP-47]."""
    group = await queries.card(tx, group_id, lock=True)
    name = topic_name(name)
    try:
        async with tx.savepoint():
            await tx.execute("INSERT INTO group_topic (domain_id, group_id, name) VALUES ($1, $2, $3)", tx.domain_id,
                             group_id, name)
    except UniqueViolationError as taken:
        raise _topic_taken() from taken
    await history.record(tx, "group_changed", OBJECT, object_id=group_id, object_name=group.name,
                         changes={"topic": ("", name)})


async def change_topic(tx: DomainTx, group_id: int, topic_id: int, *, name: str = "",
                       is_archived: bool | None = None) -> None:
    """Another name, or into the archive and out of it; what is not given stays. Raises NotFound, InvalidFields."""
    group = await queries.card(tx, group_id, lock=True)
    topic = next((one for one in await queries.topics(tx, group_id) if one.id == topic_id), None)
    if topic is None:
        raise NotFound("topic", _("There is no such topic."))
    name = topic_name(name) if name or is_archived is None else topic.name
    archived = topic.is_archived if is_archived is None else is_archived
    try:
        async with tx.savepoint():
            await tx.execute("UPDATE group_topic SET name = $3, is_archived = $4 WHERE domain_id = $1 AND id = $2",
                             tx.domain_id, topic_id, name, archived)
    except UniqueViolationError as taken:
        raise _topic_taken() from taken
    if (topic.name, topic.is_archived) != (name, archived):
        await history.record(tx, "group_changed", OBJECT, object_id=group_id, object_name=group.name, changes={
            "topic": (topic.name, name), "archived": (topic.is_archived, archived)})


# --- the end of the contact centre -------------------------------------------------------------------


async def acd_groups(tx: DomainTx) -> list[str]:
    rows = await tx.fetch("SELECT name FROM call_group WHERE domain_id = $1 AND algorithm LIKE 'acd%' "
                          "ORDER BY lower(name), id", tx.domain_id)
    return [row["name"] for row in rows]


async def end_acd(tx: DomainTx) -> None:
    """Virtual Contact Centre is switched off: calls go on ringing, settings of the workplace begin anew [GRP-06]."""
    rows = await tx.fetch(
        "SELECT id, name, algorithm FROM call_group WHERE domain_id = $1 AND algorithm LIKE 'acd%' ORDER BY id "
        "FOR NO KEY UPDATE", tx.domain_id)
    await tx.execute(
        "UPDATE call_group SET algorithm = CASE WHEN algorithm LIKE 'acd%' THEN 'all' ELSE algorithm END, "
        "greeting_text = DEFAULT, answer_seconds = DEFAULT, wrap_up_seconds = DEFAULT, average_talk_seconds = DEFAULT, "
        "queue_limit_seconds = DEFAULT, external_url = DEFAULT WHERE domain_id = $1", tx.domain_id)
    await tx.execute("DELETE FROM group_topic WHERE domain_id = $1", tx.domain_id)
    if rows:
        await history.record_many(tx, "group_changed", OBJECT, [
            history.Item(row["id"], row["name"], {"algorithm": (row["algorithm"], Algorithm.ALL.value)})
            for row in rows])


def _flat(settings: Settings) -> dict[str, object]:
    values = asdict(settings)
    place = values.pop("workplace")
    return values | place | {"algorithm": settings.algorithm.value}


async def _tell(tx: DomainTx, group_id: int, name: str, before: dict, after: dict) -> None:
    changes = {key: (before[key], after[key]) for key in before if before[key] != after[key]}
    if changes:
        await history.record(tx, "group_changed", OBJECT, object_id=group_id, object_name=name, changes=changes)
        await provisioning.want_new_generation(tx, f"group_changed {group_id}")


async def _taken(tx: DomainTx, error: UniqueViolationError, name: str, extension: str, group_id: int = 0
                 ) -> InvalidFields:
    """Both fields are looked at: the database tells the first conflict only."""
    wrong: dict[str, str] = {}
    if await tx.fetchval("SELECT EXISTS (SELECT FROM call_group WHERE domain_id = $1 AND lower(name) = lower($2) "
                         "AND id <> $3)", tx.domain_id, name, group_id):
        wrong["name"] = _("There is a group %(name)s already") % {"name": name}
    if extension and await tx.fetchval(
            "SELECT EXISTS (SELECT FROM internal_number WHERE domain_id = $1 AND digits = $2 "
            "AND NOT (kind = 'group' AND owner_id = $3))", tx.domain_id, extension, group_id):
        wrong["extension"] = _("Extension %(value)s is taken") % {"value": extension}
    if not wrong:
        raise error
    return InvalidFields("taken", _("Check the highlighted fields."), fields=wrong)


def _topic_taken() -> InvalidFields:
    text = _("There is such a topic already.")
    return InvalidFields("taken", text, fields={"name": text})


def prompt_ids(group: Group) -> Sequence[int]:
    return [one for one in group.prompts.values() if one]
