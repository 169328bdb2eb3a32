"""Private routes of a node as their trunks are: how each office PBX is reached and known [PRV-04, PRV-47]."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import ip_address

from app.kernel.db import PlatformTx
from pbx_provisioning.plan.checks import BadPlan, check

_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_PASSWORD = re.compile(r"[!-:<-~]{0,128}")  # printable, no space, no ;
_CODECS = re.compile(r"[a-z0-9]{1,12}(,[a-z0-9]{1,12}){0,7}")


@dataclass(frozen=True, slots=True)
class PrivateTrunk:
    """`password` "": the office is known by its address, which is an IP address then; else by the login prv<id>."""

    id: int
    domain_id: int
    language: str
    host: str
    port: int
    transport: str
    password: str = field(repr=False)
    codecs: str

    def __post_init__(self) -> None:
        if not self.is_ipv6:
            check("private route host", self.host, _HOST)
        check("private route password", self.password, _PASSWORD)
        check("private route codecs", self.codecs, _CODECS)
        if self.transport not in ("udp", "tcp") or self.language not in ("ru", "en"):
            raise BadPlan("private route", self.id)
        if not 1 <= self.port <= 65535 or self.id <= 0 or self.domain_id <= 0:
            raise BadPlan("private route", self.id)
        if not self.password and not _is_address(self.host):
            raise BadPlan("private route without a password", self.host)

    @property
    def is_ipv6(self) -> bool:
        return ":" in self.host and _is_address(self.host) and "%" not in self.host


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


async def load_private_trunks(tx: PlatformTx, node_id: int) -> list[PrivateTrunk]:
    """Those that are off too: the dialplan refuses their calls, and switching them needs no reload."""
    rows = await tx.fetch(
        "SELECT r.id, r.domain_id, d.locale AS language, r.host, r.port, r.transport, r.password, r.codecs "
        "FROM private_route r JOIN domain d ON d.id = r.domain_id WHERE d.pbx_node_id = $1 ORDER BY r.id", node_id)
    return [PrivateTrunk(**dict(row)) for row in rows]
