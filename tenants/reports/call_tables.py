"""Tables of reports about calls, out of their sums; pure [RPT 8.3–8.12]."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.kernel.i18n import LazyText, _, lazy
from tenants.reports.cells import Cell, Head, Percent, Share, Table
from tenants.reports.kinds import CALLS, FIGURES
from tenants.reports.measures import Forecast, Sums, together
from tenants.reports.period import slot_text

STATUSES: dict[str, LazyText] = {
    "abandoned": lazy("Gave up waiting"), "by_subscriber": lazy("Ended by subscriber"),
    "by_operator": lazy("Ended by operator"), "voicemail": lazy("Voicemail"),
    "no_operators": lazy("No operators"), "transferred": lazy("Call transferred"),
    "queue_limit": lazy("Waiting limit reached")}
_FIGURE: dict[str, Callable[[Sums], Cell]] = {
    "talk": lambda sums: sums.average_talk, "reaction": lambda sums: sums.average_reaction,
    "loss": lambda sums: sums.average_wait_loss, "answer": lambda sums: sums.average_wait_answer,
    "level": lambda sums: Percent(sums.service_level)}


def heads(*labels: str) -> tuple[Head, ...]:
    return tuple(Head(label) for label in labels)


def of_operators(first: str, found: Sequence[tuple[str, Sums]]) -> Table:
    """Reports 1 and 2: one row per group, or per operator [RPT-27, RPT-29]."""
    def row(name: str, sums: Sums) -> tuple[Cell, ...]:
        return (name, sums.answered, Share(sums.lost, sums.received), sums.talk, sums.average_talk,
                sums.average_reaction)

    return Table(heads(first, _("Answered calls"), _("Lost calls"), _("Total talk time"), _("Average talk time"),
                       _("Average reaction time")),
                 [row(name, sums) for name, sums in found],
                 row(_("Total"), together(sums for _name, sums in found)))


def chronological(groups: Sequence[tuple[int, str]], found: Mapping[tuple[int, int], Sums], minutes: int,
                  figure: str) -> Table:
    """Slots of the day. `found`: (slot, group) → sums [RPT-31…33]."""
    def values(slots: Sequence[int]) -> tuple[Cell, ...]:
        sums = [together(found[slot, group_id] for slot in slots if (slot, group_id) in found)
                for group_id, _name in groups]
        total = together(sums)
        if figure == CALLS:
            counts = [count for one in (*sums, total) for count in (one.lost, one.answered)]
            return (*counts, total.received)
        return tuple(_FIGURE[figure](one) for one in (*sums, total))

    slots = range(24 * 60 // minutes)
    if figure == CALLS:
        under = (_("Lost ones"), _("Successful ones"))
        columns = (Head(_("Time")), *(Head(name, under) for _id, name in groups), Head(_("Total"), under),
                   Head(_("Grand total")))
    else:
        columns = heads(_("Time"), *(name for _id, name in groups), _("Total"))
    return Table(columns, [(slot_text(slot, minutes), *values((slot,))) for slot in slots],
                 (_("Total"), *values(slots)))


@dataclass(frozen=True, slots=True)
class CallRow:
    """One pass of a call through a group. `status`: key of STATUSES, "" while it goes on; names "" for nobody."""

    caller: str
    at: datetime
    status: str
    wait: timedelta
    talk: timedelta
    group: str
    operator: str


def status_of(outcome: str | None, ended_by: str | None, *, went_to_voicemail: bool, went_on: bool) -> str:
    """Key of STATUSES [RPT-39].

    Args:
        went_to_voicemail: the call left a record of the voicemail.
        went_on: transferred, and talked on after the group's part of it.
    """
    match outcome:
        case None:
            return ""
        case "answered" if ended_by == "operator":
            return "transferred" if went_on else "by_operator"
        case "answered":
            return "by_subscriber"
        case "queue_limit" if went_to_voicemail:
            return "voicemail"
        case "released":  # the group is no queue any more: the call goes on by its new rule
            return "transferred"
        case _:
            return outcome


def of_calls(found: Sequence[CallRow], following: str = "") -> Table:
    return Table(heads(_("Phone number"), _("Call time"), _("Call status"), _("Wait time"), _("Conversation time"),
                       _("Group"), _("Operator")),
                 [(one.caller or None, one.at, str(STATUSES[one.status]) if one.status else None, one.wait, one.talk,
                   one.group, one.operator or None) for one in found], following=following)


def busiest(lines: Mapping[str, Mapping[int, tuple[int, int]]], intervals: int) -> list[int]:
    """Per interval the most calls at once on the busiest line [RPT-43].

    Args:
        lines: line → interval → (highest number of calls after an event, change within the interval).
    """
    found = [0] * intervals
    for events in lines.values():
        present = 0
        for index in range(intervals):
            highest, change = events.get(index, (0, 0))
            found[index] = max(found[index], present, highest)
            present += change
    return found


def of_lines(borders: Sequence[datetime], values: Sequence[int]) -> Table:
    return Table(heads(_("Interval №"), _("Interval start"), _("Interval end"),
                       _("Maximum number of simultaneously occupied lines")),
                 [(index, begin, end, value) for index, (begin, end, value)
                  in enumerate(zip(borders, borders[1:], values, strict=False))],
                 ("", "", _("Maximum"), max(values, default=0)))


def of_private_routes(borders: Sequence[datetime], counts: Sequence[int]) -> Table:
    """With a running total; without calls the total only [RPT-46]."""
    rows: list[tuple[Cell, ...]] = []
    total = sum(counts)
    if total:
        running = 0
        for begin, end, count in zip(borders, borders[1:], counts, strict=False):
            running += count
            rows.append((begin, end, count, running))
    return Table(heads(_("Interval start"), _("Interval end"), _("Number of connections"),
                       _("Total number of connections")), rows, (_("Total calls"), "", total, ""))


def of_forecast(rows: Sequence[Forecast]) -> Table:
    return Table(heads(_("Operators needed"), _("Probability of connecting without queueing, %"),
                       _("Average time of the client in the queue, s"), _("Average queue length"),
                       _("Service level, %"), _("Load intensity per operator, %")),
                 [(row.operators, row.free_percent, row.wait_seconds, row.queue, row.level_percent, row.load_percent)
                  for row in rows])


def of_topics(topics: Sequence[tuple[str, int]], without: int) -> Table:
    """`without`: calls that have no topic [RPT-54]."""
    rows: list[tuple[Cell, ...]] = list(topics)
    if without:
        rows.append((_("No topic"), without))
    return Table(heads(_("Topics of calls"), _("Number of connections")), rows,
                 (_("Total"), without + sum(count for _name, count in topics)))


def comparative(found: Sequence[tuple[str, Sums, int]]) -> Table:
    """`found`: name, sums, longest queue of each group [RPT-56, RPT-57]."""
    def row(name: str, sums: Sums, queue: int) -> tuple[Cell, ...]:
        return (name, sums.received, Share(sums.lost, sums.received), sums.talk, sums.average_talk,
                sums.average_reaction, queue, sums.average_wait_loss, sums.longest_loss, Percent(sums.service_level))

    return Table(heads(_("Groups of operators"), _("Received calls"), _("Lost calls"), _("Total talk time"),
                       _("Average talk time"), _("Average reaction time"), _("Maximum queue length"),
                       str(FIGURES["loss"]), _("Maximum wait before loss"), str(FIGURES["level"])),
                 [row(*one) for one in found],
                 row(_("Total"), together(sums for _name, sums, _queue in found),
                     max((queue for _name, _sums, queue in found), default=0)))
