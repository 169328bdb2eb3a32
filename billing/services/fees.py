"""Fees of all services of all domains of a batch, as of the start of the day that is charged [FIN-D2, SVC-20]."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from app.kernel.db import DomainTx, PlatformTx
from billing.accounts.rules import Cycle, RecurringFee
from billing.services import counts
from billing.services.rules import Line
from billing.subscriptions import registry
from billing.subscriptions.registry import Days, recurring
from billing.tariffs.plan import Plan
from billing.tariffs.terms import plans_of


@recurring
async def service_fees(tx: DomainTx | PlatformTx, days: Days) -> dict[int, list[RecurringFee]]:
    """Daily prices by what there was from the day's beginning to that moment, monthly ones by what was there since the
    month (or the contract) began: what was added later has paid for the rest at its connection."""
    plans = {domain_id: _paid(plan) for domain_id, plan in (await plans_of(tx, days)).items()}
    mornings = {domain_id: _midnight(days[domain_id]) for domain_id in plans}
    since = mornings if all(mornings[domain_id] == days[domain_id] for domain_id in plans) \
        else await registry.since_charged(tx, mornings)
    found = await counts.lines(tx, plans, days, since)
    months = await registry.since_charged(tx, {
        domain_id: mornings[domain_id].replace(day=1)
        for domain_id, plan in plans.items() if days[domain_id].day != 1 and _has_monthly(plan)})
    lasting = await counts.lines(tx, {domain_id: plans[domain_id] for domain_id in months}, days, months) \
        if months else {}
    return {domain_id: [_fee(line, lasting.get(domain_id, lines)[code]) for code, line in lines.items()]
            for domain_id, lines in found.items()}


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _fee(line: Line, lasting: Line) -> RecurringFee:
    quantity = (line if line.plan.cycle is Cycle.DAILY else lasting).quantity
    return RecurringFee(line.plan.service, line.plan.monthly, quantity, line.plan.cycle)


def _paid(plan: Plan) -> Plan:
    """Only what costs something regularly is counted."""
    services: Mapping = {code: item for code, item in plan.services.items() if item.monthly}
    return replace(plan, services=services)


def _has_monthly(plan: Plan) -> bool:
    return any(item.cycle is Cycle.MONTHLY for item in plan.services.values())
