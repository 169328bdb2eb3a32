"""After a start: what callers and operators are doing, from the open rows and from Asterisk's living channels."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from app.kernel import clock
from app.kernel.db import PlatformTx
from pbx_provisioning.agent.acd import events
from pbx_provisioning.agent.acd.book import CallKey
from pbx_provisioning.agent.acd.engine import Engine
from pbx_provisioning.agent.acd.events import Entered, Who
from pbx_provisioning.agent.acd.memory import Offer
from pbx_provisioning.agent.acd.settings import DomainSettings
from pbx_provisioning.ami import AmiClient, AmiError

UP = "6"


@dataclass(frozen=True, slots=True)
class Pass:
    """A row of group_call that has no end."""

    key: CallKey
    t_answer: datetime | None
    missed_by: tuple[int, ...]
    has_offer: bool


@dataclass(frozen=True, slots=True)
class LiveCaller:
    """`at`: wait, offer, alone, as the dialplan has it; `peer`: account of the phone in the same bridge."""

    facts: Entered
    channel: str
    uniqueid: str
    linkedid: str
    at: str
    offer: int
    operator_id: int
    peer: str


@dataclass(frozen=True, slots=True)
class LiveLine:
    who: Who
    channel: str
    uniqueid: str
    is_up: bool


@dataclass(slots=True)
class Living:
    callers: list[LiveCaller] = field(default_factory=list)
    lines: list[LiveLine] = field(default_factory=list)


async def open_passes(tx: PlatformTx, node_id: int) -> list[Pass]:
    rows = await tx.fetch(
        "SELECT c.domain_id, c.uniqueid, c.pass, c.t_answer, "
        "array_agg(o.operator_id ORDER BY o.id) FILTER (WHERE o.result IN ('timeout', 'rejected', 'failed')) "
        "AS missed, "
        "bool_or(o.id IS NOT NULL AND o.t_result IS NULL) AS has_offer FROM group_call c "
        "LEFT JOIN call_offer o ON o.domain_id = c.domain_id AND o.group_call_id = c.id "
        "WHERE c.node_id = $1 AND c.t_end IS NULL GROUP BY c.id", node_id)
    return [Pass(CallKey(row["domain_id"], node_id, row["uniqueid"], row["pass"]), row["t_answer"],
                 tuple(dict.fromkeys(row["missed"] or ())), row["has_offer"]) for row in rows]


async def living(ami: AmiClient) -> Living:
    """Channels that the dialplan has marked."""
    found = Living()
    marked = [event for event in await ami.listing("Status", Variables="SW_ACD_FACTS") if _value(event["variable"])]
    peers: dict[str, list[tuple[str, str]]] = {}
    lines = await ami.listing("Status", Variables="SW_OPERATOR")
    for event in lines:
        if event["bridgeid"]:
            peers.setdefault(event["bridgeid"], []).append((event["uniqueid"], event["channel"]))
        who = events.who(_value(event["variable"]))
        if who is not None:
            found.lines.append(LiveLine(who, event["channel"], event["uniqueid"], event["channelstate"] == UP))
    for event in marked:
        facts = events.entered(_value(event["variable"]))
        if facts is None or not await _variable(ami, event["channel"], "SW_ACD"):
            continue
        others = [channel for uniqueid, channel in peers.get(event["bridgeid"], ()) if uniqueid != event["uniqueid"]]
        account = others[0].removeprefix("PJSIP/").rpartition("-")[0] if others else ""
        found.callers.append(LiveCaller(
            facts, event["channel"], event["uniqueid"], event["linkedid"],
            await _variable(ami, event["channel"], "SW_ACD_AT"),
            events.digits(await _variable(ami, event["channel"], "SW_ACD_OFFER")),
            events.digits(await _variable(ami, event["channel"], "SW_ACD_USER")), account))
    return found


def _value(pair: str) -> str:
    """Of `NAME=value`."""
    return pair.partition("=")[2]


async def _variable(ami: AmiClient, channel: str, name: str) -> str:
    try:
        return (await ami.action("Getvar", Channel=channel, Variable=name))["value"]
    except AmiError:
        return ""


def restore(engine: Engine, known: dict[int, DomainSettings], passes: list[Pass], found: Living) -> None:
    """Callers first, then the states that follow from them; a row whose channel is gone is closed."""
    of_pass = {one.key: one for one in passes}
    living_keys = set()
    for domain_id, settings in known.items():
        engine.put(domain_id, settings)
    for one in found.callers:
        if one.facts.domain_id not in engine.domains:
            continue
        key = CallKey(one.facts.domain_id, engine.node_id, one.uniqueid, one.facts.number)
        living_keys.add(key)
        _restore_caller(engine, one, of_pass.get(key), key)
    for line in found.lines:
        domain = engine.domains.get(line.who.domain_id)
        operator = domain.operators.get(line.who.user_id) if domain else None
        if operator is not None:
            engine.put_line(operator, line.uniqueid, line.channel,
                            "out" if line.who.kind == "out" else "in" if line.is_up else "ring")
    now = clock.now()
    for gone in passes:
        if gone.key not in living_keys:
            if gone.has_offer:
                engine.book.offer_ended(gone.key, "failed", now)
            engine.book.ended(gone.key, "answered" if gone.t_answer else "abandoned", "system", now)


def _restore_caller(engine: Engine, one: LiveCaller, row: Pass | None, key: CallKey) -> None:
    caller = engine.put_caller(one.facts, one.channel, one.uniqueid, one.linkedid)
    if row is not None and row.missed_by:
        caller.is_returned, caller.missed_by = True, row.missed_by
    if one.at == "wait":
        if row is not None and row.has_offer:  # it ended while nobody listened
            engine.book.offer_ended(key, "failed", clock.now())
        return
    domain = engine.domains[key.domain_id]
    operator_id = one.operator_id if one.at == "offer" else next(
        (person.id for person in domain.settings.people.values() if person.account == one.peer), 0)
    operator = domain.operators.get(operator_id)
    if operator is None:
        return  # rung without us; it is told again when nobody answers
    caller.offers = one.offer
    caller.offer = Offer(one.offer, operator_id, clock.now())
    operator.caller = caller
    if row is None or (not row.has_offer and row.t_answer is None):
        engine.book.offered(key, operator_id, operator.person.name, clock.now())
    if one.peer:
        caller.offer.answered_at = (row.t_answer if row else None) or clock.now()
        engine.book.answered(key, operator_id, operator.person.name, caller.offer.answered_at)
