"""Who may ask, and in which order that is found out [API-40…43, DECISION of 1.4]."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import structlog

from app.auth import store
from app.auth.edge import limit_key
from app.kernel.actors import Actor, ActorKind
from app.kernel.db import DomainTx, domain_transaction, platform_transaction
from app.kernel.errors import AppError
from app.modules.integration_api import rules, service
from app.modules.integration_api.answers import ANSWERS, Fields
from app.modules.integration_api.delivery import ACTOR, tell_quota
from app.modules.integration_api.methods import METHODS, ApiError, Code
from app.modules.integration_api.service import Settings
from billing.accounts.service import is_blocked
from billing.services import service as services

log = structlog.get_logger()

STRANGERS_PER_MINUTE = 60  # refused requests of one address; more are not looked at


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came: `body` are the bytes that were received."""

    method: str
    client_id: str
    signature: str
    body: bytes
    ip: str


async def answer(asked: Asked) -> Fields:
    """Raises ApiError: refused, or the result is not 0."""
    await _check_strangers(asked.ip)
    try:
        settings = await authenticate(asked)
    except ApiError as refused:
        await _note_stranger(asked.ip)
        raise refused
    actor = Actor(ActorKind.SYSTEM, 0, "integration_api", "Integration API", settings.domain_id, ip=asked.ip)
    async with domain_transaction(actor) as tx:
        await _check_service(tx, settings)
        known = METHODS.get(asked.method)
        if known is None or known.is_ours:
            raise ApiError(Code.PARAMETERS, "there is no such method", 404)
        within = await service.count(tx, asked.method)
        if not within:
            await tell_quota(tx, asked.method)
    if not within:
        raise ApiError(Code.QUOTA, "the quota of this hour is used up", 429)
    body = parsed(asked.body)
    try:
        async with domain_transaction(actor) as tx:
            return await ANSWERS[asked.method](tx, body)
    except AppError as error:
        raise ApiError(Code.PARAMETERS, error.message) from None


async def authenticate(asked: Asked) -> Settings:
    """The domain by its code, where the request comes from, and the signature over the bytes.

    Raises:
        ApiError: 401 or 403.
    """
    async with platform_transaction(ACTOR) as tx:
        settings = await service.find(tx, asked.client_id) if rules.is_code(asked.client_id) else None
        if settings is None:
            retired = await tx.fetchval("SELECT EXISTS (SELECT FROM api_retired_code WHERE client_id = $1)",
                                        asked.client_id[:64])
            raise ApiError(Code.DISABLED, "the service is disconnected", 403) if retired else ApiError(
                Code.PARAMETERS, "unknown X-Client-ID", 401)
        networks = [row["address"] for row in await tx.fetch(
            "SELECT address FROM api_allowed_address WHERE domain_id = $1", settings.domain_id)]
    if not rules.is_allowed(asked.ip, networks):
        raise ApiError(Code.PARAMETERS, "this address is not in the white list", 403)
    if not rules.is_signed(settings.client_id, asked.body, settings.key, asked.signature):
        raise ApiError(Code.PARAMETERS, "wrong X-Client-Sign", 401)
    return settings


def parsed(body: bytes) -> dict[str, Any]:
    """An empty body is no parameters.

    Raises:
        ApiError: no JSON object.
    """
    if not body.strip():
        return {}
    try:
        found = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        raise ApiError(Code.PARAMETERS, "the body is not JSON") from None
    if not isinstance(found, dict):
        raise ApiError(Code.PARAMETERS, "a JSON object is expected")
    return found


async def _check_service(tx: DomainTx, settings: Settings) -> None:
    if not settings.is_on or await services.closed(tx, service.CODE) is not None:
        raise ApiError(Code.DISABLED, "the service is switched off", 403)
    if await is_blocked(tx):
        raise ApiError(Code.DISABLED, "the domain is blocked", 403)


def _key(ip: str) -> str:
    return f"api:refused:{limit_key(ip)}"


async def _check_strangers(ip: str) -> None:
    count = await store.client().get(_key(ip))
    if count is not None and int(count) >= STRANGERS_PER_MINUTE:
        raise ApiError(Code.QUOTA, "too many refused requests from this address", 429)


async def _note_stranger(ip: str) -> None:
    async with store.client().pipeline(transaction=True) as pipe:
        pipe.incr(_key(ip))
        pipe.expire(_key(ip), 60)
        await pipe.execute()
