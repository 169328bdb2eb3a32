"""`/`: the start page [DASH-01…12]; and the loader of the domain panel's frame."""

from __future__ import annotations

from datetime import datetime
from math import ceil

from litestar import Controller, Request, Response, get, post
from litestar.response import Template

from app.auth.permissions import Permission
from app.auth.principal import Principal
from app.kernel import clock, i18n, parameters
from app.kernel.db import DomainTx, domain_transaction
from app.kernel.errors import Refused
from app.kernel.i18n import LazyText, _, lazy
from app.kernel.money import Money
from app.web import menu
from app.web.menu import MenuItem
from app.web.shell import (
    BlockFact,
    ShellFacts,
    TrialFact,
    VisitorFact,
    page,
    register_shell,
    saved,
    shell_facts,
)
from billing.accounts.present import month_name
from billing.accounts.rules import Terms, near_limit
from billing.forecast.service import outlook
from billing.services import service as services
from billing.tariff_requests import queries as requests
from billing.tariff_requests.present import excess_words
from billing.tariff_requests.service import ask as ask_for_tariff
from billing.tariffs.plan import Level
from billing.tariffs.terms import plan_of
from tenants.dashboard import charts, queries, tiles
from tenants.dashboard.month import figures
from tenants.users.queries import online

BLOCKS = {"financial": lazy("Financial block"), "trial_expired": lazy("The trial period is over"),
          "administrative": lazy("Blocked by the provider")}
EFFECT = lazy("No calls except to emergency numbers")
WAITS = lazy("No calls except to emergency numbers. The payment is there: the block ends when the calls in progress, "
             "which hold a part of the money, leave enough of it for the fees.")
STOPPED, STILL_WORKS = lazy("Paid calls are stopped"), lazy("Internal, incoming and emergency calls work.")
PROTECTION = "/settings/protection"
ROLES = {"user": lazy("User"), "domain_admin": lazy("Domain administrator"),
         "domain_visitor": lazy("Domain administrator")}
VISITORS = {"pool": lazy("pool administrator"), "provider": lazy("the provider's support")}

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
        minutes_left=found.minutes_left if is_admin else None, mgp_left=found.mgp_left if is_admin else None,
        trial=_trial(found, clock.now()) if is_admin and found.mode == "trial" else None,
        blocks=tuple(BlockFact(BLOCKS[kind], since, _effect(kind, found) if is_admin else EFFECT)
                     for kind, since in found.blocks),
        credit_room=await _credit_room(tx, found) if is_admin else None,
        stops=_stops(found.stopped_since, request.url.path) if is_admin else (),
        counters=_counters(found) if is_admin else {}, services=await _sections(tx, found) if is_admin else (),
        permissions=user.may, home_url="/" if is_admin else "/me", legacy_url=legacy_url)


def _effect(kind: str, found: queries.Frame) -> LazyText:
    return WAITS if kind == "financial" and found.unblock_waits else EFFECT


async def _credit_room(tx: DomainTx, found: queries.Frame) -> Money | None:
    """What is left until the credit limit when it is near [FIN-D12]; none in the block, which says more."""
    currency = found.balance.currency
    terms = Terms(found.scheme, found.credit_limit,
                  Money(await parameters.get(tx, "credit.default_limit"), currency))
    if found.blocks or not near_limit(found.balance, terms, await parameters.get(tx, "credit.warn_percent")):
        return None
    return found.balance + terms.limit(currency)


def _visitor(user: Principal) -> VisitorFact | None:
    if not user.origin:
        return None
    return VisitorFact(user.actor.name, VISITORS[user.origin], user.actor.behalf_name, user.is_read_only)


def _shown_name(user: Principal) -> str:
    """«Anna (pool administrator)» for somebody from outside [POOL-D7]."""
    return f"{user.actor.name} ({VISITORS[user.origin]})" if user.origin else user.actor.name


def _stops(since: datetime | None, path: str) -> tuple[BlockFact, ...]:
    """A banner on every page but that of call protection, which tells more itself."""
    if since is None or path.rstrip("/") == PROTECTION:
        return ()
    return (BlockFact(STOPPED, since, STILL_WORKS, PROTECTION),)


def _trial(found: queries.Frame, now: datetime) -> TrialFact:
    left = (found.trial_ends_at - now).total_seconds() if found.trial_ends_at else 0
    return TrialFact(max(0, ceil(left / 86_400)), found.trial_seconds_left // 60)


async def _sections(tx: DomainTx, found: queries.Frame) -> frozenset[str]:
    """What the menu shows only where it is there: paid services of the plan, the purchase of numbers [NUM-04]."""
    return frozenset((await plan_of(tx)).services) | (frozenset({"number_shop"}) if found.buys_numbers else frozenset())


def _counters(found: queries.Frame) -> dict[str, str]:
    number = i18n.format_phone_in_lists(f"+{found.main_number}") if found.main_number else ""
    return {"users": str(found.users), "groups": str(found.groups), "main_number": number}


register_shell("domain", frame_facts, frame_facts_in)


class DashboardPages(Controller):
    """The start page: expenses, services, users, quick access [DASH-01…12]."""

    path = "/"
    opt = {"permission": Permission.DOMAIN_VIEW}

    @get("/")
    async def start(self, request: Request) -> Template:
        user = request.user
        async with domain_transaction(user.actor) as tx:
            month = await figures(tx, user.timezone)
            ahead = await outlook(tx)
            rows = await services.rows(tx)
            shown = await tiles.shown(tx, user.may, rows)
            wish = await requests.open_request(tx) if month.excess else None
            facts = await shell_facts(request, tx)
        return await page(
            request, "dashboard/start.html", facts=facts, month=month, ahead=ahead, tiles=shown, wish=wish, Level=Level,
            charts=(charts.users(month), charts.funds(month)), month_name=month_name(month.first_day),
            excess=excess_words(month.excess, month.account.currency.value), online=await online(user.actor.domain_id),
            connected=[row for row in rows if row.is_on],
            available=[row for row in rows if row.is_manual and not row.is_on],
            may_ask=user.may(Permission.FINANCE_EDIT),
            may_connect=user.may(Permission.SERVICES_EDIT) and menu.has("domain", tiles.SERVICES))

    @post("/tariff-request", opt={"permission": Permission.FINANCE_EDIT}, status_code=200)
    async def ask_for_tariff(self, request: Request) -> Response:
        """The provider is told what is exceeded; the tariff itself is not changed [DASH-D1]."""
        async with domain_transaction(request.user.actor) as tx:
            month = await figures(tx, request.user.timezone)
            if not month.excess:
                raise Refused("nothing_exceeded", _("Nothing exceeds the tariff any longer."))
            await ask_for_tariff(tx, month.excess)
        return saved(request, "/", _("The provider has been asked for another tariff."))


CONTROLLERS = [DashboardPages]
