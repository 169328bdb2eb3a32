"""What a campaign, its clients and their calls are judged by [CMP-20, CMP-31, CMP-D3…D12]."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from app.kernel.i18n import LazyText, _, lazy

METHODS: dict[str, LazyText] = {"sequential": lazy("Sequential"), "parallel": lazy("Parallel")}
INITIAL, SUCCESS, NO_ANSWER, OWN = "initial", "success", "no_answer", "own"
STATUSES: dict[str, LazyText] = {
    INITIAL: lazy("Initial state"), SUCCESS: lazy("Successful call"), NO_ANSWER: lazy("No answer")}
ALWAYS = (SUCCESS, NO_ANSWER)  # cannot be deleted
ATTEMPT_SECONDS = 20
RETRY = timedelta(minutes=10)
ABSENCE = timedelta(minutes=5)  # of an operator until the client goes to others
MOST_NUMBERS = 5
MOST_CLIENTS = 50_000
LONGEST_NAME, LONGEST_CLIENT, LONGEST_NOTES, LONGEST_STATUS, LONGEST_URL = 100, 200, 4000, 50, 1024
COLUMNS = ("Имя", *(f"Номер {count}" for count in range(1, MOST_NUMBERS + 1)), "Примечания")  # of the template
_PUNCTUATION = re.compile(r"[\s()+\u2010-\u2015-]")
_DIGITS = re.compile(r"[0-9]{3,15}", re.ASCII)


def is_working(is_active: bool, starts_at: datetime, ends_at: datetime, now: datetime) -> bool:
    """[CMP-D3]"""
    return is_active and starts_at <= now <= ends_at


def number_of(typed: str) -> str:
    """Digits as they are stored: 8 and ten digits is the same number as 7 and them, 810 leads abroad.

    Raises:
        ValueError: not 3–15 digits.
    """
    digits = _PUNCTUATION.sub("", typed)
    if not _DIGITS.fullmatch(digits):
        raise ValueError(_("From 3 to 15 digits"))
    if "+" in typed:
        return digits
    if digits.startswith("810") and len(digits) > 11:
        return digits[3:]
    if len(digits) == 10:
        return f"7{digits}"
    return f"7{digits[1:]}" if len(digits) == 11 and digits[0] == "8" else digits


def dialled(number: str, country: str) -> str:
    """A stored number as a user of the domain would dial it."""
    if len(number) < 11 or (country in ("RU", "KZ") and len(number) == 11 and number[0] == "7"):
        return number
    return f"810{number}" if country in ("RU", "KZ") else f"+{number}"


def url_problem(url: str) -> str:
    """Why this cannot be the link to the campaign's information; "" when it can."""
    if not url:
        return ""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and url.isprintable() and " " not in url
    except ValueError:
        good = False
    return "" if good and len(url) <= LONGEST_URL else _("Enter an address that begins with https://")


# --- clients --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NewClient:
    name: str
    numbers: tuple[str, ...]
    notes: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of an uploaded file; `errors`: column → why it is refused."""

    line: int
    cells: tuple[str, ...]
    numbers: tuple[str, ...] = ()
    errors: dict[int, str] = field(default_factory=dict)

    def client(self) -> NewClient:
        return NewClient(self.cells[0], self.numbers, self.cells[-1])


def judged(rows: Sequence[tuple[str, ...]], taken: Collection[str]) -> list[Row]:
    """Every row by itself, by those before it and by the numbers that the campaign has [CMP-D6, CMP-D7]."""
    seen = set(taken)
    found = []
    for line, cells in enumerate(rows, 2):
        row = _row(line, cells, seen)
        seen.update(row.numbers)
        found.append(row)
    return found


def _row(line: int, cells: tuple[str, ...], seen: set[str]) -> Row:
    errors: dict[int, str] = {}
    numbers: list[str] = []
    if not cells[0]:
        errors[0] = _("Fill in this field.")
    elif len(cells[0]) > LONGEST_CLIENT:
        errors[0] = _("At most %(n)s characters.") % {"n": LONGEST_CLIENT}
    if len(cells[-1]) > LONGEST_NOTES:
        errors[len(cells) - 1] = _("At most %(n)s characters.") % {"n": LONGEST_NOTES}
    for column in range(1, MOST_NUMBERS + 1):
        if not cells[column]:
            if column == 1:
                errors[1] = _("Fill in this field.")
            continue
        try:
            number = number_of(cells[column])
        except ValueError as wrong:
            errors[column] = str(wrong)
            continue
        if number in seen or number in numbers:
            errors[column] = _("This number is in the list already.")
        numbers.append(number)
    return Row(line, cells, () if errors else tuple(numbers), errors)


# --- what a call means ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Outcome:
    """`was_tried`: the client was called; False: the operator's phone did not answer, or nothing could be dialled."""

    was_tried: bool
    is_answered: bool
    talk_seconds: int = 0


@dataclass(frozen=True, slots=True)
class After:
    """What the client is after a call. `stage` None: nobody has it any more."""

    stage: str | None
    status: str
    attempts: int
    next_attempt_at: datetime | None = None


def after_call(outcome: Outcome, *, before: int, limit: int, now: datetime) -> After:
    """[CMP-52, CMP-D10, CMP-D12]"""
    if not outcome.was_tried:
        return After("handed", INITIAL, before)
    made = before + 1
    if outcome.is_answered:
        return After("talked", INITIAL, made)
    if made >= limit:
        return After(None, NO_ANSWER, made)
    return After(None, INITIAL, made, now + RETRY)
