"""A list's address is text from anybody: what is read of it is safe and stable."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kernel.i18n import speaking
from app.web.lists import MAX_OFFSET, Column, Filter, ListQuery, Page

COLUMNS = (Column("name", "Name", sort="u.name"), Column("spent", "Spent", sort="spent"), Column("phone", "Phone"))
FILTERS = (Filter("department", "Department", {"sales": "Sales", "support": "Support"}),
           Filter("from", "From", kind="date"))


def parse(**params: str) -> ListQuery:
    return ListQuery.parse(params, columns=COLUMNS, filters=FILTERS, default_sort="name", path="/users")


def test_defaults():
    query = parse()
    assert (query.search, query.sort, query.descending, query.offset, query.filters) == ("", "name", False, 0, {})
    assert query.order_by("u.id") == "u.name ASC NULLS LAST, u.id"
    assert query.like() is None


def test_order_is_made_of_our_own_expressions():
    assert parse(sort="-spent").order_by("u.id") == "spent DESC NULLS LAST, u.id"
    for wrong in ("phone", "u.name; DROP TABLE x", "--", "-", "id", "name desc"):
        assert parse(sort=wrong).order_by("u.id") == "u.name ASC NULLS LAST, u.id"


def test_search_is_a_substring_not_a_pattern():
    assert parse(q=" 50%_\\ ").like() == r"%50\%\_\\%"
    assert parse(q="a\x00b").search == "ab"
    assert len(parse(q="я" * 5000).search) == 200


def test_filters_accept_only_known_values():
    assert parse(department="sales").value("department") == "sales"
    assert parse(department="x' OR 1=1").filters == {}
    assert parse(nothing="1").filters == {}


@pytest.mark.parametrize("text", ["-1", "1e3", "٣", "", "9" * 30, "1.5", "0x10"])
def test_broken_offsets_are_zero(text: str):
    assert parse(offset=text).offset == 0


def test_offset_has_a_ceiling():
    assert parse(offset="999999999").offset == MAX_OFFSET


def test_address_keeps_state_and_drops_what_is_empty():
    query = parse(q="анна", department="sales", sort="-spent", offset="50")
    assert query.url() == "/users?q=%D0%B0%D0%BD%D0%BD%D0%B0&sort=-spent&department=sales"
    assert query.url(q=None, department=()) == "/users?sort=-spent"
    assert query.chips() == [("Department", "Sales", "/users?q=%D0%B0%D0%BD%D0%BD%D0%B0&sort=-spent")]


def test_second_click_turns_the_order():
    assert "sort=-name" in parse().sort_url(COLUMNS[0])
    assert "sort=name" in parse(sort="-name").sort_url(COLUMNS[0])


def test_page_knows_what_is_next():
    page = Page(list(range(50)), 105, parse(offset="50"))
    assert (page.shown, page.next_offset, page.next_url) == (100, 100, "/users?sort=name&offset=100")
    assert Page(list(range(5)), 105, parse(offset="100")).next_url == ""
    assert Page([], 0, parse()).next_offset is None


@given(st.dictionaries(st.sampled_from(["q", "sort", "offset", "department", "from", "x"]), st.text(), max_size=6))
def test_any_address_opens_and_reads_back_the_same(params: dict[str, str]):
    query = parse(**params)
    again = parse(q=query.search, sort=("-" if query.descending else "") + query.sort,
                  **{key: values[0] for key, values in query.filters.items()})
    assert (again.search, again.sort, again.filters) == (query.search, query.sort, query.filters)


def test_a_day_of_the_address_is_a_day() -> None:
    day = Filter("from", "From", kind="date")
    assert [day.accept([text]) for text in ("2026-11-01", "9999-99-99", "20261101", "1.11.2026", "x")] == [
        ("2026-11-01",), (), (), (), ()]
    query = ListQuery.parse({"from": "2026-11-01"}, columns=(), filters=(day,))
    with speaking("ru", "UTC"):
        assert [(label, value) for label, value, _url in query.chips()] == [("From", "01.11.2026")]
