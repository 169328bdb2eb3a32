"""Domains whose calls are told while they happen (those with the integration API or a CRM switched on), and the lines
whose calls a CRM routes [API-03, CRM-34, CRM-36, RTE-41].
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from app.kernel.db import PlatformTx
from pbx_provisioning.features import parts
from pbx_provisioning.plan.model import DomainPlan

KIND = "events"
_LINES = """
SELECT p.id, p.e164 FROM phone_number p WHERE p.domain_id = $1 AND (
    EXISTS (SELECT FROM api_settings s WHERE s.domain_id = $1 AND s.is_on AND NOT EXISTS (
        SELECT FROM api_method_off o WHERE o.domain_id = $1 AND o.method = 'get_number_info'))
    OR EXISTS (SELECT FROM bitrix_line b JOIN crm_integration i ON i.domain_id = $1 AND i.id = b.integration_id
               WHERE b.domain_id = $1 AND b.number_id = p.id)
    OR EXISTS (SELECT FROM amo_scenario_number n JOIN amo_scenario s ON s.domain_id = $1 AND s.id = n.scenario_id
               WHERE n.domain_id = $1 AND n.number_id = p.id AND s.is_enabled AND s.smart_manager))
ORDER BY p.id
"""


@dataclass(frozen=True, slots=True)
class Told:
    """`lines`: (number id, E.164) that ask who is to be rung."""

    lines: tuple[tuple[int, str], ...]


async def _load(tx: PlatformTx, domain_id: int) -> Told | None:
    wanted = await tx.fetchval(
        "SELECT EXISTS (SELECT FROM api_settings WHERE domain_id = $1 AND is_on) "
        "OR EXISTS (SELECT FROM crm_integration WHERE domain_id = $1)", domain_id)
    if not wanted:
        return None
    return Told(tuple((row["id"], row["e164"]) for row in await tx.fetch(_LINES, domain_id)))


def _render(plan: DomainPlan, told: Told) -> parts.Objects:
    if plan.is_blocked:
        return {}
    found: parts.Objects = {(KIND, "on"): "exten => on,1,Return()"}
    for number_id, e164 in told.lines:
        for name in (str(number_id), e164):
            found[KIND, f"s{name}"] = f"exten => s{name},1,Return({e164})"
    return found


parts.register(parts.Part("events", _load, _render, {
    KIND: re.compile(r"exten => (on,1,Return\(\)|s[0-9]{1,19},1,Return\([1-9][0-9]{6,14}\))")}))
