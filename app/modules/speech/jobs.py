"""In the worker: recordings of analysed users are recognised, measured and scored [SPA-D1]."""

from __future__ import annotations

import time
from typing import Any

import av.error
import httpx
import structlog

from app.kernel.actors import Actor
from app.kernel.db import platform_transaction
from app.kernel.jobs import every
from app.modules.recording.service import on_kept
from app.modules.speech import service
from app.modules.speech.recogniser import CannotRecognise, Recogniser, recogniser
from app.modules.speech.service import Job

log = structlog.get_logger()

ACTOR = Actor.system(name="speech")
SWEEP_SECONDS = 240.0  # a sweep takes no new job after so long; the next one goes on

on_kept(service.want)


async def work(_ctx: dict[str, Any]) -> None:
    """What is due, one after the other. Without a recogniser the jobs wait [SPA-D1]."""
    recognise = recogniser()
    until = time.monotonic() + SWEEP_SECONDS
    while recognise is not None and time.monotonic() < until:
        async with platform_transaction(ACTOR) as tx:
            job = await service.take(tx)
        if job is None:
            return
        await _do(job, recognise)


async def _do(job: Job, recognise: Recogniser) -> None:
    try:
        segments = await recognise(job.content, job.language)
    except (CannotRecognise, httpx.HTTPError, OSError, av.error.FFmpegError) as error:
        log.warning("speech_not_recognised", recording_id=job.recording_id, error=repr(error)[:200])
        async with platform_transaction(ACTOR) as tx:
            await service.failed(await tx.enter_domain(job.domain_id), job.recording_id, str(error) or repr(error))
        return
    async with platform_transaction(ACTOR) as tx:
        await service.done(await tx.enter_domain(job.domain_id), job.recording_id, segments, job.seconds)
    log.info("speech_recognised", recording_id=job.recording_id, segments=len(segments))


every("speech", work, second={5, 35}, timeout=1800)
