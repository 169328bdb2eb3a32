"""Shares of a domain's configuration that features bring: groups, routes, scenarios, trunks.

Only checked values enter: ids, digits, names of enums [RTE-60].
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.kernel.db import PlatformTx

Objects = dict[tuple[str, str], str]  # (kind, key) → text


@dataclass(frozen=True, slots=True)
class Part:
    """`load` reads the share of one domain as a frozen value, None for nothing; `render` makes of it and of the plan
    objects `(kind, key) → lines`; a kind is a context `[d<id>-<kind>]` of the domain's file.

    `contexts`: kind → form of every line in it (`%d` stands for the domain id). The kinds "to" (destinations),
    "extension" (what a phone dials) and "conf" are shared by all; their forms are in `render/check.py`.
    """

    code: str
    load: Callable[[PlatformTx, int], Awaitable[Any]]
    render: Callable[[Any, Any], Objects]  # the plan, the value
    contexts: Mapping[str, re.Pattern[str]] = field(default_factory=dict)


Shares = tuple[tuple[str, Any], ...]  # code of a part → its value
_known: dict[str, Part] = {}


def register(part: Part) -> None:
    """Called at import. The same code again replaces the entry."""
    _known[part.code] = part


def contexts() -> dict[str, re.Pattern[str]]:
    """Of all parts, in a fixed order."""
    return {kind: form for code in sorted(_known) for kind, form in _known[code].contexts.items()}


async def load(tx: PlatformTx, domain_id: int) -> Shares:
    found = [(code, await _known[code].load(tx, domain_id)) for code in sorted(_known)]
    return tuple((code, value) for code, value in found if value is not None)


def render(plan: Any, shares: Shares) -> Objects:
    found: Objects = {}
    for code, value in shares:
        found |= _known[code].render(plan, value)
    return found
