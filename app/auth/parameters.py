"""The provider's parameters of the sign-in (chapter 01 §8.8): `auth.<name>` of the registry."""

from __future__ import annotations

from dataclasses import dataclass, fields

from asyncpg import Record

from app.kernel import parameters as registry
from app.kernel.db import public_transaction


@dataclass(frozen=True, slots=True)
class AuthParameters:
    """`auth.<name>`; the defaults are the registry's."""

    max_failures: int  # of one login@domain
    max_failures_per_ip: int
    lock_minutes: int  # window of the failures and length of the lock
    reset_token_minutes: int
    password_min_length: int
    require_totp: str  # nobody | staff | administrators


class _Reader:
    """Opens a transaction only when the registry has to read anew."""

    async def fetch(self, sql: str, *args: object) -> list[Record]:
        async with public_transaction() as tx:
            return await tx.fetch(sql, *args)


async def parameters() -> AuthParameters:
    """Values in force."""
    values = await registry.group(_Reader(), "auth")
    return AuthParameters(**{field.name: values[field.name] for field in fields(AuthParameters)})


def forget() -> None:
    """Read anew at the next use (after a change in this process)."""
    registry.forget()
