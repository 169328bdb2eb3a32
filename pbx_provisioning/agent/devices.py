"""Tells a phone to fetch its configuration: NOTIFY check-sync to the phones of the user it is bound to [DEV-D]."""

from __future__ import annotations

import asyncio

import structlog

from app.kernel.db import platform_transaction
from pbx_provisioning.agent.reconciler import AGENT
from pbx_provisioning.ami import AmiClient, AmiDown, AmiError

log = structlog.get_logger()


class Devices:
    """`run()` until cancelled; `wake(device id)` when one was asked for."""

    def __init__(self, node_id: int, ami: AmiClient) -> None:
        self.node_id, self.ami = node_id, ami
        self._wanted: asyncio.Queue[int] = asyncio.Queue()

    def wake(self, device_id: int) -> None:
        self._wanted.put_nowait(device_id)

    async def run(self) -> None:
        while True:
            device_id = await self._wanted.get()
            try:
                await self._tell(device_id)
            except (AmiDown, AmiError) as error:  # no phone of that user is registered
                log.info("device_not_told", device=device_id, error=repr(error)[:200])

    async def _tell(self, device_id: int) -> None:
        async with platform_transaction(AGENT) as tx:
            account = await tx.fetchval(
                "SELECT u.login || '@' || d.name FROM sip_device v JOIN domain d ON d.id = v.domain_id "
                "JOIN domain_user u ON u.domain_id = v.domain_id AND u.id = v.user_id "
                "WHERE v.id = $1 AND d.pbx_node_id = $2", device_id, self.node_id)
        if account is not None:
            await self.ami.action("PJSIPNotify", Endpoint=account, Variable="Event=check-sync;reboot=false")
            log.info("device_told", device=device_id)
