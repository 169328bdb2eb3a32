"""Which number a list forbids, however the number and the list are written."""

from __future__ import annotations

import pytest

from billing.guards.destinations import (
    Policies,
    Policy,
    Preset,
    WrongPrefix,
    destination_of,
    premium_length,
    read_prefixes,
)

CUBA, PREMIUM, IRIDIUM = "5371234567", "78091234567", "881612345678"


def policy(*presets: Preset, forbidden: str = "", allowed: str = "") -> Policy:
    return Policy(frozenset(presets), frozenset(forbidden.split()), frozenset(allowed.split()))


@pytest.mark.parametrize(("rules", "number", "expected"), [
    (policy(forbidden="53"), CUBA, "53"),
    (policy(forbidden="53", allowed="537"), CUBA, None),  # the longest prefix wins
    (policy(forbidden="53 537123", allowed="537"), CUBA, "537123"),
    (policy(forbidden="53", allowed="53"), CUBA, None),  # of two alike the exception
    (policy(forbidden="5"), "4953712345", None),
    (policy(Preset.INTERNATIONAL), CUBA, "international"),
    (policy(Preset.INTERNATIONAL, allowed="53"), CUBA, None),
    (policy(Preset.INTERNATIONAL, allowed="5"), CUBA, None),
    (policy(Preset.INTERNATIONAL, allowed="8"), IRIDIUM, None),
    (policy(Preset.INTERNATIONAL, Preset.SATELLITE, allowed="8"), IRIDIUM, "satellite"),
    (policy(Preset.SATELLITE), IRIDIUM, "satellite"), (policy(Preset.SATELLITE), "870773123456", "satellite"),
    (policy(Preset.SATELLITE, allowed="8816"), IRIDIUM, None),
    (policy(Preset.PREMIUM), PREMIUM, "premium"), (policy(Preset.PREMIUM), "74951234567", None),
    (policy(Preset.PREMIUM), "449098790000", "premium"), (policy(Preset.PREMIUM), "442079460018", None),
    (policy(Preset.PREMIUM), "34803123456", "premium"),  # by the library
    (policy(Preset.PREMIUM, allowed="78"), PREMIUM, "premium"),
    (policy(Preset.PREMIUM, allowed="780912"), PREMIUM, None),
    (policy(), PREMIUM, None),
])
def test_the_longest_prefix_wins(rules: Policy, number: str, expected: str | None) -> None:
    assert rules.forbids(number, is_international=not number.startswith("7")) == expected


def test_what_the_provider_forbids_no_exception_of_the_domain_allows() -> None:
    wall, own = policy(forbidden="53"), policy(allowed="537123")
    assert Policies(own, wall).forbids(CUBA, is_international=True) == "53"
    assert Policies(policy(forbidden="53"), policy(allowed="53")).forbids(CUBA, is_international=True) == "53"
    assert Policies(own, policy(forbidden="53", allowed="5371")).forbids(CUBA, is_international=True) is None


@pytest.mark.parametrize(("typed", "expected"), [
    ("+53", "53"), ("53", "53"), ("810 53", "53"), ("0053", "53"), ("8809", "7809"), ("8 (809)", "7809"),
    ("+8809", "8809"), ("7809", "7809"), ("8495", "7495"), ("86", "86"), ("852", "852"), ("881", "881"),
    ("8816", "8816"), ("+7-809", "7809"),
])
def test_prefixes_as_people_write_them(typed: str, expected: str) -> None:
    assert read_prefixes(typed) == (expected,)


def test_a_list_keeps_each_prefix_once_in_order() -> None:
    assert read_prefixes("+53\n8-809, 7809;\u00a0+44\r\n\n") == ("44", "53", "7809")
    assert read_prefixes(" \n") == ()
    assert read_prefixes("0044", "DE") == ("44",)
    assert read_prefixes("8809", "DE") == ("8809",)


@pytest.mark.parametrize("wrong", ["abc", "+", "5_3", "٥٣", "1234567890123456", "<script>", "0", "00", "+053", "53*",
                                   "'; DROP TABLE", "5" * 300, "\x00", "810"])
def test_what_is_no_prefix(wrong: str) -> None:
    with pytest.raises(WrongPrefix):
        read_prefixes(wrong)


def test_no_more_than_so_many() -> None:
    with pytest.raises(WrongPrefix):
        read_prefixes("\n".join(f"+4{number:05}" for number in range(501)))


@pytest.mark.parametrize(("number", "expected"), [
    (CUBA, "CU"), ("74951234567", "RU"), ("77271234567", "KZ"), ("76001234567", "KZ"), ("12125551234", "US"),
    ("14165551234", "CA"), (IRIDIUM, "+881"), (PREMIUM, "RU:7809"), ("449098790000", "GB:449"), ("99912345678", "+999"),
])
def test_what_counts_as_one_destination(number: str, expected: str) -> None:
    assert destination_of(number) == expected


def test_plain_numbers_that_a_list_reaches() -> None:
    def reaches(forbidden: str) -> bool:
        return Policies(policy(forbidden=forbidden)).reaches_plain_numbers

    assert [reaches(one) for one in ("7", "74", "7495", "780", "7809", "77", "53", "8")] == [
        True, True, True, False, False, False, False, False]


def test_free_phone_numbers_are_not_at_a_premium() -> None:
    assert [premium_length(number) for number in ("78001234567", "18005551234", "79161234567")] == [0, 0, 0]
