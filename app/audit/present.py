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


def action(line: Line) -> str:
    return str(words.ACTIONS.get(line.action, line.action.replace("_", " ")))


def object_type(line: Line) -> str:
    return str(words.OBJECTS.get(line.object_type, line.object_type.replace("_", " ")))


def changes(line: Line) -> list[tuple[str, str, str]]:
    """(field, before, after) in words."""
    return [(_field(name), *_pair(name, pair)) for name, pair in line.changes.items()]


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


def action_options(met: list[Met]) -> dict[str, str]:
    found = [(str(words.ACTIONS.get(one.value, one.value.replace("_", " "))), one.value)
             for one in met if one.kind == "action"]
    return {value: label for label, value in sorted(found, key=lambda pair: pair[0].casefold())}


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
