"""The page of recording as a person uses it: switch with its dialog, group bar with numbers, term of storage."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from app.kernel.db import domain_transaction
from app.modules.recording import queries, service
from billing.services import service as services
from tests.browser.panel import Panel
from tests.browser.test_settings import picture
from tests.db import billing_factories as world
from tests.db.services_world import a_company, a_service
from tests.http.people import Someone, a_user

pytestmark = pytest.mark.anyio


async def nine_users(panel: Panel) -> tuple[Someone, list[int]]:
    """Recording is on for the first three."""
    actor = await a_company(a_service("recording", "special", 70), money="1000")
    admin = await a_user(actor, "zimin", is_admin=True)
    ids = [await world.a_user(actor, f"user{number}", str(900 + number)) for number in range(8)]
    async with domain_transaction(actor) as tx:
        await service.switch(tx, ids[:3], True)
    await panel.sign_in(admin.login, admin.domain)
    await panel.goto("/recording")
    return admin, ids


async def on(admin: Someone) -> int:
    async with domain_transaction(admin.actor) as tx:
        return (await queries.counter(tx)).on


@pytest.mark.req("REC-20", "REC-21", "REC-23", "REC-D3")
async def test_the_group_bar(panel: Panel) -> None:
    """Two of nine, one of them recorded: (1) and (1); of two recorded nothing can be enabled."""
    admin, ids = await nine_users(panel)
    bar = panel.at(".sw-bulk")
    await panel.at(f'[name="ids"][value="{ids[0]}"]').check()
    await bar.get_by_text("Выбрано 1 из 9").wait_for()
    await bar.get_by_role("button", name="Включить запись").wait_for(state="hidden")
    await panel.at(f'[name="ids"][value="{ids[5]}"]').check()
    await bar.get_by_text("Выбрано 2 из 9").wait_for()
    await bar.get_by_role("button", name="Выключить запись (1)").wait_for()
    await bar.get_by_role("button", name="Включить запись (1)").click()
    await panel.dialog.get_by_text("70,00").first.wait_for()
    await panel.submit()
    await panel.at("#recording-count").get_by_text("Запись включена у 4 из 9").wait_for()
    assert await on(admin) == 4
    await panel.at("[data-tick-all]").check()
    await bar.get_by_role("button", name="Включить запись (5)").wait_for()
    await bar.get_by_role("button", name="Выключить запись (4)").wait_for()


@pytest.mark.req("REC-22", "REC-23", "SPA-05")
async def test_the_group_bar_with_analytics(panel: Panel) -> None:
    """Of two ticked of nine one is recorded and none analysed: (1), (2), (1), and nothing to switch off [TC-07]."""
    actor = await a_company(a_service("recording", "special", 70), a_service("speech", "special", 30), money="1000")
    admin = await a_user(actor, "zimin", is_admin=True)
    ids = [await world.a_user(actor, f"user{number}", str(900 + number)) for number in range(8)]
    async with domain_transaction(actor) as tx:
        await services.connect(tx, "speech")
        await service.switch(tx, ids[:1], True)
    await panel.sign_in(admin.login, admin.domain)
    await panel.goto("/recording")
    bar = panel.at(".sw-bulk")
    for one in (ids[0], ids[5]):
        await panel.at(f'[name="ids"][value="{one}"]').check()
    await bar.get_by_text("Выбрано 2 из 9").wait_for()
    for words in ("Включить запись (1)", "Включить запись с аналитикой (2)", "Выключить запись (1)"):
        await bar.get_by_role("button", name=words, exact=True).wait_for()
    await bar.get_by_role("button", name="Выключить аналитику").wait_for(state="hidden")
    await bar.get_by_role("button", name="Включить запись с аналитикой (2)").click()
    await panel.dialog.get_by_text("130,00").first.wait_for()  # recording for one, the analysis for two
    await panel.submit()
    await panel.at("#recording-count").get_by_text("Запись включена у 2 из 9").wait_for()
    await panel.goto("/speech")
    await panel.at("#speech-count").get_by_text("включена у 2 из 9").wait_for()
    await panel.at("[data-tick-all]").check()
    await bar.get_by_text("Выбрано 9 из 9").wait_for()
    await bar.get_by_role("button", name="Включить аналитику (7)").wait_for()
    await bar.get_by_role("button", name="Выключить аналитику (2)").wait_for()
    await picture(panel, "speech")


@pytest.mark.req("REC-04", "REC-10")
async def test_a_switch_follows_its_dialog(panel: Panel) -> None:
    admin, ids = await nine_users(panel)
    switch = panel.at(f'[data-recording="{ids[4]}"]')
    await switch.click()
    await panel.dialog.get_by_text("70,00").first.wait_for()
    assert not await switch.is_checked()
    await panel.page.keyboard.press("Escape")
    assert not await switch.is_checked()
    assert await on(admin) == 3
    await switch.click()
    await panel.dialog.get_by_text("70,00").first.wait_for()
    await panel.submit()
    await panel.at("#recording-count").get_by_text("Запись включена у 4 из 9").wait_for()
    assert await panel.at(f'[data-recording="{ids[4]}"]').is_checked()


@pytest.mark.req("REC-30", "REC-D4")
async def test_the_term_is_changed(panel: Panel) -> None:
    await nine_users(panel)
    await panel.at("#recording-term").select_option("36")
    await panel.dialog.get_by_text("630,00").wait_for()
    assert await panel.at("#recording-term").input_value() == "1"
    await panel.submit()
    await panel.at('#recording-term[data-term="36"]').wait_for()
    assert await panel.at("#recording-term").input_value() == "36"


async def test_the_page_fits(panel: Panel) -> None:
    await nine_users(panel)
    assert await panel.does_not_fit() == []


@pytest.mark.req("GEN-D5")
async def test_the_notice_outside_of_the_plan(panel: Panel) -> None:
    admin = await a_user(await a_company(a_service("fmc", "special")), is_admin=True)
    await panel.sign_in(admin.login, admin.domain)
    await expect(panel.at("#side a[href='/recording']")).to_have_count(0)
    await panel.goto("/recording")
    await expect(panel.at("main .alert-warning")).to_contain_text("Услуга «Запись разговоров» не входит в ваш тариф")
    assert await panel.does_not_fit() == []
    assert await panel.obstacles() == []
    await picture(panel, "recording-off")
    await panel.page.click("main a[href='/services']")
    await expect(panel.at("h1")).to_contain_text("Управление услугами")
