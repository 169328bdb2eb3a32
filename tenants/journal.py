"""What the journals of one user share: calls with voicemail, and faxes; in the own area and on the user's page.

Filters live in the form only: they never get into the page's address, so a reload shows everything [ACC-57, ACC-64].
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from litestar import Request

from app.kernel import i18n
from app.kernel.actors import ActorKind
from app.kernel.db import DomainTx
from app.kernel.errors import InvalidFields, NotFound
from app.kernel.i18n import LazyText, _, lazy
from app.web.lists import clean
from tenants.live import row_id
from tenants.users.tabs import CARD, OWN, tabs_of

PAGE_SIZE = 50
QUICK_DAYS = {"today": 1, "7": 7, "30": 30, "45": 45}
QUICK: dict[str, LazyText] = {"today": lazy("Today"), "7": lazy("7 days"), "30": lazy("30 days"),
                              "45": lazy("45 days")}


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose journal, and on whose page: the person's own area or the administrator's view of a user."""

    user_id: int
    name: str
    base: str  # "/me" or "/users/7"
    is_own: bool

    @property
    def tabs(self) -> list[tuple[LazyText, str]]:
        return tabs_of(OWN if self.is_own else CARD, self.base)


async def owner_of_page(request: Request, tx: DomainTx, user_id: int | None) -> Owner:
    """None: the signed-in user. Raises NotFound for another domain's user, and for who is nobody in this domain."""
    is_own = user_id is None
    if user_id is None:
        actor = request.user.actor
        if actor.kind is not ActorKind.DOMAIN_USER:
            raise NotFound("user", _("There is no such user"))
        number: int = actor.id
    else:
        number = row_id(user_id)
    name = await tx.fetchval("SELECT display_name FROM domain_user WHERE domain_id = $1 AND id = $2", tx.domain_id,
                             number)
    if name is None:
        raise NotFound("user", _("There is no such user"))
    return Owner(number, name, "/me" if is_own else f"/users/{number}", is_own)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the form asks for; `since` inclusive, `until` exclusive; `after`: the last row that is on the page."""

    since: datetime | None = None
    until: datetime | None = None
    direction: str = ""  # in | out
    search: str = ""
    after: tuple[datetime, int] | None = None

    @property
    def is_narrowed(self) -> bool:
        return bool(self.since or self.until or self.direction or self.search)


def wanted_of(params: Mapping[str, Any], now: datetime, zone: ZoneInfo) -> Wanted:
    """Read the form. Unknown choices are no choice.

    Raises:
        InvalidFields: a date that is none, or "from" after "to".
    """
    direction = params.get("direction") or ""
    since, until = period_of(params, now, zone)
    return Wanted(since, until, direction if direction in ("in", "out") else "", clean(params.get("q") or ""),
                  _cursor(params.get("after") or ""))


def period_of(params: Mapping[str, Any], now: datetime, zone: ZoneInfo) -> tuple[datetime | None, datetime | None]:
    """"N days": from 00:00 of the day N−1 days ago until now [ACC-D14]; both ends of own dates are whole days."""
    days = QUICK_DAYS.get(params.get("period") or "")
    if days is not None:
        return datetime.combine(now.astimezone(zone).date() - timedelta(days=days - 1), time(), zone), None
    first, last = _date(params, "from"), _date(params, "to")
    if first and last and first > last:
        text = _("The end lies before the beginning.")
        raise InvalidFields("period", text, fields={"to": text})
    return (datetime.combine(first, time(), zone) if first else None,
            datetime.combine(last + timedelta(days=1), time(), zone) if last else None)


def _date(params: Mapping[str, Any], name: str) -> date | None:
    text = (params.get(name) or "").strip()
    if not text:
        return None
    try:
        found = date.fromisoformat(text)
        if not 1970 <= found.year <= 2200:
            raise ValueError(text)
    except ValueError:
        said = _("Enter a date.")
        raise InvalidFields("period", said, fields={name: said}) from None
    return found


def _cursor(text: str) -> tuple[datetime, int] | None:
    at, _dash, number = text.partition("-")
    if not (at.isascii() and at.isdigit() and number.isascii() and number.isdigit() and len(at) < 18
            and len(number) < 19):
        return None
    return datetime.fromtimestamp(0, ZoneInfo("UTC")) + timedelta(microseconds=int(at)), int(number)


def cursor_after(at: datetime, number: int) -> str:
    """The value of `after` for what follows this row."""
    return f"{(at - datetime.fromtimestamp(0, ZoneInfo('UTC'))) // timedelta(microseconds=1)}-{number}"


def part_of(request: Request) -> str:
    """full | results | rows: what the browser asks for; only the form's own requests carry filters."""
    return {"journal-results": "results", "journal-more": "rows"}.get(request.headers.get("hx-target", ""), "full")


def zone_of(request: Request) -> ZoneInfo:
    return ZoneInfo(request.user.timezone)


def quick_starts(now: datetime, zone: ZoneInfo) -> dict[str, str]:
    """Choice → its first day, which the form writes into its date fields."""
    today = now.astimezone(zone).date()
    return {key: (today - timedelta(days=days - 1)).isoformat() for key, days in QUICK_DAYS.items()}


def short_time(moment: datetime) -> str:
    """`DD.MM.YY HH:MM` in the reader's zone [ACC-51, VM-03]."""
    return moment.astimezone(i18n.zone()).strftime("%d.%m.%y %H:%M")


def long_time(moment: datetime) -> str:
    """`dd.mm.yyyy HH:MM` in the reader's zone [FAX-02]."""
    return moment.astimezone(i18n.zone()).strftime("%d.%m.%Y %H:%M")


# --- names of the other party ------------------------------------------------------------------------

def _book(alias: str, owner: str) -> str:
    return ("LEFT JOIN LATERAL (SELECT c.name FROM contact_number n JOIN contact c ON c.domain_id = n.domain_id "
            f"AND c.id = n.contact_id WHERE n.domain_id = j.domain_id AND n.number = as_in_books(j.number) "
            f"AND c.owner_key = {owner} ORDER BY c.id LIMIT 1) {alias} ON j.number <> ''")


# For a row `j` of a journal (domain_id, user_id, number, name, other_user_id): users, the company's book, the
# snapshot; in the own area one's personal book first [VM-05].
NAME_JOINS = ("LEFT JOIN domain_user o ON o.domain_id = j.domain_id AND o.id = j.other_user_id "
              + _book("company", "0"))
OWN_NAME_JOINS = NAME_JOINS + " " + _book("personal", "j.user_id")
NAME = "coalesce(o.display_name, company.name, j.name)"
OWN_NAME = "coalesce(personal.name, o.display_name, company.name, j.name)"


@dataclass(frozen=True, slots=True)
class Known:
    """Whose names match a search: users by id, contacts by the forms in which calls may have their numbers."""

    users: list[int]
    numbers: list[str]


async def known_as(tx: DomainTx, like: str, owner: Owner) -> Known:
    users = await tx.fetch("SELECT id FROM domain_user WHERE domain_id = $1 AND display_name ILIKE $2", tx.domain_id,
                           like)
    numbers = await tx.fetch(
        "SELECT DISTINCT n.number FROM contact c JOIN contact_number n ON n.domain_id = c.domain_id "
        "AND n.contact_id = c.id WHERE c.domain_id = $1 AND c.owner_key = ANY($3::bigint[]) AND c.name ILIKE $2",
        tx.domain_id, like, [0, owner.user_id] if owner.is_own else [0])
    found: list[str] = []
    for row in numbers:
        number: str = row["number"]
        found.append(number)
        if number.startswith("+"):
            found.append(number[1:])
        if number.startswith("+7"):
            found += ["8" + number[2:], number[2:]]
    return Known([row["id"] for row in users], found)
