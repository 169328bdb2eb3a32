"""A forgotten password of a domain's user: a letter with a link that works once [ACC-11…13, ACC-D5]."""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable, Callable
from datetime import timedelta
from hashlib import sha256

import structlog

from app.auth import accounts, hashing, sessions
from app.auth.accounts import Account
from app.auth.parameters import parameters
from app.auth.passwords import check_password_rule
from app.kernel import letters
from app.kernel.actors import Actor, ActorKind
from app.kernel.db import DomainTx, domain_transaction
from app.kernel.errors import InvalidFields, Refused
from app.kernel.i18n import _
from app.settings import settings

log = structlog.get_logger()

LETTERS_PER_HOUR = 3
_TOKEN = re.compile(r"([0-9]{1,18})\.[A-Za-z0-9_-]{43}", re.ASCII)

PasswordSetter = Callable[[DomainTx, int, str], Awaitable[object]]
_setters: list[PasswordSetter] = []  # one, once the features are loaded


def use_password_setter(setter: PasswordSetter) -> None:
    """The users' feature says how a password is changed everywhere it counts [ACC-34].

    It publishes `password_changed`, by which the worker ends the old sessions if this process cannot.
    """
    _setters[:] = [setter]


def _hash(token: str) -> str:
    return sha256(token.encode()).hexdigest()


def _dead_link() -> Refused:
    return Refused("reset_link_dead", _("This link is no longer valid: it works once and for a limited time. "
                                        "Request a new letter."))


async def send_letter(login: str, domain: str, *, ip: str, request_id: str) -> None:
    """Queue the letter if there is whom to send it to and the hour's letters are not used up.

    Runs after the neutral answer has gone out: neither the answer nor its time says what happened here.
    """
    domain_id = await accounts.find_domain(accounts.usable_domain(domain))
    if domain_id is None:
        return
    minutes = (await parameters()).reset_token_minutes
    actor = Actor(ActorKind.SYSTEM, 0, "recovery", "recovery", domain_id, ip=ip, request_id=request_id)
    async with domain_transaction(actor) as tx:
        account = await accounts.user_by_login(tx, accounts.usable_login(login))
        if account is None or not account.email:
            return
        # one letter of an account at a time, so that the hour's limit holds for parallel requests
        await accounts.user_by_id(tx, account.person.id, lock=True)
        hour = tx.now - timedelta(hours=1)
        sent = await tx.fetchval("SELECT count(*) FROM reset_token WHERE domain_id = $1 AND user_id = $2 "
                                 "AND created_at > $3", tx.domain_id, account.person.id, hour)
        if sent >= LETTERS_PER_HOUR:
            log.info("recovery_limit", user_id=account.person.id)
            return
        token = f"{domain_id}.{secrets.token_urlsafe(32)}"
        await tx.execute("UPDATE reset_token SET used_at = $3 WHERE domain_id = $1 AND user_id = $2 "
                         "AND used_at IS NULL", tx.domain_id, account.person.id, tx.now)
        await tx.execute("INSERT INTO reset_token (hash, domain_id, user_id, created_at, expires_at) "
                         "VALUES ($1, $2, $3, $4, $5)", _hash(token), tx.domain_id, account.person.id, tx.now,
                         tx.now + timedelta(minutes=minutes))
        await _queue(tx, account, token, minutes)


async def _queue(tx: DomainTx, account: Account, token: str, minutes: int) -> None:
    person = account.person
    await letters.queue(tx, "password_reset", account.email, account.domain_locale, name=person.name,
                        login=person.login, domain=person.domain_name, minutes=minutes,
                        link=f"{settings().public_url}/new-password?token={token}")


async def _find_account(tx: DomainTx, token: str, *, lock: bool = False) -> Account:
    row = await tx.fetchrow(
        "SELECT user_id FROM reset_token WHERE domain_id = $1 AND hash = $2 AND used_at IS NULL "
        "AND expires_at > $3" + (" FOR UPDATE" if lock else ""), tx.domain_id, _hash(token), tx.now)
    account = await accounts.user_by_id(tx, row["user_id"]) if row else None
    if account is None:
        raise _dead_link()
    return account


def _domain_of(token: str) -> int:
    """The domain stands in the token, as its row is behind that domain's door; the hash covers both."""
    found = _TOKEN.fullmatch(token)
    if not found or not int(found[1]):
        raise _dead_link()
    return int(found[1])


async def check_link(token: str) -> Account:
    """Whose password the link sets. Looking does not use it up: mail scanners follow links.

    Raises:
        Refused: forged, used, replaced by a newer one or too old.
    """
    async with domain_transaction(Actor.system(_domain_of(token), "recovery")) as tx:
        return await _find_account(tx, token)


async def set_new_password(token: str, password: str, repeat: str, *, ip: str, request_id: str) -> None:
    """Use the link up and end everything that was open under the old password.

    Raises:
        Refused: the link is dead.
        InvalidFields: the password breaks the rule of ACC-35; the link stays good.
    """
    account = await check_link(token)
    person = account.person
    if password != repeat:
        text = _("The two entries differ")
        raise InvalidFields("passwords_differ", text, fields={"repeat": text})
    check_password_rule(password, login=person.login, extension=account.extension,
                        minimum=(await parameters()).password_min_length)
    if await hashing.verify(account.password_hash, password):
        text = _("The new password must differ from the old one")
        raise InvalidFields("same_password", text, fields={"password": text})
    async with domain_transaction(account.actor(ip, request_id)) as tx:
        await _find_account(tx, token, lock=True)
        await tx.execute("UPDATE reset_token SET used_at = $3 WHERE domain_id = $1 AND hash = $2",
                         tx.domain_id, _hash(token), tx.now)
        (setter,) = _setters
        await setter(tx, person.id, password)
    await sessions.end_sessions(ActorKind.DOMAIN_USER, person.domain_id, person.id)
