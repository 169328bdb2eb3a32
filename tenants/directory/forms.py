"""What the pages of address books send."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from litestar import Request
from pydantic import Field

from app.kernel.errors import InvalidFields
from app.web.forms import FormModel, parse_form
from tenants.directory.rules import ContactData, Number

RowId = Annotated[int, Field(ge=1, lt=2**63)]
MAX_ROWS_SENT = 100


class ContactFields(FormModel):
    """All of a contact but its numbers, which come as rows of equal names."""

    name: str = ""
    group_id: RowId | None = None
    speed_dial: str = ""
    email: str = ""
    position: str = ""


class GroupForm(FormModel):
    name: str = ""


class ChosenForm(FormModel):
    """Bulk work on ticked contacts; `group_id` empty: outside groups."""

    ids: list[RowId]
    group_id: RowId | None = None


class ImportForm(FormModel):
    import_id: RowId


class ContactForm:
    """The fields with the rows of numbers; `rows` are the names by which the page knows those filled in."""

    def __init__(self, fields: ContactFields, rows: list[str], numbers: list[Number]) -> None:
        self.rows = rows
        self.data = ContactData(fields.name, tuple(numbers), fields.group_id, fields.speed_dial, fields.email,
                                fields.position)

    @classmethod
    async def of(cls, request: Request) -> ContactForm:
        """Rows without a number are left out."""
        sent: Any = await request.form()
        rows, kinds, numbers = (list(map(str, sent.getall(name, [])))[:MAX_ROWS_SENT] for name in (
            "row", "kind", "number"))
        plain: Mapping[str, Any] = {name: sent.get(name) for name in sent if name not in ("row", "kind", "number")}
        filled = [(row, Number(kind, number)) for row, kind, number in zip(rows, kinds, numbers, strict=False)
                  if number.strip()]
        return cls(parse_form(ContactFields, plain), [row for row, _number in filled] or rows[:1],
                   [number for _row, number in filled])

    def placed(self, wrong: InvalidFields) -> InvalidFields:
        """Errors of numbers under the rows that have them on the page."""
        fields = {}
        for field, text in wrong.fields.items():
            _name, _dash, at = field.partition("number-")
            fields[f"number-{self.rows[int(at)]}" if at.isdigit() and int(at) < len(self.rows) else field] = text
        return InvalidFields(wrong.code, wrong.message, fields=fields)
