"""Words of groups [GRP-11, GRP-12, GRP-18, GRP-66]."""

from __future__ import annotations

from collections.abc import Sequence

from app.kernel.i18n import LazyText, lazy, ngettext
from app.web.parts import Affected, Choice
from tenants.groups.queries import GroupRow, Person
from tenants.groups.rules import Algorithm

NAMED = 10  # in a dialog
ALGORITHMS: dict[Algorithm, LazyText] = {
    Algorithm.NONE: lazy("Not set"), Algorithm.ALL: lazy("To all users simultaneously"),
    Algorithm.RANDOM: lazy("[ACD] To a random operator"),
    Algorithm.LONGEST_IDLE: lazy("[ACD] To the operator who has been free longest"),
    Algorithm.LEAST_OCCUPIED: lazy("[ACD] To the operator least occupied with talks"),
}
DIRECTIONS: dict[Algorithm, LazyText] = {  # the groups' list and "To group"
    Algorithm.NONE: lazy("Call direction is not set"), Algorithm.ALL: lazy("Call direction: to all users"),
    Algorithm.RANDOM: lazy("Call direction: random"), Algorithm.LONGEST_IDLE: lazy("Call direction: the most free"),
    Algorithm.LEAST_OCCUPIED: lazy("Call direction: the least occupied"),
}
TARGETS: dict[Algorithm, LazyText] = {  # routing's picker and blocks
    Algorithm.ALL: lazy("Calls come to all users"), Algorithm.RANDOM: lazy("Calls are distributed in random order"),
    Algorithm.LONGEST_IDLE: lazy("Calls go to the operator who has been free longest"),
    Algorithm.LEAST_OCCUPIED: lazy("Calls go to the operator least loaded"),
}
BY_PRIORITY = lazy("Calls are distributed by the users' priority")
# Icon, colour, words [GRP-66]
KINDS = {
    "in_ok": ("phone-incoming", "success", lazy("Incoming answered")),
    "in_missed": ("phone-x", "danger", lazy("Incoming missed")),
    "out_ok": ("phone-outgoing", "success", lazy("Outgoing successful")),
    "inner_ok": ("phone-check", "success", lazy("Outgoing internal successful")),
    "out_failed": ("phone-off", "danger", lazy("Outgoing failed")),
    "inner_failed": ("circle-x", "danger", lazy("Outgoing internal failed")),
    "out_redirected": ("arrow-right", "info", lazy("Outgoing, redirected")),
    "transferred": ("transfer", "info", lazy("Transferred")),
    "group": ("users-group", "success", lazy("Group")),
    "group_missed": ("user-x", "danger", lazy("Group missed")),
    "conference": ("users", "info", lazy("Conference")),
    "voicemail": ("inbox", "warning", lazy("Voicemail")),
}


def algorithm_options(has_contact_centre: bool) -> list[tuple[str, LazyText]]:
    """Two or five [GRP-18]."""
    return [(one.value, label) for one, label in ALGORITHMS.items() if has_contact_centre or not one.is_acd]


def users_words(count: int) -> str:
    return ngettext("%(n)s user", "%(n)s users", count) % {"n": count}


def operators_words(count: int) -> str:
    return ngettext("%(n)s operator", "%(n)s operators", count) % {"n": count}


def composition(row: GroupRow) -> str:
    """"5 users, 2 operators: names": a part of zero is left out [GRP-12]."""
    parts = [words(count) for count, words in ((row.users, users_words), (row.operators, operators_words)) if count]
    return f"{', '.join(parts)}: {', '.join(row.names)}" if parts else ""


def leaving(row: GroupRow) -> list[Affected]:
    """What of the group itself goes with it, for the dialog of its deletion [GRP-41]."""
    found = [Affected(lazy("Members who leave the group"), row.names[:NAMED], len(row.names))] if row.names else []
    return found + ([Affected(lazy("Internal number that becomes free"), [row.extension])] if row.extension else [])


def changed_and_skipped(count: int, skipped: int) -> str:
    """[GRP-74]"""
    changed = ngettext("%(n)s member is changed.", "%(n)s members are changed.", count) % {"n": count}
    if not skipped:
        return changed
    left = ngettext("%(n)s is left as it was.", "%(n)s are left as they were.", skipped) % {"n": skipped}
    return f"{changed} {left}"


def target_text(row: GroupRow) -> str:
    """How a group's calls are given out, for those who point at it [GRP-11]."""
    if row.algorithm.is_acd and row.priorities > 1:
        return str(BY_PRIORITY)
    return str(TARGETS.get(row.algorithm, ""))


def target_count(row: GroupRow) -> str:
    """Operators of an ACD group, everybody of another, nothing of an empty one [RTE-31]."""
    if not row.users + row.operators:
        return ""
    return operators_words(row.operators) if row.algorithm.is_acd else users_words(row.users + row.operators)


def choices(people: Sequence[Person], domain: str) -> list[Choice]:
    """Rows of the chooser [GRP-16]."""
    operator = str(lazy("operator"))
    return [Choice(one.id, one.display_name, " · ".join(
        [one.extension, f"{one.login}@{domain}", *([operator] if one.is_operator else []), *one.groups]))
        for one in people]
