"""A queue without Asterisk and database: time stands still until it is moved."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from pbx_provisioning.agent.acd.book import Book
from pbx_provisioning.agent.acd.engine import Engine
from pbx_provisioning.agent.acd.events import Entered
from pbx_provisioning.agent.acd.memory import Caller
from pbx_provisioning.agent.acd.rules import Algorithm
from pbx_provisioning.agent.acd.settings import DomainSettings, Group, Person, Session, Worked

BEGIN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DOMAIN = 7


class Notes(Book):
    """Facts as (name, arguments); nothing is written."""

    def __init__(self) -> None:
        self.facts: list[tuple[str, tuple[Any, ...]]] = []

    def __getattribute__(self, name: str) -> Any:
        if name in ("entered", "offered", "offer_ended", "answered", "ended", "sample", "state", "changed"):
            return lambda *args, **named: self.facts.append((name, (*args, *named.values())))
        return super().__getattribute__(name)


@dataclass
class Stage:
    """`moment` is what the engine takes for now."""

    monkeypatch: Any
    moment: datetime = BEGIN
    told: list[tuple[str, str, str]] = field(default_factory=list)  # caller, variable, value
    for_all: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.book = Notes()
        self.engine = Engine(1, self.book, self._command, self.for_all.__setitem__, Random(1))
        self.settings = DomainSettings({}, {}, {}, {}, {})
        self.monkeypatch.setattr("app.kernel.clock.now", lambda: self.moment)

    def _command(self, caller: Caller, variable: str, value: str) -> None:
        self.told.append((caller.key.uniqueid, variable, value))

    # ------------------------------------------------------------------ what is set

    def group(self, group_id: int = 1, algorithm: Algorithm = Algorithm.LONGEST_IDLE, *,
              members: Iterable[int] | dict[int, int] = (), **settings: Any) -> None:
        wanted = members if isinstance(members, dict) else dict.fromkeys(members, 10)
        made = replace(Group(group_id, f"Group {group_id}", algorithm, False, 20, 0, 0, 0, wanted), **settings)
        self.settings = replace(self.settings, groups=self.settings.groups | {group_id: made})
        self.read()

    def operators(self, *user_ids: int) -> None:
        people = {one: Person(one, f"Operator {one}", f"op{one}@a.example") for one in user_ids}
        self.settings = replace(self.settings, people=people)
        self.read()

    def sign_in(self, user_id: int, wish: str = "waiting", **facts: Any) -> None:
        worked = facts.pop("worked", None)
        before = self.settings.sessions.get(user_id)
        session = replace(before, wish=wish, **facts) if before else Session(
            **({"signed_in_at": self.moment, "wish": wish, "ready_at": None, "in_campaign": False} | facts))
        self.settings = replace(
            self.settings, sessions=self.settings.sessions | {user_id: session},
            worked=self.settings.worked | ({user_id: worked} if isinstance(worked, Worked) else {}))
        self.read()

    def sign_out(self, user_id: int) -> None:
        left = {one: session for one, session in self.settings.sessions.items() if one != user_id}
        self.settings = replace(self.settings, sessions=left)
        self.read()

    def vip(self, number: str, priority: int) -> None:
        self.settings = replace(self.settings, vips=self.settings.vips | {number: priority})
        self.read()

    def read(self) -> None:
        self.engine.take(DOMAIN, self.settings)

    # ------------------------------------------------------------------ what happens

    def later(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)
        self.engine.tick()

    def call(self, name: str, group_id: int = 1, *, number: str = "74951112233") -> None:
        """A caller comes to the queue, a second after the last one."""
        self.moment += timedelta(seconds=1)
        self.engine.entered(Entered(DOMAIN, group_id, 1, self.moment, self.moment, "74990000001", number, None),
                            f"PJSIP/t1-{name}", name, name)

    def offers(self) -> list[tuple[str, int]]:
        """(caller, operator) of every offer so far."""
        return [(name, int(value.split("|")[2])) for name, _variable, value in self.told if value.startswith("offer|")]

    def told_to_leave(self) -> dict[str, str]:
        return {name: value.split("|")[1] for name, _variable, value in self.told if value.startswith("leave|")}

    def offer_of(self, name: str) -> int:
        found = self.engine.find(name, 1)
        assert found
        assert found[1].offer
        return found[1].offer.number

    def misses(self, name: str, status: str = "NOANSWER") -> None:
        self.engine.came_back(name, 1, self.offer_of(name), status)

    def picks_up(self, name: str) -> None:
        self.engine.answered(name, 1, "")

    def hangs_up(self, name: str, *, operator: bool = True) -> None:
        """The end of a talk, as the dialplan tells it."""
        self.engine.talked(name, 1)
        self.engine.ended(name, 1, "operator" if operator else "subscriber")

    def state(self, user_id: int) -> str:
        return self.engine.domains[DOMAIN].operators[user_id].state

    def ends(self) -> dict[str, tuple[str, str]]:
        """Caller → (outcome, ended by): the last that was noted."""
        return {args[0].uniqueid: (args[1], args[2]) for name, args in self.book.facts if name == "ended"}

    def states(self, user_id: int) -> list[str]:
        return [args[2] for name, args in self.book.facts if name == "state" and args[1] == user_id]
