"""Apply `migrations/<app>/NNNN_name.sql`, each once, in order of number, each in one transaction.

Runs as the owner: a role that may create roles and bypasses row-level security. The runtime roles are made
here because they need passwords, which do not belong in files.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import asyncpg

HERE = Path(__file__).resolve().parent
LOCK = 7_302_011  # advisory lock: two processes that start at once migrate one after the other

ROLES = ("switchroom_app", "switchroom_platform", "switchroom_pool", "switchroom_node")


class MigrationError(Exception):
    """A file was changed after it had been applied, or the owner lacks a right."""


@dataclass(frozen=True, slots=True)
class Migration:
    name: str  # "tenants/0002_domains"
    sql: str

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def known_migrations() -> list[Migration]:
    """Every migration file, by number."""
    files = sorted(HERE.glob("*/[0-9]*.sql"), key=lambda path: (path.name, path.parent.name))
    return [Migration(f"{path.parent.name}/{path.stem}", path.read_text(encoding="utf-8")) for path in files]


async def _ensure_roles(connection: asyncpg.Connection, app_password: str, node_password: str) -> None:
    passwords = {"switchroom_app": app_password, "switchroom_node": node_password}
    for role in ROLES:
        exists = await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role)
        password = passwords.get(role, "")
        login = f"LOGIN PASSWORD '{_checked(password)}'" if password else "NOLOGIN"
        verb = "ALTER" if exists else "CREATE"
        await connection.execute(f"{verb} ROLE {role} {login} NOINHERIT NOCREATEDB NOCREATEROLE")
    # SET ROLE works, but nothing is inherited: wider policies hold only behind their doors.
    await connection.execute("GRANT switchroom_platform, switchroom_pool TO switchroom_app")


def _checked(password: str) -> str:
    if not password.isalnum():
        raise MigrationError("database passwords of the runtime roles may hold letters and digits only")
    return password


async def migrate(owner_url: str, *, app_password: str, node_password: str) -> list[str]:
    """Bring the database up to date; the names of what was applied now.

    Raises:
        MigrationError: an applied file was edited.
    """
    connection = await asyncpg.connect(owner_url, timeout=20)
    try:
        await connection.execute(f"SELECT pg_advisory_lock({LOCK})")
        await _ensure_roles(connection, app_password, node_password)
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_migration (name text PRIMARY KEY, digest text NOT NULL, "
            "applied_at timestamptz NOT NULL DEFAULT now())")
        rows = await connection.fetch("SELECT name, digest FROM schema_migration")
        applied = {row["name"]: row["digest"] for row in rows}
        return [m.name for m in known_migrations() if await _apply(connection, m, applied.get(m.name))]
    finally:
        await connection.close()


async def _apply(connection: asyncpg.Connection, migration: Migration, applied_digest: str | None) -> bool:
    if applied_digest is not None:
        if applied_digest != migration.digest:
            raise MigrationError(f"{migration.name} was changed after it had been applied")
        return False
    async with connection.transaction():
        await connection.execute(migration.sql)
        await connection.execute(
            "INSERT INTO schema_migration (name, digest) VALUES ($1, $2)", migration.name, migration.digest)
    return True
