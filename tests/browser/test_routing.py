"""Schemes of numbers as a person uses them: the rule's window with its picker, order by keys and by dragging, lists."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from app.kernel.db import domain_transaction
from tenants.destinations.model import Destination, Kind
from tenants.forwarding.rules import DAY, Period
from tenants.routing import queries, service
from tests.browser.panel import Panel
from tests.browser.test_settings import picture
from tests.db.test_number_shop import a_buyer, in_stock
from tests.db.test_users_numbers import a_number
from tests.http.people import Someone, a_user

pytestmark = pytest.mark.anyio
WORK, WEEKEND = frozenset(range(1, 6)), frozenset({6, 7})


async def places(admin: Someone, number: int) -> list[str]:
    async with domain_transaction(admin.actor) as tx:
        return [",".join(rule.prefixes) for rule in (await queries.rules_of(tx, [number]))[number]]


async def a_scheme(panel: Panel) -> tuple[Someone, int]:
    admin = await a_user(await a_buyer(), "zimin", is_admin=True)
    number = await a_number(admin.actor)
    async with domain_transaction(admin.actor) as tx:
        for prefixes in ("495", "499", "812"):
            await service.add_rule(tx, number, service.RuleData(Destination(Kind.USER, admin.id), prefixes=(prefixes,)))
    await panel.sign_in(admin.login, admin.domain)
    await panel.goto("/routing")
    return admin, number


@pytest.mark.req("RTE-06", "RTE-22", "RTE-30", "RTE-50")
async def test_a_rule_is_made_and_moved(panel: Panel) -> None:
    admin, number = await a_scheme(panel)
    await panel.at(f"#line-{number}").get_by_text("Новое правило").click()
    await panel.dialog.get_by_text("На пользователя").click()
    await panel.dialog.get_by_text("Zimin").first.click()
    await panel.dialog.get_by_text("По префиксам").click()
    await panel.at("#f-prefixes").press_sequentially("343 351")
    await expect(panel.at("#f-prefixes")).to_have_value("343,351")
    await panel.dialog.get_by_text("Расписание", exact=True).click()
    await panel.dialog.get_by_role("button", name="Круглосуточно").click()
    await expect(panel.at('#modal [name="end"]')).to_have_value("00:00")
    await picture(panel, "routing-rule")
    await panel.submit()
    await expect(panel.at(".sw-rule")).to_have_count(4)
    assert await places(admin, number) == ["495", "499", "812", "343,351"]
    await panel.at(".sw-rule-place").last.press("ArrowUp")
    await panel.toasts.get_by_text("Порядок сохранён").first.wait_for()
    assert await places(admin, number) == ["495", "499", "343,351", "812"]
    handle, first = panel.at(".sw-rule-place").last, panel.at(".sw-rule").first
    await handle.hover()
    box = await first.bounding_box()
    assert box is not None
    await panel.page.mouse.down()
    await panel.page.mouse.move(box["x"] + 20, box["y"] + 5, steps=6)
    await panel.page.mouse.up()
    await expect(panel.at(".sw-rule-when").first).to_contain_text("812")
    await expect(panel.at(".sw-rule-place").first).to_have_text("1")
    assert (await places(admin, number))[0] == "812"


async def test_lists_exclude_each_other_and_chips_outlive_a_filter(panel: Panel) -> None:
    await a_scheme(panel)
    await panel.at(".sw-line-number").first.click()
    black, white = panel.at('[name="blacklist"]'), panel.at('[name="whitelist"]')
    await black.check()
    await white.check()
    await expect(black).not_to_be_checked()
    await panel.dialog.get_by_text("Белый список пуст").wait_for()
    await picture(panel, "number-settings")
    await panel.dialog.get_by_role("link", name="Настроить").last.click()
    await panel.at("#f-value").fill("8 999 000-00-01")
    await panel.at("#f-value").press("Enter")
    await panel.at("#line-list").get_by_text("+7 999 000-00-01").wait_for()
    _id, e164 = await in_stock("99.50")
    await panel.goto("/numbers")
    await panel.at("#shop").get_by_text("Подключить 8800").click()
    await panel.at('[name="was"][value^="toll_free"]').wait_for(state="attached")
    await panel.at('[name="digits"]').fill(e164[1:])
    await panel.at("#shop").get_by_role("button", name="Искать").click()
    await panel.at(f"#n-{e164}").check()
    await panel.at(".sw-picked").wait_for()
    await picture(panel, "numbers-chosen")
    assert await panel.does_not_fit() == []
    await panel.at("#shop").get_by_text("Подключить городской номер").click()
    await expect(panel.at('[name="kind"][value="city"]')).to_be_checked()
    await expect(panel.at("#shop")).to_contain_text(re.compile("99,50"))
    await panel.at(".sw-picked label").click()
    await expect(panel.at(".sw-picked")).to_have_count(0)


async def test_what_it_looks_like(panel: Panel) -> None:
    """Fits all widths; for a person's eyes."""
    admin, number = await a_scheme(panel)
    person = Destination(Kind.USER, admin.id)
    async with domain_transaction(admin.actor) as tx:
        await service.save_settings(tx, number, mode=service.LISTS["black"], is_default=True)
        await service.add_rule(tx, number, service.RuleData(person, periods=(
            Period(WORK, 0, 600), Period(WORK, 1140, DAY), Period(WEEKEND, 0, DAY)), prefixes=("495", "499")))
        await service.add_rule(tx, number, service.RuleData(Destination(Kind.VOICEMAIL, admin.id, "user")))
        await service.add_rule(tx, number, service.RuleData(Destination(Kind.HANGUP)))
        await service.add_rule(tx, number, service.RuleData(person, is_active=False))
    await panel.goto("/routing")
    await picture(panel, "routing")
    assert await panel.does_not_fit() == []
    assert await panel.obstacles() == []
    await panel.goto("/numbers")
    await picture(panel, "numbers")
    assert await panel.does_not_fit() == []
    assert await panel.obstacles() == []
