"""Long tables into a workbook: rows come in portions from the database and go to disk in a thread."""

from __future__ import annotations

import asyncio
import io
import queue
from collections.abc import AsyncIterator, Callable, Iterator, Sequence

from app.web.exports import ExportColumn, write_xlsx

Portion = Sequence[Sequence[object]]


async def workbook(columns: Sequence[ExportColumn], portions: AsyncIterator[Portion], *, name: str) -> bytes:
    """A plain table as a file."""
    def write(rows: Iterator[Sequence[object]]) -> bytes:
        book = io.BytesIO()
        write_xlsx(book, columns, rows, sheet=name)
        return book.getvalue()

    return await written(portions, write)


async def written(portions: AsyncIterator[Portion], write: Callable[[Iterator[Sequence[object]]], bytes]) -> bytes:
    """The finished file, for whoever has a turn (`app.web.turns`). At most three portions are in memory, and other
    requests go on meanwhile."""
    waiting: queue.Queue[Portion | None] = queue.Queue(2)
    stopped = False

    def rows() -> Iterator[Sequence[object]]:
        while (portion := waiting.get()) is not None:
            yield from portion

    writer = asyncio.create_task(asyncio.to_thread(write, rows()))
    try:
        async for portion in portions:
            await _put(waiting, portion, writer)
        await _put(waiting, None, writer)
        stopped = True
        return await writer
    finally:
        if not stopped:  # the reader failed: the thread must not wait for ever
            while not waiting.empty():
                waiting.get_nowait()
            waiting.put_nowait(None)


async def _put(waiting: queue.Queue[Portion | None], portion: Portion | None, writer: asyncio.Task[bytes]) -> None:
    while not writer.done():
        try:
            waiting.put_nowait(portion)
            return
        except queue.Full:
            await asyncio.sleep(0.005)
    writer.result()
