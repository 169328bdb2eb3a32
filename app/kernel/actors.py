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
    """One person or process. `domain_id` is the domain acted in, 0 where there is none."""

    kind: ActorKind
    id: int
    login: str
    name: str
    domain_id: int = 0
    pool_id: int = 0
    ip: str = ""
    request_id: str = ""

    @classmethod
    def system(cls, domain_id: int = 0, name: str = "system") -> Actor:
        return cls(ActorKind.SYSTEM, 0, name, name, domain_id)
