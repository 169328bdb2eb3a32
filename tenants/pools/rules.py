"""What a pool, its subgroups and its administrators may be called, and how domains are dialled [POOL-D1…D9]."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace

from app.kernel.errors import InvalidFields
from app.kernel.i18n import _
from tenants.pools.expression import DEFAULT, is_expression
from tenants.users.rules import email_problem, one_line, text_problem

SUPERVISOR, SUBGROUP_ADMIN = "supervisor", "subgroup_admin"
MAX_NAME = 100
NO_GROUP_NAMES = frozenset({"без группы", "no group"})  # the built-in one, in every language [POOL-D8]

_LOGIN = re.compile(r"[a-z0-9._-]{3,64}", re.ASCII)
_ROUTE = re.compile(r"[0-9]+", re.ASCII)
_PHONE = re.compile(r"\+?[0-9 ()\-]{2,32}", re.ASCII)


@dataclass(frozen=True, slots=True)
class NewAdministrator:
    """A pool administrator as ordered [POOL-37…41]. `subgroup_ids` count for a subgroup administrator only."""

    login: str
    display_name: str
    email: str
    password: str = field(repr=False)
    phone: str = ""
    role: str = SUBGROUP_ADMIN
    is_active: bool = True
    subgroup_ids: tuple[int, ...] = ()
    send_credentials: bool = False


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """General settings, set by the provider [POOL-D5]."""

    name: str
    route_number_length: int = 4
    dial_expression: str = DEFAULT


def check_pool(wanted: PoolSettings) -> PoolSettings:
    """Raises InvalidFields for `name`, `route_number_length` and `dial_expression`."""
    cleaned = replace(wanted, name=one_line(wanted.name), dial_expression=wanted.dial_expression.strip())
    raise_for({
        "name": text_problem(cleaned.name, MAX_NAME, required=True),
        "route_number_length": "" if 1 <= cleaned.route_number_length <= 10 else _("From 1 to 10 digits"),
        "dial_expression": expression_problem(cleaned.dial_expression)})
    return cleaned


def expression_problem(expression: str) -> str:
    """Why domains cannot be dialled so, "" when they can [POOL-D1]."""
    return "" if is_expression(expression) else _("{route} and {ext} once each; between them only digits, * and #")


def route_problem(number: str, length: int, others: Iterable[str]) -> str:
    """Why a domain cannot have this route number, "" when it can; an empty one can [POOL-D6].

    Args:
        others: route numbers of the pool's other domains.
    """
    if not number:
        return ""
    if not _ROUTE.fullmatch(number) or len(number) != length:
        return route_hint(length)
    for other in others:
        if other == number:
            return _("Another domain of the pool has this route number")
        if other.startswith(number) or number.startswith(other):
            return _("One route number may not begin with another: the pool has %(number)s") % {"number": other}
    return ""


def route_hint(length: int) -> str:
    return _("Exactly %(n)s digits; empty: the domain cannot be called from others") % {"n": length}


def check_display_name(name: str) -> str:
    """A domain's visible name, 1–100 characters [POOL-D6]."""
    cleaned = one_line(name)
    raise_for({"display_name": text_problem(cleaned, MAX_NAME, required=True)})
    return cleaned


def check_subgroup_name(name: str) -> str:
    """Trimmed, 1–100 characters, not the built-in one [POOL-D8]."""
    cleaned = one_line(name)
    problem = text_problem(cleaned, MAX_NAME, required=True)
    if not problem and cleaned.casefold() in NO_GROUP_NAMES:
        problem = _("This name is reserved for domains without a group")
    raise_for({"name": problem})
    return cleaned


def person_problems(display_name: str, email: str, phone: str) -> dict[str, str]:
    """Field → what is wrong; "" where nothing is [POOL-42]."""
    return {
        "display_name": text_problem(display_name, MAX_NAME, required=True),
        "email": email_problem(email) if email else _("Fill in this field."),
        "phone": "" if not phone or _PHONE.fullmatch(phone) else _("Enter a phone number")}


def login_problem(login: str) -> str:
    """Pool logins are unique on the whole platform [POOL-D4]."""
    if not login:
        return _("Fill in this field.")
    if not _LOGIN.fullmatch(login):
        return _("3–64 characters: lower-case Latin letters, digits and the signs . - _")
    return ""


def may_manage(role: str, subgroup_id: int | None, own: Collection[int]) -> bool:
    """Rename, change the route number, enter: a supervisor everywhere, others in their subgroups [POOL-12].

    "No group" is never given to a subgroup administrator [POOL-D8].
    """
    return role == SUPERVISOR or (subgroup_id is not None and subgroup_id in own)


def raise_for(problems: dict[str, str]) -> None:
    """Raises InvalidFields with every field that has a problem."""
    wrong = {name: text for name, text in problems.items() if text}
    if wrong:
        raise InvalidFields("invalid_fields", _("Check the highlighted fields."), fields=wrong)
