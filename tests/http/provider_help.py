"""The provider's console for tests: a signed-in member of the staff."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.kernel.db import platform_transaction
from tests.db.factories import STAFF
from tests.http.browser import Browser
from tests.http.people import Someone, a_staff_member


@dataclass
class Console:
    """A signed-in member of the staff."""

    browser: Browser
    token: str
    staff: Someone

    async def get(self, path: str, **headers: str) -> Any:
        return await self.browser.get(path, headers=headers)

    async def post(self, path: str, files: Any = None, **data: Any) -> Any:
        return await self.browser.post(path, data=data, files=files,
                                       headers={"x-csrf-token": self.token, "hx-request": "true"})


async def a_console(client: Browser, role: str = "administrator") -> Console:
    staff = await a_staff_member(role)
    await client.sign_in_at("/provider", staff.login)
    return Console(client, await client.csrf("/provider"), staff)


async def value(sql: str, *args: object) -> Any:
    """One value, read over all domains."""
    async with platform_transaction(STAFF) as tx:
        return await tx.fetchval(sql, *args)


async def told(action: str, object_name: str) -> dict[str, list]:
    """What the newest line of the history says about an object."""
    return await value("SELECT changes FROM action_history WHERE action = $1 AND object_name = $2 "
                       "ORDER BY id DESC LIMIT 1", action, object_name)
