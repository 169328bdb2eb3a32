"""The guaranteed payment on the pages: header, breakdown, diagram, and the price of a call explained."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from app.kernel import clock
from app.kernel.db import platform_transaction
from app.kernel.money import Money
from app.provider.domains.commercial_pages import offer
from pbx_provisioning.authorise.question import Allow
from pbx_provisioning.intake.service import take_in
from tests.db import billing_factories as world
from tests.db.billing_factories import Company
from tests.db.factories import STAFF, a_domain, a_tariff
from tests.http.browser import Browser, text_of
from tests.http.people import a_user
from tests.http.provider_help import a_console

pytestmark = pytest.mark.anyio

NOON = datetime(2031, 4, 16, 12, 0, tzinfo=ZoneInfo("Europe/Moscow"))


async def a_talk(scheme: str = "prepaid") -> Company:
    """600.00 a month, active since 16.04: 300.00; a call of 250 s for 7.50 on that day."""
    company = await world.a_company(tariff_id=await a_tariff(mgp=600))
    await world.pay(company.actor, "1000")
    async with platform_transaction(STAFF) as tx:
        await tx.execute("UPDATE account SET scheme = $2 WHERE domain_id = $1", company.id, scheme)
    answer = await company.authorise(uniqueid=(uniqueid := world.channel()))
    assert isinstance(answer, Allow)
    await take_in(company.node_id, [world.a_record(company, talked=250, uniqueid=uniqueid, hold=answer.hold_id,
                                                   ended=NOON)])
    return company


async def pages(client: Browser, company: Company, *paths: str) -> list[str]:
    admin = await a_user(company.actor, is_admin=True)
    client.headers["Accept-Language"] = "ru"
    await client.sign_in(admin.login, admin.domain)
    return [text_of((await client.get(path)).text) for path in paths]


@pytest.mark.req("FIN-11", "FIN-13", "FIN-16", "ACC-22", "FIN-D4")
async def test_the_rest_and_the_days_use_are_shown(client: Browser) -> None:
    with clock.at(NOON):
        company = await a_talk()
        [state] = await pages(client, company, "/finance")
    assert "Остаток МГП: 292,50 ₽" in state
    assert "Баланс: 700 ₽" in state
    assert "Расход МГП за текущие сутки 7,50 ₽" in state
    assert "Остаток МГП 292,50 ₽" in state
    assert "Расход в текущем месяце -300,00 ₽" in state
    assert "Минимальный гарантированный платёж 300,00 ₽ 100,0 %" in state
    with clock.at(NOON.replace(day=17)):
        client.cookies.clear()
        admin = await a_user(company.actor, is_admin=True)
        await client.sign_in(admin.login, admin.domain)
        tomorrow = text_of((await client.get("/finance")).text)
    assert "Расход МГП за текущие сутки 0,00 ₽" in tomorrow
    assert "Остаток МГП 292,50 ₽" in tomorrow


@pytest.mark.req("FIN-03", "FIN-13", "ACC-22")
@pytest.mark.parametrize("scheme", ["credit", "unlimited"])
async def test_the_rows_are_empty_for_other_schemes(client: Browser, scheme: str) -> None:
    with clock.at(NOON):
        [state] = await pages(client, await a_talk(scheme), "/finance")
    assert "Остаток МГП:" not in state
    assert "Расход МГП за текущие сутки 0,00 ₽ Остаток МГП 0,00 ₽" in state


@pytest.mark.req("FIN-60", "FIN-62")
async def test_the_journal_tells_what_the_guaranteed_payment_paid(client: Browser) -> None:
    with clock.at(NOON):
        company = await a_talk()
        call = await company.fetchrow("SELECT id FROM call WHERE domain_id = $1", company.id)
        assert call
        [card] = await pages(client, company, f"/calls/{call['id']}")
    assert "Оплачено из МГП 7,50 ₽ Оплачено с баланса 0,00 ₽" in card


@pytest.mark.req("ACC-05", "FIN-D4")
async def test_the_switch_to_commercial_mode_names_it_beforehand(client: Browser) -> None:
    """16.04, 600.00 a month: 300.00 today."""
    actor = await a_domain(commercial=False, tariff_id=await a_tariff(mgp=600))
    with clock.at(NOON):
        async with platform_transaction(STAFF) as tx:
            tariff = await tx.fetchval("SELECT tariff_id FROM account WHERE domain_id = $1", actor.domain_id)
            shown_offer = await offer(await tx.enter_domain(actor.domain_id), tariff)
    assert shown_offer.guaranteed_today == Money.parse("300")
    console = await a_console(client, "administrator")
    page = text_of((await console.get(f"/provider/domains/{actor.domain_id}/commercial")).text)
    assert "minimum guaranteed payment" in page
    assert "₽600.00 from the next month on" in page or "600.00 ₽ from the next month on" in page


@pytest.mark.req("FIN-D4")
async def test_the_console_shows_the_rest_on_the_card_of_the_domain(client: Browser) -> None:
    with clock.at(NOON):
        company = await a_talk()
        console = await a_console(client, "support")
        card = text_of((await console.get(f"/provider/domains/{company.id}")).text)
    assert "Remaining MGP 292.50 ₽" in card
