"""Requests to addresses that customers type: only public ones, the address that was checked is the one connected to,
nothing is followed, little is read [API-44, DECISION of 1.3].
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

import httpx

from app.kernel import parameters
from app.kernel.db import DomainTx, PlatformTx
from app.modules.integration_api.rules import Network

MAX_ANSWER = 64 * 1024
ALLOWED = "api.private_networks"


class Unreachable(Exception):
    """No answer. `code`: not_public, not_found, refused, tls, timeout, redirect, broken."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(detail or code)
        self.code, self.detail = code, detail


@dataclass(frozen=True, slots=True)
class Answer:
    """`ip`: the address that answered; `body` is cut after 64 KB."""

    status: int
    headers: dict[str, str]
    body: bytes
    ip: str
    milliseconds: int

    @property
    def is_good(self) -> bool:
        return 200 <= self.status < 300


async def allowed_networks(tx: DomainTx | PlatformTx) -> tuple[Network, ...]:
    """Private networks that the provider lets customers' systems be in, for installations on their own premises."""
    known = await parameters.everything(tx)  # what the provider has just closed is closed at once
    return tuple(ip_network(one) for one in str(known[ALLOWED]).split())


def is_public(address: IPv4Address | IPv6Address, allowed: tuple[Network, ...]) -> bool:
    address = getattr(address, "ipv4_mapped", None) or address
    if any(address.version == network.version and address in network for network in allowed):
        return True
    carried = getattr(address, "sixtofour", None) or (getattr(address, "teredo", None) or (None, None))[1]
    if carried is not None and not is_public(carried, ()):
        return False
    return address.is_global and not address.is_multicast


async def resolve(host: str, port: int, allowed: tuple[Network, ...]) -> str:
    """One address of the host, all of which must be public.

    Raises:
        Unreachable: not_found, not_public.
    """
    try:
        found = await asyncio.wait_for(
            asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM), 5)
    except TimeoutError:
        raise Unreachable("not_found", host) from None
    except (OSError, UnicodeError):
        raise Unreachable("not_found", host) from None
    addresses = [ip_address(str(one[4][0]).partition("%")[0]) for one in found]
    if not addresses:
        raise Unreachable("not_found", host)
    if not all(is_public(one, allowed) for one in addresses):
        raise Unreachable("not_public", host)
    return str(addresses[0])


@cache
def trust(pem: str) -> ssl.SSLContext:
    """The usual authorities, and the customer's own certificate; a single server's is enough."""
    context = ssl.create_default_context()
    if pem:
        context.load_verify_locations(cadata=pem)
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


async def post(address: str, path: str, body: bytes, headers: dict[str, str], *, seconds: float, certificate: str = "",
               is_tls: bool = True, allowed: tuple[Network, ...] = ()) -> Answer:
    """POST to `<address>/<path>`; all of it in `seconds`.

    Raises:
        Unreachable: there is no answer that may be used.
    """
    try:
        async with asyncio.timeout(seconds):
            return await _request("POST", f"{'https' if is_tls else 'http'}://{address}/{path}", body, headers,
                                  certificate, allowed)
    except TimeoutError:
        raise Unreachable("timeout") from None


async def request(method: str, url: str, body: bytes = b"", headers: dict[str, str] | None = None, *, seconds: float,
                  allowed: tuple[Network, ...] = ()) -> Answer:
    """The same to a whole address, by any method."""
    try:
        async with asyncio.timeout(seconds):
            return await _request(method, url, body, headers or {}, "", allowed)
    except TimeoutError:
        raise Unreachable("timeout") from None


async def _request(method: str, url: str, body: bytes, headers: dict[str, str], certificate: str,
                   allowed: tuple[Network, ...]) -> Answer:
    parts = urlsplit(url)
    is_tls, host = parts.scheme == "https", parts.hostname or ""
    port = parts.port or (443 if is_tls else 80)
    ip = await resolve(host, port, allowed)
    began = time.monotonic()
    pinned = f"[{ip}]" if ":" in ip else ip
    target = f"{parts.scheme}://{pinned}:{port}{parts.path}" + (f"?{parts.query}" if parts.query else "")
    try:
        async with httpx.AsyncClient(verify=trust(certificate) if is_tls else True, trust_env=False,
                                     follow_redirects=False, timeout=None) as client:
            sent = client.build_request(method, target, content=body, headers=headers | {"Host": parts.netloc},
                                        extensions={"sni_hostname": host} if is_tls else {})
            answer = await client.send(sent, stream=True)
            try:
                if answer.is_redirect:
                    raise Unreachable("redirect", str(answer.status_code))
                content = await _read(answer)
            finally:
                await answer.aclose()
    except httpx.ConnectError as error:
        raise _why(error) from None
    except (httpx.HTTPError, ssl.SSLError, OSError, ValueError) as error:
        raise Unreachable("broken", repr(error)[:200]) from None
    return Answer(answer.status_code, dict(answer.headers), content, ip, int((time.monotonic() - began) * 1000))


async def _read(answer: httpx.Response) -> bytes:
    content = b""
    async for part in answer.aiter_bytes():
        content += part
        if len(content) > MAX_ANSWER:
            return content[:MAX_ANSWER]
    return content


def _why(error: httpx.ConnectError) -> Unreachable:
    text = str(error)
    if "certificate" in text.lower() or "ssl" in text.lower() or "tls" in text.lower():
        return Unreachable("tls", text[:200])
    return Unreachable("refused", text[:200])
