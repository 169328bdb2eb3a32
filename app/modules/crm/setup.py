"""What a connected CRM is told to do: who is who, scenarios, lines and leads [CRM-11…16, CRM-31]."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.audit import history
from app.kernel import provisioning
from app.kernel.actors import Actor
from app.kernel.db import DomainTx, domain_transaction
from app.kernel.errors import InvalidFields, NotFound, Refused
from app.kernel.i18n import _
from app.modules.crm import accounts, rules
from app.modules.crm.accounts import Integration
from app.modules.crm.rules import Manager

CALLS, CLIENTS = ("incoming", "outgoing", "missed"), ("new", "existing")


@dataclass(frozen=True, slots=True)
class Line:
    id: int
    e164: str
    is_on: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    """Settings of one of the six kinds; an empty mapping is off."""

    update_responsible: bool = False
    contact: Mapping[str, Any] = field(default_factory=dict)
    task: Mapping[str, Any] = field(default_factory=dict)
    deal: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scenario:
    id: int
    name: str
    is_enabled: bool
    smart_manager: bool


# ---------------------------------------------------------------- who is who


async def managers(tx: DomainTx, integration_id: int) -> list[Manager]:
    rows = await tx.fetch("SELECT id, crm_user_id, name, user_id, is_marked, is_gone FROM crm_user WHERE domain_id = "
                          "$1 "
                          "AND integration_id = $2 ORDER BY lower(name), id", tx.domain_id, integration_id)
    return [Manager(*row) for row in rows]


async def read_people(actor: Actor, kind: str) -> None:
    """People of the CRM as they are now. Raises CrmError."""
    people = await (await accounts.client(actor, kind)).people()
    async with domain_transaction(actor) as tx:
        found = await accounts.require(tx, kind)
        await tx.execute("UPDATE crm_user SET is_gone = crm_user_id <> ALL($3::text[]) WHERE domain_id = $1 "
                         "AND integration_id = $2", tx.domain_id, found.id, [one.id for one in people])
        for one in people:
            await tx.execute("INSERT INTO crm_user (domain_id, integration_id, crm_user_id, name) VALUES ($1, $2, "
                             "$3, $4) "
                             "ON CONFLICT (integration_id, crm_user_id) DO UPDATE SET name = $4", tx.domain_id,
                             found.id,
                             one.id, one.name)


async def save_managers(tx: DomainTx, found: Integration, numbers: Mapping[int, str], marked: int) -> None:
    """Internal numbers by our id of the CRM's person; one is marked [CRM-13, T-12].

    Raises:
        InvalidFields: a number twice, or nobody's; nobody is marked, or one without a number.
    """
    known = {one.id: one for one in await managers(tx, found.id)}
    extensions = {row["extension"]: row["id"] for row in await tx.fetch(
        "SELECT id, extension FROM domain_user WHERE domain_id = $1", tx.domain_id)}
    wanted: dict[int, int | None] = {}
    fields: dict[str, str] = {}
    for one in known:
        number = numbers.get(one, "").strip()
        if number and number not in extensions:
            fields[f"number_{one}"] = _("There is no such internal number.")
        elif number and extensions[number] in wanted.values():
            fields[f"number_{one}"] = _("This internal number is given to somebody else already.")
        wanted[one] = extensions.get(number) if number else None
    if wanted.get(marked) is None and f"number_{marked}" not in fields:
        fields["marked"] = _("Mark somebody who has an internal number.")
    if fields:
        raise InvalidFields("mapping", next(iter(fields.values())), fields=fields)
    await tx.execute("UPDATE crm_user SET user_id = NULL, is_marked = false WHERE domain_id = $1 AND integration_id "
                     "= $2",
                     tx.domain_id, found.id)
    for one, user_id in wanted.items():
        await tx.execute("UPDATE crm_user SET user_id = $3, is_marked = $4 WHERE domain_id = $1 AND id = $2",
                         tx.domain_id, one, user_id, one == marked)
    shown = {user_id: extension for extension, user_id in extensions.items()}
    before = ", ".join(f"{one.name}: {shown[one.user_id]}" for one in known.values() if one.user_id in shown)
    told = ", ".join(f"{known[one].name}: {shown[user_id]}" for one, user_id in wanted.items() if user_id)
    await _record(tx, found, {"crm_mapping": (before, told)})


async def _record(tx: DomainTx, found: Integration, changes: Mapping[str, history.Change]) -> None:
    await history.record(tx, "crm_settings_changed", "crm", object_id=found.id, object_name=found.name, changes=changes)


# ---------------------------------------------------------------- scenarios of amoCRM


async def scenarios(tx: DomainTx, found: Integration) -> list[Scenario]:
    rows = await tx.fetch("SELECT id, name, is_enabled, smart_manager FROM amo_scenario WHERE domain_id = $1 "
                          "AND integration_id = $2 ORDER BY id", tx.domain_id, found.id)
    return [Scenario(*row) for row in rows]


async def scenario(tx: DomainTx, found: Integration, scenario_id: int) -> Scenario:
    """Raises NotFound."""
    for one in await scenarios(tx, found):
        if one.id == scenario_id:
            return one
    raise NotFound("scenario", _("There is no such scenario."))


async def lines_of(tx: DomainTx, scenario_id: int) -> list[Line]:
    """All lines of the domain; those of the scenario are on."""
    rows = await tx.fetch(
        "SELECT p.id, p.e164, EXISTS (SELECT FROM amo_scenario_number n WHERE n.domain_id = $1 AND n.scenario_id = $2 "
        "AND n.number_id = p.id) AS is_on FROM phone_number p WHERE p.domain_id = $1 ORDER BY p.e164", tx.domain_id,
        scenario_id)
    return [Line(*row) for row in rows]


async def add_scenario(tx: DomainTx, found: Integration, source_id: int = 0) -> int:
    """A new one, or a copy; disabled, a new one with all lines of the domain [CRM-12, T-36]."""
    known = await scenarios(tx, found)
    source = await scenario(tx, found, source_id) if source_id else None
    name = rules.new_name(source.name if source else _("New scenario"), [one.name for one in known])
    made = await tx.fetchval("INSERT INTO amo_scenario (domain_id, integration_id, name, smart_manager, created_at) "
                             "VALUES ($1, $2, $3, $4, $5) RETURNING id", tx.domain_id, found.id, name,
                             bool(source and source.smart_manager), tx.now)
    if source is None:
        await tx.execute("INSERT INTO amo_scenario_number SELECT $1, $2, id FROM phone_number WHERE domain_id = $1",
                         tx.domain_id, made)
    else:
        for table, columns in (("number", "number_id"), ("exception", "crm_user_id"),
                               ("event", "call, client, update_responsible, contact, task, deal")):
            await tx.execute(f"INSERT INTO amo_scenario_{table} (domain_id, scenario_id, {columns}) SELECT "
                             f"domain_id, $3, "
                             f"{columns} FROM amo_scenario_{table} WHERE domain_id = $1 AND scenario_id = $2",
                             tx.domain_id, source.id, made)
    await _record(tx, found, {"crm_scenario": ("", name)})
    return made


async def rename(tx: DomainTx, found: Integration, scenario_id: int, name: str) -> None:
    """Raises InvalidFields: taken, empty or too long."""
    one, name = await scenario(tx, found, scenario_id), name.strip()
    others = {other.name.lower() for other in await scenarios(tx, found) if other.id != scenario_id}
    problem = ""
    if not 1 <= len(name) <= rules.LONGEST_NAME:
        problem = _("From 1 to %(n)s characters.") % {"n": rules.LONGEST_NAME}
    elif name.lower() in others:
        problem = _("There is a scenario of this name already.")
    if problem:
        raise InvalidFields("name", problem, fields={"name": problem})
    await tx.execute("UPDATE amo_scenario SET name = $3 WHERE domain_id = $1 AND id = $2", tx.domain_id, scenario_id,
                     name)
    await _record(tx, found, {"crm_scenario": (one.name, name)})


async def switch(tx: DomainTx, found: Integration, scenario_id: int, to: bool, *, remove_common: bool = False) -> None:
    """Raises Refused: lines that another enabled scenario has; it names them [CRM-15, T-36]."""
    one = await scenario(tx, found, scenario_id)
    if to:
        common = await tx.fetch(
            "SELECT p.e164, o.name, n.number_id FROM amo_scenario_number n JOIN amo_scenario_number m "
            "ON m.domain_id = n.domain_id AND m.number_id = n.number_id AND m.scenario_id <> n.scenario_id "
            "JOIN amo_scenario o ON o.domain_id = n.domain_id AND o.id = m.scenario_id AND o.is_enabled "
            "JOIN phone_number p ON p.id = n.number_id AND p.domain_id = n.domain_id "
            "WHERE n.domain_id = $1 AND n.scenario_id = $2 ORDER BY p.e164", tx.domain_id, scenario_id)
        if common and not remove_common:
            named = ", ".join(f"{row['e164']} ({row['name']})" for row in common[:10])
            raise Refused("lines_taken",
                          _("These lines belong to another enabled scenario: %(lines)s") % {"lines": named})
        await tx.execute("DELETE FROM amo_scenario_number WHERE domain_id = $1 AND scenario_id = $2 "
                         "AND number_id = ANY($3::bigint[])", tx.domain_id, scenario_id,
                         [row["number_id"] for row in common])
    await tx.execute("UPDATE amo_scenario SET is_enabled = $3 WHERE domain_id = $1 AND id = $2", tx.domain_id,
                     scenario_id, to)
    await _record(tx, found, {"crm_scenario": (f"{one.name}: {one.is_enabled}", f"{one.name}: {to}")})
    await provisioning.want_new_generation(tx, "crm_scenario")


async def delete_scenario(tx: DomainTx, found: Integration, scenario_id: int) -> None:
    one = await scenario(tx, found, scenario_id)
    await tx.execute("DELETE FROM amo_scenario WHERE domain_id = $1 AND id = $2", tx.domain_id, scenario_id)
    await _record(tx, found, {"crm_scenario": (one.name, "")})
    await provisioning.want_new_generation(tx, "crm_scenario")


async def save_scenario(tx: DomainTx, found: Integration, scenario_id: int, *, lines: Sequence[int], smart: bool,
                        exceptions: Sequence[int], events: Mapping[tuple[str, str], Event]) -> None:
    """The tab of a scenario. Raises Refused: a line of another enabled scenario."""
    one = await scenario(tx, found, scenario_id)
    await tx.execute("DELETE FROM amo_scenario_number WHERE domain_id = $1 AND scenario_id = $2", tx.domain_id, one.id)
    await tx.execute("INSERT INTO amo_scenario_number SELECT $1, $2, id FROM phone_number WHERE domain_id = $1 "
                     "AND id = ANY($3::bigint[])", tx.domain_id, one.id, list(lines))
    await tx.execute("DELETE FROM amo_scenario_exception WHERE domain_id = $1 AND scenario_id = $2", tx.domain_id,
                     one.id)
    await tx.execute("INSERT INTO amo_scenario_exception SELECT $1, $2, id FROM crm_user WHERE domain_id = $1 "
                     "AND integration_id = $4 AND id = ANY($3::bigint[])", tx.domain_id, one.id, list(exceptions),
                     found.id)
    for (call, client), event in events.items():
        await tx.execute(
            "INSERT INTO amo_scenario_event VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (domain_id, "
            "scenario_id, "
            "call, client) DO UPDATE SET update_responsible = $5, contact = $6, task = $7, deal = $8", tx.domain_id,
            one.id,
            call, client, event.update_responsible, dict(event.contact), dict(event.task), dict(event.deal))
    await tx.execute("UPDATE amo_scenario SET smart_manager = $3 WHERE domain_id = $1 AND id = $2", tx.domain_id,
                     one.id,
                     smart)
    if one.is_enabled:
        await switch(tx, found, one.id, True)
    await _record(tx, found, {"crm_scenario": (one.name, f"{one.name} *")})
    await provisioning.want_new_generation(tx, "crm_scenario")


async def exceptions_of(tx: DomainTx, scenario_id: int) -> frozenset[int]:
    return frozenset(row["crm_user_id"] for row in await tx.fetch(
        "SELECT crm_user_id FROM amo_scenario_exception WHERE domain_id = $1 AND scenario_id = $2", tx.domain_id,
        scenario_id))


async def events_of(tx: DomainTx, scenario_id: int) -> dict[tuple[str, str], Event]:
    rows = await tx.fetch("SELECT call, client, update_responsible, contact, task, deal FROM amo_scenario_event "
                          "WHERE domain_id = $1 AND scenario_id = $2", tx.domain_id, scenario_id)
    found = {(row["call"], row["client"]): Event(*tuple(row)[2:]) for row in rows}
    return {(call, client): found.get((call, client), Event()) for call in CALLS for client in CLIENTS}


async def scenario_of_line(tx: DomainTx, found: Integration, e164: str) -> Scenario | None:
    """The enabled one that holds the line [CRM-15, CRM-16]."""
    row = await tx.fetchrow(
        "SELECT s.id, s.name, s.is_enabled, s.smart_manager FROM amo_scenario s JOIN amo_scenario_number n "
        "ON n.domain_id = s.domain_id AND n.scenario_id = s.id JOIN phone_number p ON p.id = n.number_id "
        "AND p.domain_id = s.domain_id WHERE s.domain_id = $1 AND s.integration_id = $2 AND s.is_enabled AND p.e164 "
        "= $3",
        tx.domain_id, found.id, e164)
    return Scenario(*row) if row else None


# ---------------------------------------------------------------- Bitrix24


async def bitrix_lines(tx: DomainTx, found: Integration) -> list[Line]:
    """All lines of the domain; those that the CRM routes are on [CRM-34, T-19]."""
    rows = await tx.fetch(
        "SELECT p.id, p.e164, EXISTS (SELECT FROM bitrix_line b WHERE b.domain_id = $1 AND b.integration_id = $2 "
        "AND b.number_id = p.id) AS is_on FROM phone_number p WHERE p.domain_id = $1 ORDER BY p.e164", tx.domain_id,
        found.id)
    return [Line(*row) for row in rows]


async def save_bitrix(tx: DomainTx, found: Integration, *, auto_leads: bool, lines: Sequence[int]) -> None:
    before = [line.e164 for line in await bitrix_lines(tx, found) if line.is_on]
    await tx.execute("DELETE FROM bitrix_line WHERE domain_id = $1 AND integration_id = $2", tx.domain_id, found.id)
    await tx.execute("INSERT INTO bitrix_line SELECT $1, $2, id FROM phone_number WHERE domain_id = $1 "
                     "AND id = ANY($3::bigint[])", tx.domain_id, found.id, list(lines))
    await tx.execute("UPDATE crm_integration SET auto_leads = $3 WHERE domain_id = $1 AND id = $2", tx.domain_id,
                     found.id, auto_leads)
    now = [line.e164 for line in await bitrix_lines(tx, found) if line.is_on]
    await _record(tx, found, {"crm_auto_leads": (found.auto_leads, auto_leads),
                              "crm_lines": (", ".join(before), ", ".join(now))})
    await provisioning.want_new_generation(tx, "crm_lines")
