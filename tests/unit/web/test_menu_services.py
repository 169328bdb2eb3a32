"""Entries of paid services are there where the plan contains the service."""

from __future__ import annotations

import pytest

from app.kernel.i18n import lazy
from app.web import menu
from app.web.menu import MenuItem


@pytest.fixture
def entry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(menu._items, "domain", [])
    menu.register("domain", MenuItem("services", lazy("Call recording"), "/recording", service="recording"))


@pytest.mark.usefixtures("entry")
def test_an_entry_needs_its_service_in_the_plan() -> None:
    assert menu.entries("domain", "/", allowed=(), counters={}, services={"speech"}) == []
    (section,) = menu.entries("domain", "/", allowed=(), counters={}, services={"recording"})
    assert [child.url for child in section.children] == ["/recording"]
