"""Marks of operators: whose phones tell what they do (sw-operator in sw-acd.conf)."""

from __future__ import annotations

from app.kernel.db import PlatformTx
from pbx_provisioning.features import parts
from pbx_provisioning.plan.model import DomainPlan

Operators = tuple[int, ...]


async def _load(tx: PlatformTx, domain_id: int) -> Operators | None:
    found = tuple(row["id"] for row in await tx.fetch(
        "SELECT id FROM domain_user WHERE domain_id = $1 AND is_operator ORDER BY id", domain_id))
    return found or None


def _render(_plan: DomainPlan, operators: Operators) -> parts.Objects:
    return {("conf", f"op{user_id}"): f"exten => op{user_id},1,Return()" for user_id in operators}


parts.register(parts.Part("operators", _load, _render))
