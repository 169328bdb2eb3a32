"""The worked examples of the manual, through the reference function; times are the domain's local time."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.kernel.errors import InvalidFields
from app.kernel.i18n import speaking
from app.web.forms import parse_form
from tenants.destinations.model import Destination, Kind
from tenants.forwarding.rules import DAY, Period
from tenants.routing import present
from tenants.routing.forms import RuleForm, SettingsForm
from tenants.routing.rules import (
    Caller,
    Filter,
    Line,
    Outcome,
    Rule,
    caller_of,
    covers_week,
    decide,
    has_prefix,
    read_prefixes,
    shadowed,
)

GROUP, MAIL, BUSY = Destination(Kind.GROUP, 7), Destination(Kind.VOICEMAIL, 7, "group"), Destination(Kind.HANGUP)
SPB, SPB_MAIL = Destination(Kind.GROUP, 8), Destination(Kind.VOICEMAIL, 8, "group")
WORK, WEEKEND = frozenset(range(1, 6)), frozenset({6, 7})
HOURS = Period(WORK, 600, 1140)
OUT_OF_HOURS = (Period(WORK, 0, 600), Period(WORK, 1140, DAY), Period(WEEKEND, 0, DAY))
MOSCOW = caller_of("+74951234567")


def at(day: int, clock: str) -> datetime:
    """2021-03-10 is a Wednesday."""
    hour, minute, second = (*map(int, clock.split(":")), 0)[:3]
    return datetime(2021, 3, day, hour, minute, second, tzinfo=UTC)


def rule(place: int, target: Destination | None, *periods: Period, prefixes: str = "", active: bool = True) -> Rule:
    return Rule(place * 10, place, target, active, bool(periods), periods, bool(prefixes), read_prefixes(prefixes))


def goes(rules: list[Rule], moment: datetime, caller: Caller = MOSCOW) -> Destination | None:
    return decide(Line(tuple(rules)), caller, moment).target


def test_t01_and_t02_order_decides() -> None:
    rules = [rule(1, GROUP, HOURS), rule(2, BUSY)]
    assert [goes(rules, at(*when)) for when in ((10, "12:00"), (10, "20:00"), (13, "12:00"))] == [GROUP, BUSY, BUSY]
    turned = [rule(1, BUSY), rule(2, GROUP, HOURS)]
    assert goes(turned, at(10, "12:00")) == BUSY
    assert shadowed(turned) == {20}
    assert shadowed(rules) == frozenset()


@pytest.mark.req("RTE-03")
def test_t03_without_a_rule_the_caller_hears_busy() -> None:
    found = decide(Line(), MOSCOW, at(10, "12:00"))
    assert (found.target, found.outcome, found.place) == (None, Outcome.NO_RULE, 0)


@pytest.mark.req("RTE-18")
def test_t04_a_period_over_midnight_is_refused() -> None:
    with pytest.raises(InvalidFields) as refused:
        _form(days="12345", start="19:00", end="10:00").command(is_new=True)
    assert refused.value.fields.keys() == {"schedule"}


@pytest.mark.req("RTE-17", "RTE-19")
def test_t05_borders_of_periods() -> None:
    every = frozenset(range(1, 8))
    rules = [rule(1, MAIL, Period(every, 1140, DAY), Period(every, 0, 600)), rule(2, GROUP, Period(every, 600, 1140))]
    clocks = ("18:59", "19:00", "23:59", "00:00", "09:59", "10:00")
    assert [goes(rules, at(10, clock)) for clock in clocks] == [GROUP, MAIL, MAIL, MAIL, MAIL, GROUP]


@pytest.mark.req("RTE-12")
def test_t08_a_rule_without_conditions_takes_all() -> None:
    for caller in (MOSCOW, Caller(), caller_of("+4930123456"), caller_of("101")):
        assert goes([rule(1, GROUP)], at(13, "03:00"), caller) == GROUP


def test_t09_and_t10_voicemail_out_of_hours() -> None:
    rules = [rule(1, GROUP, HOURS), rule(2, MAIL)]
    whens = ((10, "10:00"), (10, "18:59:59"), (10, "19:00"), (13, "12:00"))
    assert [goes(rules, at(*when)) for when in whens] == [GROUP, GROUP, MAIL, MAIL]
    assert goes([rule(1, MAIL), rule(2, GROUP, HOURS)], at(10, "12:00")) == MAIL


def test_t11_prefixes_of_callers() -> None:
    rules = [rule(1, GROUP, prefixes="495,499"), rule(2, SPB, prefixes="812")]
    callers = ("+74951112233", "+74991112233", "+78121112233", "+73431112233")
    assert [goes(rules, at(10, "12:00"), caller_of(one)) for one in callers] == [GROUP, GROUP, SPB, None]


@pytest.mark.req("RTE-11")
def test_t12_schedule_and_prefixes_together() -> None:
    rules = [rule(1, GROUP, HOURS, prefixes="495,499"), rule(2, MAIL, *OUT_OF_HOURS, prefixes="495,499"),
             rule(3, SPB, HOURS, prefixes="812"), rule(4, SPB_MAIL, *OUT_OF_HOURS, prefixes="812")]
    calls = (("+74951112233", 10, "12:00", GROUP), ("+74991112233", 10, "09:59", MAIL),
             ("+74951112233", 10, "19:00", MAIL), ("+74951112233", 13, "12:00", MAIL),
             ("+78121112233", 10, "12:00", SPB), ("+78121112233", 14, "00:00", SPB_MAIL))
    for number, day, clock, target in calls:
        assert goes(rules, at(day, clock), caller_of(number)) == target, (number, day, clock)


def test_t13_summaries() -> None:
    with speaking("ru", "Europe/Moscow"):
        assert present.summary([HOURS]) == "пн-пт: 10:00-19:00"
        assert present.summary(OUT_OF_HOURS) == "пн-пт: 00:00-10:00, пн-пт: 19:00-00:00, сб-вс: 00:00-00:00"
        assert present.summary([Period(frozenset({1, 3}), 0, DAY)]) == "пн,ср: 00:00-00:00"


@pytest.mark.req("RTE-13")
def test_t14_an_inactive_rule_is_passed_over() -> None:
    assert goes([rule(1, GROUP, HOURS, active=False), rule(2, BUSY)], at(10, "12:00")) == BUSY
    assert goes([rule(1, None, active=False), rule(2, BUSY)], at(10, "12:00")) == BUSY


@pytest.mark.req("NUM-22", "NUM-23", "NUM-28")
def test_t16_and_t17_lists_come_before_rules() -> None:
    rules = (rule(1, GROUP),)
    white = Line(rules, Filter.WHITELIST)
    assert decide(white, MOSCOW, at(10, "12:00")).outcome is Outcome.NOT_IN_WHITE_LIST
    assert decide(white, Caller(), at(10, "12:00")).outcome is Outcome.NOT_IN_WHITE_LIST
    black = Line(rules, Filter.BLACKLIST, frozenset({"79990000001"}))
    for number, outcome in (("+79990000001", Outcome.BLACK_LIST), ("89990000001", Outcome.BLACK_LIST),
                            ("9990000001", Outcome.BLACK_LIST), ("+79990000002", Outcome.RULE), ("", Outcome.RULE)):
        assert decide(black, caller_of(number), at(10, "12:00")).outcome is outcome, number
    assert decide(black, caller_of("+79990000001", is_withheld=True), at(10, "12:00")).outcome is Outcome.RULE


def test_t18_both_lists_are_refused() -> None:
    assert parse_form(SettingsForm, {"blacklist": "on"}).mode() is Filter.BLACKLIST
    assert parse_form(SettingsForm, {}).mode() is Filter.OFF
    with pytest.raises(InvalidFields):
        parse_form(SettingsForm, {"blacklist": "on", "whitelist": "on"}).mode()


@pytest.mark.req("RTE-09")
def test_t44_a_full_week_shadows_what_is_below() -> None:
    full = rule(1, GROUP, Period(WORK, 0, DAY), Period(WEEKEND, 0, DAY))
    below = rule(2, Destination(Kind.USER, 1), prefixes="495")
    assert covers_week(full.periods)
    assert shadowed([full, below]) == {20}
    assert goes([full, below], at(13, "12:00")) == GROUP
    assert not shadowed([rule(1, GROUP, Period(WORK, 0, DAY)), below])
    assert not shadowed([rule(1, GROUP, active=False), below])
    assert not shadowed([rule(1, GROUP), below], missing={10})
    assert not shadowed([rule(1, GROUP, prefixes="495"), below])


@pytest.mark.req("RTE-23")
@pytest.mark.parametrize(("prefix", "caller", "holds"), [
    ("495", "74951234567", True), ("7495", "+74951234567", True), ("8495", "+74951234567", True),
    ("849", "+74951234567", False), ("849", "+78491234567", True), ("7", "+74951234567", False),
    ("7", "+77271234567", True), ("495", "+4951234567", False), ("+49", "+4951234567", True),
    ("+49", "810495123456", True), ("+7495", "+74951234567", True), ("495", "", False), ("101", "101", False)])
def test_what_a_prefix_means(prefix: str, caller: str, holds: bool) -> None:
    assert has_prefix([prefix], caller_of(caller)) is holds


def test_prefixes_are_tokens_between_spaces_and_commas() -> None:
    assert read_prefixes("495 499,495, +49") == ("495", "499", "+49")
    for wrong in ("abc", "4-95", "1234567890123456", "49+5", "${EXTEN}", "٤٩٥"):
        with pytest.raises(ValueError, match=r".+"):
            read_prefixes(f"495 {wrong}")


def _form(**fields: str) -> RuleForm:
    return parse_form(RuleForm, {"target_kind": "hangup", "is_active": "on", "has_schedule": "on"} | fields)


@pytest.mark.req("RTE-32")
def test_a_target_is_demanded_except_for_the_end_of_the_call() -> None:
    fields = {"days": "67", "start": "00:00", "end": "00:00"}
    assert _form(**fields).command(is_new=True).target == BUSY
    for wrong in ({"target_kind": ""}, {"target_kind": "user"}, {"target_kind": "voicemail", "target_id": "3"},
                  {"target_kind": "private_route", "target_number": "a"}, {"target_kind": "number",
                                                                           "target_number": "112"}):
        with pytest.raises(InvalidFields):
            _form(**fields, **wrong).command(is_new=True)


def test_switches_without_content_are_refused() -> None:
    with pytest.raises(InvalidFields) as refused:
        parse_form(RuleForm, {"target_kind": "hangup", "has_schedule": "on", "has_prefixes": "on"}).command(is_new=True)
    assert refused.value.fields.keys() == {"schedule", "prefixes"}
