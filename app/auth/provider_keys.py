"""Keys of the provider's internal API: for programs only, shown once, good until revoked or expired [FIN-D7].

A key is found by its id and its secret compared in constant time, so an answer's time tells nothing of a secret.
"""

from __future__ import annotations

import hmac
import re
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256

from app.audit import history
from app.auth import throttle
from app.auth.principal import Principal
from app.kernel.actors import Actor, ActorKind
from app.kernel.db import PlatformTx, platform_transaction
from app.kernel.errors import NotFound, Refused, TooManyRequests
from app.kernel.i18n import _

ROLE = "provider_api"
MOST = 20  # that can be used at one time
USED_EVERY = timedelta(minutes=1)  # "last used" is no more exact than that
WRONG = throttle.Limits(per_name=60, per_address=60, seconds=15 * 60)  # of one address
CALLS = throttle.Limits(per_name=600, per_address=1200, seconds=60)  # of one key; of one address with all its keys
_KEY = re.compile(r"swp_([1-9][0-9]{0,17})\.([A-Za-z0-9_-]{43})", re.ASCII)
_NOBODY = "0" * 64
_LOCK = 0x73_77_70_5F  # "swp_": keys are made one after the other, so that they can be counted
_IS_LIVE = "revoked_at IS NULL AND (expires_at IS NULL OR expires_at > {now})"


@dataclass(frozen=True, slots=True)
class Key:
    id: int
    name: str
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    last_used_at: datetime | None
    last_ip: str
    revoked_at: datetime | None
    is_live: bool


def _hash(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()


async def keys(tx: PlatformTx, limit: int, offset: int) -> tuple[list[Key], int]:
    """Those that can be used first, then the newest; and the number of all."""
    rows = await tx.fetch(
        "SELECT id, name, created_at, created_by, expires_at, last_used_at, last_ip, revoked_at, "
        f"{_IS_LIVE.format(now='$1')} AS is_live FROM provider_api_key "
        "ORDER BY is_live DESC, id DESC LIMIT $2 OFFSET $3", tx.now, limit, offset)
    return [Key(**row) for row in rows], await tx.fetchval("SELECT count(*) FROM provider_api_key")


async def create(tx: PlatformTx, name: str, expires_at: datetime | None) -> str:
    """The key itself, to be shown once.

    Raises:
        Refused: there are too many.
    """
    await tx.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
    count = await tx.fetchval(f"SELECT count(*) FROM provider_api_key WHERE {_IS_LIVE.format(now='$1')}", tx.now)
    if count >= MOST:
        raise Refused("too_many_keys", _("There are too many keys. Revoke one that is no longer used."))
    secret = secrets.token_urlsafe(32)
    key_id = await tx.fetchval(
        "INSERT INTO provider_api_key (name, hash, created_at, created_by, expires_at) VALUES ($1, $2, $3, $4, $5) "
        "RETURNING id", name, _hash(secret), tx.now, tx.actor.login, expires_at)
    await history.record(tx, "provider_key_created", "provider_api_key", object_id=key_id, object_name=name,
                         changes={"expires_at": (None, expires_at)})
    return f"swp_{key_id}.{secret}"


async def name_of(tx: PlatformTx, key_id: int) -> str:
    """Raises NotFound: no such key, or it is revoked."""
    name = await tx.fetchval("SELECT name FROM provider_api_key WHERE id = $1 AND revoked_at IS NULL FOR UPDATE",
                             key_id)
    if name is None:
        raise NotFound("key", _("There is no such key."))
    return name


async def revoke(tx: PlatformTx, key_id: int) -> None:
    """Raises NotFound."""
    name = await name_of(tx, key_id)
    await tx.execute("UPDATE provider_api_key SET revoked_at = $2 WHERE id = $1", key_id, tx.now)
    await history.record(tx, "provider_key_revoked", "provider_api_key", object_id=key_id, object_name=name)


async def identify(header: str, *, ip: str, request_id: str) -> Principal | None:
    """Which program `Authorization: Bearer …` stands for; None without a key that is good.

    Raises:
        TooManyRequests: too many wrong keys from this address, or too many calls with this key.
    """
    if not header:
        return None
    attempt = await throttle.begin("provider-key", ip, ip, WRONG)
    if attempt.is_refused:
        raise _too_many(attempt.wait_seconds)
    try:
        found = await _find(header, Actor(ActorKind.SYSTEM, 0, "api", "api", ip=ip, request_id=request_id))
    except BaseException:
        await attempt.undone()
        raise
    if found is None:
        await attempt.failed()
        return None
    await attempt.succeeded()
    if (await throttle.begin("provider-calls", found.session_id, ip, CALLS)).is_refused:
        raise _too_many(CALLS.seconds)
    return found


async def _find(header: str, actor: Actor) -> Principal | None:
    scheme, _space, key = header.partition(" ")
    sent = _KEY.fullmatch(key) if scheme.lower() == "bearer" else None
    if sent is None:
        return None
    async with platform_transaction(actor) as tx:
        row = await tx.fetchrow(
            f"SELECT id, name, hash, last_used_at, {_IS_LIVE.format(now='$2')} AS is_live FROM provider_api_key "
            "WHERE id = $1", int(sent[1]), tx.now)
        is_same = hmac.compare_digest(row["hash"] if row else _NOBODY, _hash(sent[2]))
        if row is None or not is_same or not row["is_live"]:
            return None
        if row["last_used_at"] is None or tx.now - row["last_used_at"] >= USED_EVERY:
            await tx.execute("UPDATE provider_api_key SET last_used_at = $2, last_ip = $3 WHERE id = $1", row["id"],
                             tx.now, actor.ip)
    return Principal(replace(actor, login=f"api:{row['name']}", name=row["name"]), ROLE, f"key:{row['id']}", "")


def _too_many(seconds: int) -> TooManyRequests:
    return TooManyRequests("too_many", _("Too many requests. Try again in a minute."), retry_after=seconds)
