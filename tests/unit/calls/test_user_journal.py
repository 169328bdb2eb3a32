"""Periods, moments and Russian words of a user's journal."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from babel.messages.pofile import read_po

from app.kernel import i18n
from app.kernel.errors import InvalidFields
from tenants import journal
from tenants.calls.personal.present import talk_time

MOSCOW = ZoneInfo("Europe/Moscow")
NOW = datetime(2021, 2, 10, 16, 30, tzinfo=MOSCOW)


@pytest.mark.req("ACC-D14", "ACC-56", "VM-09")
@pytest.mark.parametrize(("choice", "first"), [("today", "2021-02-10"), ("7", "2021-02-04"), ("30", "2021-01-12"),
                                               ("45", "2020-12-28"), ("", None), ("9", None)])
def test_quick_choices_begin_at_midnight_of_the_domains_zone(choice: str, first: str | None) -> None:
    since, until = journal.period_of({"period": choice}, NOW, MOSCOW)
    assert until is None
    assert (since and since.isoformat()) == (first and f"{first}T00:00:00+03:00")
    late = datetime(2021, 2, 9, 22, 30, tzinfo=UTC)  # already the tenth in Moscow
    assert journal.period_of({"period": "today"}, late, MOSCOW)[0] == datetime(2021, 2, 10, tzinfo=MOSCOW)


@pytest.mark.req("VM-09")
def test_own_dates_are_whole_days_and_in_order() -> None:
    since, until = journal.period_of({"from": "2021-02-01", "to": "2021-02-01"}, NOW, MOSCOW)
    assert (since, until) == (datetime(2021, 2, 1, tzinfo=MOSCOW), datetime(2021, 2, 2, tzinfo=MOSCOW))
    for wrong in ({"from": "2021-02-02", "to": "2021-02-01"}, {"from": "soon"}, {"to": "9999-12-31"}):
        with pytest.raises(InvalidFields):
            journal.period_of(wrong, NOW, MOSCOW)


@pytest.mark.parametrize("text", ["", "-", "1-", "-1", "x-1", "1-x", "9" * 30 + "-1", "1-" + "9" * 30])
def test_a_broken_cursor_is_the_first_page(text: str) -> None:
    assert journal.wanted_of({"after": text}, NOW, MOSCOW).after is None


@pytest.mark.req("VM-03")
def test_lengths_and_moments() -> None:
    with i18n.speaking("en", "Europe/Moscow"):
        assert [talk_time(seconds) for seconds in (0, 50, 89, 3661)] == ["0 s", "50 s", "1 min 29 s", "1 h 1 min 1 s"]
        assert journal.short_time(datetime(2021, 2, 10, 13, 10, tzinfo=UTC)) == "10.02.21 16:10"
        assert journal.long_time(datetime(2021, 2, 10, 13, 10, tzinfo=UTC)) == "10.02.2021 16:10"


@pytest.mark.req("VM-07", "VM-03", "ACC-53")
def test_russian_words() -> None:
    with (i18n.LOCALES_DIR / "parts/calls.ru.po").open("rb") as stream:
        known = read_po(stream, locale="ru")
    calls = known.get("Statistics: %(shown)s call")
    assert calls
    assert calls.string == ("Статистика: %(shown)s вызов", "Статистика: %(shown)s вызова",
                                      "Статистика: %(shown)s вызовов")
    length = known.get("%(minutes)s min %(seconds)s s")
    assert length
    assert length.string == "%(minutes)s мин. %(seconds)s сек."
