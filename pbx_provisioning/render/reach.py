"""What a phone of the domain may dial, in order, and how other domains of its pool reach it [POOL-D1]."""

from __future__ import annotations

from pbx_provisioning.plan.model import DomainPlan
from tenants.pools.expression import around_extension

EXTENSION_DIGITS = range(1, 6)


def includes(plan: DomainPlan) -> str:
    """Asterisk takes the first context that knows the number: 112 is nobody's own, an own 101 is."""
    if plan.is_blocked:
        return "include => sw-emergency\ninclude => sw-blocked"
    known = ["sw-112"]
    if plan.pickup_code:
        known.append(f"d{plan.domain_id}-codes")
    if plan.users:
        known.append(f"d{plan.domain_id}-ext")
    known.append("sw-speed")
    if plan.pool:
        known.append(f"p{plan.pool.id}-routes")
    if any(code == "private_routes" for code, _share in plan.parts):
        known.append("sw-private")  # what fits no route goes on to the two below
    return "\n".join(f"include => {name}" for name in (*known, "sw-emergency", "sw-out"))


def codes(plan: DomainPlan) -> dict[tuple[str, str], str]:
    """The domain's own feature codes, and whose ringing calls each user may take [PICK-06]."""
    if plan.is_blocked or not plan.pickup_code:
        return {}
    found = {("code", plan.pickup_code): f"exten => {plan.pickup_code},1,Gosub(sw-pickup,s,1)"}
    for user in plan.users:
        if user.pickup_group is not None:
            found["conf", f"g{user.id}"] = f"exten => g{user.id},1,Return({user.pickup_group})"
    return found


def routes(plan: DomainPlan) -> dict[tuple[str, str], str]:
    """The domain's part of its pool's shared context, and what calls its users back.

    One line per length of an extension: a longer string is not this domain's and goes on to the outside.
    The key of an object names the context, because a domain's file says it once.
    """
    if plan.pool is None:
        return {}
    domain_id, pool = plan.domain_id, plan.pool
    found = {("route", f"{pool.id}"): f"[p{pool.id}-routes]"}  # there even when no domain has a number
    if not plan.is_blocked:
        found["conf", "pool"] = f"exten => pool,1,Return({pool.id})"
    if pool.route is None:
        return found
    before, after = around_extension(pool.expression, pool.route)
    for digits in EXTENSION_DIGITS:
        dialled = f"_{before}{'X' * digits}{after}"
        target = ("Gosub(sw-pool-blocked,s,1)" if plan.is_blocked else
                  f"Gosub(sw-pool,s,1({domain_id},${{EXTEN:{len(before)}:{digits}}}))")
        found["route", f"{pool.id} {digits}"] = f"exten => {dialled},1,{target}"
    if not plan.is_blocked:
        found["conf", "back"] = f"exten => back,1,Return({before}${{ARG1}}{after})"
    return found


def with_todays_pool(past: dict[tuple[str, str], str], plan: DomainPlan) -> dict[tuple[str, str], str]:
    """An earlier generation with the pool of today: a route number may be somebody else's by now."""
    kept = {key: body for key, body in past.items()
            if key[0] != "route" and key not in (("conf", "back"), ("conf", "pool"))}
    own = f"include => p{plan.pool.id}-routes" if plan.pool else ""
    kept["rest", "users"] = "\n".join(line for line in past["rest", "users"].split("\n")
                                      if not line.startswith("include => p") or line == own)
    return kept | routes(plan)
