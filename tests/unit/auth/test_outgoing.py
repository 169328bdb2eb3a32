"""Which addresses a tenant's text may lead us to."""

from __future__ import annotations

import httpx2
import pytest

from app.auth.sso import outgoing

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("address", [
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
    "255.255.255.255", "::1", "::", "fe80::1", "fd00::1", "ff02::1", "::ffff:10.0.0.1", "2002:a00:1::1",
    "64:ff9b::a00:1"])
def test_our_own_networks_are_not_public(address: str) -> None:
    assert not outgoing.is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "64:ff9b::101:101"])
def test_the_internet_is(address: str) -> None:
    assert outgoing.is_public(address)


async def test_a_name_with_one_private_address_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    async def answers(*_args: object, **_more: object) -> list:
        return [(0, 0, 0, "", ("1.1.1.1", 443)), (0, 0, 0, "", ("10.0.0.5", 443))]

    import asyncio

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", answers, raising=False)
    async with httpx2.AsyncClient(**outgoing.client_options()) as client:
        with pytest.raises(outgoing.Unreachable, match="not a public address"):
            await client.get("https://company.example/x")
