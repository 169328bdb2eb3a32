"""What an operator sees and may do: names of states, the address of the pane; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import quote, urlsplit

from app.kernel.i18n import LazyText, lazy

# What the operator himself chooses, as his workplace calls it.
WISHES: dict[str, LazyText] = {
    "waiting": lazy("Ready for calls"), "break": lazy("Technical break"), "away": lazy("Not at the desk")}
ON_CALL = frozenset({"ringing", "incoming", "outgoing", "campaign"})
MAX_URL = 4096
PLACES = ("caller", "called", "group_id", "group_name", "operator", "call_id", "direction")


def pane_url(template: str, facts: Mapping[str, object]) -> str:
    """The group's address with its placeholders filled, URL-encoded; "" for what is no web address [GRP-46]."""
    url = template
    for place in PLACES:
        url = url.replace(f"{{{place}}}", quote(str(facts.get(place, "")), safe=""))
    return url if origin(url) and len(url) <= MAX_URL else ""


def origin(url: str) -> str:
    """`https://host:port` as a content policy names it; "" for anything else than a plain web address."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not host or parts.username is not None:
        return ""
    if not all(one.isascii() and (one.isalnum() or one in ".-") for one in host):
        return ""
    return f"{parts.scheme}://{host}" + (f":{port}" if port else "")


def origins(templates: Iterable[str]) -> list[str]:
    """What a workplace may show in its pane; a host with placeholders is none."""
    return sorted({found for found in map(origin, templates) if found})
