"""Storing a domain's own limits, and the bounds that the provider sets for it. One line of history per save."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import time
from decimal import Decimal
from typing import Any

from app.audit import history
from app.kernel import parameters
from app.kernel.db import DomainTx, PlatformTx
from app.kernel.errors import InvalidFields
from app.kernel.i18n import _, format_money, format_number
from app.kernel.money import Money
from billing.accounts.state import lock
from billing.guards import hits, queries
from billing.guards.destinations import MOST_PREFIXES, Preset, WrongPrefix, read_prefixes
from billing.guards.rules import Lock


@dataclass(frozen=True, slots=True)
class Amounts:
    """None: the provider's default. 0: no limit."""

    daily_cap: Decimal | None
    calls_per_minute: int | None
    parallel_calls: int | None


@dataclass(frozen=True, slots=True)
class Lists:
    """Typed prefixes, and for every group whether it is forbidden; None: the provider's default."""

    forbidden: str
    allowed: str
    international: bool | None
    premium: bool | None
    satellite: bool | None


@dataclass(frozen=True, slots=True)
class Watch:
    """What a first call to a country does; None: the provider's default."""

    new_destination: str | None
    only_outside_hours: bool
    work_days: str
    work_from: time
    work_until: time


@dataclass(frozen=True, slots=True)
class Bounds:
    """The provider's for one domain; None: the parameter holds."""

    max_daily_cap: Decimal | None
    max_calls_per_minute: int | None
    provider_forbidden: str
    provider_allowed: str


async def save_amounts(tx: DomainTx, new: Amounts) -> bool:
    """False when nothing changed. A cap with room again lets paid calls go on.

    Raises:
        InvalidFields: looser than the provider allows.
    """
    await lock(tx)
    values, before = await parameters.group(tx, "guard"), await queries.own(tx, tx.domain_id)
    wrong: dict[str, str] = {}
    bound = before["max_daily_cap"] if before["max_daily_cap"] is not None else values["daily_cap_max"]
    if _is_looser(new.daily_cap, bound):
        wrong["daily_cap"] = _("The provider allows at most %(amount)s.") % {"amount": format_money(Money(bound))}
    most = (before["max_calls_per_minute"] if before["max_calls_per_minute"] is not None
            else values["calls_per_minute_max"])
    if _is_looser(new.calls_per_minute, most):
        wrong["calls_per_minute"] = _("The provider allows at most %(amount)s.") % {"amount": format_number(most)}
    if wrong:
        raise InvalidFields("guard_bounds", _("Check the highlighted fields."), fields=wrong)
    changed = await _store(tx, before, _values(new))
    if changed:
        await hits.release_cap(tx)
    return changed


def _is_looser(wanted: Decimal | int | None, bound: Decimal | int) -> bool:
    return wanted is not None and bool(bound) and (wanted == 0 or wanted > bound)


async def save_lists(tx: DomainTx, new: Lists) -> bool:
    """False when nothing changed. What the provider forbids to everybody stays as it was.

    Raises:
        InvalidFields: a line that is no prefix.
    """
    await lock(tx)
    values, before = await parameters.group(tx, "guard"), await queries.own(tx, tx.domain_id)
    country = await tx.fetchval("SELECT country FROM domain WHERE id = $1", tx.domain_id)
    wanted = _values(new) | _read_lists({"forbidden": new.forbidden, "allowed": new.allowed}, country)
    for preset in Preset:
        if Lock(values[preset.value]) is Lock.LOCKED:
            wanted[preset.value] = before[preset.value]
    return await _store(tx, before, wanted)


async def save_watch(tx: DomainTx, new: Watch) -> bool:
    """False when nothing changed."""
    await lock(tx)
    return await _store(tx, await queries.own(tx, tx.domain_id), _values(new))


async def save_bounds(tx: DomainTx, new: Bounds) -> bool:
    """The provider's; needs the wide role. False when nothing changed.

    Raises:
        InvalidFields: a line that is no prefix.
    """
    await lock(tx)
    country = await tx.fetchval("SELECT country FROM domain WHERE id = $1", tx.domain_id)
    wanted = _values(new) | _read_lists({"provider_forbidden": new.provider_forbidden,
                                         "provider_allowed": new.provider_allowed}, country)
    changed = await _store(tx, await queries.own(tx, tx.domain_id), wanted)
    if changed:
        await hits.release_cap(tx)
    return changed


def _values(new: Any) -> dict[str, Any]:
    return {one.name: getattr(new, one.name) for one in fields(new)}


def _read_lists(typed: Mapping[str, str], country: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    wrong: dict[str, str] = {}
    for name, text in typed.items():
        try:
            found[name] = list(read_prefixes(text, country))
        except WrongPrefix as bad:
            wrong[name] = _("%(text)s is not the beginning of a number: 1 to 15 digits, at most %(most)s lines.") % {
                "text": bad.args[0], "most": MOST_PREFIXES}
    if wrong:
        raise InvalidFields("guard_prefix", _("Check the highlighted fields."), fields=wrong)
    return found


async def _store(tx: DomainTx, before: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Names come from our own dataclasses only."""
    changed = [name for name, value in wanted.items() if before[name] != value]
    if not changed:
        return False
    places = [f"${place}" for place in range(2, len(changed) + 2)]
    pairs = ", ".join(f"{name} = {place}" for name, place in zip(changed, places, strict=True))
    await tx.execute(
        f"INSERT INTO domain_guard (domain_id, {', '.join(changed)}) VALUES ($1, {', '.join(places)}) "
        f"ON CONFLICT (domain_id) DO UPDATE SET {pairs}", tx.domain_id, *(wanted[name] for name in changed))
    await history.record(
        tx, "guard_changed", "guard", object_id=tx.domain_id,
        object_name=await tx.fetchval("SELECT name FROM domain WHERE id = $1", tx.domain_id),
        changes={_told_as(name): (_shown(before[name]), _shown(wanted[name])) for name in changed})
    return True


def _told_as(name: str) -> str:
    return name if name in ("daily_cap", "max_daily_cap") else f"guard_{name}"


def _shown(value: Any) -> Any:
    if isinstance(value, list):
        return ", ".join(f"+{prefix}" for prefix in value) or None
    return f"{value:%H:%M}" if isinstance(value, time) else value


async def locks(tx: DomainTx | PlatformTx) -> dict[str, Lock]:
    """What the provider says of each group."""
    values = await parameters.group(tx, "guard")
    return {preset.value: Lock(values[preset.value]) for preset in Preset}
