"""Words of private routes."""

from __future__ import annotations

from app.kernel.i18n import _, lazy, ngettext
from tenants.private_routes.lines import Lines
from tenants.private_routes.queries import Line

CALLERS = {"internal": lazy("The caller's internal number"), "outgoing": lazy("The domain's outgoing number")}
RESTRICTIONS = {
    "none": lazy("Without restrictions"), "no_international": lazy("No international calls"),
    "no_international_longdistance": lazy("No international and long-distance calls"),
    "internal_only": lazy("Only colleagues in the office and in the cloud"),
}
AUTH_HEADERS = {"pai": "P-Asserted-Identity", "rpid": "Remote-Party-ID", "from": "From"}
HISTORY_HEADERS = {"none": lazy("none"), "diversion": "Diversion", "history_info": "History-Info"}


def counts(routes: int, lines: Lines) -> str:
    """"1 route, incoming 5, outgoing 5" [PRV-10]."""
    return ngettext("%(n)s route", "%(n)s routes", routes) % {"n": routes} + ", " + _(
        "incoming %(incoming)s, outgoing %(outgoing)s") % {"incoming": lines.incoming, "outgoing": lines.outgoing}


def shown_numbers(line: Line) -> str:
    """[PRV-15]"""
    return _("Random choice of several numbers") if line.numbers > 1 else line.shown
