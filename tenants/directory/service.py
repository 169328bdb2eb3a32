"""Use cases of address books: groups, contacts, bulk work [ABK-02…07, ACC-68…72]."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from app.audit import history
from app.kernel.db import DomainTx
from app.kernel.errors import InvalidFields, NotFound, Refused
from app.kernel.i18n import _
from tenants.directory.rules import (
    Book,
    ContactData,
    Number,
    check_contact,
    free_speed_dials,
    group_name_problem,
    is_login,
)
from tenants.users.rules import one_line


async def feature_codes(tx: DomainTx, *, lock: bool = False) -> frozenset[str]:
    """As dialled. `lock` makes changes of the domain's books and codes wait for each other."""
    pickup = await tx.fetchval("SELECT pickup_number FROM domain WHERE id = $1"
                               + (" FOR NO KEY UPDATE" if lock else ""), tx.domain_id)
    return frozenset({pickup} if pickup else ())


async def taken_speed_dials(tx: DomainTx, book: Book) -> set[str]:
    return {row["speed_dial"] for row in await tx.fetch(
        "SELECT speed_dial FROM contact WHERE domain_id = $1 AND owner_key = $2", tx.domain_id, book.key)}


async def propose_speed_dial(tx: DomainTx, book: Book) -> str:
    """The smallest free one, "" when all are taken [ABK-05, ACC-D16]."""
    return next(free_speed_dials(await taken_speed_dials(tx, book), await feature_codes(tx)), "")


# --- groups --------------------------------------------------------------------------------------------


async def create_group(tx: DomainTx, book: Book, name: str) -> int:
    """Raises InvalidFields: no name, or taken in this book."""
    name = await _group_name(tx, book, name)
    group_id = await tx.fetchval("INSERT INTO contact_group (domain_id, owner_id, name) VALUES ($1, $2, $3) "
                                 "RETURNING id", tx.domain_id, book.owner_id, name)
    await history.record(tx, "contact_group_created", "contact_group", object_id=group_id, object_name=name)
    return group_id


async def rename_group(tx: DomainTx, book: Book, group_id: int, name: str) -> None:
    """Raises NotFound, InvalidFields."""
    old = await group_name(tx, book, group_id)
    name = await _group_name(tx, book, name, but=group_id)
    await tx.execute("UPDATE contact_group SET name = $3 WHERE domain_id = $1 AND id = $2",
                     tx.domain_id, group_id, name)
    if name != old:
        await history.record(tx, "contact_group_changed", "contact_group", object_id=group_id, object_name=name,
                             changes={"name": (old, name)})


async def delete_group(tx: DomainTx, book: Book, group_id: int) -> str:
    """Its contacts stay outside groups. Returns the name."""
    await feature_codes(tx, lock=True)
    name = await group_name(tx, book, group_id)
    await tx.execute("UPDATE contact SET group_id = NULL WHERE domain_id = $1 AND group_id = $2",
                     tx.domain_id, group_id)
    await tx.execute("DELETE FROM contact_group WHERE domain_id = $1 AND id = $2", tx.domain_id, group_id)
    await history.record(tx, "contact_group_deleted", "contact_group", object_id=group_id, object_name=name)
    return name


async def group_name(tx: DomainTx, book: Book, group_id: int) -> str:
    """Raises NotFound, for another book's group too."""
    name = await tx.fetchval("SELECT name FROM contact_group WHERE domain_id = $1 AND owner_key = $2 AND id = $3",
                             tx.domain_id, book.key, group_id)
    if name is None:
        raise NotFound("contact_group", _("There is no such group"))
    return name


async def _group_name(tx: DomainTx, book: Book, name: str, *, but: int = 0) -> str:
    name = one_line(name)
    await feature_codes(tx, lock=True)
    wrong = group_name_problem(name)
    if not wrong and await tx.fetchval(
            "SELECT EXISTS (SELECT FROM contact_group WHERE domain_id = $1 AND owner_key = $2 "
            "AND lower(name) = lower($3) AND id <> $4)", tx.domain_id, book.key, name, but):
        wrong = _("There is a group of this name already")
    if wrong:
        raise InvalidFields("invalid_fields", wrong, fields={"name": wrong})
    return name


# --- contacts ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stored:
    """A contact with its group's name: what the history tells."""

    id: int
    data: ContactData
    group: str

    @property
    def told(self) -> dict[str, object]:
        data = self.data
        return {"name": data.name, "group": self.group, "speed_dial": data.speed_dial, "email": data.email,
                "position": data.position, "numbers": told_numbers(data.numbers)}


def told_numbers(numbers: Iterable[Number]) -> str:
    return ", ".join(f"{one.kind} {one.number}" for one in numbers)


async def create_contact(tx: DomainTx, book: Book, contact: ContactData) -> int:
    """Raises InvalidFields; Refused when every speed dial is taken."""
    codes = await feature_codes(tx, lock=True)
    contact = check_contact(contact, book, codes)
    await _check_logins(tx, contact)
    group = await group_name(tx, book, contact.group_id) if contact.group_id else ""
    if not contact.speed_dial:
        contact = replace(contact, speed_dial=await _smallest(tx, book, codes))
    await _check_free(tx, book, contact.speed_dial)
    contact_id = await tx.fetchval(
        "INSERT INTO contact (domain_id, owner_id, group_id, name, speed_dial, email, position) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id", tx.domain_id, book.owner_id, contact.group_id,
        contact.name, contact.speed_dial, contact.email, contact.position)
    await keep_numbers(tx, [(contact_id, contact.numbers)])
    stored = Stored(contact_id, contact, group)
    await history.record(tx, "contact_created", "contact", object_id=contact_id, object_name=contact.name,
                         changes={name: (None, value) for name, value in stored.told.items() if value})
    return contact_id


async def update_contact(tx: DomainTx, book: Book, contact_id: int, contact: ContactData) -> None:
    """Raises InvalidFields; NotFound, for another book's contact too."""
    codes = await feature_codes(tx, lock=True)
    before = await find_contact(tx, book, contact_id)
    contact = check_contact(contact, book, codes)
    await _check_logins(tx, contact)
    group = await group_name(tx, book, contact.group_id) if contact.group_id else ""
    if not contact.speed_dial:
        contact = replace(contact, speed_dial=await _smallest(tx, book, codes))
    await _check_free(tx, book, contact.speed_dial, but=contact_id)
    await tx.execute(
        "UPDATE contact SET group_id = $3, name = $4, speed_dial = $5, email = $6, position = $7 "
        "WHERE domain_id = $1 AND id = $2", tx.domain_id, contact_id, contact.group_id, contact.name,
        contact.speed_dial, contact.email, contact.position)
    if contact.numbers != before.data.numbers:
        await tx.execute("DELETE FROM contact_number WHERE domain_id = $1 AND contact_id = $2",
                         tx.domain_id, contact_id)
        await keep_numbers(tx, [(contact_id, contact.numbers)])
    after = Stored(contact_id, contact, group)
    changes = {name: (old, after.told[name]) for name, old in before.told.items() if old != after.told[name]}
    if changes:
        await history.record(tx, "contact_changed", "contact", object_id=contact_id, object_name=contact.name,
                             changes=changes)


async def delete_contacts(tx: DomainTx, book: Book, ids: Collection[int]) -> int:
    """Their speed dials become free [ABK-13]. Ids of other books are passed over; returns how many went."""
    rows = await tx.fetch(
        "DELETE FROM contact WHERE domain_id = $1 AND owner_key = $2 AND id = ANY($3::bigint[]) "
        "RETURNING id, name, speed_dial", tx.domain_id, book.key, list(ids))
    for row in rows:
        await history.record(tx, "contact_deleted", "contact", object_id=row["id"], object_name=row["name"],
                             changes={"speed_dial": (row["speed_dial"], None)})
    return len(rows)


async def move_contacts(tx: DomainTx, book: Book, ids: Collection[int], group_id: int | None) -> int:
    """None: outside groups. Returns how many changed their group [ABK-07]."""
    await feature_codes(tx, lock=True)
    target = await group_name(tx, book, group_id) if group_id else ""
    rows = await tx.fetch(
        "UPDATE contact c SET group_id = $4 FROM contact o LEFT JOIN contact_group g ON g.domain_id = o.domain_id "
        "AND g.id = o.group_id WHERE c.domain_id = $1 AND c.owner_key = $2 AND c.id = ANY($3::bigint[]) "
        "AND o.domain_id = $1 AND o.id = c.id AND c.group_id IS DISTINCT FROM $4::bigint "
        "RETURNING c.id, c.name, COALESCE(g.name, '') AS before", tx.domain_id, book.key, list(ids), group_id)
    for row in rows:
        await history.record(tx, "contact_changed", "contact", object_id=row["id"], object_name=row["name"],
                             changes={"group": (row["before"], target)})
    return len(rows)


async def find_contact(tx: DomainTx, book: Book, contact_id: int) -> Stored:
    """Raises NotFound, for another book's contact too."""
    row = await tx.fetchrow(
        "SELECT c.id, c.name, c.speed_dial, c.email, c.position, c.group_id, COALESCE(g.name, '') AS group_name "
        "FROM contact c LEFT JOIN contact_group g ON g.domain_id = c.domain_id AND g.id = c.group_id "
        "WHERE c.domain_id = $1 AND c.owner_key = $2 AND c.id = $3", tx.domain_id, book.key, contact_id)
    if row is None:
        raise NotFound("contact", _("There is no such contact"))
    numbers = await tx.fetch("SELECT kind, number FROM contact_number WHERE domain_id = $1 AND contact_id = $2 "
                             "ORDER BY ord", tx.domain_id, contact_id)
    return Stored(row["id"], ContactData(
        row["name"], tuple(Number(*one) for one in numbers), row["group_id"], row["speed_dial"], row["email"],
        row["position"]), row["group_name"])


async def keep_numbers(tx: DomainTx, contacts: Sequence[tuple[int, Sequence[Number]]]) -> None:
    """Insert the numbers of new contacts, in form order."""
    await tx.executemany(
        "INSERT INTO contact_number (domain_id, contact_id, ord, kind, number) VALUES ($1, $2, $3, $4, $5)",
        [(tx.domain_id, contact_id, at, one.kind, one.number)
         for contact_id, numbers in contacts for at, one in enumerate(numbers)])


async def known_logins(tx: DomainTx, logins: Collection[str]) -> set[str]:
    """Those that are users' of this domain."""
    return {row["login"] for row in await tx.fetch(
        "SELECT login FROM domain_user WHERE domain_id = $1 AND login = ANY($2::text[])", tx.domain_id,
        list(logins))} if logins else set()


async def _check_logins(tx: DomainTx, contact: ContactData) -> None:
    known = await known_logins(tx, [one.number for one in contact.numbers if is_login(one.number)])
    if wrong := {f"number-{at}": unknown_login(one.number) for at, one in enumerate(contact.numbers)
                 if is_login(one.number) and one.number not in known}:
        raise InvalidFields("invalid_fields", _("Check the highlighted fields."), fields=wrong)


def unknown_login(login: str) -> str:
    return _("There is no user %(login)s in this domain") % {"login": login}


async def _check_free(tx: DomainTx, book: Book, digits: str, *, but: int = 0) -> None:
    holder = await tx.fetchval(
        "SELECT name FROM contact WHERE domain_id = $1 AND owner_key = $2 AND speed_dial = $3 AND id <> $4",
        tx.domain_id, book.key, digits, but)
    if holder is not None:
        text = _("%(digits)s is the speed dial of %(name)s") % {"digits": digits, "name": holder}
        raise InvalidFields("taken", text, fields={"speed_dial": text})


async def _smallest(tx: DomainTx, book: Book, codes: Collection[str]) -> str:
    found = next(free_speed_dials(await taken_speed_dials(tx, book), codes), "")
    if not found:
        raise Refused("no_speed_dial", _("Every speed dial number up to 99999 is taken."))
    return found
