"""The visitor's window on a foreign site, the preview of the panel and the window of the schedule."""

from __future__ import annotations

import functools
import os
import re
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from app.kernel.db import domain_transaction
from tenants.users import destinations as _users
from tests.browser.axe import axe_source
from tests.browser.panel import Panel
from tests.browser.test_settings import picture
from tests.db.services_world import a_company, a_service
from tests.http.people import Someone, a_user
from widgets import queries, requests, service
from widgets.rules import ALWAYS

pytestmark = pytest.mark.anyio

OBJECTS = (_users,)  # they register themselves when they are imported
POLICY = "default-src 'none'; script-src {host}; connect-src {host}"  # a strict site: no inline styles or scripts


class _Quiet(SimpleHTTPRequestHandler):
    policy = ""

    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", self.policy)
        super().end_headers()

    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def site(tmp_path: Path, web_url: str) -> Iterator[tuple[str, Path]]:
    """Address and folder of a foreign site on another port."""
    handler = type("Site", (_Quiet,), {"policy": POLICY.format(host=web_url)})
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(handler, directory=str(tmp_path)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", tmp_path
    server.shutdown()
    server.server_close()


async def visitors_picture(page: Page, name: str) -> None:
    """For a person's eyes, with PICTURES=<folder>."""
    if folder := os.environ.get("PICTURES"):
        await page.screenshot(path=str(Path(folder) / f"{name}.png"))


async def a_widget(schedule: str = ALWAYS) -> tuple[Someone, queries.Widget]:
    actor = await a_company(a_service("callback_widget", "special", 1, 1), money="1000")
    admin = await a_user(actor, "zimin", is_admin=True)
    async with domain_transaction(actor) as tx:
        number = await service.create(tx)
        await service.configure(tx, number, is_on=True, name="Заказ", dist_type="user", object_id=admin.id,
                                schedule=schedule, intensity_seconds=0)
        await service.add_domain(tx, number, "127.0.0.1")
        return admin, await queries.widget(tx, number)


@pytest.mark.req("WGT-01", "WGT-42", "WGT-43", "WGT-44", "WGT-65", "WGT-66", "WGT-70")
async def test_a_visitor_orders_a_call(panel: Panel, chromium: Browser, site: tuple[str, Path]) -> None:
    """TC-28 in a browser: the colour changes on the site without a new code; the CAPTCHA is solved by itself."""
    admin, widget = await a_widget("0" * 167 + "1")
    url, folder = site
    await panel.sign_in(admin.login, admin.domain)
    await panel.goto(f"/widgets/{widget.id}")
    public = await panel.page.locator("[data-copy]").first.get_attribute("data-copy")
    assert public
    code = public.split('src="')[1].split("/widget")[0]
    (folder / "index.html").write_text(
        '<!doctype html><html lang="ru"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Магазин</title></head><body><h1>Магазин</h1>{public.replace(code, panel.url)}</body></html>")
    context = await chromium.new_context(viewport={"width": 360, "height": 740}, reduced_motion="reduce")
    visitor = await context.new_page()
    wrong: list[str] = []
    visitor.on("console", lambda one: wrong.append(one.text) if one.type in ("error", "warning") else None)
    visitor.on("pageerror", lambda one: wrong.append(str(one)))
    await visitor.goto(url)
    button = visitor.get_by_role("button", name="Обратный звонок")
    await expect(button).to_be_visible()
    for side in ("right", "bottom"):
        await expect(button).to_have_css(side, "20px")
    await visitors_picture(visitor, "widget-button-360")
    await visitor.keyboard.press("Tab")
    await visitor.keyboard.press("Enter")
    await expect(visitor.get_by_label("Номер телефона")).to_be_focused()
    await expect(visitor.get_by_role("dialog")).to_have_css("border-radius", "8px")
    await expect(visitor.get_by_label("Номер телефона")).to_have_css("border-radius", "4px")
    await expect(visitor.get_by_role("button", name="Позвоните мне")).to_have_css("font-size", "14px")
    await visitor.evaluate(axe_source())
    found = await visitor.evaluate("axe.run({runOnly: ['wcag2a', 'wcag2aa']})")
    assert [one["id"] for one in found["violations"]] == []
    await visitors_picture(visitor, "widget-window-360")
    await visitor.keyboard.type("12")
    await visitor.keyboard.press("Enter")
    await expect(visitor.get_by_role("status")).to_contain_text("Введите российский номер")
    await visitor.get_by_label("Номер телефона").fill("8 905 111-22-33")
    await visitor.get_by_label("Сообщение").fill("Перезвоните <b>вечером</b>")
    await visitor.get_by_role("button", name="Позвоните мне").click()
    await expect(visitor.get_by_role("status")).to_contain_text("Спасибо! Мы позвоним вам в рабочее время.")
    await visitor.keyboard.press("Escape")
    await expect(visitor.get_by_role("dialog")).to_be_hidden()
    assert await context.cookies() == []
    await panel.goto(f"/widgets/{widget.id}/log")
    await expect(panel.at("#list-results")).to_contain_text("+7 905 111-22-33")
    await expect(panel.at("#list-results")).to_contain_text("Перезвоните <b>вечером</b>")
    await expect(panel.at("#list-results")).to_contain_text(url)
    await panel.goto(f"/widgets/{widget.id}/display")
    shown = panel.at("#widget-preview-button").get_by_label("Обратный звонок")
    await expect(shown).to_have_css("background-color", "rgb(109, 63, 209)")
    await panel.page.select_option("#f-fill_kind", "gradient")
    await expect(panel.at("#widget-preview-button .open")).to_have_css("background-image", re.compile("linear-gradient"))
    await panel.page.select_option("#f-fill_kind", "solid")
    await panel.page.fill("#f-fill_colour", "#00aa55")
    await panel.page.fill("#f-title", "Ждём звонка")
    await expect(panel.at("#widget-preview-window")).to_contain_text("Ждём звонка")
    await expect(panel.at("#widget-preview-button .open")).to_have_css("background-color", "rgb(0, 170, 85)")
    await visitor.set_viewport_size({"width": 1440, "height": 900})
    await visitor.reload()
    await expect(button).to_have_css("background-color", "rgb(109, 63, 209)")  # not saved yet
    await panel.at("#widget-display button[type=submit]").click()
    await expect(panel.toasts).to_contain_text("Сайт покажет изменения без нового кода")
    await visitor.reload()
    changed = visitor.get_by_role("button", name="Ждём звонка")
    await expect(changed).to_have_css("background-color", "rgb(0, 170, 85)")
    await changed.click()
    await visitors_picture(visitor, "widget-window-1440")
    assert wrong == []
    await context.close()


@pytest.mark.req("WGT-34")
async def test_the_tabs(panel: Panel) -> None:
    admin, widget = await a_widget()
    await panel.sign_in(admin.login, admin.domain)
    await panel.goto(f"/widgets/{widget.id}")
    await panel.at(".sw-week-box summary").click()
    await panel.page.get_by_role("button", name="Рабочее время").click()
    for hour in (10, 11, 12):
        await panel.page.get_by_label(f"Суббота, {hour}:00").click()
    await picture(panel, "widget-schedule")
    await panel.at("#widget-settings button[type=submit]").click()
    await expect(panel.toasts).to_contain_text("Сохранено")
    async with domain_transaction(admin.actor) as tx:
        schedule = (await queries.widget(tx, widget.id)).schedule
    assert schedule[120:144] == "000000000011100000000000"
    assert schedule.count("1") == 48
    await panel.goto(f"/widgets/{widget.id}/security")
    await panel.at("#widget-captcha").uncheck()
    await expect(panel.toasts).to_contain_text("Сохранено")
    await panel.page.get_by_role("link", name="Чёрный список номеров").click()
    await panel.type_into("#f-number", "79051")
    await panel.submit()
    await expect(panel.at("#widget-entries")).to_contain_text("79051")
    await expect(panel.at("#count-black")).to_have_text("1")
    await panel.at("#widget-entries").get_by_role("button").click()
    await expect(panel.at("#count-black")).to_have_text("0")
    async with domain_transaction(admin.actor) as tx:
        seen = await requests.visit(tx, widget.id)
        assert seen is not None
        await requests.take(tx, seen, requests.Sent("79051112234", "Слово" * 60, "https://shop.example/" + "a" * 150, "::1"))
    for tab in ("", "/display", "/log"):
        await panel.goto(f"/widgets/{widget.id}{tab}")
        assert await panel.does_not_fit() == [], tab
        assert await panel.obstacles() == [], tab
        await picture(panel, f"widget-tab{tab.replace('/', '-')}")
