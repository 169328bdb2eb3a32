"""Words for what users have and may."""

from __future__ import annotations

from app.kernel.i18n import LazyText, _, lazy
from tenants.numbers.rules import Restriction
from tenants.users.forms import AS_DOMAIN

RESTRICTIONS: dict[Restriction, LazyText] = {
    Restriction.NONE: lazy("No restrictions"),
    Restriction.NO_INTERNATIONAL: lazy("International calls are barred"),
    Restriction.NO_INTERNATIONAL_LONGDISTANCE: lazy("International and long-distance calls are barred"),
    Restriction.INTERNAL_ONLY: lazy("All calls but internal ones are barred"),
}
ROLES = {"admin": lazy("Administrators"), "operator": lazy("Operators"), "restricted": lazy("Restricted")}


def restriction_options(of_domain: Restriction) -> dict[str, str]:
    """The selector with its fifth item, which tells the inherited value [USR-84]."""
    first = _("As in the domain settings (%(value)s)") % {"value": RESTRICTIONS[of_domain]}
    return {AS_DOMAIN: first} | {one.value: str(text) for one, text in RESTRICTIONS.items()}
