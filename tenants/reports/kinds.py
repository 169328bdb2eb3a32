"""The reports and what each of them asks for [RPT-02]."""

from __future__ import annotations

from dataclasses import dataclass

from app.kernel.i18n import LazyText, lazy

SPLITS = (15, 30, 60)  # minutes
LONGEST_SECONDS = 3600  # of a QoS or waiting time
DEFAULT_QOS, DEFAULT_WAIT = 10, 15

# What the chronological report of groups shows [RPT-30].
CALLS, LEVEL = "calls", "level"
FIGURES: dict[str, LazyText] = {
    CALLS: lazy("Number of calls"), "talk": lazy("Average talk time"),
    "reaction": lazy("Average reaction time"), "loss": lazy("Average wait before loss"),
    "answer": lazy("Average wait before answer"), LEVEL: lazy("Service level")}
STEPS: dict[str, LazyText] = {"day": lazy("By days"), "hour": lazy("By hours")}


@dataclass(frozen=True, slots=True)
class Kind:
    """`fields` stand besides the period; those of the plural take several values."""

    code: str
    label: LazyText
    fields: tuple[str, ...]


KINDS: dict[str, Kind] = {one.code: one for one in (
    Kind("operator", lazy("By operator"), ("operator",)),
    Kind("group", lazy("By operators in a group"), ("group",)),
    Kind("group-hours", lazy("Chronological by groups"), ("groups", "split", "figure", "qos")),
    Kind("states", lazy("Chronological by states"), ("operator",)),
    Kind("calls", lazy("By calls"), ("number",)),
    Kind("lines", lazy("Inbound line occupancy"), ("lines", "step")),
    Kind("private-routes", lazy("Calls from private routes"), ("step",)),
    Kind("forecast", lazy("Operator count forecast"), ("groups", "wait")),
    Kind("topics", lazy("By call topics"), ("group",)),
    Kind("compare", lazy("Comparative by groups"), ("groups", "qos")),
    Kind("shifts", lazy("By operator shifts"), ("operator",)),
    Kind("summary", lazy("Summary by states"), ("operators",)))}
