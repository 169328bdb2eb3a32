"""Every template of the product compiles, and every icon and asset that one names exists."""

from __future__ import annotations

import re

import pytest

from app.web import menu
from app.web.assets import ICONS
from app.web.menu import MenuItem
from app.web.templating import make_environment

ENVIRONMENT = make_environment()
TEMPLATES = sorted(name for name in ENVIRONMENT.list_templates() if name.endswith((".html", ".txt")))


@pytest.mark.parametrize("name", TEMPLATES)
def test_template(name: str):
    source, _path, _fresh = ENVIRONMENT.loader.get_source(ENVIRONMENT, name)  # type: ignore[union-attr]
    ENVIRONMENT.get_template(name)
    used = re.findall(r'icon\("([a-z0-9-]+)"', source)
    assert not [one for one in used if one not in ICONS]
    assert not re.search(r"<script(?![^>]*\ssrc=)|\sstyle=\"|\son[a-z]+=\"", source), "the content policy blocks it"


@pytest.mark.req("ACC-15", "ACC-17")
def test_menu_shows_what_exists_and_is_allowed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(menu, "_items", {shell: [] for shell in menu.SHELLS})
    menu.register("pool", MenuItem("", menu.lazy("A"), "/a", permission="see", counter_key="n", order=2),
                  MenuItem("", menu.lazy("B"), "/b", order=1))
    lines = menu.entries("pool", "/a/5", allowed={"see"}, counters={"n": "7"})
    shown = [(str(line.label), line.counter, line.is_current) for line in lines]
    assert shown == [("B", "", False), ("A", "7", True)]
    assert [line.url for line in menu.entries("pool", "/", allowed=(), counters={})] == ["/b"]
    with pytest.raises(ValueError, match="no section"):
        menu.register("pool", MenuItem("nowhere", menu.lazy("C"), "/c"))
