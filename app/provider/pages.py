"""The provider's console as a whole: its pages and its menu."""

from __future__ import annotations

from litestar import Request

from app.auth.permissions import Permission
from app.kernel.db import platform_transaction
from app.kernel.i18n import lazy, ngettext
from app.provider.accounts import pages as account_pages
from app.provider.announcements import pages as announcement_pages
from app.provider.api_keys import pages as api_key_pages
from app.provider.bank import pages as bank_pages
from app.provider.billing_days import pages as billing_day_pages
from app.provider.books import pages as books_pages
from app.provider.console import STAFF_ROLES
from app.provider.corrections import pages as correction_pages
from app.provider.corrections import service as corrections
from app.provider.domains import commercial_pages
from app.provider.domains import pages as domain_pages
from app.provider.domains import tariff_pages as domain_tariff_pages
from app.provider.guards import pages as guard_pages
from app.provider.income import pages as income_pages
from app.provider.jobs import pages as job_pages
from app.provider.letters import pages as letter_pages
from app.provider.nodes import pages as node_pages
from app.provider.numbers import pages as number_pages
from app.provider.parameters import pages as parameter_pages
from app.provider.payments import api as payment_api
from app.provider.payments import pages as payment_pages
from app.provider.pools import pages as pool_pages
from app.provider.records import pages as record_pages
from app.provider.search import pages as search_pages
from app.provider.staff import pages as staff_pages
from app.provider.tariff_requests import pages as tariff_request_pages
from app.provider.tariffs import draft_pages, whatif_pages
from app.provider.tariffs import pages as tariff_pages
from app.provider.trunks import pages as trunk_pages
from app.web.menu import MenuItem, register
from app.web.shell import ShellFacts, register_shell
from billing.books import service as books

_VIEW = Permission.PROVIDER_VIEW

register(
    "provider",
    MenuItem("", lazy("Overview"), "/provider", "layout-dashboard", _VIEW, order=100),
    MenuItem("", lazy("Search"), "/provider/search", "search", _VIEW, order=110),
    MenuItem("customers", lazy("Domains"), domain_pages.LIST, "building", _VIEW, order=10),
    MenuItem("customers", lazy("Pools"), pool_pages.LIST, "sitemap", _VIEW, order=15),
    MenuItem("customers", lazy("Numbers"), number_pages.LIST, "phone", _VIEW, order=20),
    MenuItem("money", lazy("Payments"), payment_pages.LIST, "cash", _VIEW, order=10),
    MenuItem("money", lazy("Bank statements"), bank_pages.LIST, "file-spreadsheet", _VIEW, order=11),
    MenuItem("money", lazy("Corrections"), correction_pages.LIST, "adjustments", _VIEW, "corrections", order=12),
    MenuItem("money", lazy("Tariffs"), tariff_pages.LIST, "tag", _VIEW, order=20),
    MenuItem("money", lazy("Requests for a tariff"), tariff_request_pages.LIST, "message", _VIEW, order=25),
    MenuItem("money", lazy("Calls without a rate"), record_pages.UNRATED, "receipt", _VIEW, order=30),
    MenuItem("money", lazy("Revenue"), income_pages.LIST, "activity", _VIEW, order=35),
    MenuItem("money", lazy("Daily fees"), billing_day_pages.LIST, "calendar", _VIEW, order=35),
    MenuItem("money", lazy("Reconciliation"), books_pages.LIST, "circle-check", _VIEW, order=40),
    MenuItem("money", lazy("Call protection"), guard_pages.LIST, permission=_VIEW, order=40),
    MenuItem("network", lazy("PBX nodes"), "/provider/nodes", "server", _VIEW, order=10),
    MenuItem("network", lazy("SIP trunks"), trunk_pages.LIST, "network", _VIEW, order=20),
    MenuItem("network", lazy("Records in quarantine"), record_pages.QUARANTINE, "archive", _VIEW, order=30),
    MenuItem("system", lazy("Jobs"), "/provider/jobs", "server-2", _VIEW, order=10),
    MenuItem("system", lazy("Failed events"), "/provider/events", "alert-triangle", _VIEW, order=20),
    MenuItem("system", lazy("Letters"), "/provider/mails", "mail", _VIEW, order=30),
    MenuItem("system", lazy("Letter texts"), letter_pages.LIST, "template", _VIEW, order=40),
    MenuItem("system", lazy("Announcements"), announcement_pages.LIST, "speakerphone", _VIEW, order=50),
    MenuItem("system", lazy("Parameters"), parameter_pages.LIST, "adjustments", _VIEW, order=60),
    MenuItem("system", lazy("Staff"), staff_pages.LIST, "users", _VIEW, order=70),
    MenuItem("system", lazy("API keys"), api_key_pages.LIST, "key", Permission.PROVIDER_SETTINGS, order=80),
)

async def _facts(request: Request) -> ShellFacts:
    """What surrounds a page of the console."""
    user = request.user
    async with platform_transaction(user.actor) as tx:
        waiting = await corrections.waiting(tx)
        alarm = await books.open_alarm(tx)
    return ShellFacts("provider", user_name=user.actor.name, role=STAFF_ROLES[user.role], permissions=user.may,
                      counters={"corrections": str(waiting)} if waiting else {},
                      alerts=(_books_alert(*alarm),) if alarm else (),
                      home_url="/provider", profile_url="/provider/security", sign_out_url="/provider/sign-out")


def _books_alert(run_id: int, differences: int) -> tuple[str, str]:
    """Until somebody says that he looks after it."""
    text = ngettext("The books do not agree: %(n)s difference", "The books do not agree: %(n)s differences",
                    differences) % {"n": differences}
    return text, f"{books_pages.LIST}/{run_id}"


register_shell("provider", _facts)

CONTROLLERS = [
    *search_pages.CONTROLLERS, *domain_pages.CONTROLLERS, *commercial_pages.CONTROLLERS,
    *domain_tariff_pages.CONTROLLERS,
    *number_pages.CONTROLLERS, *tariff_pages.CONTROLLERS, *draft_pages.CONTROLLERS,
    *whatif_pages.CONTROLLERS,
    *trunk_pages.CONTROLLERS, *node_pages.CONTROLLERS, *payment_pages.CONTROLLERS,
    *payment_api.CONTROLLERS, *api_key_pages.CONTROLLERS,
    *bank_pages.CONTROLLERS, *billing_day_pages.CONTROLLERS, *books_pages.CONTROLLERS, *guard_pages.CONTROLLERS,
    *income_pages.CONTROLLERS, *account_pages.CONTROLLERS,
    *correction_pages.CONTROLLERS, *job_pages.CONTROLLERS,
    *letter_pages.CONTROLLERS, *announcement_pages.CONTROLLERS, *parameter_pages.CONTROLLERS,
    *staff_pages.CONTROLLERS, *pool_pages.CONTROLLERS,
    *record_pages.CONTROLLERS, *tariff_request_pages.CONTROLLERS,
]
