"""States of operators in words, who can be joined, and what a group's line counts [RPT-64, RT-03, RT-06, RT-10]."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from app.kernel.i18n import LazyText, lazy

OFFLINE = "offline"
STATES: dict[str, LazyText] = {
    OFFLINE: lazy("Offline"), "waiting": lazy("Waits for a call"), "ringing": lazy("Being called"),
    "incoming": lazy("On an incoming call"), "outgoing": lazy("On an outgoing call"),
    "wrap_up": lazy("Post-call processing"), "break": lazy("In a break"),
    "away": lazy("Away from the desk"), "campaign": lazy("Outgoing campaign")}
COLOURS = {"waiting": "success", "ringing": "warning", "incoming": "info", "outgoing": "info", "wrap_up": "warning",
           "campaign": "info"}
# mode → what it is called, its icon, what it does [RT-04]
MODES: dict[str, tuple[LazyText, str, LazyText]] = {
    "listen": (lazy("Listen"), "headphones", lazy("You hear both, nobody hears you")),
    "whisper": (lazy("Help"), "message-circle", lazy("You hear both, only the operator hears you")),
    "barge": (lazy("Conference"), "users", lazy("All three hear each other"))}


@dataclass(frozen=True, slots=True)
class GroupNumbers:
    """`at_work` counts operators being called too, for whom there is no column [RT-10]."""

    queue: int
    at_work: int
    waiting: int
    incoming: int
    outgoing: int
    wrap_up: int
    in_break: int
    away: int
    campaign: int

    @property
    def columns(self) -> tuple[int, ...]:
        return (self.queue, self.at_work, self.waiting, self.incoming, self.outgoing, self.wrap_up, self.in_break,
                self.away, self.campaign)


def numbers(queue: int, states: Iterable[str]) -> GroupNumbers:
    """A group's line out of its callers not connected yet and the states of its operators."""
    found = [state for state in states if state != OFFLINE]
    return GroupNumbers(queue, len(found), *(found.count(state) for state in (
        "waiting", "incoming", "outgoing", "wrap_up", "break", "away", "campaign")))


def joining(state: str, *, is_self: bool) -> str:
    """"now" while an incoming call is talked, "soon" (shown, but disabled) while one rings, "" otherwise."""
    if is_self:
        return ""
    return {"incoming": "now", "ringing": "soon"}.get(state, "")
