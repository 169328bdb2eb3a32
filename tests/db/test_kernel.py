"""Outbox, letters, jobs and doors on a real database."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from app.kernel import jobs, mail, outbox
from app.kernel.actors import Actor
from app.kernel.db import DB, PlatformTx, domain_transaction, platform_transaction
from app.settings import settings
from tests.db.factories import STAFF, a_domain

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]


async def _drain() -> None:
    more = True
    while more:
        async with platform_transaction(STAFF) as tx:
            more = await outbox.hand_on_next(tx)


async def test_an_event_exists_only_if_its_transaction_commits() -> None:
    heard: list[dict] = []

    @outbox.on("kernel_test_commit")
    async def hear(_tx: PlatformTx, _domain_id: int | None, payload: dict) -> None:
        heard.append(payload)

    actor = await a_domain()
    with pytest.raises(RuntimeError):
        async with domain_transaction(actor) as tx:
            await outbox.publish(tx, "kernel_test_commit", {"n": 1})
            raise RuntimeError("rolled back")
    async with domain_transaction(actor) as tx:
        await outbox.publish(tx, "kernel_test_commit", {"n": 2})
    await _drain()
    await _drain()
    assert heard == [{"n": 2}]


async def test_a_failing_handler_leaves_no_trace_and_is_put_off() -> None:
    @outbox.on("kernel_test_fail")
    async def fail(tx: PlatformTx, _domain_id: int | None, _payload: dict) -> None:
        await tx.execute("INSERT INTO provider_parameter (key, value) VALUES ('kernel.half', '1')")
        raise RuntimeError("cannot")

    actor = await a_domain()
    async with domain_transaction(actor) as tx:
        await outbox.publish(tx, "kernel_test_fail", {})
    await _drain()
    async with platform_transaction(STAFF) as tx:
        row = await tx.fetchrow("SELECT tries, error, due_at > now() AS later, done_at FROM outbox_event "
                                "WHERE kind = 'kernel_test_fail'")
        assert row is not None
        assert (row["tries"], row["later"], row["done_at"]) == (1, True, None)
        assert "cannot" in row["error"]
        assert await tx.fetchval("SELECT count(*) FROM provider_parameter WHERE key = 'kernel.half'") == 0


async def test_a_letter_lands_in_the_folder_and_its_text_leaves_the_database(tmp_path: Path) -> None:
    actor = await a_domain()
    async with domain_transaction(actor) as tx:
        await mail.queue(tx, "kernel-folder@company.example", "Привет", "Пароль: Secret123")
    await mail.send_queued(replace(settings(), mail_url="folder", state_dir=tmp_path), limit=500)
    letters = "".join(path.read_text() for path in (tmp_path / "mail").glob("*.eml"))
    assert "kernel-folder@company.example" in letters
    async with platform_transaction(STAFF) as tx:
        row = await tx.fetchrow("SELECT state, body FROM mail_message WHERE recipient = $1",
                                "kernel-folder@company.example")
    assert row is not None
    assert (row["state"], row["body"]) == ("sent", "")


async def test_a_letter_waits_while_the_mail_server_is_away() -> None:
    actor = await a_domain()
    async with domain_transaction(actor) as tx:
        await mail.queue(tx, "kernel-away@company.example", "Hello", "text")
    await mail.send_queued(replace(settings(), mail_url="smtp://127.0.0.1:9"), limit=500)
    async with platform_transaction(STAFF) as tx:
        row = await tx.fetchrow("SELECT state, tries, body FROM mail_message WHERE recipient = $1",
                                "kernel-away@company.example")
    assert row is not None
    assert (row["state"], row["tries"], row["body"]) == ("queued", 1, "text")


@pytest.mark.parametrize("subject", ["a\r\nBcc: everyone@example.com", "a\nb"])
async def test_a_header_takes_no_line_end(subject: str) -> None:
    actor = await a_domain()
    async with domain_transaction(actor) as tx:
        with pytest.raises(ValueError, match="line end"):
            await mail.queue(tx, "x@example.com", subject, "text")


async def test_a_failed_job_is_repeated_and_stays_visible() -> None:
    from arq.worker import Retry

    @jobs.job("kernel_test_job", max_tries=2)
    async def work(_ctx: dict, number: int) -> None:
        raise RuntimeError(f"no {number}")

    run = next(one.coroutine for one in jobs.FUNCTIONS if one.name == "kernel_test_job")
    with pytest.raises(Retry):
        await run({"job_id": "kernel-1", "job_try": 1}, 7)
    await run({"job_id": "kernel-1", "job_try": 2}, 7)
    async with platform_transaction(STAFF) as tx:
        row = await tx.fetchrow("SELECT state, tries, error, arguments FROM job_run WHERE key = 'kernel-1'")
    assert row is not None
    assert (row["state"], row["tries"], row["arguments"]) == ("failed", 2, [7])
    assert "no 7" in row["error"]


async def test_doors_do_not_leak_the_domain_to_the_next_user_of_the_connection() -> None:
    """Many tasks of two domains share a small pool; each sees its own domain and no other."""
    one, two = await a_domain(), await a_domain()

    async def look(actor: Actor) -> bool:
        async with domain_transaction(actor) as tx:
            await asyncio.sleep(0)
            rows = await tx.fetch("SELECT id FROM domain")
            return [row["id"] for row in rows] == [actor.domain_id]

    assert all(await asyncio.gather(*(look((one, two)[number % 2]) for number in range(200))))


async def test_a_door_gives_its_connection_back_after_every_kind_of_end() -> None:
    actor = await a_domain()
    for _ in range(40):
        with pytest.raises(ZeroDivisionError):
            async with domain_transaction(actor) as tx:
                await tx.fetchval("SELECT 1")
                raise ZeroDivisionError

    async def cancelled() -> None:
        async with domain_transaction(actor) as tx:
            await tx.fetchval("SELECT pg_sleep(5)")

    for _ in range(15):
        task = asyncio.create_task(cancelled())
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert DB.pool is not None
    async with asyncio.timeout(5), domain_transaction(actor) as tx:
        assert await tx.fetchval("SELECT count(*) FROM domain") == 1


async def test_doors_do_not_nest() -> None:
    from piccolo.engine.exceptions import TransactionError

    actor = await a_domain()
    async with domain_transaction(actor):
        with pytest.raises(TransactionError):
            async with platform_transaction(STAFF):
                pass
