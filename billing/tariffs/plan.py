"""Terms of a tariff version as values: included minutes, MGP, discount, and the services with their prices; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import Enum

from app.kernel.money import Currency, Money
from billing.accounts.rules import Cycle, RecurringFee

ADDITIONAL_USER = "additional_user"


class Level(Enum):
    """What a service's quantity is counted by [SVC-20]."""

    DOMAIN = "domain"
    USER = "user"
    OPERATOR = "operator"
    SPECIAL = "special"
    EXTERNAL = "external"


@dataclass(frozen=True, slots=True)
class PlanService:
    """A service of the plan; prices per instance, `included` instances are without charge."""

    service: str
    level: Level
    monthly: Money
    connection: Money
    cycle: Cycle = Cycle.DAILY
    included: int = 0

    def charged(self, quantity: int) -> int:
        """Of so many instances those that cost."""
        return max(quantity - self.included, 0)

    def at_percent(self, percent: int) -> PlanService:
        """With that share of the monthly price, to the minor unit."""
        return self if percent == 100 else replace(
            self, monthly=(self.monthly * (Decimal(percent) / 100)).rounded_for_ledger())

    def fee(self, before: int, added: int) -> RecurringFee:
        """Fee of the added instances that lie beyond the included ones; quantity 0 when none does [USR-23]."""
        charged = min(added, self.charged(before + added))
        return RecurringFee(self.service, self.monthly, charged, self.cycle, self.connection)


@dataclass(frozen=True, slots=True)
class Plan:
    """Terms of one version. `version_id` None: no version is in force, nothing is in the plan and nothing costs."""

    version_id: int | None = None
    currency: Currency = Currency.RUB
    included_minutes: int = 0
    mgp: Money = field(default_factory=Money.zero)
    discount_percent: Decimal = Decimal(0)
    services: Mapping[str, PlanService] = field(default_factory=dict)

    def fee(self, service: str, before: int, added: int) -> RecurringFee:
        """As PlanService.fee; of a service that is not in the plan a fee of quantity 0."""
        found = self.services.get(service)
        return found.fee(before, added) if found else RecurringFee(service, Money.zero(self.currency), 0)


Changed = tuple[str, PlanService | None, PlanService | None]


def changed_services(before: Plan, after: Plan) -> list[Changed]:
    """Services that the two plans treat differently, by code; None: not in that plan."""
    pairs = [(code, before.services.get(code), after.services.get(code))
             for code in sorted({*before.services, *after.services})]
    return [pair for pair in pairs if pair[1] != pair[2]]
