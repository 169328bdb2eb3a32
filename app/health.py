"""For machines: is the process alive, can it work, how does it do. And whether an error means "not now"."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable

import asyncpg
from litestar import Request, Response, get
from redis import exceptions as redis_errors

from app.auth import store
from app.auth.edge import may_read_metrics
from app.auth.permissions import Permission
from app.kernel.db import DB, public_transaction
from app.kernel.errors import NotFound
from app.kernel.i18n import _

CHECK_SECONDS = 2.0
_OPTIONS = {"permission": Permission.PUBLIC, "csrf_exempt": True}

_AWAY = (ConnectionError, TimeoutError, socket.gaierror, redis_errors.ConnectionError, redis_errors.TimeoutError,
         asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError, asyncpg.AdminShutdownError,
         asyncpg.CrashShutdownError, asyncpg.TooManyConnectionsError)


def is_unavailable(error: BaseException) -> bool:
    """The database or Redis does not answer: the request may succeed in a minute, nothing of ours is wrong."""
    if isinstance(error, _AWAY) or DB.pool is None:
        return True
    # asyncpg's own class for a connection that is gone is also the one for a misuse of its interface
    return isinstance(error, asyncpg.InterfaceError) and "clos" in str(error)


@get("/healthz", opt=_OPTIONS, include_in_schema=False)
async def alive() -> Response[str]:
    return Response("ok\n", media_type="text/plain")


@get("/readyz", opt=_OPTIONS, include_in_schema=False)
async def ready() -> Response[dict[str, str]]:
    """Which of the two servers answers within two seconds."""
    database, redis = await asyncio.gather(_check(_ask_database()), _check(_ask_redis()))
    found: dict[str, str] = {"database": database, "redis": redis}
    return Response(found, status_code=200 if database == redis == "ok" else 503)


async def _check(question: Awaitable[None]) -> str:
    try:
        await asyncio.wait_for(question, CHECK_SECONDS)
    except Exception as error:
        if is_unavailable(error):
            return "unreachable"
        return f"error: {type(error).__name__}"
    return "ok"


async def _ask_database() -> None:
    async with public_transaction() as tx:
        await tx.fetchval("SELECT 1")


async def _ask_redis() -> None:
    await store.client().ping()


@get("/metrics", opt=_OPTIONS, include_in_schema=False)
async def metrics(request: Request) -> Response[bytes]:
    """Prometheus; to strangers there is no such page."""
    if not may_read_metrics(request):
        raise NotFound("not_found", _("There is no such page."))
    from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


ROUTES = [alive, ready, metrics]
