"""What is measured in a conversation, and how it is scored [SPA-D2]."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.modules.speech.rules import Criterion, Segment, fulfilled, measure, score

TALK = [Segment(0, 0, 4, "Добрый день, компания Ромашка"), Segment(1, 3, 6, "Здравствуйте, я по заказу"),
        Segment(0, 10, 16, "Ваш заказ ещё не готов, перезвоним вам в четверг")]


def criterion(number: int, weight: int, wanted: str = "", unwanted: str = "") -> Criterion:
    return Criterion(number, f"c{number}", weight, tuple(filter(None, [wanted])), tuple(filter(None, [unwanted])))


def test_measures() -> None:
    found = measure(TALK, 20)
    assert found.talk_share == pytest.approx(12 / 20)  # 0–6 and 10–16
    assert found.user_share == pytest.approx(10 / 13)
    assert found.interruptions == 1  # the other party begins while the user speaks on for a second
    assert found.words_per_minute == 78  # 13 words in 10 seconds


def test_an_empty_conversation() -> None:
    found = measure([], 5)
    assert (found.talk_share, found.user_share, found.interruptions, found.words_per_minute) == (0, 0, 0, 0)
    assert measure([Segment(1, 0, 1, "да")], 0).talk_share == 0


def test_criteria_look_at_whole_words_of_both_sides() -> None:
    criteria = [criterion(1, 3, "добрый день"), criterion(2, 1, unwanted="еще не готов"), criterion(3, 2, "заказ"),
                criterion(4, 2, "каз"), criterion(5, 2, "заказу", "ромашки")]
    passed = fulfilled(criteria, TALK)
    assert passed == [1, 3, 5]  # ё is е; a part of a word is no word
    assert score(criteria, passed) == 70
    assert score([], []) is None


@given(st.lists(st.tuples(st.integers(1, 100), st.booleans()), min_size=1, max_size=10))
def test_a_score_is_a_rounded_share(parts: list[tuple[int, bool]]) -> None:
    criteria = [criterion(number, weight, "a") for number, (weight, _passed) in enumerate(parts)]
    passed = [number for number, (_weight, is_passed) in enumerate(parts) if is_passed]
    total, got = sum(weight for weight, _ in parts), sum(weight for weight, ok in parts if ok)
    found = score(criteria, passed)
    assert found is not None
    assert abs(found - got * 100 / total) <= 0.5


@pytest.mark.parametrize("wrong", [(2, 0, 1), (0, 2, 1), (0, -1, 1)])
def test_a_segment_makes_sense(wrong: tuple[int, float, float]) -> None:
    with pytest.raises(ValueError, match="segment"):
        Segment(*wrong, "x")
