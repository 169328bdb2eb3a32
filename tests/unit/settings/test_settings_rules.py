"""Rules of general settings and of a pool's dial expression."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tenants.pools.expression import around_extension, dial_string, is_expression
from tenants.settings.rules import DtmfCodes, Taken, dtmf_problems, pickup_problem, zone_choices, zones

TAKEN = Taken({"200", "12345"}, {"8", "15", "05"}, {7})


@pytest.mark.req("SET-10")
@pytest.mark.parametrize(("code", "fits"), [
    ("", True), ("*8", False), ("*9", True), ("*5", True), ("*05", False), ("*15", False), ("#15", True), ("**15", True),
    ("200", False), ("201", True), ("12345", False), ("123456", True), ("8", False), ("1234567", False),
    ("#1#", False), ("#6#", True), ("112", False), ("103", False), ("*8\n", False), ("８８", False)])
def test_pickup_numbers(code: str, fits: bool) -> None:
    assert (pickup_problem(code, DtmfCodes(), TAKEN) == "") is fits


@pytest.mark.req("SET-10")
def test_a_command_without_its_hashes_is_taken_too() -> None:
    assert pickup_problem("77", DtmfCodes(hold="77"), TAKEN)
    assert pickup_problem("#77#", DtmfCodes(hold="77"), TAKEN)
    assert not pickup_problem("78", DtmfCodes(hold="77"), TAKEN)


@pytest.mark.req("SET-20")
@pytest.mark.parametrize(("codes", "wrong"), [
    (DtmfCodes(), set()), (DtmfCodes(transfer="0001"), set()), (DtmfCodes(transfer="5"), {"dtmf_transfer", "dtmf_hold"}),
    (DtmfCodes(fax=""), {"dtmf_fax"}), (DtmfCodes(fax="12345"), {"dtmf_fax"}), (DtmfCodes(fax="*2"), {"dtmf_fax"}),
    (DtmfCodes(fax="2\n"), {"dtmf_fax"}), (DtmfCodes(fax="²"), {"dtmf_fax"})])
def test_commands_are_short_and_differ(codes: DtmfCodes, wrong: set[str]) -> None:
    assert dtmf_problems(codes).keys() == wrong


@pytest.mark.req("SET-04")
def test_zones_are_told_by_offset_and_city_from_west_to_east() -> None:
    shown = zone_choices(datetime(2026, 1, 15, tzinfo=UTC), "en")
    names = dict(shown)
    assert names["Europe/Moscow"] == "UTC+03:00 Moscow"
    assert names["America/St_Johns"] == "UTC-03:30 St. John’s"
    assert names["UTC"] == "UTC+00:00 UTC"
    assert dict(zone_choices(datetime(2026, 7, 15, tzinfo=UTC), "ru"))["Europe/Berlin"] == "UTC+02:00 Берлин"
    assert [zone for zone, _ in shown].index("America/New_York") < [zone for zone, _ in shown].index("Asia/Tokyo")
    assert names.keys() == zones()
    assert not {"localtime", "Factory", "posixrules"} & zones()


@pytest.mark.req("POOL-04", "POOL-06")
@pytest.mark.parametrize(("expression", "dialled", "around"), [
    ("{route}{ext}", "4456101", ("4456", "")), ("*{route}#{ext}#", "*4456#101#", ("*4456#", "#")),
    ("{ext}*{route}", "101*4456", ("", "*4456"))])
def test_dial_expressions(expression: str, dialled: str, around: tuple[str, str]) -> None:
    assert is_expression(expression)
    assert dial_string(expression, "4456", "101") == dialled
    assert around_extension(expression, "4456") == around


@pytest.mark.parametrize("text", [
    "", "{route}", "{ext}", "{route}{route}", "{route}-{ext}", "{route}{ext}\n", "9" * 21 + "{route}{ext}"])
def test_what_is_no_dial_expression(text: str) -> None:
    assert not is_expression(text)
