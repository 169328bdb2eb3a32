"""Decisions about requests: numbers, lists, sites, hours, and their order [WGT-D6, WGT-D7]."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from widgets import rules
from widgets.rules import Conditions, Verdict

OFFICE = "".join("1" if day < 5 and 9 <= hour < 18 else "0" for day in range(7) for hour in range(24))
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(("typed", "kept"), [
    ("7495", "7495"), ("7", "7"), ("79051", "79051"), ("9051234567", "9051234567"), ("+7 (905) 123-45-67", "9051234567"),
    ("8 495 123-45-67", "4951234567"), ("74951234567", "4951234567")])
def test_entries_of_number_lists(typed: str, kept: str) -> None:
    assert rules.list_entry(typed) == kept


@pytest.mark.parametrize("typed", ["", "749512", "905123456", "7905a", "19051234567", "٧٤٩٥", "123456789012"])
def test_wrong_entries_of_number_lists(typed: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        rules.list_entry(typed)


@pytest.mark.parametrize(("typed", "e164"), [
    ("74951234567", "74951234567"), ("8 (905) 123-45-67", "79051234567"), ("9051234567", "79051234567"),
    ("+7 812 123-45-67", "78121234567"), ("+1 415 555 0123", ""), ("+7 701 234 56 78", ""), ("112", ""), ("", ""),
    ("8 495 123-45-67 ext. 5", ""), ("call me", "")])
def test_numbers_within_russia(typed: str, e164: str) -> None:
    assert rules.russian(typed) == e164


@pytest.mark.parametrize(("host", "patterns", "is_allowed"), [
    ("shop.domain.com", ["*.domain.com"], True), ("a.b.domain.com", ["*.domain.com"], True),
    ("domain.com", ["*.domain.com"], False), ("xdomain.com", ["*.domain.com"], False), ("other.ru", ["domain.com"], False),
    ("domain.com", ["other.ru", "domain.com"], True), ("", ["domain.com"], False), ("", [], True), ("any.ru", [], True),
    (".domain.com", ["*.domain.com"], False)])
def test_sites(host: str, patterns: list[str], is_allowed: bool) -> None:
    assert rules.is_allowed(host, patterns) is is_allowed


@pytest.mark.parametrize(("origin", "referer", "host"), [
    ("https://Shop.Domain.com", "https://other.ru/", "shop.domain.com"), ("", "https://a.ru:81/x?y", "a.ru"),
    ("null", "https://a.ru/", ""), ("", "", ""), ("https://[::1", "", ""), ("https://a.ru.", "", "a.ru")])
def test_where_the_page_is(origin: str, referer: str, host: str) -> None:
    assert rules.site_of(origin, referer) == host


@pytest.mark.parametrize(("greeting", "schedule", "is_wrong"), [
    ("9:00–18:00 (МСК)", OFFICE, False), ("Работаем 10:00-19:00", OFFICE, True), ("9:30–18:00", OFFICE, True),
    ("Оставьте номер", OFFICE, False), ("9:00–18:00", rules.ALWAYS, True)])
def test_hours_named_by_the_greeting(greeting: str, schedule: str, is_wrong: bool) -> None:
    assert rules.contradicts(greeting, schedule) is is_wrong


def test_hours_and_waiting() -> None:
    friday = datetime(2026, 11, 20, 17, 59, 59)  # noqa: DTZ001
    assert rules.is_open(OFFICE, friday)
    assert not rules.is_open(OFFICE, friday + timedelta(seconds=1))
    assert rules.wait_seconds(60, NOW - timedelta(seconds=20), NOW) == 40
    assert rules.wait_seconds(60, NOW - timedelta(seconds=60), NOW) == 0
    assert rules.wait_seconds(0, NOW, NOW) == 0
    assert rules.wait_seconds(60, None, NOW) == 0


@given(black=st.booleans(), white=st.sampled_from(["none", "matches", "other"]), wait=st.integers(0, 60),
       is_open=st.booleans(), is_russian=st.booleans())
def test_order_of_the_checks(black: bool, white: str, wait: int, is_open: bool, is_russian: bool) -> None:
    """Each check decides only where all before it let the request pass."""
    known = Conditions({"none": frozenset(), "matches": frozenset({"7495"}), "other": frozenset({"7812"})}[white],
                       frozenset({"4951234567"}) if black else frozenset(), wait, is_open)
    found = rules.verdict("74951234567" if is_russian else "", known)
    expected = (Verdict.NOT_RUSSIAN if not is_russian else Verdict.BLACK if black else Verdict.NOT_WHITE
                if white == "other" else Verdict.LIMIT if wait else Verdict.CALL if is_open else Verdict.MESSAGE)
    assert found is expected
    assert found.is_taken == (found in (Verdict.CALL, Verdict.MESSAGE))
