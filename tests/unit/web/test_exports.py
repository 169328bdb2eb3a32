"""Exported files: real values in workbooks, nothing a spreadsheet would run in CSV."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from litestar.datastructures import UploadFile
from python_calamine import CalamineWorkbook

from app.kernel.errors import InvalidFields
from app.kernel.i18n import speaking
from app.kernel.money import Money
from app.web import exports
from app.web.exports import ExportColumn, file_answer, write_csv, write_xlsx
from app.web.uploads import detect, read_rows, read_upload

COLUMNS = [ExportColumn(name) for name in ("When", "Who", "Sum", "Day", "Length")]
ROW = (datetime(2026, 11, 20, 22, 0, tzinfo=UTC), "=1+1", Money(Decimal("-3.00")), date(2026, 1, 2),
       timedelta(seconds=65))


@pytest.mark.req("ACC-D14")
def test_acc_d14_dates_are_dates_and_numbers_numbers():
    book = io.BytesIO()
    with speaking("ru", "Europe/Moscow"):
        assert write_xlsx(book, COLUMNS, [ROW], sheet="Вызовы") == 1
    head, row = CalamineWorkbook.from_filelike(io.BytesIO(book.getvalue())).get_sheet_by_index(0).to_python()
    assert head == ["When", "Who", "Sum", "Day", "Length"]
    assert row[:4] == [datetime(2026, 11, 21, 1, 0), "=1+1", -3.0, date(2026, 1, 2)]  # noqa: DTZ001


@pytest.mark.req("ACC-D14")
def test_acc_d14_rows_go_on_to_further_sheets(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(exports, "ROWS_PER_SHEET", 3)
    book = io.BytesIO()
    assert write_xlsx(book, [ExportColumn("N")], ([n] for n in range(7))) == 7
    sheets = CalamineWorkbook.from_filelike(io.BytesIO(book.getvalue()))
    assert [len(sheets.get_sheet_by_name(name).to_python()) - 1 for name in sheets.sheet_names] == [3, 3, 1]


def test_csv_runs_no_formula():
    columns = [ExportColumn("a")]
    rows = [["=cmd|'/c calc'!A1"], ["@SUM(1)"], ["-1+1"], ["+74951234567"], ["-3.5"], ["\t=1"], [None], ["ok"]]
    lines = write_csv(columns, rows).decode("utf-8-sig").split("\r\n")
    assert lines[1:9] == ["'=cmd|'/c calc'!A1", "'@SUM(1)", "'-1+1", "+74951234567", "-3.5", "'\t=1", '""', "ok"]


def test_file_names_cannot_break_the_header():
    answer = file_answer(b"", 'Отчёт "1"\r\nX: 1.xlsx')
    header = answer.headers["Content-Disposition"]
    assert "\r" not in header
    assert "\n" not in header


def test_csv_is_read_in_both_encodings_and_separators():
    assert read_rows("Имя;Номер\n\nАнна;101\n".encode("cp1251")) == [["Имя", "Номер"], ["Анна", "101"]]
    assert read_rows("\ufeffa,b\n1,\"x,y\"\n".encode()) == [["a", "b"], ["1", "x,y"]]
    with pytest.raises(InvalidFields):
        read_rows(b"a\n" * 20, max_rows=10)


@pytest.mark.anyio
async def test_uploads_are_known_by_content():
    assert detect(b"RIFF\x00\x00\x00\x00WAVEfmt ") == "wav"
    assert detect(b"MZ\x90\x00\x03") == ""
    fake = UploadFile(content_type="audio/wav", filename="../../a.wav", file_data=b"MZ\x90\x00")
    with pytest.raises(InvalidFields):
        await read_upload(fake, kinds=("wav",))
    big = UploadFile(content_type="text/csv", filename="a.csv", file_data=b"1" * 100)
    with pytest.raises(InvalidFields):
        await read_upload(big, kinds=("csv",), max_bytes=10)
    good = await read_upload(UploadFile("text/csv", "C:\\x\\a.csv", file_data=b"a;b"), kinds=("csv",))
    assert (good.name, good.kind) == ("a.csv", "csv")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
