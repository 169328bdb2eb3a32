"""Values that the page patterns draw: states, costs, candidates, import rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from app.kernel.i18n import LazyText
from app.kernel.money import Money


@dataclass(frozen=True, slots=True)
class LiveState:
    """Whether what is saved is in force on the PBX. `url` answers with `macros/live.html`'s fragment."""

    status: Literal["applying", "live", "failed", "off"]
    at: datetime | None = None
    message: str = ""
    generation: int = 0


@dataclass(frozen=True, slots=True)
class Cost:
    """What a change costs, from the one price quote function. None means: no such part."""

    monthly: Money | None = None
    one_off: Money | None = None
    first_day: Money | None = None
    note: str = ""
    balance_after: Money | None = None
    first_label: str = ""  # what `first_day` is the fee for, where it is not one day


@dataclass(frozen=True, slots=True)
class Choice:
    """One line of the two-lists component."""

    id: int | str
    label: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class ImportRow:
    """One line of a file as understood. `errors`: column index → text; -1 for the whole line."""

    line: int
    cells: Sequence[str]
    errors: dict[int, str]


@dataclass(frozen=True, slots=True)
class Affected:
    """Something else that a destructive action touches."""

    label: str | LazyText
    names: Sequence[str]
    total: int = 0
    url: str = ""
