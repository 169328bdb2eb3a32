"""The dialplan of a number decides as the reference function does, and its lines pass the last check [RTE-61, RTE-62]."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbx_provisioning.features.routing import Number, Numbers
from pbx_provisioning.render.check import check_dialplan
from pbx_provisioning.render.objects import dialplan_file, render
from tenants.destinations.model import Destination, Kind
from tenants.forwarding.rules import DAY, Period
from tenants.routing.rules import Caller, Filter, Line, Outcome, Rule, caller_of, decide
from tests.golden.test_provisioning import OFFICE

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EDGES = st.sampled_from([0, 1, 599, 600, 1139, 1140, 1439, DAY])
PERIODS = st.builds(lambda days, edges: Period(frozenset(days), min(edges), max(edges)),
                    st.sets(st.integers(1, 7), min_size=1), st.sets(EDGES, min_size=2, max_size=2))
PREFIXES = st.sampled_from(["495", "499", "812", "7495", "8495", "849", "7", "8", "+49", "+7495", "+7", "4"])
TARGETS = st.sampled_from([Destination(Kind.USER, 7), Destination(Kind.USER, 99), Destination(Kind.GROUP, 7),
                           Destination(Kind.HANGUP), Destination(Kind.VOICEMAIL, 8, "user"),
                           Destination(Kind.FAX, 7, "group"), Destination(Kind.IVR, 3),
                           Destination(Kind.PRIVATE_ROUTE, number="8*12#")])
CALLERS = st.sampled_from(["", "101", "+74951234567", "84991112233", "8121112233", "+4951234567", "810495123456",
                           "0049301234567", "74951234567", "+78491234567", "+7495", "4951234", "anonymous"])


@st.composite
def lines(draw: st.DrawFn) -> Line:
    rules = []
    for place in range(1, draw(st.integers(0, 5)) + 1):
        periods = tuple(draw(st.lists(PERIODS, max_size=3)))
        prefixes = tuple(draw(st.lists(PREFIXES, max_size=3, unique=True)))
        rules.append(Rule(place * 3, place, draw(TARGETS), True, bool(periods), periods, bool(prefixes), prefixes))
    listed = frozenset(caller_of(one).digits for one in draw(st.sets(CALLERS, max_size=4))) - {""}
    listed = frozenset(one for one in listed if len(one) >= 3)
    mode = draw(st.sampled_from(Filter))
    return Line(tuple(rules), mode, listed if mode is Filter.BLACKLIST else frozenset(),
                listed if mode is Filter.WHITELIST else frozenset())


def walk(text: str, caller: Caller, moment: datetime) -> str:
    """What Asterisk does with the lines of `[d42-line]`: the code of the target, or the reason of a refusal."""
    extensions = set(re.findall(r"exten => (n\d+[bw]\d+),1", text))
    patterns = [(rule, letter, start) for rule, letter, start in
                re.findall(r"exten => _\[r\](\d+)\[([pq])\](\d+)!,1", text)]
    is_russian = caller.is_public and caller.digits.startswith("7") and len(caller.digits) == 11
    match, reason = True, ""
    for step in re.findall(r"exten => n5,\d+,(.*)", text):
        if found := re.match(r"GotoIf\(.*n5([bw])\$\{SW_FROM\},1\)\}( = 0)?\]\?sw-route-refused,(\w+),1\)", step):
            refused = (f"n5{found[1]}{caller.digits}" in extensions) != bool(found[2])
            reason = found[3] if refused else reason
        elif found := re.fullmatch(r"Set\(SW_MATCH=([01])\)", step):
            match = found[1] == "1"
        elif found := re.match(r"ExecIfTime\(([^,]+),([^,]+),", step):
            match = match or (DAYS[moment.weekday()] in found[2].split("&") and _in_clock(found[1], moment))
        elif found := re.fullmatch(r"Gosub\(sw-route-prefix,s,1\(42,(\d+)\)\)", step):
            public = caller.digits if caller.is_public else ""
            match = match and any(rule == found[1] and (caller.digits if is_russian else "" if letter == "p" else public)
                                  .startswith(start) for rule, letter, start in patterns)
        elif (found := re.fullmatch(r"(ExecIf\(.*\?)?Return\(\d+\.(\w[\w*]*)\)\)?", step)) and (match or not found[1]):
            return reason or found[2]
    raise AssertionError("the lines end without a decision")


def _in_clock(clock: str, moment: datetime) -> bool:
    first, last = ("00:00", "23:59") if clock == "*" else clock.split("-")
    return first <= f"{moment:%H:%M}" <= last


@pytest.mark.req("RTE-61", "RTE-62")
@given(line=lines(), number=CALLERS, day=st.integers(8, 14), minute=EDGES.filter(lambda one: one < DAY))
def test_the_dialplan_decides_as_the_reference(line: Line, number: str, day: int, minute: int) -> None:
    plan = replace(OFFICE, parts=(("routing", Numbers("Europe/Moscow", (Number(5, "74951234567", line),))),))
    text = dialplan_file(42, render(plan))
    check_dialplan(42, text)
    moment, caller = datetime(2021, 3, day, minute // 60, minute % 60, 59, tzinfo=UTC), caller_of(number)
    there = tuple(rule for rule in line.rules if rule.target != Destination(Kind.USER, 99))  # a user that is gone
    expected = decide(replace(line, rules=there), caller, moment)
    if "sw-in-route,s,1(42,5)" not in text:  # the short form of a plain number
        assert line.filter is Filter.OFF
        direct = "sw-in-user" if expected.target == Destination(Kind.USER, 7) else "sw-in-busy"
        assert f"exten => 74951234567,1,Gosub({direct}," in text
        return
    found = walk(text, caller, moment)
    if expected.outcome in (Outcome.BLACK_LIST, Outcome.NOT_IN_WHITE_LIST):
        assert found == expected.outcome.value
    else:
        wanted = "x" if expected.target is None else expected.target.code
        assert found == ("e101" if expected.target == Destination(Kind.USER, 7) else wanted)
