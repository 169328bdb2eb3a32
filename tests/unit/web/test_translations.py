"""Nothing a Russian reader sees is left in English, and no translation loses or invents a value."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from markupsafe import Markup

from app.kernel import i18n
from app.web.templating import badge

_VALUE = re.compile(r"%\((\w+)\)[sd]|\{(\w*)\}")


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], Catalog]:
    """What lacks a translation and the compiled Russian texts, made from a copy of the catalogues."""
    folder: Path = tmp_path_factory.mktemp("locales")
    shutil.copytree(i18n.LOCALES_DIR, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.mo"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(i18n, "LOCALES_DIR", folder)
        missing = i18n.extract_messages()
        i18n.compile_catalogues()
    i18n._catalogue.cache_clear()
    with (folder / "ru/LC_MESSAGES/messages.mo").open("rb") as stream:
        return missing, read_mo(stream)


def test_every_text_of_the_code_is_translated(catalogue: tuple[list[str], Catalog]) -> None:
    assert catalogue[0] == []


def test_translations_keep_the_values_of_the_original(catalogue: tuple[list[str], Catalog]) -> None:
    wrong = []
    for message in catalogue[1]:
        originals = message.id if isinstance(message.id, (tuple, list)) else (message.id,)
        texts = message.string if isinstance(message.string, (tuple, list)) else (message.string,)
        wanted = {value for original in originals for value in _values(original)}
        if message.id:
            wrong += [text for text in texts if _values(text) != wanted]
    assert wrong == []


def test_plural_forms_are_all_there(catalogue: tuple[list[str], Catalog]) -> None:
    plurals = [message for message in catalogue[1] if isinstance(message.id, (tuple, list))]
    assert plurals
    assert [message.id for message in plurals if len(message.string) != 3 or not all(message.string)] == []


@pytest.mark.parametrize("part", sorted((i18n.LOCALES_DIR / "parts").glob("*.ru.po")), ids=lambda path: path.stem)
def test_no_part_contradicts_the_common_file(part: Path) -> None:
    """The common file wins: a correction made in a part alone would never be seen."""
    with (i18n.LOCALES_DIR / "ru/LC_MESSAGES/messages.po").open("rb") as stream:
        common = read_po(stream, locale="ru")
    with part.open("rb") as stream:
        own = read_po(stream, locale="ru")
    differing = [message.id for message in own
                 if message.id and (known := common.get(message.id)) and known.string != message.string]
    assert differing == []


def test_a_badge_speaks_the_language_of_each_reader() -> None:
    word = i18n.lazy("Wrong number")
    with i18n.speaking("en"):
        english = badge(word)
    with i18n.speaking("ru"):
        russian = badge(word)
    assert "Wrong number" in english
    assert "Неверный номер" in russian
    assert "&lt;b&gt;" in badge("<b>")
    assert "<b>" in badge(Markup("<b>"))


def _values(text: str) -> set[str]:
    return {first or second for first, second in _VALUE.findall(text)}
