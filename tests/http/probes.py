"""Routes of the tests: they show whom a request belongs to, and what a missing permission does."""

from __future__ import annotations

from typing import Any

import asyncpg
from litestar import Request, get, post

from app.auth.permissions import Permission


def _who(request: Request) -> dict[str, Any]:
    user = request.scope["user"]
    return {"login": user.actor.login, "domain": user.actor.domain_id, "role": user.role, "ip": user.actor.ip,
            "session": user.session_id, "request": user.actor.request_id}


@get("/probe", opt={"permission": Permission.SIGNED_IN})
async def probe(request: Request) -> dict[str, Any]:
    return _who(request)


@post("/probe", opt={"permission": Permission.SIGNED_IN})
async def probe_write(request: Request) -> dict[str, Any]:
    return _who(request)


@get("/probe/admin", opt={"permission": Permission.USERS_EDIT})
async def probe_admin(request: Request) -> dict[str, Any]:
    return _who(request)


@get("/probe/api", opt={"permission": Permission.USERS_EDIT, "api": True})
async def probe_api(request: Request) -> dict[str, Any]:
    return _who(request)


@get("/provider/probe", opt={"permission": Permission.PROVIDER_VIEW})
async def probe_provider(request: Request) -> dict[str, Any]:
    return _who(request)


@get("/group/probe", opt={"permission": Permission.POOL_VIEW})
async def probe_group(request: Request) -> dict[str, Any]:
    return _who(request)


@get("/probe/forgotten")
async def probe_forgotten() -> str:
    return "nobody may see this"


@get("/probe/broken", opt={"permission": Permission.PUBLIC})
async def probe_broken() -> str:
    raise ZeroDivisionError("a secret of the inside")


@get("/probe/away", opt={"permission": Permission.PUBLIC})
async def probe_away() -> str:
    raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")


PROBES = [probe, probe_write, probe_admin, probe_api, probe_provider, probe_group, probe_forgotten, probe_broken,
          probe_away]
