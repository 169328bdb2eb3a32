"""A signed-in list of 50 rows against a bare handler that fetches the same rows."""

from __future__ import annotations

import os
import sys
from statistics import median

import httpx

from app.runner.embedded import free_port
from app.runner.processes import Child
from bench import machine
from bench.ground import Ground, own_ground, until
from bench.loadgen import Load, for_seconds, signed_in
from bench.report import Figure, Section, percentile
from bench.seed import a_node, a_tariff, domains_with_users

TARGET = 0.4
CONNECTIONS = 8


async def measure(scale: float) -> Section:
    async with own_ground("pages") as ground:
        node_id, tariff = await a_node(ground.owner, "pbx1"), await a_tariff(ground.owner)
        ids = await domains_with_users(ground.owner, node_id, tariff, domains=200, users=50, prefix="pages")
        stack = ground.stack("pages")
        bare = None
        try:
            await stack.begin("web")
            await stack.ready()
            cookie = await signed_in(ground, stack.web_url, ids[100])
            size = await _check(stack.web_url, cookie)
            port = free_port(stack.settings.web_port + 1)
            bare = await _bare(ground, port, ids[100], size)
            urls = {"list": f"{stack.web_url}/users/", "rows": f"http://127.0.0.1:{port}/rows",
                    "sized": f"http://127.0.0.1:{port}/sized", "json": f"http://127.0.0.1:{port}/json"}
            pids = {name: (stack.children["web"] if name == "list" else bare).process.pid for name in urls}
            found = await _by_turns(urls, pids, cookie, rounds=max(2, int(8 * scale)), seconds=3.0)
        finally:
            if bare is not None:
                await bare.stop()
    return _section(found)


async def _check(web_url: str, cookie: str) -> int:
    """Bytes of the page; it must really show the 50 rows."""
    async with httpx.AsyncClient(trust_env=False) as client:
        page = await client.get(f"{web_url}/users/", headers={"Cookie": cookie, "Accept-Language": "ru"})
    if page.text.count('class="row-link"') != 50:
        raise RuntimeError(f"{page.status_code}: {page.text.count('row-link')} rows instead of 50")
    return len(page.content)


async def _bare(ground: Ground, port: int, domain_id: int, size: int) -> Child:
    environment = {**os.environ, "BENCH_OWNER_URL": ground.servers.postgres.owner_url}
    child = Child("bare", [sys.executable, "-m", "bench.bare", str(port), str(domain_id), str(max(0, size - 9_500))],
                  environment, ground.folder / "bare.log")
    await child.start()

    async def answers() -> bool:
        try:
            async with httpx.AsyncClient(trust_env=False) as client:
                return (await client.get(f"http://127.0.0.1:{port}/rows")).status_code == 200
        except httpx.HTTPError:
            return False

    await until(answers, 20, "the bare application")
    return child


class Measured:
    """Slices of one address: requests per second and processor time of the server for each."""

    def __init__(self) -> None:
        self.loads: list[Load] = []
        self.cpu_ms: list[float] = []

    @property
    def rates(self) -> list[float]:
        return [load.per_second for load in self.loads]


async def _by_turns(urls: dict[str, str], pids: dict[str, int], cookie: str, *, rounds: int,
                    seconds: float) -> dict[str, Measured]:
    found = {name: Measured() for name in urls}
    for url in urls.values():
        await for_seconds(url, cookie, 1.5, CONNECTIONS)  # templates compiled, statements prepared
    for _ in range(rounds):
        for name, url in urls.items():
            before = machine.cpu_seconds([pids[name]])
            load = await for_seconds(url, cookie, seconds, CONNECTIONS)
            if load.wrong:
                raise RuntimeError(f"{url}: {load.wrong} wrong answers")
            found[name].loads.append(load)
            found[name].cpu_ms.append((machine.cpu_seconds([pids[name]]) - before) * 1000 / len(load.times))
    return found


def _section(found: dict[str, Measured]) -> Section:
    titles = {"list": "Signed-in list of users, whole page", "rows": "Bare handler, rows in a plain table",
              "sized": "Bare handler, the same table on a page as long as ours", "json": "Bare handler, rows as JSON"}
    figures = []
    for name, one in found.items():
        times = [value for load in one.loads for value in load.times]
        figures.append(Figure(
            f"{titles[name]} ({one.loads[0].bytes_each / 1000:.0f} kB)",
            f"{median(one.rates):.0f}/s, p50 {percentile(times, .5) * 1000:.1f} ms, p95 "
            f"{percentile(times, .95) * 1000:.1f} ms, {median(one.cpu_ms):.2f} ms CPU"))
    for name in ("rows", "sized", "json"):
        ratio = median(ours / bare for ours, bare in zip(found["list"].rates, found[name].rates, strict=True))
        cpu = median(found[name].cpu_ms) / median(found["list"].cpu_ms)
        judged = name == "rows"
        figures.append(Figure(f"Requests/s ÷ {titles[name][0].lower()}{titles[name][1:]} (by CPU: {cpu:.2f})",
                              f"{ratio:.2f}", f"≥ {TARGET}" if judged else "", ratio >= TARGET if judged else None))
    return Section("List page", figures, [
        "`GET /users/` with the session cookie: session from Redis, permission, two scoped transactions (rows with "
        f"row-level security and their number, facts of the top bar), presence, the whole page in Russian, security "
        f"headers, metrics, one log line. 200 domains × 50 users; the same {CONNECTIONS} keep-alive connections, one "
        "server process each, uvicorn with uvloop and httptools.",
        "The bare handler: Litestar and asyncpg alone, one query for the same 50 rows in the same order as the tables' "
        "owner (no transaction, no row-level security), a plain Jinja table; no session, menu, translation, log.",
        "Both servers run at once and are asked by turns in slices of 3 s; the ratios are medians over the rounds. "
        "CPU is the server process's own time per request, which other programs of the machine disturb less.",
    ])
