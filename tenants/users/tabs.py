"""The tabs of a user's page and of one's own page; features register theirs when they are imported."""

from __future__ import annotations

from dataclasses import dataclass

from app.kernel.i18n import LazyText, lazy


@dataclass(frozen=True, slots=True)
class Tab:
    """`path` follows `/users/<id>` or `/me`; "" is the first tab."""

    label: LazyText
    path: str
    order: int


CARD = "card"  # what an administrator sees of a user [USR-53]
OWN = "own"  # what everybody sees of themselves [ACC-26]
_tabs: dict[str, list[Tab]] = {CARD: [Tab(lazy("Main"), "", 0)], OWN: [Tab(lazy("Main"), "", 0),
                                                                          Tab(lazy("Security"), "/security", 50)]}


def register_tab(page: str, tab: Tab) -> None:
    """The same path twice keeps the first."""
    if all(one.path != tab.path for one in _tabs[page]):
        _tabs[page].append(tab)


def tabs_of(page: str, base: str) -> list[tuple[LazyText, str]]:
    """(label, address) in order, as `parts.tabs` takes them; `base` is "/me" or "/users/7"."""
    return [(tab.label, base + tab.path) for tab in sorted(_tabs[page], key=lambda one: one.order)]
