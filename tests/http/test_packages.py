"""What is left of the minute package: in the header and in the state of the account."""

from __future__ import annotations

import pytest

from app.kernel.db import platform_transaction
from tests.db.factories import STAFF, a_domain, a_tariff
from tests.http.browser import Browser
from tests.http.people import a_user

pytestmark = pytest.mark.anyio


async def pages(client: Browser, included: int) -> tuple[str, str]:
    """Start page and state of the account of a domain with 3569 min 40 s left."""
    actor = await a_domain(tariff_id=await a_tariff(included_minutes=included))
    async with platform_transaction(STAFF) as tx:
        await tx.execute("UPDATE account SET package_seconds_left = $2 WHERE domain_id = $1", actor.domain_id,
                         3569 * 60 + 40 if included else 0)
    admin = await a_user(actor, is_admin=True)
    await client.sign_in(admin.login, admin.domain)
    return (await client.get("/")).text, (await client.get("/finance")).text


@pytest.mark.req("ACC-22", "FIN-15")
async def test_minutes_left_are_shown_where_the_tariff_has_a_package(client: Browser) -> None:
    client.headers["Accept-Language"] = "ru"
    start, state = await pages(client, 4_000)
    assert "3 569" in start.replace("\u00a0", " ").replace("\u202f", " ")
    assert "Остаток пакета минут" in state
    assert "3569 мин 40 сек" in state


@pytest.mark.req("ACC-22", "FIN-15")
async def test_without_a_package_there_is_no_such_fact(client: Browser) -> None:
    start, state = await pages(client, 0)
    assert "Minutes left" not in start
    assert "Remaining minute package" not in state
    assert "Minute counters" not in state
