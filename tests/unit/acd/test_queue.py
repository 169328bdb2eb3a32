"""Whom a caller of a voice queue is offered to, and when he has to leave it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pbx_provisioning.agent.acd.rules import Algorithm
from pbx_provisioning.agent.acd.settings import Worked
from tests.unit.acd.stage import BEGIN, DOMAIN, Stage


@pytest.fixture
def stage(monkeypatch: Any) -> Stage:
    return Stage(monkeypatch)


@pytest.mark.req("GRP-31")
def test_example_5_the_smaller_priority_first_and_the_other_when_it_is_busy(stage: Stage) -> None:
    stage.operators(1, 2)
    stage.group(members={1: 20, 2: 10})
    stage.sign_in(1)
    stage.sign_in(2)
    stage.call("a")
    assert stage.offers() == [("a", 2)]
    stage.picks_up("a")
    stage.call("b")
    assert stage.offers() == [("a", 2), ("b", 1)]


@pytest.mark.parametrize("members", [(), (1, 2)])  # nobody, or plain users: operators alone are read
def test_example_6_a_queue_without_operators_ends_every_call_even_with_voicemail(stage: Stage, members: tuple) -> None:
    stage.group(members=members, voicemail_on=True)
    stage.call("a")
    assert stage.told == [("a", "SW_ACD_GO", "leave|end|no_operators")]
    stage.engine.left("a", 1)
    assert stage.ends() == {"a": ("no_operators", "system")}


@pytest.mark.req("VIP-06", "GRP-34")
def test_example_9_vip_by_priority_then_the_others(stage: Stage) -> None:
    stage.operators(1)
    stage.group(members=[1])
    stage.vip("74950000005", 5)
    stage.vip("79160000001", 1)
    stage.sign_in(1, "break")
    stage.call("plain")
    stage.call("five", number="+74950000005")
    stage.call("one", number="89160000001")
    stage.call("five later", number="74950000005")
    stage.vip("74951112233", 1)  # of the first caller: too late, the priority is read at entry
    assert stage.offers() == []
    stage.sign_in(1, "waiting")
    for name in ("one", "five", "five later", "plain"):
        assert stage.offers()[-1] == (name, 1)
        if name == "one":
            stage.call("quick", number="74951112233")  # what rings is not interrupted
            stage.engine.ended("quick", 1, "subscriber")
        stage.picks_up(name)
        stage.hangs_up(name)


@pytest.mark.req("GRP-33", "GRP-34")
def test_example_24_a_returned_call_is_next_but_not_before_a_vip(stage: Stage) -> None:
    stage.operators(1, 2)
    stage.group(members=[1, 2])
    stage.vip("74950000001", 3)
    stage.sign_in(1)
    stage.sign_in(2, "break")
    stage.call("a")
    stage.call("b")
    stage.sign_in(1, "break")  # applied after what rings
    stage.misses("a")
    assert stage.state(1) == "break"
    stage.sign_in(2)
    assert stage.offers() == [("a", 1), ("a", 2)]
    stage.misses("a")
    stage.sign_in(2, "break")
    stage.misses("a")  # offered once more to the only one there was
    stage.call("vip", number="74950000001")
    stage.sign_in(1)
    assert stage.offers()[-1] == ("vip", 1)
    stage.sign_in(2)
    assert stage.offers()[-1] == ("a", 2)


@pytest.mark.req("GRP-33")
def test_who_has_missed_the_call_is_passed_over_while_there_is_another(stage: Stage) -> None:
    stage.operators(1, 2, 3)
    stage.group(members={1: 1, 2: 2, 3: 3})
    for user_id in (1, 2, 3):
        stage.sign_in(user_id)
    stage.call("a")
    for _ in range(4):
        stage.misses("a")
    assert stage.offers() == [("a", 1), ("a", 2), ("a", 3), ("a", 1), ("a", 2)]
    results = [args[1] for name, args in stage.book.facts if name == "offer_ended"]
    assert results == ["timeout"] * 4


@pytest.mark.parametrize(("voicemail", "way", "outcome"), [(True, "voicemail", "voicemail"), (False, "end", "no_operators")])
def test_example_25_the_last_operator_leaves(stage: Stage, voicemail: bool, way: str, outcome: str) -> None:
    stage.operators(1, 2)
    stage.group(members=[1, 2], voicemail_on=voicemail)
    stage.sign_in(1, "away")
    stage.call("a")
    stage.call("b")
    stage.sign_in(1, "break")
    assert stage.told_to_leave() == {}  # both keep waiting
    stage.sign_out(1)
    assert stage.told_to_leave() == {"a": way, "b": way}
    stage.engine.left("a", 1)
    stage.engine.ended("b", 1, "subscriber")  # was quicker
    assert stage.ends() == {"a": (outcome, "system"), "b": ("abandoned", "subscriber")}


def test_the_last_operator_loses_the_role_while_somebody_waits(stage: Stage) -> None:
    stage.operators(1)
    stage.group(members=[1], voicemail_on=True)
    stage.sign_in(1, "break")
    stage.call("a")
    stage.operators()
    assert stage.told_to_leave() == {"a": "end"}
    assert stage.states(1)[-1] == "offline"


@pytest.mark.req("GRP-27", "RPT-65")
def test_post_call_processing_keeps_offers_away_until_time_or_button(stage: Stage) -> None:
    stage.operators(1)
    stage.group(members=[1], wrap_up_seconds=30)
    stage.group(2, members=[1])
    stage.sign_in(1)
    stage.call("a")
    stage.picks_up("a")
    stage.hangs_up("a")
    stage.call("b", 2)  # another group's call: the time holds in all groups
    assert stage.state(1) == "wrap_up"
    stage.later(28)
    assert stage.offers() == [("a", 1)]
    stage.later(1.5)
    assert stage.offers() == [("a", 1), ("b", 1)]
    stage.picks_up("b")
    stage.hangs_up("b")
    stage.call("c")
    stage.picks_up("c")
    stage.hangs_up("c")
    stage.call("d")
    assert stage.offers()[-1] == ("c", 1)
    stage.sign_in(1, ready_at=stage.moment)  # the button
    assert stage.offers()[-1] == ("d", 1)
    assert stage.states(1) == ["waiting", "ringing", "incoming", "wrap_up", "waiting", "ringing", "incoming", "waiting",
                               "ringing", "incoming", "wrap_up", "waiting", "ringing"]


@pytest.mark.req("GRP-19")
def test_least_occupied_is_talk_over_time_since_the_sign_in(stage: Stage) -> None:
    stage.operators(1, 2, 3)
    stage.group(algorithm=Algorithm.LEAST_OCCUPIED, members=[1, 2, 3])
    hour = BEGIN - timedelta(hours=1)
    stage.sign_in(1, signed_in_at=hour, worked=Worked(None, 600))  # 1/6
    stage.sign_in(2, signed_in_at=BEGIN - timedelta(minutes=10), worked=Worked(None, 120))  # 1/5
    stage.sign_in(3, signed_in_at=BEGIN + timedelta(seconds=1))  # no time has passed: 0
    stage.call("a")
    stage.call("b")
    stage.call("c")
    assert stage.offers() == [("a", 3), ("b", 1), ("c", 2)]


def test_longest_idle_and_random_choose_one(stage: Stage) -> None:
    stage.operators(1, 2, 3)
    stage.group(members=[1, 2, 3])
    stage.sign_in(2)
    stage.later(5)
    stage.sign_in(1)
    stage.later(5)
    stage.sign_in(3)
    for name, operator in (("a", 2), ("b", 1), ("c", 3), ("d", 2)):
        stage.call(name)
        assert stage.offers()[-1] == (name, operator)
        stage.picks_up(name)
        stage.hangs_up(name)
    stage.group(algorithm=Algorithm.RANDOM, members=[1, 2, 3])
    for number in range(60):
        stage.call(f"r{number}")
        stage.picks_up(f"r{number}")
        stage.hangs_up(f"r{number}")
    chosen = [operator for name, operator in stage.offers() if name.startswith("r")]
    assert all(chosen.count(one) > 8 for one in (1, 2, 3))


@pytest.mark.req("GRP-33")
def test_the_queue_limit_ends_waiting_but_takes_no_ringing_call(stage: Stage) -> None:
    stage.operators(1)
    stage.group(members=[1], queue_limit_seconds=30, voicemail_on=True)
    stage.sign_in(1)
    stage.call("a")
    stage.call("b")
    stage.later(29.5)
    assert stage.told_to_leave() == {"b": "voicemail"} or stage.told_to_leave() == {}
    stage.later(1)
    assert stage.told_to_leave() == {"b": "voicemail"}
    stage.engine.left("b", 1)
    stage.misses("a")
    assert stage.told_to_leave() == {"a": "voicemail", "b": "voicemail"}
    assert stage.ends()["b"] == ("queue_limit", "system")


def test_the_estimate_is_told_on_entering_and_each_minute_while_it_changes(stage: Stage) -> None:
    stage.operators(1, 2, 3)
    stage.group(members=[1, 2, 3], average_talk_seconds=150)
    stage.sign_in(1)
    stage.sign_in(2)
    stage.sign_in(3, "break")
    for name in ("x", "y"):
        stage.call(name)
        stage.picks_up(name)
    assert not [one for one in stage.told if one[1] == "SW_ACD_SAY"]  # somebody was free
    stage.call("a")
    stage.call("b")
    said = [one for one in stage.told if one[1] == "SW_ACD_SAY"]
    assert said == [("a", "SW_ACD_SAY", "2"), ("b", "SW_ACD_SAY", "3")]  # 75 s and 150 s
    stage.engine.said("a", 1)
    stage.engine.said("b", 1)
    stage.later(61)
    assert [one for one in stage.told if one[1] == "SW_ACD_SAY"] == said  # nothing has changed
    stage.hangs_up("x")  # a is offered, b is the first now
    stage.later(61)
    assert [one for one in stage.told if one[1] == "SW_ACD_SAY"][-1] == ("b", "SW_ACD_SAY", "2")


def test_a_campaign_takes_an_operator_and_gives_him_back(stage: Stage) -> None:
    stage.operators(1)
    stage.group(members=[1])
    stage.sign_in(1)
    stage.sign_in(1, in_campaign=True)
    stage.call("a")
    stage.engine.line(DOMAIN, 1, "u1", "PJSIP/op1", "ring")  # the campaign rings his phone
    stage.engine.line(DOMAIN, 1, "u1", "", "")
    assert (stage.state(1), stage.offers()) == ("campaign", [])
    stage.sign_in(1, in_campaign=False)
    assert stage.states(1) == ["waiting", "campaign", "waiting", "ringing"]


@pytest.mark.req("RPT-65")
def test_other_calls_of_the_phone_keep_offers_away(stage: Stage) -> None:
    stage.operators(1)
    stage.group(members=[1])
    stage.sign_in(1)
    stage.engine.line(DOMAIN, 1, "u1", "PJSIP/op1", "out")
    stage.call("a")
    assert (stage.state(1), stage.offers()) == ("outgoing", [])
    stage.engine.line(DOMAIN, 1, "u1", "", "")
    assert (stage.state(1), stage.offers()) == ("ringing", [("a", 1)])
    stage.sign_out(1)
    assert stage.state(1) == "offline"  # at any time
    stage.misses("a")
    assert stage.told_to_leave() == {"a": "end"}


def test_length_counts_callers_with_nobody_being_rung(stage: Stage) -> None:
    stage.operators(1)
    stage.group(members=[1])
    stage.sign_in(1)
    stage.call("a")  # offered at once: no queue
    stage.call("b")
    stage.call("c")
    stage.engine.ended("b", 1, "subscriber")
    samples = [args[2] for name, args in stage.book.facts if name == "sample"]
    assert samples == [1, 2, 1]


def test_a_phone_that_refuses_is_left_alone_for_a_moment(stage: Stage) -> None:
    stage.operators(1)
    stage.group(members=[1])
    stage.sign_in(1)
    stage.call("a")
    stage.misses("a", "BUSY")
    assert (stage.state(1), len(stage.offers())) == ("waiting", 1)
    stage.later(3)
    assert len(stage.offers()) == 2


def test_a_phone_that_cannot_be_rung_is_tried_less_and_less_often(stage: Stage) -> None:
    stage.operators(1)
    stage.group(members=[1])
    stage.sign_in(1)
    stage.call("a")
    tries = []
    for _ in range(5):
        stage.misses("a", "CHANUNAVAIL")
        begun, count = stage.moment, len(stage.offers())
        while len(stage.offers()) == count:
            stage.later(1)
        tries.append((stage.moment - begun).total_seconds())
    assert tries == [3, 6, 12, 24, 24]
    stage.misses("a")  # it rang: anew from here
    stage.misses("a", "CHANUNAVAIL")
    count = len(stage.offers())
    stage.later(3)
    assert len(stage.offers()) == count + 1


def test_who_ended_the_talk(stage: Stage) -> None:
    stage.operators(1)
    stage.group(members=[1])
    stage.sign_in(1)
    for name, operator in (("a", True), ("b", False)):
        stage.call(name)
        stage.picks_up(name)
        stage.hangs_up(name, operator=operator)
    stage.call("c")
    stage.picks_up("c")
    stage.engine.talked("c", 1)  # transferred: the caller's channel lives on
    stage.later(2)
    stage.engine.ended("c", 1, "subscriber")
    assert stage.ends() == {"a": ("answered", "operator"), "b": ("answered", "subscriber"), "c": ("answered", "operator")}


def test_a_group_that_is_no_queue_any_more_lets_its_callers_go(stage: Stage) -> None:
    stage.operators(1)
    stage.group(members=[1])
    stage.sign_in(1, "break")
    stage.call("a")
    behind = type(stage.settings)({}, stage.settings.people, {}, stage.settings.sessions, {}, frozenset({1}),
                                  is_applied=False)
    stage.settings = behind
    stage.read()
    assert stage.told_to_leave() == {}  # the dialplan still takes the group for a queue: he would come back at once
    assert stage.engine.not_applied() == [DOMAIN]
    stage.settings = replace(behind, is_applied=True)
    stage.read()
    assert stage.told_to_leave() == {"a": "again"}
    assert stage.engine.not_applied() == []
    stage.call("b")
    stage.settings = type(stage.settings)({}, stage.settings.people, {}, stage.settings.sessions, {})
    stage.read()
    stage.call("c", 2)
    assert stage.told_to_leave()["c"] == "end"


def test_without_the_engine_those_at_work_are_rung(stage: Stage) -> None:
    stage.operators(1, 2, 3)
    stage.group(members=[1, 2, 3])
    stage.sign_in(1)
    stage.sign_in(2, "away")
    assert stage.for_all == {"SW_ACD_ON_1": "op1@a.example"}
