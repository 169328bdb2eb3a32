"""The import file: what is read, which rows are ready and why others are not."""

from __future__ import annotations

import io
import time

import pytest
import xlsxwriter

from app.kernel.tabular import NotATable
from tenants.directory.imports import COLUMNS, Known, check_lines, read_contacts
from tenants.directory.vcards import read_vcards, write_vcards

NOTHING = Known({}, (), ("*8",))
T26 = [("Клиент 1", "Важные клиенты", "10", "", "+74951112233"),
       ("Клиент 2", "Важные клиенты", "20", "", "", "+79991112233"),
       ("Клиент 3", "Новые клиенты", "30", "", "", "", "+79992223344")]


def a_csv(*rows: tuple[str, ...], head: tuple[str, ...] = COLUMNS) -> bytes:
    return "\r\n".join(";".join(row) for row in (head, *rows)).encode()


def a_workbook(*rows: tuple[object, ...]) -> bytes:
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    sheet = book.add_worksheet()
    for at, row in enumerate((COLUMNS, *rows)):
        sheet.write_row(at, 0, row)
    book.close()
    return out.getvalue()


@pytest.mark.req("ABK-10", "ABK-11")
def test_t26_is_ready_whatever_the_file_is() -> None:
    numbers = [tuple(int(cell) if cell.isdigit() else cell for cell in row) for row in T26]
    for content in (a_csv(*T26), a_workbook(*T26), a_workbook(*numbers)):
        lines = check_lines(read_contacts(content), NOTHING)
        assert [line.errors for line in lines] == [{}, {}, {}]
        assert [line.group for line in lines] == ["Важные клиенты", "Важные клиенты", "Новые клиенты"]
        assert [line.numbers[0].kind for line in lines] == ["work", "mobile", "home"]


@pytest.mark.req("ABK-11", "ABK-12")
def test_reasons_stand_at_the_faulty_values() -> None:
    rows = [("", "", "", "", "101"), ("Anna", "", "1a", "", "101"), ("Anna", "", "123456", "", "101"),
            ("Anna", "", "8", "", "101"), ("Anna", "", "7", "", "101"), ("Anna", "", "7", "", "101"),
            ("Anna", "", "15", "", "101"), ("Anna", "", "", "", "+7495111223"), ("Anna", "", ""),
            ("Anna", "g" * 65, "", "", "101"), ("Anna", "", "", "ghost"), ("Anna", "", "", "anna", "x")]
    lines = check_lines(read_contacts(a_csv(*rows)), Known({"15": "Boris"}, ("anna",), ("*8",)))
    assert [sorted(line.errors) for line in lines] == [
        [0], [2], [2], [2], [2], [2], [2], [4], [3], [1], [3], [4]]
    assert lines[4].errors[2] == "Value is not unique in the list"
    assert "Boris" in lines[6].errors[2]


@pytest.mark.req("ABK-12")
@pytest.mark.parametrize("content", [
    b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\0", a_csv(), a_csv(*T26, head=COLUMNS[1:]), a_csv(*T26, head=("x", *COLUMNS[1:])),
    "\r\n".join(";".join(row) for row in T26).encode(), a_csv(*[("Anna", "", "", "", "101")] * 5001), b"\r\n",
    a_workbook(), b"BEGIN:VCARD\nEND:VEVENT\n",
])
def test_other_files_are_refused_as_a_whole(content: bytes) -> None:
    with pytest.raises(NotATable):
        read_contacts(content)


def test_the_limit_itself_is_read() -> None:
    assert len(read_contacts(a_csv(*[("Anna", "", "", "", "101")] * 5000))) == 5000


def test_vcards_of_old_and_new_phones() -> None:
    old = ("BEGIN:VCARD\r\nVERSION:2.1\r\nFN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:=D0=98=D0=B2\r\n"
           "TEL;CELL:+79991112233\r\nEND:VCARD\r\n")
    new = ("BEGIN:VCARD\nVERSION:4.0\nFN:Bob\nCATEGORIES:Friends,Others\nTEL;TYPE=work:84951112233\nTEL;TYPE=work:101\n"
           "END:VCARD\n")
    assert read_vcards((old + new).encode(), max_rows=2) == [
        ["Ив", "", "", "", "", "+79991112233", "", ""], ["Bob", "Friends", "", "", "84951112233", "", "", "101"]]
    assert write_vcards([]) == b""


def test_a_hostile_vcard_keeps_nobody_waiting() -> None:
    """Millions of folded lines keep the parser busy for hours; its process is ended."""
    started = time.monotonic()
    with pytest.raises(NotATable):
        read_contacts(b"BEGIN:VCARD\nFN:x" + b"\n x" * 1_500_000 + b"\nEND:VCARD\n")
    assert time.monotonic() - started < 25
