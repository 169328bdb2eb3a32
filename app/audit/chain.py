"""The seal over the history: what a line's digest is, how digests are linked, what a check finds.

Pure: rows in, findings out. chain(n) = SHA-256(chain(n-1) || digest(line n)), in the order of sealing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

START = bytes(32)  # chain(0)

# Every column that tells something; names and order are part of the digest and never change.
COLUMNS = ("id", "domain_id", "pool_id", "at", "actor_kind", "actor_id", "actor_login", "actor_name", "behalf_login",
           "behalf_name", "jumped", "ip", "request_id", "action", "object_type", "object_id", "object_name", "changes")


@dataclass(frozen=True, slots=True)
class Sealed:
    """One link as stored; `line` is None when the line is no longer there."""

    number: int
    history_id: int
    chain: bytes
    line: Mapping[str, object] | None


@dataclass(frozen=True, slots=True)
class Broken:
    """problem: changed (the line or its link) | deleted (the line, or links in between) | inserted | cut."""

    problem: str
    history_id: int | None


def digest(line: Mapping[str, object]) -> bytes:
    """SHA-256 of a line in its one form: a JSON array, times in UTC with microseconds."""
    values = [_plain(line[name]) for name in COLUMNS]
    return sha256(json.dumps(values, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()).digest()


def link(before: bytes, line_digest: bytes) -> bytes:
    return sha256(before + line_digest).digest()


def first_broken(seals: Iterable[Sealed], *, before: bytes = START, last_number: int = 0) -> Broken | None:
    """The first link that does not hold; `before` and `last_number` go on from an earlier part."""
    for seal in seals:
        last_number += 1
        if seal.number != last_number:
            return Broken("deleted", seal.history_id)  # a link is missing before this one
        if seal.line is None:
            return Broken("deleted", seal.history_id)
        if link(before, digest(seal.line)) != seal.chain:
            return Broken("changed", seal.history_id)
        before = seal.chain
    return None


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return value
