"""What a message is and who gets it [MSG-04…07]."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from app.kernel.i18n import _
from tenants.users.rules import text_problem

LONGEST_TITLE, LONGEST_BODY = 200, 4000
_LINE_ENDS = "\n\t"
_BUSY = frozenset({"ringing", "incoming", "outgoing", "campaign"})


def text_errors(title: str, body: str) -> dict[str, str]:
    """Field → what is wrong. The text may have lines, the title is one."""
    body_problem = text_problem(body.translate(dict.fromkeys(map(ord, _LINE_ENDS), " ")), LONGEST_BODY, required=True)
    found = {"title": text_problem(title, LONGEST_TITLE, required=True), "body": body_problem}
    return {field: problem for field, problem in found.items() if problem}


def recipients(operators_of: Mapping[str, Collection[int]],
               chosen: Collection[int]) -> tuple[frozenset[int], list[str]]:
    """Everybody once, and the names of the groups that have no operator [MSG-06, MSG-07].

    Args:
        operators_of: operators of each chosen group, by its name.
        chosen: operators named one by one.
    """
    empty = sorted((name for name, ids in operators_of.items() if not ids), key=str.lower)
    return frozenset(chosen).union(*operators_of.values()), empty


def no_operators(groups: Collection[str]) -> str:
    """Nothing is sent, and why [MSG-06]."""
    names = ", ".join(f"“{name}”" for name in groups)
    return _("The message is not sent: there are no operators in %(groups)s.") % {"groups": names}


def may_interrupt(state: str) -> bool:
    """No message is shown over a ringing or active call [MSG-08]. `state`: a code of the operator's states."""
    return state not in _BUSY
