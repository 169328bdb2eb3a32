"""Tariff values and the import of rates."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from app.kernel.money import Money
from billing.rating.rules import FreeMode, RateRow
from billing.tariffs import csvfile
from billing.tariffs.csvfile import parse_rates
from billing.tariffs.plan import ADDITIONAL_USER, Level, Plan, PlanService
from billing.tariffs.rules import Version, VersionState, may_publish, version_in_force

FULL = ("prefix;destination;price;unit_seconds;connection_fee;first_increment;next_increment;"
        "minimum_charge;free_seconds;free_mode\n")


def only_error(text, encoding="utf-8"):
    found = parse_rates(text.encode(encoding))
    assert not found.rows
    assert found.error_count == len(found.errors) == 1, found
    return found.errors[0]


def test_a_full_row():
    found = parse_rates((FULL + "7495;Москва;1,5;60;0.25;60;6;1;5;included\n").encode())
    assert found.errors == ()
    assert found.rows == (RateRow("7495", 1_500_000, 60, 250_000, 60, 6, 1_000_000, 5, FreeMode.INCLUDED,
                                  destination="Москва"),)


@pytest.mark.parametrize("data", [
    "\ufeffPrefix;Destination;Price\r\n+7495;Москва;1,500000\r\n\r\n".encode(),
    "prefix;destination;price\n7495;Москва;1.5".encode("cp1251"),
    'price,prefix,destination\n"1,5",7495,Москва\n'.encode(),
])
def test_encodings_delimiters_and_defaults(data):
    assert parse_rates(data).rows == (RateRow("7495", 1_500_000, destination="Москва"),)


@pytest.mark.parametrize(("row", "column", "part"), [
    ("7x95;M;1", "prefix", "digits only"),
    ("٧;M;1", "prefix", "digits only"),
    ("0123;M;1", "prefix", "No country"),
    ("999;M;1", "prefix", "No country"),
    ("7495123456789012;M;1", "prefix", "15 digits"),
    (";M;1", "prefix", "empty"),
    ("7;;1", "destination", "empty"),
    ("7;" + "M" * 101 + ";1", "destination", "100 characters"),
    ("7;a\tb;1", "destination", "control characters"),
    ("7;M;-1", "price", "Negative"),
    ("7;M;1.0000001", "price", "More than 6 decimals"),
    ("7;M;1e5", "price", "Not an amount"),
    ("7;M;NaN", "price", "Not an amount"),
    ("7;M;", "price", "Not an amount"),
    ("7;M;1000000", "price", "Not an amount"),
    ("7;M", "", "2 cells instead of 3"),
    ("7;M;1;2", "", "4 cells instead of 3"),
])
def test_wrong_lines_are_named_in_words(row, column, part):
    error = only_error(f"prefix;destination;price\n{row}\n")
    assert (error.line, error.column) == (2, column)
    assert part in error.message


@pytest.mark.parametrize(("row", "column"), [
    ("7;M;1;0;0;60;60;0;0;threshold", "unit_seconds"),
    ("7;M;1;60;0;0;60;0;0;threshold", "first_increment"),
    ("7;M;1;60;0;60;0;0;0;threshold", "next_increment"),
    ("7;M;1;60;0;60;1.5;0;0;threshold", "next_increment"),
    ("7;M;1;60;-1;60;60;0;0;threshold", "connection_fee"),
    ("7;M;1;60;0;60;60;-1;0;threshold", "minimum_charge"),
    ("7;M;1;60;0;60;60;0;-1;threshold", "free_seconds"),
    ("7;M;1;60;0;60;60;0;0;often", "free_mode"),
])
def test_increments_and_other_columns(row, column):
    assert only_error(FULL + row).column == column


def test_one_wrong_line_refuses_the_whole_file_and_all_errors_are_told():
    found = parse_rates(b"prefix;destination;price\n7;A;1\n7;B;2\n74;C;x\n78;D;-2\n")
    assert found.rows == ()
    assert [(e.line, e.column) for e in found.errors] == [(3, "prefix"), (4, "price"), (5, "price")]
    assert "line 2" in found.errors[0].message


def test_only_the_first_hundred_errors_are_listed():
    found = parse_rates(b"prefix;destination;price\n" + b"x;A;1\n" * 150)
    assert (len(found.errors), found.error_count) == (100, 150)


@pytest.mark.parametrize("data", [
    b"", b"\n\n", b"prefix;price\n7;1\n", b"prefix;destination;price;prefix\n7;A;1;7\n",
    b"prefix;destination;price;${SHELL(id)}\n7;A;1;1\n", b"prefix;destination;price\n",
    b"prefix;destination;price\n7;\"A;1\n", b"prefix;destination;price\n7;A\0;1\n", b"\x98\xff\x00",
    b"PK\x03\x04", b"prefix;destination;price\n7;\"" + b"A" * 200_000 + b"\";1\n",
])
def test_other_files_are_refused_as_a_whole(data):
    found = parse_rates(data)
    assert not found.rows
    assert found.error_count == 1


def test_too_many_rows(monkeypatch):
    monkeypatch.setattr(csvfile, "MAX_ROWS", 2)
    assert "more than 2 rows" in only_error("prefix;destination;price\n71;A;1\n72;A;1\n73;A;1\n").message


def test_users_beyond_the_included_ones_are_charged():
    users = PlanService(ADDITIONAL_USER, Level.USER, Money.parse("83.33"), Money.parse("10"), included=3)
    plan = Plan(1, services={ADDITIONAL_USER: users})
    assert plan.fee(ADDITIONAL_USER, 2, 1).quantity == 0
    assert plan.fee(ADDITIONAL_USER, 3, 1).quantity == 1
    fee = plan.fee(ADDITIONAL_USER, 1, 5)
    assert (fee.quantity, fee.first_charge(date(2020, 12, 1))) == (3, Money.parse("8.07"))
    nothing = plan.fee("crm", 0, 5)
    assert (nothing.quantity, nothing.connection_charge(), nothing.monthly) == (0, Money.zero(), Money.zero())


def test_version_in_force():
    old = Version(1, VersionState.PUBLISHED, date(2025, 1, 1))
    new = Version(2, VersionState.PUBLISHED, date(2025, 4, 1))
    draft = Version(3, VersionState.DRAFT, date(2025, 2, 1))
    versions = [new, old, draft]
    before = datetime(2025, 3, 31, 20, 59, tzinfo=UTC)  # 23:59 in Moscow
    assert version_in_force(versions, before, "Europe/Moscow") is old
    assert version_in_force(versions, before.replace(hour=21), "Europe/Moscow") is new
    assert version_in_force(versions, before.replace(year=2024), "Europe/Moscow") is None
    assert not may_publish(draft, before, "Europe/Moscow")
    assert may_publish(Version(4, VersionState.DRAFT, date(2025, 3, 31)), before, "Europe/Moscow")
