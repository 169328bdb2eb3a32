"""Number normalisation, directions and restrictions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenants.numbers.rules import (
    Direction,
    NotANumber,
    Place,
    Restriction,
    direction,
    effective_restriction,
    is_allowed,
    is_emergency,
    list_entry,
    normalise,
)

MOSCOW = Place("RU", ("495", "499", "498"))


@pytest.mark.parametrize("dialled", [
    "+74951234567", "84951234567", "74951234567", "4951234567", "1234567", "8 (495) 123-45-67",
    "+7 495 123 45 67", "8107 495 1234567", " 123-45-67 ",
])
def test_one_moscow_number_written_in_every_way(dialled):
    assert normalise(dialled, MOSCOW) == "74951234567"


@pytest.mark.parametrize(("dialled", "place", "e164"), [
    ("+49 30 123456", MOSCOW, "4930123456"),
    ("8104930123456", MOSCOW, "4930123456"),
    ("81049301234", MOSCOW, "49301234"),  # eleven characters, and still abroad
    ("89161234567", MOSCOW, "79161234567"),
    ("88001234567", MOSCOW, "78001234567"),
    ("221122", Place("RU", ("4852",)), "74852221122"),
    ("030 123456", Place("DE", ("30",)), "4930123456"),
    ("0044 20 7946 0018", Place("DE", ("30",)), "442079460018"),
    ("5551234", Place("US", ("212",)), "12125551234"),
])
def test_other_places_and_countries(dialled, place, e164):
    assert normalise(dialled, place) == e164


@pytest.mark.parametrize("dialled", [
    "", "+", "abc", "849512345", "123", "49301234567", "+7495123456", "+0123456789", "1" * 41, "9" * 20,
    "84951234567${SHELL(id)}", "8495123,4567", "8495;1234567", "8495\n1234567", "٨٤٩٥١٢٣٤٥٦٧", "☎️", "*15",
])
def test_what_cannot_be_dialled_is_refused(dialled):
    with pytest.raises(NotANumber):
        normalise(dialled, MOSCOW)


def test_a_short_number_needs_an_area():
    with pytest.raises(NotANumber):
        normalise("1234567", Place("RU"))


@given(st.text(max_size=45))
def test_any_text_becomes_digits_or_is_refused(text):
    try:
        e164 = normalise(text, MOSCOW)
    except NotANumber:
        return
    assert set(e164) <= set("0123456789")
    assert len(e164) <= 15
    assert normalise("+" + e164, MOSCOW) == e164


@pytest.mark.parametrize(("restriction", "allowed"), [
    (Restriction.NONE, {"internal", "local", "national", "long_distance", "international"}),
    (Restriction.NO_INTERNATIONAL, {"internal", "local", "national", "long_distance"}),
    (Restriction.NO_INTERNATIONAL_LONGDISTANCE, {"internal", "local", "national"}),
    (Restriction.INTERNAL_ONLY, {"internal"}),
])
def test_four_restrictions(restriction, allowed):
    """TC-32."""
    assert {d.value for d in Direction if is_allowed(d, restriction)} == allowed


@pytest.mark.req("USR-85")
def test_own_restriction_overrides_the_domains():
    strict = Restriction.INTERNAL_ONLY
    assert effective_restriction(None, strict) is strict
    assert effective_restriction(Restriction.NONE, strict) is Restriction.NONE
    assert [r.api_code for r in Restriction] == [0, 1, 2, 3]


@pytest.mark.parametrize(("e164", "expected"), [
    ("74951234567", Direction.LOCAL), ("74991234567", Direction.LOCAL), ("79161234567", Direction.NATIONAL),
    ("78001234567", Direction.NATIONAL), ("78121234567", Direction.LONG_DISTANCE),
    ("78091234567", Direction.LONG_DISTANCE), ("77271234567", Direction.INTERNATIONAL),
    ("4930123456", Direction.INTERNATIONAL), ("88213000001", Direction.INTERNATIONAL),
    ("000", Direction.INTERNATIONAL),
])
def test_direction_from_moscow(e164, expected):
    assert direction(e164, MOSCOW) is expected


def test_direction_depends_on_the_place():
    assert direction("77271234567", Place("KZ", ("727",))) is Direction.LOCAL
    assert direction("74951234567", Place("KZ", ("727",))) is Direction.INTERNATIONAL


def test_emergency_numbers():
    assert [n for n in ("100", "101", "102", "103", "104", "105", "112", "911") if is_emergency(n)] == [
        "101", "102", "103", "104", "112"]


@pytest.mark.req("NUM-27")
@pytest.mark.parametrize(("typed", "stored"), [
    ("84951234567", "74951234567"), ("+7 495 123-45-67", "74951234567"), ("4951234567", "74951234567"),
    ("+4930123456", "4930123456"), ("101", "101"), ("12345", "12345"),
])
def test_list_entries(typed, stored):
    assert list_entry(typed) == stored


@pytest.mark.parametrize("typed", ["", "12", "1" * 16, "+7495", "ivan", "+0123"])
def test_list_entries_refused(typed):
    with pytest.raises(NotANumber):
        list_entry(typed)
