"""A tab of the panel: how a person signs in, and what must never happen behind the person's back."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from time import monotonic

from playwright.async_api import BrowserContext, ConsoleMessage, Locator, Page, Request
from playwright.async_api import Error as PlaywrightError

from tests.browser.axe import axe_source
from tests.http.browser import PASSWORD

# Refusals are part of the tests, and a search outrun by the next letter; browser and htmx note them in the console.
_EXPECTED = ("the server responded with a status of 4", "Response Status Error Code 4", "htmx:sendAbort",
             "htmx:afterRequest")
_WIDER = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
_CUT = ("[...document.querySelectorAll('.sw-table')].some(box => "
        "box.querySelector('table').offsetWidth > box.clientWidth + 1)")


@dataclass
class Panel:
    """`complaints`: errors of scripts, violations of the content policy, requests to other hosts."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)

    @classmethod
    async def open(cls, context: BrowserContext, url: str) -> Panel:
        panel = cls(await context.new_page(), url)
        panel.page.set_default_timeout(8000)
        panel.page.on("console", panel._hear)
        panel.page.on("pageerror", lambda error: panel.complaints.append(str(error)))
        panel.page.on("request", panel._see)
        return panel

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not any(one in message.text for one in _EXPECTED):
            self.complaints.append(f"{self.page.url}: {message.text}")

    def _see(self, request: Request) -> None:
        if not request.url.startswith((self.url, "data:", "blob:")):
            self.complaints.append(f"{self.page.url} asked {request.url}")

    async def goto(self, path: str) -> None:
        await self.page.goto(self.url + path, wait_until="load")

    async def sign_in(self, login: str, domain: str = "", *, at: str = "", password: str = PASSWORD) -> None:
        """`at`: "" the domain panel, /group or /provider."""
        await self.goto(f"{at}/sign-in")
        await self.page.fill("#f-login", login)
        await self.page.fill("#f-password", password)
        if domain:
            await self.page.fill("#f-domain", domain)
        await self.page.press("#f-password", "Enter")
        await self.page.wait_for_url(lambda url: "/sign-in" not in url)

    def at(self, selector: str) -> Locator:
        return self.page.locator(selector)

    @property
    def dialog(self) -> Locator:
        return self.page.locator("#modal")

    @property
    def toasts(self) -> Locator:
        return self.page.locator("#toasts")

    async def type_into(self, selector: str, text: str) -> None:
        """As a person does in a dialog that has just opened: after it has put the cursor into its first field."""
        await self.page.locator("#modal input:focus, #modal textarea:focus").first.wait_for()
        await self.page.locator(selector).press_sequentially(text, delay=25)

    async def until(self, script: str, *, seconds: float = 8) -> None:
        """Wait until the expression is true. Playwright's own wait evaluates inside of the page, which its content
        policy forbids."""
        end = monotonic() + seconds
        while not await self._holds(script):
            assert monotonic() < end, f"never true: {script}"
            await asyncio.sleep(0.05)

    async def _holds(self, script: str) -> bool:
        """Not while one page gives way to the next."""
        try:
            return bool(await self.page.evaluate(script))
        except PlaywrightError as error:
            if "context was destroyed" in error.message:
                return False
            raise

    async def submit(self) -> None:
        """The main button of the open dialog."""
        await self.dialog.locator("button[type=submit]").click()

    async def does_not_fit(self) -> list[int]:
        """Widths at which the page scrolls sideways or a list loses a column."""
        await self.until("document.readyState === 'complete' && !document.querySelector('.htmx-request')")
        wrong = []
        for width in (1440, 768, 360):
            await self.page.set_viewport_size({"width": width, "height": 800})
            if await self.page.evaluate(_WIDER) or await self.page.evaluate(_CUT):
                wrong.append(width)
        await self.page.set_viewport_size({"width": 1440, "height": 900})
        return wrong

    async def obstacles(self, rules: tuple[str, ...] = (), *, within: str = "html") -> list[str]:
        """What axe calls serious or critical; `rules` limits it to those, `within` to a part of the page."""
        if not await self.page.evaluate("typeof axe === 'object'"):
            await self.page.evaluate(axe_source())
        options = {"resultTypes": ["violations"]} | ({"runOnly": list(rules)} if rules else {})
        found = await self.page.evaluate("([part, options]) => axe.run(part, options)", [within, options])
        return [f"{one['id']}: {one['nodes'][0]['html'][:160]}" for one in found["violations"]
                if one["impact"] in ("serious", "critical")]
