"""Words for contacts."""

from __future__ import annotations

from app.kernel.i18n import LazyText, format_phone, lazy
from tenants.directory.rules import Number

KIND_LABELS: dict[str, LazyText] = {
    "ip": lazy("IP phone"), "mobile": lazy("Mobile"), "work": lazy("Work"), "home": lazy("Home"),
    "other": lazy("Other"),
}
EXPORTS = {"xlsx": lazy("Workbook (.xlsx)"), "csv": lazy("Table (.csv)"), "vcf": lazy("Cards for phones (.vcf)")}


def shown_number(number: str) -> str:
    """As people read it."""
    return format_phone(number) if number.startswith("+") else number.removeprefix("sip:")


def numbers_hint(numbers: tuple[Number, ...]) -> str:
    """All of them, one to a line."""
    return "\n".join(f"{KIND_LABELS[one.kind]}: {shown_number(one.number)}" for one in numbers)
