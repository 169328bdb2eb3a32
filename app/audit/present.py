"""How a line of the history is told to each of its readers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from app.audit import words
from app.audit.queries import Line
from app.audit.secrets import MASK
from app.audit.words_met import PROVIDER, Met
from app.kernel.i18n import _, lazy

SYSTEM = lazy("System administrator")
DOMAIN, POOL, PROVIDER_CONSOLE = "domain", "pool", "provider"


@dataclass(frozen=True, slots=True)
class Who:
    """The acting person as this reader may see them: name, login, IP address, and in whose place."""

    name: str
    login: str
    ip: str
    behalf: str


def who(line: Line, reader: str) -> Who:
    """To a domain and a pool the provider's people are "System administrator" [AUD-04]; of one who works
    inside the domain the login and address stand beside it [POOL-D7]."""
    behalf = f"{line.behalf_name} ({line.behalf_login})" if line.behalf_login else ""
    if reader == PROVIDER_CONSOLE:
        name = str(SYSTEM) if line.actor_kind == "system" else line.actor_name
        return Who(name, line.actor_login, line.ip, behalf)
    if line.by_provider:
        return Who(str(SYSTEM), "", "", "")
    if line.actor_kind == "staff":
        return Who(str(SYSTEM), line.actor_login, line.ip, behalf)
    if line.actor_kind == "pool_admin" and reader == DOMAIN:
        return Who(_("%(name)s (pool administrator)") % {"name": line.actor_name}, line.actor_login, line.ip, behalf)
    return Who(line.actor_name, line.actor_login, line.ip, behalf)


# What a reader's own sources call it [ACC-D6, POOL-D10].
_SIGN_INS = {DOMAIN: lazy("Sign-in to domain administration"), POOL: lazy("Sign-in to the pool interface")}
TYPES = {"add": lazy("Adding"), "edit": lazy("Editing"), "delete": lazy("Deleting"), "sign_in": lazy("Sign-in"),
         "enter_domain": lazy("Entry into a domain")}


def action(line: Line, reader: str) -> str:
    return action_text(line.action, reader)


def action_text(name: str, reader: str) -> str:
    if name == "signed_in" and reader in _SIGN_INS:
        return str(_SIGN_INS[reader])
    if name == "entered_domain":
        return str(TYPES["enter_domain"])
    return str(words.ACTIONS.get(name, name.replace("_", " ")))


def type_of(name: str) -> str:
    """The pool's history goes by types of actions [POOL-46]."""
    if name == "entered_domain":
        return "enter_domain"
    if name.startswith(("signed_in", "sign_in")):
        return "sign_in"
    if name.endswith("_created") or "_added" in name:
        return "add"
    return "delete" if name.endswith("_deleted") or "_removed" in name else "edit"


def object_type(line: Line) -> str:
    return str(words.OBJECTS.get(line.object_type, line.object_type.replace("_", " ")))


def changes(line: Line) -> list[tuple[str, str, str]]:
    """(field, before, after) in words."""
    told = ((_field(name), *_pair(name, pair)) for name, pair in line.changes.items())
    return [(name, before, after) for name, before, after in told if before != after]  # none and "" look alike


def changes_text(line: Line) -> str:
    """The same in one cell of a spreadsheet."""
    return "; ".join(f"{name}: {before} → {after}" for name, before, after in changes(line))


def _field(name: str) -> str:
    return str(words.FIELDS.get(name, name.replace("_", " ")))


def _pair(name: str, pair: object) -> tuple[str, str]:
    if not isinstance(pair, list) or len(pair) != 2:
        return "—", _value(name, pair)
    if pair == [MASK, MASK]:
        return "—", _("changed")
    return _value(name, pair[0]), _value(name, pair[1])


def _value(name: str, value: object) -> str:
    if value is None or value == "" or value == [] or value == {}:
        return "—"
    if isinstance(value, list):
        return ", ".join(_value(name, one) for one in value)
    if isinstance(value, dict):
        return ", ".join(f"{_field(key)}: {_value(key, inner)}" for key, inner in value.items())
    return str(words.VALUES.get(f"{name}:{value}", words.VALUES.get(str(value), value)))


def action_options(met: list[Met], reader: str) -> dict[str, str]:
    """Value → label: actions met in this history; in a pool's, their types."""
    names = [one.value for one in met if one.kind == "action"]
    if reader == POOL:
        there = {type_of(name) for name in names}
        return {value: str(label) for value, label in TYPES.items() if value in there}
    found = [(action_text(name, reader), name) for name in names]
    return {value: label for label, value in sorted(found, key=lambda pair: pair[0].casefold())}


def actions_of(value: str, met: list[Met], reader: str) -> tuple[str, ...]:
    """What a chosen option stands for."""
    if not value or reader != POOL:
        return (value,) if value else ()
    return tuple(one.value for one in met if one.kind == "action" and type_of(one.value) == value)


def actor_options(met: list[Met], reader: str) -> dict[str, str]:
    """People of this history, deleted ones included; login beside the name, as names repeat."""
    found = []
    for one in met:
        if one.kind != "actor":
            continue
        outside = one.value == PROVIDER or one.value.startswith("system:")
        staff = one.value.startswith("staff:") and reader != PROVIDER_CONSOLE
        name = str(SYSTEM) if outside or staff else one.name
        found.append((name if not one.login or outside else f"{name} ({one.login})", one.value))
    return {value: label for label, value in sorted(found, key=lambda pair: pair[0].casefold())}


def since(period: str, now: datetime, zone: str) -> datetime | None:
    """Start of a quick choice: "today" from 00:00, "N days" from 00:00 of the day N−1 days ago [ACC-D14]."""
    days = {"today": 1, "7": 7, "30": 30, "45": 45}.get(period)
    if days is None:
        return None
    first = now.astimezone(ZoneInfo(zone)).date() - timedelta(days=days - 1)
    return datetime.combine(first, time(), ZoneInfo(zone))


def day_start(text: str, zone: str, *, after: int = 0) -> datetime | None:
    """00:00 of an ISO date (plus `after` days) in the zone; None for what is no date."""
    try:
        day = date.fromisoformat(text) + timedelta(days=after)
    except (ValueError, OverflowError):
        return None
    return datetime.combine(day, time(), ZoneInfo(zone)) if 1970 <= day.year <= 9000 else None
