"""Forms: the browser's strings become values, and every mistake gets words."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest
from litestar.datastructures import FormMultiDict
from pydantic import Field, field_validator

from app.kernel.errors import InvalidFields
from app.kernel.i18n import speaking
from app.web.forms import FormModel, parse_form


class Form(FormModel):
    name: Annotated[str, Field(min_length=1, max_length=5)]
    number: Annotated[int, Field(ge=1, le=100)] = 1
    limit: Annotated[Decimal | None, Field(ge=0, decimal_places=2)] = None
    on: date | None = None
    kind: Literal["a", "b"] = "a"
    is_open: bool
    groups: tuple[int, ...] = ()

    @field_validator("name")
    @classmethod
    def no_root(cls, value: str) -> str:
        if value == "root":
            raise ValueError("Not root")
        return value


def wrong(data: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(InvalidFields) as caught:
        parse_form(Form, data)
    return caught.value.fields


def test_values_are_read_as_people_type_them():
    form = parse_form(Form, {"name": " Анна ", "limit": "1 000,50", "on": "", "is_open": "on", "csrf_token": "x"})
    assert (form.name, form.limit, form.on, form.is_open) == ("Анна", Decimal("1000.50"), None, True)


def test_absent_checkbox_is_off():
    assert parse_form(Form, {"name": "a"}).is_open is False


def test_many_values():
    data = FormMultiDict([("name", "a"), ("groups", "3"), ("groups", "7")])
    assert parse_form(Form, data).groups == (3, 7)


def test_all_mistakes_at_once():
    fields = wrong({"name": "", "number": "x", "limit": "1.234", "on": "31.31", "kind": "c", "other": "1"})
    assert fields == {
        "name": "Fill in this field.", "number": "Enter a whole number.",
        "limit": "At most 2 digits after the point.", "on": "Enter a date.",
        "kind": "Choose one of the listed values.", "other": "This field is not known here."}


def test_dates_as_written_in_both_languages():
    assert parse_form(Form, {"name": "a", "on": "21.11.2026"}).on == date(2026, 11, 21)
    assert parse_form(Form, {"name": "a", "on": "2026-11-21"}).on == date(2026, 11, 21)
    assert wrong({"name": "a", "on": "1700000000"}) == {"on": "Enter a date."}


def test_limits_and_own_texts():
    assert wrong({"name": "root"}) == {"name": "Not root"}
    assert wrong({"name": "a" * 6}) == {"name": "At most 5 characters."}
    assert wrong({"name": "a", "number": "0"}) == {"number": "Must be at least 1."}
    assert wrong({"name": "a", "number": "101"}) == {"number": "Must be at most 100."}
    assert wrong({"name": "a", "groups": ["1", "x"]}) == {"groups": "Enter a whole number."}


def test_huge_and_odd_input_ends_in_words():
    assert wrong({"name": "я" * 10_000_000}) == {"name": "At most 5 characters."}
    assert wrong({"name": "a", "number": "9" * 5000})["number"]
    assert parse_form(Form, {"name": "a\x00b"}).name == "ab"


def test_russian_texts():
    with speaking("ru"):
        assert wrong({"name": "a" * 6}) == {"name": "Не больше 5 символов."}
