"""Devices of a domain, one of them, its journal, and what the domain tells its phones [DEV-02, DEV-09]."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from asyncpg import Record

from app.kernel.db import DomainTx
from app.kernel.errors import NotFound
from app.kernel.i18n import _
from tenants.devices.rules import Proxies, Server


@dataclass(frozen=True, slots=True)
class Device:
    """`login`, `name`: of the user it is bound to, "" for none. `own`: its own rows, whether they count or not."""

    id: int
    mac: str
    serial: str
    model: str
    user_id: int | None
    login: str
    name: str
    bindings: int
    uses_domain: bool
    own: Proxies
    fetched_at: datetime | None


@dataclass(frozen=True, slots=True)
class DomainSettings:
    """`server`: the backup SIP server that is passed, None for none; `kept_server` what stands in its fields."""

    proxies: Proxies
    server: Server | None
    kept_server: Server


@dataclass(frozen=True, slots=True)
class Event:
    at: datetime
    actor: str
    operation: str
    detail: str


_COLUMNS = ("v.id, v.mac, v.serial, v.model, v.user_id, coalesce(u.login, '') AS login, "
            "coalesce(u.display_name, '') AS name, v.bindings, v.use_domain_settings, v.pass_proxy, v.primary_host, "
            "v.primary_port, v.backup_host, v.backup_port, v.fetched_at")
_FROM = ("FROM sip_device v LEFT JOIN domain_user u ON u.domain_id = v.domain_id AND u.id = v.user_id "
         "WHERE v.domain_id = $1")


def _proxies(row: Record) -> Proxies:
    rows = [Server(row[f"{name}_host"], row[f"{name}_port"]) if row[f"{name}_host"] else None
            for name in ("primary", "backup")]
    return Proxies(row["pass_proxy"], *rows)


def _device(row: Record) -> Device:
    return Device(row["id"], row["mac"], row["serial"], row["model"], row["user_id"], row["login"], row["name"],
                  row["bindings"], row["use_domain_settings"], _proxies(row), row["fetched_at"])


async def devices(tx: DomainTx, *, like: str | None, state: str, order: str, limit: int,
                  offset: int) -> tuple[list[Device], int]:
    """`like`: over MAC, written with or without separators, and serial; `state`: "", free, busy."""
    where = ("($2::text IS NULL OR v.mac ILIKE $2 OR v.serial ILIKE $2) "
             "AND ($3 = '' OR (v.user_id IS NULL) = ($3 = 'free'))")
    rows = await tx.fetch(f"SELECT {_COLUMNS} {_FROM} AND {where} ORDER BY {order} LIMIT $4 OFFSET $5", tx.domain_id,
                          like, state, limit, offset)
    total = await tx.fetchval(f"SELECT count(*) {_FROM} AND {where}", tx.domain_id, like, state)
    return [_device(row) for row in rows], total


async def device(tx: DomainTx, device_id: int, *, lock: bool = False) -> Device:
    """Raises NotFound, for another domain's id too."""
    row = await tx.fetchrow(f"SELECT {_COLUMNS} {_FROM} AND v.id = $2{' FOR NO KEY UPDATE OF v' if lock else ''}",
                            tx.domain_id, device_id)
    if row is None:
        raise NotFound("device", _("There is no such device."))
    return _device(row)


async def of_domain(tx: DomainTx) -> DomainSettings:
    row = await tx.fetchrow("SELECT * FROM device_setting WHERE domain_id = $1", tx.domain_id)
    if row is None:
        return DomainSettings(Proxies(), None, Server(""))
    kept = Server(row["server_host"], row["server_port"])
    return DomainSettings(_proxies(row), kept if row["pass_backup_server"] else None, kept)


async def events(tx: DomainTx, device_id: int, *, limit: int, offset: int) -> tuple[list[Event], int]:
    """Newest first."""
    rows = await tx.fetch("SELECT at, actor, operation, detail FROM device_event WHERE domain_id = $1 "
                          "AND device_id = $2 ORDER BY at DESC, id DESC LIMIT $3 OFFSET $4", tx.domain_id, device_id,
                          limit, offset)
    total = await tx.fetchval("SELECT count(*) FROM device_event WHERE domain_id = $1 AND device_id = $2",
                              tx.domain_id, device_id)
    return [Event(*row) for row in rows], total
