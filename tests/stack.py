"""The real product for tests: web, worker and agent as processes, Asterisk, on ports and in a folder of its own.

The parts can be killed and started one by one. With `OwnServers` that holds for PostgreSQL and Redis as well.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import sys
from dataclasses import replace
from pathlib import Path

import httpx

from app.runner import embedded, telephony
from app.runner.processes import Child
from app.settings import Settings, from_environment, load_secrets
from pbx_provisioning.node.runtime import AsteriskNode

FAR_END = "127.0.0.7"  # where tests play the carrier
PARTS = ("web", "worker", "agent")


def free_udp_port(address: str, wanted: int) -> int:
    for port in range(wanted, wanted + 1000):
        with socket.socket(type=socket.SOCK_DGRAM) as one:
            with contextlib.suppress(OSError):
                one.bind((address, port))
                return port
    raise RuntimeError(f"no free port on {address} above {wanted}")


class Stack:
    """`await stack.start()`, `await stack.kill("web")`, `await stack.begin("web")`, `await stack.stop()`.

    `environment` is what the processes get beside this process's own.
    """

    def __init__(self, settings: Settings, owner_url: str, instance: str, environment: dict[str, str]) -> None:
        self.settings, self.owner_url, self.instance = settings, owner_url, instance
        self.web_url = f"http://127.0.0.1:{settings.web_port}"
        self.telephony = telephony.prepare(settings, owner_url, instance)
        self._environment = environment
        self.children: dict[str, Child] = {}

    @property
    def node(self) -> AsteriskNode:
        if self.telephony.node is None:
            raise RuntimeError(f"the call tests need Asterisk: {self.telephony.missing}")
        return self.telephony.node

    @property
    def sip(self) -> tuple[str, int]:
        config = self.node.config
        return config.bind_address, config.sip_port

    def _child(self, name: str) -> Child:
        environment = {key: value for key, value in os.environ.items() if key != "DATABASE_URL"}
        environment |= self._environment | self.telephony.environment
        logs = self.settings.state_dir / "logs"
        logs.mkdir(exist_ok=True)
        return Child(name, [sys.executable, "-m", "app", name], environment, logs / f"{name}.log")

    async def start(self, *names: str) -> None:
        """Asterisk, then the named processes (all three by default)."""
        await self.node.start()
        for name in names or PARTS:
            await self.begin(name)
        await self.ready()

    async def begin(self, name: str) -> None:
        child = self._child(name)
        self.children[name] = child
        await child.start()

    async def kill(self, name: str) -> None:
        """kill -9, of the part and of what it started."""
        process = self.children[name].process
        assert process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()

    async def ready(self) -> None:
        async with httpx.AsyncClient(timeout=2, trust_env=False) as client:
            for _ in range(300):
                with contextlib.suppress(httpx.HTTPError):
                    if (await client.get(f"{self.web_url}/readyz")).status_code == 200:
                        return
                await asyncio.sleep(0.1)
        raise RuntimeError("web did not become ready: " + self.log_end("web"))

    def log_end(self, name: str, characters: int = 1500) -> str:
        path = self.children[name].log_file
        return path.read_text(errors="replace")[-characters:] if path.exists() else ""

    async def stop(self) -> None:
        """Stop everything and remove its folders; kept for a look when SWITCHROOM_KEEP_STACK is set."""
        await asyncio.gather(*(child.stop() for child in self.children.values()))
        if self.telephony.node is not None:
            await self.node.stop()
            if not os.environ.get("SWITCHROOM_KEEP_STACK"):
                shutil.rmtree(self.node.state, ignore_errors=True)
        if not os.environ.get("SWITCHROOM_KEEP_STACK"):
            shutil.rmtree(self.settings.state_dir, ignore_errors=True)


def make_stack(state: Path, owner_url: str, *, name: str = "", node_name: str = "pbx1",
               environment: dict[str, str] | None = None) -> Stack:
    """A stack on free ports in a folder of its own below `state`, with the secrets of `state`.

    Database and cache are those of this process's environment unless `environment` names others. A node name
    of its own keeps its agent away from the domains of other tests in the same database.
    """
    instance = f"t{os.getpid()}{name}"
    folder = state / f"stack-{instance}"
    prepare_folder(folder, state)
    port = embedded.free_port(18000 + os.getpid() % 500)
    own = {"SWITCHROOM_STATE": str(folder), "WEB_PORT": str(port), "NODE_NAME": node_name} | (environment or {})
    kept = load_secrets(folder)
    settings = replace(from_environment(), state_dir=folder, web_port=port, node_name=node_name,
                       public_url=f"http://127.0.0.1:{port}", secret_key=kept["secret_key"].encode(),
                       node_key1=kept["node_key1"], node_key2=kept["node_key2"])
    return Stack(settings, owner_url, instance, own)


def prepare_folder(folder: Path, secrets_of: Path | None = None) -> None:
    """Secrets and free ports, as a first start would write them."""
    folder.mkdir(parents=True, exist_ok=True)
    if secrets_of is not None:
        (folder / "secrets.json").write_text(json.dumps(load_secrets(secrets_of)))
    first = 20_600 + os.getpid() % 300 * 8
    path = folder / "ports.json"
    known: dict[str, int] = json.loads(path.read_text()) if path.exists() else {}
    for name in ("sip", "ami", "postgres", "redis"):
        if name not in known:
            known[name] = first = embedded.free_port(first)
            first += 1
    path.write_text(json.dumps(known))


class OwnServers:
    """PostgreSQL and Redis that a test may kill."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        prepare_folder(folder)
        self.secrets = load_secrets(folder)
        self.postgres, self.redis = embedded.servers(folder)

    @property
    def environment(self) -> dict[str, str]:
        """Variables that point our processes to these servers."""
        url = embedded.app_url(self.postgres.owner_url, self.secrets["database_app_password"])
        return {"DATABASE_APP_URL": url, "REDIS_URL": self.redis.url}

    async def start(self) -> None:
        from migrations.runner import migrate

        await self.start_postgres()
        await self.postgres.ensure_database()
        await migrate(self.postgres.owner_url, app_password=self.secrets["database_app_password"],
                      node_password=self.secrets["database_node_password"])
        await self.start_redis()

    async def start_postgres(self) -> None:
        await asyncio.to_thread(self.postgres.start)

    async def start_redis(self) -> None:
        await asyncio.to_thread(self.redis.start)

    async def kill_postgres(self) -> None:
        """kill -9 of the server; its own processes end when they see it gone."""
        pid = self.postgres.pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        while Path(f"/proc/{pid}").exists() and _is_alive(pid):
            await asyncio.sleep(0.02)

    async def kill_redis(self) -> None:
        process = self.redis.process
        assert process is not None
        process.kill()
        await asyncio.to_thread(process.wait)

    async def stop(self) -> None:
        await asyncio.to_thread(self.redis.stop)
        await asyncio.to_thread(self.postgres.stop, "immediate")
        if not os.environ.get("SWITCHROOM_KEEP_STACK"):
            shutil.rmtree(self.folder, ignore_errors=True)


def _is_alive(pid: int) -> bool:
    """False for a process that ended and is not yet collected by its parent."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False
