"""A destination as the dialplan goes there: `Gosub(sw-to,s,1(<domain id>,<code>))`, which never returns.

`sw-to.conf` knows e<extension> (a user), vu<user>, fu<user>, x; features bring g<group>, i<scenario> and more as
lines of `[d<id>-to]`.
"""

from __future__ import annotations

from collections.abc import Mapping

from pbx_provisioning.plan.model import DomainPlan
from tenants.destinations.model import Destination, Kind

CODE = r"(x|[a-z]{1,2}[0-9h*]{1,40})"  # of a line that names a destination
GO = rf"Gosub\(sw-to,s,1\(%d,{CODE}\)\)"  # in the form of a line


def code(plan: DomainPlan, destination: Destination) -> str | None:
    """None when the user is gone: whoever points there treats it as no destination."""
    if destination.kind is not Kind.USER:
        return destination.code
    extension = extensions(plan).get(destination.id or 0)
    return f"e{extension}" if extension else None


def go(plan: DomainPlan, destination: Destination) -> str | None:
    """The step that sends a call there."""
    found = code(plan, destination)
    return f"Gosub(sw-to,s,1({plan.domain_id},{found}))" if found else None


def extensions(plan: DomainPlan) -> Mapping[int, str]:
    """User id → extension."""
    return {user.id: user.extension for user in plan.users}
