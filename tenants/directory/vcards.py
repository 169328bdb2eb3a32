"""Contacts as vCards: reading files that people exported elsewhere, writing ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import vobject

from app.kernel.i18n import _
from app.kernel.tabular import NotATable, decoded, read_apart
from tenants.directory.queries import Entry

READER = Path(__file__).with_name("vcard_reader.py")
_TYPES = {"mobile": "CELL", "work": "WORK", "home": "HOME", "ip": "X-IP", "other": "VOICE"}


def is_vcard(content: bytes) -> bool:
    return content.lstrip(b"\xef\xbb\xbf \t\r\n")[:11].upper() == b"BEGIN:VCARD"


def read_vcards(content: bytes, *, max_rows: int) -> list[list[str]]:
    """Rows like those of the import table: name, group, speed dial, five numbers.

    Raises:
        NotATable: damaged, or too many cards.
    """
    rows = read_apart(READER, decoded(content).encode(), max_rows, _("The file is not a readable list of vCards."))
    if len(rows) > max_rows:
        raise NotATable(_("The file has more than %(rows)d rows.") % {"rows": max_rows})
    return rows


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
