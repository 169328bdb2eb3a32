"""Numbers, files and outcomes of campaigns."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.kernel.tabular import NotATable
from app.modules.campaigns.clients import read_clients, template
from app.modules.campaigns.rules import (
    COLUMNS,
    RETRY,
    After,
    Outcome,
    after_call,
    dialled,
    is_working,
    judged,
    number_of,
    url_problem,
)
from tests.unit.autodialler.test_autodialler_rules import xlsx

NOW = datetime(2021, 3, 12, tzinfo=UTC)


@pytest.mark.parametrize(("typed", "stored"), [
    ("444", "444"), ("+7 (905) 123-45-67", "79051234567"), ("8 905 123 45 67", "79051234567"),
    ("9051234567", "79051234567"), ("79051234567", "79051234567"), ("+44 20 7946 0000", "442079460000"),
    ("810 44 20 7946 0000", "442079460000"), ("12", None), ("1234567890123456", None), ("", None), ("12a", None),
    ("٤٤٤", None), ("44*4", None)])
def test_numbers(typed: str, stored: str | None) -> None:
    if stored is None:
        with pytest.raises(ValueError, match="15"):
            number_of(typed)
    else:
        assert number_of(typed) == stored


@pytest.mark.parametrize(("stored", "country", "sent"), [
    ("444", "RU", "444"), ("79051234567", "RU", "79051234567"), ("442079460000", "RU", "810442079460000"),
    ("79051234567", "DE", "+79051234567"), ("4930123456", "DE", "4930123456")])
def test_how_a_number_is_dialled(stored: str, country: str, sent: str) -> None:
    assert dialled(stored, country) == sent


@pytest.mark.req("CMP-D3")
def test_when_a_campaign_works() -> None:
    day = timedelta(days=1)
    assert is_working(True, NOW, NOW + day, NOW)
    assert is_working(True, NOW - day, NOW, NOW)
    assert not is_working(False, NOW - day, NOW + day, NOW)
    assert not is_working(True, NOW + day, NOW + 2 * day, NOW)
    assert not is_working(True, NOW - 2 * day, NOW - day, NOW)


@pytest.mark.req("CMP-52")
def test_what_a_call_means() -> None:
    def after(outcome: Outcome, before: int = 0) -> After:
        return after_call(outcome, before=before, limit=2, now=NOW)
    assert after(Outcome(False, False)) == After("handed", "initial", 0)
    assert after(Outcome(True, False)) == After(None, "initial", 1, NOW + RETRY)
    assert after(Outcome(True, False), 1) == After(None, "no_answer", 2)
    assert after(Outcome(True, True, 40), 1) == After("talked", "initial", 2)


def test_links() -> None:
    assert all(url_problem(url) == "" for url in ("", "http://a.ru", "https://crm.example/x?y=1#z"))
    assert all(url_problem(url) for url in ("javascript:alert(1)", "ftp://a", "https://", "a.ru", "https://a b", "http://[",
                                            "https://a/" + "x" * 1024, "https://a\n.ru"))


def row(name: str, *numbers: str, notes: str = "") -> tuple[str, ...]:
    return (name, *numbers, *[""] * (5 - len(numbers)), notes)


@pytest.mark.req("CMP-D7")
def test_a_file_is_judged_row_by_row() -> None:
    rows = judged([row("Николай", "444", "+7 905 123-45-67", notes="Инфа"), row("", "555"), row("Роман"), row("Анна", "12"),
                   row("Пётр", "8 905 123 45 67"), row("Ян", "777"), row("x" * 201, "888"), row("Да", "999", "999")],
                  {"777"})
    assert [sorted(one.errors) for one in rows] == [[], [0], [1], [1], [1], [1], [0], [2]]
    assert rows[0].line == 2
    assert rows[0].client().numbers == ("444", "79051234567")


@pytest.mark.req("CMP-D6")
def test_files() -> None:
    assert COLUMNS == ("Имя", "Номер 1", "Номер 2", "Номер 3", "Номер 4", "Номер 5", "Примечания")
    with pytest.raises(NotATable):
        read_clients(template())  # no client yet
    assert read_clients(xlsx(COLUMNS, ("Николай", 444, 555, "", "", "", "Инфа"))) == [
        ("Николай", "444", "555", "", "", "", "Инфа")]
    assert read_clients(("\ufeff" + ";".join(COLUMNS) + "\r\nРоман;111;222;333\r\n").encode()) == [
        ("Роман", "111", "222", "333", "", "", "")]
    with pytest.raises(NotATable):
        read_clients(xlsx(("Имя", "Телефон"), ("Николай", "444")))
