"""What a group may be called, dialled by and set to [GRP-15…19, GRP-28…30, GRP-43…45]."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from urllib.parse import urlsplit

from app.kernel.errors import InvalidFields
from app.kernel.i18n import _
from tenants.users.rules import email_problem, extension_problem, one_line, text_problem

MAX_NAME = 64
MAX_TOPIC = 100
MAX_TEXT = 255
MAX_URL = 1024
PRIORITIES = range(1, 1000)
DEFAULT_PRIORITY = 10
RING_SECONDS = range(5, 301)
ANSWER_SECONDS = range(5, 301)
WRAP_UP_SECONDS = range(3601)
TALK_SECONDS = range(3601)
QUEUE_SECONDS = range(30, 7201)  # or 0: no limit


class Algorithm(Enum):
    """How calls of a group are given out [GRP-18]."""

    NONE = "none"
    ALL = "all"
    RANDOM = "acd_random"
    LONGEST_IDLE = "acd_longest_idle"
    LEAST_OCCUPIED = "acd_least_occupied"

    @property
    def is_acd(self) -> bool:
        return self.value.startswith("acd_")


def algorithm_of(text: str) -> Algorithm:
    """Raises InvalidFields."""
    try:
        return Algorithm(text)
    except ValueError:
        said = _("Choose one of the listed values.")
        raise InvalidFields("invalid_fields", said, fields={"algorithm": said}) from None


@dataclass(frozen=True, slots=True)
class NewGroup:
    """`extension` "": reached only through routing rules, scenarios and the like [GRP-17]."""

    name: str
    extension: str = ""
    algorithm: Algorithm = Algorithm.NONE
    members: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Workplace:
    """Settings of the operators' workplace: kept, and used, for ACD algorithms [GRP-45, GRP-48]."""

    greeting_text: str = ""
    answer_seconds: int = 20
    wrap_up_seconds: int = 0
    average_talk_seconds: int = 0
    queue_limit_seconds: int = 0
    external_url: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """Tab "Main": saved together [GRP-43]. `ring_seconds` of the algorithm "all" [GRP-36]."""

    name: str
    extension: str = ""
    algorithm: Algorithm = Algorithm.NONE
    email: str = ""
    ring_seconds: int = 30
    workplace: Workplace = field(default_factory=Workplace)


def check_new(new: NewGroup, *, pickup_number: str, has_contact_centre: bool) -> NewGroup:
    """In its stored form. Raises InvalidFields: names every wrong field."""
    cleaned = replace(new, name=one_line(new.name), extension=new.extension.strip())
    _refuse(_common(cleaned.name, cleaned.extension, pickup_number)
            | _algorithm(cleaned.algorithm, has_contact_centre))
    return cleaned


def check_settings(wanted: Settings, *, pickup_number: str, has_contact_centre: bool) -> Settings:
    """In its stored form. Raises InvalidFields: names every wrong field."""
    place = wanted.workplace
    cleaned = replace(wanted, name=one_line(wanted.name), extension=wanted.extension.strip(),
                      email=wanted.email.strip(), workplace=replace(
                          place, greeting_text=one_line(place.greeting_text), external_url=place.external_url.strip()))
    place = cleaned.workplace
    wrong = _common(cleaned.name, cleaned.extension, pickup_number) | _algorithm(cleaned.algorithm, has_contact_centre)
    limit = place.queue_limit_seconds
    found = {
        "email": email_problem(cleaned.email),
        "ring_seconds": _outside(cleaned.ring_seconds, RING_SECONDS),
        "greeting_text": text_problem(place.greeting_text, MAX_TEXT),
        "answer_seconds": _outside(place.answer_seconds, ANSWER_SECONDS),
        "wrap_up_seconds": _outside(place.wrap_up_seconds, WRAP_UP_SECONDS),
        "average_talk_seconds": _outside(place.average_talk_seconds, TALK_SECONDS),
        "queue_limit_seconds": _outside(limit, QUEUE_SECONDS) and _("0 or from 30 to 7200") if limit else "",
        "external_url": url_problem(place.external_url),
    }
    _refuse(wrong | {name: problem for name, problem in found.items() if problem})
    return cleaned


def topic_name(text: str) -> str:
    """Raises InvalidFields [GRP-47]."""
    name = one_line(text)
    _refuse({"name": problem} if (problem := text_problem(name, MAX_TOPIC, required=True)) else {})
    return name


def check_priority(priority: int) -> int:
    """Raises InvalidFields [GRP-30]."""
    _refuse({"priority": problem} if (problem := _outside(priority, PRIORITIES)) else {})
    return priority


def url_problem(url: str) -> str:
    """Why this cannot be opened in the operator's workplace [GRP-45, GRP-46]. Placeholders stand in braces."""
    if not url:
        return ""
    if len(url) > MAX_URL:
        return _("At most %(count)s characters") % {"count": MAX_URL}
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        is_address = False
    if not is_address or any(one.isspace() or not one.isprintable() for one in url):
        return _("Enter an address like https://crm.example/card?number={caller}")
    return ""


def _common(name: str, extension: str, pickup_number: str) -> dict[str, str]:
    found = {"name": text_problem(name, MAX_NAME, required=True),
             "extension": extension_problem(extension, pickup_number) if extension else ""}
    return {field_name: problem for field_name, problem in found.items() if problem}


def _algorithm(algorithm: Algorithm, has_contact_centre: bool) -> dict[str, str]:
    if algorithm.is_acd and not has_contact_centre:
        return {"algorithm": _("This algorithm needs the service “Virtual Contact Centre”.")}
    return {}


def _outside(value: int, allowed: range) -> str:
    if value in allowed:
        return ""
    return _("From %(first)s to %(last)s") % {"first": allowed[0], "last": allowed[-1]}


def _refuse(wrong: dict[str, str]) -> None:
    if wrong:
        raise InvalidFields("invalid_fields", _("Check the highlighted fields."), fields=wrong)
