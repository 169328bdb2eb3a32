"""How a call goes through a scenario, by the reference algorithm."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenants.destinations.model import Destination, Kind
from tenants.ivr.rules import DEFAULT, KEYS, TIMEOUT, Action, Branch, Menu, Scenario
from tenants.ivr.walk import SILENCE, Walk, seconds_to_wait

GROUP = Destination(Kind.GROUP, 7)
BACK, HANGUP = Branch("*", Action.BACK), ("hangup",)


def a_menu(number: int, *branches: Branch, default: Action = Action.DIAL_EXTENSION,
           timeout: Action = Action.REPEAT) -> Menu:
    own = {one.trigger for one in branches}
    rest = [Branch(trigger, action) for trigger, action in ((DEFAULT, default), (TIMEOUT, timeout))
            if trigger not in own]
    return Menu(number, "" if number == 1 else f"Menu {number}", number == 1, None, (*rest, *branches))


def to(key: str, menu: int) -> Branch:
    return Branch(key, Action.MENU, menu_id=menu)


def walk(*menus: Menu, limit: int = 3, keys: list[str] | str = "", extensions: tuple[str, ...] = ("5010",),
         missing: tuple[Destination, ...] = ()) -> Walk:
    return Walk(Scenario(1, "S", menus), limit, extensions, missing).take(list(keys))


FRESH = a_menu(1)
NESTED = Scenario(1, "S", (a_menu(1, to("1", 2), to("2", 3), BACK), a_menu(2, to("1", 4), BACK),
                           a_menu(3, to("1", 4), BACK), a_menu(4, BACK, to("0", 1))))


@pytest.mark.req("T43")
def test_an_undefined_key_begins_an_internal_number() -> None:
    found = walk(FRESH, limit=0, keys=["5", "0", "1", "0", SILENCE])
    assert found.events == [("menu", 1), ("connect", "5010")]
    assert found.errors == 0
    unknown = walk(FRESH, limit=0, keys=["5", "0", "1", "1", SILENCE])
    assert unknown.events == [("menu", 1), HANGUP]
    assert unknown.errors == 1  # one, not two
    assert walk(FRESH, keys=["5", "0", "1", "0", "#"]).events[-1] == ("connect", "5010")
    assert walk(FRESH, keys="50100").events == [("menu", 1)] * 2  # five digits are the most
    assert walk(FRESH, keys=["5", "*", "#"]).errors == 1
    assert walk(FRESH, keys="*").events == [("menu", 1), ("ask",)]  # no digit: an error, and the number is asked for
    assert walk(FRESH, keys=["*", SILENCE]).errors == 2


@pytest.mark.req("T42")
def test_four_undefined_keys() -> None:
    menu = a_menu(1, default=Action.REPEAT)
    found = walk(menu, keys="5555")
    assert found.events == [("menu", 1)] * 4 + [HANGUP]


def test_an_idle_caller_hears_the_menu_once_more_than_the_limit() -> None:
    assert walk(FRESH, keys=[SILENCE] * 4).events == [("menu", 1)] * 4 + [HANGUP]
    assert walk(FRESH, limit=0, keys=[SILENCE]).events == [("menu", 1), HANGUP]


def test_silence_is_an_error_where_the_caller_stays() -> None:
    for action, is_counted in ((Action.HANGUP, False), (Action.REDIRECT, False), (Action.DIAL_EXTENSION, False),
                               (Action.BACK, True), (Action.REPEAT, True)):
        target = GROUP if action is Action.REDIRECT else None
        assert walk(a_menu(1, Branch(TIMEOUT, action, target)), keys=[SILENCE]).errors == is_counted, action
    audio = walk(a_menu(1, Branch(TIMEOUT, Action.AUDIO, audio_id=6)), keys=[SILENCE])
    assert (audio.errors, audio.events) == (1, [("menu", 1), ("audio", 6), ("menu", 1)])


def test_a_defined_key_acts_at_once() -> None:
    menu = a_menu(1, Branch("5", Action.REDIRECT, GROUP))
    assert walk(menu, keys="5010").events == [("menu", 1), ("redirect", GROUP)]


def test_back_follows_the_path_that_was_taken() -> None:
    def places(keys: str) -> list[int]:
        return [event[1] for event in walk(*NESTED.menus, keys=keys).events]

    assert places("11*") == [1, 2, 4, 2]
    assert places("21**") == [1, 3, 4, 3, 1]
    assert places("*") == [1, 1]  # in the main menu it repeats it
    assert places("210*") == [1, 3, 4, 1, 1]  # back to one that was passed: the path ends there


def test_a_target_that_is_gone_is_an_error() -> None:
    gone = a_menu(1, Branch("1", Action.REDIRECT), Branch("2", Action.REDIRECT, GROUP))
    assert walk(gone, keys="1").events == [("menu", 1)] * 2
    assert walk(gone, keys="2", missing=(GROUP,)).errors == 1
    assert walk(gone, limit=0, keys="1").events == [("menu", 1), HANGUP]


@pytest.mark.req("IVR-61")
def test_errors_are_counted_over_all_menus() -> None:
    menus = (a_menu(1, to("1", 2), default=Action.REPEAT), a_menu(2, BACK, default=Action.REPEAT))
    found = walk(*menus, keys="717*77")
    assert found.is_over
    assert found.errors == 4


def test_deadlines() -> None:
    assert seconds_to_wait(10, None) == 10
    assert seconds_to_wait(10, 4_500) == 5.5  # counted from the start of the menu
    assert seconds_to_wait(10, 8_000) == 3
    assert seconds_to_wait(1, 60_000) == 3  # audio is never cut by the timer


def test_parameters_fit_the_action() -> None:
    for trigger, action, target, audio_id in (
            ("1", Action.AUDIO, None, None), ("1", Action.MENU, None, None), ("1", Action.HANGUP, None, 1),
            ("1", Action.HANGUP, GROUP, None), ("1", Action.REDIRECT, Destination(Kind.IVR, 2), None),
            ("11", Action.BACK, None, None)):
        with pytest.raises(ValueError, match=r"trigger|audio|menu|target"):
            Branch(trigger, action, target, audio_id)


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    count = draw(st.integers(1, 4))
    actions = st.one_of(
        st.sampled_from([Action.BACK, Action.DIAL_EXTENSION, Action.HANGUP, Action.REPEAT]).map(lambda a: (a, None)),
        st.integers(1, count).map(lambda number: (Action.MENU, number)))

    def branch(trigger: str) -> Branch:
        action, menu = draw(actions)
        return Branch(trigger, action, menu_id=menu)

    return Scenario(1, "S", tuple(
        a_menu(number, *map(branch, draw(st.sets(st.sampled_from((*KEYS[:4], DEFAULT, TIMEOUT)), max_size=6))))
        for number in range(1, count + 1)))


@given(scenario=scenarios(), keys=st.lists(st.sampled_from((*KEYS, SILENCE)), max_size=40), limit=st.integers(0, 3))
def test_every_walk_keeps_the_rules(scenario: Scenario, keys: list[str], limit: int) -> None:
    found = Walk(scenario, limit).take(keys)
    assert found.errors <= limit + 1
    assert (found.errors > limit) <= found.is_over
    assert sum(event[0] in ("hangup", "redirect", "connect") for event in found.events) == found.is_over
    assert found.events[0] == ("menu", scenario.main.id)
    if not found.is_over:  # nothing can go on for ever in silence, unless the caller is asked for a number each time
        quiet = Walk(scenario, limit).take(keys + [SILENCE] * 2 * (limit + 2))
        assert quiet.is_over
