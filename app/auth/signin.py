"""Signing in: limit, look-up, password, session, history, in this order [ACC-08, ACC-D4, ACC-D6]."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from app.auth import accounts, hashing, journal, sessions, throttle
from app.auth.accounts import Account
from app.auth.parameters import parameters
from app.auth.passwords import needs_rehash
from app.auth.shells import Shell

Later = Callable[[], Awaitable[None]]
MAX_PASSWORD = 200  # characters looked at; more is no password of ours, only work


@dataclass(frozen=True, slots=True)
class Entered:
    """The cookie's token and who it is for."""

    token: str
    role: str
    locale: str


@dataclass(frozen=True, slots=True)
class Denied:
    """`wait_minutes` 0: wrong; else locked. `later` runs after the answer, so that its time tells nothing."""

    wait_minutes: int = 0
    later: Later | None = None
    is_sso_only: bool = False  # the password was right, but the company's sign-in is the only way


async def sign_in(shell: Shell, login: str, password: str, domain: str, *, ip: str,
                  request_id: str) -> Entered | Denied:
    """Try once. All that is wrong with an account gives the same `Denied()`."""
    login, domain = accounts.normalised(login), accounts.normalised(domain)
    limit = await parameters()
    attempt = await throttle.begin(shell.name, f"{login}@{domain}", ip, throttle.Limits(
        limit.max_failures, limit.max_failures_per_ip, limit.lock_minutes * 60))
    if attempt.is_refused:
        return Denied(max(1, -(-attempt.wait_seconds // 60)),
                      _note_later(shell, login, domain, ip, request_id) if attempt.is_first_refusal else None)
    try:
        account = await accounts.find(shell, login, domain)
        fits = await hashing.verify(account.password_hash if account else None, password[:MAX_PASSWORD + 1])
        entered = None
        if account and fits and account.is_sso_only:
            await attempt.succeeded()
            return Denied(is_sso_only=True)
        if account and fits and account.is_active and len(password) <= MAX_PASSWORD:
            entered = await _enter(shell, account, password, ip, request_id)
    except BaseException:
        await attempt.undone()
        raise
    if entered is None:
        await attempt.failed()
        return Denied(0, _noting(account, ip, request_id, journal.FAILED) if account else None)
    await attempt.succeeded()
    return entered


async def _enter(shell: Shell, account: Account, password: str, ip: str, request_id: str) -> Entered | None:
    new_hash = await hashing.make_hash(password) if needs_rehash(account.password_hash) else None
    token = await sessions.start(shell, account.person)
    try:
        confirmed = await journal.confirm(account, account.actor(ip, request_id), new_hash)
    except BaseException:
        await sessions.end(token)
        raise
    if not confirmed:
        await sessions.end(token)
        return None
    return Entered(token, account.person.role, account.person.locale)


def _noting(account: Account, ip: str, request_id: str, action: str) -> Later:
    async def note() -> None:
        await journal.note(account, account.actor(ip, request_id), action)

    return note


def _note_later(shell: Shell, login: str, domain: str, ip: str, request_id: str) -> Later:
    async def note() -> None:
        account = await accounts.find(shell, login, domain)
        if account:
            await journal.note(account, account.actor(ip, request_id), journal.LOCKED_OUT)

    return note
