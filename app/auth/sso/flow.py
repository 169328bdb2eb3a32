"""One sign-in through a domain's provider: out with the browser, back with a code, in with a session.

State, nonce and verifier are random for each attempt, kept in Redis for ten minutes and used up by the first
answer. The state works only in the browser that began: its cookie is the other half.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import msgspec
import structlog

from app.auth import accounts, store
from app.auth.accounts import Account
from app.auth.sso import config, openid
from app.auth.sso.openid import Client, NotTrusted, Proof
from app.auth.sso.outgoing import Unreachable
from app.kernel.actors import Actor
from app.kernel.db import domain_transaction
from app.kernel.errors import Refused
from app.kernel.i18n import _
from app.settings import settings

log = structlog.get_logger()

CALLBACK = "/sign-in/sso/callback"
LASTS_SECONDS = 600


class _Attempt(msgspec.Struct):
    domain_id: int
    issuer: str
    client_id: str
    nonce: str
    verifier: str
    browser: str  # hash of the cookie
    next: str


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Attempt).decode


@dataclass(frozen=True, slots=True)
class Leaving:
    """Where the browser goes, and the cookie it takes with it."""

    url: str
    cookie: str


@dataclass(frozen=True, slots=True)
class Found:
    """Whom the provider named, and where they wanted to go."""

    account: Account
    next: str


def redirect_uri() -> str:
    """To be entered at the provider."""
    return settings().public_url + CALLBACK


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def _key(state: str) -> str:
    return f"sso:attempt:{_hash(state)}"


def _not_set_up() -> Refused:
    """The same for a domain that does not exist."""
    return Refused("sso_off", _("Single sign-on is not set up for this domain. Sign in with login and password."))


def _dead() -> Refused:
    return Refused("sso_dead", _("This sign-in is no longer valid: it works once, for ten minutes, in the browser that "
                                 "began it. Begin again."))


def _away() -> Refused:
    return Refused("sso_away", _("The sign-in service of your company does not answer as it should. Try again later "
                                 "or tell the administrator of your domain."))


async def begin(domain: str, wish: str) -> Leaving:
    """
    Raises:
        Refused: no single sign-on there, or the provider does not answer.
    """
    domain_id = await accounts.find_domain(accounts.usable_domain(domain))
    if domain_id is None:
        raise _not_set_up()
    async with domain_transaction(Actor.system(domain_id, "sign-in")) as tx:
        known = await config.read(tx)
    if not known.is_enabled:
        raise _not_set_up()
    try:
        provider = await openid.discover(known.issuer)
    except Unreachable as error:
        log.warning("sso_unreachable", domain_id=domain_id, error=str(error))
        raise _away() from None
    proof = Proof(secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48))
    cookie = secrets.token_urlsafe(32)
    await store.client().set(_key(proof.state), _encode(_Attempt(
        domain_id, known.issuer, known.client_id, proof.nonce, proof.verifier, _hash(cookie), wish)), ex=LASTS_SECONDS)
    return Leaving(openid.authorization_url(provider, Client(known.client_id, "", redirect_uri()), proof), cookie)


async def finish(state: str, code: str, cookie: str, *, issuer: str = "") -> Found:
    """
    Args:
        issuer: `iss` of the answer, which some providers send (RFC 9207).

    Raises:
        Refused: with the reason in the reader's words.
    """
    attempt = await _use_up(state, cookie)
    if not code:
        raise Refused("sso_cancelled", _("The sign-in service of your company did not let you in. Begin again or sign "
                                         "in with login and password."))
    async with domain_transaction(Actor.system(attempt.domain_id, "sign-in")) as tx:
        known = await config.read(tx)
        same = known.is_enabled and (known.issuer, known.client_id) == (attempt.issuer, attempt.client_id)
        client_secret = await config.secret(tx) if same else ""
    if not same or (issuer and issuer != attempt.issuer):
        raise _dead()
    by_subject = known.match_by == config.SUBJECT
    claims = await _ask(attempt, state, client_secret, code, needs_email=not by_subject)
    async with domain_transaction(Actor.system(attempt.domain_id, "sign-in")) as tx:
        account = await config.by_subject(tx, claims["sub"]) if by_subject \
            else await config.by_email(tx, _verified_email(claims))
    if account is None:
        raise Refused("sso_nobody", _("Your company knows you, but no user of this domain belongs to that account. "
                                      "Ask the administrator of your domain."))
    return Found(account, attempt.next)


async def _use_up(state: str, cookie: str) -> _Attempt:
    raw = await store.client().getdel(_key(state)) if state else None
    if raw is None:
        raise _dead()
    attempt = _decode(raw)
    if not cookie or not hmac.compare_digest(attempt.browser, _hash(cookie)):
        raise _dead()
    return attempt


async def _ask(attempt: _Attempt, state: str, client_secret: str, code: str, *, needs_email: bool) -> dict[str, Any]:
    try:
        provider = await openid.discover(attempt.issuer)
        return await openid.identify(provider, Client(attempt.client_id, client_secret, redirect_uri()),
                                     Proof(state, attempt.nonce, attempt.verifier), code, needs_email=needs_email)
    except Unreachable as error:
        log.warning("sso_unreachable", domain_id=attempt.domain_id, error=str(error))
        raise _away() from None
    except NotTrusted as error:
        log.warning("sso_not_trusted", domain_id=attempt.domain_id, error=str(error))
        raise Refused("sso_untrusted", _("The answer of your company's sign-in service could not be verified. Tell the "
                                         "administrator of your domain.")) from None


def _verified_email(claims: dict[str, Any]) -> str:
    """An address that its owner has not proved could be anybody's."""
    email = claims.get("email")
    if not isinstance(email, str) or claims.get("email_verified") not in (True, "true"):
        raise Refused("sso_no_email", _("The sign-in service of your company does not confirm your e-mail address. "
                                        "Tell the administrator of your domain."))
    return email.strip()
