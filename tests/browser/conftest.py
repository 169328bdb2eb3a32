"""The web process on the run's database, one Chromium, and tabs that fail the test for what a reader never sees."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator

import httpx
import pytest
from playwright.async_api import Browser, async_playwright

from tests.browser.axe import CHROMIUM_ARGUMENTS
from tests.browser.panel import Panel
from tests.conftest import STATE


@pytest.fixture(scope="session")
async def web_url(database: None) -> AsyncIterator[str]:
    """`python -m app web`, as in production; without an agent nothing is applied by itself."""
    from app.kernel.i18n import compile_catalogues
    from app.runner import embedded
    from app.runner.processes import Child
    from app.web.assets import build

    compile_catalogues()
    build()
    port = embedded.free_port(18600 + os.getpid() % 300)
    environment = os.environ | {"WEB_PORT": str(port)}
    child = Child("web", [sys.executable, "-m", "app", "web"], environment, STATE / f"web-{os.getpid()}.log")
    await child.start()
    url = f"http://127.0.0.1:{port}"
    await _ready(url, child)
    yield url
    await child.stop()


async def _ready(url: str, child) -> None:
    import asyncio

    async with httpx.AsyncClient(timeout=2, trust_env=False) as client:
        for _ in range(150):
            try:
                if (await client.get(f"{url}/readyz")).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            await asyncio.sleep(0.1)
    raise RuntimeError("the web process did not become ready: " + child.log_file.read_text()[-1500:])


@pytest.fixture(scope="session")
async def chromium(anyio_backend: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM_ARGUMENTS)
        yield browser
        await browser.close()


@pytest.fixture
async def panel(chromium: Browser, web_url: str) -> AsyncIterator[Panel]:
    """A browser context of its own; scripts' errors, the content policy's and requests abroad fail the test."""
    context = await chromium.new_context(locale="ru", viewport={"width": 1440, "height": 900},
                                         reduced_motion="reduce")
    opened = await Panel.open(context, web_url)
    yield opened
    await context.close()
    assert not opened.complaints


@pytest.fixture
async def second_panel(chromium: Browser, panel: Panel) -> AsyncIterator[Panel]:
    """Somebody else's browser."""
    context = await chromium.new_context(locale="ru", viewport={"width": 1440, "height": 900},
                                         reduced_motion="reduce")
    opened = await Panel.open(context, panel.url)
    yield opened
    await context.close()
    assert not opened.complaints
