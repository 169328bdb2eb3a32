"""What the calls of a batch use of their accounts' buckets, one after the other; pure [FIN-60]."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from app.kernel.money import Money
from billing.packages.bucket import Bucket, covering


@dataclass(frozen=True, slots=True)
class Use:
    """A call's part out of the bucket of the period in which it began."""

    amount: Money
    since: datetime  # of the bucket
    begun: datetime  # of the call

    def day(self, zone: str) -> date:
        return self.begun.astimezone(ZoneInfo(zone)).date()


def explain(part: Use | None) -> dict[str, int]:
    """For storage beside the call, in millionths like the rest of the charge [FIN-62]."""
    return {"mgp": part.amount.millionths()} if part else {}


class Spending:
    """Buckets of one account while calls are charged."""

    def __init__(self, buckets: Iterable[Bucket]) -> None:
        self._left = {one: one.left for one in buckets}

    def use(self, cost: Money, begun: datetime) -> Use | None:
        """As much of `cost` (rounded) as the bucket has; None when it gives nothing."""
        bucket = covering(self._left, begun)
        if bucket is None:
            return None
        part = min(cost, self._left[bucket], key=lambda money: money.amount)
        if not part:
            return None
        self._left[bucket] -= part
        return Use(part, bucket.since, begun)
