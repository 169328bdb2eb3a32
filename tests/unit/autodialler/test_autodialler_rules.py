"""Names, schedule, life cycle, judgement of attempts, audio and number files of the auto-dialler."""

from __future__ import annotations

import io
import struct
import wave
from datetime import UTC, datetime, timedelta

import pytest
import xlsxwriter
import xlwt
from python_calamine import CalamineWorkbook

from app.kernel.i18n import speaking
from app.kernel.tabular import NotATable
from app.modules.autodialler import number_file
from app.modules.autodialler.number_file import Entry, check_size, read_entries
from app.modules.autodialler.queries import Number
from app.modules.autodialler.rules import (
    Action,
    Attempt,
    Counts,
    Next,
    Result,
    Status,
    actions,
    after,
    audio_problem,
    digits_searched,
    is_schedule,
    judge,
    name_problem,
    room,
    works_at,
)

NOW = datetime(2026, 4, 20, 9, 0, tzinfo=UTC)  # a Monday, noon in Moscow
RETRY = timedelta(minutes=10)


@pytest.mark.req("ADL-11")
@pytest.mark.parametrize(("name", "is_good"), [
    ("Контакт-1, долг. Ёлка", True), ("Debt reminder 2", True), ("я" * 50, True), ("я" * 51, False), ("Hello!", False),
    ("", False), ("   ", False), ("a\nb", False), ("долг №1", False), ("<b>", False), ("ẞ", False)])
def test_names(name: str, is_good: bool) -> None:
    """TC-19 among them."""
    assert (name_problem(name) == "") is is_good


@pytest.mark.req("ADL-40")
def test_buttons_and_where_they_lead() -> None:
    shown = {status: {action.value: (after(action, status) or status).value for action in actions(status)}
             for status in Status}
    assert shown == {
        Status.INACTIVE: {"start": "preparing", "delete": "deleted"},
        Status.PREPARING: {}, Status.PREP_ERROR: {}, Status.DELETED: {},
        Status.ACTIVE: {"stop": "inactive", "delete": "deleted"}, Status.RUNNING: {"stop": "stopped"},
        Status.STOPPED: {"resume": "running", "delete": "deleted"}, Status.COMPLETED: {"delete": "deleted"}}
    assert after(Action.DELETE, Status.RUNNING) is None


@pytest.mark.req("ADL-21")
def test_progress() -> None:
    """TC-13: one delivered, three not, of four."""
    assert Counts(1, 3, 4).progress == 100
    assert Counts().progress == 0
    assert Counts(1, 0, 3).progress == 33
    assert Counts(998, 0, 999).progress == 99


@pytest.mark.req("ADL-52")
def test_an_attempt_counts_by_its_length() -> None:
    """TC-17: 9 s is a failed attempt, 10 s a success."""
    def after_talk(seconds: float, before: int = 0) -> Next:
        return judge(Attempt(True, seconds), before=before, limit=3, success_seconds=10, retry=RETRY, now=NOW)
    assert after_talk(9) == Next(Result.IN_PROGRESS, 1, NOW + RETRY)
    assert after_talk(10, 1) == Next(Result.SUCCESS, 2)
    assert after_talk(0, 2) == Next(Result.FAILED, 3)
    assert judge(Attempt(False), before=0, limit=1, success_seconds=1, retry=RETRY, now=NOW) == Next(
        Result.NOT_STARTED, 0, NOW + RETRY)


@pytest.mark.req("ADL-37")
@pytest.mark.parametrize(("wanted", "calling", "free", "begun"), [
    (5, 0, 3, 3), (5, 2, 9, 3), (5, 5, 9, 0), (5, 6, 9, 0), (5, 0, 0, 0), (5, 0, -1, 0), (5, 1, None, 4)])
def test_never_more_than_the_free_channels(wanted: int, calling: int, free: int | None, begun: int) -> None:
    assert room(wanted, calling, free) == begun


def test_the_schedule_is_read_by_the_clock_of_the_task() -> None:
    monday_noon = "".join("1" if hour == 12 else "0" for hour in range(168))
    assert works_at(monday_noon, "Europe/Moscow", NOW)
    assert not works_at(monday_noon, "UTC", NOW)
    assert not works_at(monday_noon, "Europe/Moscow", NOW + timedelta(hours=1))
    assert works_at(monday_noon, "Europe/Moscow", NOW + timedelta(minutes=59, seconds=59))
    assert not works_at(monday_noon, "Europe/Moscow", NOW + timedelta(days=1))
    assert is_schedule(monday_noon)
    assert not any(is_schedule(text) for text in ("0" * 168, "1" * 167, "2" * 168, "1" * 169))


def wav(*, channels: int = 1, rate: int = 8000, width: int = 2, seconds: float = 1.0) -> bytes:
    target = io.BytesIO()
    with wave.open(target, "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(width)
        out.setframerate(rate)
        out.writeframes(b"\x11" * int(rate * seconds) * channels * width)
    return target.getvalue()


def alaw_wav(seconds: float = 1.0) -> bytes:
    data = b"\x55" * int(8000 * seconds)
    head = struct.pack("<4sIHHIIHHH", b"fmt ", 18, 6, 1, 8000, 8000, 1, 8, 0)
    body = b"WAVE" + b"LIST" + struct.pack("<I", 3) + b"abc\0" + head + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def test_voice_messages() -> None:
    assert audio_problem(wav()) == ""
    assert audio_problem(alaw_wav()) == ""
    bad = [wav(channels=2), wav(rate=16000), wav(width=1), b"ID3 mp3", b"RIFF", wav()[:20], wav(seconds=132), b""]
    assert all(audio_problem(one) for one in bad)
    assert len({audio_problem(one) for one in bad}) >= 5  # each with its own reason


# --- files ----------------------------------------------------------------------------------------------


def xls(*rows: tuple[object, ...]) -> bytes:
    book = xlwt.Workbook()
    sheet = book.add_sheet("1")
    for line, row in enumerate(rows):
        for column, value in enumerate(row):
            sheet.write(line, column, value)
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def xlsx(*rows: tuple[object, ...]) -> bytes:
    target = io.BytesIO()
    book = xlsxwriter.Workbook(target)
    sheet = book.add_worksheet()
    for line, row in enumerate(rows):
        sheet.write_row(line, 0, row)
    book.close()
    return target.getvalue()


HEAD = ("Номер", "Комментарий")


@pytest.mark.req("ADL-56", "ADL-59")
def test_a_list_is_read_whole_or_not_at_all() -> None:
    """TC-15. A cell may hold the digits as a number, too."""
    good = xls(HEAD, ("9051234567", " Иванов "), (9051234568.0, ""))
    assert read_entries(good) == [Entry("9051234567", "Иванов"), Entry("9051234568")]
    assert read_entries(xlsx(("номер", "Комментарий", "Доп. информация"), (9051234567, "a", "b"))) == [
        Entry("9051234567", "a", "b")]
    for number in ("89051234567", "+79051234567", "905 123-45-67", "905123456", "٩٠٥١٢٣٤٥٦٧", ""):
        with pytest.raises(NotATable, match="3"):
            read_entries(xls(HEAD, ("9051234567", ""), (number, "named by its row")))
    for wrong in (xls(), xls(HEAD), xls(("9051234567", "x")), xls(("Phone",), ("9051234567",)),
                  xls((*HEAD, "Город"), ("9051234567", "", "")), xls(HEAD, ("9051234567", "x" * 256)), b"no table"):
        with pytest.raises(NotATable):
            read_entries(wrong)


@pytest.mark.req("ADL-58")
def test_sizes() -> None:
    """TC-16."""
    check_size(15_000, False)
    check_size(10_000, True)
    for count, commented in ((15_001, False), (10_001, True)):
        with pytest.raises(NotATable):
            check_size(count, commented)
    rows = [(f"9{index:09}", "") for index in range(15_001)]
    with pytest.raises(NotATable):
        read_entries(xlsx(HEAD, *rows))
    assert len(read_entries(xlsx(HEAD, *rows[:15_000]))) == 15_000
    with pytest.raises(NotATable):
        read_entries(xlsx(HEAD, *((number, "x") for number, _ in rows[:10_001])))


@pytest.mark.req("ADL-60", "ADL-62")
def test_the_template_and_the_results() -> None:
    """TC-14, TC-38: the same words as on the screen, ten digits, the task's four columns."""
    assert CalamineWorkbook.from_filelike(io.BytesIO(number_file.template())).get_sheet_by_index(0).to_python() == [
        list(HEAD)]
    at = datetime(2019, 12, 16, 11, 55, 28, tzinfo=UTC)
    with speaking("ru", "Europe/Moscow"):
        content = number_file.results([
            Number(1, "9287771133", "Контакт1", "", Result.SUCCESS, 1, at, False),
            Number(2, "9287771134", "Контакт4", "", Result.FAILED, 0, None, False)])
        assert number_file.moment(at) == "16.12.2019, 14:55:28"
    assert content.startswith(b"\xd0\xcf\x11\xe0")
    assert CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0).to_python() == [
        ["Номер", "Результат", "Кол-во попыток дозвона", "Последняя попытка дозвона"],
        ["9287771133", "Обзвон закончен успешно", 1, "16.12.2019 14:55:28"],
        ["9287771134", "Обзвон закончен неуспешно", 0, ""]]


@pytest.mark.req("ADL-53")
@pytest.mark.parametrize(("typed", "digits"), [
    ("905", "905"), ("+7 (905) 12", "90512"), ("+7905-12", "90512"), ("7905", "7905"), ("abc", ""), ("", "")])
def test_the_search_by_first_digits(typed: str, digits: str) -> None:
    assert digits_searched(typed) == digits
