"""Words of the journal."""

from __future__ import annotations

import re

from app.kernel.i18n import format_phone, lazy
from billing.guards.present import HITS
from billing.rating.explain import charge_facts

__all__ = ["DIRECTIONS", "ICONS", "PERIODS", "REFUSALS", "RESULTS", "charge_facts", "number_pattern",
           "shown_number"]
_TYPED_NUMBER = re.compile(r"[0-9 ()+\-.]+")
DIRECTIONS = {"in": lazy("Incoming call"), "out": lazy("Outgoing call"), "internal": lazy("Internal call"),
              "emergency": lazy("Emergency call")}
RESULTS = {"accepted": lazy("Answered"), "missed": lazy("Not answered")}
PERIODS = {"today": lazy("Today"), "7": lazy("7 days"), "30": lazy("30 days"), "45": lazy("45 days")}
REFUSALS = {
    "funds": lazy("Not enough money"), "blocked": lazy("The domain is blocked"),
    "restricted": lazy("Forbidden by the outgoing restriction"), "no_rate": lazy("No price for this destination"),
    "number": lazy("Wrong number"), "absent": lazy("The number is not in service"),
    "trial": lazy("Not possible in trial"), "limit": lazy("Too many calls at once"),
    "trunk": lazy("No line to the public network"), "error": lazy("The panel did not answer"),
    "ended": lazy("The money ended"), "offline": lazy("Authorised without the panel"),
    "unregistered": lazy("No phone is registered"), "no_rule": lazy("Nobody is set to answer this number"),
    "hangup_rule": lazy("Ended by a routing rule"),
    "black_list": lazy("The caller is in the black list"),
    "not_in_white_list": lazy("The caller is not in the white list"),
    "no_operators": lazy("No active operators"), "queue_limit": lazy("The longest time in the queue was over"),
    "pickup": lazy("Nothing to pick up"), "no_channel": lazy("No free channel"),
    "no_line": lazy("No free line of private routes"),
} | HITS
ICONS = {"in": "phone-incoming", "out": "phone-outgoing", "internal": "phone", "emergency": "alert-triangle"}


def shown_number(number: str) -> str:
    """Records keep E.164 digits without a plus; extensions and what nobody understood are shown as dialled."""
    return format_phone(f"+{number}") if number.isdigit() and len(number) >= 10 else number


def number_pattern(search: str) -> str | None:
    """ILIKE pattern for a telephone number typed in any form; None when it is none. 8… and +7… are the same."""
    if not _TYPED_NUMBER.fullmatch(search):
        return None
    digits = "".join(one for one in search if one.isdigit())
    if len(digits) == 11 and digits[0] in "78":
        digits = digits[1:]
    return f"%{digits}%" if digits else None
