"""The expression over a called SIP URI: read from a regular expression, asked here, written for the PBX [PRV-47].

What a tenant types is never run as a regular expression and never reaches the dialplan: it becomes a tree of sets over
the few characters of `sip:<dialled>@<domain>`, and only such sets are written out, as POSIX extended syntax.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]

from app.kernel.i18n import _

MAX_TYPED = 255
MAX_WRITTEN = 1500  # characters of the translation; a line of the dialplan has room for some 4,000
MAX_TIMES = 100
MAX_DEPTH = 20
SUBJECT = string.ascii_lowercase + string.digits + "*#+@:.-"
DIALLED = re.compile(r"[0-9*#+]{1,40}")
_CATEGORIES = {
    op.CATEGORY_DIGIT: frozenset(string.digits),
    op.CATEGORY_WORD: frozenset(string.ascii_lowercase + string.digits),
    op.CATEGORY_SPACE: frozenset[str](),
}
_NEGATED = {op.CATEGORY_NOT_DIGIT: op.CATEGORY_DIGIT, op.CATEGORY_NOT_WORD: op.CATEGORY_WORD,
            op.CATEGORY_NOT_SPACE: op.CATEGORY_SPACE}


class BadExpression(ValueError):
    """The text says to the reader what cannot be used."""


@dataclass(frozen=True, slots=True)
class Set:
    """One character of these; of none: no match."""

    chars: frozenset[str]

    def ends(self, text: str, starts: frozenset[int]) -> frozenset[int]:
        return frozenset(at + 1 for at in starts if at < len(text) and text[at] in self.chars)

    def written(self) -> str:
        if len(self.chars) == 1 and next(iter(self.chars)) not in "*+.":
            return next(iter(self.chars))
        return f"[{''.join(_ranges(self.chars))}]" if self.chars else "[0][^0-9a-z*#+@:.-]"


@dataclass(frozen=True, slots=True)
class Row:
    parts: tuple[Node, ...]

    def ends(self, text: str, starts: frozenset[int]) -> frozenset[int]:
        for part in self.parts:
            starts = part.ends(text, starts)
        return starts

    def written(self) -> str:
        return "".join(part.written() for part in self.parts)


@dataclass(frozen=True, slots=True)
class Choice:
    ways: tuple[Node, ...]

    def ends(self, text: str, starts: frozenset[int]) -> frozenset[int]:
        return frozenset().union(*(way.ends(text, starts) for way in self.ways))

    def written(self) -> str:
        ways = [way.written() for way in self.ways]
        some = "|".join(dict.fromkeys(way for way in ways if way))
        return f"({some})" + ("?" if "" in ways else "") if some else ""


@dataclass(frozen=True, slots=True)
class Times:
    """`most` None: any number."""

    part: Node
    least: int
    most: int | None

    def ends(self, text: str, starts: frozenset[int]) -> frozenset[int]:
        for _turn in range(self.least):
            starts = self.part.ends(text, starts)
        found, fresh, turn = starts, starts, self.least
        while fresh and (self.most is None or turn < self.most):
            fresh = self.part.ends(text, fresh) - found
            found, turn = found | fresh, turn + 1
        return found

    def written(self) -> str:
        one = self.part.written()
        if not one:
            return ""
        one = one if isinstance(self.part, Set) and self.part.chars else f"({one})"
        count = self.least if self.most is None else self.most
        if len(one) * max(count, 1) > MAX_WRITTEN:
            raise BadExpression(_("The expression is too long."))
        if self.most is None:
            return one * self.least + f"{one}*"
        return one * self.least + f"{one}?" * (self.most - self.least)


Node = Set | Row | Choice | Times


def _ranges(chars: frozenset[str]) -> Iterator[str]:
    """Letters and digits as ranges, then the marks; a hyphen stands last."""
    for alphabet in (string.digits, string.ascii_lowercase):
        start = 0
        while start < len(alphabet):
            end = start
            while end < len(alphabet) and alphabet[end] in chars:
                end += 1
            if end - start > 2:
                yield f"{alphabet[start]}-{alphabet[end - 1]}"
            else:
                yield alphabet[start:end]
            start = max(end, start + 1)
    yield "".join(one for one in "*#+@:.-" if one in chars)


@dataclass(frozen=True, slots=True)
class Expression:
    tree: Node

    def matches(self, dialled: str, domain: str) -> bool:
        """Whether the whole of `sip:<dialled>@<domain>` is described."""
        subject = f"sip:{dialled}@{domain.lower()}"
        return len(subject) in self.tree.ends(subject, frozenset({0}))

    @property
    def posix(self) -> str:
        """For `REGEX()` of the PBX: nothing in it but a-z 0-9 * # + @ : . - ( ) [ ] | ? ^ $."""
        return f"^({self.tree.written()})$"


@lru_cache(maxsize=4096)
def parse(text: str) -> Expression:
    """Raises BadExpression with a text for the reader."""
    if len(text) > MAX_TYPED:
        raise BadExpression(_("At most %(n)s characters.") % {"n": MAX_TYPED})
    try:
        parsed = _parser.parse(text)
    except (re.error, RecursionError, OverflowError) as wrong:
        raise BadExpression(_("This is not a regular expression: %(why)s.") % {"why": str(wrong)[:100]}) from None
    if parsed.state.flags & ~re.UNICODE:
        raise BadExpression(_("Flags cannot be used."))
    found = Expression(_row(list(parsed), MAX_DEPTH, is_first=True, is_last=True))
    if len(found.posix) > MAX_WRITTEN:
        raise BadExpression(_("The expression is too long."))
    return found


def _row(items: list[tuple], depth: int, *, is_first: bool = False, is_last: bool = False) -> Row:
    """Anchors say nothing where the whole string is compared anyway; elsewhere they are refused."""
    if depth < 0:
        raise BadExpression(_("Too many brackets inside each other."))
    if is_first and items and items[0] in ((op.AT, op.AT_BEGINNING), (op.AT, op.AT_BEGINNING_STRING)):
        items = items[1:]
    if is_last and items and items[-1] in ((op.AT, op.AT_END), (op.AT, op.AT_END_STRING)):
        items = items[:-1]
    alone = len(items) == 1
    return Row(tuple(_node(code, value, depth, is_first=is_first and alone, is_last=is_last and alone)
                     for code, value in items))


def _node(code: object, value: object, depth: int, *, is_first: bool, is_last: bool) -> Node:
    match code, value:
        case op.LITERAL, int(point):
            return Set(frozenset(chr(point)) & frozenset(SUBJECT))
        case op.NOT_LITERAL, int(point):
            return Set(frozenset(SUBJECT) - {chr(point)})
        case op.ANY, _any:
            return Set(frozenset(SUBJECT))
        case op.IN, list(members):
            return Set(_members(members))
        case op.BRANCH, (_none, list(ways)):
            return Choice(tuple(_row(list(way), depth - 1, is_first=is_first, is_last=is_last) for way in ways))
        case op.SUBPATTERN, (_group, 0, 0, inner):
            return Choice((_row(list(inner), depth - 1, is_first=is_first, is_last=is_last),))
        case (op.MAX_REPEAT | op.MIN_REPEAT), (least, most, inner):
            return _times(least, most, _row(list(inner), depth - 1))
    raise BadExpression(_("Only characters, sets, groups, choices and repetitions can be used."))


def _times(least: int, most: int, inner: Row) -> Times:
    endless = most == op.MAXREPEAT
    if least > MAX_TIMES or (not endless and most > MAX_TIMES):
        raise BadExpression(_("At most %(n)s repetitions.") % {"n": MAX_TIMES})
    part = inner.parts[0] if len(inner.parts) == 1 else inner
    return Times(part, int(least), None if endless else int(most))


def _members(members: list[tuple]) -> frozenset[str]:
    found: set[str] = set()
    is_negated = False
    for code, value in members:
        match code, value:
            case op.NEGATE, _none:
                is_negated = True
            case op.LITERAL, int(point):
                found.add(chr(point))
            case op.RANGE, (int(first), int(last)):
                found |= {one for one in SUBJECT if first <= ord(one) <= last}
            case op.CATEGORY, category if category in _CATEGORIES:
                found |= _CATEGORIES[category]
            case op.CATEGORY, category if category in _NEGATED:
                found |= frozenset(SUBJECT) - _CATEGORIES[_NEGATED[category]]
            case _:
                raise BadExpression(_("Only characters, sets, groups, choices and repetitions can be used."))
    known = frozenset(SUBJECT)
    return known - found if is_negated else known & found
