"""What identifies a phone, and which proxy it is told: pure [DEV-03, DEV-08, DEV-13]."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address

from app.kernel.i18n import _

DEFAULT_PORT = 5060
_MAC, _SERIAL = re.compile(r"[0-9A-F]{12}"), re.compile(r"[0-9A-Z]{4,32}")
_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+")


@dataclass(frozen=True, slots=True)
class Server:
    """`host`: FQDN or IP address."""

    host: str
    port: int = DEFAULT_PORT

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Proxies:
    """Rows that are on; None for one that is off. `is_passed`: whether anything is told at all."""

    is_passed: bool = False
    primary: Server | None = None
    backup: Server | None = None


def mac_of(typed: str) -> str:
    """Twelve hex digits in upper case; separators are left out.

    Raises:
        ValueError: not that.
    """
    found = re.sub(r"[\s:.-]", "", typed).upper()
    if not _MAC.fullmatch(found) or found in ("0" * 12, "F" * 12):
        raise ValueError(_("A MAC address has 12 hexadecimal digits."))
    return found


def serial_of(typed: str) -> str:
    """Raises ValueError."""
    found = typed.strip().upper()
    if not _SERIAL.fullmatch(found):
        raise ValueError(_("A serial number has 4 to 32 Latin letters and digits."))
    return found


def host_of(typed: str) -> str:
    """FQDN or IP address in lower case; no zone of an address, which may hold any text. Raises ValueError."""
    found = typed.strip().lower().removesuffix(".")
    try:
        if "%" in found:
            raise ValueError
        return str(ip_address(found.removeprefix("[").removesuffix("]")))
    except ValueError:
        if not _HOST.fullmatch(found) or found.rpartition(".")[2].isdigit():
            raise ValueError(_("Enter a domain name or an IP address.")) from None
    return found


def effective(own: Proxies, of_domain: Proxies, *, uses_domain: bool) -> Proxies | None:
    """What the phone is told; None: nothing, its own values are left alone [DEV-13]."""
    found = of_domain if uses_domain else own
    return found if found.is_passed else None


def shown_mac(mac: str) -> str:
    return ":".join(mac[place:place + 2] for place in range(0, 12, 2))
