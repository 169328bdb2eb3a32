"""Long files: who waits for one holds no database connection, and nobody takes every place."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest

from app.kernel.actors import Actor, ActorKind
from app.web.turns import AT_ONCE, MOST_WAITING, turn
from tests.http.browser import Browser
from tests.http.people import a_user

pytestmark = pytest.mark.anyio


async def test_waiting_for_a_file_keeps_no_page_from_others(web: Any, client: Browser, other_client: Browser) -> None:
    """More files are asked for than the process has database connections, while every place is taken."""
    admin, neighbour = await a_user(is_admin=True), await a_user(is_admin=True)
    await client.sign_in(admin.login, admin.domain)
    await other_client.sign_in(neighbour.login, neighbour.domain)
    async with AsyncExitStack() as taken:
        for number in range(AT_ONCE):
            await taken.enter_async_context(turn(Actor(ActorKind.STAFF, -1 - number, "x", "x")))
        addresses = ("/finance/ledger/export", "/finance/payments/export", "/history/actions/export",
                     "/finance/statement/file?month=2026-11&format=xlsx")
        asked = [asyncio.create_task(client.get(addresses[number % 4])) for number in range(12)]
        page = await asyncio.wait_for(other_client.get("/finance"), 10)
        assert page.status_code == 200
        first = asyncio.as_completed(asked, timeout=10)
        refused = [await next(first) for _each in range(len(asked) - MOST_WAITING)]
        assert {one.status_code for one in refused} == {429}
    answers = [one.status_code for one in await asyncio.gather(*asked)]
    assert (answers.count(200), answers.count(429)) == (MOST_WAITING, len(asked) - MOST_WAITING)
