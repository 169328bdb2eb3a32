"""vCards on stdin as JSON rows on stdout: name, group, speed dial, five numbers.

Run by `vcards` as a process of its own with limits, because a hostile file keeps the parser busy for hours.
Imports nothing of the application, as `app/kernel/workbook_reader.py`.
"""

from __future__ import annotations

import json
import logging
import resource
import sys
from typing import Any

import vobject

MEMORY_LIMIT = 512 * 1024 * 1024  # address space, bytes
SECONDS_LIMIT = 5  # of processor; 5,000 cards take one
COLUMN_KINDS = ("ip", "work", "mobile", "home", "other")
_KINDS = {"cell": "mobile", "work": "work", "home": "home", "x-ip": "ip", "voip": "ip"}


def rows_of(text: str, max_rows: int) -> list[list[str]]:
    """One more than `max_rows` at most."""
    rows: list[list[str]] = []
    card: Any
    for card in vobject.readComponents(text, validate=False, ignoreUnreadable=True):
        if card.name == "VCARD":
            rows.append(_row(card))
        if len(rows) > max_rows:
            break
    return rows


def _row(card: Any) -> list[str]:
    numbers: dict[str, str] = dict.fromkeys(COLUMN_KINDS, "")
    for tel in card.contents.get("tel", []):
        types = [one.lower() for one in (*tel.params.get("TYPE", []), *tel.singletonparams)]  # 2.1 has bare ones
        kind = next((_KINDS[one] for one in types if one in _KINDS), "other")
        if numbers[kind]:  # one number of a kind fits into the table
            kind = next((one for one in ("other", "work", "home", "mobile") if not numbers[one]), kind)
        numbers[kind] = numbers[kind] or str(tel.value).removeprefix("tel:")
    group = next((one for line in card.contents.get("categories", []) for one in _listed(line.value)), "")
    speed = str(card.contents["x-speed-dial"][0].value) if "x-speed-dial" in card.contents else ""
    return [_name(card).strip(), group.strip(), speed.strip(), *(one.strip() for one in numbers.values())]


def _name(card: Any) -> str:
    if "fn" in card.contents and str(card.contents["fn"][0].value).strip():
        return str(card.contents["fn"][0].value)
    if "org" in card.contents:
        return " ".join(_listed(card.contents["org"][0].value))
    return ""


def _listed(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS_LIMIT, SECONDS_LIMIT))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    logging.disable(logging.CRITICAL)
    sys.stdout.write(json.dumps(rows_of(sys.stdin.buffer.read().decode(), int(sys.argv[1]))))
