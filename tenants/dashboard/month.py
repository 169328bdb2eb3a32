"""The figures of the current month: users, minutes and money against what the tariff includes, and who talks most.

Of a large company the slow ones are kept for a minute [DASH-D3]; of a small one nothing is, and the page is true to
the second. The key is the domain that the transaction is bound to.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import structlog
from redis.exceptions import RedisError

from app.auth import store
from app.kernel import parameters
from app.kernel.db import DomainTx
from app.kernel.money import Money
from billing.accounts import sums
from billing.accounts.posting import Operation
from billing.accounts.rules import Scheme
from billing.accounts.state import ACCOUNT_COLUMNS, Account
from billing.accounts.sums import Span
from billing.tariffs.plan import ADDITIONAL_USER, Plan
from billing.tariffs.terms import plan_at
from tenants.dashboard import rules, settled
from tenants.dashboard.settled import Talker

log = structlog.get_logger()

KEEP_SECONDS = 60
LARGE_USERS, LARGE_CALLS = 500, 5_000  # users, or paid calls of the month, from which on the slow figures are kept


@dataclass(frozen=True, slots=True)
class Month:
    """`topped_up` and `spent_on_calls` are not negative [DASH-03]; `excess` as rules.excess."""

    first_day: date
    usage: rules.Usage
    topped_up: Money
    spent: Money
    spent_on_calls: Money
    talkers: list[Talker]
    account: Account
    tariff: str

    @property
    def excess(self) -> dict[str, int | str]:
        return rules.excess(self.usage)


def month_of(now: datetime, zone: str) -> tuple[datetime, datetime]:
    """First instants of the current month and of the next, in a zone."""
    place = ZoneInfo(zone)
    first = now.astimezone(place).date().replace(day=1)
    following = (first + timedelta(days=31)).replace(day=1)
    return datetime.combine(first, time(), place), datetime.combine(following, time(), place)


async def figures(tx: DomainTx, zone: str) -> Month:
    """`zone`: the domain's. Money is counted by the month of the books [FIN-D5]."""
    row = await tx.fetchrow(
        f"SELECT {ACCOUNT_COLUMNS}, t.name AS tariff, (SELECT count(*) FROM domain_user u WHERE u.domain_id = $1) "
        "AS users FROM account a JOIN tariff t ON t.id = a.tariff_id WHERE a.domain_id = $1", tx.domain_id)
    assert row is not None
    account = Account.of(row)
    plan = await plan_at(tx, account.tariff_id, tx.now)
    begins, ends = month_of(tx.now, await parameters.get(tx, "billing.timezone"))
    parts = await sums.by_operation(tx, account.currency, Span(begins, ends))
    whole = sums.total(parts, account.currency)
    calls = sums.total((one for one in parts if one.kind == Operation.CALL.value), account.currency)
    is_large = row["users"] >= LARGE_USERS or calls.entries >= LARGE_CALLS
    slow = await _slow_figures(tx, zone, is_exhausted=_package_seconds(tx, plan, account) == 0, is_large=is_large)
    return Month(begins.date(), _usage(tx, row["users"], plan, account, slow.beyond_seconds, calls.expense),
                 whole.income, whole.expense, calls.expense, slow.talkers, account, row["tariff"])


def _usage(tx: DomainTx, users: int, plan: Plan, account: Account, beyond: int, calls: Money) -> rules.Usage:
    counted = plan.services.get(ADDITIONAL_USER)
    if counted and not (counted.included or counted.monthly or counted.connection):
        counted = None  # users are free: there is nothing to exceed
    has_mgp = plan.mgp.amount > 0 and account.terms.scheme is Scheme.PREPAID
    return rules.Usage(users, counted.included if counted else None, _package_seconds(tx, plan, account), beyond,
                       account.mgp_left(tx.now) if has_mgp else None, calls)


def _package_seconds(tx: DomainTx, plan: Plan, account: Account) -> int | None:
    return account.package.left(tx.now) if plan.included_minutes else None


# --- figures that take time -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Slow:
    """Who talks most; seconds beyond the package, once it is used up."""

    talkers: list[Talker]
    beyond_seconds: int


async def _slow_figures(tx: DomainTx, zone: str, *, is_exhausted: bool, is_large: bool) -> _Slow:
    since, until = month_of(tx.now, zone)
    key = f"dashboard:{tx.domain_id}:{since.isoformat()}:{is_exhausted:d}"
    kept = await _kept(key) if is_large else None
    if kept is not None:
        return _Slow([Talker(**one) for one in kept["talkers"]], kept["beyond_seconds"])
    begins, _ends = month_of(tx.now, await parameters.get(tx, "billing.timezone"))
    found = _Slow(await settled.most_active(tx, since, until),
                  await settled.beyond_package(tx, begins) if is_exhausted else 0)
    if is_large:
        await _keep(key, asdict(found))
    return found


async def _kept(key: str) -> dict | None:
    try:
        found = await store.client().get(key)
    except (RedisError, OSError):
        return None
    return json.loads(found) if found else None


async def _keep(key: str, values: dict) -> None:
    try:
        await store.client().set(key, json.dumps(values), ex=KEEP_SECONDS)
    except (RedisError, OSError) as error:
        log.warning("dashboard_not_kept", error=repr(error)[:200])
