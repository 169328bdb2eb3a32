"""The dialplan walks through scenarios as the reference does, for any scenario and any keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pbx_provisioning.features import ivr
from pbx_provisioning.node import runtime
from pbx_provisioning.plan.model import DomainPlan, User
from pbx_provisioning.render.check import check_dialplan
from pbx_provisioning.render.objects import dialplan_file
from tenants.destinations.model import Destination, Kind
from tenants.ivr.rules import DEFAULT, KEYS, TIMEOUT, Action, Branch, Menu, Scenario
from tenants.ivr.walk import SILENCE, Walk, seconds_to_wait
from tests.unit.ivr.dialplan import Machine
from tests.unit.ivr.test_ivr_walk import NESTED, a_menu

CONF = Path(runtime.__file__).parent / "templates/sw-ivr.conf"
DIGEST, MILLISECONDS = "a" * 64, 4200
PLAN = DomainPlan(9, "a.example", 1, "ru", False, None, "0" * 32,
                  users=(User(3, "petrov", "5010", "0" * 32), User(4, "ivanov", "11", "0" * 32)))
HERE, LOST = Destination(Kind.GROUP, 7), Destination(Kind.GROUP, 8)
TARGETS = (HERE, LOST, Destination(Kind.USER, 3), Destination(Kind.USER, 99), Destination(Kind.VOICEMAIL, 3, "user"),
           Destination(Kind.NUMBER, number="+74951234567"), None)
MISSING = (LOST, Destination(Kind.USER, 99))


def a_share(scenario: Scenario, errors: int) -> ivr.Share:
    return ivr.Share(10, errors, (scenario,), ((5, DIGEST, MILLISECONDS),))


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    count = draw(st.integers(1, 4))
    plain: list[tuple[Any, ...]] = [(one,) for one in (
        Action.BACK, Action.BACK, Action.DIAL_EXTENSION, Action.HANGUP, Action.REPEAT)]
    others: list[tuple[Any, ...]] = [(Action.REDIRECT, target) for target in TARGETS] + [(Action.AUDIO, None, 5)]
    to_menu: st.SearchStrategy[tuple[Any, ...]] = st.integers(1, count).map(
        lambda number: (Action.MENU, None, None, number))
    actions = st.one_of(to_menu, to_menu, st.sampled_from(plain), st.sampled_from(others))

    def branches() -> list[Branch]:
        return [Branch(trigger, *draw(actions)) for trigger in (DEFAULT, TIMEOUT, "1", "2", "*", "#")
                if draw(st.booleans())]

    menus = [a_menu(number, *branches()) for number in range(1, count + 1)]
    return Scenario(1, "S", tuple(Menu(one.id, one.name, one.is_main, draw(st.sampled_from([None, 5])), one.branches)
                                  for one in menus))


def told(event: tuple) -> tuple[str, ...]:
    """Of the reference, in the dialplan's words."""
    match event:
        case ("redirect", Destination() as target):
            if target.kind is Kind.NUMBER:
                return "out", target.number
            return "to", "e5010" if target.kind is Kind.USER else target.code
        case ("connect", extension):
            return "to", f"e{extension}"
        case ("audio", _):
            return "audio", DIGEST
        case (what, *rest):
            return what, *map(str, rest)
    raise AssertionError(event)


@pytest.mark.req("IVR-62")
@settings(max_examples=300, deadline=None)
@example(scenario=NESTED, limit=3, timeout=7, keys=list("11**21**210*"))
@given(scenario=scenarios(), limit=st.integers(0, 3), timeout=st.sampled_from([1, 7, 8, 120]),
       keys=st.lists(st.sampled_from((*KEYS, *"12*" * 3, SILENCE, SILENCE)), min_size=5, max_size=30))
def test_the_dialplan_does_as_the_reference(scenario: Scenario, limit: int, timeout: int, keys: list[str]) -> None:
    objects = ivr.render(PLAN, a_share(scenario, limit))
    text = dialplan_file(PLAN.domain_id, {("rest", "users"): "include => sw-112", **objects})
    check_dialplan(PLAN.domain_id, text)
    machine = Machine(CONF, text, PLAN.domain_id, keys, {"5010", "11"}, {"g7", "vu3"})
    machine.variables |= dict(zip(("ARG1", "ARG2", "ARG3", "ARG4", "ARG5"),
                                  ("9", "1", str(scenario.main.id), str(limit), str(timeout)), strict=True))
    machine.run("sw-ivr", "s")
    reference = Walk(scenario, limit, {"5010", "11"}, MISSING).take(keys)
    assert machine.events == [told(event) for event in reference.events]
    lengths = {str(menu.id): MILLISECONDS if menu.audio_id else None for menu in scenario.menus}
    assert machine.waits == [(menu, seconds_to_wait(timeout, lengths[menu])) for menu, _ in machine.waits]


def test_lines_of_a_scenario() -> None:
    scenario = Scenario(1, "${SHELL(id)}", (
        Menu(10, "", True, 5, a_menu(1, Branch("1", Action.REDIRECT, HERE), Branch("*", Action.BACK),
                                     Branch("3", Action.REDIRECT, Destination(Kind.NUMBER, number="74951234567")),
                                     Branch("4", Action.AUDIO, audio_id=5), Branch("#", Action.HANGUP)).branches),))
    found = ivr.render(PLAN, a_share(scenario, 3))
    assert found["to", "i1"] == "exten => i1,1,Gosub(sw-ivr,s,1(9,1,10,3,10))"
    assert found["ivr", "m10"].splitlines() == [
        f"exten => m10,1,Return({DIGEST}|4200)", "exten => m10d,1,Return(dial)", "exten => m10t,1,Return(repeat)",
        "exten => m10k1,1,Return(to|g7)", "exten => m10ks,1,Return(back)", "exten => m10k3,1,Return(out|74951234567)",
        f"exten => m10k4,1,Return(audio|{DIGEST})", "exten => m10kh,1,Return(hangup)"]
