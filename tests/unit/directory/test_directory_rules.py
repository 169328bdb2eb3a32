"""Numbers, names and speed dials of contacts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kernel.errors import InvalidFields
from tenants.directory.rules import (
    COMPANY,
    Book,
    ContactData,
    Number,
    WrongNumber,
    check_contact,
    free_speed_dials,
    group_name_problem,
    stored_number,
)


@pytest.mark.req("ABK-03", "ABK-05")
@pytest.mark.parametrize(("typed", "stored"), [
    ("+7 (495) 111-22-33", "+74951112233"), ("84951112233", "+74951112233"), ("7 495 1112233", "+74951112233"),
    ("4951112233", "+74951112233"), ("+442079460018", "+442079460018"), ("+49 30 123456", "+4930123456"),
    ("101", "101"), ("00101", "00101"), ("112", "112"),
])
def test_numbers_as_people_write_them(typed: str, stored: str) -> None:
    for kind in ("work", "ip"):
        assert stored_number(typed, kind) == stored


@pytest.mark.parametrize("typed", [
    "+7495111223", "+749511122334", "123456", "123456789", "94951112233", "810442079460018", "+0123456789",
    "+9991234567", "+1234567", "+1234567890123456", "abc", "", "+", "ivanov", "sip:a@b.example", "８４９５１１１２２３３",
    "8495111223${EXTEN}", "495111\n2233",
])
def test_anything_else_is_malformed(typed: str) -> None:
    with pytest.raises(WrongNumber):
        stored_number(typed, "work")


def test_an_ip_phone_may_be_a_login_or_a_sip_address() -> None:
    assert stored_number("Ivanov", "ip") == "ivanov"
    assert stored_number("SIP:Anna@PBX.Example:5061", "ip") == "sip:Anna@pbx.example:5061"
    assert stored_number("anna@pbx.example", "ip") == "sip:anna@pbx.example"
    for bad in ("sip:a b@c", "a@b@c", "sip:a@b;x=1", "sip:a@b&PJSIP/t1", "<script>", "...", "a" * 65):
        with pytest.raises(WrongNumber):
            stored_number(bad, "ip")


@given(st.text(max_size=30), st.sampled_from(["ip", "work"]))
def test_what_is_stored_is_harmless_and_stays_as_it_is(typed: str, kind: str) -> None:
    try:
        stored = stored_number(typed, kind)
    except WrongNumber:
        return
    assert stored.isascii()
    assert not set(stored) & set("\"'<>;,$|{}()\\ \r\n&=?%#")
    assert stored_number(stored, kind) == stored


@pytest.mark.req("ABK-05")
def test_t37_the_smallest_free_speed_dial_is_no_feature_code() -> None:
    assert next(free_speed_dials([str(n) for n in range(1, 8)], {"*8"})) == "9"
    assert next(free_speed_dials(["05", "1", "3"], ())) == "2"
    assert next(free_speed_dials(["1", "2", "3", "4", "05"], ())) == "5"
    assert next(free_speed_dials({str(n) for n in range(1, 100_000)}, ()), None) is None


def errors(contact: ContactData, book: Book = COMPANY, codes: tuple[str, ...] = ()) -> set[str]:
    with pytest.raises(InvalidFields) as refused:
        check_contact(contact, book, codes)
    return set(refused.value.fields)


@pytest.mark.req("ABK-03", "ABK-04", "ACC-70")
def test_t25_t4_speed_dials_are_one_to_five_digits_and_no_feature_codes() -> None:
    number = (Number("work", "101"),)
    for bad in ("123456", "1a", "-1", "*5", "１"):
        assert errors(ContactData("Anna", number, speed_dial=bad)) == {"speed_dial"}
    assert errors(ContactData("Anna", number, speed_dial="8"), codes=("*8",)) == {"speed_dial"}
    assert check_contact(ContactData("Anna", number, speed_dial="08"), COMPANY, ("*8",)).speed_dial == "08"


def test_every_error_is_told_at_once() -> None:
    bad = ContactData("", (Number("work", "101"), Number("work", "x")), email="x", position="p" * 129, speed_dial="a")
    assert errors(bad) == {"name", "email", "position", "speed_dial", "number-1"}
    assert errors(ContactData("n" * 129, ())) == {"name", "number-0"}
    assert errors(ContactData("Anna", (Number("fax", "101"),))) == {"number-0"}


@pytest.mark.req("ACC-70")
def test_a_personal_contact_needs_a_speed_dial_and_has_no_other_numbers() -> None:
    assert errors(ContactData("Anna", (Number("work", "101"),)), Book(7)) == {"speed_dial"}
    assert errors(ContactData("Anna", (Number("other", "101"),), speed_dial="1"), Book(7)) == {"number-0"}


@pytest.mark.req("ABK-02")
def test_group_names() -> None:
    for bad in ("", "g" * 65, "a\nb", "Контакты вне групп", "contacts outside groups"):
        assert group_name_problem(bad)
    assert group_name_problem("Важные клиенты") == ""
