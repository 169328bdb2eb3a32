"""The node's row: state of Asterisk, calls, registrations, records that wait."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from app.kernel.db import platform_transaction
from app.kernel.metrics import CALLS
from pbx_provisioning.agent.presence import Presence
from pbx_provisioning.agent.reconciler import AGENT
from pbx_provisioning.agent.spool import Spool
from pbx_provisioning.ami import AmiClient, AmiDown, AmiError

log = structlog.get_logger()


class Heartbeat:
    """`beat()` every two seconds. `conversations` gives their number: Asterisk's own counts an outside call twice."""

    def __init__(self, node_id: int, ami: AmiClient, presence: Presence, spool: Spool,
                 conversations: Callable[[], int]) -> None:
        self.node_id, self.ami, self.presence, self.spool = node_id, ami, presence, spool
        self._conversations = conversations
        self.version, self.started, self.error = "", None, ""
        self.calls = 0

    async def meet(self) -> None:
        """Ask a freshly connected Asterisk who it is."""
        settings = await self.ami.action("CoreSettings")
        status = await self.ami.action("CoreStatus")
        self.version = settings["asteriskversion"]
        self.started = _instant(status["corestartupdate"], status["corestartuptime"])

    async def beat(self) -> None:
        state = "no_asterisk"
        if self.ami.up.is_set():
            try:
                await self.ami.action("CoreStatus", timeout=3)
                self.calls, state = self._conversations(), "up"
            except (AmiDown, AmiError):
                pass
        if state != "up":
            self.calls = 0
        CALLS.set(self.calls)
        async with platform_transaction(AGENT) as tx:
            await tx.execute(
                "UPDATE pbx_node SET state = $2, asterisk_version = $3, asterisk_started = $4, "
                "agent_seen_at = now(), calls = $5, registrations = $6, spool_bytes = $7, error = $8 WHERE id = $1",
                self.node_id, state, self.version, self.started, self.calls, self.presence.registrations,
                self.spool.backlog, self.error[:500])


def _instant(day: str, time: str) -> datetime | None:
    """Asterisk tells its start in the machine's local time."""
    try:
        return datetime.fromisoformat(f"{day}T{time}").astimezone(UTC)
    except ValueError:
        return None
