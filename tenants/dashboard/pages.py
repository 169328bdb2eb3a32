"""`/`: the start page [DASH, first form]; and the loader of the domain panel's frame."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from math import ceil
from zoneinfo import ZoneInfo

from litestar import Controller, Request, get
from litestar.response import Template

from app.auth.permissions import Permission
from app.auth.principal import Principal
from app.kernel import clock, i18n, parameters
from app.kernel.db import DomainTx, domain_transaction
from app.kernel.i18n import _, lazy
from app.web import menu
from app.web.menu import MenuItem
from app.web.shell import BlockFact, ShellFacts, TrialFact, VisitorFact, page, register_shell
from billing.accounts import queries as accounts
from tenants.dashboard import queries

BLOCKS = {"financial": lazy("Financial block"), "trial_expired": lazy("The trial period is over"),
          "administrative": lazy("Blocked by the provider")}
EFFECT = lazy("No calls except to emergency numbers")
ROLES = {"user": lazy("User"), "domain_admin": lazy("Domain administrator"),
         "domain_visitor": lazy("Domain administrator")}
VISITORS = {"pool": lazy("pool administrator"), "provider": lazy("the provider's support")}
DAYS = 7

menu.register("domain", MenuItem("", lazy("Dashboard"), "/", "layout-dashboard", Permission.DOMAIN_VIEW, order=100))


async def frame_facts(request: Request) -> ShellFacts:
    """Header and menu of the domain panel; a plain user sees neither money nor counters [ACC-D9]."""
    async with domain_transaction(request.user.actor) as tx:
        return await frame_facts_in(request, tx)


async def frame_facts_in(request: Request, tx: DomainTx) -> ShellFacts:
    """The same in the page's own transaction."""
    user, found = request.user, await queries.frame(tx)
    legacy_url = await parameters.get(tx, "legacy_cabinet_url")
    is_admin = user.may(Permission.FINANCE_VIEW)
    return ShellFacts(
        "domain", user_name=_shown_name(user), role=ROLES[user.role], company=found.company, visitor=_visitor(user),
        profile_url="/me" if user.may(Permission.PERSONAL) else "",
        domain=found.name, balance=found.balance if is_admin else None,
        minutes_left=found.minutes_left if is_admin else None,
        trial=_trial(found, clock.now()) if is_admin and found.mode == "trial" else None,
        blocks=tuple(BlockFact(BLOCKS[kind], since, EFFECT) for kind, since in found.blocks),
        counters=_counters(found) if is_admin else {},
        permissions=user.may, home_url="/" if is_admin else "/me", legacy_url=legacy_url)


def _visitor(user: Principal) -> VisitorFact | None:
    if not user.origin:
        return None
    return VisitorFact(user.actor.name, VISITORS[user.origin], user.actor.behalf_name, user.is_read_only)


def _shown_name(user: Principal) -> str:
    """«Anna (pool administrator)» for somebody from outside [POOL-D7]."""
    return f"{user.actor.name} ({VISITORS[user.origin]})" if user.origin else user.actor.name


def _trial(found: queries.Frame, now: datetime) -> TrialFact:
    left = (found.trial_ends_at - now).total_seconds() if found.trial_ends_at else 0
    return TrialFact(max(0, ceil(left / 86_400)), found.trial_seconds_left // 60)


def _counters(found: queries.Frame) -> dict[str, str]:
    number = i18n.format_phone(f"+{found.main_number}") if found.main_number else ""
    return {"users": str(found.users), "main_number": number}


register_shell("domain", frame_facts, frame_facts_in)


def _chart(days: list[dict]) -> dict:
    """ECharts option: calls per day, answered and not."""
    return {
        "legend": {}, "xAxis": {"type": "category", "data": [i18n.format_date(day["day"]) for day in days]},
        "yAxis": {"type": "value", "minInterval": 1},
        "color": ["#2fb344", "#d63939"],
        "series": [{"name": str(name), "type": "bar", "stack": "calls", "data": [day[key] for day in days]}
                   for name, key in ((_("answered"), "answered"), (_("not answered"), "missed"))]}


class DashboardPages(Controller):
    path = "/"
    opt = {"permission": Permission.DOMAIN_VIEW}

    @get("/")
    async def start(self, request: Request) -> Template:
        zone = ZoneInfo(request.user.timezone)
        today = clock.now().astimezone(zone).date()
        since = datetime.combine(today - timedelta(days=DAYS - 1), time(), zone)
        async with domain_transaction(request.user.actor) as tx:
            account = await accounts.facts(tx)
            month = await accounts.month(tx, account.balance.currency)
            talkers = await queries.most_active(tx, datetime.combine(today.replace(day=1), time(), zone))
            days = await queries.calls_by_day(tx, since, request.user.timezone)
        return await page(request, "dashboard/start.html", account=account, month=month, talkers=talkers,
                          chart=_chart(days) if days else None)


CONTROLLERS = [DashboardPages]
