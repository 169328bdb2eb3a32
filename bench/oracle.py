"""A million random calls by random tariffs, priced by the kernel and by the slow oracle of the tests."""

from __future__ import annotations

import asyncio
import os
import random
import time
from concurrent.futures import ProcessPoolExecutor

from bench.report import Figure, Section

CALLS = 1_000_000
PART = 20_000
TOLD = 5


def _part(seed: int, calls: int) -> list[str]:
    from tests.property.billing.cases import cases, difference

    return [f"seed {seed}: {told}" for table, case in cases(seed, calls) if (told := difference(table, case))]


async def measure(scale: float) -> Section:
    calls = max(int(CALLS * scale), 1)
    parts = [min(PART, calls - done) for done in range(0, calls, PART)]
    first = random.SystemRandom().randrange(2**32)
    began = time.perf_counter()
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(os.cpu_count()) as workers:
        found = [told for part in await asyncio.gather(*(
            loop.run_in_executor(workers, _part, first + place, size) for place, size in enumerate(parts)))
            for told in part]
    for told in found[:TOLD]:
        print(told)
    seconds = time.perf_counter() - began
    figures = [Figure("Calls priced twice", f"{calls:,}"),
               Figure("Differences", f"{len(found)}", "none", not found),
               Figure("Time", f"{seconds:.0f} s")]
    return Section("Rating against the oracle", figures, [
        f"Random tariffs (nested prefixes, time bands, price steps, increments, free seconds, minimum, package) and "
        f"calls around midnight and changes of clocks, seeds from {first} on; the oracle counts increment by increment "
        f"in exact fractions."])
