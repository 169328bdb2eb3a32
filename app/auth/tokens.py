"""Personal API tokens of a domain's users: opaque, so that one can be revoked at once (docs/decisions.md)."""

from __future__ import annotations

import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from app.audit import history
from app.auth.accounts import user_by_id
from app.auth.principal import Principal
from app.kernel.actors import Actor
from app.kernel.db import DomainTx, domain_transaction
from app.kernel.errors import NotFound, Refused
from app.kernel.i18n import _
from app.settings import settings

MOST = 20  # of one person
USED_EVERY = timedelta(minutes=1)  # "last used" is no more exact than that
_TOKEN = re.compile(r"swr_([0-9]{1,18})\.[A-Za-z0-9_-]{43}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Token:
    id: int
    name: str
    can_write: bool
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    last_ip: str
    is_over: bool


def _hash(token: str) -> str:
    return sha256(token.encode()).hexdigest()


async def _password(tx: DomainTx, user_id: int) -> str:
    digest = await tx.fetchval("SELECT sip_ha1 FROM domain_user WHERE domain_id = $1 AND id = $2", tx.domain_id,
                               user_id)
    return hmac.digest(settings().secret_key, b"api token\x00" + str(digest).encode(), "sha256").hex()


async def of_user(tx: DomainTx, user_id: int) -> list[Token]:
    """The newest first; those of an earlier password are over like expired ones."""
    password = await _password(tx, user_id)
    rows = await tx.fetch(
        "SELECT id, name, can_write, created_at, expires_at, last_used_at, last_ip, "
        "expires_at <= $3 OR password <> $4 AS is_over FROM api_token WHERE domain_id = $1 AND user_id = $2 "
        "ORDER BY id DESC", tx.domain_id, user_id, tx.now, password)
    return [Token(**row) for row in rows]


async def create(tx: DomainTx, user_id: int, name: str, *, can_write: bool, days: int) -> str:
    """The token itself, to be shown once.

    Raises:
        Refused: there are too many.
    """
    await tx.execute("SELECT 1 FROM domain_user WHERE domain_id = $1 AND id = $2 FOR NO KEY UPDATE", tx.domain_id,
                     user_id)
    count = await tx.fetchval("SELECT count(*) FROM api_token WHERE domain_id = $1 AND user_id = $2", tx.domain_id,
                              user_id)
    if count >= MOST:
        raise Refused("too_many_tokens", _("There are too many tokens. Revoke one that is no longer used."))
    token = f"swr_{tx.domain_id}.{secrets.token_urlsafe(32)}"
    token_id = await tx.fetchval(
        "INSERT INTO api_token (domain_id, user_id, name, hash, password, can_write, created_at, expires_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id", tx.domain_id, user_id, name, _hash(token),
        await _password(tx, user_id), can_write, tx.now, tx.now + timedelta(days=days))
    await history.record(tx, "api_token_created", "access_key", object_id=token_id, object_name=name,
                         changes={"can_write": (None, can_write), "days": (None, days)})
    return token


async def revoke(tx: DomainTx, user_id: int, token_id: int) -> None:
    name = await tx.fetchval("DELETE FROM api_token WHERE domain_id = $1 AND user_id = $2 AND id = $3 RETURNING name",
                             tx.domain_id, user_id, token_id)
    if name is None:
        raise NotFound("token", _("There is no such token."))
    await history.record(tx, "api_token_revoked", "access_key", object_id=token_id, object_name=name)


async def identify(header: str, *, ip: str, request_id: str) -> Principal | None:
    """Whom `Authorization: Bearer …` stands for, with the rights they have today."""
    found = _TOKEN.fullmatch(header.removeprefix("Bearer ")) if header.startswith("Bearer ") else None
    if not found or not int(found[1]):
        return None
    async with domain_transaction(Actor.system(int(found[1]), "api")) as tx:
        row = await tx.fetchrow(
            "SELECT id, user_id, password, can_write, last_used_at FROM api_token WHERE domain_id = $1 AND hash = $2 "
            "AND expires_at > $3", tx.domain_id, _hash(found[0]), tx.now)
        account = await user_by_id(tx, row["user_id"]) if row else None
        if row is None or account is None \
                or not hmac.compare_digest(row["password"], await _password(tx, row["user_id"])):
            return None
        if row["last_used_at"] is None or tx.now - row["last_used_at"] >= USED_EVERY:
            await tx.execute("UPDATE api_token SET last_used_at = $3, last_ip = $4 WHERE domain_id = $1 AND id = $2",
                             tx.domain_id, row["id"], tx.now, ip)
    person = account.person
    return Principal(account.actor(ip, request_id), person.role, f"token:{row['id']}", "", person.locale,
                     person.domain_name, person.company_name, person.timezone, is_read_only=not row["can_write"])
