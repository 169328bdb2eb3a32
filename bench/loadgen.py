"""A sign-in over HTTP, and a load generator that costs little: keep-alive connections, one request after another."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

import httpx

from bench.ground import Ground
from bench.seed import PASSWORD

LONGEST_SECONDS = 120.0


async def signed_in(ground: Ground, web_url: str, domain_id: int) -> str:
    """Cookie header of user1, who signed in on the page and opened the list of users."""
    from app.auth.passwords import hash_password

    domain = await ground.owner.fetchval("SELECT name FROM domain WHERE id = $1", domain_id)
    await ground.owner.execute("UPDATE domain_user SET password_hash = $2 WHERE domain_id = $1 AND login = 'user1'",
                               domain_id, hash_password(PASSWORD))
    async with httpx.AsyncClient(base_url=web_url, trust_env=False, timeout=10) as client:
        form = await client.get("/sign-in")
        token = re.search(r'name="csrf_token" value="([^"]+)"', form.text)
        assert token is not None, form.text[:300]
        answer = await client.post("/sign-in", data={"csrf_token": token[1], "login": "user1", "domain": domain,
                                                     "password": PASSWORD})
        page = await client.get("/users/", headers={"accept-language": "ru"})
        if answer.status_code != 303 or page.status_code != 200:
            raise RuntimeError(f"sign-in {answer.status_code}, list {page.status_code}")
        return "; ".join(f"{name}={value}" for name, value in client.cookies.items())


@dataclass(slots=True)
class Load:
    """Seconds of each answer; `wrong` counts answers other than 200."""

    times: list[float] = field(default_factory=list)
    wrong: int = 0
    seconds: float = 0.0
    bytes_each: int = 0

    @property
    def per_second(self) -> float:
        return len(self.times) / self.seconds


class _Connection(asyncio.Protocol):
    """Sends the next request as soon as the answer is whole; answers must name their length."""

    def __init__(self, load: Load, next_request: Callable[[], bytes | None]) -> None:
        self._load, self._next = load, next_request
        self._buffer = b""
        self._sent = 0.0
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._send()

    def _send(self) -> None:
        request = self._next()
        if request is None:
            self._transport.close()
            return
        self._sent = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head = self._buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        length = re.search(rb"content-length: (\d+)", self._buffer[:head], re.IGNORECASE)
        if length is None:
            self.ended.set_exception(RuntimeError(f"an answer without a length: {self._buffer[:head]!r}"))
            self._transport.close()
            return
        if len(self._buffer) < head + 4 + int(length[1]):
            return
        self._load.times.append(time.perf_counter() - self._sent)
        self._load.wrong += self._buffer[9:12] != b"200"
        self._load.bytes_each = int(length[1])
        self._buffer = b""
        self._send()

    def connection_lost(self, _error: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(None)


def request_of(url: str, cookie: str = "") -> bytes:
    parts = urlsplit(url)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    lines = [f"GET {path} HTTP/1.1", f"Host: {parts.netloc}", "Accept-Language: ru", "User-Agent: bench"]
    lines += [f"Cookie: {cookie}"] if cookie else []
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def run_load(url: str, next_request: Callable[[], bytes | None], *, connections: int) -> Load:
    """Until `next_request` gives None to every connection."""
    parts = urlsplit(url)
    load = Load()
    began = time.perf_counter()
    made = [await asyncio.get_running_loop().create_connection(
        lambda: _Connection(load, next_request), parts.hostname, parts.port) for _ in range(connections)]
    await asyncio.wait_for(asyncio.gather(*(protocol.ended for _transport, protocol in made)), LONGEST_SECONDS)
    load.seconds = time.perf_counter() - began
    return load


async def for_seconds(url: str, cookie: str, seconds: float, connections: int = 8) -> Load:
    """The same request over and over."""
    request, ends = request_of(url, cookie), time.perf_counter() + seconds
    return await run_load(url, lambda: request if time.perf_counter() < ends else None, connections=connections)
