"""Forms of the pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from app.kernel.errors import InvalidFields
from app.kernel.i18n import _
from app.modules.crm import rules
from app.modules.crm.setup import CALLS, CLIENTS, Event
from app.web.forms import FormModel


class ConfirmForm(FormModel):
    token: Annotated[str, Field(min_length=1, max_length=100)]
    quoted: str = ""
    switch_method_off: bool = False


class NameForm(FormModel):
    name: str = ""


class BitrixForm(FormModel):
    auto_leads: bool
    lines: tuple[int, ...]


class SwitchForm(FormModel):
    remove_common: bool = False


Text = dict[str, Any]
_LONGEST = {"name": 250, "text": 1000, "tags": 500, "fields": 4000, "owner": 20, "status": 40}


def event_of(data: Mapping[str, str], call: str, client: str) -> Event:
    """The part of one kind of event of the page of a scenario. Raises InvalidFields."""
    prefix = f"{call}_{client}_"

    def part(name: str, *fields: str) -> Text:
        found: Text = {"on": f"{prefix}{name}_on" in data}
        for field in fields:
            value = str(data.get(f"{prefix}{name}_{field}", "")).strip()
            if len(value) > _LONGEST.get(field, 20):
                raise _wrong(f"{prefix}{name}_{field}", _("This text is too long."))
            found[field] = value
        return found

    task = part("task", "text", "owner", "amount", "unit")
    amount = str(task["amount"] or "1")
    if not amount.isascii() or not amount.isdigit() or not 1 <= int(amount) <= 10_000:
        raise _wrong(f"{prefix}task_amount", _("From %(least)s to %(most)s") % {"least": 1, "most": 10_000})
    task |= {"amount": int(amount), "unit": task["unit"] if task["unit"] in rules.UNITS else "days"}
    contact = part("contact", "name", "tags", "fields", "owner") if client == "new" else {}
    return Event(client == "new" and f"{prefix}update_responsible" in data, contact, task,
                 part("deal", "name", "status", "tags", "fields", "owner"))


def _wrong(field: str, text: str) -> InvalidFields:
    return InvalidFields("invalid_fields", text, fields={field: text})


def events_of(data: Mapping[str, str]) -> dict[tuple[str, str], Event]:
    return {(call, client): event_of(data, call, client) for call in CALLS for client in CLIENTS}
