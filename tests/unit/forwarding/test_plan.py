"""The scheme as pure rules: the worked examples of the specification, and the drawing's week."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from app.kernel.errors import InvalidFields
from app.kernel.i18n import speaking
from tenants.forwarding.forms import RuleForm
from tenants.forwarding.present import days_text, draw
from tenants.forwarding.rules import (
    Kind,
    Period,
    Rule,
    Terminal,
    branches,
    default_priority,
    periods_as_json,
    periods_of_json,
    plan,
    windows,
)
from tenants.forwarding.service import Scheme

SIP = Rule(1, Kind.MAIN)
OFFICE = (Period(frozenset({1, 2, 3, 4, 5}), 600, 1140), Period(frozenset({6}), 600, 960))
M1 = Rule(2, Kind.MOBILE, "79160000001", 5, 40, True, OFFICE)
WED, SAT, SUN = 13, 16, 17  # March 2024


def at(day: int, clock: str) -> datetime:
    hour, minute = clock.split(":")
    return datetime(2024, 3, day, int(hour), int(minute))  # noqa: DTZ001 - the domain's own clock


def shown(rules: list[Rule], moment: datetime, *, voicemail: bool = False) -> str:
    """As the specification writes it: SIP 40 → M1 30, both; → end."""
    found = plan(rules, moment, voicemail=voicemail)
    names = {rule.id: "SIP" if rule.kind is Kind.MAIN else f"M{rule.id - 1}" for rule in rules}
    tiers = [" ".join(f"{names[leg.rule_id]} {leg.ring_seconds}" for leg in sorted(tier, key=lambda leg: leg.rule_id))
             for tier in found.tiers]
    return " → ".join([*tiers, "voicemail" if found.terminal is Terminal.VOICEMAIL else "end"])


@pytest.mark.req("FWD-04", "FWD-17", "FWD-23", "FWD-24", "ACC-41")
def test_tc_13_initial_scheme() -> None:
    assert shown([SIP], at(WED, "12:00")) == "SIP 40 → end"
    assert shown([SIP], at(SUN, "03:00"), voicemail=True) == "SIP 40 → voicemail"


@pytest.mark.req("FWD-12", "FWD-14", "FWD-15", "FWD-18")
@pytest.mark.parametrize(("day", "clock", "expected"), [
    (WED, "12:00", "M1 40 → SIP 40 → end"), (WED, "09:59", "SIP 40 → end"), (WED, "19:00", "SIP 40 → end"),
    (SAT, "15:59", "M1 40 → SIP 40 → end"), (SAT, "16:00", "SIP 40 → end"), (SUN, "12:00", "SIP 40 → end")])
def test_tc_14_scheduled_mobile(day: int, clock: str, expected: str) -> None:
    assert shown([SIP, M1], at(day, clock)) == expected


@pytest.mark.req("FWD-22", "FWD-19")
def test_equal_priority_rings_together_each_for_its_own_time() -> None:
    together = Rule(3, Kind.LANDLINE, "74951112233", 10, 25)
    assert shown([SIP, together], at(WED, "12:00")) == "SIP 40 M2 25 → end"


@pytest.mark.req("FWD-12", "FWD-23")
def test_nothing_active_is_the_end() -> None:
    off = Rule(1, Kind.MAIN, is_enabled=False)
    assert shown([off], at(WED, "12:00")) == "end"
    assert shown([off, M1], at(SUN, "12:00"), voicemail=True) == "voicemail"


@pytest.mark.req("FWD-27")
def test_one_chain_without_a_split() -> None:
    disabled = Rule(3, Kind.MOBILE, "79160000002", 7, 40, False, OFFICE)  # makes no border
    [only] = branches([SIP, disabled])
    assert only.spans == ()


@pytest.mark.req("FWD-28", "FWD-30")
def test_slices_of_equal_plans_are_one_branch() -> None:
    found = branches([SIP, M1])
    assert len(found) == 2
    day = next(one for one in found if len(one.plan.tiers) == 2)
    assert [(span.days, span.hours) for span in day.spans] == [
        ((1, 2, 3, 4, 5), ((600, 1140),)), ((6,), ((600, 960),))]
    rest = next(one for one in found if one is not day)
    assert rest.spans[-1].days == (7,)
    assert rest.spans[-1].hours == ((0, 1440),)


@pytest.mark.req("FWD-16")
def test_overlapping_periods_are_merged() -> None:
    found = windows((Period(frozenset({1}), 600, 720), Period(frozenset({1, 2}), 700, 800), Period(frozenset({1}), 800, 900)))
    assert [(span.days, span.hours) for span in found] == [((1,), ((600, 900),)), ((2,), ((700, 800),))]


def form(**changes: Any) -> RuleForm:
    values: dict[str, Any] = {"kind": "mobile", "number": "+79160000001", "priority": "10", "ring_seconds": "40",
                              "is_enabled": True}
    return RuleForm(**(values | changes))


@pytest.mark.req("FWD-16")
@pytest.mark.parametrize(("start", "end", "minutes"), [
    ("19:00", "00:00", (1140, 1440)), ("00:00", "10:00", (0, 600)), ("00:00", "00:00", (0, 1440))])
def test_midnight_as_an_end_is_the_end_of_the_day(start: str, end: str, minutes: tuple[int, int]) -> None:
    [period] = form(days=["12345"], start=[start], end=[end]).command().periods
    assert (period.start, period.end) == minutes


@pytest.mark.req("FWD-16", "FWD-07")
@pytest.mark.parametrize(("changes", "field"), [
    ({"days": ["1"], "start": ["19:00"], "end": ["10:00"]}, "schedule"),
    ({"days": ["1"], "start": ["10:00"], "end": ["10:00"]}, "schedule"),
    ({"days": [""], "start": ["10:00"], "end": ["11:00"]}, "schedule"),
    ({"days": ["8"], "start": ["10:00"], "end": ["11:00"]}, "schedule"),
    ({"days": ["1"], "start": ["24:00"], "end": ["11:00"]}, "schedule"),
    ({"days": ["1"], "start": ["9:00\n"], "end": ["11:00"]}, "schedule"),
    ({"days": ["1", "2"], "start": ["10:00"], "end": ["11:00"]}, "schedule"),
    ({"days": ["1"] * 31, "start": ["10:00"] * 31, "end": ["11:00"] * 31}, "schedule"),
    ({"priority": "0"}, "priority"), ({"priority": "100"}, "priority"), ({"priority": "-1"}, "priority"),
    ({"priority": "٣"}, "priority"), ({"ring_seconds": "4"}, "ring_seconds"), ({"ring_seconds": "181"}, "ring_seconds"),
    ({"ring_seconds": "4.5"}, "ring_seconds"), ({"kind": "main"}, "kind"), ({"kind": "fmc"}, "kind"),
    ({"number": ""}, "number")])
def test_wrong_fields_are_named(changes: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidFields) as wrong:
        form(**changes).command()
    assert set(wrong.value.fields) == {field}


@pytest.mark.req("FWD-07")
def test_default_priority() -> None:
    assert default_priority([SIP, M1]) == 20
    assert default_priority([Rule(1, Kind.MAIN, priority=95)]) == 99


def test_periods_survive_the_database() -> None:
    assert periods_of_json(periods_as_json(OFFICE)) == OFFICE


@pytest.mark.req("FWD-13", "FWD-28", "FWD-30", "FWD-31", "ACC-40")
def test_drawing() -> None:
    off = Rule(3, Kind.LANDLINE, "74951112233", 7, 20, False)
    scheme = Scheme(7, "anna", "acme.example", "Anna", "101", "Europe/Moscow", (M1, off, SIP), True, True, False)
    with speaking("en"):
        drawn = draw(scheme, "/me", "because")
    assert drawn.is_split
    assert drawn.has_greeting
    assert all(branch.ends_in_voicemail for branch in drawn.branches)
    assert [card.id for card in drawn.disabled] == [3]
    assert {card.skipped for card in drawn.cards} == {"because", ""}
    first = next(branch for branch in drawn.branches if len(branch.tiers) == 2)
    assert first.label == ("Mon–Fri 10:00–19:00", "Sat 10:00–16:00")
    with speaking("ru"):
        assert days_text((1, 2, 3, 4, 5)) == "Пн–Пт"
        assert days_text((6, 7)) == "Сб, Вс"
