"""The provider's console as a whole: its pages and its menu."""

from __future__ import annotations

from litestar import Request

from app.auth.permissions import Permission
from app.kernel.i18n import lazy
from app.provider.announcements import pages as announcement_pages
from app.provider.console import STAFF_ROLES
from app.provider.domains import commercial_pages
from app.provider.domains import pages as domain_pages
from app.provider.jobs import pages as job_pages
from app.provider.letters import pages as letter_pages
from app.provider.nodes import pages as node_pages
from app.provider.numbers import pages as number_pages
from app.provider.parameters import pages as parameter_pages
from app.provider.payments import pages as payment_pages
from app.provider.pools import pages as pool_pages
from app.provider.records import pages as record_pages
from app.provider.search import pages as search_pages
from app.provider.staff import pages as staff_pages
from app.provider.tariffs import pages as tariff_pages
from app.provider.trunks import pages as trunk_pages
from app.web.menu import MenuItem, register
from app.web.shell import ShellFacts, register_shell

_VIEW = Permission.PROVIDER_VIEW

register(
    "provider",
    MenuItem("", lazy("Overview"), "/provider", "layout-dashboard", _VIEW, order=100),
    MenuItem("", lazy("Search"), "/provider/search", "search", _VIEW, order=110),
    MenuItem("customers", lazy("Domains"), domain_pages.LIST, "building", _VIEW, order=10),
    MenuItem("customers", lazy("Pools"), pool_pages.LIST, "sitemap", _VIEW, order=15),
    MenuItem("customers", lazy("Numbers"), number_pages.LIST, "phone", _VIEW, order=20),
    MenuItem("money", lazy("Payments"), payment_pages.LIST, "cash", _VIEW, order=10),
    MenuItem("money", lazy("Tariffs"), tariff_pages.LIST, "tag", _VIEW, order=20),
    MenuItem("money", lazy("Calls without a rate"), record_pages.UNRATED, "receipt", _VIEW, order=30),
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
)

async def _facts(request: Request) -> ShellFacts:
    """What surrounds a page of the console."""
    user = request.user
    return ShellFacts("provider", user_name=user.actor.name, role=STAFF_ROLES[user.role], permissions=user.may,
                      home_url="/provider", profile_url="/provider/security", sign_out_url="/provider/sign-out")


register_shell("provider", _facts)

CONTROLLERS = [
    *search_pages.CONTROLLERS, *domain_pages.CONTROLLERS, *commercial_pages.CONTROLLERS,
    *number_pages.CONTROLLERS, *tariff_pages.CONTROLLERS,
    *trunk_pages.CONTROLLERS, *node_pages.CONTROLLERS, *payment_pages.CONTROLLERS, *job_pages.CONTROLLERS,
    *letter_pages.CONTROLLERS, *announcement_pages.CONTROLLERS, *parameter_pages.CONTROLLERS,
    *staff_pages.CONTROLLERS, *pool_pages.CONTROLLERS,
    *record_pages.CONTROLLERS,
]
