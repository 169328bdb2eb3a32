"""Tables of reports about what operators were doing; pure [RPT 8.6, 8.13, 8.14]."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from app.kernel.i18n import LazyText, _, lazy
from tenants.realtime.rules import STATES
from tenants.reports.call_tables import heads
from tenants.reports.cells import Cell, Part, Share, Table
from tenants.reports.measures import NOTHING, Sums, together
from tenants.reports.states import ALL, Interval, Shift

# As reports name them; the live page has its own word for one [RPT-64].
NAMES: dict[str, LazyText] = STATES | {"waiting": lazy("Waiting for a call")}
_OF_SHIFT = ("waiting", "ringing", "incoming", "outgoing", "campaign", "wrap_up", "break", "away")


def of_states(intervals: Sequence[Interval], following: str = "") -> Table:
    return Table(heads(_("State"), _("Interval start"), _("Interval end"), _("Duration")),
                 [(str(NAMES[one.state]), one.start, one.end, one.length) for one in intervals], following=following)


def of_shifts(shifts: Sequence[Shift]) -> Table:
    """The states make up 100 % of each shift; percentages of the total are of all shifts together [RPT-60]."""
    def measures(length: timedelta, sums: Sums, times: Mapping[str, timedelta]) -> tuple[Cell, ...]:
        return (length, sums.received, sums.answered, Share(sums.lost, sums.received, is_stacked=True), sums.talk,
                sums.average_talk, sums.average_reaction,
                *(Part(times.get(state, NOTHING), length) for state in _OF_SHIFT))

    total = {state: sum((one.time(state) for one in shifts), NOTHING) for state in _OF_SHIFT}
    return Table(
        heads("№", _("Shift start"), _("Shift end"), _("Shift duration"), _("Total calls in the shift"),
              _("Answered calls"), _("Calls missed"), _("Total talk time"), _("Average talk time"),
              _("Average reaction time"), *(str(NAMES[state]) for state in _OF_SHIFT)),
        [(index, one.start, one.end, *measures(one.length, one.sums, one.times)) for index, one in enumerate(shifts)],
        (_("Total"), "", "", *measures(sum((one.length for one in shifts), NOTHING),
                                       together(one.sums for one in shifts), total)))


def summary(operators: Sequence[tuple[str, Mapping[str, timedelta]]], length: timedelta) -> Table:
    """`operators`: name and time in each state; what is missing to `length`, the whole period, is "no data"."""
    rows: list[tuple[Cell, ...]] = []
    for name, times in operators:
        known = [times.get(state, NOTHING) for state in ALL]
        rows.append((name, *(Part(time, length) for time in (*known, max(length - sum(known, NOTHING), NOTHING)))))
    return Table(heads(_("Operator"), *(str(NAMES[state]) for state in ALL), _("No data")), rows)
