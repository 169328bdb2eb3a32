"""What is made in a CRM of a call that has ended: contacts, deals, tasks, leads, and the call in its history
[CRM-16, CRM-23, CRM-32, CRM-33]. Every object once per call, however often it is tried.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from app.kernel.actors import Actor
from app.kernel.db import domain_transaction
from app.modules.crm import accounts, rules, setup
from app.modules.crm.accounts import Integration
from app.modules.crm.clients import Amo, Bitrix
from app.modules.crm.rules import Contact, Manager
from app.modules.integration_api import answers
from tenants.calls import sessions

LINK_DAYS = 365


@dataclass(frozen=True, slots=True)
class Ended:
    """`direction`: in, out. `talked`: the user who answered last, `caller`: who called out. `phone`: the client's."""

    session: str
    direction: str
    answered: bool
    phone: str
    line: str
    talked: int | None
    caller: int | None
    ended_at: datetime
    seconds: int
    recording: str = ""  # a link, "" without one


class Maker:
    """Makes each kind of object of one call once."""

    def __init__(self, actor: Actor, found: Integration, session: str) -> None:
        self._actor, self._found, self._session = actor, found, UUID(session)

    async def made(self, kind: str) -> str:
        async with domain_transaction(self._actor) as tx:
            return await tx.fetchval("SELECT ref FROM crm_object WHERE domain_id = $1 AND integration_id = $2 "
                                     "AND session_id = $3 AND kind = $4", tx.domain_id, self._found.id, self._session,
                                     kind) or ""

    async def keep(self, kind: str, ref: str) -> str:
        async with domain_transaction(self._actor) as tx:
            await tx.execute("INSERT INTO crm_object (domain_id, integration_id, session_id, kind, ref, at) "
                             "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING", tx.domain_id, self._found.id,
                             self._session, kind, ref, tx.now)
        return ref


def _by_user(managers: list[Manager], user_id: int | None) -> Manager | None:
    return next((one for one in managers if user_id is not None and one.user_id == user_id), None)


async def end_of_call(actor: Actor, found: Integration, call: Ended) -> None:
    """Raises CrmError: it is tried again."""
    client = await accounts.client(actor, found.kind)
    if isinstance(client, Amo):
        await _amo(actor, found, client, call)
    else:
        await _bitrix(actor, found, client, call)


# ---------------------------------------------------------------- amoCRM


async def _amo(actor: Actor, found: Integration, client: Amo, call: Ended) -> None:
    async with domain_transaction(actor) as tx:
        managers = await setup.managers(tx, found.id)
        scenario = await setup.scenario_of_line(tx, found, call.line)
        events = await setup.events_of(tx, scenario.id) if scenario else {}
    maker = Maker(actor, found, call.session)
    contact = await client.contact(call.phone)
    was_new = contact is None or bool(await maker.made("contact"))
    talked = _by_user(managers, call.talked if call.direction == "in" else call.caller)
    kind = rules.event_kind(call.direction, call.answered)
    event = events.get((kind, "new" if was_new else "existing"))
    if event is not None:
        contact = await _amo_objects(client, maker, event, managers, contact, talked, call, was_new)
    if talked is not None or not call.answered:
        await _amo_note(client, maker, contact, talked, managers, call)


async def _amo_objects(client: Amo, maker: Maker, event: setup.Event, managers: list[Manager], contact: Contact | None,
                       talked: Manager | None, call: Ended, was_new: bool) -> Contact | None:
    """Contact first, the deal linked to it, the task linked to the deal or the contact."""
    if contact is None and rules.is_on(event.contact):
        owner = rules.owner_of_object(managers, contact=None, talked=talked, same_as_contact=False)
        owner = str(event.contact.get("owner") or owner)
        ref = await client.add("contacts", _owned({
            "name": rules.filled(str(event.contact.get("name") or "${phone}"), call.phone),
            "custom_fields_values": [{"field_code": "PHONE", "values": [{"value": call.phone}]},
                                     *_fields(event.contact)], **_tags(event.contact)}, owner))
        contact = Contact(await maker.keep("contact", ref), call.phone, owner)
    elif contact is not None and was_new and event.update_responsible and talked is not None \
            and contact.owner != talked.crm_user_id:
        await client.set_owner(contact.id, talked.crm_user_id)
    deal = await maker.made("deal")
    if rules.is_on(event.deal) and not deal:
        deal = await maker.keep("deal", await client.add("leads", _deal(event.deal, managers, contact, talked, call)))
    if rules.is_on(event.task) and not await maker.made("task") and (deal or contact is not None):
        due = rules.deadline(call.ended_at, int(event.task.get("amount") or 1), str(event.task.get("unit") or "days"))
        owner = str(event.task.get("owner") or "") or rules.owner_of_object(
            managers, contact=contact, talked=talked, same_as_contact=True)
        target = deal or (contact.id if contact else "0")
        linked = {"entity_type": "leads" if deal else "contacts", "entity_id": int(target)}
        await maker.keep("task", await client.add("tasks", _owned({
            "text": str(event.task.get("text") or call.phone), "complete_till": int(due.timestamp()), **linked},
            owner)))
    return contact


def _deal(setting: Mapping[str, Any], managers: list[Manager], contact: Contact | None, talked: Manager | None,
          call: Ended) -> dict[str, Any]:
    chosen = str(setting.get("owner") or "")
    owner = chosen if chosen.isdigit() else rules.owner_of_object(
        managers, contact=contact, talked=talked, same_as_contact=chosen == "contact")
    body: dict[str, Any] = {"name": rules.filled(str(setting.get("name") or "${phone}"), call.phone)}
    pipeline, _colon, stage = str(setting.get("status") or "").partition(":")
    if pipeline.isdigit() and stage.isdigit():
        body |= {"pipeline_id": int(pipeline), "status_id": int(stage)}
    extra = _fields(setting)
    if extra:
        body["custom_fields_values"] = extra
    tags = _tags(setting)
    inside = dict(tags.get("_embedded", {}))
    if contact is not None:
        inside["contacts"] = [{"id": int(contact.id)}]
    if inside:
        body["_embedded"] = inside
    return _owned(body, owner)


def _owned(body: dict[str, Any], owner: str) -> dict[str, Any]:
    return body | ({"responsible_user_id": int(owner)} if owner.isdigit() else {})


def _tags(setting: Mapping[str, Any]) -> dict[str, Any]:
    tags = rules.tags_of(str(setting.get("tags") or ""))
    return {"_embedded": {"tags": [{"name": tag} for tag in tags]}} if tags else {}


def _fields(setting: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Further fields of the account, by their number or code."""
    found = []
    for name, value in rules.fields_of(str(setting.get("fields") or "")).items():
        key = {"field_id": int(name)} if name.isdigit() else {"field_code": name}
        found.append(key | {"values": [{"value": value}]})
    return found


async def _amo_note(client: Amo, maker: Maker, contact: Contact | None, talked: Manager | None, managers: list[Manager],
                    call: Ended) -> None:
    if contact is None or await maker.made("call"):
        return
    owner = talked.crm_user_id if talked else rules.owner_of_object(managers, contact=contact, talked=None,
                                                                    same_as_contact=True)
    note: dict[str, Any] = {
        "direction": "inbound" if call.direction == "in" else "outbound", "uniq": call.session,
        "duration": call.seconds,
        "source": "Switchroom", "phone": call.phone, "call_status": 4 if call.answered else 6,
        "created_at": int(call.ended_at.timestamp())}
    if call.recording:
        note["link"] = call.recording
    if owner.isdigit():
        note["responsible_user_id"] = int(owner)
    await client.note_call(note)
    await maker.keep("call", contact.id)


# ---------------------------------------------------------------- Bitrix24


async def _bitrix(actor: Actor, found: Integration, client: Bitrix, call: Ended) -> None:
    """Lead, contact of an unknown number, and the call as the telephony of the portal knows it."""
    async with domain_transaction(actor) as tx:
        managers = await setup.managers(tx, found.id)
    maker = Maker(actor, found, call.session)
    contact = await client.contact(call.phone)
    talked, caller = _by_user(managers, call.talked), _by_user(managers, call.caller)
    owner = rules.owner_of_lead(managers, direction=call.direction, answered=call.answered, contact=contact,
                                talked=talked, caller=caller)
    if contact is None and not await maker.made("contact"):
        made = await client.call("crm.contact.add", {"fields": _assigned({
            "NAME": call.phone, "PHONE": [{"VALUE": call.phone, "VALUE_TYPE": "WORK"}]}, owner)})
        contact = Contact(await maker.keep("contact", str(made)), call.phone, owner)
    if found.auto_leads and not await maker.made("lead"):
        lead = await _open_lead(client, call.phone)
        if not lead:
            lead = str(await client.call("crm.lead.add", {"fields": _assigned({
                "TITLE": call.phone, "SOURCE_ID": "CALL", "PHONE": [{"VALUE": call.phone, "VALUE_TYPE": "WORK"}],
                **({"CONTACT_ID": contact.id} if contact and contact.kind == "contact" else {})}, owner)}))
        await maker.keep("lead", lead)
    await _bitrix_finish(client, maker, owner, call)


async def _open_lead(client: Bitrix, phone: str) -> str:
    """An open lead of this number takes the call instead of a second one."""
    rows = await client.call("crm.lead.list", {"filter": {"PHONE": phone, "STATUS_SEMANTIC_ID": "P"},
                                               "select": ["ID"]}) or []
    return str(rows[0]["ID"]) if rows else ""


def _assigned(fields: dict[str, Any], owner: str) -> dict[str, Any]:
    return fields | ({"ASSIGNED_BY_ID": owner} if owner else {})


async def ring(actor: Actor, found: Integration, call: Ended) -> None:
    """The call rings or is placed: registered with the portal, whose card opens at the user's [CRM-36, CRM-39]."""
    client = await accounts.client(actor, found.kind)
    if not isinstance(client, Bitrix):
        return
    async with domain_transaction(actor) as tx:
        managers = await setup.managers(tx, found.id)
    person = _by_user(managers, call.talked or call.caller)
    if person is not None:
        await _registered(client, Maker(actor, found, call.session), person.crm_user_id, call, show=True)


async def _registered(client: Bitrix, maker: Maker, owner: str, call: Ended, *, show: bool) -> str:
    known = await maker.made("bitrix_call")
    if known:
        if show:
            await client.call("telephony.externalcall.show", {"CALL_ID": known, "USER_ID": owner})
        return known
    made = await client.call("telephony.externalcall.register", {
        "USER_ID": owner, "PHONE_NUMBER": call.phone, "TYPE": 2 if call.direction == "in" else 1, "SHOW": int(show),
        "CRM_CREATE": 0, "CALL_START_DATE": call.ended_at.isoformat(), "LINE_NUMBER": call.line})
    return await maker.keep("bitrix_call", str(made["CALL_ID"]))


async def _bitrix_finish(client: Bitrix, maker: Maker, owner: str, call: Ended) -> None:
    if not owner or await maker.made("call"):
        return
    number = await _registered(client, maker, owner, call, show=False)
    await client.call("telephony.externalcall.finish", {
        "CALL_ID": number, "USER_ID": owner, "DURATION": call.seconds, "STATUS_CODE": "200" if call.answered else "304",
        "ADD_TO_CHAT": 0, **({"RECORD_URL": call.recording} if call.recording else {})})
    await maker.keep("call", number)


# ---------------------------------------------------------------- recording


async def recording_link(actor: Actor, session: str, now: datetime) -> str:
    """A link that the CRM's card can play, "" when nothing was recorded [CRM-23]."""
    wanted = sessions.parse(session)
    async with domain_transaction(actor) as tx:
        key = await sessions.find(tx, wanted) if wanted else None
        file_id = await answers.recording_file(tx, key) if key else None
        if file_id is None:
            return ""
        return await answers.record_link(tx, file_id, until=now.astimezone(UTC) + timedelta(days=LINK_DAYS))
