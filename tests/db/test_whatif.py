"""What-if over the database: past calls by a draft, nothing posted, a stopped run goes on."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from app.kernel import clock
from app.kernel.db import platform_transaction
from app.kernel.errors import InvalidFields, Refused
from billing.tariffs import service as tariffs
from billing.whatif import queries, service
from billing.whatif.service import Wanted
from pbx_provisioning.intake.service import take_in
from tests.db.billing_factories import Company, a_company, a_record
from tests.db.factories import STAFF, a_tariff, a_version, domain_name

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

MOSCOW = ZoneInfo("Europe/Moscow")
FIRST = datetime(2032, 3, 1, tzinfo=MOSCOW)
MARCH = (date(2032, 3, 1), date(2032, 3, 31))


async def talk(company: Company, moment: datetime, *talked: int, **changes: object) -> None:
    """Calls of so many seconds, an hour after each other."""
    with clock.at(moment + timedelta(days=1)):
        await take_in(company.node_id, [
            a_record(company, talked=seconds, ended=moment + timedelta(hours=place, seconds=seconds + 5), **changes)
            for place, seconds in enumerate(talked)])


async def run(version_id: int, tariff_id: int, *domains: str, days: tuple[date, date] = MARCH) -> queries.Run:
    with clock.at(FIRST + timedelta(days=60)):
        async with platform_transaction(STAFF) as tx:
            run_id = await service.order(tx, Wanted(version_id, tariff_id, *days, domains))
        await service.work(run_id)
        async with platform_transaction(STAFF) as tx:
            return await queries.run(tx, run_id)


async def books() -> tuple[int, Decimal]:
    async with platform_transaction(STAFF) as tx:
        return await tx.fetchval("SELECT count(*) FROM posting"), await tx.fetchval("SELECT sum(balance) FROM account")


@pytest.mark.req("FIN-57", "FIN-61")
async def test_a_draft_is_compared_domain_by_domain_and_nothing_is_posted() -> None:
    """65 s: 3.00 at 1.50 a minute, 2.20 at 1.10; 10 s: 1.50 and 1.10; what the draft does not know is counted."""
    tariff_id = await a_tariff(("7", "1.50"), ("49", "10"))
    one, two = [await a_company("1000", tariff_id=tariff_id) for _ in range(2)]
    await talk(one, FIRST, 65, 10)
    await talk(one, FIRST - timedelta(seconds=1), 600)  # began in February
    await talk(two, FIRST + timedelta(days=30, hours=20), 65)
    await talk(two, FIRST + timedelta(days=5), 60, b_number="493012345678", dst="493012345678")
    await talk(two, FIRST + timedelta(days=6), 60, b_number="33123456789", dst="33123456789")
    draft = await a_version(tariff_id, ("7", "1.10"), valid_from=None)
    before = await books()
    found = await run(draft, tariff_id)
    assert await books() == before
    assert (found.domains, found.done, found.calls) == (2, 2, 5)
    assert (found.before, found.after, found.difference) == (Decimal("17.50"), Decimal("5.50"), Decimal("-12.00"))
    assert (found.unrated_then, found.unrated) == (1, 2)
    async with platform_transaction(STAFF) as tx:
        rows, total = await queries.sums(tx, found.id, order="w.before")
    assert total == 2
    assert [(row.calls, row.before, row.after, row.unrated) for row in rows] == [
        (2, Decimal("4.50"), Decimal("3.30"), 0), (3, Decimal("13.00"), Decimal("2.20"), 2)]
    only = await run(draft, tariff_id, await domain_name(one.actor))
    assert (only.domains, only.before) == (1, Decimal("4.50"))


async def test_the_version_by_which_they_were_charged_makes_no_difference() -> None:
    tariff_id = await a_tariff({"prefix": "7", "price": "1.234567", "first_increment": 7, "next_increment": 11,
                                "free_seconds": 5, "minimum_charge": "0.5", "connection_fee": "0.111111"})
    company = await a_company("1000", tariff_id=tariff_id)
    await talk(company, FIRST, 3, 8, 61, 299, 1000)
    async with platform_transaction(STAFF) as tx:
        version_id = await tx.fetchval("SELECT tariff_version_at($1, $2)", tariff_id, FIRST)
    found = await run(version_id, tariff_id)
    assert found.calls == 5
    assert found.before == found.after > 0


async def test_the_drafts_package_and_guaranteed_payment_are_used_in_order() -> None:
    """Two minutes of the package, then 4.00 of the guaranteed payment, then the balance; again in the next month."""
    tariff_id = await a_tariff()
    company = await a_company("1000", tariff_id=tariff_id)
    await talk(company, FIRST, 60, 60, 60, 60, 60)
    draft = await a_version(tariff_id, {"prefix": "7", "price": "1.50", "package_applies": True}, valid_from=None,
                            included_minutes=2, mgp="4.00")
    assert (await run(draft, tariff_id)).after == Decimal("0.50")
    half = (date(2032, 2, 15), date(2032, 3, 15))
    found = await run(draft, tariff_id, days=half)  # 15 of 31 days: 58 s buy no minute, 1.94 of the payment
    assert (found.before, found.after) == (Decimal("7.50"), Decimal("5.56"))


async def test_a_stopped_run_goes_on_and_a_deleted_draft_ends_it() -> None:
    tariff_id = await a_tariff()
    companies = [await a_company("1000", tariff_id=tariff_id) for _ in range(3)]
    for company in companies:
        await talk(company, FIRST, 60)
    draft = await a_version(tariff_id, ("7", "2"), valid_from=None)
    found = await run(draft, tariff_id)
    async with platform_transaction(STAFF) as tx:
        await tx.execute("UPDATE whatif_domain SET calls = NULL WHERE run_id = $1 AND domain_id = $2", found.id,
                         companies[1].id)
        await tx.execute("UPDATE whatif_domain SET after = 77 WHERE run_id = $1 AND domain_id = $2", found.id,
                         companies[0].id)
    await service.work(found.id)
    async with platform_transaction(STAFF) as tx:
        assert (await queries.run(tx, found.id)).after == 81
        await tariffs.discard_draft(tx, draft)
    await service.work(found.id)


@pytest.mark.parametrize(("first", "last", "domain", "field"), [
    (date(2032, 3, 2), date(2032, 3, 1), "", "last_on"), (date(2032, 3, 1), date(2032, 4, 1), "", "last_on"),
    (date(2099, 3, 1), date(2099, 3, 1), "", "last_on"), (*MARCH, "other.pbx.example", "domains")])
async def test_impossible_orders(first: date, last: date, domain: str, field: str) -> None:
    tariff_id = await a_tariff()
    await a_company(tariff_id=tariff_id)
    with pytest.raises(InvalidFields) as wrong:
        await run(await a_version(tariff_id, valid_from=None), tariff_id, *([domain] if domain else []),
                  days=(first, last))
    assert field in wrong.value.facts["fields"]


async def test_not_more_than_three_at_once() -> None:
    tariff_id = await a_tariff()
    await a_company(tariff_id=tariff_id)
    draft = await a_version(tariff_id, valid_from=None)
    wanted = Wanted(draft, tariff_id, *MARCH)
    with clock.at(FIRST + timedelta(days=90)), pytest.raises(Refused):
        async with platform_transaction(STAFF) as tx:
            for _ in range(4):
                await service.order(tx, wanted)
