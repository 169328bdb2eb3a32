"""Requests to an address that a tenant has typed: they reach the public Internet and nothing else.

The name is looked up once and the connection goes to the very address that was judged, so an answer that
changes between the two (DNS rebinding) gains nothing. Redirects are not followed.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from ipaddress import IPv6Address, ip_address
from typing import Any, cast

import httpx2

from app.settings import settings

SECONDS = 5.0
MAX_BYTES = 512 * 1024
_NAT64 = ip_address("64:ff9b::")


class Unreachable(Exception):
    """The address may not be asked or did not answer as it should; the text is for the log."""


def is_public(address: str) -> bool:
    """False for every address that only our own networks reach."""
    found = ip_address(address)
    if isinstance(found, IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo or (None,))[0]
        if inner is None and int(found) >> 32 == int(_NAT64) >> 32:
            inner = ip_address(int(found) & 0xFFFFFFFF)
        found = inner or found
    return found.is_global and not found.is_multicast


def _is_test_loopback(address: str) -> bool:
    return settings().environment == "test" and ip_address(address).is_loopback


async def _resolve(host: str, port: int) -> str:
    """The address to connect to; a name with even one address of ours is not asked at all."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as unknown:
        raise Unreachable(f"{host}: {unknown}") from None
    addresses = [str(one[4][0]).partition("%")[0] for one in found]
    if not addresses or not all(is_public(one) or _is_test_loopback(one) for one in addresses):
        raise Unreachable(f"{host} is not a public address")
    return addresses[0]


class PublicTransport(httpx2.AsyncBaseTransport):
    """`httpx2.AsyncClient(transport=PublicTransport(), trust_env=False)`: https to public addresses, small answers."""

    def __init__(self) -> None:
        self._inner = httpx2.AsyncHTTPTransport(retries=0)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        host = request.url.host
        address = await _resolve(host, request.url.port or 443)
        if request.url.scheme != "https" and not _is_test_loopback(address):
            raise Unreachable(f"{request.url.scheme} is not https")
        request.extensions = request.extensions | {"sni_hostname": host}  # the certificate is checked for the name
        request.url = request.url.copy_with(host=address)
        answer = await self._inner.handle_async_request(request)
        if answer.headers.get("content-encoding", "identity") != "identity":  # a small body may unpack to a huge one
            await answer.aclose()
            raise Unreachable("the answer is packed, though not asked for")
        return httpx2.Response(answer.status_code, headers=answer.headers, extensions=answer.extensions,
                              stream=_Short(cast("httpx2.AsyncByteStream", answer.stream)))

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Short(httpx2.AsyncByteStream):
    """A body that may not grow beyond MAX_BYTES."""

    def __init__(self, inner: httpx2.AsyncByteStream) -> None:
        self._inner = inner

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._inner:
            size += len(chunk)
            if size > MAX_BYTES:
                raise Unreachable("the answer is too long")
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()


def client_options() -> dict[str, Any]:
    """For httpx2.AsyncClient and what is built on it."""
    return {"transport": PublicTransport(), "timeout": SECONDS, "trust_env": False, "follow_redirects": False,
            "headers": {"Accept": "application/json", "Accept-Encoding": "identity"}}
