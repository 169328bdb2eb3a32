"""PBX nodes: `/provider/nodes`. What the agents last told, and how far they are behind."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from litestar import Controller, Request, get
from litestar.response import Template

from app.auth.permissions import Permission
from app.kernel import clock
from app.kernel.db import PlatformTx, platform_transaction
from app.kernel.i18n import lazy
from app.provider.console import VIEW, show

LATE = timedelta(seconds=15)  # an agent reports every few seconds
STATES = {"unknown": lazy("unknown"), "up": lazy("up"), "no_asterisk": lazy("no Asterisk"), "down": lazy("down"),
          "silent": lazy("agent silent")}
KINDS = {"unknown": "secondary", "up": "success", "no_asterisk": "danger", "down": "danger", "silent": "danger"}


@dataclass(frozen=True, slots=True)
class NodeRow:
    """`behind` counts domains whose wanted generation is not applied, `oldest` is when the first of them
    was changed; `failed` those that the node could not apply."""

    id: int
    name: str
    sip_host: str
    sip_port: int
    state: str
    asterisk_version: str
    asterisk_started: datetime | None
    agent_seen_at: datetime | None
    calls: int
    registrations: int
    spool_bytes: int
    drift: list
    drift_checked_at: datetime | None
    error: str
    domains: int
    trunks: int
    behind: int
    oldest: datetime | None
    failed: int

    def shown_state(self, now: datetime) -> str:
        """An agent that is silent knows nothing, whatever it said last."""
        if self.agent_seen_at is None:
            return "unknown"
        return "silent" if now - self.agent_seen_at > LATE else self.state

    def lag(self, now: datetime) -> timedelta:
        return now - self.oldest if self.oldest else timedelta(0)


async def nodes(tx: PlatformTx) -> list[NodeRow]:
    rows = await tx.fetch(
        "SELECT n.id, n.name, n.sip_host, n.sip_port, n.state, n.asterisk_version, n.asterisk_started, "
        "n.agent_seen_at, n.calls, n.registrations, n.spool_bytes, n.drift, n.drift_checked_at, n.error, "
        "(SELECT count(*) FROM domain d WHERE d.pbx_node_id = n.id) AS domains, "
        "(SELECT count(*) FROM trunk t WHERE t.node_id = n.id AND t.is_active) AS trunks, "
        "b.behind, b.oldest, b.failed FROM pbx_node n CROSS JOIN LATERAL ("
        "  SELECT count(*) AS behind, min(s.changed_at) AS oldest, count(*) FILTER (WHERE s.error <> '') AS failed "
        "  FROM provisioning_state s JOIN domain d ON d.id = s.domain_id "
        "  WHERE s.applied < s.desired AND d.pbx_node_id = n.id) b ORDER BY n.name")
    return [NodeRow(**row) for row in rows]


class NodePages(Controller):
    """The page asks for its own body every few seconds."""

    path = "/provider/nodes"
    opt = VIEW

    @get("/")
    async def list(self, request: Request) -> Template:
        async with platform_transaction(request.user.actor) as tx:
            rows = await nodes(tx)
        return await show(request, "provider/nodes/list.html", nodes=rows, now=clock.now(), states=STATES,
                          may_tech=request.user.may(Permission.PROVIDER_TECH), kinds=KINDS)


CONTROLLERS = [NodePages]
