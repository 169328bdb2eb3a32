"""Tariffs as values: header, versions with their dates, what a further user costs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum
from zoneinfo import ZoneInfo

from app.kernel.money import Currency, Money
from billing.accounts.rules import Cycle, RecurringFee

ADDITIONAL_USER = "additional_user"


@dataclass(frozen=True, slots=True)
class Tariff:
    """Header: what holds for every version of the destination rates."""

    name: str
    currency: Currency = Currency.RUB
    included_users: int = 0
    user_monthly: Money = field(default_factory=Money.zero)
    user_connection: Money = field(default_factory=Money.zero)
    cycle: Cycle = Cycle.DAILY
    included_minutes: int = 0
    time_zone: str = "Europe/Moscow"

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise ValueError("a tariff needs a name")
        if min(self.included_users, self.included_minutes) < 0:
            raise ValueError("included users and minutes are not negative")
        for price in (self.user_monthly, self.user_connection):
            if price.currency is not self.currency or price.amount < 0:
                raise ValueError("prices are in the tariff's currency and not negative")
        ZoneInfo(self.time_zone)

    def new_users_fee(self, users_before: int, added: int = 1) -> RecurringFee:
        """Fee of the added users that lie beyond the included ones; quantity 0 when none does [USR-23]."""
        charged = min(added, max(users_before + added - self.included_users, 0))
        return RecurringFee(ADDITIONAL_USER, self.user_monthly, charged, self.cycle, self.user_connection)


class VersionState(Enum):
    DRAFT = "draft"
    PUBLISHED = "published"


@dataclass(frozen=True, slots=True)
class Version:
    """A set of destination rates; in force from 00:00 of `valid_from` in the tariff's zone."""

    version_id: int
    state: VersionState
    valid_from: date


def version_in_force(versions: Iterable[Version], at: datetime, time_zone: str) -> Version | None:
    """The published version with the latest date not after the moment; of one date the newest."""
    today = at.astimezone(ZoneInfo(time_zone)).date()
    begun = [v for v in versions if v.state is VersionState.PUBLISHED and v.valid_from <= today]
    return max(begun, key=lambda v: (v.valid_from, v.version_id), default=None)


def may_publish(version: Version, now: datetime, time_zone: str) -> bool:
    """A draft may be published for today or later: calls already rated keep their version."""
    today = now.astimezone(ZoneInfo(time_zone)).date()
    return version.state is VersionState.DRAFT and version.valid_from >= today
