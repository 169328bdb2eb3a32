"""From a called number and a moment to the tariff rows in force [FIN-57]."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from billing.rating.rules import CALL_CAP_SECONDS, CallPrice, Charge, Later, RateRow, rate_call


class RateGroup:
    """Rows of one prefix. One row without a band needs no clock; that is the usual case."""

    __slots__ = ("_edges", "only", "rows")

    def __init__(self, rows: Iterable[RateRow]) -> None:
        self.rows = tuple(sorted(rows, key=lambda r: (r.band is None, -r.weight, r.row_id)))
        self.only = self.rows[0] if len(self.rows) == 1 and self.rows[0].band is None else None
        bands = [row.band for row in self.rows if row.band]
        minutes = {0, 1440} | {b.start_minute for b in bands} | {b.end_minute for b in bands}
        self._edges = [minute * 60 for minute in sorted(minutes)]

    def row_at(self, local: datetime) -> RateRow | None:
        """The covering row of greatest weight, else the row without a band."""
        for row in self.rows:
            if row.band is None or row.band.covers(local):
                return row
        return None

    def course(self, answered_at: datetime, seconds: int, zone: ZoneInfo) -> tuple[RateRow, Later] | None:
        """Row at answer and the rows that take over within `seconds`; None if no row covers the answer.

        Where a later moment has no row the one in force before goes on: a call is never half rated.
        """
        if self.only is not None:
            return self.only, ()
        if answered_at.tzinfo is not UTC:  # elapsed time is counted in UTC, whatever the clocks do
            answered_at = answered_at.astimezone(UTC)
        local = answered_at.astimezone(zone)
        first = current = self.row_at(local)
        if first is None or current is None:
            return None
        later: list[tuple[int, RateRow]] = []
        offset = 0
        while (offset := offset + self._until_border(local, answered_at, offset, seconds, zone)) < seconds:
            local = (answered_at + timedelta(seconds=offset)).astimezone(zone)
            following = self.row_at(local) or current
            if following is not current:
                later.append((offset, following))
                current = following
        return first, tuple(later)

    def _until_border(
        self, local: datetime, answered_at: datetime, offset: int, seconds: int, zone: ZoneInfo,
    ) -> int:
        """Whole seconds from `offset` until another row may be in force."""
        passed = local.hour * 3600 + local.minute * 60 + local.second
        gap = self._edges[bisect_right(self._edges, passed)] - passed
        end = (answered_at + timedelta(seconds=min(offset + gap, seconds))).astimezone(zone)
        if end.utcoffset() != local.utcoffset():  # the clocks change before: go minute by minute until then
            return 60 - local.second
        return gap


class PrefixTable:
    """All rows of a tariff version. `find` costs one dictionary look-up per prefix length in use."""

    __slots__ = ("_groups", "_lengths", "zone")

    def __init__(self, rows: Iterable[RateRow], zone: str = "Europe/Moscow") -> None:
        by_prefix: dict[str, list[RateRow]] = {}
        for row in rows:
            by_prefix.setdefault(row.prefix, []).append(row)
        self._groups = {prefix: RateGroup(group) for prefix, group in by_prefix.items()}
        self._lengths = sorted({len(prefix) for prefix in by_prefix}, reverse=True)
        self.zone = ZoneInfo(zone)

    def __len__(self) -> int:
        return len(self._groups)

    def find(self, number: str) -> RateGroup | None:
        """Rows of the longest prefix of `number` (E.164 digits), whatever their prices."""
        groups = self._groups
        for length in self._lengths:
            group = groups.get(number[:length])
            if group is not None:
                return group
        return None

    def price(
        self, number: str, at: datetime, *, package_seconds: int = 0, minor_digits: int = 2,
        cap: int = CALL_CAP_SECONDS,
    ) -> CallPrice | None:
        """Price of a call answered at `at`, valid for `cap` seconds of talk; None = no rate."""
        group = self.find(number)
        found = group.course(at, cap, self.zone) if group else None
        return CallPrice(*found, package_seconds, minor_digits) if found else None

    def prices(self, number: str, at: datetime, within: int, *, minor_digits: int = 2) -> list[CallPrice]:
        """Prices that a call set up at `at` can come to have, if it is answered in so many seconds: that of now and
        those of the bands that begin meanwhile; empty = no rate."""
        group = self.find(number)
        found = group.course(at, within, self.zone) if group else None
        moments = [at] if found is None else [at, *(at + timedelta(seconds=second) for second, _row in found[1])]
        priced = [self.price(number, moment, minor_digits=minor_digits) for moment in moments]
        return [one for one in priced if one]

    def rate(
        self, number: str, answered_at: datetime, answered_seconds: int, *, package_seconds: int = 0,
        minor_digits: int = 2,
    ) -> Charge | None:
        """Charge of a finished call; None = no rate, the record stays unrated."""
        group = self.find(number)
        if group is None:
            return None
        row, later = group.only, ()
        if row is None:
            found = group.course(answered_at, answered_seconds, self.zone)
            if found is None:
                return None
            row, later = found
        return rate_call(row, answered_seconds, later=later, package_seconds=package_seconds,
                         minor_digits=minor_digits)
