"""To the payment page and back in a real browser: scripts, cookies and the content policy let it happen."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Iterator

import pytest
from playwright.async_api import Browser, Page

from tests import stripe_stub
from tests.browser.conftest import _ready
from tests.browser.panel import Panel
from tests.browser.world import a_world
from tests.conftest import STATE
from tests.stripe_stub import StripeStub

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def stub() -> Iterator[StripeStub]:
    with stripe_stub.running() as found:
        yield found


@pytest.fixture(scope="module")
async def paying_url(web_url: str, stub: StripeStub) -> AsyncIterator[str]:
    """The web process with keys, as an installation of Stripe's has them."""
    from app.runner import embedded
    from app.runner.processes import Child

    port = embedded.free_port(18900 + os.getpid() % 90)
    environment = os.environ | {
        "WEB_PORT": str(port), "STRIPE_SECRET_KEY": stripe_stub.KEY, "STRIPE_API_BASE": stub.url,
        "STRIPE_WEBHOOK_SECRET": stripe_stub.WEBHOOK_SECRET, "STRIPE_CHECKOUT_ORIGIN": stub.url}
    child = Child("web", [sys.executable, "-m", "app", "web"], environment, STATE / f"web-card-{os.getpid()}.log")
    await child.start()
    url = f"http://127.0.0.1:{port}"
    await _ready(url, child)
    yield url
    await child.stop()


@pytest.fixture
async def tab(chromium: Browser, paying_url: str) -> AsyncIterator[Panel]:
    """Signed in, on the finance page."""
    context = await chromium.new_context(locale="ru", viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    tab = Panel(await context.new_page(), paying_url)
    tab.page.set_default_timeout(8000)
    world = await a_world(people=1)
    await tab.sign_in(world.admin.login, world.admin.domain)
    await tab.goto("/finance")
    yield tab
    await context.close()


async def _pay_and_come_back(page: Page, stub: StripeStub) -> None:
    await page.wait_for_url(f"{stub.url}/c/pay/*")
    await page.click("#pay")
    await page.wait_for_url("**/finance/card/*")
    await page.get_by_text("Деньги зачислены на счёт").wait_for()


async def test_paying_by_card_and_coming_back(tab: Panel, stub: StripeStub) -> None:
    page = tab.page
    await page.fill("#f-card_amount", "50")
    await page.click("#card-pay button[type=submit]")
    await page.get_by_text("От 100").first.wait_for()
    await page.locator("#card-pay .is-invalid").wait_for()
    await page.fill("#f-card_amount", "1 000,50")
    await page.check("#card-pay [name=save_card]")
    await page.click("#card-pay button[type=submit]")
    await _pay_and_come_back(page, stub)
    assert (await tab.does_not_fit(), await tab.obstacles()) == ([], [])
    await tab.goto("/finance")
    await page.get_by_text("VISA •••• 4242").wait_for()
    assert (await tab.does_not_fit(), await tab.obstacles()) == ([], [])
    await page.check("#card-automatic [name=is_on]")
    await page.fill("#f-threshold", "100")
    await page.fill("#f-auto_amount", "300")
    await page.click("#card-automatic button[type=submit]")
    await tab.toasts.get_by_text("Автопополнение включено").wait_for()
    await page.click("#saved-card a")
    await tab.dialog.get_by_text("будет удалена").wait_for()
    await tab.submit()
    await page.get_by_text("Сначала сохраните карту").wait_for()


async def test_the_policy_lets_a_plain_form_be_redirected_there_and_nowhere_else(tab: Panel, stub: StripeStub) -> None:
    """A form that is sent without our scripts is answered by 303, and `form-action` holds for redirects too."""
    page = tab.page
    await page.fill("#f-card_amount", "500")
    await page.evaluate("document.querySelector('#card-pay [name=csrf_token]').value = "
                        "document.querySelector('meta[name=csrf-token]').content; "
                        "HTMLFormElement.prototype.submit.call(document.querySelector('#card-pay'))")
    await _pay_and_come_back(page, stub)
    await tab.goto("/finance")
    async with page.expect_console_message(lambda message: "form-action" in message.text):
        await page.evaluate("url => { const form = document.querySelector('#card-pay'); form.action = url; "
                            "HTMLFormElement.prototype.submit.call(form); }",
                            stub.url.replace("127.0.0.1", "localhost"))
    assert page.url.endswith("/finance")
