"""The side menus: features register their entries, the shells show what exists and is allowed."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from app.kernel.i18n import LazyText, lazy

SHELLS = ("domain", "pool", "provider")


@dataclass(frozen=True, slots=True)
class MenuSection:
    """A heading that folds. An entry without a section stands alone."""

    key: str
    label: LazyText
    icon: str
    order: int
    counter_key: str = ""


@dataclass(frozen=True, slots=True)
class MenuItem:
    """`permission` is compared with the viewer's permissions by its value; "" is for everybody.

    `counter_key` names a value of `ShellFacts.counters`. `order` sorts within the section, and among
    sections for an entry without one.
    """

    section: str
    label: LazyText
    url: str
    icon: str = "point"
    permission: object = ""
    counter_key: str = ""
    order: int = 100
    service: str = ""  # hidden where the tariff plan does not contain this paid service [GEN-D5]
    is_last_resort: bool = False  # shown to whoever would see nothing else


# Order and names of the domain's menu [ACC-16]
SECTIONS: dict[str, tuple[MenuSection, ...]] = {
    "domain": (
        MenuSection("groups", lazy("Call handling groups"), "headset", 300, "groups"),
        MenuSection("numbers", lazy("Numbers and routing"), "route", 400, "main_number"),
        MenuSection("services", lazy("Service management"), "apps", 500),
        MenuSection("history", lazy("Call and action history"), "history", 600),
        MenuSection("settings", lazy("Administration and settings"), "settings", 800),
    ),
    "pool": (),
    "provider": (
        MenuSection("customers", lazy("Customers"), "building", 200),
        MenuSection("money", lazy("Money"), "cash", 300),
        MenuSection("network", lazy("Network"), "network", 400),
        MenuSection("system", lazy("System"), "server", 900),
    ),
}
_items: dict[str, list[MenuItem]] = {shell: [] for shell in SHELLS}


@dataclass(frozen=True, slots=True)
class MenuEntry:
    """One line as drawn; a section has `children`."""

    label: LazyText
    icon: str
    url: str
    counter: str
    is_current: bool
    children: tuple[MenuEntry, ...] = ()


def register(shell: str, *items: MenuItem) -> None:
    """Called at import by a feature's `pages.py`. The same address twice keeps the first entry."""
    known = _items[shell]
    for item in items:
        if item.section and all(section.key != item.section for section in SECTIONS[shell]):
            raise ValueError(f"no section {item.section!r} in the menu {shell!r}")
        if all(item.url != one.url for one in known):
            known.append(item)


def has(shell: str, url: str) -> bool:
    """Whether a feature has registered this address."""
    return any(item.url == url for item in _items[shell])


def entries(shell: str, path: str, *, allowed: Collection[str] | Callable[[object], bool],
            counters: dict[str, str], services: Collection[str] = ()) -> list[MenuEntry]:
    """What this viewer sees at `path`: the entry with the longest matching address is current.

    Args:
        services: paid services of the plan; an entry that belongs to another one is not shown.
    """
    may = allowed if callable(allowed) else _permission_in(allowed)
    items = [item for item in _items[shell] if (not item.permission or may(item.permission))
             and (not item.service or item.service in services)]
    items = [item for item in items if not item.is_last_resort] or items
    current = _current(items, path)
    lines: list[tuple[int, MenuEntry]] = []
    for item in items:
        if not item.section:
            lines.append((item.order, _entry(item, current, counters)))
    for section in SECTIONS[shell]:
        inside = sorted((item for item in items if item.section == section.key), key=lambda one: one.order)
        if inside:
            children = tuple(_entry(item, current, counters) for item in inside)
            lines.append((section.order, MenuEntry(
                section.label, section.icon, "", counters.get(section.counter_key, ""),
                any(child.is_current for child in children), children)))
    return [line for _order, line in sorted(lines, key=lambda pair: pair[0])]


def _permission_in(allowed: Collection[str]) -> Callable[[object], bool]:
    names = {str(getattr(one, "value", one)) for one in allowed}
    return lambda permission: str(getattr(permission, "value", permission)) in names


def _entry(item: MenuItem, current: str, counters: dict[str, str]) -> MenuEntry:
    return MenuEntry(item.label, item.icon, item.url, counters.get(item.counter_key, ""), item.url == current)


def _current(items: list[MenuItem], path: str) -> str:
    found = [item.url for item in items
             if path == item.url or (item.url != "/" and path.startswith(item.url.rstrip("/") + "/"))]
    return max(found, key=len, default="")
