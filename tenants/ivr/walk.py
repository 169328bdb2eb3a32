"""How a call goes through a scenario: the reference that the dialplan follows (`sw-ivr.conf`) [IVR-60…63].

Time is not in it: silence is an input of its own, which comes when a deadline has passed. The deadline of a menu is
`seconds_to_wait` after its audio.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from tenants.destinations.model import Destination
from tenants.ivr.rules import COUNTED_IN_SILENCE, Action, Branch, Menu, Scenario

SILENCE = ""  # no key until the deadline
LEAST_AFTER_AUDIO = 3.0  # seconds
BETWEEN_DIGITS = 3  # seconds, while an internal number is dialled
MOST_DIGITS = 5  # of an internal number
DIGITS = frozenset("0123456789")


def seconds_to_wait(timeout: float, audio_milliseconds: int | None) -> float:
    """From the end of the audio: it is counted from the start of the menu, and audio is never cut by it [IVR-62]."""
    if audio_milliseconds is None:
        return timeout
    return max(timeout - audio_milliseconds / 1000, LEAST_AFTER_AUDIO)


@dataclass
class Walk:
    """`events` is what the caller meets: ("menu", id), ("audio", id), ("ask",), and at last one of ("redirect",
    Destination), ("connect", extension), ("hangup",).

    `extensions`: internal numbers of the domain's users and groups; `missing`: destinations that are not there.
    """

    scenario: Scenario
    limit: int
    extensions: Collection[str] = ()
    missing: Collection[Destination] = ()
    events: list[tuple] = field(default_factory=list)
    errors: int = 0
    is_over: bool = False
    _stack: list[Menu] = field(default_factory=list)
    _dialled: str | None = None  # while an internal number is being dialled

    def __post_init__(self) -> None:
        self._stack = [self.scenario.main]
        self._play()

    def take(self, keys: Collection[str]) -> Walk:
        for key in keys:
            self.press(key)
        return self

    def press(self, key: str) -> None:
        """One key, or SILENCE."""
        if self.is_over:
            return
        if self._dialled is not None:
            self._dial(key)
            return
        menu = self._stack[-1]
        if key == SILENCE:
            branch = menu.timeout
            if branch.action in COUNTED_IN_SILENCE and self._error():
                return
            self._run(branch)
            return
        branch = menu.branch(key)
        if branch is not None:
            self._run(branch)
        elif menu.default.action is Action.DIAL_EXTENSION and key in DIGITS:
            self._dialled = key
        elif not self._error():
            self._run(menu.default)

    def _run(self, branch: Branch) -> None:
        match branch.action:
            case Action.MENU:
                assert branch.menu_id is not None
                self._enter(branch.menu_id)
            case Action.BACK:
                if len(self._stack) > 1:
                    self._stack.pop()
                self._play()
            case Action.REPEAT:
                self._play()
            case Action.AUDIO:
                self.events.append(("audio", branch.audio_id))
                self._play()
            case Action.REDIRECT:
                if branch.target is None or branch.target in self.missing:
                    self._fail()
                else:
                    self._end("redirect", branch.target)
            case Action.HANGUP:
                self._end("hangup")
            case Action.DIAL_EXTENSION:
                self.events.append(("ask",))
                self._dialled = ""

    def _enter(self, menu_id: int) -> None:
        """A menu that the caller came through is gone back to."""
        menu = self.scenario.menu(menu_id)
        assert menu is not None
        if menu in self._stack:
            del self._stack[self._stack.index(menu) + 1:]
        else:
            self._stack.append(menu)
        self._play()

    def _dial(self, key: str) -> None:
        assert self._dialled is not None
        if key not in (SILENCE, "#"):
            self._dialled += key
        if key in (SILENCE, "#") or len(self._dialled) == MOST_DIGITS:
            dialled, self._dialled = self._dialled, None
            if dialled in self.extensions:
                self._end("connect", dialled)
            else:
                self._fail()

    def _fail(self) -> None:
        if not self._error():
            self._play()

    def _play(self) -> None:
        self.events.append(("menu", self._stack[-1].id))

    def _error(self) -> bool:
        """Whether it was one too many [IVR-26]."""
        self.errors += 1
        if self.errors > self.limit:
            self._end("hangup")
        return self.is_over

    def _end(self, *event: object) -> None:
        self.events.append(event)
        self.is_over = True
