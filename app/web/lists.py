"""What a list page was asked for (search, filters, order, offset), read safely from its address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Generic, TypeVar
from urllib.parse import parse_qs, urlencode, urlsplit

from litestar import Request

from app.kernel.i18n import LazyText, format_date
from app.kernel.sql import like_text

Row = TypeVar("Row")
PAGE_SIZE = 50
MAX_OFFSET = 1_000_000
MAX_TEXT = 200
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


Params = Mapping[str, Any]  # Litestar's query parameters, or a dict in tests


@dataclass(frozen=True, slots=True)
class Column:
    """One heading. `sort` is our own SQL expression, never the reader's text; None is not sortable."""

    key: str
    label: str | LazyText
    sort: str | None = None
    numeric: bool = False
    wide_only: bool = False  # hidden where the list is narrower than 860 px


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter kept in the address. `options`: value → label; without options any text (a date, a digit)."""

    key: str
    label: str | LazyText
    options: Mapping[str, str | LazyText] | None = None
    kind: str = "choice"  # choice | date | text
    unchosen: str | LazyText = ""  # what no choice means, where that is not "all"

    def accept(self, values: Sequence[str]) -> tuple[str, ...]:
        cleaned = (clean(value) for value in values)
        known = [value for value in cleaned if value and (self.options is None or value in self.options)]
        return tuple(dict.fromkeys(value for value in known if self.kind != "date" or _day(value)))

    def label_of(self, value: str) -> str | LazyText:
        day = _day(value) if self.kind == "date" else None
        if day:
            return format_date(day)
        return self.options[value] if self.options and value in self.options else value


def _day(text: str) -> date | None:
    """YYYY-MM-DD, as the browser's field has it."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if found.isoformat() == text else None


def clean(text: str) -> str:
    """Trimmed and cut, without characters that PostgreSQL refuses."""
    return text.replace("\x00", "").strip()[:MAX_TEXT]


@dataclass(frozen=True, slots=True)
class ListQuery:
    """`filters` holds only known keys with accepted values; `sort` is the key of a sortable column or ""."""

    columns: tuple[Column, ...]
    available: tuple[Filter, ...] = ()
    path: str = ""
    search: str = ""
    sort: str = ""
    descending: bool = False
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    offset: int = 0
    limit: int = PAGE_SIZE
    after: tuple[datetime, int] | None = None  # the last row that is there, of a list that goes by time
    part: str = "full"  # full | results | rows: how much of the list the browser asks for

    @classmethod
    def parse(cls, params: Params, *, columns: Sequence[Column], filters: Sequence[Filter] = (),
              default_sort: str = "", limit: int = PAGE_SIZE, path: str = "") -> ListQuery:
        """Unknown or broken parts of an address are left out: an old link still opens.

        `default_sort` is a column key, with "-" before it for descending.
        """
        sortable = {column.key for column in columns if column.sort}
        wish = (params.get("sort") or "").strip()
        if wish.removeprefix("-") not in sortable:
            wish = default_sort
        chosen = {known.key: known.accept(_all(params, known.key)) for known in filters}
        return cls(
            columns=tuple(columns), available=tuple(filters), path=path,
            search=clean(params.get("q") or ""),
            sort=wish.removeprefix("-"), descending=wish.startswith("-"),
            filters={key: values for key, values in chosen.items() if values},
            offset=_whole(params.get("offset")), limit=limit, after=read_cursor(params.get("after") or ""))

    @classmethod
    def of(cls, request: Request, *, columns: Sequence[Column], filters: Sequence[Filter] = (),
           default_sort: str = "", limit: int = PAGE_SIZE) -> ListQuery:
        """`parse` for a request; also tells which part of the page htmx wants."""
        query = cls.parse(request.query_params, columns=columns, filters=filters,
                          default_sort=default_sort, limit=limit, path=request.url.path)
        target = request.headers.get("hx-target", "")
        part = {"list-results": "results", "list-more": "rows"}.get(target, "full")
        return replace(query, part=part)

    def value(self, key: str) -> str:
        """The only (or first) value of a filter, "" when it is not set."""
        return self.filters.get(key, ("",))[0]

    def order_by(self, tie: str = "id") -> str:
        """Text for ORDER BY, made of our own expressions; `tie` makes paging stable."""
        expression = next((column.sort for column in self.columns if column.key == self.sort), None)
        if not expression:
            return tie
        direction = " DESC NULLS LAST" if self.descending else " ASC NULLS LAST"
        return f"{expression}{direction}, {tie}"

    def like(self) -> str | None:
        """Argument of ILIKE for a substring search, None without a search."""
        return like_text(self.search) if self.search else None

    def url(self, **changes: object) -> str:
        """This list's address with some parts changed: `q`, `sort`, `offset` or a filter key; None drops."""
        sort = f"-{self.sort}" if self.descending and self.sort else self.sort
        state: dict[str, object] = {"q": self.search, "sort": sort, **self.filters} | changes
        pairs: list[tuple[str, str]] = []
        for key, value in state.items():
            values = value if isinstance(value, (tuple, list)) else (value,)
            pairs += [(key, str(one)) for one in values if one not in (None, "", 0)]
        return f"{self.path}?{urlencode(pairs)}" if pairs else self.path

    def sort_url(self, column: Column) -> str:
        """A second click on a heading turns the order round."""
        turned = column.key == self.sort and not self.descending
        return self.url(sort=f"-{column.key}" if turned else column.key)

    @property
    def is_narrowed(self) -> bool:
        return bool(self.search or self.filters)

    def chips(self) -> list[tuple[str | LazyText, str | LazyText, str]]:
        """(filter label, value label, address without it) of every filter in force."""
        found = []
        for known in self.available:
            values = self.filters.get(known.key, ())
            for value in values:
                rest = tuple(one for one in values if one != value)
                found.append((known.label, known.label_of(value), self.url(**{known.key: rest})))
        return found


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Rows of one page and the true number of all that match."""

    rows: Sequence[Row]
    total: int
    query: ListQuery
    cursor: str = ""  # of the last row: what follows is asked by it, so that new rows above shift nothing

    @property
    def shown(self) -> int:
        return self.query.offset + len(self.rows)

    @property
    def next_offset(self) -> int | None:
        return self.shown if self.rows and self.shown < self.total else None

    @property
    def next_url(self) -> str:
        return self.query.url(offset=self.next_offset, after=self.cursor) if self.next_offset else ""


def cursor_after(at: datetime, number: int) -> str:
    """The value of `after` for what follows this row: microseconds and id."""
    return f"{(at - EPOCH) // timedelta(microseconds=1)}-{number}"


def read_cursor(text: str) -> tuple[datetime, int] | None:
    """Time and id of the row that `cursor_after` stood for; None for anything else."""
    at, _dash, number = text.partition("-")
    if not (at.isascii() and at.isdigit() and number.isascii() and number.isdigit() and len(at) < 18
            and len(number) < 19):
        return None
    return EPOCH + timedelta(microseconds=int(at)), int(number)


def _all(params: Params, key: str) -> list[str]:
    getall = getattr(params, "getall", None)
    if getall is not None:
        return list(getall(key, []))
    value = params.get(key)
    return [value] if value is not None else []


def ticked(params: Params) -> tuple[list[int], Params | None]:
    """Ids of the ticked rows of a list; with "select all", the parameters of the list that was looked at."""
    everything = params.get("all", "")
    if everything:
        return [], {key: values[0] for key, values in parse_qs(urlsplit(everything).query).items()}
    return [int(one) for one in _all(params, "ids") if one.isascii() and one.isdigit() and len(one) < 19], None


def _whole(text: str | None) -> int:
    if text and text.isascii() and text.isdigit() and len(text) <= 9:
        return min(int(text), MAX_OFFSET)
    return 0
