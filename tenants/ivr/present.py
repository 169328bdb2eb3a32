"""Scenarios in words, and the drawing of one: levels of menus with a block for every reaction [IVR-13…15]."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.kernel.i18n import LazyText, _, format_phone, lazy
from tenants.destinations import registry
from tenants.destinations.model import Destination, Kind
from tenants.ivr.rules import DEFAULT, KEYS, TIMEOUT, Action, Branch, Menu, Scenario
from tenants.sounds.prompts import Prompt

ACTIONS: dict[Action, tuple[LazyText, str, LazyText]] = {  # label, icon, what it does
    Action.REDIRECT: (lazy("Redirect"), "arrow-right", lazy("The caller is put through and does not come back.")),
    Action.AUDIO: (lazy("Audio message"), "volume", lazy("A message is played, then the menu again.")),
    Action.MENU: (lazy("Another menu"), "sitemap", lazy("Goes to another menu of this scenario.")),
    Action.BACK: (lazy("Return to the previous menu"), "arrow-back-up", lazy("One level up.")),
    Action.DIAL_EXTENSION: (lazy("Dial an employee's internal number"), "number",
                            lazy("The caller dials an internal number and is connected.")),
    Action.HANGUP: (lazy("Disconnect the caller"), "phone-off", lazy("The call ends.")),
    Action.REPEAT: (lazy("Repeat menu"), "refresh", lazy("The menu is played from its start.")),
}
DEEPEST = 8  # levels of one drawing; what lies deeper is drawn beside it
WITH_PARAMETER = frozenset({Action.REDIRECT, Action.AUDIO, Action.MENU})


@dataclass(frozen=True, slots=True)
class Block:
    """One reaction as drawn. `level`: the menu that is drawn below it; `warning`: what is wrong, "" for nothing."""

    trigger: str
    label: str
    branch: Branch
    text: str
    icon: str
    warning: str
    level: Level | None
    shown_elsewhere: int | None  # id of a menu that is drawn at another place


@dataclass(frozen=True, slots=True)
class Level:
    """A menu with its reactions. `depth` 1 is the main menu's; odd ones are drawn across, even ones down."""

    menu: Menu
    name: str
    depth: int
    audio: Prompt | None
    blocks: tuple[Block, ...]
    can_add: bool

    @property
    def is_across(self) -> bool:
        return self.depth % 2 == 1


@dataclass(frozen=True, slots=True)
class Listed:
    """A menu in the window of menus [IVR-11]."""

    id: int
    name: str
    is_main: bool
    is_used: bool
    has_audio: bool


def action_label(action: Action) -> str:
    return str(ACTIONS[action][0])


def menu_name(menu: Menu) -> str:
    return _("The main menu") if menu.is_main else menu.name


def trigger_label(trigger: str) -> str:
    return {DEFAULT: _("Default"), TIMEOUT: _("Timeout")}.get(trigger, trigger)


def branch_text(scenario: Scenario, branch: Branch, names: Mapping[Destination, registry.Choice],
                audio: Mapping[int, Prompt] | None = None) -> str:
    """What the branch does, with its parameter."""
    label = action_label(branch.action)
    if branch.action is Action.REDIRECT:
        return f"{label}: {target_text(branch.target, names)}"
    if branch.action is Action.MENU and branch.menu_id is not None:
        menu = scenario.menu(branch.menu_id)
        return f"{label}: {menu_name(menu)}" if menu else label
    message = (audio or {}).get(branch.audio_id or 0)
    return f"{label}: {message.name}" if message else label


def target_text(target: Destination | None, names: Mapping[Destination, registry.Choice]) -> str:
    if target is None:
        return _("the target was deleted")
    if target.kind is Kind.NUMBER:
        return format_phone(target.number)
    if target.kind is Kind.PRIVATE_ROUTE:
        return f"{_('SIP trunk')} {target.number}"
    found = names.get(target)
    name = found.name if found else _("the target was deleted")
    return {Kind.VOICEMAIL: _("voicemail: %(name)s"), Kind.FAX: _("fax: %(name)s")}.get(
        target.kind, "%(name)s") % {"name": name}


def listed(scenario: Scenario) -> list[Listed]:
    return [Listed(menu.id, menu_name(menu), menu.is_main, scenario.is_used(menu), menu.audio_id is not None)
            for menu in scenario.menus]


def drawing(scenario: Scenario, names: Mapping[Destination, registry.Choice],
            audio: Mapping[int, Prompt]) -> list[Level]:
    """Each menu is drawn once, at its first place in the order of the scheme; elsewhere it is a link there [IVR-15].

    The first place is found level by level, so that what is drawn stays as flat as the scenario is. The first drawing
    begins with the main menu; others go on where one would be too deep.
    """
    order, parents, depths = _places(scenario)
    levels: dict[int, Level] = {}
    for menu in reversed(order):  # what is below is there before what is above
        blocks = tuple(_block(scenario, menu, branch, names, audio, levels, parents) for branch in menu.branches)
        levels[menu.id] = Level(menu, menu_name(menu), depths[menu.id], audio.get(menu.audio_id or 0), blocks,
                                bool(menu.free_keys))
    return [levels[menu.id] for menu in order if menu.id not in parents]


def _places(scenario: Scenario) -> tuple[list[Menu], dict[int, tuple[int, str]], dict[int, int]]:
    """Menus that are reached, in the order of the drawing; menu and trigger that each is drawn below; depths."""
    order, depths = [scenario.main], {scenario.main.id: 1}
    parents: dict[int, tuple[int, str]] = {}
    for menu in order:
        for branch in menu.branches:
            below = scenario.menu(branch.menu_id) if branch.menu_id is not None else None
            if below is None or below.id in depths:
                continue
            order.append(below)
            depths[below.id] = depths[menu.id] + 1
            if depths[menu.id] % DEEPEST:
                parents[below.id] = (menu.id, branch.trigger)
    return order, parents, depths


def _block(scenario: Scenario, menu: Menu, branch: Branch, names: Mapping[Destination, registry.Choice],
           audio: Mapping[int, Prompt], levels: Mapping[int, Level], parents: Mapping[int, tuple[int, str]]) -> Block:
    is_here = branch.menu_id is not None and parents.get(branch.menu_id) == (menu.id, branch.trigger)
    is_gone = branch.action is Action.REDIRECT and (
        branch.target is None or (branch.target.id is not None and branch.target not in names))
    return Block(branch.trigger, trigger_label(branch.trigger), branch,
                 branch_text(scenario, branch, names, audio), ACTIONS[branch.action][1],
                 _("The target was deleted. Choose another one.") if is_gone else "",
                 levels[branch.menu_id] if is_here and branch.menu_id is not None else None,
                 branch.menu_id if not is_here else None)


def keypad(menu: Menu) -> list[tuple[str, bool]]:
    """Keys as on a telephone, and whether each is free."""
    return [(key, menu.branch(key) is None) for key in (*KEYS[:9], "*", "0", "#")]
