"""What stands between a browser and us: reverse proxies, and who may read the metrics."""

from __future__ import annotations

import hmac
import os
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from litestar.connection import ASGIConnection

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Edge:
    """`TRUSTED_PROXIES`: addresses or networks, comma-separated. `METRICS_TOKEN`: "" allows loopback only."""

    trusted: tuple[Network, ...]
    metrics_token: str


@cache
def edge() -> Edge:
    """Read once from the environment."""
    names = os.environ.get("TRUSTED_PROXIES", "").split(",")
    return Edge(tuple(ip_network(name.strip(), strict=False) for name in names if name.strip()),
                os.environ.get("METRICS_TOKEN", ""))


def client_ip(connection: ASGIConnection) -> str:
    """The person's address: what the nearest proxy that is not ours tells, else the peer's.

    Left parts of X-Forwarded-For are written by whoever sent the request and prove nothing.
    """
    address = connection.client.host if connection.client else ""
    trusted = edge().trusted
    if not trusted or not _is_in(address, trusted):
        return address
    for hop in reversed(connection.headers.get("x-forwarded-for", "").split(",")):
        if not _parsed(hop):
            break
        address = hop.strip()
        if not _is_in(address, trusted):
            break
    return address


def limit_key(address: str) -> str:
    """What the limit per address counts: an IPv6 customer has a whole /64 to try from."""
    found = _parsed(address)
    if isinstance(found, IPv6Address):
        found = found.ipv4_mapped or found
    if isinstance(found, IPv6Address):
        return str(ip_network((found, 64), strict=False))
    return str(found or address)


def may_read_metrics(connection: ASGIConnection) -> bool:
    """With the token, or from this machine itself (not through a proxy that runs on it)."""
    token = edge().metrics_token
    sent = connection.headers.get("authorization", "")
    if token and hmac.compare_digest(sent.encode(), f"Bearer {token}".encode()):
        return True
    peer = _parsed(connection.client.host if connection.client else "")
    forwarded = "x-forwarded-for" in connection.headers or "forwarded" in connection.headers
    return bool(peer and peer.is_loopback and not forwarded)


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text.strip())
    except ValueError:
        return None


def _is_in(address: str, networks: tuple[Network, ...]) -> bool:
    found = _parsed(address)
    return found is not None and any(found in network for network in networks)
