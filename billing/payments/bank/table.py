"""A statement as a table (CSV or workbook), read by the columns that a person named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.kernel.i18n import _
from app.kernel.tabular import NotATable
from billing.payments.bank.rules import MAX_DOCUMENTS, Parsed, one_line, read_document

Rows = Sequence[Sequence[str]]


def parse(rows: Rows, first: int, columns: Mapping[str, int]) -> Parsed:
    """Rows from `first` on. A row without a sum, or with none above zero, is no income.

    Raises:
        NotATable: too many rows.
    """
    if len(rows) - first > MAX_DOCUMENTS:
        raise NotATable(_("The file has more than %(n)d documents. Split it by days.") % {"n": MAX_DOCUMENTS})
    documents, outgoing = [], 0
    for line, cells in enumerate(rows[first:], first + 1):
        found = {name: _cell(cells, place) for name, place in columns.items()}
        if _is_no_income(found["amount"]):
            outgoing += 1
        else:
            account = found.get("payer_account", "").replace(" ", "")
            documents.append(read_document(line, found | {"payer_account": account}))
    return Parsed(documents, outgoing)


def _cell(cells: Sequence[str], place: int) -> str:
    return one_line(cells[place]) if place < len(cells) else ""


def _is_no_income(text: str) -> bool:
    return not text or text[0] in "-−(" or not text.strip("0.,- ")
