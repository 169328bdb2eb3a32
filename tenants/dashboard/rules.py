"""What of the tariff is exceeded in this month [DASH-05, DASH-D1]."""

from __future__ import annotations

from dataclasses import dataclass

from app.kernel.money import Money


@dataclass(frozen=True, slots=True)
class Usage:
    """What the tariff includes and what is used; None: the tariff has no such thing.

    `beyond_seconds`: billed outgoing seconds that no package paid for. `beyond_mgp`: calls paid by the balance.
    """

    users: int
    included_users: int | None
    package_seconds: int | None
    beyond_seconds: int
    mgp_left: Money | None
    beyond_mgp: Money


def excess(usage: Usage) -> dict[str, int | str]:
    """By how much each is exceeded: `users`, `seconds`, `mgp` (text of an amount); empty when nothing is."""
    found: dict[str, int | str] = {}
    if usage.included_users is not None and usage.users > usage.included_users:
        found["users"] = usage.users - usage.included_users
    if usage.package_seconds == 0 and usage.beyond_seconds > 0:
        found["seconds"] = usage.beyond_seconds
    if usage.mgp_left is not None and usage.mgp_left.amount <= 0 and usage.beyond_mgp.amount > 0:
        found["mgp"] = str(usage.beyond_mgp.amount)
    return found
