"""Forms of the tariff pages."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from app.kernel.money import Money
from app.provider.fields import Line, Reference, Zone
from app.web.forms import FormModel
from billing.accounts.rules import Cycle
from billing.tariffs.plan import ADDITIONAL_USER, Level, Plan, PlanService
from billing.tariffs.service import NewTariff
from billing.whatif.service import Wanted

Price = Annotated[Decimal, Field(ge=0, max_digits=12, decimal_places=2)]
Percent = Annotated[Decimal, Field(ge=0, le=100, decimal_places=2)]
Minutes = Annotated[int, Field(ge=0, le=1_000_000)]
Included = Annotated[int, Field(ge=0, le=1_000_000)]
Code = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,49}$")]


class TermsForm(FormModel):
    """What holds for the domain as a whole."""

    included_minutes: Minutes = 0
    mgp: Price = Decimal(0)
    discount_percent: Percent = Decimal(0)

    def plan(self) -> Plan:
        return Plan(included_minutes=self.included_minutes, mgp=Money(self.mgp), discount_percent=self.discount_percent)


class TariffForm(TermsForm):
    """A new tariff; the users' fee is the only service that the form asks for."""

    name: Annotated[Line, Field(min_length=1, max_length=100)]
    timezone: Zone = "Europe/Moscow"
    included_users: Included = 0
    user_monthly: Price = Decimal(0)
    user_connection: Price = Decimal(0)
    fee_cycle: Literal["daily", "monthly"] = "daily"

    def tariff(self) -> NewTariff:
        users = PlanService(ADDITIONAL_USER, Level.USER, Money(self.user_monthly), Money(self.user_connection),
                            Cycle(self.fee_cycle), self.included_users)
        terms = self.plan()
        return NewTariff(self.name, self.timezone, Plan(
            included_minutes=terms.included_minutes, mgp=terms.mgp, discount_percent=terms.discount_percent,
            services={ADDITIONAL_USER: users}))


class ServiceForm(FormModel):
    """A service of a draft."""

    service: Code
    level: Literal["domain", "user", "operator", "special", "external"]
    monthly: Price
    connection: Price = Decimal(0)
    cycle: Literal["daily", "monthly"] = "daily"
    included: Included = 0

    def plan_service(self) -> PlanService:
        return PlanService(self.service, Level(self.level), Money(self.monthly), Money(self.connection),
                           Cycle(self.cycle), self.included)


class PublishForm(FormModel):
    valid_from: date


class WhatIfForm(FormModel):
    """`domains`: names, one a line or with commas; empty: all of the tariff."""

    tariff_id: Reference
    first_on: date
    last_on: date
    domains: Annotated[str, Field(max_length=100_000)] = ""

    def wanted(self, version_id: int) -> Wanted:
        names = tuple(name.strip().lower() for name in self.domains.replace(",", "\n").split("\n") if name.strip())
        return Wanted(version_id, self.tariff_id, self.first_on, self.last_on, names)
