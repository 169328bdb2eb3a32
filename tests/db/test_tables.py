"""Piccolo's picture of a table and the migrations' must be the same."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from piccolo.table import Table

from app.kernel.actors import Actor
from app.kernel.db import platform_transaction

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

ROOT = Path(__file__).resolve().parents[2]
TYPES = {"BIGSERIAL": "bigint", "BIGINT": "bigint", "INTEGER": "integer", "TEXT": "text", "BOOLEAN": "boolean",
         "TIMESTAMPTZ": "timestamp with time zone", "NUMERIC": "numeric", "JSONB": "jsonb", "DATE": "date",
         "BYTEA": "bytea", "TEXT[]": "ARRAY"}


def _tables() -> list[type[Table]]:
    found: list[type[Table]] = []
    for package in ("app", "tenants", "billing", "pbx_provisioning", "widgets"):
        for path in sorted((ROOT / package).rglob("tables.py")):
            module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
            found += [one for one in vars(module).values() if isinstance(one, type) and issubclass(one, Table)
                      and one is not Table and one.__module__ == module.__name__]
    return found


async def test_piccolo_tables_match_the_database() -> None:
    tables = _tables()
    assert tables
    async with platform_transaction(Actor.system()) as tx:
        for table in tables:
            rows = await tx.fetch("SELECT column_name, data_type, is_nullable FROM information_schema.columns "
                                  "WHERE table_schema = 'public' AND table_name = $1", table._meta.tablename)
            real = {row["column_name"]: (row["data_type"], row["is_nullable"] == "YES") for row in rows}
            told = {column._meta.name: (TYPES[column.column_type.split("(")[0]], column._meta.null)
                    for column in table._meta.columns}
            assert told == real, table._meta.tablename
