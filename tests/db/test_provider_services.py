"""Services of the console on a real database: all or nothing, once, and written down."""

from __future__ import annotations

import asyncio
import itertools
import os
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from app.kernel import clock
from app.kernel.actors import Actor
from app.kernel.db import PlatformTx, domain_transaction, platform_transaction
from app.kernel.errors import AppError, InvalidFields, Refused
from app.kernel.money import Money
from app.provider.domains import service as console_domains
from app.provider.jobs import service as jobs
from app.provider.payments import service as payments
from app.provider.trunks import service as trunks
from app.provider.trunks.rules import TrunkData
from billing.accounts.rules import Scheme
from billing.tariffs import queries as tariff_queries
from billing.tariffs import service as tariffs
from billing.tariffs.csvfile import parse_rates
from tenants.destinations.model import Destination, Kind
from tenants.domains import service as domains
from tenants.domains.rules import NewDomain
from tenants.numbers import inventory
from tenants.numbers.inventory_file import parse_inventory
from tenants.numbers.rules import Place
from tenants.routing.service import route_to
from tenants.users.rules import NewUser
from tests.db.factories import STAFF, a_domain, a_node, a_tariff
from tests.http.people import a_user

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]
MOSCOW = ZoneInfo("Europe/Moscow")  # zone of the tariffs

_count = itertools.count(1)
RUSSIA = Place("RU")


def _e164() -> str:
    return f"7812{os.getpid() % 1000:03}{next(_count):04}"


async def _stock(tx: PlatformTx) -> tuple[int, str]:
    e164 = _e164()
    return await tx.fetchval("INSERT INTO phone_number (e164) VALUES ($1) RETURNING id", e164), e164


# --- numbers -----------------------------------------------------------------------------------------


@pytest.mark.req("NUM-53", "NUM-60")
async def test_a_number_is_given_once() -> None:
    one, two = await a_domain(), await a_domain()
    async with platform_transaction(STAFF) as tx:
        number_id, e164 = await _stock(tx)

    async def give(actor: Actor) -> bool:
        try:
            async with platform_transaction(STAFF) as tx:
                await inventory.give(tx, number_id, actor.domain_id)
        except Refused:
            return False
        return True

    assert sorted(await asyncio.gather(give(one), give(two))) == [False, True]
    async with platform_transaction(STAFF) as tx:
        owner = await tx.fetchval("SELECT domain_id FROM phone_number WHERE id = $1", number_id)
        told = await tx.fetch("SELECT domain_id FROM action_history WHERE action = 'number_given' "
                              "AND object_name = $1", e164)
        default = await tx.fetchval("SELECT default_number_id FROM domain WHERE id = $1", owner)
    assert [row["domain_id"] for row in told] == [owner]
    assert default != number_id  # it is not the outgoing number


@pytest.mark.req("NUM-59")
async def test_a_number_taken_back_leaves_nothing_behind() -> None:
    someone = await a_user()
    domain_id = someone.actor.domain_id
    async with platform_transaction(STAFF) as tx:
        number_id, e164 = await _stock(tx)
        await inventory.give(tx, number_id, domain_id)
        await tx.execute("UPDATE domain SET default_number_id = $2 WHERE id = $1", domain_id, number_id)
        await tx.execute("UPDATE domain_user SET outgoing_number_id = $2 WHERE id = $1", someone.id, number_id)
    async with domain_transaction(someone.actor) as tx:
        await route_to(tx, number_id, Destination(Kind.USER, someone.id))
    async with platform_transaction(STAFF) as tx:
        before = await tx.fetchval("SELECT desired FROM provisioning_state WHERE domain_id = $1", domain_id)
    async with platform_transaction(STAFF) as tx:
        found = await inventory.take_back(tx, number_id)
    assert (found.is_default, len(found.users), found.rules) == (True, 1, 1)
    async with domain_transaction(someone.actor) as tx:
        assert await tx.fetchval("SELECT default_number_id FROM domain WHERE id = $1", domain_id) is None
        assert await tx.fetchval("SELECT outgoing_number_id FROM domain_user WHERE id = $1", someone.id) is None
        assert await tx.fetchval("SELECT count(*) FROM phone_number WHERE e164 = $1", e164) == 0
        assert await tx.fetchval("SELECT desired FROM provisioning_state WHERE domain_id = $1", domain_id) > before
        actions = {row["action"] for row in await tx.fetch("SELECT action FROM action_history")}
    assert {"number_given", "number_taken_back"} <= actions
    async with platform_transaction(STAFF) as tx:
        with pytest.raises(Refused):
            await inventory.take_back(tx, number_id)


async def test_an_import_is_all_or_nothing() -> None:
    known, fresh = _e164(), _e164()
    file = parse_inventory(f"{known}\n{fresh};mobile;Тверь\n".encode(), RUSSIA)
    async with platform_transaction(STAFF) as tx:
        await tx.execute("INSERT INTO phone_number (e164) VALUES ($1)", known)
        checked = await inventory.known_already(tx, file)
        assert [error.line for error in checked.errors] == [1]
        assert checked.total == 2
        with pytest.raises(Refused):  # somebody added it after the preview
            await inventory.add_numbers(tx, file.rows)
    async with platform_transaction(STAFF) as tx:
        assert await tx.fetchval("SELECT count(*) FROM phone_number WHERE e164 = $1", fresh) == 0


@pytest.mark.parametrize(("line", "e164"), [
    ("+7 (812) 679-88-88;город;", None), ("+7 (812) 679-88-88;городской;Питер", "78126798888"),
    ("8 800 100-88-81;8800", "78001008881"), ("84951234567", "74951234567"), ("4951234567", "74951234567"),
    ("+49 30 123456;city", "4930123456"), ("112", None), ("7495", None), ("+7a4951234567", None),
    ("７４９５1234567", None),
    ("74951234567;city;a\x07b", None)])
async def test_lines_of_a_number_file(line: str, e164: str | None) -> None:
    found = parse_inventory(line.encode(), RUSSIA)
    assert [row.e164 for row in found.rows] == ([e164] if e164 else [])
    assert found.error_count == (0 if e164 else 1)


# --- domains -----------------------------------------------------------------------------------------


async def test_a_domain_without_its_administrator_is_not_created() -> None:
    tariff_id, node_id = await a_tariff(), await a_node()
    name = f"half{os.getpid()}-{next(_count)}.pbx.example"
    with pytest.raises(InvalidFields) as refused:
        async with platform_transaction(STAFF) as tx:
            await console_domains.create_with_administrator(
                tx, NewDomain(name, "Half", tariff_id, node_id), NewUser("Bad Login", "Anna", "horse1battery"))
    assert "admin_login" in refused.value.fields
    async with platform_transaction(STAFF) as tx:
        assert await tx.fetchval("SELECT count(*) FROM domain WHERE name = $1", name) == 0


@pytest.mark.req("FIN-39", "FIN-D1", "FIN-D11", "FIN-D3")
async def test_terms_block_and_restore() -> None:
    actor = await a_domain(scheme="unlimited")
    async with platform_transaction(STAFF) as tx:
        bound = await tx.enter_domain(actor.domain_id)
        from billing.accounts.service import correct

        await correct(bound, key=f"k{actor.domain_id}", amount=Money(Decimal("-1500")), reason="calls")
        with pytest.raises(InvalidFields):  # would block at once
            await domains.change_terms(bound, scheme=Scheme.CREDIT, credit_limit=Money(Decimal("1500")))
        assert not await domains.change_terms(bound, scheme=Scheme.CREDIT, credit_limit=Money(Decimal("2000")))
        assert await domains.change_terms(bound, scheme=Scheme.PREPAID, credit_limit=None)
        blocks = "SELECT count(*) FROM domain_block WHERE domain_id = $1 AND ended_at IS NULL"
        assert await tx.fetchval(blocks, actor.domain_id) == 1
        assert not await domains.change_terms(bound, scheme=Scheme.UNLIMITED, credit_limit=None)
        assert await tx.fetchval(blocks, actor.domain_id) == 0


async def test_a_tariff_that_is_gone_is_not_chosen() -> None:
    actor = await a_domain()
    async with platform_transaction(STAFF) as tx:
        bound = await tx.enter_domain(actor.domain_id)
        with pytest.raises(InvalidFields):
            await domains.change_tariff(bound, 999_999_999)
        other = await a_tariff_id(tx)
        await domains.change_tariff(bound, other)
        assert await tx.fetchval("SELECT tariff_id FROM account WHERE domain_id = $1", actor.domain_id) == other


async def a_tariff_id(tx: PlatformTx) -> int:
    return await tariffs.create_tariff(tx, tariffs.NewTariff(f"Tariff p{os.getpid()}-{next(_count)}"))


# --- tariffs -----------------------------------------------------------------------------------------


@pytest.mark.req("FIN-62")
async def test_published_rates_are_never_changed() -> None:
    rows = parse_rates(b"prefix;destination;price\n7;Russia;1.5\n").rows
    async with platform_transaction(STAFF) as tx:
        tariff_id = await a_tariff_id(tx)
        version_id = await tariffs.import_draft(tx, tariff_id, rows)
        assert await tariff_queries.version_in_force(tx, tariff_id) is None
        await tariffs.publish(tx, version_id, tx.now.astimezone(MOSCOW).date() + timedelta(days=1))
        assert await tariff_queries.version_in_force(tx, tariff_id) is None
        with pytest.raises(Refused):
            await tariffs.discard_draft(tx, version_id)
        with pytest.raises(asyncpg.PostgresError):
            async with tx.savepoint():
                await tx.execute("UPDATE tariff_rate SET price = 0 WHERE version_id = $1", version_id)
    with clock.at(datetime.now(UTC) + timedelta(days=2)):
        async with platform_transaction(STAFF) as tx:
            assert await tariff_queries.version_in_force(tx, tariff_id) == version_id


async def test_differences_count_every_row() -> None:
    old = "\n".join(f"44{n};UK {n};1" for n in range(100, 400))
    new = "\n".join(f"44{n};UK {n};{2 if n % 2 else 1}" for n in range(200, 500))
    head = "prefix;destination;price\n"
    async with platform_transaction(STAFF) as tx:
        tariff_id = await a_tariff_id(tx)
        first = await tariffs.import_draft(tx, tariff_id, parse_rates((head + old).encode()).rows)
        second = await tariffs.import_draft(tx, tariff_id, parse_rates((head + new).encode()).rows)
        found = await tariff_queries.compare(tx, second, first, limit=50)
    assert (found.added, found.changed, found.removed, found.unchanged) == (100, 100, 100, 100)
    assert len(found.rows) == 50


# --- payments ----------------------------------------------------------------------------------------


async def test_a_payment_is_posted_once_and_for_one_domain() -> None:
    one, two = await a_domain(), await a_domain()
    new = payments.NewPayment(one.domain_id, Money(Decimal("10.50")), "Bank", "", f"doc{os.getpid()}-{next(_count)}")

    async def enter() -> bool:
        async with platform_transaction(STAFF) as tx:
            return await payments.enter(tx, new)

    assert sorted(await asyncio.gather(*(enter() for _ in range(6)))) == [False] * 5 + [True]
    other = payments.NewPayment(two.domain_id, new.amount, "Bank", "", new.external_id)
    async with platform_transaction(STAFF) as tx:
        with pytest.raises(AppError):
            await payments.enter(tx, other)
    async with domain_transaction(one) as tx:
        assert await tx.fetchval("SELECT balance FROM account") == Decimal("10.50")
    async with domain_transaction(two) as tx:
        assert await tx.fetchval("SELECT balance FROM account") == 0


# --- trunks and jobs ----------------------------------------------------------------------------------


async def test_a_trunk_tells_its_node_at_commit() -> None:
    node_id = await a_node()
    heard: list[str] = []
    listener = await asyncpg.connect(os.environ["DATABASE_URL"])
    try:
        await listener.add_listener("trunks", lambda *event: heard.append(event[3]))
        async with platform_transaction(STAFF) as tx:
            await trunks.create(tx, TrunkData(node_id, f"T{os.getpid()}-{next(_count)}", "sip.example", password="x"))
        for _attempt in range(50):
            if str(node_id) in heard:
                break
            await asyncio.sleep(0.02)
    finally:
        await listener.close()
    assert heard == [""]  # every agent looks for itself


async def test_periodic_and_done_jobs_are_not_repeated() -> None:
    async with platform_transaction(STAFF) as tx:
        for key, state in ((f"cron:clean_up:{next(_count)}", "failed"), (f"k{os.getpid()}-{next(_count)}", "done")):
            job_id = await tx.fetchval("INSERT INTO job_run (job, key, state) VALUES ('clean_up', $1, $2) "
                                       "RETURNING id", key, state)
            with pytest.raises(Refused):
                await jobs.prepare_retry(tx, job_id)
