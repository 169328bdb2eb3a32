"""The whole panel in this process, and browsers that talk to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.http.browser import Browser


@pytest.fixture(scope="session")
async def web(database: None) -> AsyncIterator[Any]:
    """The application inside its lifespan, with two routes that only look at who is asking."""
    from app.asgi import create_app
    from tests.http.probes import PROBES

    application = create_app()
    for probe in PROBES:
        application.register(probe)
    async with application.lifespan():
        yield application


@pytest.fixture
async def client(web: Any) -> AsyncIterator[Browser]:
    """A browser with an address of its own and no cookies."""
    async with Browser(web) as browser:
        yield browser


@pytest.fixture
async def other_client(web: Any) -> AsyncIterator[Browser]:
    """Somebody else's browser."""
    async with Browser(web) as browser:
        yield browser
