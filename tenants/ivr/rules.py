"""A scenario as a value: menus, and one reaction for each key, for other keys and for silence [IVR-40…55]."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from tenants.destinations.model import Destination, Kind

KEYS = ("1", "2", "3", "4", "5", "6", "7", "8", "9", "0", "*", "#")  # in the order of a keypad
DEFAULT, TIMEOUT = "default", "timeout"
TRIGGERS = (DEFAULT, TIMEOUT, *KEYS)  # in the order of the scheme
REDIRECTS = (Kind.USER, Kind.GROUP, Kind.VOICEMAIL, Kind.FAX, Kind.NUMBER, Kind.PRIVATE_ROUTE)
MAX_NAME = 100


class Action(Enum):
    REDIRECT = "redirect"
    AUDIO = "audio"
    MENU = "menu"
    BACK = "back"
    DIAL_EXTENSION = "dial_extension"
    HANGUP = "hangup"
    REPEAT = "repeat"


COUNTED_IN_SILENCE = frozenset({Action.REPEAT, Action.BACK, Action.MENU, Action.AUDIO})  # an error after a timeout
INITIAL = {DEFAULT: Action.DIAL_EXTENSION, TIMEOUT: Action.REPEAT}  # of every new menu [IVR-21, IVR-22]


@dataclass(frozen=True, slots=True)
class Branch:
    """`target` None of a redirect: its object was deleted [IVR-65].

    Raises:
        ValueError: the parameter is not that of the action.
    """

    trigger: str
    action: Action
    target: Destination | None = None
    audio_id: int | None = None
    menu_id: int | None = None

    def __post_init__(self) -> None:
        if self.trigger not in TRIGGERS:
            raise ValueError("trigger")
        if (self.audio_id is not None) != (self.action is Action.AUDIO):
            raise ValueError("audio")
        if (self.menu_id is not None) != (self.action is Action.MENU):
            raise ValueError("menu")
        if self.target is not None and (self.action is not Action.REDIRECT or self.target.kind not in REDIRECTS):
            raise ValueError("target")


@dataclass(frozen=True, slots=True)
class Menu:
    """`branches` in the order of the scheme; default and timeout are always there. The main menu's `name` is ""."""

    id: int
    name: str
    is_main: bool
    audio_id: int | None
    branches: tuple[Branch, ...]

    def branch(self, trigger: str) -> Branch | None:
        return next((one for one in self.branches if one.trigger == trigger), None)

    @property
    def default(self) -> Branch:
        return self._always(DEFAULT)

    @property
    def timeout(self) -> Branch:
        return self._always(TIMEOUT)

    @property
    def free_keys(self) -> tuple[str, ...]:
        return tuple(key for key in KEYS if self.branch(key) is None)

    def _always(self, trigger: str) -> Branch:
        return self.branch(trigger) or Branch(trigger, INITIAL[trigger])


@dataclass(frozen=True, slots=True)
class Scenario:
    """`menus`: the main one first, the others by name."""

    id: int
    name: str
    menus: tuple[Menu, ...]

    @property
    def main(self) -> Menu:
        return self.menus[0]

    def menu(self, menu_id: int) -> Menu | None:
        return next((one for one in self.menus if one.id == menu_id), None)

    def branches_to(self, menu_id: int) -> Iterator[tuple[Menu, Branch]]:
        for menu in self.menus:
            for branch in menu.branches:
                if branch.menu_id == menu_id:
                    yield menu, branch

    def is_used(self, menu: Menu) -> bool:
        """At least one branch leads to it; the main menu always is [IVR-11]."""
        return menu.is_main or any(True for _ in self.branches_to(menu.id))

    @property
    def audio_ids(self) -> list[int]:
        ids = [menu.audio_id for menu in self.menus]
        ids += [branch.audio_id for menu in self.menus for branch in menu.branches]
        return [one for one in ids if one is not None]


def in_order(branches: list[Branch]) -> tuple[Branch, ...]:
    return tuple(sorted(branches, key=lambda one: TRIGGERS.index(one.trigger)))
