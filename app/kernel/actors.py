"""Who acts: written into every history line, bound to every transaction."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class ActorKind(Enum):
    SYSTEM = "system"  # a job or the agent
    DOMAIN_USER = "user"
    POOL_ADMIN = "pool_admin"
    STAFF = "staff"  # the provider's people


@dataclass(frozen=True, slots=True)
class Actor:
    """One person or process. `domain_id` is the domain acted in, 0 where there is none.

    Staff and pool administrators inside a domain stay who they are; `behalf_*` name the domain's user in whose
    place they act, if there is one.
    """

    kind: ActorKind
    id: int
    login: str
    name: str
    domain_id: int = 0
    pool_id: int = 0
    ip: str = ""
    request_id: str = ""
    behalf_id: int = 0
    behalf_login: str = ""
    behalf_name: str = ""

    @property
    def user_id(self) -> int:
        """The domain's user whose own things are meant; 0 for somebody who is no user there."""
        return self.id if self.kind is ActorKind.DOMAIN_USER else self.behalf_id

    @classmethod
    def system(cls, domain_id: int = 0, name: str = "system") -> Actor:
        return cls(ActorKind.SYSTEM, 0, name, name, domain_id)
