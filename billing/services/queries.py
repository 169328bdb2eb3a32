"""Services of a domain as pages show them, and whether one is on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from app.kernel.db import DomainTx
from app.kernel.errors import Forbidden
from app.kernel.i18n import LazyText, _
from app.kernel.money import Currency, Money
from billing.services import catalogue, counts, rules
from billing.services.catalogue import Descriptor
from billing.services.rules import Line
from billing.tariffs.plan import Level, PlanService
from billing.tariffs.terms import plan_of

OFF = "service_off"


@dataclass(frozen=True, slots=True)
class ServiceRow:
    """A service of the plan: what it is and what the domain has of it."""

    service: Descriptor
    line: Line

    @property
    def code(self) -> str:
        return self.service.code

    @property
    def name(self) -> LazyText | str:
        return self.service.name

    @property
    def short(self) -> LazyText | str:
        return self.service.short

    @property
    def details(self) -> LazyText | str:
        return self.service.details

    @property
    def icon(self) -> str:
        return self.service.icon

    @property
    def configure(self) -> str:
        return self.service.configure

    @property
    def is_manual(self) -> bool:
        return self.service.is_manual

    @property
    def is_on(self) -> bool:
        return self.line.is_on

    @property
    def plan(self) -> PlanService:
        return self.line.plan

    @property
    def level(self) -> Level:
        return self.line.plan.level

    @property
    def instances(self) -> int:
        """The counter [SVC-21]."""
        return self.line.instances

    @property
    def quantity(self) -> int:
        """Instances that cost."""
        return self.line.quantity

    @property
    def unit(self) -> Money:
        return self.line.plan.monthly

    @property
    def total(self) -> Money:
        return self.line.total


async def rows(tx: DomainTx) -> list[ServiceRow]:
    """All services of the plan in force: those switched by hand first, each part as the catalogue has them [SVC-02]."""
    plan = await plan_of(tx)
    found = (await counts.lines(tx, {tx.domain_id: plan}))[tx.domain_id]
    place = {code: number for number, code in enumerate(catalogue.codes())}
    listed = [ServiceRow(catalogue.find(code), line) for code, line in found.items()]
    return sorted(listed, key=lambda row: (not row.is_manual, place.get(row.code, len(place)), row.code))


def grand_total(found: Iterable[ServiceRow], currency: Currency = Currency.RUB) -> Money:
    """What will be charged every month [SVC-05]."""
    return rules.grand_total([row.line for row in found], currency)


async def in_plan(tx: DomainTx, code: str) -> bool:
    return code in (await plan_of(tx)).services


async def is_on(tx: DomainTx, code: str) -> bool:
    """In the plan in force and, if it is switched by hand, connected [SVC-D10]."""
    return bool(await _on(tx, (code,)))


async def closed(tx: DomainTx, code: str) -> Forbidden | None:
    """Why the section of a service is closed: not in the plan, or off [GEN-D5]. None while it is on."""
    name = {"name": catalogue.find(code).name}
    if not await in_plan(tx, code):
        return not_in_plan(_("The service “%(name)s” is not part of your tariff.") % name)
    if await is_on(tx, code):
        return None
    return Forbidden(OFF, _("The service “%(name)s” is off. It is switched on in service management.") % name)


async def require(tx: DomainTx, code: str) -> None:
    """Raises Forbidden: the service is off or not in the plan."""
    if reason := await closed(tx, code):
        raise reason


def not_in_plan(text: str = "") -> Forbidden:
    return Forbidden("not_in_plan", text or _("This service is not part of your tariff."))


async def has_function(tx: DomainTx, name: str) -> bool:
    """At least one connected package contains the function [SVC-14]."""
    return bool(await _on(tx, catalogue.with_function(name)))


async def _on(tx: DomainTx, codes: Iterable[str]) -> list[str]:
    plan = await plan_of(tx)
    there = [code for code in codes if code in plan.services]
    by_hand = [code for code in there if catalogue.find(code).is_manual]
    connected = {row["service"] for row in await tx.fetch(
        "SELECT service FROM domain_service WHERE domain_id = $1 AND service = ANY($2::text[]) "
        "AND disconnected_at IS NULL", tx.domain_id, by_hand)} if by_hand else set()
    return [code for code in there if code not in by_hand or code in connected]
