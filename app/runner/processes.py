"""Child processes that are started again when they end, and stopped together."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

STOP_SECONDS = 15
LONGEST_PAUSE_SECONDS = 30


@dataclass(slots=True)
class Child:
    """One process of ours; `starts` counts how often it was begun."""

    name: str
    command: list[str]
    environment: dict[str, str]
    log_file: Path
    process: asyncio.subprocess.Process | None = None
    starts: int = 0
    pause: float = field(default=0.5)

    async def start(self) -> None:
        with self.log_file.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self.command, env=self.environment, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True)  # Ctrl-C reaches the supervisor alone, which stops in order
        self.starts += 1

    async def keep(self, stopping: asyncio.Event) -> None:
        """Start, and start again after every end until `stopping`; the pause grows while it keeps failing."""
        while not stopping.is_set():
            await self.start()
            assert self.process is not None
            began = time.monotonic()
            code = await self.process.wait()
            if stopping.is_set():
                return
            self.pause = 0.5 if time.monotonic() - began > 30 else min(self.pause * 2, LONGEST_PAUSE_SECONDS)
            print(f"{self.name} ended with {code}; again in {self.pause:.0f} s (log: {self.log_file})",
                  file=sys.stderr, flush=True)
            await asyncio.sleep(self.pause)

    async def stop(self) -> None:
        """Ask politely, then insist."""
        process = self.process
        if process is None or process.returncode is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()
