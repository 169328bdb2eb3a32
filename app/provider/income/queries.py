"""Revenue of a period: sums of its days, grouped; what was given back counts against it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from time import monotonic

import asyncpg

from app.kernel.db import PlatformTx
from app.kernel.errors import Refused
from app.kernel.i18n import _
from app.kernel.money import Money
from app.provider.income import sums

LONGEST = "5s"  # a page may hold a connection so long
CATCHING_UP_SECONDS = 1.0
DOMAINS, LINES = 200, 100  # taken in at once by a page
_DAYS = "revenue_day r"
_DOMAINS = "revenue_domain_day r JOIN domain d ON d.id = r.domain_id"
# group → (SQL of its key, where from, order). The tariff is the domain's present one: a fee does not know by which it
# was charged.
GROUPS = {
    "day": ("r.day::text", _DAYS, "1"),
    "operation": ("r.kind", _DAYS, "amount DESC, 1"),
    "service": ("r.kind || chr(31) || r.service", _DAYS, "amount DESC, 1"),
    "tariff": ("t.name", f"{_DOMAINS} JOIN account a ON a.domain_id = d.id JOIN tariff t ON t.id = a.tariff_id",
               "amount DESC, 1"),
    "domain": ("d.name", _DOMAINS, "amount DESC, 1"),
}


@dataclass(frozen=True, slots=True)
class IncomeRow:
    """`key`: a day, an operation, an operation and its service (chr(31) between), a tariff or a domain."""

    key: str
    lines: int
    amount: Decimal

    @property
    def sum(self) -> Money:
        return Money(self.amount)


async def income(tx: PlatformTx, group: str, first: date, last: date) -> tuple[list[IncomeRow], bool]:
    """Both days included, days of the billing zone; whether everything until now is in it.

    Raises:
        Refused: the period holds more than can be summed up at once.
    """
    key, source, order = GROUPS[group]
    try:
        await tx.execute(f"SET LOCAL statement_timeout = '{LONGEST}'")
        is_whole = await _catch_up(tx)
        rows = await tx.fetch(
            f"SELECT {key} AS key, sum(r.lines)::bigint AS lines, sum(r.amount) AS amount FROM {source} "
            f"WHERE r.day BETWEEN $1 AND $2 GROUP BY 1 ORDER BY {order}", first, last)
    except asyncpg.QueryCanceledError:
        raise Refused("too_much", _("This period holds too much to be summed up at once. "
                                    "Choose a shorter one.")) from None
    return [IncomeRow(**row) for row in rows], is_whole


async def _catch_up(tx: PlatformTx) -> bool:
    """Take in what the job has left, as far as that is little. False if something remains."""
    end = monotonic() + CATCHING_UP_SECONDS
    while monotonic() < end:
        if not await sums.take_in(tx, domains=DOMAINS, lines=LINES):
            break
    return not await sums.is_behind(tx)
