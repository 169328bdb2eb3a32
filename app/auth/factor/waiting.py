"""Between the password and the code: the person is known, and nothing is open yet."""

from __future__ import annotations

import secrets
from hashlib import sha256

import msgspec

from app.auth import accounts, store
from app.auth.accounts import Account
from app.auth.shells import Shell

LASTS_SECONDS = 5 * 60
COOKIE = "switchroom_code"


class _Waiting(msgspec.Struct):
    shell: str
    login: str
    domain: str
    person_id: int
    password: str  # hash of the hash: another password meanwhile voids this
    next: str


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Waiting).decode


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def _key(token: str) -> str:
    return f"totp:waiting:{_hash(token)}"


async def hold(shell: Shell, account: Account, wish: str) -> str:
    """A token for the browser's cookie."""
    token, person = secrets.token_urlsafe(32), account.person
    await store.client().set(_key(token), _encode(_Waiting(
        shell.name, person.login, person.domain_name, person.id, _hash(account.password_hash), wish)),
        ex=LASTS_SECONDS)
    return token


async def who(shell: Shell, token: str) -> tuple[Account, str] | None:
    """Whose code is waited for, and where they wanted to go."""
    raw = await store.client().get(_key(token)) if token else None
    found = _decode(raw) if raw else None
    if found is None or found.shell != shell.name:
        return None
    account = await accounts.find(shell, found.login, found.domain)
    if account is None or account.person.id != found.person_id or not account.is_active \
            or _hash(account.password_hash) != found.password:
        return None
    return account, found.next


async def over(token: str) -> None:
    await store.client().delete(_key(token))
