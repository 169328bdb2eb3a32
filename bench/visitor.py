"""A browser that asks a page again and again, one request at a time."""

from __future__ import annotations

import re
import time
from types import TracebackType
from typing import Any

import httpx

from bench.report import Figure, percentile


class Visitor:
    """Signed in to one panel; `await visitor.times(path, 20)` gives the seconds of each answer."""

    def __init__(self, web_url: str) -> None:
        self.client = httpx.AsyncClient(base_url=web_url, trust_env=False, timeout=30,
                                        headers={"Accept-Language": "ru"})
        self.token = ""

    async def __aenter__(self) -> Visitor:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None,
                        trace: TracebackType | None) -> None:
        await self.client.aclose()

    async def sign_in(self, panel: str, **fields: str) -> None:
        self.token = await self._token(f"{panel}/sign-in")
        answer = await self.client.post(f"{panel}/sign-in", data={"csrf_token": self.token, **fields})
        if answer.status_code != 303:
            raise RuntimeError(f"sign-in {answer.status_code}")
        self.token = await self._token(panel or "/")

    async def _token(self, path: str) -> str:
        page = await self.client.get(path, follow_redirects=True)
        found = re.search(r'<meta name="csrf-token" content="([^"]+)"', page.text)
        assert found is not None, page.text[:300]
        return found[1]

    async def times(self, path: str, count: int, *, has: str, **params: str) -> list[float]:
        """Seconds of the list's results; the answer must hold `has`."""
        found = []
        for _ in range(count):
            began = time.perf_counter()
            page = await self.client.get(path, params=params, headers={"HX-Request": "true",
                                                                      "HX-Target": "list-results"})
            found.append(time.perf_counter() - began)
            if page.status_code != 200 or has not in page.text:
                raise RuntimeError(f"{path} {params}: {page.status_code}, without {has!r}")
        return found

    async def post(self, path: str, data: dict[str, Any]) -> float:
        began = time.perf_counter()
        answer = await self.client.post(path, data=data, headers={"X-CSRF-Token": self.token, "HX-Request": "true"})
        if answer.status_code != 200:
            raise RuntimeError(f"{path}: {answer.status_code} {answer.text[:300]}")
        return time.perf_counter() - began


def judged(what: str, seconds: list[float], most_ms: int) -> Figure:
    """Median and 95th percentile, the latter held against the target."""
    p50, p95 = percentile(seconds, .5) * 1000, percentile(seconds, .95) * 1000
    return Figure(what, f"p50 {p50:.0f} ms, p95 {p95:.0f} ms", f"p95 < {most_ms} ms", p95 < most_ms)
