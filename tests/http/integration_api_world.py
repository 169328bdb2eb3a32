"""A company with the integration API, its external system, and signed requests."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from app.kernel import parameters
from app.kernel.actors import Actor
from app.kernel.db import domain_transaction, platform_transaction
from app.modules.integration_api import rules, service
from app.modules.integration_api.service import Settings
from billing.services import service as services
from tests.db.factories import STAFF
from tests.db.services_world import a_company, a_service
from tests.http.browser import Browser
from tests.http.people import Someone, a_user

PLAN = a_service("integration_api", "domain", "416.67", 5)


async def let_private_in() -> None:
    """Receivers of tests listen on this machine, as a system on a customer's own premises would."""
    async with platform_transaction(STAFF) as tx:
        await tx.execute("INSERT INTO provider_parameter (key, value) VALUES ('api.private_networks', $1) "
                         "ON CONFLICT (key) DO UPDATE SET value = $1", "127.0.0.0/8")
    parameters.forget()


async def an_admin(*more: dict, money: str = "10000") -> Someone:
    """The administrator of a company whose service is connected."""
    admin = await a_user(await a_company(PLAN, *more, money=money), is_admin=True)
    async with domain_transaction(admin.actor) as tx:
        await services.connect(tx, service.CODE)
    return admin


async def settings_of(actor: Actor) -> Settings:
    async with domain_transaction(actor) as tx:
        return await service.load(tx)


async def switch_on(actor: Actor, address: str = "crm.example.com", **changes: Any) -> Settings:
    """Without the look at the address' network: it is another test's matter."""
    async with domain_transaction(actor) as tx:
        await tx.execute("UPDATE api_settings SET external_address = $2, is_on = true WHERE domain_id = $1",
                         tx.domain_id, address)
        for name, value in changes.items():
            await tx.execute(f"UPDATE api_settings SET {name} = $2 WHERE domain_id = $1", tx.domain_id, value)
    return await settings_of(actor)


async def ask(client: Browser, own: Settings, method: str, body: object = None, *, base: str = "/pbx-api/v1",
              **headers: str) -> httpx.Response:
    """A signed request of the external system; `body` may be the text itself."""
    raw = (body if isinstance(body, str) else json.dumps(body if body is not None else {})).encode()
    sent = {"X-Client-ID": own.client_id, "X-Client-Sign": rules.sign(own.client_id, raw, own.key),
            "Content-Type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.post(f"{base}/{method}", content=raw, headers=sent)


@dataclass
class Receiver:
    """The external system: keeps what came, answers what `reply` says (status, body)."""

    address: str = ""
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    reply: Callable[[str, dict[str, Any]], tuple[int, str]] = field(default=lambda _path, _body: (200, "{}"))
    delay: float = 0.0

    def bodies(self, method: str = "call_events") -> list[dict[str, Any]]:
        return [json.loads(body) for path, _headers, body in self.requests if path.endswith(f"/{method}")]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines if line)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            path = first.split(" ")[1]
            self.requests.append((path, headers, body))
            if self.delay:
                await asyncio.sleep(self.delay)
            try:
                told = json.loads(body)
            except ValueError:
                told = {}
            status, text = self.reply(path, told)
            content = text.encode()
            extra = "Location: http://127.0.0.1/\r\n" if 300 <= status < 400 else ""
            writer.write(f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{extra}"
                         f"Content-Length: {len(content)}\r\nConnection: close\r\n\r\n".encode() + content)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def a_receiver(tls: Any = None) -> AsyncIterator[Receiver]:
    """On this machine, by HTTP, or by HTTPS with an `ssl.SSLContext`."""
    found = Receiver()
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0, ssl=tls)
    found.address = f"localhost:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield found
