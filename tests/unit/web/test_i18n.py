"""Languages and formats."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kernel import i18n
from app.kernel.i18n import (
    compile_catalogues,
    format_date,
    format_datetime,
    format_duration,
    format_money,
    format_number,
    format_phone,
    format_phone_in_lists,
    lazy,
    negotiate,
    ngettext,
    speaking,
)
from app.kernel.money import Currency, Money


@pytest.fixture(autouse=True, scope="module")
def _compiled():
    compile_catalogues()


def money(text: str, currency: Currency = Currency.RUB) -> Money:
    return Money(Decimal(text), currency)


@pytest.mark.parametrize(("user", "cookie", "header", "expected"), [
    ("ru", "en", "en", "ru"), (None, "ru", "en", "ru"), (None, "xx", "ru-RU,ru;q=0.9,en;q=0.8", "ru"),
    ("", None, "de, en;q=0.2, ru;q=0.7", "ru"), (None, None, "de", "en"), (None, None, None, "en"),
    (None, None, ";;q=x,,", "en"),
])
def test_negotiation(user, cookie, header, expected):
    assert negotiate(user, cookie, header) == expected


@pytest.mark.req("ACC-D9")
def test_acc_d9_money_in_russian():
    with speaking("ru"):
        assert format_money(money("16956.50")) == "16\u00a0956,50\u00a0₽"
        assert format_money(money("16956.50"), trim=True) == "16\u00a0956,5\u00a0₽"
        assert format_money(money("0"), trim=True) == "0\u00a0₽"
        assert format_money(money("-3")) == "−3,00\u00a0₽"


def test_money_in_english_and_other_currencies():
    assert format_money(money("16956.5")) == "16,956.50\u00a0₽"
    assert format_money(money("-1234.5", Currency.USD)) == "−$1,234.50"
    assert format_money(money("1500", Currency.JPY)) == "¥1,500"
    assert format_money(money("1.5"), exact=True) == "1.50\u00a0₽"
    assert format_money(money("0.012345"), exact=True) == "0.012345\u00a0₽"
    assert format_money(money("-0.001")) == "0.00\u00a0₽"


@given(st.decimals(min_value=-10**9, max_value=10**9, places=2))
def test_money_can_be_read_back(amount: Decimal):
    with speaking("ru"):
        text = format_money(Money(amount)).removesuffix("\u00a0₽").replace("−", "-")
        assert Money.parse(text).amount == amount


def test_times_are_in_the_readers_zone():
    moment = datetime(2026, 11, 20, 22, 5, 9, tzinfo=UTC)
    with speaking("ru", "Asia/Vladivostok"):
        assert format_datetime(moment, seconds=True) == "21.11.2026 08:05:09"
        assert format_date(moment) == "21.11.2026"
    with speaking("en", "nowhere/at-all"):
        assert format_datetime(moment) == "20 Nov 2026 22:05"
        assert format_date(date(2026, 5, 3)) == "3 May 2026"


def test_numbers_and_durations():
    with speaking("ru"):
        assert format_number(1234567) == "1\u00a0234\u00a0567"
        assert format_number(Decimal("1234.565"), 2) == "1\u00a0234,57"
    assert format_duration(65) == "1:05"
    assert format_duration(timedelta(hours=2, minutes=3, seconds=9)) == "2:03:09"


@given(st.sampled_from("3489"), st.integers(0, 999_999_999))
def test_fast_russian_numbers_agree_with_the_library(first: str, rest: int):
    number = f"+7{first}{rest:09}"
    parsed = phonenumbers.parse(number)
    if phonenumbers.is_valid_number(parsed):
        library = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
        assert format_phone(number) == library


def test_other_numbers():
    assert format_phone("+77011234567") == "+7 701 123 4567"
    assert format_phone("101") == "101"
    assert format_phone("anna@company.example") == "anna@company.example"
    assert format_phone("+") == "+"


def test_a_number_in_the_menu_has_its_area_code_in_brackets() -> None:
    assert format_phone_in_lists("+74950000000") == "+7 (495) 000-00-00"
    assert format_phone_in_lists("+375291234567") == "+375 29 123-45-67"


def test_texts_follow_the_reader():
    label = lazy("Save")
    assert (str(label), i18n.gettext("")) == ("Save", "")
    with speaking("ru"):
        assert str(label) == "Сохранить"
        one, two, five = (ngettext("%(n)s day left", "%(n)s days left", n) % {"n": n} for n in (21, 22, 25))
        assert (one, two, five) == ("остался 21 день", "осталось 22 дня", "осталось 25 дней")
    assert str(label) == "Save"
