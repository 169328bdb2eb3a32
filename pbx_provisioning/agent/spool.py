"""Ships call records from the node's spool to the database: at least once, in order, never blocked.

The offset is written after the commit, so a crash in between ships a batch twice; the intake knows
records by (node, unique id, sequence). Asterisk opens the file for every record, so it may be renamed
under its hands: a renamed file is read to its end before the next one is begun.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import structlog

from app.kernel.metrics import RECORDS, SPOOL_BYTES
from pbx_provisioning.apply import files
from pbx_provisioning.intake.records import MAX_LINE, BadRecord, CdrRecord, parse_line

log = structlog.get_logger()

TakeIn = Callable[[int, list[CdrRecord]], Awaitable[None]]
CHUNK = 1024 * 1024
STREAMS = 3  # batches on their way at the same time
WORTH_BYTES = 128 * 1024
SPLIT_FROM = 400  # records of a batch that is taken in by several transactions
PARTS = 4
KEEP_ROTATED_SECONDS = 30 * 86_400.0
IDLE_SECONDS = 0.25
SETTLE_SECONDS = 5.0  # a write that began before the renaming has ended by then


@dataclass(frozen=True, slots=True)
class Position:
    """`inode` tells a renamed file from its successor."""

    inode: int
    offset: int


@dataclass(frozen=True, slots=True)
class Batch:
    records: list[CdrRecord]
    rejected: list[tuple[str, str]]  # line, why
    end: int  # offset after the last whole line


def cut(data: bytes, start: int, limit: int) -> Batch:
    """Whole lines of `data`, which begins at offset `start`. A torn last line waits."""
    records: list[CdrRecord] = []
    rejected: list[tuple[str, str]] = []
    used = 0
    while len(records) + len(rejected) < limit:
        end = data.find(b"\n", used)
        if end < 0:
            if len(data) - used > MAX_LINE * 4:  # no record is that long: rubbish without line ends
                rejected.append((data[used:used + 200].decode("utf-8", "replace"), "endless line"))
                used = len(data)
            break
        line = data[used:end].decode("utf-8", "replace").rstrip("\r")
        used = end + 1
        if not line:
            continue
        try:
            records.append(parse_line(line))
        except BadRecord as error:
            rejected.append((line, str(error)))
    return Batch(records, rejected, start + used)


class Spool:
    """Tails one spool file. `run()` until cancelled."""

    def __init__(self, node_id: int, path: Path, state: Path, take_in: TakeIn, *, batch: int = 4000,
                 rotate_after: float = 86_400.0) -> None:
        self.node_id, self.path, self._take_in, self._batch = node_id, path, take_in, batch
        self._rotate_after = rotate_after
        state.mkdir(parents=True, exist_ok=True)
        self._offset_file = state / f"{path.stem}.offset.json"
        self._quarantine = state / f"{path.stem}.rejected.csv"
        self.backlog = 0  # bytes not shipped, for the heartbeat and the clean-up of holds
        self.caught_up_at = 0.0  # monotonic time when last nothing waited

    async def run(self) -> None:
        pause = 0.3
        while True:
            try:
                shipped = await self.ship_once()
                pause = 0.3
                if not shipped:
                    await asyncio.sleep(IDLE_SECONDS if self.backlog == 0 else 0.05)
            except asyncio.CancelledError:
                raise
            except Exception as error:  # database away, disk full …: the records stay where they are
                log.warning("ship_put_off", error=repr(error)[:300], bytes=self.backlog)
                await asyncio.sleep(pause)
                pause = min(pause * 1.7, 5.0)

    async def ship_once(self) -> bool:
        """Ship one batch; False when nothing was there."""
        place, position = self._find()
        if place is None:
            self._measure(0)
            return False
        size = place.stat().st_size
        if position.offset > size:  # shrunk: not our doing; read from the start, duplicates are harmless
            log.error("spool_shrunk", file=str(place), offset=position.offset, size=size)
            position = Position(position.inode, 0)
        self._measure(size - position.offset)
        if size == position.offset:
            return self._next_file(place, position)
        with place.open("rb") as file:
            return await self._ship(file, position) != position.offset

    async def _ship(self, file: BinaryIO, position: Position) -> int:
        """Ship whole lines to the end of the file, a few batches side by side: while the database writes one, the
        next is read and priced. The offset follows in order; when a batch fails, it and all after it are repeated.
        """
        flying: deque[tuple[int, asyncio.Task[None]]] = deque()
        read = saved = position.offset
        try:
            while True:
                size = os.fstat(file.fileno()).st_size
                # small batches cost more a record: beside another one only a batch that is worth it
                if not flying or (len(flying) < STREAMS and size - read >= WORTH_BYTES):
                    file.seek(read)
                    batch = cut(file.read(CHUNK), read, self._batch)
                    if batch.end != read:
                        read = batch.end
                        flying.append((read, asyncio.create_task(self._deliver(batch))))
                        await asyncio.sleep(0)  # it begins now, not when this loop waits for the first time
                        continue
                if not flying:
                    return saved
                saved, oldest = flying[0][0], flying[0][1]
                await oldest
                flying.popleft()
                await asyncio.to_thread(self._save, Position(position.inode, saved))
                self._measure(os.fstat(file.fileno()).st_size - saved)
        finally:
            for _end, task in flying:
                task.cancel()
            await asyncio.gather(*(task for _end, task in flying), return_exceptions=True)

    async def _deliver(self, batch: Batch) -> None:
        if batch.rejected:
            self._put_aside(batch.rejected)
        if len(batch.records) < SPLIT_FROM:
            if batch.records:
                await self._take_in(self.node_id, batch.records)
            return
        # Domains of the parts differ, so that none waits for the accounts that another has locked.
        parts: list[list[CdrRecord]] = [[] for _ in range(PARTS)]
        for record in batch.records:
            parts[(record.domain_id or 0) % PARTS].append(record)
        ends = await asyncio.gather(*(self._take_in(self.node_id, part) for part in parts if part),
                                    return_exceptions=True)
        for error in ends:
            if isinstance(error, BaseException):
                raise error

    def _measure(self, backlog: int) -> None:
        self.backlog = backlog
        SPOOL_BYTES.set(backlog)
        if not backlog:
            self.caught_up_at = time.monotonic()

    def _load(self) -> Position | None:
        text = files.read(self._offset_file)
        try:
            return Position(**json.loads(text)) if text else None
        except (ValueError, TypeError):
            log.error("offset_unreadable", file=str(self._offset_file))
            return None  # from the start: duplicates are harmless

    def _save(self, position: Position) -> None:
        files.replace(self._offset_file, json.dumps({"inode": position.inode, "offset": position.offset}))

    def _rotated(self) -> list[Path]:
        """Renamed files, oldest first."""
        return sorted(self.path.parent.glob(f"{self.path.name}.*"))

    def _find(self) -> tuple[Path | None, Position]:
        """The file to read from: the one the offset belongs to, else the oldest unknown."""
        known = self._load()
        candidates = [*self._rotated(), *([self.path] if self.path.exists() else [])]
        if known is not None:
            for path in candidates:
                if path.stat().st_ino == known.inode:
                    return path, known
        if not candidates:
            return None, Position(0, 0)
        return candidates[0], Position(candidates[0].stat().st_ino, 0)

    def _next_file(self, place: Path, position: Position) -> bool:
        """At the end of `place`: on to the next one, or rotate. True when there is more to read."""
        if place != self.path:
            later = [one for one in self._rotated() if one.name > place.name]
            following = later[0] if later else (self.path if self.path.exists() else None)
            if following is None or time.time() - place.stat().st_ctime < SETTLE_SECONDS:
                return False
            self._save(Position(following.stat().st_ino, 0))
            return True
        if position.offset and time.time() - _born(self.path) > self._rotate_after:
            stamp = time.strftime("%Y%m%d%H%M%S", time.gmtime())
            self.path.rename(self.path.with_name(f"{self.path.name}.{stamp}"))
            self._drop_old()
        return False

    def _drop_old(self) -> None:
        for path in self._rotated()[:-1]:
            if time.time() - path.stat().st_mtime > KEEP_ROTATED_SECONDS:
                path.unlink()

    def _put_aside(self, rejected: list[tuple[str, str]]) -> None:
        RECORDS.labels("rejected").inc(len(rejected))
        descriptor = os.open(self._quarantine, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
        with os.fdopen(descriptor, "a", encoding="utf-8", errors="replace") as file:
            for line, why in rejected:
                log.error("record_rejected", why=why)
                file.write(f"# {why.splitlines()[0] if why else ''}\n{line}\n")
            file.flush()
            os.fsync(file.fileno())


def drop_when_large(path: Path, most: int = 64 * 1024 * 1024) -> None:
    """Channel events are kept for looking into a fault only: the last one or two files of this size."""
    if path.exists() and path.stat().st_size > most:
        path.replace(path.with_name(path.name + ".1"))


def _born(path: Path) -> float:
    """When the first record was written: its line says so, whatever the file system knows."""
    with path.open("rb") as file:
        first = file.readline(MAX_LINE)
    try:
        return parse_line(first.decode("utf-8", "replace").strip()).ended_at.timestamp()
    except BadRecord:
        return path.stat().st_mtime
