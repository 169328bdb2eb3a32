"""The form of reports: fields that follow the type, chips, quick periods, rows that come while scrolling."""

from __future__ import annotations

import pytest

from tests.browser.panel import Panel
from tests.http.contact_centre import a_centre, a_group, an_operator
from tests.http.people import a_user
from tests.http.test_reports import a_call, states

pytestmark = pytest.mark.anyio


async def seems_right(panel: Panel) -> None:
    assert await panel.does_not_fit() == []
    assert await panel.obstacles() == []


@pytest.mark.req("RPT-01", "RPT-03", "RPT-05")
async def test_a_report_is_chosen_and_shown(panel: Panel) -> None:
    actor = await a_centre()
    admin, anna = await a_user(actor, is_admin=True), await an_operator(actor, "anna")
    groups = [await a_group(actor, name, [anna.id]) for name in ("Отдел продаж Северо-Западного региона", "Поддержка")]
    for number in range(120):
        await a_call(actor, groups[number % 2], "10 12:00:00", operator=anna.id, waited=number, talked=60 + number)
    await states(actor, anna.id, ("01 10:00:00", "waiting"), ("01 18:00:00", "offline"))
    await panel.sign_in(admin.login, admin.domain)
    await panel.goto("/groups/reports")
    await seems_right(panel)
    await panel.page.evaluate("window.never_reloaded = true")
    await panel.at("[data-report-preset]").last.click()
    wide = await panel.page.input_value("#f-from")
    await panel.at("[data-report-preset]").first.click()
    assert wide < await panel.page.input_value("#f-from") == await panel.page.input_value("#f-to")
    await panel.page.click("#report-form [type=submit]")
    await panel.page.get_by_text("Выберите значение.").wait_for()
    await panel.page.fill("#f-from", "2021-03-01")
    await panel.page.fill("#f-to", "2021-03-31")
    await panel.page.select_option("#f-report", "compare")
    await panel.page.wait_for_selector("#f-groups")
    assert await panel.page.input_value("#f-from") == "2021-03-01"
    await panel.page.click("#report-form [type=submit]")
    await panel.page.get_by_text("Выберите хотя бы одно.").wait_for()
    await panel.page.select_option("#f-groups", "*")
    assert await panel.at("[data-report-chip]").count() == 2
    await panel.at(f"[data-report-chip='{groups[0]}'] button").click()
    await panel.page.click("#report-form [type=submit]")
    await panel.page.wait_for_selector(".sw-report-total")
    assert "60" in await panel.at(".sw-report-total").inner_text()
    assert f"groups={groups[1]}" in panel.page.url
    await seems_right(panel)
    await panel.page.select_option("#f-report", "calls")
    await panel.page.wait_for_selector("#f-number")
    await panel.page.click("#report-form [type=submit]")
    await panel.page.wait_for_selector(".sw-report tbody tr")
    assert await panel.at(".sw-report tbody tr").count() == 101
    await panel.page.evaluate("document.getElementById('report-more').scrollIntoView()")
    await panel.until("document.querySelectorAll('.sw-report tbody tr').length === 120")
    assert await panel.page.evaluate("window.never_reloaded")
    await panel.page.reload()
    await panel.page.wait_for_selector(".sw-report tbody tr")
    await panel.page.set_viewport_size({"width": 360, "height": 800})
    await panel.goto(f"/groups/reports?report=shifts&operator={anna.id}&from=2021-03-01&to=2021-03-31&show=1")
    await seems_right(panel)
