"""Recovery codes are made here; rules.py knows how they are compared."""

from __future__ import annotations

import secrets

CODES = 10
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that looks like something else
_LENGTH = 12  # 31^12: 59 bits


def new_recovery_codes() -> list[str]:
    """To be shown once: `abcd-efgh-jkmn`."""
    made = ("".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH)) for _ in range(CODES))
    return [f"{one[:4]}-{one[4:8]}-{one[8:]}" for one in made]
