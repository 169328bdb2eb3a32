"""Letters: built-in texts in both languages, the provider's own text, and what a text may not do."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.kernel import letters
from app.kernel.letters import REGISTRY, written, wrong_in
from app.kernel.money import Money

CREDENTIALS = REGISTRY["credentials"]


@pytest.mark.parametrize("locale", ["ru", "en"])
@pytest.mark.parametrize("key", sorted(REGISTRY))
def test_every_built_in_text_is_sound_in_both_languages(key: str, locale: str) -> None:
    known = REGISTRY[key]
    subject, body = known.built_in(locale)
    assert wrong_in(known, subject) == ""
    assert wrong_in(known, body) == ""
    said = written(known, locale, "Europe/Moscow", None, known.sample)
    assert said[0]
    assert "{" not in said[0] + said[1]
    assert "%" not in said[0] + said[1]
    if locale == "ru":
        assert known.built_in("en") != known.built_in("ru")


@pytest.mark.req("ACC-10")
def test_the_credentials_name_address_domain_login_and_password() -> None:
    _subject, body = written(CREDENTIALS, "ru", None, None, CREDENTIALS.sample)
    assert all(str(CREDENTIALS.sample[name]) in body for name in ("url", "domain", "login", "password"))


def test_values_are_written_as_the_reader_writes_them() -> None:
    facts = {"domain": "d.example", "moment": datetime(2026, 4, 21, 13, 2, tzinfo=UTC), "amount": Money.parse("1500"),
             "balance": Money.parse("-3.5"), "missing": Money.zero()}
    _subject, body = written(REGISTRY["promised_due"], "ru", "Europe/Moscow", None, facts)
    assert "21.04.2026 16:02" in body
    assert "1 500,00 ₽" in body.replace("\u00a0", " ")
    assert "не хватает" not in body


@pytest.mark.parametrize("text", [
    "{{ secret }}", "{{ name", "{% for x in name %}x{% endfor %}", "{{ name.__class__ }}", "{{ name()}}",
    "{{ ''.__class__.__mro__ }}", "{% set a = 1 %}", "{{ 'a' * 999999999 }}", "{{ name|upper }}", "{% include 'x' %}",
    "{{ self }}", "{{ range(10) }}", "{{ 10 ** 10 ** 10 }}", "{% if name %}", "{{ name[0] }}",
    "{% if name %}" * 1500 + "{% endif %}" * 1500,
], ids=range(16))
def test_a_text_that_is_wrong_or_reaches_further_is_refused(text: str) -> None:
    assert wrong_in(CREDENTIALS, text)


def test_conditions_are_possible() -> None:
    assert wrong_in(CREDENTIALS, "{% if name and login != 'x' %}{{ name }}{% else %}-{% endif %}") == ""


def test_the_providers_text_holds_and_a_broken_one_does_not_stop_the_letter() -> None:
    own = ("Hi {{ name }}\nsecond line", "Password {{ password }}")
    assert written(CREDENTIALS, "en", None, own, CREDENTIALS.sample) == ("Hi Anna Petrova second line",
                                                                      "Password Example1")
    broken = ("{{ gone }}", "x")
    assert written(CREDENTIALS, "en", None, broken, CREDENTIALS.sample)[0] == "Your access to the telephone system"


def test_values_are_not_read_as_templates_nor_as_further_headers() -> None:
    facts = {**CREDENTIALS.sample, "name": "{{ password }}\r\nBcc: x@example.org"}
    subject, body = written(CREDENTIALS, "en", None, ("For {{ name }}", "{{ name }}"), facts)
    assert subject == "For {{ password }} Bcc: x@example.org"
    assert body.startswith("{{ password }}")


@pytest.mark.anyio
async def test_a_fact_too_few_is_a_defect_found_at_once() -> None:
    with pytest.raises(TypeError, match="takes"):
        await letters.queue(None, "credentials", "a@b.example", "ru", name="x")  # type: ignore[arg-type]
