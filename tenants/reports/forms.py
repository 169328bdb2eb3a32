"""What the address asks for, checked against what can be chosen [RPT-02…05]."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from app.kernel.errors import NotFound
from app.kernel.i18n import _
from app.web.lists import clean
from tenants.reports import kinds
from tenants.reports.choices import Choice
from tenants.reports.kinds import KINDS, Kind
from tenants.reports.line_queries import digits
from tenants.reports.period import DEFAULT_DAYS, Period, last_days, problem

ONE = {"operator": "operators", "group": "groups"}  # field with one value → what it is chosen from
MANY = ("operators", "groups", "lines")


@dataclass(frozen=True, slots=True)
class Wanted:
    """`chosen`: field → ids; `errors`: field → text for the reader."""

    kind: Kind
    first: date
    last: date
    chosen: Mapping[str, tuple[str, ...]]
    split: int = kinds.SPLITS[0]
    figure: str = kinds.CALLS
    qos: int = kinds.DEFAULT_QOS
    wait: int = kinds.DEFAULT_WAIT
    number: str = ""
    step: str = "day"
    errors: Mapping[str, str] = field(default_factory=dict)

    @property
    def fields(self) -> tuple[str, ...]:
        """Those that are shown: the QoS time belongs to the service level [RPT-34]."""
        hidden = self.kind.code == "group-hours" and self.figure != kinds.LEVEL
        return tuple(one for one in self.kind.fields if not (hidden and one == "qos"))

    def ids(self, name: str) -> list[int]:
        return [int(one) for one in self.chosen[name]]

    def one(self, name: str) -> int:
        return self.ids(name)[0]

    def period(self, zone: str, now: datetime) -> Period:
        return Period(self.first, self.last, zone, now.replace(microsecond=0))


Choices = Mapping[str, Sequence[Choice]]  # operators, groups, lines


def kind_of(params: Mapping[str, Any]) -> Kind:
    return KINDS.get(params.get("report") or "", KINDS["operator"])


def wanted(params: Any, choices: Choices, today: date, *, strict: bool) -> Wanted:
    """The request; what is left out has its default.

    Args:
        choices: of the fields of this report.
        strict: an id that cannot be chosen is an error; otherwise (the form of another report) it is left out.

    Raises:
        NotFound: an id that is nobody's here.
    """
    kind, errors = kind_of(params), dict[str, str]()
    first, last = _period(params, today, errors)
    chosen: dict[str, tuple[str, ...]] = {}
    for name in kind.fields:
        if name in MANY or name in ONE:
            chosen[name] = _ids(params, name, choices[ONE.get(name, name)], strict=strict)
            if not chosen[name]:
                errors[name] = _("Choose at least one.") if name in MANY else _("Choose one.")
    number = clean(params.get("number") or "")
    if number and not digits(number):
        errors["number"] = _("Enter a telephone number.")
    figure = params.get("figure") or kinds.CALLS
    step = params.get("step") or "day"
    split = _whole(params, "split", kinds.SPLITS[0], errors)
    found = Wanted(kind, first, last, chosen, split if split in kinds.SPLITS else kinds.SPLITS[0],
                   figure if figure in kinds.FIGURES else kinds.CALLS,
                   _whole(params, "qos", kinds.DEFAULT_QOS, errors), _whole(params, "wait", kinds.DEFAULT_WAIT, errors),
                   number, step if step in kinds.STEPS else "day")
    return Wanted(*(getattr(found, name) for name in Wanted.__dataclass_fields__ if name != "errors"),
                  errors={name: text for name, text in errors.items() if name in ("from", "to", *found.fields)})


def _period(params: Any, today: date, errors: dict[str, str]) -> tuple[date, date]:
    first, last = last_days(DEFAULT_DAYS, today)
    typed = [params.get(name) or "" for name in ("from", "to")]
    found = [_day(text) for text in typed]
    for name, text, day in zip(("from", "to"), typed, found, strict=True):
        if text and day is None:
            errors[name] = _("Enter a date.")
    if not errors and any(found):
        first, last = found[0] or min(first, found[1] or first), found[1] or max(last, found[0] or last)
        if wrong := problem(first, last):
            errors["to"] = wrong
    return first, last


def _day(text: str) -> date | None:
    """As the browser's field sends it, or DD.MM.YYYY."""
    for form in ("%Y-%m-%d", "%d.%m.%Y"):
        try:
            return datetime.strptime(text.strip(), form).date()  # noqa: DTZ007 - a day of the calendar
        except ValueError:
            continue
    return None


def _ids(params: Any, name: str, choices: Sequence[Choice], *, strict: bool) -> tuple[str, ...]:
    getall = getattr(params, "getall", None)
    sent = list(getall(name, [])) if getall else [params[name]] if params.get(name) else []
    sent = list(dict.fromkeys(one for one in sent if one))
    known = {one.id for one in choices}
    if strict and not known.issuperset(sent):
        raise NotFound("choice", _("There is no such operator, group or number."))
    found = tuple(one for one in sent if one in known)
    return found[:1] if name in ONE else found


def _whole(params: Any, name: str, default: int, errors: dict[str, str]) -> int:
    text = (params.get(name) or "").strip()
    if not text:
        return default
    if text.isascii() and text.isdigit() and len(text) < 6 and int(text) <= kinds.LONGEST_SECONDS:
        return int(text)
    errors[name] = _("A whole number from 0 to 3600.")
    return default
