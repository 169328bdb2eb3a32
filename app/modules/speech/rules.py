"""What is measured in a conversation, from its segments: pure [SPA-D2]."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

USER, OTHER = 0, 1
_WORD = re.compile(r"[^\W_]+(?:-[^\W_]+)*")


@dataclass(frozen=True, slots=True)
class Segment:
    """What one side said without a break. `start`, `end`: seconds from the beginning of the recording."""

    speaker: int
    start: float
    end: float
    text: str

    def __post_init__(self) -> None:
        if self.speaker not in (USER, OTHER) or not 0 <= self.start <= self.end < math.inf:
            raise ValueError("segment")


@dataclass(frozen=True, slots=True)
class Criterion:
    """Fulfilled when one of `wanted` occurs (or none is asked for) and none of `unwanted` does."""

    id: int
    name: str
    weight: int
    wanted: tuple[str, ...]
    unwanted: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Measures:
    """Shares from 0 to 1: of the recording's time somebody spoke in, and of the speech that was the user's. An
    interruption: one side begins while the other speaks and does not stop within a second."""

    talk_share: float
    user_share: float
    interruptions: int
    words_per_minute: int


INTERRUPTION_SECONDS = 1.0


def measure(segments: Sequence[Segment], seconds: float) -> Measures:
    by_side = [[one for one in segments if one.speaker == side] for side in (USER, OTHER)]
    spoken = [_length([(one.start, one.end) for one in side]) for side in by_side]
    together = _length([(one.start, one.end) for one in segments])
    words = sum(len(words_of(one.text)) for one in by_side[USER])
    return Measures(
        min(1.0, together / seconds) if seconds > 0 else 0.0,
        spoken[USER] / (spoken[USER] + spoken[OTHER]) if spoken[USER] + spoken[OTHER] else 0.0,
        _interruptions(by_side[USER], by_side[OTHER]) + _interruptions(by_side[OTHER], by_side[USER]),
        round(words * 60 / spoken[USER]) if spoken[USER] else 0)


def _length(spans: Iterable[tuple[float, float]]) -> float:
    """Of the union of the spans."""
    total, reached = 0.0, 0.0
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total


def _interruptions(ones: Sequence[Segment], others: Sequence[Segment]) -> int:
    return sum(any(other.start < one.start and other.end >= one.start + INTERRUPTION_SECONDS for other in others)
               for one in ones)


def words_of(text: str) -> list[str]:
    """Lower-case words; ё is е, as most people write it."""
    return _WORD.findall(text.lower().replace("ё", "е"))


def occurs(phrase: str, words: str) -> bool:
    """Whole words in order; `words` is joined by single spaces with one at each end."""
    wanted = " ".join(words_of(phrase))
    return bool(wanted) and f" {wanted} " in words


def fulfilled(criteria: Sequence[Criterion], segments: Sequence[Segment]) -> list[int]:
    """Ids of the criteria that the conversation fulfils."""
    words = as_words(segments)
    return [one.id for one in criteria
            if (not one.wanted or any(occurs(phrase, words) for phrase in one.wanted))
            and not any(occurs(phrase, words) for phrase in one.unwanted)]


def as_words(segments: Sequence[Segment]) -> str:
    return f" {' '.join(word for one in segments for word in words_of(one.text))} "


def score(criteria: Sequence[Criterion], passed: Sequence[int]) -> int | None:
    """Sum of the weights fulfilled of all weights, in percent, half up; None without criteria."""
    total = sum(one.weight for one in criteria)
    got = sum(one.weight for one in criteria if one.id in passed)
    return (got * 200 + total) // (2 * total) if total else None
