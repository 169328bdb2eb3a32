"""The call list of a campaign: added, changed, imported, removed, returned, cleared [CMP-42…45, CMP-D6…D13]."""

from __future__ import annotations

import io
from collections.abc import Collection, Sequence
from datetime import timedelta

import xlsxwriter
from asyncpg import UniqueViolationError

from app.audit import history
from app.kernel.db import DomainTx
from app.kernel.errors import InvalidFields, NotFound, Refused
from app.kernel.i18n import _
from app.kernel.tabular import NotATable, read_table
from app.modules.campaigns import queries
from app.modules.campaigns.rules import (
    COLUMNS,
    LONGEST_CLIENT,
    LONGEST_NOTES,
    MOST_CLIENTS,
    MOST_NUMBERS,
    NewClient,
    Row,
    judged,
    number_of,
)
from app.modules.campaigns.service import OBJECT, require
from tenants.users.rules import one_line, text_problem

KEPT = timedelta(hours=1)


def typed_client(name: str, numbers: Collection[str], notes: str) -> NewClient:
    """What a person has typed. Raises InvalidFields with every wrong field."""
    name = one_line(name)
    wrong = {"name": text_problem(name, LONGEST_CLIENT, required=True)}
    if len(notes) > LONGEST_NOTES:
        wrong["notes"] = _("At most %(n)s characters.") % {"n": LONGEST_NOTES}
    found: list[str] = []
    for typed in filter(None, (one.strip() for one in numbers)):
        try:
            found.append(number_of(typed))
        except ValueError as problem:
            wrong["numbers"] = f"{typed[:30]}: {problem}"
    if not found and "numbers" not in wrong:
        wrong["numbers"] = _("Enter at least one number")
    elif len(set(found)) < len(found):
        wrong["numbers"] = _("The same number stands there twice.")
    elif len(found) > MOST_NUMBERS:
        wrong["numbers"] = _("At most %(n)s numbers.") % {"n": MOST_NUMBERS}
    wrong = {field: text for field, text in wrong.items() if text}
    if wrong:
        raise InvalidFields("invalid_fields", _("Check the highlighted fields."), fields=wrong)
    return NewClient(name, tuple(found), notes)


async def add(tx: DomainTx, campaign_id: int, wanted: NewClient) -> int:
    """Raises InvalidFields: a number that the campaign has already [CMP-D7]. NotFound, Forbidden."""
    await require(tx)
    campaign = await queries.campaign(tx, campaign_id, lock=True)
    await _check_room(tx, campaign_id, 1)
    client_id = await _insert(tx, campaign_id, wanted)
    await history.record(tx, "campaign_client_added", OBJECT, object_id=campaign_id,
                         object_name=f"{campaign.name}: {wanted.name}")
    return client_id


async def _insert(tx: DomainTx, campaign_id: int, wanted: NewClient) -> int:
    client_id = await tx.fetchval(
        "INSERT INTO campaign_client (domain_id, campaign_id, name, notes, place) "
        "VALUES ($1, $2, $3, $4, nextval('campaign_place')) RETURNING id", tx.domain_id, campaign_id, wanted.name,
        wanted.notes)
    await _put_numbers(tx, campaign_id, client_id, wanted.numbers)
    return client_id


async def _put_numbers(tx: DomainTx, campaign_id: int, client_id: int, numbers: Sequence[str]) -> None:
    try:
        async with tx.savepoint():
            await tx.execute(
                "INSERT INTO campaign_number (domain_id, client_id, campaign_id, number, position) "
                "SELECT $1, $2, $3, x.number, x.place FROM unnest($4::text[]) WITH ORDINALITY AS x (number, place)",
                tx.domain_id, client_id, campaign_id, list(numbers))
    except UniqueViolationError as taken:
        known = sorted(await queries.taken_numbers(tx, campaign_id, numbers))
        text = _("In the list already: %(numbers)s") % {"numbers": ", ".join(known)}
        raise InvalidFields("taken", text, fields={"numbers": text}) from taken


async def change(tx: DomainTx, campaign_id: int, client_id: int, wanted: NewClient) -> None:
    """Raises InvalidFields. Refused: an operator has the client at the moment [CMP-D13]."""
    campaign, before = await _free(tx, campaign_id, client_id)
    await tx.execute("UPDATE campaign_client SET name = $3, notes = $4 WHERE domain_id = $1 AND id = $2", tx.domain_id,
                     client_id, wanted.name, wanted.notes)
    if wanted.numbers != before.numbers:
        await tx.execute("DELETE FROM campaign_number WHERE domain_id = $1 AND client_id = $2", tx.domain_id, client_id)
        await _put_numbers(tx, campaign_id, client_id, wanted.numbers)
    changes = {"name": (before.name, wanted.name), "campaign_notes": (before.notes, wanted.notes),
               "numbers": (", ".join(before.numbers), ", ".join(wanted.numbers))}
    if any(old != new for old, new in changes.values()):
        await history.record(tx, "campaign_client_changed", OBJECT, object_id=campaign_id,
                             object_name=f"{campaign.name}: {wanted.name}", changes=changes)


async def remove(tx: DomainTx, campaign_id: int, client_id: int) -> None:
    campaign, before = await _free(tx, campaign_id, client_id)
    await tx.execute("DELETE FROM campaign_client WHERE domain_id = $1 AND id = $2", tx.domain_id, client_id)
    await history.record(tx, "campaign_client_removed", OBJECT, object_id=campaign_id,
                         object_name=f"{campaign.name}: {before.name}")


async def restart(tx: DomainTx, campaign_id: int, client_id: int) -> None:
    """Back to the initial state: no attempts, offered again [CMP-D13]."""
    campaign, before = await _free(tx, campaign_id, client_id)
    await tx.execute("UPDATE campaign_client SET status = 'initial', status_text = '', attempts = 0, "
                     "next_attempt_at = NULL WHERE domain_id = $1 AND id = $2", tx.domain_id, client_id)
    await history.record(tx, "campaign_client_returned", OBJECT, object_id=campaign_id,
                         object_name=f"{campaign.name}: {before.name}",
                         changes={"campaign_status": (str(before.status_label), str(_("Initial state"))),
                                  "campaign_attempts": (before.attempts, 0)})


async def clear(tx: DomainTx, campaign_id: int) -> int:
    """All clients and numbers; how many clients. Raises Refused: the campaign is active [CMP-D9]."""
    campaign = await queries.campaign(tx, campaign_id, lock=True)
    if campaign.is_active:
        raise Refused("active", _("The list can be cleared while the campaign is switched off."))
    holder = await tx.fetchval("SELECT held_name FROM campaign_client WHERE domain_id = $1 AND campaign_id = $2 "
                               "AND stage IN ('calling', 'talked') LIMIT 1", tx.domain_id, campaign_id)
    if holder:
        raise _held(holder)
    done = await tx.execute("DELETE FROM campaign_client WHERE domain_id = $1 AND campaign_id = $2", tx.domain_id,
                            campaign_id)
    count = int(done.rpartition(" ")[2])
    if count:
        await history.record(tx, "campaign_cleared", OBJECT, object_id=campaign_id, object_name=campaign.name,
                             changes={"count": (count, 0)})
    return count


async def _free(tx: DomainTx, campaign_id: int, client_id: int) -> tuple[queries.Campaign, queries.Client]:
    await require(tx)
    campaign = await queries.campaign(tx, campaign_id, lock=True)
    found = await queries.client(tx, campaign_id, client_id, lock=True)
    if found.held_name:
        raise _held(found.held_name)
    return campaign, found


def _held(name: str) -> Refused:
    return Refused("held", _("The operator %(name)s has this client at the moment.") % {"name": name})


async def _check_room(tx: DomainTx, campaign_id: int, more: int) -> None:
    total, _called = await queries.totals(tx, campaign_id)
    if total + more > MOST_CLIENTS:
        text = _("A campaign may have at most %(n)s clients.") % {"n": MOST_CLIENTS}
        raise InvalidFields("too_many", text, fields={"file": text, "name": text})


# --- files ----------------------------------------------------------------------------------------------


def template() -> bytes:
    """The workbook to be filled in [CMP-43]."""
    target = io.BytesIO()
    book = xlsxwriter.Workbook(target)
    sheet = book.add_worksheet()
    text = book.add_format({"num_format": "@"})
    sheet.set_column(0, len(COLUMNS) - 1, 20, text)
    sheet.write_row(0, 0, COLUMNS, book.add_format({"bold": True}))
    book.close()
    return target.getvalue()


def read_clients(content: bytes) -> list[tuple[str, ...]]:
    """Rows of as many cells as the template has. Raises NotATable."""
    table = read_table(content, max_rows=MOST_CLIENTS + 1)
    head = [one_line(cell).lower() for cell in table[0]] if table else []
    while head and not head[-1]:
        head.pop()
    if head != [name.lower() for name in COLUMNS]:
        raise NotATable(_("The first row must be the heading: %(names)s.") % {"names": " | ".join(COLUMNS)})
    if len(table) < 2:
        raise NotATable(_("The file has no clients."))
    width = len(COLUMNS)
    return [tuple((*map(_storable, row[:width]), *[""] * (width - len(row)))) for row in table[1:]]


def _storable(cell: str) -> str:
    return cell.replace("\0", "").encode("utf-8", "ignore").decode().strip()


async def preview(tx: DomainTx, campaign_id: int, rows: list[tuple[str, ...]]) -> tuple[int, list[Row]]:
    """Keep the file until it is confirmed; its number, and its rows as they are judged now."""
    await require(tx)
    await queries.campaign(tx, campaign_id)
    await tx.execute("DELETE FROM campaign_import WHERE domain_id = $1 AND (created_at < $2 OR created_by = $3)",
                     tx.domain_id, tx.now - KEPT, tx.actor.login)
    import_id = await tx.fetchval(
        "INSERT INTO campaign_import (domain_id, campaign_id, rows, created_by, created_at) "
        "VALUES ($1, $2, $3, $4, $5) RETURNING id", tx.domain_id, campaign_id, rows, tx.actor.login, tx.now)
    return import_id, judged(rows, await queries.taken_numbers(tx, campaign_id))


async def create_ready(tx: DomainTx, campaign_id: int, import_id: int) -> int:
    """Create the good rows, judged anew; how many [CMP-D6]. Raises NotFound: confirmed or thrown away already."""
    await require(tx)
    campaign = await queries.campaign(tx, campaign_id, lock=True)
    kept = await tx.fetchval("DELETE FROM campaign_import WHERE domain_id = $1 AND campaign_id = $2 AND id = $3 "
                             "AND created_by = $4 RETURNING rows", tx.domain_id, campaign_id, import_id, tx.actor.login)
    if kept is None:
        raise NotFound("import", _("This file was imported already, or the preview is too old. Choose it again."))
    rows = judged([tuple(cells) for cells in kept], await queries.taken_numbers(tx, campaign_id))
    good = [row.client() for row in rows if not row.errors]
    await _check_room(tx, campaign_id, len(good))
    ids = [row["id"] for row in await tx.fetch(
        "INSERT INTO campaign_client (domain_id, campaign_id, name, notes, place) SELECT $1, $2, x.name, x.notes, "
        "nextval('campaign_place') FROM unnest($3::text[], $4::text[]) WITH ORDINALITY AS x (name, notes, at) "
        "ORDER BY x.at RETURNING id", tx.domain_id, campaign_id, [one.name for one in good],
        [one.notes for one in good])]
    numbers = [(tx.domain_id, client_id, campaign_id, number, position)
               for client_id, one in zip(sorted(ids), good, strict=True)
               for position, number in enumerate(one.numbers, 1)]
    await tx.executemany("INSERT INTO campaign_number (domain_id, client_id, campaign_id, number, position) "
                         "VALUES ($1, $2, $3, $4, $5)", numbers)
    await history.record(tx, "campaign_clients_imported", OBJECT, object_id=campaign_id, object_name=campaign.name,
                         changes={"count": (None, len(good))})
    return len(good)
