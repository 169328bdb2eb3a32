"""Background jobs on arq: idempotent, retried with growing delays, visible in `job_run`.

arq itself repeats only `Retry`; here every failure is repeated until `max_tries`, and each run leaves a
row that the provider's page of jobs shows. Arguments are ids and ISO dates, never secrets: arq logs them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from arq.connections import ArqRedis, RedisSettings, create_pool
from arq.cron import CronJob, cron
from arq.worker import Function, Retry, func

from app.kernel.actors import Actor
from app.kernel.db import platform_transaction
from app.kernel.metrics import JOBS

log = structlog.get_logger()

Job = Callable[..., Awaitable[None]]

FUNCTIONS: list[Function] = []
LOOPS: list[Callable[[asyncio.Event], Awaitable[None]]] = []  # run by the worker until the event is set
CRON_JOBS: list[CronJob] = []


def job(name: str, *, max_tries: int = 5, timeout: int = 120) -> Callable[[Job], Job]:
    """Register a job: `@job("send_mail") async def send_mail(ctx, …)`."""

    def register(run: Job) -> Job:
        async def visible(ctx: dict[str, Any], *arguments: object) -> None:
            await _run_visibly(name, run, ctx, arguments, max_tries)

        FUNCTIONS.append(func(visible, name=name, keep_result=0, max_tries=max_tries, timeout=timeout))
        return run

    return register


def every(name: str, run: Job, **when: Any) -> None:
    """Register a periodic sweep (`second={0, 30}`, `minute=5` …), once at a time over all workers."""

    async def visible(ctx: dict[str, Any]) -> None:
        try:
            await run(ctx)
        except Exception as error:
            log.exception("sweep_failed", job=name)
            await _note(name, f"{ctx['job_id']}", "failed", 1, [], repr(error)[:500])

    CRON_JOBS.append(cron(visible, name=name, unique=True, keep_result=0, run_at_startup=True, **when))


async def _run_visibly(name: str, run: Job, ctx: dict[str, Any], arguments: tuple[object, ...],
                       max_tries: int) -> None:
    key, tries = str(ctx["job_id"]), int(ctx["job_try"])
    await _note(name, key, "running", tries, list(arguments), None)
    try:
        await run(ctx, *arguments)
    except Exception as error:
        last = tries >= max_tries
        await _note(name, key, "failed" if last else "retry", tries, list(arguments), repr(error)[:500])
        log.warning("job_failed", job=name, key=key, tries=tries, error=repr(error)[:300])
        if last:
            return
        raise Retry(defer=min(600, 5 * 2 ** (tries - 1))) from error
    await _note(name, key, "done", tries, list(arguments), None)


async def _note(name: str, key: str, state: str, tries: int, arguments: list[object], error: str | None) -> None:
    if state != "running":
        JOBS.labels(name, state).inc()
    async with platform_transaction(Actor.system(name="worker")) as tx:
        await tx.execute(
            "INSERT INTO job_run (job, key, arguments, state, tries, error, finished_at) "
            "VALUES ($1, $2, $3, $4, $5, $6, CASE WHEN $4 <> 'running' THEN now() END) "
            "ON CONFLICT (job, key) DO UPDATE SET state = EXCLUDED.state, tries = EXCLUDED.tries, "
            "error = EXCLUDED.error, finished_at = EXCLUDED.finished_at", name, key, arguments, state, tries, error)


async def connect(redis_url: str) -> ArqRedis:
    """A pool to enqueue with: `await pool.enqueue_job("name", …, _job_id=…)`, after the commit."""
    return await create_pool(RedisSettings.from_dsn(redis_url))
