"""The provider's console as a whole: its pages and its menu."""

from __future__ import annotations

from litestar import Request

from app.auth.permissions import Permission
from app.kernel.i18n import lazy
from app.provider.domains import commercial_pages
from app.provider.domains import pages as domain_pages
from app.provider.jobs import pages as job_pages
from app.provider.nodes import pages as node_pages
from app.provider.numbers import pages as number_pages
from app.provider.payments import pages as payment_pages
from app.provider.search import pages as search_pages
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
    MenuItem("customers", lazy("Numbers"), number_pages.LIST, "phone", _VIEW, order=20),
    MenuItem("money", lazy("Payments"), payment_pages.LIST, "cash", _VIEW, order=10),
    MenuItem("money", lazy("Tariffs"), tariff_pages.LIST, "tag", _VIEW, order=20),
    MenuItem("network", lazy("PBX nodes"), "/provider/nodes", "server", _VIEW, order=10),
    MenuItem("network", lazy("SIP trunks"), trunk_pages.LIST, "network", _VIEW, order=20),
    MenuItem("system", lazy("Jobs"), "/provider/jobs", "server-2", _VIEW, order=10),
    MenuItem("system", lazy("Failed events"), "/provider/events", "alert-triangle", _VIEW, order=20),
    MenuItem("system", lazy("Letters"), "/provider/mails", "mail", _VIEW, order=30),
)

ROLES = {"administrator": lazy("Administrator"), "billing": lazy("Billing"), "support": lazy("Support, reads only")}


async def _facts(request: Request) -> ShellFacts:
    """What surrounds a page of the console."""
    user = request.user
    return ShellFacts("provider", user_name=user.actor.name, role=ROLES[user.role], permissions=user.may,
                      home_url="/provider", profile_url="/provider", sign_out_url="/provider/sign-out")


register_shell("provider", _facts)

CONTROLLERS = [
    *search_pages.CONTROLLERS, *domain_pages.CONTROLLERS, *commercial_pages.CONTROLLERS,
    *number_pages.CONTROLLERS, *tariff_pages.CONTROLLERS,
    *trunk_pages.CONTROLLERS, *node_pages.CONTROLLERS, *payment_pages.CONTROLLERS, *job_pages.CONTROLLERS,
]
