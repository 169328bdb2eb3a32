"""The real product for tests: web, worker and agent as processes, Asterisk, on the run's own database.

Everything listens on ports of its own; the parts can be killed and started one by one.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from pathlib import Path

import httpx

from app.runner import embedded, telephony
from app.runner.processes import Child
from app.settings import Settings, from_environment

FAR_END = "127.0.0.7"  # where tests play the carrier


class Stack:
    """`await stack.start()`, then `stack.web`, `stack.worker`, `stack.agent`, `stack.node`."""

    def __init__(self, settings: Settings, owner_url: str, instance: str) -> None:
        self.settings, self.owner_url, self.instance = settings, owner_url, instance
        self.web_url = f"http://127.0.0.1:{settings.web_port}"
        self.telephony = telephony.prepare(settings, owner_url, instance)
        self._keepers: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()
        self.children: dict[str, Child] = {}

    @property
    def node(self):
        if self.telephony.node is None:
            raise RuntimeError(f"the call tests need Asterisk: {self.telephony.missing}")
        return self.telephony.node

    @property
    def sip(self) -> tuple[str, int]:
        config = self.node.config
        return config.bind_address, config.sip_port

    def _child(self, name: str) -> Child:
        environment = {key: value for key, value in os.environ.items() if key != "DATABASE_URL"}
        environment |= self.telephony.environment
        logs = self.settings.state_dir / "logs"
        logs.mkdir(exist_ok=True)
        return Child(name, [sys.executable, "-m", "app", name], environment, logs / f"{self.instance}-{name}.log")

    async def start(self, *names: str) -> None:
        """Asterisk, then the named processes (all three by default)."""
        if self.telephony.node is not None:
            await self.node.start()
        for name in names or ("web", "worker", "agent"):
            await self.begin(name)
        await self.ready()

    async def begin(self, name: str) -> None:
        child = self._child(name)
        self.children[name] = child
        await child.start()

    async def kill(self, name: str) -> None:
        """kill -9."""
        process = self.children[name].process
        assert process is not None
        process.kill()
        await process.wait()

    async def ready(self) -> None:
        async with httpx.AsyncClient(timeout=2, trust_env=False) as client:
            for _ in range(150):
                with contextlib.suppress(httpx.HTTPError):
                    if (await client.get(f"{self.web_url}/readyz")).status_code == 200:
                        return
                await asyncio.sleep(0.1)
        raise RuntimeError("web did not become ready: " + self.log_end("web"))

    def log_end(self, name: str) -> str:
        path = self.children[name].log_file
        return path.read_text(errors="replace")[-1500:] if path.exists() else ""

    async def stop(self) -> None:
        for child in self.children.values():
            await child.stop()
        if self.telephony.node is not None:
            await self.telephony.node.stop()


def make_stack(state: Path, owner_url: str) -> Stack:
    """A stack on free ports; the environment of this process is set to match."""
    port = embedded.free_port(18000 + os.getpid() % 500)
    os.environ["WEB_PORT"] = str(port)
    os.environ["SIP_PORT"] = str(embedded.free_port(25060 + os.getpid() % 500 * 4))
    from app import settings as module

    module.settings.cache_clear()
    settings = from_environment()
    return Stack(settings, owner_url, f"t{os.getpid()}")
