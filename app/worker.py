"""The worker process: arq jobs and sweeps, and the outbox."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import structlog
from arq.connections import RedisSettings
from arq.worker import Worker

from app import features
from app.kernel import files, jobs, mail, outbox
from app.kernel.actors import Actor
from app.kernel.db import DB, PlatformTx, platform_transaction
from app.kernel.heap import collect_seldom
from app.kernel.logging import configure
from app.settings import settings

log = structlog.get_logger()

IDLE_SECONDS = 0.5


@outbox.on("mail_queued")
async def _mail_is_waiting(_tx: PlatformTx, _domain_id: int | None, _payload: dict) -> None:
    """Nothing inside the event's own transaction: the letters are sent by the loop below."""


async def pump_outbox(stop: asyncio.Event) -> None:
    """Hand events on and send letters until told to stop; a lost database is waited for."""
    while not stop.is_set():
        try:
            busy = await _one_event()
            busy |= bool(await mail.send_queued(settings(), limit=10))
        except Exception as error:  # the database or the cache is away
            log.warning("outbox_waits", error=repr(error)[:200])
            busy = False
            await asyncio.sleep(2)
        if not busy:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), IDLE_SECONDS)


async def _one_event() -> bool:
    async with platform_transaction(Actor.system(name="outbox")) as tx:
        return await outbox.hand_on_next(tx)


async def _keep_partitions(_ctx: dict[str, Any]) -> None:
    async with platform_transaction(Actor.system(name="worker")) as tx:
        await tx.execute("SELECT make_call_partitions(now(), 4)")


async def _clean_up(_ctx: dict[str, Any]) -> None:
    """Finished events, job runs and letters older than thirty days; bytes that no file row names."""
    async with platform_transaction(Actor.system(name="worker")) as tx:
        await files.remove_unreferenced(tx)
        await tx.execute("DELETE FROM outbox_event WHERE done_at < now() - interval '30 days'")
        await tx.execute("DELETE FROM job_run WHERE state <> 'running' AND started_at < now() - interval '30 days'")
        await tx.execute("DELETE FROM mail_message WHERE state <> 'queued' AND created_at < now() - interval '30 days'")


jobs.every("keep_partitions", _keep_partitions, hour=3, minute=10)
jobs.every("clean_up", _clean_up, hour=3, minute=20)


async def _on_startup(ctx: dict[str, Any]) -> None:
    await DB.open(size=4)
    ctx["stop"] = asyncio.Event()
    ctx["pump"] = asyncio.create_task(pump_outbox(ctx["stop"]))
    ctx["loops"] = [asyncio.ensure_future(loop(ctx["stop"])) for loop in jobs.LOOPS]


async def _on_shutdown(ctx: dict[str, Any]) -> None:
    ctx["stop"].set()
    await asyncio.gather(ctx["pump"], *ctx["loops"])
    await DB.close()


def run() -> None:
    """Blocks until SIGTERM or SIGINT; jobs in progress are finished or put back."""
    configure(json_lines=settings().log_json)
    features.load_jobs()
    if settings().metrics_port_worker:
        from prometheus_client import start_http_server

        start_http_server(settings().metrics_port_worker, addr="127.0.0.1")
    collect_seldom()
    Worker(functions=jobs.FUNCTIONS, cron_jobs=jobs.CRON_JOBS, on_startup=_on_startup, on_shutdown=_on_shutdown,
           redis_settings=_redis_settings(), max_jobs=10, poll_delay=0.5, handle_signals=True,
           health_check_interval=30, job_completion_wait=10).run()


def _redis_settings() -> RedisSettings:
    found = RedisSettings.from_dsn(settings().redis_url)
    found.conn_retries, found.conn_retry_delay, found.retry_on_timeout = 60, 1, True
    return found
