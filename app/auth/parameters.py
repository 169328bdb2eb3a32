"""The provider's parameters of the sign-in (chapter 01 §8.8), read once a minute."""

from __future__ import annotations

import time
from dataclasses import dataclass, fields

from app.kernel.db import public_transaction

KEEP_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class AuthParameters:
    """`auth.<name>` in provider_parameter."""

    max_failures: int = 5  # of one login@domain
    max_failures_per_ip: int = 20
    lock_minutes: int = 15  # window of the failures and length of the lock
    reset_token_minutes: int = 60
    password_min_length: int = 6


_cached: tuple[float, AuthParameters] | None = None


async def parameters() -> AuthParameters:
    """Values in force; one that is not a positive whole number counts as absent."""
    global _cached
    if _cached is None or time.monotonic() - _cached[0] > KEEP_SECONDS:
        async with public_transaction() as tx:
            rows = await tx.fetch("SELECT key, value FROM provider_parameter WHERE key LIKE 'auth.%'")
        known = {field.name for field in fields(AuthParameters)}
        found = {row["key"].removeprefix("auth."): row["value"] for row in rows}
        usable = {name: value for name, value in found.items()
                  if name in known and type(value) is int and value > 0}
        _cached = (time.monotonic(), AuthParameters(**usable))
    return _cached[1]


def forget() -> None:
    """Read anew at the next use (after a change in this process)."""
    global _cached
    _cached = None
