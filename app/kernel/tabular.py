"""Tables that people upload: CSV of any usual kind, `.xlsx` and old `.xls`, as rows of trimmed text.

A workbook is read by a process of its own with limits on memory and time: a file of a few kilobytes can name
a cell in the last row and column, or unpack to gigabytes, and ends only that process.
"""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from app.kernel.i18n import _

WORKBOOK_MARKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")  # zip, OLE2
READER = Path(__file__).with_name("workbook_reader.py")
SECONDS_LIMIT = 20
_READERS = threading.BoundedSemaphore(2)  # each may take as much memory as its limit allows


class NotATable(ValueError):
    """Cannot be read as a table; the text is for the reader."""


def read_table(content: bytes, *, max_rows: int) -> list[list[str]]:
    """Rows of the first sheet or of the text, empty ones left out.

    Raises:
        NotATable: another kind of file, damaged, or more than `max_rows` rows.
    """
    source = _workbook_rows(content, max_rows) if is_workbook(content) else (cells for _line, cells in lines(content))
    rows: list[list[str]] = []
    for cells in source:
        rows.append(cells)
        if len(rows) > max_rows:
            raise NotATable(_("The file has more than %(rows)d rows.") % {"rows": max_rows})
    return rows


def is_workbook(content: bytes) -> bool:
    return content.startswith(WORKBOOK_MARKS)


def lines(content: bytes) -> Iterator[tuple[int, list[str]]]:
    """(line number in the file, cells) of a CSV's lines that are not blank.

    UTF-8, UTF-16 with its mark or Windows-1251; separated by `;`, `,` or tabs, whichever the first line has most of.

    Raises:
        NotATable: not text, or its quotes do not match.
    """
    text = decoded(content)
    first = next((line for line in io.StringIO(text) if line.strip()), "")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(";,\t", key=first.count), strict=True)
    try:
        for cells in reader:
            stripped = [cell.strip() for cell in cells]
            if any(stripped):
                yield reader.line_num, stripped
    except csv.Error as broken:
        raise NotATable(_("The file is not a readable table: check the quotes.")) from broken


def decoded(content: bytes) -> str:
    """Raises NotATable for what is no text."""
    codecs = ("utf-16",) if content.startswith((b"\xff\xfe", b"\xfe\xff")) else ("utf-8-sig", "cp1251")
    for codec in codecs:
        try:
            text = content.decode(codec)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            raise NotATable(_("The file is not text: it contains zero bytes."))
        return text
    raise NotATable(_("The file is neither UTF-8 nor Windows-1251 text."))


# --- workbooks -----------------------------------------------------------------------------------------


def _workbook_rows(content: bytes, max_rows: int) -> list[list[str]]:
    return read_apart(READER, content, max_rows,
                      _("The workbook cannot be read: it is damaged, protected or far too large."))


def read_apart(reader: Path, content: bytes, max_rows: int, otherwise: str) -> list[list[str]]:
    """Rows that a script makes of a file in a process of its own (see `workbook_reader`).

    Raises:
        NotATable: with the text `otherwise` when it fails or takes too long.
    """
    if not _READERS.acquire(timeout=SECONDS_LIMIT):
        raise NotATable(_("Too many files are being read at once. Try again in a minute."))
    try:
        done = subprocess.run([sys.executable, "-I", str(reader), str(max_rows)], input=content,
                              capture_output=True, timeout=SECONDS_LIMIT, check=False, env={})
    except subprocess.TimeoutExpired:
        raise NotATable(otherwise) from None
    finally:
        _READERS.release()
    if done.returncode:
        raise NotATable(otherwise)
    return json.loads(done.stdout)
