"""What a trunk may be made of: every value here reaches Asterisk's configuration."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from app.kernel.i18n import _

TRANSPORTS = ("udp", "tcp")
_HOSTNAME = re.compile(r"(?=.{1,253}\Z)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*\Z")
_USERNAME = re.compile(r"[A-Za-z0-9._+-]{0,64}")
_PASSWORD = re.compile(r"[!-:<-Z^-~]{0,128}")  # printable ASCII without space ; [ \ ]


@dataclass(frozen=True, slots=True)
class TrunkData:
    """`password` None keeps the one that is stored. `max_calls` 0: no limit."""

    node_id: int
    name: str
    host: str
    port: int = 5060
    username: str = ""
    password: str | None = None
    transport: str = "udp"
    number_style: str = "e164"
    priority: int = 10
    max_calls: int = 0
    is_active: bool = True


def check_host(text: str) -> str:
    """An IP address or a host name in lower case.

    Raises:
        ValueError: with a text for the reader.
    """
    host = text.strip().lower()
    try:
        address = ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        last = host.rsplit(".", 1)[-1]
        if not _HOSTNAME.fullmatch(host) or last.isdigit():
            raise ValueError(_("Enter a host name like sip.carrier.example or an IP address.")) from None
        return host
    if isinstance(address, IPv6Address) and address.scope_id:
        raise ValueError(_("An address with a zone cannot be used."))
    if address.is_unspecified or address.is_multicast:
        raise ValueError(_("Calls cannot be sent to this address."))
    return str(address)


def check_username(text: str) -> str:
    """Raises ValueError with a text for the reader."""
    if not _USERNAME.fullmatch(text):
        raise ValueError(_("Latin letters, digits and the signs . _ + - only, at most 64."))
    return text


def check_password(text: str) -> str:
    """Raises ValueError with a text for the reader."""
    if not _PASSWORD.fullmatch(text):
        raise ValueError(_("Latin letters, digits and signs except space ; [ \\ ] only, at most 128."))
    return text
