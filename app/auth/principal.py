"""The signed-in person as a request sees it (`request.user`)."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.auth.permissions import ROLE_PERMISSIONS, Permission
from app.kernel.actors import Actor


@dataclass(frozen=True, slots=True)
class Principal:
    """Made from the session at each request; `actor` goes into the doors and the history."""

    actor: Actor
    role: str  # key of ROLE_PERMISSIONS
    session_id: str  # hash of the cookie's token
    csrf_secret: str
    locale: str = ""  # as kept with the account; the sign-in puts it into the cookie `lang`, which decides
    domain_name: str = ""
    company_name: str = ""
    timezone: str = "Europe/Moscow"
    origin: str = ""  # shell from which somebody jumped into this domain [POOL-D7]
    must_enrol: bool = False  # has to set up a second factor before anything else
    is_read_only: bool = False  # the provider's support inside a domain: looks, and changes nothing
    is_operator: bool = False  # has a workplace in the contact centre
    permissions: frozenset[Permission] = field(init=False)

    def __post_init__(self) -> None:
        own = {Permission.WORKPLACE} if self.is_operator else set()
        object.__setattr__(self, "permissions", ROLE_PERMISSIONS[self.role] | own)

    def may(self, permission: Permission) -> bool:
        return permission is Permission.SIGNED_IN or permission in self.permissions

    @property
    def time_zone(self) -> str:
        return self.timezone
