"""Uploaded tables: every usual kind is read, no file can take the server with it."""

from __future__ import annotations

import io
import re
import time
import zipfile

import pytest
import xlsxwriter

from app.kernel.tabular import NotATable, read_table

ROWS = [["Имя", "Номер"], ["Анна", "+74951112233"]]


def workbook(rows: list[list[object]]) -> bytes:
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    sheet = book.add_worksheet()
    for number, row in enumerate(rows):
        sheet.write_row(number, 0, row)
    book.close()
    return out.getvalue()


def with_sheet(change) -> bytes:
    """A workbook whose sheet's XML is replaced by `change(xml)`."""
    source = zipfile.ZipFile(io.BytesIO(workbook([["a", 1]])))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for item in source.infolist():
            body = source.read(item)
            target.writestr(item.filename, change(body) if item.filename.endswith("sheet1.xml") else body)
    return out.getvalue()


@pytest.mark.parametrize("text", ["Имя;Номер\r\n\r\nАнна;+74951112233", "Имя,Номер\nАнна,+74951112233\n",
                                  "Имя\tНомер\n Анна \t+74951112233\n"])
@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "cp1251", "utf-16"])
def test_texts_of_every_usual_kind(text: str, codec: str) -> None:
    assert read_table(text.encode(codec), max_rows=10) == ROWS


def test_workbook_cells_read_as_they_were_typed() -> None:
    assert read_table(workbook([["Имя", "Номер", 10], ["Анна", 74951112233.0, 1.5], [], ["Борис", "05"]]),
                      max_rows=10) == [["Имя", "Номер", "10"], ["Анна", "74951112233", "1.5"], ["Борис", "05", ""]]


@pytest.mark.parametrize("content", [
    b"a\0b", b"\x98\xff", b'a;"b\n', b"PK\x03\x04 no archive", workbook([["a"]])[:500],
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 no workbook",
])
def test_other_files_are_refused_in_words(content: bytes) -> None:
    with pytest.raises(NotATable):
        read_table(content, max_rows=10)


def test_too_many_rows() -> None:
    for content in (b"a\n" * 11, workbook([["a"]] * 11)):
        with pytest.raises(NotATable, match="more than 10 rows"):
            read_table(content, max_rows=10)


@pytest.mark.parametrize("change", [
    lambda xml: re.sub(rb'r="B1"', b'r="XFD1048576"', xml),  # a table of 17 billion cells
    lambda xml: xml.replace(b"</sheetData>", b"<row r='2'><c r='A2' t='inlineStr'><is><t>" + b"x" * 250_000_000
                            + b"</t></is></c></row></sheetData>"),  # 250 MB in 250 KB
])
def test_bombs_end_only_their_own_process(change) -> None:
    started = time.monotonic()
    with pytest.raises(NotATable, match="far too large"):
        read_table(with_sheet(change), max_rows=10)
    assert time.monotonic() - started < 30


def test_five_thousand_rows_are_read_at_once() -> None:
    content = workbook([["Клиент", "Группа", "", "", "+74951112233", "", "", ""]] * 5000)
    started = time.monotonic()
    assert len(read_table(content, max_rows=5000)) == 5000
    assert time.monotonic() - started < 5
