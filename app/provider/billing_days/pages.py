"""Progress of the daily run: `/provider/billing-days`. What each day has settled, charged and blocked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from litestar import Controller, Request, get
from litestar.response import Template

from app.kernel import parameters
from app.kernel.db import PlatformTx, platform_transaction
from app.kernel.i18n import lazy
from app.kernel.money import Money
from app.provider.console import VIEW, show
from app.web.lists import Column, ListQuery, Page
from billing.subscriptions.rules import local_day

LIST = "/provider/billing-days"
COLUMNS = (Column("day", lazy("Day")), Column("settled", lazy("Domains settled"), numeric=True),
           Column("charged", lazy("Domains charged"), numeric=True),
           Column("blocked", lazy("Domains blocked by it"), numeric=True),
           Column("skipped", lazy("Were blocked before"), numeric=True, wide_only=True),
           Column("amount", lazy("Amount"), numeric=True), Column("changed", lazy("Last batch"), wide_only=True))


@dataclass(frozen=True, slots=True)
class Day:
    """`waiting`: domains that this day has still to settle."""

    day: date
    started_at: datetime
    changed_at: datetime
    domains: int
    charged: int
    blocked: int
    skipped: int
    amount: Money
    waiting: int

    @property
    def total(self) -> int:
        return self.domains + self.waiting


@dataclass(frozen=True, slots=True)
class Progress:
    """The run as a whole: how many domains stand before which day."""

    today: date
    domains: int
    behind: Mapping[date, int]  # last settled day → domains

    @property
    def waiting(self) -> int:
        return self.waiting_for(self.today)

    @property
    def settled(self) -> int:
        return self.domains - self.waiting

    @property
    def oldest(self) -> date | None:
        """Until which day everybody is settled, when somebody is behind."""
        return min(self.behind, default=None)

    def waiting_for(self, day: date) -> int:
        return sum(number for through, number in self.behind.items() if through < day)


async def progress(tx: PlatformTx) -> Progress:
    today = local_day(tx.now, await parameters.get(tx, "billing.timezone"))
    domains = await tx.fetchval("SELECT count(*) FROM account WHERE billed_through IS NOT NULL")
    rows = await tx.fetch("SELECT billed_through, count(*) AS number FROM account WHERE billed_through < $1 "
                          "GROUP BY billed_through", today)
    return Progress(today, domains, {row["billed_through"]: row["number"] for row in rows})


async def days(tx: PlatformTx, found: Progress, query: ListQuery) -> Page[Day]:
    """Newest first."""
    total = await tx.fetchval("SELECT count(*) FROM billing_day")
    rows = await tx.fetch("SELECT day, started_at, changed_at, domains, charged, blocked, skipped, amount "
                          "FROM billing_day ORDER BY day DESC LIMIT $1 OFFSET $2", query.limit, query.offset)
    return Page([Day(**{**row, "amount": Money(Decimal(row["amount"]))}, waiting=found.waiting_for(row["day"]))
                 for row in rows], total, query)


class BillingDayPages(Controller):
    path = LIST
    opt = VIEW

    @get("/")
    async def list(self, request: Request) -> Template:
        query = ListQuery.of(request, columns=COLUMNS)
        async with platform_transaction(request.user.actor) as tx:
            found = await progress(tx)
            page = await days(tx, found, query)
        return await show(request, "provider/billing_days/list.html", found=page, progress=found)


CONTROLLERS = [BillingDayPages]
