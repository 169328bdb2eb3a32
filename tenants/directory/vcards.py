"""Contacts as vCards: reading files that people exported elsewhere, writing ours."""

from __future__ import annotations

from typing import Any

import vobject
from vobject.base import ParseError

from app.kernel.i18n import _
from app.kernel.tabular import NotATable, decoded
from tenants.directory.queries import Entry

_KINDS = {"cell": "mobile", "work": "work", "home": "home", "x-ip": "ip", "voip": "ip"}
_TYPES = {"mobile": "CELL", "work": "WORK", "home": "HOME", "ip": "X-IP", "other": "VOICE"}
COLUMN_KINDS = ("ip", "work", "mobile", "home", "other")


def is_vcard(content: bytes) -> bool:
    return content.lstrip(b"\xef\xbb\xbf \t\r\n")[:11].upper() == b"BEGIN:VCARD"


def read_vcards(content: bytes, *, max_rows: int) -> list[list[str]]:
    """Rows like those of the import table: name, group, speed dial, five numbers.

    Raises:
        NotATable: damaged, or too many cards.
    """
    rows: list[list[str]] = []
    try:
        card: Any
        for card in vobject.readComponents(decoded(content), validate=False, ignoreUnreadable=True):
            if card.name == "VCARD":
                rows.append(_row(card))
            if len(rows) > max_rows:
                raise NotATable(_("The file has more than %(rows)d rows.") % {"rows": max_rows})
    except (ParseError, ValueError, IndexError, AttributeError, TypeError, LookupError) as broken:
        if isinstance(broken, NotATable):
            raise
        raise NotATable(_("The file is not a readable list of vCards.")) from broken
    return rows


def _row(card: Any) -> list[str]:
    numbers: dict[str, str] = dict.fromkeys(COLUMN_KINDS, "")
    for tel in card.contents.get("tel", []):
        types = [one.lower() for one in (*tel.params.get("TYPE", []), *tel.singletonparams)]  # 2.1 has bare ones
        kind = next((_KINDS[one] for one in types if one in _KINDS), "other")
        if numbers[kind]:  # one number of a kind fits into the table
            kind = next((one for one in ("other", "work", "home", "mobile") if not numbers[one]), kind)
        numbers[kind] = numbers[kind] or str(tel.value).removeprefix("tel:")
    group = next((str(value) for one in card.contents.get("categories", []) for value in _listed(one.value)), "")
    speed = str(card.contents["x-speed-dial"][0].value) if "x-speed-dial" in card.contents else ""
    return [_name(card), group, speed, *numbers.values()]


def _name(card: Any) -> str:
    if "fn" in card.contents and str(card.contents["fn"][0].value).strip():
        return str(card.contents["fn"][0].value)
    if "org" in card.contents:
        return " ".join(_listed(card.contents["org"][0].value))
    return ""


def _listed(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def write_vcards(entries: list[Entry]) -> bytes:
    """vCard 3.0, which every phone reads."""
    parts = []
    for entry in entries:
        card: Any = vobject.vCard()
        card.add("n").value = vobject.vcard.Name(given=entry.name)
        card.add("fn").value = entry.name
        for one in entry.numbers:
            line = card.add("tel")
            line.value, line.type_param = one.number, _TYPES[one.kind]
        if entry.email:
            card.add("email").value = entry.email
        if entry.position:
            card.add("title").value = entry.position
        if entry.group:
            card.add("categories").value = [entry.group]
        card.add("x-speed-dial").value = entry.speed_dial
        parts.append(card.serialize())
    return "".join(parts).encode()
