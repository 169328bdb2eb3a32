"""What the engine holds in memory: callers, operators, domains."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pbx_provisioning.agent.acd import rules
from pbx_provisioning.agent.acd.book import CallKey
from pbx_provisioning.agent.acd.rules import Candidate, Doing, Waiting
from pbx_provisioning.agent.acd.settings import DomainSettings, OpenState, Person, Session, Worked


@dataclass(slots=True)
class Line:
    """Another call of an operator's phone. `kind`: out, in, or ring until it is answered."""

    kind: str
    channel: str


@dataclass(slots=True)
class Offer:
    number: int
    operator_id: int
    at: datetime
    answered_at: datetime | None = None


@dataclass(slots=True)
class Caller:
    """One pass of a call through a queue, until it has ended."""

    key: CallKey
    channel: str
    group_id: int
    arrived: datetime
    vip: int | None
    is_returned: bool = False
    missed_by: tuple[int, ...] = ()
    offer: Offer | None = None
    offers: int = 0
    ended_at: datetime | None = None  # the conversation; who ended it is not known yet
    outcome: str = ""  # told to leave: what will be written when the dialplan says so
    told_at: datetime | None = None
    is_announced_to: bool = False
    said: int = 0  # minutes last told
    said_at: datetime | None = None

    @property
    def is_waiting(self) -> bool:
        """In the queue: not talking, not on the way out."""
        return self.ended_at is None and not self.outcome and (self.offer is None or self.offer.answered_at is None)

    @property
    def is_offerable(self) -> bool:
        return self.is_waiting and self.offer is None

    def as_waiting(self) -> Waiting:
        return Waiting(self.key.uniqueid, self.group_id, self.arrived, self.vip, self.is_returned, self.missed_by)


@dataclass
class Operator:
    """A person of a domain who is an operator, or was one when a call of his began."""

    person: Person
    session: Session | None = None
    caller: Caller | None = None  # being offered or talked with
    lines: dict[str, Line] = field(default_factory=dict)  # by unique id
    wrap_up_until: datetime | None = None
    wrap_up_from: datetime | None = None
    wrap_up_group: int | None = None
    rest_until: datetime | None = None  # the phone failed: not tried at once again
    failures: int = 0  # of the phone, one after another
    last_end: datetime | None = None
    talk_seconds: float = 0.0
    state: str = ""

    @classmethod
    def found(cls, person: Person, before: OpenState | None, session: Session | None) -> Operator:
        """As the database left him: the open interval is gone on with."""
        operator = cls(person)
        if before is not None:
            operator.state = before.state
            if before.state == "wrap_up" and session is not None:
                operator.wrap_up_from, operator.wrap_up_group = before.since, before.group_id
                operator.wrap_up_until = session.wrap_up_until
        return operator

    def sign(self, session: Session | None, worked: Worked | None) -> None:
        """Take over what the workplace wants; a new sign-in counts work anew [GRP-19]."""
        if session is not None and (self.session is None or self.session.signed_in_at != session.signed_in_at):
            self.talk_seconds = worked.talk_seconds if worked else 0.0
            if worked and worked.last_end and (self.last_end is None or worked.last_end > self.last_end):
                self.last_end = worked.last_end
        self.session = session
        is_ready = session is not None and session.ready_at is not None and self.wrap_up_from is not None \
            and session.ready_at >= self.wrap_up_from
        if session is None or is_ready:
            self.wrap_up_until = None

    def doing(self, now: datetime) -> Doing:
        talks = self.caller is not None and self.caller.offer is not None and self.caller.offer.answered_at is not None
        return Doing(
            is_signed_in=self.session is not None, wish=self.session.wish if self.session else "waiting",
            is_offered=self.caller is not None and not talks, is_talking=talks,
            lines=tuple(line.kind for line in self.lines.values()),
            in_wrap_up=self.wrap_up_until is not None and now < self.wrap_up_until,
            in_campaign=bool(self.session and self.session.in_campaign))

    def candidate(self, priority: int, now: datetime) -> Candidate:
        assert self.session is not None
        begun = self.session.signed_in_at
        online = (now - begun).total_seconds()
        return Candidate(self.person.id, priority, max(begun, self.last_end or begun),
                         rules.load(self.talk_seconds, online))

    def is_free(self, now: datetime) -> bool:
        return self.state == "waiting" and (self.rest_until is None or now >= self.rest_until)


@dataclass
class Domain:
    """`lengths`: group → callers waiting with nobody being rung, as last written."""

    id: int
    settings: DomainSettings
    operators: dict[int, Operator] = field(default_factory=dict)
    callers: dict[str, Caller] = field(default_factory=dict)  # by unique id of the channel
    lengths: dict[int, int] = field(default_factory=dict)
    at_work: dict[int, str] = field(default_factory=dict)  # group → accounts, as Asterisk was told

    def take(self, settings: DomainSettings) -> None:
        """New settings: operators come and go, what they are doing stays."""
        self.settings = settings
        for user_id in settings.people.keys() | settings.states.keys():
            person = settings.people.get(user_id)
            if user_id not in self.operators and (person or settings.states[user_id].state != "offline"):
                self.operators[user_id] = Operator.found(
                    person or Person(user_id, "", ""), settings.states.get(user_id), settings.sessions.get(user_id))
            elif person is not None:
                self.operators[user_id].person = person
        for user_id, operator in list(self.operators.items()):
            operator.sign(settings.sessions.get(user_id), settings.worked.get(user_id))
            if user_id not in settings.people and operator.state in ("", "offline") and operator.caller is None:
                del self.operators[user_id]

    def states(self, group_id: int) -> dict[int, str]:
        """Operators of the group → state."""
        group = self.settings.groups.get(group_id)
        there = self.settings.people.keys() & self.operators.keys()
        return {user_id: self.operators[user_id].state or "offline" for user_id in (group.members if group else ())
                if user_id in there}

    def ordered(self, group_id: int) -> list[Caller]:
        """Callers of a group whom nobody is being rung for, in order of service."""
        found = [one for one in self.callers.values() if one.group_id == group_id and one.is_offerable]
        return sorted(found, key=lambda one: one.as_waiting().place)


def expired(since: datetime | None, now: datetime, seconds: float) -> bool:
    return since is not None and now - since >= timedelta(seconds=seconds)
