"""A browser as far as the server can tell: cookies, the CSRF token of the page, one network address."""

from __future__ import annotations

import random
import re
from html import unescape
from typing import Any

import httpx

BASE = "http://127.0.0.1:8000"
PASSWORD = "correct1horse"


def an_address() -> str:
    """Limits are counted per address, and outlive a run: each browser comes from elsewhere."""
    return f"10.{random.randint(0, 255)}.{random.randint(0, 255)}.{random.randint(1, 254)}"


def text_of(html: str) -> str:
    """What is read of a page, with plain spaces and minus signs."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html))).replace("\u2212", "-")


class Browser(httpx.AsyncClient):
    """`await browser.submit("/sign-in", login=...)` posts with the token of the last page seen."""

    def __init__(self, app: Any, ip: str = "", **options: Any) -> None:
        self.ip = ip or an_address()
        transport = httpx.ASGITransport(app=app, client=(self.ip, 40000), raise_app_exceptions=False)
        options.setdefault("headers", {"Accept-Language": "en"})  # without it the domain's language would count
        super().__init__(transport=transport, base_url=BASE, **options)

    async def csrf(self, path: str = "/restore-password") -> str:
        """The token that a page of this browser carries."""
        answer = await self.get(path, follow_redirects=True)
        found = re.search(r'<meta name="csrf-token" content="([^"]+)"', answer.text)
        assert found, answer.text[:500]
        return found[1]

    async def submit(self, path: str, *, page: str = "/restore-password", **fields: str) -> httpx.Response:
        """Post a form as a person does: open the page first."""
        return await self.post(path, data={"csrf_token": await self.csrf(page), **fields})

    async def sign_in(self, login: str, domain: str, password: str = PASSWORD, **fields: str) -> httpx.Response:
        return await self.submit("/sign-in", page="/sign-in", login=login, domain=domain, password=password, **fields)

    async def sign_in_at(self, panel: str, login: str, password: str = PASSWORD) -> httpx.Response:
        """`panel`: /group or /provider."""
        return await self.submit(f"{panel}/sign-in", page=f"{panel}/sign-in", login=login, password=password)

    def plant(self, name: str, value: str) -> None:
        """Put a cookie in the place of the server's own."""
        if name in self.cookies:
            self.cookies.delete(name)
        self.cookies.set(name, value, domain="127.0.0.1", path="/")

    def cookie_of(self, answer: httpx.Response, name: str) -> str:
        """The whole Set-Cookie line, "" when that cookie is not set."""
        return next((line for line in answer.headers.get_list("set-cookie") if line.startswith(name + "=")), "")
