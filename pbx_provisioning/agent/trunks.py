"""Trunks of the node: files and reloads when something about them was changed."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import structlog

from app.kernel.db import platform_transaction
from pbx_provisioning.agent.reconciler import AGENT, Reconciler, expiries
from pbx_provisioning.ami import AmiClient
from pbx_provisioning.apply import files
from pbx_provisioning.plan.load import load_trunks
from pbx_provisioning.plan.private import load_private_trunks
from pbx_provisioning.render.private import private_file
from pbx_provisioning.render.trunks import globals_file, pjsip_file

log = structlog.get_logger()

_ENDPOINT = re.compile(r"^endpoint = (\S+)$", re.MULTILINE)


class Trunks:
    """Brings `pjsip.d/trunks.conf`, `pjsip.d/private.conf` and `globals.d/trunks.conf` up to date; repeatable."""

    def __init__(self, node_id: int, etc: Path, ami: AmiClient, reconciler: Reconciler) -> None:
        self.node_id, self.ami, self._reconciler = node_id, ami, reconciler
        self._pjsip, self._globals = etc / "pjsip.d/trunks.conf", etc / "globals.d/trunks.conf"
        self._private = etc / "pjsip.d/private.conf"
        self._must_reload = True

    def must_reload(self) -> None:
        """Asterisk came up and may have read older files."""
        self._must_reload = True

    async def bring_up_to_date(self) -> bool:
        """True when something was changed. Raises AppError for a trunk that cannot be rendered."""
        async with platform_transaction(AGENT) as tx:
            trunks = await load_trunks(tx, self.node_id)
            private = await load_private_trunks(tx, self.node_id)
        globals_changed = await _write(self._globals, globals_file(trunks))
        wanted = {self._pjsip: pjsip_file(trunks), self._private: private_file(private)}
        names: set[str] = set()
        for path, text in wanted.items():
            names |= set(_ENDPOINT.findall((files.read(path) or "") + text))
            if await _write(path, text):
                self._must_reload = True
        if globals_changed:
            self._reconciler.want_reload()
        if not self._must_reload:
            return globals_changed
        await self.ami.command("module reload res_pjsip.so")
        await self.ami.all(expiries(sorted(names)))  # trunks sit in the same caches as phones
        self._must_reload = False
        log.info("trunks_applied", trunks=len(trunks), private_routes=len(private))
        return True


async def _write(path: Path, text: str) -> bool:
    if files.read(path) == text:
        return False
    await asyncio.to_thread(files.replace, path, text)
    return True
