"""Address books in the database: who has which speed dial, what imports make, what others may see."""

from __future__ import annotations

import time

import asyncpg
import pytest

from app.kernel.actors import Actor
from app.kernel.db import DomainTx, domain_transaction, platform_transaction
from app.kernel.errors import InvalidFields, NotFound
from tenants.directory import imports, people, phonebook, queries, service
from tenants.directory.queries import BookPage
from tenants.directory.rules import COMPANY, Book, ContactData, Number
from tenants.settings import service as settings_service
from tests.db.factories import STAFF, a_domain, domain_name
from tests.http.people import a_user
from tests.http.test_settings import FIELDS

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]


def a_contact(name: str = "Anna", *numbers: str, **changes: object) -> ContactData:
    return ContactData(name, tuple(Number("work", one) for one in numbers or ("101",)), **changes)


async def add(actor: Actor, contact: ContactData, book: Book = COMPANY) -> int:
    async with domain_transaction(actor) as tx:
        return await service.create_contact(tx, book, contact)


async def speed_dial_of(actor: Actor, contact_id: int, book: Book = COMPANY) -> str:
    async with domain_transaction(actor) as tx:
        return (await service.find_contact(tx, book, contact_id)).data.speed_dial


async def history(actor: Actor) -> list[tuple[str, str, dict]]:
    async with domain_transaction(actor) as tx:
        rows = await tx.fetch("SELECT action, object_name, changes FROM action_history WHERE domain_id = $1 "
                              "AND object_type LIKE 'contact%' ORDER BY id", tx.domain_id)
    return [tuple(row) for row in rows]


@pytest.mark.req("ABK-05", "ABK-13")
async def test_t37_automatic_speed_dials_skip_the_pickup_number_and_come_back() -> None:
    actor = await a_domain()
    ids = [await add(actor, a_contact()) for _ in range(8)]
    assert [await speed_dial_of(actor, one) for one in ids] == ["1", "2", "3", "4", "5", "6", "7", "9"]
    async with domain_transaction(actor) as tx:
        assert await service.delete_contacts(tx, COMPANY, [ids[2]]) == 1
    assert await speed_dial_of(actor, await add(actor, a_contact())) == "3"


@pytest.mark.req("ABK-04", "ABK-05", "ACC-70")
async def test_a_speed_dial_is_unique_in_its_book_and_no_feature_code() -> None:
    user = await a_user()
    own = Book(user.id)
    await add(user.actor, a_contact("Boris", speed_dial="15"))
    await add(user.actor, a_contact("Own", speed_dial="15"), own)
    await add(user.actor, a_contact("Zero", speed_dial="015"))
    for book, digits in ((COMPANY, "15"), (own, "15"), (own, "8"), (COMPANY, "8")):
        with pytest.raises(InvalidFields) as refused:
            await add(user.actor, a_contact("Anna", speed_dial=digits), book)
        assert refused.value.fields.keys() == {"speed_dial"}


@pytest.mark.req("ABK-05", "SET-10", "ACC-70")
@pytest.mark.parametrize("is_own", [True, False])
async def test_speed_dials_and_the_pickup_number_exclude_each_other_from_both_sides(is_own: bool) -> None:
    user = await a_user()
    book = Book(user.id) if is_own else COMPANY
    contact = await add(user.actor, a_contact(speed_dial="15"), book)

    async def pickup(code: str) -> None:
        async with domain_transaction(user.actor) as tx:
            await settings_service.save(tx, FIELDS | {"pickup_number": code})

    for code, refused in (("*15", True), ("*16", False), ("**15", False), ("*015", False), ("*77", False)):
        if refused:
            with pytest.raises(InvalidFields) as said:
                await pickup(code)
            assert said.value.fields.keys() == {"pickup_number"}
        else:
            await pickup(code)
    for change in (lambda tx: service.create_contact(tx, book, a_contact("Anna", speed_dial="77")),
                   lambda tx: service.update_contact(tx, book, contact, a_contact(speed_dial="77"))):
        with pytest.raises(InvalidFields) as said:
            async with domain_transaction(user.actor) as tx:
                await change(tx)
        assert said.value.fields.keys() == {"speed_dial"}
    async with domain_transaction(user.actor) as tx:
        found = await imports.judged(tx, book, [("B", "", "77", "", "102", "", "", ""), ("C", "", "78", "", "102", "", "", "")])
        assert [bool(line.errors) for line in found] == [True, False]
        await service.delete_contacts(tx, book, [contact])
    await pickup("*15")  # free again


@pytest.mark.req("ABK-02", "ACC-68", "ACC-69")
async def test_a_deleted_groups_contacts_stay_outside_groups() -> None:
    user = await a_user()
    for book in (COMPANY, Book(user.id)):
        async with domain_transaction(user.actor) as tx:
            group = await service.create_group(tx, book, "  Важные   клиенты ")
            contact = await service.create_contact(tx, book, a_contact(group_id=group, speed_dial="1"))
            for taken in ("Важные клиенты", "ВАЖНЫЕ клиенты", "Contacts outside groups", "", "g" * 65):
                with pytest.raises(InvalidFields):
                    await service.create_group(tx, book, taken)
            await service.rename_group(tx, book, group, "Партнёры")
            assert await service.delete_group(tx, book, group) == "Партнёры"
            assert (await service.find_contact(tx, book, contact)).data.group_id is None


@pytest.mark.req("ABK-07", "ACC-72")
async def test_bulk_work_touches_only_the_own_book() -> None:
    user, other = await a_user(), await a_user()
    mine, theirs = Book(user.id), await add(other.actor, a_contact())
    shared = await add(user.actor, a_contact())
    own = await add(user.actor, a_contact(speed_dial="1"), mine)
    async with domain_transaction(user.actor) as tx:
        group = await service.create_group(tx, COMPANY, "Sales")
        for bad in (shared, theirs):
            with pytest.raises(NotFound):
                await service.update_contact(tx, mine, bad, a_contact(speed_dial="2"))
        with pytest.raises(NotFound):
            await service.move_contacts(tx, mine, [own], group)
        assert await service.move_contacts(tx, COMPANY, [own, shared, theirs], group) == 1
        assert await service.move_contacts(tx, COMPANY, [shared], group) == 0
        assert await service.move_contacts(tx, COMPANY, [shared], None) == 1
        assert await service.delete_contacts(tx, mine, [own, shared, theirs]) == 1
    async with domain_transaction(other.actor) as tx:
        assert (await service.find_contact(tx, COMPANY, theirs)).data.name == "Anna"


async def test_the_database_itself_refuses_a_group_of_another_book() -> None:
    user = await a_user()
    async with domain_transaction(user.actor) as tx:
        group = await service.create_group(tx, Book(user.id), "Mine")
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        async with domain_transaction(user.actor) as tx:
            await tx.execute("INSERT INTO contact (domain_id, group_id, name, speed_dial) VALUES ($1, $2, 'x', '1')",
                             tx.domain_id, group)


@pytest.mark.req("AUD-04")
async def test_the_history_tells_what_was_before_and_after() -> None:
    actor = await a_domain()
    contact = await add(actor, a_contact("Anna", "84951112233"))
    async with domain_transaction(actor) as tx:
        await service.update_contact(tx, COMPANY, contact, a_contact("Anna", "101", speed_dial="7"))
        await service.delete_contacts(tx, COMPANY, [contact])
    created, changed, deleted = await history(actor)
    assert created[:2] == ("contact_created", "Anna")
    assert changed == ("contact_changed", "Anna", {"numbers": ["work +74951112233", "work 101"],
                                                   "speed_dial": ["1", "7"]})
    assert deleted[:2] == ("contact_deleted", "Anna")


@pytest.mark.req("ABK-03")
async def test_a_login_must_be_a_users_of_this_domain() -> None:
    user, other = await a_user(), await a_user()
    await add(user.actor, ContactData("Anna", (Number("ip", user.login),)))
    with pytest.raises(InvalidFields) as refused:
        await add(user.actor, ContactData("Anna", (Number("work", "101"), Number("ip", other.login))))
    assert refused.value.fields.keys() == {"number-1"}


async def lines(tx: DomainTx, book: Book = COMPANY, search: str = "", **changes: object) -> list[str]:
    from app.web.lists import ListQuery

    page = BookPage([], 0, ListQuery((), search=search, **{"limit": 50, **changes}))
    found = await queries.book_page(tx, book, page, closed=changes.pop("closed", ()))
    return [f"[{row.group} {row.count}]" if row.is_heading else row.name for row in found.rows]


@pytest.mark.req("ABK-08", "ABK-14")
async def test_groups_alphabetical_outside_last_empty_ones_shown() -> None:
    actor = await a_domain()
    async with domain_transaction(actor) as tx:
        ids = {name: await service.create_group(tx, COMPANY, name) for name in ("Яблоко", "Ёлка", "Жара")}
        for name, group, number in (("Яна", "Жара", "84951112233"), ("анна", "Жара", "101"), ("Борис", "", "102"),
                                    ("Ёж", "Ёлка", "+442079460018")):
            await service.create_contact(tx, COMPANY, a_contact(name, number, group_id=ids.get(group)))
        assert await lines(tx) == ["[Ёлка 1]", "Ёж", "[Жара 2]", "анна", "Яна", "[Яблоко 0]", "[ 1]", "Борис"]
        assert await lines(tx, search="АН") == ["[Жара 1]", "анна"]
        assert await lines(tx, search="8 (495) 111") == ["[Жара 1]", "Яна"]
        assert await lines(tx, search="20794") == ["[Ёлка 1]", "Ёж"]
        assert await lines(tx, search="%") == []
        page = BookPage([], 0, _query(limit=3))
        first = await queries.book_page(tx, COMPANY, page, closed=[ids["Ёлка"]])
        assert ([row.name for row in first.rows], first.total, first.shown, first.next_offset) == (
            ["", "", "анна"], 4, 1, 3)
        rest = await queries.book_page(tx, COMPANY, BookPage([], 0, _query(limit=9, offset=3)), closed=[ids["Ёлка"]])
        assert ([row.name for row in rest.rows], rest.next_offset) == (["Яна", "", "", "Борис"], None)


def _query(**changes: int):
    from app.web.lists import ListQuery

    return ListQuery((), **changes)


@pytest.mark.req("ABK-11", "ABK-12")
async def test_t26_import_creates_three_contacts_in_two_groups() -> None:
    actor = await a_domain()
    rows = [("Клиент 1", "Важные клиенты", "10", "", "+74951112233", "", "", ""),
            ("Клиент 2", "Важные клиенты", "20", "", "", "+79991112233", "", ""),
            ("Клиент 3", "Новые клиенты", "30", "", "", "", "+79992223344", "")]
    async with domain_transaction(actor) as tx:
        import_id = await imports.keep(tx, "list.xlsx", rows)
        assert [line.errors for line in await imports.judged(tx, COMPANY, rows)] == [{}, {}, {}]
        assert await lines(tx) == []
    async with domain_transaction(actor) as tx:
        assert await imports.create_ready(tx, COMPANY, import_id) == 3
        assert await lines(tx) == ["[Важные клиенты 2]", "Клиент 1", "Клиент 2", "[Новые клиенты 1]", "Клиент 3"]
        with pytest.raises(NotFound):
            await imports.create_ready(tx, COMPANY, import_id)
    assert (await history(actor))[-1][0] == "contacts_imported"


@pytest.mark.req("ABK-11", "ABK-12")
async def test_only_ready_rows_are_created_and_the_book_is_asked_again() -> None:
    actor = await a_domain()
    rows = [("A", "", "10", "", "101", "", "", ""), ("B", "", "", "", "102", "", "", ""),
            ("C", "", "", "", "+7495111223", "", "", ""), ("D", "", "1", "", "103", "", "", "")]
    async with domain_transaction(actor) as tx:
        import_id = await imports.keep(tx, "list.csv", rows)
    await add(actor, a_contact("Quick", speed_dial="10"))
    async with domain_transaction(actor) as tx:
        assert await imports.create_ready(tx, COMPANY, import_id) == 2
        found = {row["name"]: row["speed_dial"] for row in await tx.fetch(
            "SELECT name, speed_dial FROM contact WHERE domain_id = $1", tx.domain_id)}
    assert found == {"Quick": "10", "B": "2", "D": "1"}


async def test_five_thousand_rows_take_a_few_seconds() -> None:
    actor = await a_domain()
    rows = [(f"Клиент {n}", f"Группа {n % 50}", "", "", f"+7495{n:07}", "", "", "") for n in range(5000)]
    started = time.monotonic()
    async with domain_transaction(actor) as tx:
        import_id = await imports.keep(tx, "list.csv", rows)
    async with domain_transaction(actor) as tx:
        assert await imports.create_ready(tx, COMPANY, import_id) == 5000
    took = time.monotonic() - started
    async with domain_transaction(actor) as tx:
        known = await phonebook.extensions(tx)
        contacts = [(entry, phonebook.dialable(entry, known)) for entry in await phonebook.phone_entries(tx, 1)]
        assert all(text.count("+7495") == 5000 for text in (write(contacts, "Acme") for write in
                                                            phonebook.FORMATS.values()))
        page = await queries.book_page(tx, COMPANY, BookPage([], 0, _query(limit=100)))
        assert page.total == 5000
    print(f"import {took:.2f} s, with books and list {time.monotonic() - started:.2f} s")
    assert took < 10


@pytest.mark.req("ABK-04", "ACC-71")
async def test_what_asterisk_is_told(servers: object) -> None:
    """Personal before shared, the first number in form order, logins by their extension; nothing of other domains."""
    from app.settings import settings

    user, other = await a_user(), await a_user()
    domain = await domain_name(user.actor)
    for name, digits, number in (("Out", "15", "84951112233"), ("Gone", "16", "99999"), ("Ёж, \"злой\"; $", "17", "112")):
        await add(user.actor, ContactData(name, (Number("work", number), Number("work", "101")), speed_dial=digits))
    await add(user.actor, ContactData("Login", (Number("ip", user.login),), speed_dial="18"))
    await add(user.actor, ContactData("Far", (Number("ip", "sip:a@elsewhere.example"),), speed_dial="19"))
    await add(user.actor, ContactData("Near", (Number("ip", f"{user.login}@{domain}"),), speed_dial="20"))
    await add(user.actor, a_contact("Mine", "+442079460018", speed_dial="15"), Book(user.id))
    await add(other.actor, a_contact("Theirs", "84957654321", speed_dial="21"))
    owner = await asyncpg.connect(settings().database_owner_url)
    try:
        await owner.execute("SET ROLE switchroom_node")
        extension = await _extension(user.actor, user.id)

        async def told(digits: str, user_id: int = user.id) -> str:
            return await owner.fetchval("SELECT asterisk.speed_dial($1, $2, $3)", user.actor.domain_id, user_id, digits)

        assert [await told(one) for one in ("15", "16", "17", "18", "19", "20", "21", "22")] == [
            "out|+442079460018", "", "in|112", f"in|{extension}", "", f"in|{extension}", "", ""]
        assert await told("15", user_id=1) == "out|+74951112233"

        async def name(number: str, user_id: int = user.id) -> str:
            return await owner.fetchval("SELECT asterisk.caller_name($1, $2, $3)", user.actor.domain_id, user_id, number)

        assert [await name(one) for one in ("74951112233", "84951112233", "+74951112233", "4951112233", "112",
                                            "442079460018", "74957654321", "")] == [
            "Out", "Out", "Out", "Out", "Ёж злой", "Mine", "", ""]
        assert await name("442079460018", user_id=1) == ""
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await owner.fetch("SELECT * FROM public.contact")
    finally:
        await owner.close()


async def _extension(actor: Actor, user_id: int) -> str:
    async with domain_transaction(actor) as tx:
        return await tx.fetchval("SELECT extension FROM domain_user WHERE domain_id = $1 AND id = $2", tx.domain_id,
                                 user_id)


@pytest.mark.req("ACC-74", "ACC-76", "ACC-77")
async def test_other_domains_of_the_pool_show_five_fields_and_no_more() -> None:
    mine, theirs, stranger = await a_user(), await a_user(login="iva"), await a_user(login="iva")
    async with domain_transaction(mine.actor) as tx:
        assert await people.pool_domains(tx) == []
        assert await people.people(tx, mine.actor.domain_id) == []
        assert not await people.is_in_pool(tx)
    async with platform_transaction(STAFF) as tx:
        pool = await tx.fetchval("INSERT INTO pool (name) VALUES ($1) RETURNING id", f"Pool {mine.domain}")
        for number, one in (("4455", mine), ("4456", theirs)):
            await tx.execute("UPDATE domain SET pool_id = $1, route_number = $2 WHERE id = $3", pool, number,
                             one.actor.domain_id)
    async with domain_transaction(mine.actor) as tx:
        assert {one.id for one in await people.pool_domains(tx)} == {mine.actor.domain_id, theirs.actor.domain_id}
        assert [one.login for one in await people.people(tx, theirs.actor.domain_id)] == [theirs.login]
        assert await people.people(tx, stranger.actor.domain_id) == []
        found = await people.people(tx, mine.actor.domain_id, like="%iva%", search="iva")
        assert [one.login for one in found] == ["iva"]
        extension = await _digits(tx, found[0].extension)
        assert await people.people(tx, mine.actor.domain_id, like=f"%{extension}%", search=extension) == []
        assert await tx.fetch("SELECT 1 FROM domain_user WHERE id = $1", theirs.id) == []


async def _digits(tx: DomainTx, extension: str) -> str:
    return extension


async def test_a_users_book_goes_with_the_user() -> None:
    from tenants.users.service import delete_user

    boss, user = await a_user(login="boss", is_admin=True), None
    user = await a_user(boss.actor)
    async with domain_transaction(boss.actor) as tx:
        group = await service.create_group(tx, Book(user.id), "Mine")
        await service.create_contact(tx, Book(user.id), a_contact(group_id=group, speed_dial="1"))
        await phonebook.token(tx, user.id)
        await delete_user(tx, user.id)
        assert await tx.fetchval("SELECT count(*) FROM contact WHERE domain_id = $1", tx.domain_id) == 0
        assert await tx.fetchval("SELECT count(*) FROM phonebook_key WHERE domain_id = $1", tx.domain_id) == 0
