"""The faster output of templates escapes exactly as Jinja does."""

from __future__ import annotations

from decimal import Decimal

import jinja2
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup, escape

from app.web.jinja_speed import to_html

TEXT = st.text(alphabet=st.one_of(st.characters(), st.sampled_from("<>&\"'")), max_size=60)
VALUES = st.one_of(TEXT, TEXT.map(Markup), st.integers(), st.decimals(allow_nan=False), st.booleans(), st.none(),
                   st.lists(TEXT, max_size=3))


class Loud(str):
    """A text with an HTML form of its own."""

    __slots__ = ()

    def __html__(self) -> str:
        return "<b>own</b>"


@given(value=VALUES)
def test_a_value_is_escaped_as_ever(value: object) -> None:
    assert str(to_html(value)) == str(escape(value))


def test_subclasses_of_text_keep_their_own_form() -> None:
    assert to_html(Loud("<i>")) == escape(Loud("<i>"))


@given(value=VALUES, other=TEXT)
def test_a_template_gives_the_same_bytes_as_plain_jinja(value: object, other: str) -> None:
    from app.web.templating import template_config

    source = ("{% macro row(a, b='x') %}<td title=\"{{ b }}\">{{ a }}</td>{{ caller() if caller is defined else '' }}{% endmacro %}"
              "{{ row(value, other) }}{{ row(value) }}{{ value ~ other }}{% for one in [value, other] %}{{ one }}{% endfor %}"
              "{% set block %}{{ other }}{% endset %}{{ block }}{{ other|upper }}")
    ours = template_config().engine_instance.engine
    plain = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    known = {"value": value, "other": other}
    assert ours.from_string(source).render(known) == plain.from_string(source).render(known)


def test_amounts_of_our_filters_stay_escaped() -> None:
    assert str(to_html(Decimal("1.50"))) == "1.50"
