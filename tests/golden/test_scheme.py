"""Schemes of users as dialplan, and that Asterisk's hours are those of the panel's plan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbx_provisioning.agent.audio import music_classes
from pbx_provisioning.plan.checks import BadPlan
from pbx_provisioning.plan.scheme import Leg, Reach, Scheme
from pbx_provisioning.render.check import BadDialplan, check_dialplan
from pbx_provisioning.render.objects import dialplan_file, render
from pbx_provisioning.render.scheme import _DAYS, times
from tenants.forwarding.rules import DAY, Period, windows
from tests.golden.test_provisioning import OFFICE, USERS, rings

Golden = Callable[[str, str], None]
OFFICE_HOURS = windows((Period(frozenset({1, 2, 3, 4, 5}), 600, 1140), Period(frozenset({6}), 0, 960),
                        Period(frozenset({7}), 0, DAY)))
SCHEME = Scheme(
    (Leg(5, True, "79160000001", 30, OFFICE_HOURS), Leg(10, False, "ivanov@acme.pbx.example", 40),
     Leg(10, False, "boss@branch.example", 20)), "Europe/Moscow", "a" * 64, True, "system")


@pytest.mark.req("FWD-34", "RTE-61")
def test_schemes(golden: Golden) -> None:
    ivanov = replace(USERS[0], reach=Reach(scheme=SCHEME, has_hold=True))
    anna = replace(USERS[1], reach=Reach(25))
    plan = replace(OFFICE, users=(ivanov, anna), parts=rings(("74951234567", 7), ("74951234568", 8)), has_hold=True)
    text = dialplan_file(42, render(plan))
    check_dialplan(42, text)
    golden("provisioning/schemes.conf", text)
    objects = render(plan)
    assert '"moh_suggest": "u7"' in objects["endpoint", "ivanov@acme.pbx.example"]
    assert '"moh_suggest": "d42"' in objects["endpoint", "anna.p@acme.pbx.example"]


@pytest.mark.parametrize("line", [
    "exten => u7,1,Set(SW_PLAN=${SW_PLAN}5:x:30:79160000001&)exten", "exten => u7,1,System(id)",
    "exten => u7,1,Set(SW_PLAN=${SW_PLAN}5:x:30:${SHELL(id)}&)", "exten => u7,1,Set(SW_GREETING=../../etc/passwd)",
    "exten => u7,1,ExecIfTime(10:00-18:59,mon,*,*,Europe/Moscow?System(id))"])
def test_other_lines_are_refused(line: str) -> None:
    with pytest.raises(BadDialplan):
        check_dialplan(42, f"[d42-users]\ninclude => sw-out\n\n[d42-scheme]\n{line}\n")


def test_what_no_file_may_carry() -> None:
    for wrong in (lambda: Leg(5, True, "7916;000", 30), lambda: Leg(5, False, "a@b,c", 30),
                  lambda: Leg(5, True, "79160000001", 4), lambda: Leg(0, True, "79160000001", 30),
                  lambda: Scheme((), "Europe/Moscow)"), lambda: Scheme((), "Europe/Moscow", "../x"),
                  lambda: Scheme((), "Europe/Moscow", voicemail="x")):
        with pytest.raises(BadPlan):
            wrong()


def test_music_classes() -> None:
    assert music_classes([("d42", "a" * 64)]).endswith(f"[d42]\nmode = files\ndirectory = audio/{'a' * 64}\n")


periods = st.builds(
    lambda days, one, two: Period(frozenset(days), min(one, two), max(one, two)),
    st.sets(st.integers(1, 7), min_size=1), st.integers(0, 719), st.integers(720, DAY))


def _asterisk_matches(days: str, clock: str, moment: datetime) -> bool:
    if _DAYS[moment.isoweekday() - 1] not in days.split("&"):
        return False
    return clock == "*" or clock[:5] <= moment.strftime("%H:%M") <= clock[6:]


@given(chosen=st.lists(periods, min_size=1, max_size=4), minute=st.integers(0, 7 * DAY - 1))
def test_dialplan_and_panel_agree(chosen: list[Period], minute: int) -> None:
    """At every minute at most one line of a leg holds, and it holds exactly when the rule is active."""
    moment = datetime(2024, 3, 11) + timedelta(minutes=minute)  # noqa: DTZ001 - the domain's own clock
    of_day = moment.hour * 60 + moment.minute
    wanted = any(moment.isoweekday() in one.days and one.start <= of_day < one.end for one in chosen)
    lines = [line for span in windows(chosen) for line in times(span)]
    assert [_asterisk_matches(days, clock, moment) for days, clock in lines].count(True) == int(wanted)
