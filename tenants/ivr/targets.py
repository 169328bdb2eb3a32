"""Scenarios as objects that calls can be sent to, and what happens to branches whose object is deleted [IVR-65]."""

from __future__ import annotations

from app.kernel.db import DomainTx
from app.kernel.i18n import _, lazy
from app.web.parts import Affected
from tenants.destinations import registry
from tenants.ivr import queries

MOST_NAMES = 20


async def _pointers(tx: DomainTx, code: str, object_id: int) -> list[Affected]:
    names = await queries.pointing(tx, code, object_id)
    return [Affected(_("Voice scenarios that lead there"), names[:MOST_NAMES], len(names), "/ivr")] if names else []


async def _gone(tx: DomainTx, code: str, object_id: int) -> None:
    """The branch stays with a warning."""
    await tx.execute(
        "UPDATE ivr_branch SET target_kind = NULL, target_owner = NULL, target_id = NULL WHERE domain_id = $1 "
        "AND coalesce(target_owner, target_kind) = $2 AND target_id = $3", tx.domain_id, code, object_id)


registry.register(registry.ObjectKind("ivr", lazy("Voice scenario"), queries.choices, queries.find))
registry.on_pointers(_pointers, _gone)
