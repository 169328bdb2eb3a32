"""In the worker: documents into faxes, received faxes into the list, letters that went out."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from app.kernel.actors import Actor
from app.kernel.db import platform_transaction
from app.kernel.jobs import every
from app.settings import ROOT
from tenants.faxes import work
from tenants.media import on_media

log = structlog.get_logger()

FAXES = Actor.system(name="fax")
SECONDS = 180  # a conversion, the office's included
AT_ONCE = 2
SWEEP_SECONDS = 60
BROKEN = "broken"

on_media("fax")(work.received)


@dataclass(frozen=True, slots=True)
class Converted:
    """`error` is "" when it succeeded."""

    error: str = ""
    pages: int = 0
    tiff: bytes = b""
    pdf: bytes = b""


async def convert(mode: str, kind: str, content: bytes) -> Converted:
    """In a process and a folder of its own, both gone afterwards. `mode`: send | receive."""
    with tempfile.TemporaryDirectory(prefix="fax-") as name:
        folder = Path(name)
        document = folder / f"document.{kind}"
        document.write_bytes(content)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tenants.faxes.convert", mode, kind, str(document), name, cwd=ROOT,
            env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": name, "TMPDIR": name},
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            start_new_session=True)
        try:
            told, trouble = await asyncio.wait_for(process.communicate(), SECONDS)
        except TimeoutError:
            return Converted("too_large")
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)  # an office that was left behind, too
            await process.wait()
        try:
            answer = json.loads(told)
        except ValueError:
            answer = {"error": BROKEN}
        if "error" in answer:
            log.info("fax_not_converted", kind=kind, error=answer["error"],
                     trouble=trouble[-300:].decode("utf-8", "replace"))
            return Converted(str(answer["error"]))
        return Converted("", int(answer["pages"]), (folder / "fax.tif").read_bytes(), (folder / "fax.pdf").read_bytes())


async def convert_next() -> bool:
    """One document; False when none waits."""
    async with platform_transaction(FAXES) as tx:
        taken = await work.take_conversion(tx)
    if taken is None:
        return False
    made = await convert("receive" if taken.is_incoming else "send", taken.kind, taken.content)
    async with platform_transaction(FAXES) as tx:
        bound = await tx.enter_domain(taken.domain_id)
        if made.error:
            await work.conversion_failed(bound, taken.fax_id, made.error)
        else:
            await work.converted(bound, taken.fax_id, tiff=made.tiff, pdf=made.pdf, pages=made.pages)
    return True


_at_work = 0


async def sweep(_ctx: dict[str, Any]) -> None:
    """Sweeps overlap while a long document is converted; the worker's other jobs keep their room."""
    global _at_work
    if _at_work < AT_ONCE:
        _at_work += 1
        try:
            ends = time.monotonic() + SWEEP_SECONDS
            while time.monotonic() < ends and await convert_next():
                pass
        finally:
            _at_work -= 1
    async with platform_transaction(FAXES) as tx:
        await work.note_sent_letters(tx)


every("faxes", sweep, second=set(range(0, 60, 2)))
