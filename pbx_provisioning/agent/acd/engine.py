"""The engine: events of callers and operators in, commands to Asterisk and facts for the book out.

One task owns the memory. Handlers of events change it and never wait; what takes time (commands, the database) happens
behind them, in order.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random, SystemRandom

import structlog

from app.kernel import clock
from pbx_provisioning.agent.acd import rules
from pbx_provisioning.agent.acd.book import Book, CallKey
from pbx_provisioning.agent.acd.events import Entered
from pbx_provisioning.agent.acd.memory import Caller, Domain, Line, Offer, Operator, expired
from pbx_provisioning.agent.acd.rules import Queue, Way
from pbx_provisioning.agent.acd.settings import DomainSettings

log = structlog.get_logger()

SAY_SECONDS = 60  # between announcements [GRP-35]
REST_SECONDS = 3  # after a phone that could not be rung, or that refused
MOST_REST_SECONDS = 24  # after one that could not be rung again and again
WHO_ENDED_SECONDS = 1.5  # how long the other party's word about the end is waited for
LOST_SECONDS = 15.0
TOLD_LATE_SECONDS = 3.0  # an event that is older was told again after a start
KEPT_AT_WORK = 10  # phones rung at once when this engine is not there
_RESULTS = {"NOANSWER": "timeout", "BUSY": "rejected", "CANCEL": "caller_left"}
Command = Callable[[Caller, str, str], None]  # caller, variable, value
ForAll = Callable[[str, str], None]  # global variable, value


class Engine:
    """`command(caller, "SW_ACD_GO", value)` sets a variable of the caller's channel, `for_all` a global one."""

    def __init__(self, node_id: int, book: Book, command: Command, for_all: ForAll, rng: Random | None = None) -> None:
        self.node_id, self.book, self._command, self._for_all = node_id, book, command, for_all
        self.domains: dict[int, Domain] = {}
        self._rng = rng or SystemRandom()

    # ------------------------------------------------------------------ settings

    def take(self, domain_id: int, settings: DomainSettings) -> None:
        """Settings and sign-ins as the database has them now."""
        self.step(self.put(domain_id, settings))
        self.book.changed(domain_id)

    def put(self, domain_id: int, settings: DomainSettings) -> Domain:
        """The same without consequences; after a start."""
        domain = self.domains.setdefault(domain_id, Domain(domain_id, settings))
        domain.take(settings)
        return domain

    # ------------------------------------------------------------------ callers

    def entered(self, facts: Entered, channel: str, uniqueid: str, linkedid: str) -> None:
        """A caller has come to a queue."""
        domain = self.domains[facts.domain_id]
        known = domain.callers.get(uniqueid)
        if known is not None and known.key.number == facts.number:
            return  # told again after the engine was away
        if known is not None:
            self._forget(domain, known, "operator" if known.ended_at else "subscriber")
        self.put_caller(facts, channel, uniqueid, linkedid)
        self.step(domain)

    def put_caller(self, facts: Entered, channel: str, uniqueid: str, linkedid: str) -> Caller:
        """The same without consequences; a row that is there stays."""
        domain = self.domains[facts.domain_id]
        key = CallKey(facts.domain_id, self.node_id, uniqueid, facts.number)
        arrived = clock.now()  # the dialplan tells whole seconds
        if expired(facts.t_group, arrived, TOLD_LATE_SECONDS):
            arrived = facts.t_group or arrived
        caller = Caller(key, channel, facts.group_id, arrived, domain.settings.vips.get(facts.vip_number))
        domain.callers[uniqueid] = caller
        group = domain.settings.groups.get(facts.group_id)
        self.book.entered(
            key, linkedid=linkedid, group_id=facts.group_id, group_name=group.name if group else "", number=facts.did,
            caller_number=facts.caller_number, caller_user_id=facts.caller_user_id, vip=caller.vip,
            t_line=min(facts.t_line or arrived, arrived), t_group=arrived)
        return caller

    def find(self, uniqueid: str, number: int) -> tuple[Domain, Caller] | None:
        for domain in self.domains.values():
            caller = domain.callers.get(uniqueid)
            if caller is not None and caller.key.number == number:
                return domain, caller
        return None

    def said(self, uniqueid: str, number: int) -> None:
        found = self.find(uniqueid, number)
        if found:
            found[1].is_announced_to = False

    def came_back(self, uniqueid: str, number: int, offer: int, status: str) -> None:
        """The operator did not take the call: it is the next one to be offered [GRP-33]."""
        found = self.find(uniqueid, number)
        if not found:
            return
        domain, caller = found
        if caller.offer is None or caller.offer.number != offer:
            return
        result = _RESULTS.get(status, "failed")
        operator = domain.operators.get(caller.offer.operator_id)
        self._offer_ended(domain, caller, result)
        if result != "caller_left":
            caller.is_returned = True
            caller.missed_by = (*(one for one in caller.missed_by if operator is None or one != operator.person.id),
                                *((operator.person.id,) if operator else ()))
        if operator is not None:
            operator.failures = operator.failures + 1 if result == "failed" else 0
            if result in ("rejected", "failed"):
                pause = min(REST_SECONDS << max(operator.failures - 1, 0), MOST_REST_SECONDS)
                operator.rest_until = clock.now() + timedelta(seconds=pause)
        self.step(domain)

    def _offer_ended(self, domain: Domain, caller: Caller, result: str) -> None:
        assert caller.offer is not None
        self.book.offer_ended(caller.key, result, clock.now())
        operator = domain.operators.get(caller.offer.operator_id)
        caller.offer = None
        if operator is not None and operator.caller is caller:
            operator.caller = None

    def answered(self, uniqueid: str, number: int, account: str) -> None:
        """An operator has picked up; without an offer of ours it was rung while the engine was away."""
        found = self.find(uniqueid, number)
        if not found:
            return
        domain, caller = found
        now = clock.now()
        operator = next((one for one in domain.operators.values() if one.person.account == account), None)
        if caller.offer is None:
            if operator is None:
                return
            caller.offer = Offer(0, operator.person.id, now)
            self.book.offered(caller.key, operator.person.id, operator.person.name, now)
        operator = operator or domain.operators.get(caller.offer.operator_id)
        caller.offer.answered_at = now
        if operator is not None:
            operator.caller = caller
            self.book.answered(caller.key, operator.person.id, operator.person.name, now)
        self.step(domain)

    def talked(self, uniqueid: str, number: int) -> None:
        """The operator's leg is over: the conversation has ended or was transferred away [RPT-17]."""
        found = self.find(uniqueid, number)
        if not found:
            return
        domain, caller = found
        now = clock.now()
        if caller.ended_at is None:
            caller.ended_at = now
            self.book.ended(caller.key, "answered", "operator", now)
            operator = domain.operators.get(caller.offer.operator_id) if caller.offer else None
            if operator is not None and operator.caller is caller:
                self._free(domain, operator, caller, now)
        self.step(domain)

    def _free(self, domain: Domain, operator: Operator, caller: Caller, now: datetime) -> None:
        answered_at = caller.offer.answered_at if caller.offer else None
        operator.caller = None
        operator.last_end = now
        if answered_at is not None:
            operator.talk_seconds += (now - answered_at).total_seconds()
        group = domain.settings.groups.get(caller.group_id)
        if operator.session is not None and group is not None and group.wrap_up_seconds > 0:
            operator.wrap_up_from, operator.wrap_up_group = now, group.id
            operator.wrap_up_until = now + timedelta(seconds=group.wrap_up_seconds)

    def ended(self, uniqueid: str, number: int, ended_by: str) -> None:
        """The caller's channel is over: `operator` when it went on after the talk, `subscriber` when it was hung up."""
        found = self.find(uniqueid, number)
        if found:
            found[1].outcome = ""  # told to leave, but was quicker
            self._forget(*found, ended_by)
            self.step(found[0])

    def _forget(self, domain: Domain, caller: Caller, ended_by: str) -> None:
        now = clock.now()
        offer = caller.offer
        if offer is not None and offer.answered_at is not None:
            if caller.ended_at is None:
                operator = domain.operators.get(offer.operator_id)
                if operator is not None and operator.caller is caller:
                    self._free(domain, operator, caller, now)
            self.book.ended(caller.key, "answered", ended_by, now)
        else:
            if offer is not None:
                self._offer_ended(domain, caller, "caller_left")
            self.book.ended(caller.key, caller.outcome or "abandoned", "system" if caller.outcome else ended_by, now)
        domain.callers.pop(caller.key.uniqueid, None)

    def left(self, uniqueid: str, number: int) -> None:
        """The dialplan does what it was told, or has given up by itself."""
        found = self.find(uniqueid, number)
        if found:
            found[1].outcome = found[1].outcome or "no_operators"
            self._forget(*found, "system")
            self.step(found[0])

    # ------------------------------------------------------------------ other calls of operators

    def line(self, domain_id: int, user_id: int, uniqueid: str, channel: str, kind: str) -> None:
        """`kind`: out, in, ring; "" when the call is over."""
        domain = self.domains.get(domain_id)
        operator = domain.operators.get(user_id) if domain else None
        if domain is None or operator is None:
            return
        if kind:
            self.put_line(operator, uniqueid, channel, kind)
        else:
            operator.lines.pop(uniqueid, None)
        self.step(domain)

    def put_line(self, operator: Operator, uniqueid: str, channel: str, kind: str) -> None:
        operator.lines[uniqueid] = Line(kind, channel)

    def ringing_lines(self) -> list[tuple[int, int, str, str]]:
        """(domain, operator, unique id, channel) of phones that ring and may have been answered."""
        return [(domain.id, operator.person.id, uniqueid, line.channel) for domain in self.domains.values()
                for operator in domain.operators.values() for uniqueid, line in operator.lines.items()
                if line.kind == "ring"]

    def not_applied(self) -> list[int]:
        """Domains with callers whose dialplan is behind: to be read again."""
        return [domain.id for domain in self.domains.values() if domain.callers and not domain.settings.is_applied]

    # ------------------------------------------------------------------ deciding

    def tick(self) -> None:
        """What time changes: post-call processing, queue limits, announcements, who ended a talk."""
        now = clock.now()
        for domain in self.domains.values():
            for caller in [one for one in domain.callers.values() if expired(one.ended_at, now, WHO_ENDED_SECONDS)]:
                domain.callers.pop(caller.key.uniqueid)  # transferred by the operator, who ended his part
            if domain.callers or any(one.wrap_up_until or one.rest_until for one in domain.operators.values()):
                self.step(domain)

    def step(self, domain: Domain) -> None:
        """Bring everything in order after a change. Cheap where nothing has changed."""
        now = clock.now()
        self._note_states(domain, now)
        if domain.callers:
            self._release(domain, now)
            self._assign(domain, now)
            self._note_states(domain, now)
            self._announce(domain, now)
        self._note_lengths(domain, now)
        self._tell_at_work(domain)

    def _note_states(self, domain: Domain, now: datetime) -> None:
        for user_id, operator in domain.operators.items():
            if operator.wrap_up_until is not None and now >= operator.wrap_up_until:
                operator.wrap_up_until = None
            if operator.rest_until is not None and now >= operator.rest_until:
                operator.rest_until = None
            state = rules.state_of(operator.doing(now))
            if user_id not in domain.settings.people:
                state = "offline"
            if state == operator.state or (state == "offline" and not operator.state):
                continue
            operator.state = state
            group_id = operator.caller.group_id if operator.caller else (
                operator.wrap_up_group if state == "wrap_up" else None)
            self.book.state(domain.id, user_id, state, group_id, now,
                            operator.wrap_up_until if state == "wrap_up" else None)

    def _release(self, domain: Domain, now: datetime) -> None:
        """Callers for whom waiting has no sense any more [GRP-25, GRP-26], or for too long [GRP-33]."""
        for caller in [one for one in domain.callers.values() if one.is_offerable]:
            group = domain.settings.groups.get(caller.group_id)
            if group is None:
                is_there = caller.group_id in domain.settings.other_groups
                if is_there and not domain.settings.is_applied:
                    continue  # the dialplan would bring him back here
                self._leave(caller, Way.AGAIN if is_there else Way.END, "released", "released", now)
                continue
            way = rules.way(tuple(domain.states(group.id).values()), voicemail_on=group.voicemail_on)
            if way is not Way.STAY:
                outcome = "voicemail" if way is Way.VOICEMAIL else "no_operators"
                self._leave(caller, way, outcome, "no_operators", now)
            elif group.queue_limit_seconds and expired(caller.arrived, now, group.queue_limit_seconds):
                self._leave(caller, Way.VOICEMAIL if group.voicemail_on else Way.END, "queue_limit", "queue_limit", now)

    def _leave(self, caller: Caller, way: Way, outcome: str, reason: str, now: datetime) -> None:
        caller.outcome, caller.told_at = outcome, now
        self._command(caller, "SW_ACD_GO", f"leave|{way.value}|{reason}")

    def _assign(self, domain: Domain, now: datetime) -> None:
        waiting = {one.key.uniqueid: one for one in domain.callers.values() if one.is_offerable}
        if not waiting:
            return
        free = {user_id: one for user_id, one in domain.operators.items() if one.is_free(now)}
        queues = {group.id: Queue(group.algorithm, {
            user_id: free[user_id].candidate(priority, now) for user_id, priority in group.members.items()
            if user_id in free}) for group in domain.settings.groups.values()} if free else {}
        for uniqueid, user_id in rules.assign((one.as_waiting() for one in waiting.values()), queues, self._rng.choice):
            self._offer(domain, waiting[uniqueid], domain.operators[user_id], now)

    def _offer(self, domain: Domain, caller: Caller, operator: Operator, now: datetime) -> None:
        group = domain.settings.groups[caller.group_id]
        caller.offers += 1
        caller.offer, operator.caller = Offer(caller.offers, operator.person.id, now), caller
        self.book.offered(caller.key, operator.person.id, operator.person.name, now)
        self._command(caller, "SW_ACD_GO", f"offer|{caller.offers}|{operator.person.id}|{operator.person.account}|"
                                           f"{group.answer_seconds}")

    def _announce(self, domain: Domain, now: datetime) -> None:
        for group in domain.settings.groups.values():
            if not group.average_talk_seconds:
                continue
            states = tuple(domain.states(group.id).values())
            for position, caller in enumerate(domain.ordered(group.id), 1):
                if not caller.is_offerable or caller.is_announced_to or (
                        caller.said_at is not None and not expired(caller.said_at, now, SAY_SECONDS)):
                    continue
                minutes = rules.estimate_minutes(position, group.average_talk_seconds, states)
                caller.said_at = now
                if minutes and minutes != caller.said:
                    caller.said, caller.is_announced_to = minutes, True
                    self._command(caller, "SW_ACD_SAY", str(minutes))

    def _note_lengths(self, domain: Domain, now: datetime) -> None:
        lengths: dict[int, int] = {}
        for caller in domain.callers.values():
            if caller.is_offerable:
                lengths[caller.group_id] = lengths.get(caller.group_id, 0) + 1
        for group_id in lengths.keys() | domain.lengths.keys():
            if lengths.get(group_id, 0) != domain.lengths.get(group_id, 0):
                self.book.sample(domain.id, group_id, lengths.get(group_id, 0), now)
        domain.lengths = lengths

    def _tell_at_work(self, domain: Domain) -> None:
        for group in domain.settings.groups.values():
            accounts = [domain.operators[user_id].person.account for user_id, state in domain.states(group.id).items()
                        if state not in rules.NOT_WAITED_FOR]
            text = "&".join(sorted(accounts)[:KEPT_AT_WORK])
            if domain.at_work.get(group.id) != text:
                domain.at_work[group.id] = text
                self._for_all(f"SW_ACD_ON_{group.id}", text)

    def lost(self, caller: Caller) -> None:
        """Asterisk knows no such channel any more."""
        domain = self.domains.get(caller.key.domain_id)
        if domain is not None and domain.callers.get(caller.key.uniqueid) is caller:
            self._forget(domain, caller, "subscriber")
            self.step(domain)

    def retell(self) -> None:
        """After a start: Asterisk may know nothing of what it was told, and everybody goes on from here."""
        for domain in self.domains.values():
            domain.at_work = {}
            self.step(domain)

    def give_up_offers(self, now: datetime) -> None:
        """An offer of which nothing was heard for long after its time: the operator is not kept from others."""
        for domain in self.domains.values():
            for caller in list(domain.callers.values()):
                offer, group = caller.offer, domain.settings.groups.get(caller.group_id)
                patience = LOST_SECONDS + (group.answer_seconds if group else 0)
                if offer is not None and offer.answered_at is None and expired(offer.at, now, patience):
                    log.warning("acd_offer_lost", domain_id=domain.id, uniqueid=caller.key.uniqueid)
                    self.came_back(caller.key.uniqueid, caller.key.number, offer.number, "")
                elif caller.outcome and expired(caller.told_at, now, LOST_SECONDS):
                    caller.outcome = ""  # told once more
