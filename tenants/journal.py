"""What the journals of one user, or of one group, share: calls with voicemail, and faxes.

Filters live in the form only: they never get into the page's address, so a reload shows everything [ACC-57, ACC-64].
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from litestar import Controller, Request, Response, get
from litestar.params import FromPath
from litestar.response import Template

from app.auth.permissions import Permission
from app.kernel import clock, i18n
from app.kernel.db import DomainTx, domain_transaction
from app.kernel.errors import InvalidFields, NotFound
from app.kernel.i18n import LazyText, _, lazy
from app.kernel.sql import like_text
from app.web.lists import clean, cursor_after, read_cursor
from app.web.shell import page
from tenants.calls.present import number_pattern, shown_number
from tenants.live import row_id
from tenants.users.tabs import CARD, OWN, tabs_of

Line = TypeVar("Line")
PAGE_SIZE = 50
FIELDS = ("period", "from", "to", "direction", "q")
QUICK_DAYS = {"today": 1, "7": 7, "30": 30, "45": 45}
QUICK: dict[str, LazyText] = {"today": lazy("Today"), "7": lazy("7 days"), "30": lazy("30 days"),
                              "45": lazy("45 days")}


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose journal, and on whose page: the person's own area or the administrator's view of a user or of a group.

    `column` names the owner in the journal's table; of a group `user_id` is the group's id.
    """

    user_id: int
    name: str
    base: str  # "/me", "/users/7" or "/groups/7"
    is_own: bool
    column: str = "user_id"

    @property
    def tabs(self) -> list[tuple[LazyText, str]]:
        return tabs_of(OWN if self.is_own else CARD, self.base)


async def owner_of_page(request: Request, tx: DomainTx, user_id: int | None) -> Owner:
    """None: the signed-in user, or in whose place somebody acts.

    Raises:
        NotFound: another domain's user, or somebody who is nobody in this domain.
    """
    is_own = user_id is None
    if user_id is None:
        number: int = request.user.actor.user_id
        if not number:
            raise NotFound("user", _("There is no such user"))
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
                  read_cursor(params.get("after") or ""))


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


# --- the rows ------------------------------------------------------------------------------------------

class OtherParty:
    """Of a line: `number` as recorded; `known_name` is "" for somebody unknown."""

    __slots__ = ()
    number: str
    known_name: str

    @property
    def shown(self) -> str:
        return shown_number(self.number)

    @property
    def name(self) -> str:
        """Of somebody unknown the number stands in both places [ACC-51]."""
        return self.known_name or self.shown


@dataclass(frozen=True, slots=True)
class Source(Generic[Line]):
    """A table with a journal's columns (domain_id, the owner's, is_incoming, number, name, other_user_id).

    Args:
        moment: the column that it goes by.
        columns: SQL over a row `j`, in the order of `line`'s fields; `{name}` is the other party's. Id first, then
            the moment.
    """

    table: str
    moment: str
    columns: str
    line: Callable[..., Line]


async def _where(tx: DomainTx, source: Source[Any], owner: Owner, wanted: Wanted) -> tuple[str, list[Any]]:
    args: list[Any] = [tx.domain_id, owner.user_id]
    parts = [f"j.domain_id = $1 AND j.{owner.column} = $2"]

    def add(condition: str, *values: object) -> None:
        for value in values:
            args.append(value)
            condition = condition.replace("?", f"${len(args)}", 1)
        parts.append(condition)

    if wanted.since:
        add(f"j.{source.moment} >= ?", wanted.since)
    if wanted.until:
        add(f"j.{source.moment} < ?", wanted.until)
    if wanted.direction:
        add("j.is_incoming = ?", wanted.direction == "in")
    if wanted.search:
        like = like_text(wanted.search)
        known = await known_as(tx, like, owner)
        add("(j.number ILIKE ? OR j.name ILIKE ? OR j.other_user_id = ANY(?::bigint[]) OR j.number = ANY(?::text[]))",
            number_pattern(wanted.search) or like, like, known.users, known.numbers)
    return " AND ".join(parts), args


async def total(tx: DomainTx, source: Source[Any], owner: Owner, wanted: Wanted) -> int:
    where, args = await _where(tx, source, owner, wanted)
    return await tx.fetchval(f"SELECT count(*) FROM {source.table} j WHERE {where}", *args)


async def lines(tx: DomainTx, source: Source[Line], owner: Owner, wanted: Wanted, *, limit: int | None) -> list[Line]:
    """Newest first; after `wanted.after` if it is given; all without a limit."""
    where, args = await _where(tx, source, owner, wanted)
    order = f"j.{source.moment} DESC, j.id DESC"
    if wanted.after:
        args += wanted.after
        where += f" AND (j.{source.moment}, j.id) < (${len(args) - 1}, ${len(args)})"
    joins, name = (OWN_NAME_JOINS, OWN_NAME) if owner.is_own else (NAME_JOINS, NAME)
    rows = await tx.fetch(
        f"SELECT {source.columns.format(name=name)} FROM (SELECT * FROM {source.table} j WHERE {where} "
        f"ORDER BY {order} LIMIT {limit or 'ALL'}) j {joins} ORDER BY {order}", *args)
    return [source.line(*row) for row in rows]


# --- the page ------------------------------------------------------------------------------------------

async def show(request: Request, user_id: int | None, source: Source[Any], template: str, path: str,
               **words: Any) -> Template:
    """The journal of the signed-in user (None) or of another one; see `show_of`."""
    return await show_of(request, lambda tx: owner_of_page(request, tx, user_id), source, template, path, **words)


async def show_of(request: Request, owner_of: Callable[[DomainTx], Awaitable[Owner]], source: Source[Any],
                  template: str, path: str, **words: Any) -> Template:
    """The page, what a search found, or the next rows; `path` follows the owner's own address."""
    now, zone, part = clock.now(), zone_of(request), part_of(request)
    wanted = wanted_of({} if part == "full" else request.query_params, now, zone)
    async with domain_transaction(request.user.actor) as tx:
        owner = await owner_of(tx)
        found = await lines(tx, source, owner, wanted, limit=PAGE_SIZE + 1)
        count = await total(tx, source, owner, wanted) if part != "rows" else 0
    shown = found[:PAGE_SIZE]
    cursor = ""
    if len(found) > len(shown):
        cursor = cursor_after(getattr(shown[-1], source.moment), shown[-1].id)
    return await page(
        request, template, owner=owner, part=part, rows=shown, total=count, url=f"{owner.base}{path}", cursor=cursor,
        asked=_asked(request) if part != "full" else "", quick=QUICK, quick_starts=quick_starts(now, zone),
        today=now.astimezone(zone).date().isoformat(), is_narrowed=wanted.is_narrowed, **words)


class _Journal(Controller):
    """`show` and `export` of the feature; a line and its file have routes of their own."""

    show: Callable[[Request, int | None], Awaitable[Template]]
    export: Callable[[Request, int | None], Awaitable[Response[bytes]]]


class OwnPages(_Journal):
    """In the own area: `path` is below /me."""

    opt = {"permission": Permission.PERSONAL}

    @get("/")
    async def list(self, request: Request) -> Template:
        return await self.show(request, None)

    @get("/export")
    async def as_file(self, request: Request) -> Response[bytes]:
        return await self.export(request, None)


class CardPages(_Journal):
    """On a user's page: `path` is below /users/{user_id:int}."""

    opt = {"permission": Permission.USERS_EDIT}

    @get("/")
    async def list(self, request: Request, user_id: FromPath[int]) -> Template:
        return await self.show(request, user_id)

    @get("/export")
    async def as_file(self, request: Request, user_id: FromPath[int]) -> Response[bytes]:
        return await self.export(request, user_id)


async def everything(request: Request, user_id: int | None, source: Source[Line]) -> list[Line]:
    """All rows that match, for a file [ACC-58, VM-13, FAX-12]."""
    wanted = wanted_of(request.query_params, clock.now(), zone_of(request))
    async with domain_transaction(request.user.actor) as tx:
        owner = await owner_of_page(request, tx, user_id)
        return await lines(tx, source, owner, wanted, limit=None)


def _asked(request: Request) -> str:
    """The form's values as part of an address, for what follows on the same filters."""
    return urlencode([(name, value) for name in FIELDS if (value := request.query_params.get(name))])
