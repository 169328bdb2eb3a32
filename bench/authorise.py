"""Calls authorised through the web process as a node asks, and the pure rating kernel."""

from __future__ import annotations

import itertools
import time
from urllib.parse import urlencode

from bench.billing_world import World, make_world
from bench.ground import own_ground
from bench.loadgen import Load, request_of, run_load
from bench.rating import measure_rating, measure_rich
from bench.report import Figure, Section, percentile
from pbx_provisioning.authorise.question import sign

LIMIT_MS = 300
RATING_TARGET = 100_000


def _requests(web_url: str, world: World, keys: tuple[str, str], ends: float):
    """Signed questions of calls that begin now, until `ends`."""
    numbers = itertools.count()

    def next_request() -> bytes | None:
        now = time.time()
        if now > ends:
            return None
        number = next(numbers)
        place = number % len(world.domains)
        fields = [world.node, str(world.domains[place]), str(world.users[place]), "84951234567",
                  f"{now:.6f}.{number}", str(int(now))]
        query = dict(zip(("node", "domain", "user", "digits", "uniqueid", "ts"), fields, strict=True))
        query["sig"] = sign("|".join(fields), *keys)
        return request_of(f"{web_url}/pbx/authorise?{urlencode(query)}")

    return next_request


async def measure(scale: float) -> Section:
    async with own_ground("authorise") as ground:
        world = await make_world(200)
        stack = ground.stack("authorise", world.node)
        keys = (stack.settings.node_key1, stack.settings.node_key2)
        await stack.begin("web")
        await stack.ready()
        url = f"{stack.web_url}/pbx/authorise"
        await run_load(url, _requests(stack.web_url, world, keys, time.time() + 2), connections=4)
        found: dict[int, Load] = {}
        for parallel in (1, 10, 50):
            ends = time.time() + max(3.0, 15 * scale)
            found[parallel] = await run_load(url, _requests(stack.web_url, world, keys, ends),
                                             connections=parallel)
        denied = sum(load.wrong for load in found.values())
        holds = await ground.owner.fetchval("SELECT count(*) FROM hold WHERE node_id = $1", world.node_id)
    asked = sum(len(load.times) for load in found.values())
    if denied or holds < asked:
        raise RuntimeError(f"{denied} wrong answers, {holds} holds for {asked} questions")
    return _section(found, scale)


def _section(found: dict[int, Load], scale: float) -> Section:
    figures = []
    for parallel, load in found.items():
        p50, p95 = (percentile(load.times, part) * 1000 for part in (0.5, 0.95))
        judged = parallel == 50
        figures.append(Figure(
            f"Authorise, {parallel} asked at any moment",
            f"{load.per_second:.0f}/s, p50 {p50:.0f} ms, p95 {p95:.0f} ms, max {max(load.times) * 1000:.0f} ms",
            f"p95 ≤ {LIMIT_MS} ms" if judged else "", p95 <= LIMIT_MS if judged else None))
    rating = measure_rating(calls=int(400_000 * scale), prefixes=50_000)
    figures.append(Figure("Rating kernel, 50,000 prefixes, one core", f"{rating.per_second:,.0f} calls/s"))
    rich = measure_rich(calls=int(400_000 * scale), prefixes=50_000)
    figures.append(Figure("The same with time bands, price steps, connection fees and packages",
                          f"{rich.per_second:,.0f} calls/s", f"≥ {RATING_TARGET:,} calls/s",
                          rich.per_second >= RATING_TARGET))
    return Section("Authorise and rate", figures, [
        "A signed `GET /pbx/authorise` over HTTP to one web process: signature, domain, user, number and rate looked "
        "up, a hold placed under the account's lock and committed (fsync on). Each connection asks again as soon as it "
        "has its answer, so 50 at any moment is the web process at its limit, not a usual load. 200 domains.",
        "The rating kernel is pure Python: longest prefix, row in force, increments, one rounded amount. Bands: three "
        "rows for each prefix (evening, weekend, else), a step at two minutes, 30/6 increments; half of the calls have "
        "two minutes of a package.",
    ])
