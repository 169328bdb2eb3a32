"""The gallery beside the real panel in one process: it brings a frame and a menu of its own, which must not stay."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module, reload
from typing import Any
from unittest.mock import AsyncMock, patch

NAME = "app.web.gallery"


@contextmanager
def the_gallery() -> Iterator[Any]:
    """Its application; afterwards shells and menus are as they were. It runs on a loop of its own, so it must not
    touch the database of the tests, which belongs to theirs."""
    from app.kernel import announcements
    from app.web import menu, shell

    kept = [(place, dict(place)) for place in (shell._loaders, shell._inside)]
    items = {name: list(lines) for name, lines in menu._items.items()}
    try:
        with patch.object(announcements, "current", AsyncMock(return_value=None)):
            yield (reload(sys.modules[NAME]) if NAME in sys.modules else import_module(NAME)).app
    finally:
        for place, before in kept:
            place.clear()
            place.update(before)
        menu._items.update(items)
