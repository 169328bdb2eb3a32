"""The first sheet of a workbook on stdin as JSON rows on stdout. Run by `tabular` as a process of its own.

Imports nothing of the application: it must start quickly and have nothing to lose.
"""

from __future__ import annotations

import io
import json
import resource
import sys
from datetime import date, datetime, time

from python_calamine import CalamineWorkbook

MEMORY_LIMIT = 384 * 1024 * 1024  # address space, bytes
SECONDS_LIMIT = 15  # of processor


def cell_text(value: object) -> str:
    """A cell as it was typed: 74951234567.0 is a telephone number, not a fraction."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e18:
        return str(int(value))
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()
    if isinstance(value, (date, time)):
        return value.isoformat()
    return str(value).strip()


def rows_of(content: bytes, max_rows: int) -> list[list[str]]:
    """Rows that are not empty; one more than `max_rows` at most."""
    rows: list[list[str]] = []
    for values in CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0).iter_rows():
        cells = [cell_text(value) for value in values]
        if any(cells):
            rows.append(cells)
        if len(rows) > max_rows:
            break
    return rows


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS_LIMIT, SECONDS_LIMIT))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.stdout.write(json.dumps(rows_of(sys.stdin.buffer.read(), int(sys.argv[1]))))
