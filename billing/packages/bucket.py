"""The bucket of the minimum guaranteed payment, and what calls in progress leave free; pure [FIN-D4].

A call may use the bucket of the period in which it began, whenever it ends. Bucket and balance together cover what
the calls hold; who ends first uses the bucket first, so no call reserves a part of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from app.kernel.money import Money

MGP = "mgp"  # the fee's code in keys and quotes


@dataclass(frozen=True, slots=True)
class Bucket:
    """What is left of a guaranteed payment for the calls begun from `since` on, before `until`."""

    left: Money
    since: datetime
    until: datetime

    def covers(self, moment: datetime) -> bool:
        return self.since <= moment < self.until


def covering(buckets: Iterable[Bucket], moment: datetime) -> Bucket | None:
    """The bucket that pays for a call begun at `moment`."""
    return next((one for one in buckets if one.covers(moment)), None)


@dataclass(frozen=True, slots=True)
class Held:
    """Money that an account's calls hold: all of it, and by the bucket that pays for them first."""

    whole: Money
    by_bucket: Mapping[Bucket, Money] = field(default_factory=dict)

    @classmethod
    def of(cls, whole: Money, buckets: Sequence[Bucket], holds: Iterable[tuple[datetime, Money]]) -> Held:
        """`holds`: beginning and amount of each open one."""
        found = {one: Money.zero(whole.currency) for one in buckets}
        for begun, amount in holds:
            if (own := covering(buckets, begun)) is not None:
                found[own] += amount
        return cls(whole, found)

    def beyond_buckets(self, own: Bucket | None = None) -> Money:
        """What the balance has to cover. For a call that `own` pays for, what that bucket leaves free counts too:
        the result may be negative."""
        needed = self.whole
        for bucket, amount in self.by_bucket.items():
            needed -= bucket.left if bucket == own or bucket.left < amount else amount
        return needed
