"""Signing in: limit, look-up, password, session, history, in this order [ACC-08, ACC-D4, ACC-D6]."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from app.auth import accounts, hashing, journal, notices, sessions, throttle
from app.auth.accounts import Account
from app.auth.factor import service as factor
from app.auth.factor import waiting
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
    domain_locale: str = ""  # for a browser that names no language


@dataclass(frozen=True, slots=True)
class Denied:
    """`wait_minutes` 0: wrong; else locked. `later` runs after the answer, so that its time tells nothing."""

    wait_minutes: int = 0
    later: Later | None = None
    is_sso_only: bool = False  # the password was right, but the company's sign-in is the only way


@dataclass(frozen=True, slots=True)
class NeedsCode:
    """The password was right; the second factor is asked for. `token` goes into the cookie `waiting.COOKIE`."""

    token: str


@dataclass(frozen=True, slots=True)
class Visit:
    """Where a sign-in comes from and where it wants to go."""

    ip: str
    request_id: str
    device: str = ""
    wish: str = ""


async def sign_in(shell: Shell, login: str, password: str, domain: str, visit: Visit) -> Entered | Denied | NeedsCode:
    """Try once. All that is wrong with an account gives the same `Denied()`."""
    ip, request_id = visit.ip, visit.request_id
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
            new_hash = await hashing.make_hash(password) if needs_rehash(account.password_hash) else None
            entered = await admit(shell, account, visit, new_hash)
    except BaseException:
        await attempt.undone()
        raise
    if entered is None:
        await attempt.failed()
        return Denied(0, _noting(account, ip, request_id, journal.FAILED) if account else None)
    await attempt.succeeded()
    return entered


async def admit(shell: Shell, account: Account, visit: Visit,
                new_hash: str | None = None) -> Entered | NeedsCode | None:
    """For a person who has proved the first factor. None: the account changed in this very moment."""
    state = await factor.state(account.actor(visit.ip, visit.request_id))
    if state.is_on:
        return NeedsCode(await waiting.hold(shell, account, visit.wish))
    return await _enter(shell, account, visit, new_hash)


async def enter_code(shell: Shell, token: str, code: str, visit: Visit) -> tuple[Entered, str] | Denied | None:
    """The second step, with the wish of the first. None: it was left for too long, begin again."""
    found = await waiting.who(shell, token)
    if found is None:
        return None
    account, wish = found
    person, limit = account.person, await parameters()
    attempt = await throttle.begin(f"{shell.name}-code", f"{person.domain_id}:{person.id}", visit.ip, throttle.Limits(
        limit.max_failures, limit.max_failures_per_ip, limit.lock_minutes * 60))
    if attempt.is_refused:
        note = _noting(account, visit.ip, visit.request_id, journal.LOCKED_OUT) if attempt.is_first_refusal else None
        return Denied(max(1, -(-attempt.wait_seconds // 60)), note)
    try:
        fits = await factor.check(account.actor(visit.ip, visit.request_id), code)
        entered = await _enter(shell, account, visit, None) if fits else None
    except BaseException:
        await attempt.undone()
        raise
    if entered is None:
        await attempt.failed()
        return Denied(0, _noting(account, visit.ip, visit.request_id, journal.FAILED))
    await attempt.succeeded()
    await waiting.over(token)
    return entered, wish


async def _enter(shell: Shell, account: Account, visit: Visit, new_hash: str | None) -> Entered | None:
    """A session. Whoever must have a second factor and comes here without one is led to set it up."""
    actor = account.actor(visit.ip, visit.request_id)
    must_enrol = await factor.is_required_of(actor.kind, account.person.role) and not (await factor.state(actor)).is_on
    token = await sessions.start(shell, replace(account.person, must_enrol=must_enrol), ip=visit.ip,
                                 device=visit.device)
    try:
        confirmed = await journal.confirm(account, actor, new_hash)
    except BaseException:
        await sessions.end(token)
        raise
    if not confirmed:
        await sessions.end(token)
        return None
    await notices.tell(shell, account, actor, visit.device)
    return Entered(token, account.person.role, account.person.locale, account.domain_locale)


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
