"""The reconciliation in the console: runs, differences, the warning on every page until somebody looks after it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from app.kernel.db import platform_transaction
from tests.db.factories import STAFF, a_domain, domain_name
from tests.http.browser import Browser
from tests.http.provider_help import a_console, value

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("web")]


@pytest.fixture
async def run() -> AsyncIterator[tuple[int, str]]:
    """A run with one difference, and the domain's name."""
    actor = await a_domain()
    async with platform_transaction(STAFF) as tx:
        run_id = await tx.fetchval(
            "INSERT INTO books_run (mode, started_at, finished_at, domains, postings, differences, totals) VALUES "
            "('full', now(), now() + interval '1500 ms', 3, 4000, 1, '{\"domain\": \"10.00\", \"revenue\": \"-10.00\"}') "
            "RETURNING id")
        await tx.execute("INSERT INTO books_difference VALUES ($1, $2, 'call', '77', '-3.00', 'no posting')", run_id,
                         actor.domain_id)
    yield run_id, await domain_name(actor)
    await value("DELETE FROM books_run WHERE id = $1 RETURNING id", run_id)


async def test_a_difference_warns_on_every_page_until_it_is_acknowledged(
        client: Browser, other_client: Browser, run: tuple[int, str]) -> None:
    run_id, name = run
    console, support = await a_console(client, "billing"), await a_console(other_client, "support")
    for path in ("/provider", "/provider/payments", "/provider/domains"):
        assert "The books do not agree: 1 difference" in (await support.get(path)).text
    assert "Differences: 1" in (await support.get("/provider/books")).text
    page = (await console.get(f"/provider/books/{run_id}")).text
    for text in (name, "Cost of a call and its operation", "no operation", "-3.00", "4,000", "10.00"):
        assert text in page
    assert name not in (await console.get(f"/provider/books/{run_id}?what=held")).text
    assert (await support.post(f"/provider/books/{run_id}/acknowledge")).status_code == 403
    assert (await support.post("/provider/books/check")).status_code == 403
    assert (await console.post(f"/provider/books/{run_id}/acknowledge")).status_code == 200
    assert "The books do not agree" not in (await console.get("/provider")).text
    assert f"seen by {console.staff.login}" in (await console.get("/provider/books")).text
    assert (await console.get("/provider/books/999999999")).status_code == 404


async def test_the_check_is_ordered_once_at_a_time(client: Browser) -> None:
    console = await a_console(client, "billing")
    answers = [(await console.post("/provider/books/check")).status_code for _time in range(2)]
    assert answers in ([200, 409], [409, 409])
