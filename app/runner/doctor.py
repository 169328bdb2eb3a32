"""`python -m app doctor`: what is present, what is missing, and what to do about it."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import cast

from app.settings import ROOT, state_dir


@dataclass(frozen=True, slots=True)
class Finding:
    """`needed`: without it the product does not run; otherwise a part of it is off."""

    what: str
    fine: bool
    text: str
    needed: bool = True


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("Python", sys.version_info >= (3, 11), f"{version} (3.11 or newer is needed)")


def _assets() -> Finding:
    built = (ROOT / "app" / "web" / "static" / "vendor").is_dir()
    return Finding("Browser libraries", built, "in place" if built else "missing: run `make setup` (needs Node 20)")


def _catalogues() -> Finding:
    compiled = any((ROOT / "app" / "locales").rglob("*.mo"))
    return Finding("Languages", compiled, "compiled" if compiled else "not compiled: run `python -m app build`")


def _database() -> Finding:
    url = os.environ.get("DATABASE_URL")
    if not url:
        made = (state_dir() / "postgres" / "PG_VERSION").exists()
        return Finding("PostgreSQL", True, f"embedded, {'data is kept' if made else 'made at the first start'} "
                                           f"in {state_dir() / 'postgres'}")
    return asyncio.run(_ask_database(url))


async def _ask_database(url: str) -> Finding:
    import asyncpg

    try:
        connection = await asyncpg.connect(url, timeout=5)
    except (OSError, asyncpg.PostgresError, TimeoutError) as error:
        return Finding("PostgreSQL", False, f"DATABASE_URL does not answer: {error}")
    try:
        version = int(await connection.fetchval("SHOW server_version_num")) // 10000
        able = await connection.fetchval(
            "SELECT rolsuper OR (rolcreaterole AND rolbypassrls) FROM pg_roles WHERE rolname = current_user")
    finally:
        await connection.close()
    if not able:
        return Finding("PostgreSQL", False, "DATABASE_URL must name a role with CREATEROLE and BYPASSRLS")
    return Finding("PostgreSQL", version >= 15, f"version {version} (15 or newer is needed)")


def _cache() -> Finding:
    url = os.environ.get("REDIS_URL")
    if not url:
        return Finding("Redis", True, "embedded")
    import redis

    try:
        told = cast("dict[str, str]", redis.Redis.from_url(url, socket_timeout=3).info("server"))
    except redis.RedisError as error:
        return Finding("Redis", False, f"REDIS_URL does not answer: {error}")
    version = told["redis_version"]
    return Finding("Redis", tuple(map(int, version.split(".")[:2])) >= (6, 2), f"{version} (6.2 or newer is needed)")


def _asterisk() -> Finding:
    from app.runner.telephony import ASTERISK_ROOT
    from pbx_provisioning.node.runtime import AsteriskMissing, locate

    if os.environ.get("ASTERISK_AMI_HOST"):
        return Finding("Asterisk", True, f"external, AMI at {os.environ['ASTERISK_AMI_HOST']}", needed=False)
    try:
        found = locate(ASTERISK_ROOT)
    except AsteriskMissing as missing:
        return Finding("Asterisk", False, f"telephony is off. {missing}", needed=False)
    return Finding("Asterisk", True, f"on the PATH: {found.binary}" if found.root is None else "private root",
                   needed=False)


def _pango() -> Finding:
    from ctypes.util import find_library

    found = find_library("pangoft2-1.0")
    return Finding("Pango", found is not None, found or "missing; statements are made as XLSX only, not as PDF (Debian "
                   "packages libpango-1.0-0, libpangoft2-1.0-0, libharfbuzz-subset0)", needed=False)


def _program(name: str, purpose: str) -> Callable[[], Finding]:
    def look() -> Finding:
        path = shutil.which(name)
        return Finding(name, path is not None, path or f"missing; {purpose}", needed=False)

    return look


CHECKS = (_python, _assets, _catalogues, _database, _cache, _asterisk, _pango,
          _program("soffice", "faxes from Word documents are refused (Debian package libreoffice-writer-nogui)"),
          _program("sipp", "the call tests need it (Debian package sip-tester)"),
          _program("chromium", "the browser tests need it (Debian package chromium)"))


def findings() -> Iterator[Finding]:
    for check in CHECKS:
        yield check()


def main() -> int:
    """Print the findings; 1 if something needed is missing."""
    worst = 0
    for found in findings():
        mark = "ok  " if found.fine else ("MISSING" if found.needed else "off ")
        print(f"{mark:8}{found.what:20}{found.text}")
        if not found.fine and found.needed:
            worst = 1
    return worst
