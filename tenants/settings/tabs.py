"""The tabs of "PBX administration and settings"; features register theirs when they are imported [SET-01]."""

from __future__ import annotations

from dataclasses import dataclass

from app.kernel.i18n import LazyText, lazy


@dataclass(frozen=True, slots=True)
class Tab:
    """`path` is an address of its own, `/settings` for the first."""

    label: LazyText
    path: str
    order: int


BASE = "/settings"
_tabs = [Tab(lazy("General settings"), BASE, 0)]


def register_tab(tab: Tab) -> None:
    """The same path twice keeps the first."""
    if all(one.path != tab.path for one in _tabs):
        _tabs.append(tab)


def tabs() -> list[tuple[LazyText, str]]:
    """(label, address) in order, as `parts.tabs` takes them."""
    return [(tab.label, tab.path) for tab in sorted(_tabs, key=lambda one: one.order)]
