"""`python -m app up`: everything on one machine, in the order in which it needs each other.

Database and cache → migrations → static files → demo data → Asterisk and the simulated public network →
web, worker, agent. Ctrl-C stops them in the reverse order. What the environment provides
(DATABASE_URL, REDIS_URL, ASTERISK_AMI_HOST) is used and never started or stopped.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

from app.runner import embedded, telephony
from app.runner.processes import Child
from app.settings import ROOT, Settings, from_environment, load_secrets, state_dir
from migrations.runner import migrate


def say(text: str) -> None:
    print(text, flush=True)


async def prepare_database(folder: Path) -> str:
    """The owner's address of a migrated database; embedded servers are started where none is named."""
    secrets = load_secrets(folder)
    postgres, redis = embedded.servers(folder)
    if not os.environ.get("DATABASE_URL"):
        await asyncio.to_thread(postgres.start)
        await postgres.ensure_database()
        os.environ["DATABASE_URL"] = postgres.owner_url
    if not os.environ.get("REDIS_URL"):
        await asyncio.to_thread(redis.start)
        os.environ["REDIS_URL"] = redis.url
    owner_url = os.environ["DATABASE_URL"]
    os.environ.setdefault("DATABASE_APP_URL", embedded.app_url(owner_url, secrets["database_app_password"]))
    for name in await migrate(owner_url, app_password=secrets["database_app_password"],
                              node_password=secrets["database_node_password"]):
        say(f"  migrated {name}")
    return owner_url


def stop_embedded(folder: Path, *, database: bool, cache: bool) -> None:
    """Stop the embedded servers that this run uses."""
    postgres, redis = embedded.servers(folder)
    if cache:
        redis.stop()
    if database:
        postgres.stop()


def _environment(phone_system: telephony.Telephony) -> dict[str, str]:
    """Children get the runtime role's address; the owner's stays with the supervisor."""
    kept = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    return {**kept, **phone_system.environment, "PYTHONUNBUFFERED": "1"}


def children(settings: Settings, phone_system: telephony.Telephony) -> list[Child]:
    """Web, worker and, where there is an Asterisk, its agent."""
    logs = settings.state_dir / "logs"
    logs.mkdir(exist_ok=True)
    environment = _environment(phone_system)
    names = ["web", "worker"] + (["agent"] if phone_system.environment else [])
    return [Child(name, [sys.executable, "-m", "app", name], environment, logs / f"{name}.log") for name in names]


async def up() -> int:
    """Run until Ctrl-C or SIGTERM; 0 after a clean stop."""
    folder = state_dir()
    own_database, own_cache = not os.environ.get("DATABASE_URL"), not os.environ.get("REDIS_URL")
    folder.mkdir(parents=True, exist_ok=True)
    with _only_one(folder):
        port = embedded.remembered_port(folder, "web", int(os.environ.get("WEB_PORT", "8000")))
        os.environ["WEB_PORT"] = str(port)
        os.environ.setdefault("SWITCHROOM_ENV", "development")
        os.environ.setdefault("LOG_FORMAT", "console")
        os.chdir(ROOT)
        try:
            owner_url = await prepare_database(folder)
            return await _run(from_environment(), owner_url)
        finally:
            await asyncio.to_thread(stop_embedded, folder, database=own_database, cache=own_cache)
            say("Stopped.")


async def _run(settings: Settings, owner_url: str) -> int:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    phone_system = await asyncio.to_thread(telephony.prepare, settings, owner_url)
    from app.runner import demo  # reads settings when imported

    await demo.ensure(settings, phone_system)
    processes = children(settings, phone_system)
    async with contextlib.AsyncExitStack() as stack:
        await _start_telephony(settings, phone_system, stack)
        keepers = [asyncio.create_task(child.keep(stopping)) for child in processes]
        await _wait_until_ready(settings, stopping)
        if not stopping.is_set():
            say(demo.welcome(settings, phone_system))
        await stopping.wait()
        say("Stopping …")
        for child in processes:
            await child.stop()
        await asyncio.gather(*keepers)
    return 0


async def _start_telephony(settings: Settings, phone_system: telephony.Telephony,
                           stack: contextlib.AsyncExitStack) -> None:
    """A node that does not start leaves the panel running, which says what is missing."""
    if phone_system.node is None:
        say(f"  {phone_system.missing}")
        return
    for node in (telephony.public_network(settings, phone_system.node), phone_system.node):
        try:
            seconds = await node.start()
            stack.push_async_callback(node.stop)
            say(f"  Asterisk {node.config.instance} up after {seconds:.1f} s")
        except Exception as failed:
            say(f"  Asterisk {node.config.instance} did not start: {failed}")


async def _wait_until_ready(settings: Settings, stopping: asyncio.Event) -> None:
    import httpx

    async with httpx.AsyncClient(timeout=2, trust_env=False) as client:
        for _ in range(300):
            if stopping.is_set():
                return
            with contextlib.suppress(httpx.HTTPError):
                if (await client.get(f"http://127.0.0.1:{settings.web_port}/readyz")).status_code == 200:
                    return
            await asyncio.sleep(0.2)
    say("The web process does not answer; see its log.")


@contextlib.contextmanager
def _only_one(folder: Path):
    """Two supervisors on one state folder would fight over ports and files."""
    import fcntl

    with (folder / "up.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SystemExit("Switchroom is running already in this folder.") from None
        yield
