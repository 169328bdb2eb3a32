"""Signature, codes and what may be typed into the page: values in, values or errors out [API-30, API-33, API-42]."""

from __future__ import annotations

import hashlib
import hmac
import re
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from app.kernel.errors import InvalidFields
from app.kernel.i18n import _

MAX_BODY = 64 * 1024
MAX_ADDRESSES = 100
_CODE = re.compile(r"[0-9A-F]{32}")
_SIGN = re.compile(r"[0-9a-fA-F]{64}")
_HOST = re.compile(r"(?=.{1,253}$)([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?)(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}"
                   r"[A-Za-z0-9])?)*")
_PATH = re.compile(r"(/[A-Za-z0-9._~!$&'()*+,;=:@%-]+)*")

Network = IPv4Network | IPv6Network


def is_code(text: str) -> bool:
    return _CODE.fullmatch(text) is not None


def sign(client_id: str, body: bytes, key: str) -> str:
    """A bare SHA-256 over the body exactly as it is transmitted [API-42]."""
    return hashlib.sha256(client_id.encode() + body + key.encode()).hexdigest()


def is_signed(client_id: str, body: bytes, key: str, signature: str) -> bool:
    """In constant time; the header's hex may be of either case [API-43]."""
    return bool(_SIGN.fullmatch(signature)) and hmac.compare_digest(sign(client_id, body, key), signature.lower())


def external_address(text: str, field: str = "external_address") -> str:
    """host[:port][/base/path] without scheme and last slash; "" stays "".

    Raises:
        InvalidFields: not such an address.
    """
    text = text.strip()
    for scheme in ("https://", "http://"):
        text = text.removeprefix(scheme)
    text = text.rstrip("/")
    if not text:
        return ""
    wrong = _("Enter an address like crm.example.com:4443/pbx.")
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise InvalidFields(field, wrong, fields={field: wrong}) from None
    is_plain = not any(mark in text for mark in "?#@") and not parts.netloc.endswith(":") and len(text) <= 500
    good_host = _HOST.fullmatch(host) or _is_ip(host)
    if not is_plain or not good_host or port == 0 or not _PATH.fullmatch(parts.path):
        raise InvalidFields(field, wrong, fields={field: wrong})
    return text


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def allowed_network(text: str) -> Network:
    """An address or a network in CIDR notation [API-33].

    Raises:
        InvalidFields: neither.
    """
    try:
        return ip_network(text.strip(), strict=True)
    except ValueError:
        wrong = _("Enter an IP address or a network like 192.0.2.0/24.")
        raise InvalidFields("address", wrong, fields={"address": wrong}) from None


def is_allowed(address: str, networks: list[Network]) -> bool:
    """An empty list lets everybody in."""
    if not networks:
        return True
    try:
        source = ip_address(address)
    except ValueError:
        return False
    mapped = getattr(source, "ipv4_mapped", None)
    source = mapped or source
    return any(source.version == network.version and source in network for network in networks)


def last_digits(number: str) -> str:
    """What two ways of writing one number have in common: the last ten digits."""
    return re.sub(r"\D", "", number)[-10:]


def sip_uri(number: str, domain: str) -> str:
    return f"sip:{number}@{domain}" if number else ""


def sip_login(uri: str, domain: str) -> str:
    """The login of `sip:login@domain` or `login@domain` or `login`; "" for another domain's."""
    login, at, host = uri.strip().lower().removeprefix("sip:").partition("@")
    return login if not at or host == domain else ""
