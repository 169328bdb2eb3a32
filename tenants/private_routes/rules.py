"""What a private route does with calls; values only [PRV-21…33]."""

from __future__ import annotations

from dataclasses import dataclass, field

from tenants.numbers.rules import Restriction
from tenants.private_routes.expression import parse

CALLERS = ("internal", "outgoing")
AUTH_HEADERS = ("pai", "rpid", "from")
HISTORY_HEADERS = ("none", "diversion", "history_info")
MAX_CUT = 20
MAX_NAME = 100
MAX_ROUTES = 100  # of a domain


@dataclass(frozen=True, slots=True)
class Settings:
    """The window of a route. `group_id` of a route for a group only; None there: nobody of the domain [PRV-46].

    Raises:
        ValueError: an expression that cannot be used, or a value out of its bounds.
    """

    name: str
    is_on: bool = True
    expression: str = ""
    is_group_only: bool = False
    group_id: int | None = None
    caller: str = "internal"
    cut: int = 0
    restriction: Restriction = Restriction.NONE
    numbers: frozenset[int] = field(default_factory=frozenset)  # ids of phone_number
    allows_from: bool = False
    auth_header: str = "pai"
    history_header: str = "diversion"

    def __post_init__(self) -> None:
        if self.expression:
            parse(self.expression)
        if not (1 <= len(self.name) <= MAX_NAME and 0 <= self.cut <= MAX_CUT) or (
                self.group_id is not None and not self.is_group_only):
            raise ValueError("settings")
        if self.caller not in CALLERS or self.auth_header not in AUTH_HEADERS or (
                self.history_header not in HISTORY_HEADERS):
            raise ValueError("settings")


@dataclass(frozen=True, slots=True)
class Route:
    """A route of a domain; 1 is the highest priority."""

    id: int
    priority: int
    settings: Settings

    def takes(self, dialled: str, domain: str) -> bool:
        """The expression describes what was dialled; whether the route is on is not asked."""
        return bool(self.settings.expression) and parse(self.settings.expression).matches(dialled, domain)
