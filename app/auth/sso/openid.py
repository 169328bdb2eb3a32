"""OpenID Connect as a client: discovery, authorisation code with PKCE, ID token (OpenID Connect Core 1.0 §3.1)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

import httpx2
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from app.auth import store
from app.auth.sso.outgoing import Unreachable, client_options
from app.kernel import clock

SCOPE = "openid email"
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")  # never HS*
KEEP_SECONDS = 600  # of what the provider tells about itself
LEEWAY_SECONDS = 60
WHOLE_SECONDS = 15.0  # for one step, however slowly the other side drips
PATH = "/.well-known/openid-configuration"


class NotTrusted(Exception):
    """What came back does not prove who it is; the text is for the log."""


@dataclass(frozen=True, slots=True)
class Provider:
    """What an issuer tells about itself."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str = ""


@dataclass(frozen=True, slots=True)
class Client:
    """How we are known to the provider."""

    id: str
    secret: str
    redirect_uri: str


@dataclass(frozen=True, slots=True)
class Proof:
    """One attempt's secrets, made before the browser leaves."""

    state: str
    nonce: str
    verifier: str


@asynccontextmanager
async def _asking() -> AsyncIterator[httpx2.AsyncClient]:
    """Raises Unreachable for all that can go wrong on the way."""
    try:
        async with asyncio.timeout(WHOLE_SECONDS), httpx2.AsyncClient(**client_options()) as client:
            yield client
    except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, ValueError) as error:
        raise Unreachable(repr(error)[:300]) from None


async def _object(client: httpx2.AsyncClient, url: str, **headers: str) -> dict[str, Any]:
    answer = await client.get(url, headers=headers)
    if answer.status_code != 200:
        raise Unreachable(f"{url} answered {answer.status_code}")
    found = answer.json()
    if not isinstance(found, dict):
        raise Unreachable(f"{url} answered no object")
    return found


async def discover(issuer: str, *, fresh: bool = False) -> Provider:
    """The issuer's own description, kept for ten minutes.

    Raises:
        Unreachable: no answer, or not one of an OpenID provider of that name.
    """
    key = f"sso:provider:{sha256(issuer.encode()).hexdigest()}"
    kept = None if fresh else await store.client().get(key)
    if kept is None:
        async with _asking() as client:
            found = await _object(client, issuer.rstrip("/") + PATH)
        kept = json.dumps({name: found.get(name) or "" for name in Provider.__slots__})
        provider = _checked(issuer, json.loads(kept))
        await store.client().set(key, kept, ex=KEEP_SECONDS)
        return provider
    return _checked(issuer, json.loads(kept))


def _checked(issuer: str, found: dict[str, Any]) -> Provider:
    if found["issuer"] != issuer:
        raise Unreachable("the provider calls itself differently")
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
        parts = urlsplit(found[name]) if isinstance(found[name], str) else None
        if parts is None or parts.scheme not in ("https", "http") or not parts.hostname:
            raise Unreachable(f"{name} is no address")
    if urlsplit(found["authorization_endpoint"]).scheme != urlsplit(issuer).scheme:
        raise Unreachable("authorization_endpoint is less safe than the issuer")  # the only one we do not ask ourselves
    return Provider(**found)


def _oauth(client: Client) -> Any:  # typed on a package that is not installed
    return AsyncOAuth2Client(client.id, client.secret, scope=SCOPE, redirect_uri=client.redirect_uri,
                             code_challenge_method="S256", **client_options())


def authorization_url(provider: Provider, client: Client, proof: Proof) -> str:
    """Where the browser goes; it carries the state, the nonce and the verifier's hash."""
    url, _state = _oauth(client).create_authorization_url(
        provider.authorization_endpoint, state=proof.state, nonce=proof.nonce, code_verifier=proof.verifier)
    return url


async def identify(provider: Provider, client: Client, proof: Proof, code: str, *,
                   needs_email: bool) -> dict[str, Any]:
    """Exchange the code; the claims of whoever signed in there.

    Raises:
        Unreachable, NotTrusted
    """
    try:
        async with asyncio.timeout(WHOLE_SECONDS), _oauth(client) as oauth:
            tokens = await oauth.fetch_token(provider.token_endpoint, code=code, code_verifier=proof.verifier,
                                             grant_type="authorization_code")
    except OAuthError as refused:
        raise NotTrusted(f"the code was refused: {refused.error}") from None
    except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, ValueError) as error:
        raise Unreachable(repr(error)[:300]) from None
    claims = await _claims(provider, client.id, proof.nonce, str(tokens.get("id_token") or ""))
    if needs_email and "email" not in claims and provider.userinfo_endpoint:
        claims |= await _userinfo(provider, str(tokens.get("access_token") or ""), claims["sub"])
    return claims


async def _keys(provider: Provider) -> KeySet:
    async with _asking() as client:
        found = await _object(client, provider.jwks_uri)
    keys = [one for one in found.get("keys", ()) if isinstance(one, dict) and one.get("kty") in ("RSA", "EC", "OKP")
            and one.get("use", "sig") == "sig"]
    if not keys:
        raise NotTrusted("the provider publishes no key to check with")
    try:
        return KeySet.import_key_set({"keys": keys})  # type: ignore[arg-type, typeddict-item]
    except (JoseError, ValueError, TypeError, KeyError) as wrong:
        raise NotTrusted(f"keys: {wrong!r}") from None


async def _claims(provider: Provider, client_id: str, nonce: str, id_token: str) -> dict[str, Any]:
    """Signature, issuer, audience, time and nonce of the ID token [Core §3.1.3.7]."""
    keys = await _keys(provider)
    rules = jwt.JWTClaimsRegistry(
        now=int(clock.now().timestamp()), leeway=LEEWAY_SECONDS, iss={"essential": True, "value": provider.issuer},
        aud={"essential": True, "value": client_id}, nonce={"essential": True, "value": nonce},
        sub={"essential": True}, exp={"essential": True}, iat={"essential": True})
    try:
        claims = dict(jwt.decode(id_token, keys, algorithms=ALGORITHMS).claims)
        rules.validate(claims)
    except (JoseError, ValueError, TypeError, KeyError) as wrong:
        raise NotTrusted(f"ID token: {wrong!r}"[:300]) from None
    audience = claims["aud"]
    several = isinstance(audience, list) and len(audience) > 1
    if (several or "azp" in claims) and claims.get("azp") != client_id:
        raise NotTrusted("the ID token was made for somebody else")
    if not isinstance(claims["sub"], str) or not claims["sub"]:
        raise NotTrusted("the ID token names nobody")
    return claims


async def _userinfo(provider: Provider, access_token: str, subject: str) -> dict[str, Any]:
    """Providers may tell the e-mail there only [Core §5.4]."""
    async with _asking() as client:
        found = await _object(client, provider.userinfo_endpoint, Authorization=f"Bearer {access_token}")
    if found.get("sub") != subject:
        raise NotTrusted("userinfo is about somebody else")
    return {name: found[name] for name in ("email", "email_verified") if name in found}
