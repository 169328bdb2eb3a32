"""The page patterns as a person uses them, on the gallery's made-up data."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect, sync_playwright

from app.kernel.i18n import compile_catalogues
from tests.browser.axe import CHROMIUM_ARGUMENTS, cut_off_tables, scrolls_sideways, serious_problems
from tests.gallery import the_gallery

PAGES = ("", "/users", "/users?department=sales&sort=-extension", "/users/empty", "/users/new",
         "/card?trouble=1", "/sign-in", "/nowhere")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    compile_catalogues()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with the_gallery() as app:
        server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error"))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/gallery"
        server.should_exit = True
        thread.join(5)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM_ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page under the real content policy: anything it blocks fails the test."""
    context = browser.new_context(locale="ru", viewport={"width": 1440, "height": 900})
    tab = context.new_page()
    blocked: list[str] = []
    tab.on("console", lambda told: blocked.append(told.text) if "Content Security" in told.text else None)
    tab.on("pageerror", lambda error: blocked.append(str(error)))
    yield tab
    context.close()
    assert not blocked


@pytest.mark.parametrize(("width", "theme", "lang"),
                         [(360, "light", "ru"), (768, "dark", "en"), (1440, "dark", "ru")])
def test_every_pattern_fits_and_is_accessible(browser: Browser, address: str, width: int, theme: str, lang: str):
    context = browser.new_context(locale=lang, viewport={"width": width, "height": 800}, bypass_csp=True)
    context.add_cookies([{"name": "theme", "value": theme, "url": address}])
    tab = context.new_page()
    foreign: list[str] = []
    tab.on("request", lambda one: None if one.url.startswith((address[:-8], "data:")) else foreign.append(one.url))
    for path in PAGES:
        tab.goto(address + path)
        assert not scrolls_sideways(tab), path
        assert not cut_off_tables(tab), path
        assert not serious_problems(tab), path
    context.close()
    assert not foreign


def test_list_searches_filters_pages_and_selects(page: Page, address: str):
    page.goto(f"{address}/users")
    expect(page.locator("#list-total")).to_have_text("105")
    page.fill("#list-search", "петров")
    expect(page.locator("#list-total")).to_have_text("10")
    assert "q=" in page.url
    assert page.evaluate("document.activeElement.id") == "list-search"
    page.select_option("select[name=department]", "sales")
    page.locator(".sw-chip").click()
    expect(page.locator("select[name=department]")).to_have_value("")
    page.goto(f"{address}/users")
    rows = page.locator("input[name=ids]")
    expect(rows).to_have_count(50)
    for expected in (100, 105):
        page.evaluate("scrollTo(0, 1e6)")
        expect(rows).to_have_count(expected)
    rows.nth(1).check()
    rows.nth(4).click(modifiers=["Shift"])
    expect(page.locator(".sw-bulk-count")).to_have_text("Выбрано 4 из 105")


def test_form_keeps_what_was_typed_and_says_what_is_wrong(page: Page, address: str):
    page.goto(f"{address}/users")
    page.locator(".sw-head a.btn-primary").click()
    expect(page.locator("#f-name")).to_be_focused()
    page.fill("#f-name", "Тест")
    page.fill("#f-extension", "101")
    page.locator("[data-password-make]").click()
    page.press("#f-name", "Enter")
    expect(page.locator("#f-login-error")).to_have_text("Не меньше 3 символов.")
    assert len(page.input_value("#f-password")) == 12
    asked: list[str] = []
    page.once("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))
    page.keyboard.press("Escape")
    expect(page.locator("#modal")).to_be_visible()
    assert asked
    page.fill("#f-login", "test")
    page.select_option("#f-department", "sales")
    page.press("#f-login", "Enter")
    expect(page.locator("#f-extension-error")).to_contain_text("101 занят")
    page.fill("#f-extension", "999")
    page.keyboard.press("Enter")
    expect(page.locator("#toasts")).to_contain_text("Тест")
    expect(page.locator("#modal")).to_be_hidden()


def test_refusal_is_shown_in_the_dialog(page: Page, address: str):
    page.goto(f"{address}/card")
    page.locator(".sw-head a.btn-ghost-danger").click()
    page.locator("#modal .btn-danger").click()
    expect(page.locator("#modal [data-form-result]")).to_contain_text("Иванова")
    page.keyboard.press("Escape")
    expect(page.locator("#modal")).to_be_hidden()


def test_live_state_two_lists_and_chart(page: Page, address: str):
    page.goto(address)
    expect(page.locator("#live-0")).to_contain_text("Действует")
    expect(page.locator("[data-chart] svg")).to_be_visible()
    page.locator("[data-two-list=from]").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("[data-two-count=to]")).to_have_text("5")
    expect(page.locator("[data-two-values] input")).to_have_count(5)
