"""Mass creation of contacts from a file [ABK-09…12]: read, preview, create what is right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from app.audit import history
from app.kernel.db import DomainTx
from app.kernel.errors import NotFound
from app.kernel.i18n import _
from app.kernel.tabular import NotATable, read_table
from tenants.directory import service
from tenants.directory.rules import (
    KINDS,
    MAX_NAME,
    OUTSIDE,
    Book,
    Number,
    WrongNumber,
    free_speed_dials,
    group_name_problem,
    is_login,
    speed_dial_problem,
    stored_number,
)
from tenants.directory.vcards import is_vcard, read_vcards
from tenants.users.rules import one_line, text_problem

# The names of the template's columns, as the manual prints them: a file's form, whatever language its reader has.
COLUMNS = ("Имя", "Группа", "Быстрый набор", "IP-телефон", "Рабочий телефон", "Мобильный телефон",
           "Домашний телефон", "Другой телефон")
NAME, GROUP, SPEED_DIAL, FIRST_NUMBER = 0, 1, 2, 3
MAX_ROWS = 5000
MAX_BYTES = 5 * 1024 * 1024
KEPT = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the file. `cells` as they stand in it; `errors`: column → why it is refused."""

    number: int
    cells: tuple[str, ...]
    numbers: tuple[Number, ...] = ()
    errors: dict[int, str] = field(default_factory=dict)

    @property
    def group(self) -> str:
        """"" for contacts outside groups."""
        name = one_line(self.cells[GROUP])
        return "" if name.lower() in OUTSIDE else name


@dataclass(frozen=True, slots=True)
class Known:
    """What the domain has already. `speed_dials`: digits → whose."""

    speed_dials: Mapping[str, str]
    logins: Collection[str]
    codes: Collection[str]


def read_contacts(content: bytes) -> list[tuple[str, ...]]:
    """Rows of eight cells.

    Raises:
        NotATable: another kind of file, no heading row, no data row, too many rows.
    """
    if is_vcard(content):
        rows = read_vcards(content, max_rows=MAX_ROWS)
    else:
        table = read_table(content, max_rows=MAX_ROWS + 1)
        if len(table) > MAX_ROWS + 1:
            raise NotATable(_("The file has more than %(rows)d rows.") % {"rows": MAX_ROWS})
        head = [one_line(cell).lower() for cell in table[0]] if table else []
        while head and not head[-1]:
            head.pop()
        if head != [name.lower() for name in COLUMNS]:
            raise NotATable(_("The first row must be the heading: %(names)s.") % {"names": " | ".join(COLUMNS)})
        rows = table[1:]
    if not rows:
        raise NotATable(_("The file has no contacts."))
    width = len(COLUMNS)
    return [tuple((*map(_storable, row[:width]), *[""] * (width - len(row)))) for row in rows]


def _storable(cell: str) -> str:
    """Without what no database takes: zero characters and halves of signs."""
    return cell.replace("\0", "").encode("utf-8", "ignore").decode()


def check_lines(rows: list[tuple[str, ...]], known: Known) -> list[Line]:
    """Every row judged by itself, by the others and by what the book has."""
    times = Counter(row[SPEED_DIAL] for row in rows if row[SPEED_DIAL])
    return [_line(number, row, times, known) for number, row in enumerate(rows, 1)]


def _line(number: int, cells: tuple[str, ...], times: Counter[str], known: Known) -> Line:
    errors = {NAME: text_problem(one_line(cells[NAME]), MAX_NAME, required=True)}
    group = one_line(cells[GROUP])
    if group and group.lower() not in OUTSIDE:
        errors[GROUP] = group_name_problem(group)
    if cells[SPEED_DIAL]:
        errors[SPEED_DIAL] = _speed_dial_error(cells[SPEED_DIAL], times, known)
    numbers: list[Number] = []
    for column, kind in enumerate(KINDS, FIRST_NUMBER):
        if not cells[column]:
            continue
        try:
            stored = stored_number(cells[column], kind)
            if is_login(stored) and stored not in known.logins:
                raise WrongNumber(service.unknown_login(stored[:64]))
            numbers.append(Number(kind, stored))
        except WrongNumber as bad:
            errors[column] = str(bad)
    if not any(cells[FIRST_NUMBER:]):
        errors[FIRST_NUMBER] = _("Enter at least one number")
    return Line(number, cells, tuple(numbers), {column: text for column, text in errors.items() if text})


def _speed_dial_error(digits: str, times: Counter[str], known: Known) -> str:
    if wrong := speed_dial_problem(digits, known.codes):
        return wrong
    if times[digits] > 1:
        return _("Value is not unique in the list")
    if digits in known.speed_dials:
        return _("%(digits)s is the speed dial of %(name)s") % {"digits": digits, "name": known.speed_dials[digits]}
    return ""


async def judged(tx: DomainTx, book: Book, rows: list[tuple[str, ...]]) -> list[Line]:
    """The rows against what the domain has now."""
    holders = {row["speed_dial"]: row["name"] for row in await tx.fetch(
        "SELECT speed_dial, name FROM contact WHERE domain_id = $1 AND owner_key = $2", tx.domain_id, book.key)}
    logins = await service.known_logins(tx, {row[FIRST_NUMBER].lower() for row in rows if row[FIRST_NUMBER]})
    return check_lines(rows, Known(holders, logins, await service.feature_codes(tx)))


async def keep(tx: DomainTx, file_name: str, rows: list[tuple[str, ...]]) -> int:
    """Until the reader says yes; what nobody confirmed goes."""
    await tx.execute("DELETE FROM contact_import WHERE domain_id = $1 AND (created_at < $2 OR created_by = $3)",
                     tx.domain_id, tx.now - KEPT, tx.actor.login)
    return await tx.fetchval(
        "INSERT INTO contact_import (domain_id, file_name, rows, created_by, created_at) VALUES ($1, $2, $3, $4, $5) "
        "RETURNING id", tx.domain_id, file_name, rows, tx.actor.login, tx.now)


async def create_ready(tx: DomainTx, book: Book, import_id: int) -> int:
    """Create the rows without errors, judged anew; returns how many.

    Raises:
        NotFound: created or thrown away already, or another person's.
    """
    row = await tx.fetchrow("DELETE FROM contact_import WHERE domain_id = $1 AND id = $2 AND created_by = $3 "
                            "RETURNING file_name, rows", tx.domain_id, import_id, tx.actor.login)
    if row is None:
        raise NotFound("import", _("This file was imported already, or the preview is too old. Choose it again."))
    await service.feature_codes(tx, lock=True)
    lines = await judged(tx, book, [tuple(cells) for cells in row["rows"]])
    ready = await _with_speed_dials(tx, book, [line for line in lines if not line.errors])
    group_ids = await _groups(tx, book, [line.group for line, _digits in ready])
    ids = {one["speed_dial"]: one["id"] for one in await tx.fetch(
        "INSERT INTO contact (domain_id, owner_id, name, group_id, speed_dial) SELECT $1, $2, x.name, x.group_id, "
        "x.digits FROM unnest($3::text[], $4::bigint[], $5::text[]) AS x (name, group_id, digits) "
        "RETURNING id, speed_dial", tx.domain_id, book.owner_id,
        [one_line(line.cells[NAME]) for line, _digits in ready],
        [group_ids.get(line.group.lower()) for line, _digits in ready], [digits for _line, digits in ready])}
    await service.keep_numbers(tx, [(ids[digits], line.numbers) for line, digits in ready])
    await history.record(tx, "contacts_imported", "contact", object_name=row["file_name"],
                         changes={"count": (None, len(ready)),
                                  "names": (None, ", ".join(one_line(line.cells[NAME]) for line, _d in ready)[:2000])})
    return len(ready)


async def _with_speed_dials(tx: DomainTx, book: Book, lines: list[Line]) -> list[tuple[Line, str]]:
    """Rows with their digits; those without one get the smallest that neither the book nor the file has."""
    taken = await service.taken_speed_dials(tx, book) | {line.cells[SPEED_DIAL] for line in lines}
    free = free_speed_dials(taken, await service.feature_codes(tx))
    found = [(line, line.cells[SPEED_DIAL] or next(free, "")) for line in lines]
    return [(line, digits) for line, digits in found if digits]


async def _groups(tx: DomainTx, book: Book, names: list[str]) -> dict[str, int]:
    """Name in small letters → id; groups that are not there yet are made."""
    wanted = {name.lower(): name for name in names if name}
    found = {row["key"]: row["id"] for row in await tx.fetch(
        "SELECT lower(name) AS key, id FROM contact_group WHERE domain_id = $1 AND owner_key = $2",
        tx.domain_id, book.key)}
    for key, name in wanted.items():
        if key not in found:
            found[key] = await service.create_group(tx, book, name)
    return found
