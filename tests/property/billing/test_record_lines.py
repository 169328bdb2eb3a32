"""Lines of the spool are cut fast, and never otherwise than by the csv module."""

from __future__ import annotations

import csv
import io

from hypothesis import example, given, settings
from hypothesis import strategies as st

from pbx_provisioning.intake.records import BadRecord, split_cells

NASTY = st.text(alphabet='",a1 \\;\'', max_size=6)


def by_csv(line: str) -> list[str] | None:
    """None: not CSV."""
    try:
        rows = list(csv.reader([line], strict=True))
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 else []


def cut(line: str) -> list[str] | None:
    try:
        return split_cells(line)
    except BadRecord:
        return None


@settings(max_examples=500, deadline=None)
@given(cells=st.lists(NASTY, min_size=1, max_size=6))
def test_what_the_exchange_writes_is_read_back(cells: list[str]) -> None:
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="").writerow(cells)
    assert cut(out.getvalue()) == cells


@settings(max_examples=1_000, deadline=None)
@given(line=st.text(alphabet='",a1', max_size=16))
@example('"')
@example('""')
@example('","')
@example('"a",b,"c"')
@example('"a""","b"')
def test_any_line_is_cut_as_csv_cuts_it(line: str) -> None:
    assert cut(line) == by_csv(line)
