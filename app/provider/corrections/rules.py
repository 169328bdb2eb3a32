"""When a correction needs a second person [FIN-D13]."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal

WINDOW = timedelta(hours=24)  # corrections of one author at one domain are looked at together


def needs_second(amount: Decimal, limit: Decimal, earlier: Iterable[Decimal]) -> bool:
    """`earlier`: what the author posted alone at this domain within WINDOW. Signs do not cancel each other out:
    what is taken and given back has moved, too. A limit of 0 asks for two people always."""
    return abs(amount) + sum((abs(one) for one in earlier), Decimal(0)) > limit
