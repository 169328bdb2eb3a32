"""What a user may be called and dialled by."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kernel.errors import InvalidFields
from tenants.users.forms import NewUserForm, RestrictionForm
from tenants.users.rules import (
    NewUser,
    Profile,
    check_new_user,
    check_profile,
    extension_problem,
    extension_warning,
    login_problem,
    next_extension,
    text_problem,
)


def _wrong(**changes: object) -> dict[str, str]:
    with pytest.raises(InvalidFields) as refused:
        check_new_user(NewUser(**({"login": "anna", "display_name": "Anna", "password": "secret1"} | changes)))
    return refused.value.fields


@pytest.mark.req("USR-25")
@pytest.mark.parametrize("name", ["Анна Иванова", "Anna 🎧", "👩‍💻", "O'Brien, \"Jr.\" <x>; DROP TABLE domain_user",
                                  "${SHELL(rm -rf /)}", "x" * 128])
def test_a_name_is_any_text(name: str) -> None:
    assert check_profile(Profile(name)).display_name == name


@pytest.mark.req("USR-25")
@pytest.mark.parametrize("name", ["", "   ", "x" * 129, "x" * 10_000_000, "Anna\r\nexten => _X.,1,System(id)",
                                  "a\x00b", "a\x1b[31mb", "a\u2028b", "abc\u202egnp.exe", "\ud800", "\u200b"])
def test_a_name_is_one_visible_line(name: str) -> None:
    assert "display_name" in _wrong(display_name=name)


@pytest.mark.req("USR-27")
def test_job_title_is_optional_text() -> None:
    assert check_profile(Profile("Anna", position="")).position == ""
    assert check_profile(Profile("Anna", position="  head  of sales ")).position == "head of sales"
    assert "position" in _wrong(position="x" * 129)
    assert "position" in _wrong(position="a\nb")


@pytest.mark.req("USR-26")
@pytest.mark.parametrize("extension", ["123456", "12a", "١٢", "-1", "1.5", "1,2", "112", "${EXTEN}", "1\n2", "*8"])
def test_wrong_extensions(extension: str) -> None:
    assert extension_problem(extension)


@pytest.mark.req("USR-26")
def test_right_extensions_and_the_pickup_number() -> None:
    assert not any(extension_problem(one, "88") for one in ("1", "0", "007", "101", "99999"))
    assert extension_problem("88", "88")


@pytest.mark.req("USR-26")
def test_emergency_extensions_warn() -> None:
    assert all(extension_warning(one) for one in ("101", "102", "103", "104"))
    assert not extension_warning("105")
    assert not extension_problem("101")


@pytest.mark.req("USR-28")
@pytest.mark.parametrize("login", ["", "Ivanov", "123", "...", "иван", "a b", "a@b", "a" * 65, "a;b", "a]b", "a,b",
                                   "${SHELL(id)}", "a\nb", "a\r\n[general]", "ａｎｎａ"])
def test_wrong_logins(login: str) -> None:
    assert login_problem(login)


@pytest.mark.req("USR-28")
@pytest.mark.parametrize("login", ["a", "ivan.ivanov", "i-1", "_x", "a" * 64, "1a"])
def test_right_logins(login: str) -> None:
    assert not login_problem(login)


@pytest.mark.req("USR-32", "ACC-36")
@pytest.mark.parametrize("email", ["anna", "anna@", "@x.example", "a b@x.example", "a@x.example\r\nBcc: b@x.example",
                                   "a@x.example,b@x.example", "x" * 300 + "@x.example"])
def test_wrong_addresses(email: str) -> None:
    assert "email" in _wrong(email=email)


@pytest.mark.req("USR-32")
def test_right_addresses() -> None:
    assert check_profile(Profile("Anna", email="")).email == ""
    assert check_profile(Profile("Anna", email=" anna@company.example ")).email == "anna@company.example"
    assert check_profile(Profile("Anna", email="a@почта.рф")).email == "a@xn--80a1acny.xn--p1ai"


@pytest.mark.req("USR-33")
def test_credentials_need_an_address() -> None:
    assert "email" in _wrong(send_credentials=True)


def test_every_error_at_once() -> None:
    assert _wrong(login="", display_name="", extension="x", email="x").keys() == {
        "login", "display_name", "extension", "email"}


@pytest.mark.req("USR-31", "USR-29")
def test_form_tells_all_that_is_wrong() -> None:
    form = NewUserForm(display_name="", login="anna", password="abcdef", password_repeat="other1")
    with pytest.raises(InvalidFields) as refused:
        form.command(has_groups=True)
    assert refused.value.fields.keys() == {"display_name", "password", "password_repeat", "groups"}


@pytest.mark.req("USR-26")
def test_the_proposed_extension_counts_as_automatic() -> None:
    form = NewUserForm(display_name="Anna", login="anna", password="secret1", password_repeat="secret1")
    assert form.model_copy(update={"extension": "105", "proposed": "105"}).command(has_groups=False).extension == ""
    assert form.model_copy(update={"extension": "200", "proposed": "105"}).command(has_groups=False).extension == "200"


@pytest.mark.req("USR-84")
def test_four_restrictions_and_the_domains() -> None:
    assert RestrictionForm(restriction="domain").command() is None
    assert RestrictionForm(restriction="internal_only").command() is not None
    with pytest.raises(InvalidFields):
        RestrictionForm(restriction="everything").command()


@pytest.mark.req("USR-26")
def test_next_extension_follows_the_highest_automatic_one() -> None:
    assert next_extension(12346, set()) == "12347"
    assert next_extension(12346, {"12347"}) == "12348"
    assert next_extension(100, set()) == "105"  # 101-104 and 112 only on request
    assert next_extension(110, {"111"}) == "113"
    assert next_extension(110, set(), pickup_number="111") == "113"
    assert next_extension(99_999, {"105"}) == "106"
    assert next_extension(99_999, {str(n) for n in range(100_000)}) is None


@given(last=st.integers(100, 99_999), taken=st.sets(st.integers(1, 99_999).map(str), max_size=40))
def test_next_extension_is_free_and_allowed(last: int, taken: set[str]) -> None:
    found = next_extension(last, taken, "88")
    assert found is not None
    assert found not in taken
    assert not extension_problem(found, "88")
    assert not extension_warning(found)


@given(st.text())
def test_kept_text_is_one_line(text: str) -> None:
    if not text_problem(text, 128):
        assert len(text.splitlines()) <= 1
        text.encode()
