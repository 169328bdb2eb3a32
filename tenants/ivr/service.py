"""Use cases of voice scenarios; each is one transaction and reaches the PBX at once [IVR-66]."""

from __future__ import annotations

from dataclasses import dataclass

from asyncpg import UniqueViolationError

from app.audit import history
from app.kernel import provisioning
from app.kernel.db import DomainTx
from app.kernel.errors import InvalidFields, NotFound, Refused
from app.kernel.i18n import _
from tenants.destinations import registry
from tenants.destinations.model import Destination
from tenants.ivr import queries
from tenants.ivr import targets as _targets  # noqa: F401  whoever deletes a user or a group hears of our branches
from tenants.ivr.present import branch_text, menu_name, trigger_label
from tenants.ivr.rules import DEFAULT, INITIAL, KEYS, MAX_NAME, TIMEOUT, Action, Branch, Menu, Scenario
from tenants.sounds import prompts
from tenants.users.rules import one_line, text_problem


@dataclass(frozen=True, slots=True)
class Reaction:
    """What a branch shall do; the parameter of the action must be there [IVR-55]."""

    action: Action
    target: Destination | None = None
    audio_id: int | None = None
    menu_id: int | None = None


async def suggested_name(tx: DomainTx) -> str:
    """"Voice scenario N": the next ordinal number that is not taken [IVR-04]."""
    found = await tx.fetch("SELECT lower(name) AS name FROM ivr_scenario WHERE domain_id = $1 AND deleted_at IS NULL",
                           tx.domain_id)
    taken, number = {row["name"] for row in found}, len(found) + 1
    while (name := _("Voice scenario %(n)s") % {"n": number}).lower() in taken:
        number += 1
    return name


async def create(tx: DomainTx, name: str) -> int:
    """With a main menu without audio and its two first branches [IVR-20]. Raises InvalidFields."""
    name = _checked(name)
    try:
        async with tx.savepoint():
            scenario_id = await tx.fetchval("INSERT INTO ivr_scenario (domain_id, name, created_at) "
                                            "VALUES ($1, $2, $3) RETURNING id", tx.domain_id, name, tx.now)
    except UniqueViolationError as taken:
        raise _taken(_("There is a voice scenario with this name already.")) from taken
    await _add_menu(tx, scenario_id, "", None)
    await history.record(tx, "ivr_created", "ivr", object_id=scenario_id, object_name=name)
    await provisioning.want_new_generation(tx, f"ivr_created {scenario_id}")
    return scenario_id


async def rename(tx: DomainTx, scenario_id: int, name: str) -> None:
    """Raises NotFound, InvalidFields."""
    before = await queries.scenario(tx, scenario_id, lock=True)
    name = _checked(name)
    if name == before.name:
        return
    try:
        async with tx.savepoint():
            await tx.execute("UPDATE ivr_scenario SET name = $3 WHERE domain_id = $1 AND id = $2", tx.domain_id,
                             scenario_id, name)
    except UniqueViolationError as taken:
        raise _taken(_("There is a voice scenario with this name already.")) from taken
    await history.record(tx, "ivr_changed", "ivr", object_id=scenario_id, object_name=name,
                         changes={"name": (before.name, name)})


async def delete(tx: DomainTx, scenario_id: int) -> None:
    """Rules that lead here are told. Callers inside finish: its menus and audio go a day later [IVR-05].

    Raises NotFound.
    """
    before = await queries.scenario(tx, scenario_id, lock=True)
    await registry.gone(tx, "ivr", scenario_id)
    await tx.execute("UPDATE ivr_scenario SET deleted_at = $3 WHERE domain_id = $1 AND id = $2", tx.domain_id,
                     scenario_id, tx.now)
    await history.record(tx, "ivr_deleted", "ivr", object_id=scenario_id, object_name=before.name)
    await provisioning.want_new_generation(tx, f"ivr_deleted {scenario_id}")


# ---------------------------------------------------------------- menus


async def add_menu(tx: DomainTx, scenario_id: int, name: str, audio_id: int | None) -> int:
    """Ready to be attached to a branch [IVR-32]. Raises NotFound, InvalidFields."""
    scenario = await queries.scenario(tx, scenario_id, lock=True)
    name = _checked_menu(scenario, name, None)
    if audio_id is not None:
        await prompts.use(tx, audio_id)
    menu_id = await _add_menu(tx, scenario_id, name, audio_id)
    await _tell(tx, scenario, "menu", "", name)
    return menu_id


async def change_menu(tx: DomainTx, scenario_id: int, menu_id: int, name: str, audio_id: int | None) -> None:
    """`name` of the main menu does not count. Raises NotFound, InvalidFields."""
    scenario = await queries.scenario(tx, scenario_id, lock=True)
    menu = menu_of(scenario, menu_id)
    name = "" if menu.is_main else _checked_menu(scenario, name, menu)
    old, new = await _audio_name(tx, menu.audio_id), ""
    if audio_id is not None and audio_id != menu.audio_id:
        new = (await prompts.use(tx, audio_id)).name
    await tx.execute("UPDATE ivr_menu SET name = $3, audio_id = $4 WHERE domain_id = $1 AND id = $2", tx.domain_id,
                     menu_id, name, audio_id)
    if menu.audio_id is not None and audio_id != menu.audio_id:
        await prompts.drop(tx, menu.audio_id)
    where = name or menu_name(menu)
    if name != menu.name:
        await _tell(tx, scenario, "menu", menu.name, name)
    if audio_id != menu.audio_id:
        await _tell(tx, scenario, "audio", f"{where}: {old}", f"{where}: {new}")


async def delete_menu(tx: DomainTx, scenario_id: int, menu_id: int) -> None:
    """Keys that lead to it go, the other branches that do return to their first actions [IVR-12].

    Raises:
        NotFound: no such menu.
        Refused: the main menu.
    """
    scenario = await queries.scenario(tx, scenario_id, lock=True)
    menu = menu_of(scenario, menu_id)
    if menu.is_main:
        raise Refused("main_menu", _("The main menu cannot be deleted."))
    for other, branch in list(scenario.branches_to(menu_id)):
        if branch.trigger in KEYS:
            await _remove(tx, other.id, branch.trigger)
        else:
            await _write(tx, scenario_id, other.id, branch.trigger, Reaction(INITIAL[branch.trigger]))
    await tx.execute("DELETE FROM ivr_menu WHERE domain_id = $1 AND id = $2", tx.domain_id, menu_id)
    for audio_id in (menu.audio_id, *(branch.audio_id for branch in menu.branches)):
        if audio_id is not None:
            await prompts.drop(tx, audio_id)
    await _tell(tx, scenario, "menu", menu.name, "")


# ---------------------------------------------------------------- branches


async def react(tx: DomainTx, scenario_id: int, menu_id: int, trigger: str, reaction: Reaction) -> str:
    """Add a key's branch, or change what a branch does; a warning, "" for none. Raises NotFound, InvalidFields."""
    scenario = await queries.scenario(tx, scenario_id, lock=True)
    menu = menu_of(scenario, menu_id)
    before = menu.branch(trigger)
    new = await _complete(tx, scenario, trigger, reaction)
    warning = await registry.dialled_warning(tx, new.target) if new.target else ""
    if new == before:
        return warning
    if new.audio_id is not None and (before is None or new.audio_id != before.audio_id):
        await prompts.use(tx, new.audio_id)
    old_text = await _text(tx, scenario, menu, before) if before else ""
    await _write(tx, scenario_id, menu_id, trigger, reaction)
    if before is not None and before.audio_id is not None and before.audio_id != new.audio_id:
        await prompts.drop(tx, before.audio_id)
    await _tell(tx, scenario, "branch", old_text, await _text(tx, scenario, menu, new))
    return warning


async def change_key(tx: DomainTx, scenario_id: int, menu_id: int, old: str, new: str) -> None:
    """The action stays [IVR-44]. Raises NotFound, InvalidFields."""
    scenario = await queries.scenario(tx, scenario_id, lock=True)
    menu = menu_of(scenario, menu_id)
    key_of(menu, old)
    if new == old:
        return
    if new not in KEYS or menu.branch(new) is not None:
        text = _("This key is taken in the menu.")
        raise InvalidFields("key", text, fields={"key": text})
    await tx.execute("UPDATE ivr_branch SET trigger = $4 WHERE domain_id = $1 AND menu_id = $2 AND trigger = $3",
                     tx.domain_id, menu_id, old, new)
    await _tell(tx, scenario, "digit", f"{menu_name(menu)}: {old}", f"{menu_name(menu)}: {new}")


async def delete_key(tx: DomainTx, scenario_id: int, menu_id: int, key: str) -> None:
    """A menu that it led to stays in the list [IVR-45]. Raises NotFound, also for default and timeout."""
    scenario = await queries.scenario(tx, scenario_id, lock=True)
    menu = menu_of(scenario, menu_id)
    branch = key_of(menu, key)
    text = await _text(tx, scenario, menu, branch)
    await _remove(tx, menu_id, key)
    if branch.audio_id is not None:
        await prompts.drop(tx, branch.audio_id)
    await _tell(tx, scenario, "branch", text, "")


def menu_of(scenario: Scenario, menu_id: int) -> Menu:
    """Raises NotFound."""
    menu = scenario.menu(menu_id)
    if menu is None:
        raise NotFound("ivr_menu", _("There is no such menu."))
    return menu


def key_of(menu: Menu, key: str) -> Branch:
    """Raises NotFound: no branch of a key."""
    branch = menu.branch(key) if key in KEYS else None
    if branch is None:
        raise NotFound("ivr_branch", _("There is no such branch."))
    return branch


async def _complete(tx: DomainTx, scenario: Scenario, trigger: str, reaction: Reaction) -> Branch:
    """Raises NotFound: an object that is not there; InvalidFields: no parameter [IVR-55]."""
    if trigger not in (*KEYS, DEFAULT, TIMEOUT):
        raise NotFound("ivr_branch", _("There is no such branch."))
    missing = {
        Action.REDIRECT: ("target_kind", _("Choose where calls go."), reaction.target),
        Action.AUDIO: ("audio_id", _("Upload or record the message."), reaction.audio_id),
        Action.MENU: ("menu_id", _("Choose a menu."), reaction.menu_id)}.get(reaction.action)
    if missing is not None and missing[2] is None:
        raise InvalidFields("parameter", missing[1], fields={missing[0]: missing[1]})
    if reaction.target is not None:
        await registry.require(tx, reaction.target)
        await registry.require_offered(tx, reaction.target)
    if reaction.menu_id is not None:
        menu_of(scenario, reaction.menu_id)
    try:
        return Branch(trigger, reaction.action, reaction.target, reaction.audio_id, reaction.menu_id)
    except ValueError as wrong:
        raise NotFound("ivr_branch", _("There is no such branch.")) from wrong


async def _add_menu(tx: DomainTx, scenario_id: int, name: str, audio_id: int | None) -> int:
    menu_id = await tx.fetchval(
        "INSERT INTO ivr_menu (domain_id, scenario_id, name, is_main, audio_id) VALUES ($1, $2, $3, $4, $5) "
        "RETURNING id", tx.domain_id, scenario_id, name, name == "", audio_id)
    for trigger, action in INITIAL.items():
        await _write(tx, scenario_id, menu_id, trigger, Reaction(action))
    return menu_id


async def _write(tx: DomainTx, scenario_id: int, menu_id: int, trigger: str, reaction: Reaction) -> None:
    target = reaction.target
    await tx.execute(
        "INSERT INTO ivr_branch (domain_id, scenario_id, menu_id, trigger, action, target_kind, target_owner, "
        "target_id, target_number, audio_id, to_menu_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) "
        "ON CONFLICT (domain_id, menu_id, trigger) DO UPDATE SET action = EXCLUDED.action, "
        "target_kind = EXCLUDED.target_kind, target_owner = EXCLUDED.target_owner, target_id = EXCLUDED.target_id, "
        "target_number = EXCLUDED.target_number, audio_id = EXCLUDED.audio_id, to_menu_id = EXCLUDED.to_menu_id",
        tx.domain_id, scenario_id, menu_id, trigger, reaction.action.value, target.kind.value if target else None,
        target.owner or None if target else None, target.id if target else None,
        target.number or None if target else None, reaction.audio_id, reaction.menu_id)


async def _remove(tx: DomainTx, menu_id: int, trigger: str) -> None:
    await tx.execute("DELETE FROM ivr_branch WHERE domain_id = $1 AND menu_id = $2 AND trigger = $3", tx.domain_id,
                     menu_id, trigger)


async def _text(tx: DomainTx, scenario: Scenario, menu: Menu, branch: Branch) -> str:
    """For the history."""
    names = await registry.names(tx, [branch.target]) if branch.target else {}
    return f"{menu_name(menu)}, {trigger_label(branch.trigger)}: {branch_text(scenario, branch, names)}"


async def _audio_name(tx: DomainTx, audio_id: int | None) -> str:
    return (await prompts.get(tx, audio_id)).name if audio_id is not None else ""


async def _tell(tx: DomainTx, scenario: Scenario, field: str, before: str, after: str) -> None:
    await history.record(tx, "ivr_changed", "ivr", object_id=scenario.id, object_name=scenario.name,
                         changes={field: (before, after)})
    await provisioning.want_new_generation(tx, f"ivr_changed {scenario.id}")


def _checked(name: str) -> str:
    name = one_line(name)
    problem = text_problem(name, MAX_NAME, required=True)
    if problem:
        raise InvalidFields("invalid_fields", _("Check the highlighted fields."), fields={"name": problem})
    return name


def _checked_menu(scenario: Scenario, name: str, but: Menu | None) -> str:
    name = _checked(name)
    if any(menu_name(one).lower() == name.lower() for one in scenario.menus if one is not but):
        raise _taken(_("There is a menu with this name in the scenario already."))
    return name


def _taken(text: str) -> InvalidFields:
    return InvalidFields("taken", text, fields={"name": text})
