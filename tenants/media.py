"""What a node recorded or received for a user or a group, handed to the feature that keeps it: exactly once.

Way of a file: the dialplan ends a recording with `Gosub(sw-media-end,s,1(<kind>,<domain>,<user>,<file>))`
(`node/templates/sw-media.conf`); the agent (`pbx_provisioning/agent/media.py`) brings it to the table
`node_media`, whose key makes repeats harmless, with an event; the worker calls the handler of its kind:

    @on_media("voicemail")
    async def keep(tx: DomainTx, found: Media) -> None: ...   # e.g. files.store(tx, found.content, …)

The handler runs in one transaction with the completion: it fails as a whole and is repeated with growing pauses.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

import structlog

from app.kernel import outbox
from app.kernel.db import DomainTx, PlatformTx

log = structlog.get_logger()

EVENT = "node_media"
KINDS = frozenset({"voicemail", "fax", "greeting", "prompt", "recording"})
OF_GROUPS = frozenset({"voicemail", "fax"})


@dataclass(frozen=True, slots=True)
class Media:
    """`facts` are texts that the dialplan wrote (`number`: the caller's digits, `did`, `linkedid`, `uniqueid`, …).

    It belongs to a user, or to a group (`user_id` 0), of the domain at delivery; either may be gone by now.
    """

    key: str
    node_id: int
    domain_id: int
    user_id: int
    kind: str
    facts: dict[str, str]
    content: bytes
    recorded_at: datetime
    group_id: int | None = None

    def whole(self, name: str) -> int:
        """A fact as a number, 0 when it is none."""
        text = self.facts.get(name, "")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


Handler = Callable[[DomainTx, Media], Awaitable[None]]
_handlers: dict[str, Handler] = {}


def on_media(kind: str) -> Callable[[Handler], Handler]:
    """Register the one handler of a kind; the module must be imported by the worker (`app.features.JOBS`)."""

    def register(handler: Handler) -> Handler:
        _handlers[kind] = handler
        return handler

    return register


async def deliver(tx: PlatformTx, *, node_id: int, key: str, domain_id: int, kind: str, facts: dict[str, str],
                  content: bytes, recorded_at: datetime, user_id: int | None = None,
                  group_id: int | None = None) -> bool:
    """Called by the agent with one owner. False: nobody can take it (the owner is not of that domain).

    A repeat is taken for delivered.
    """
    if (user_id is None) == (group_id is None) or kind not in (KINDS if group_id is None else OF_GROUPS):
        return False
    known = await tx.fetchval(
        "SELECT EXISTS (SELECT FROM domain_user WHERE domain_id = $1 AND id = $2) "
        "OR EXISTS (SELECT FROM call_group WHERE domain_id = $1 AND id = $3)", domain_id, user_id, group_id)
    if not known:
        return False
    new = await tx.fetchval(
        "INSERT INTO node_media (node_id, key, domain_id, user_id, kind, facts, content, recorded_at, group_id) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING RETURNING 1",
        node_id, key, domain_id, user_id, kind, facts, content, recorded_at, group_id)
    if new:
        await outbox.publish(tx, EVENT, {"node_id": node_id, "key": key}, domain_id=domain_id)
    return True


@outbox.on(EVENT)
async def _hand_over(tx: PlatformTx, domain_id: int | None, payload: dict) -> None:
    """Raises LookupError while no feature takes this kind: the file waits."""
    row = await tx.fetchrow("SELECT * FROM node_media WHERE node_id = $1 AND key = $2 AND domain_id = $3 "
                            "FOR NO KEY UPDATE", payload["node_id"], payload["key"], domain_id)
    if row is None or row["content"] is None:
        return
    handler = _handlers.get(row["kind"])
    if handler is None:
        raise LookupError(f"nobody takes {row['kind']}")
    found = Media(row["key"], row["node_id"], row["domain_id"], row["user_id"] or 0, row["kind"], row["facts"],
                  row["content"], row["recorded_at"], row["group_id"])
    await handler(await tx.enter_domain(row["domain_id"]), found)
    await tx.execute("UPDATE node_media SET content = NULL WHERE node_id = $1 AND key = $2", row["node_id"],
                     row["key"])
    await tx.execute("DELETE FROM node_media WHERE content IS NULL AND created_at < now() - interval '30 days'")
