"""Telephones and carriers made of SIPp processes.

Every action is one SIPp process with a scenario of its own; results are read from its message
trace. Processes are ended by their handle when the action or the `async with` block ends.
"""
from __future__ import annotations

import asyncio
import itertools
import os
import re
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.calls.sipp.messages import Message, read_trace

SCENARIOS = Path(__file__).parent / "scenarios"
REFUSALS = (400, 401, 403, 404, 405, 407, 408, 410, 415, 420, 480, 481, 482, 483, 484, 486, 487, 488,
            500, 501, 502, 503, 504, 600, 603, 604, 606)
FOREVER_SECONDS = 3600.0
_PLACE = re.compile(r"@([a-z_]+)@|@@")


class SippFailed(Exception):
    """SIPp could not do its part; the message carries its trace and errors."""


@dataclass(frozen=True, slots=True)
class Server:
    """SIP address of the node under test."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Call:
    """A call as one side saw it. Times are seconds since 1970, None when it did not happen."""

    messages: tuple[Message, ...]

    @property
    def code(self) -> int:
        """Final code of the last INVITE; 0: none came."""
        codes = [m.code for m in self.messages if m.code and m.code >= 200 and m.method == "INVITE"]
        return codes[-1] if codes else 0

    @property
    def started_at(self) -> float:
        return next(m.at for m in self.messages if m.first_line.startswith("INVITE"))

    @property
    def ringing_at(self) -> float | None:
        return next((m.at for m in self.messages if m.code in (180, 183)), None)

    @property
    def early_media(self) -> bool:
        return any(m.code == 183 for m in self.messages)

    @property
    def answered_at(self) -> float | None:
        return next((m.at for m in self.messages if m.code == 200 and m.method == "INVITE"), None)

    @property
    def bye(self) -> Message | None:
        return next((m for m in self.messages if m.first_line.startswith("BYE")), None)

    @property
    def ended_at(self) -> float | None:
        """BYE, or the final refusal."""
        if self.bye:
            return self.bye.at
        return next((m.at for m in reversed(self.messages) if m.code and m.code >= 300), None)

    @property
    def ended_here(self) -> bool | None:
        """Whether this side sent the BYE; None without one."""
        return self.bye.sent if self.bye else None

    @property
    def talk_seconds(self) -> float:
        if self.answered_at is None or self.bye is None:
            return 0.0
        return self.bye.at - self.answered_at

    @property
    def total_seconds(self) -> float:
        return (self.ended_at or self.started_at) - self.started_at

    @property
    def invite(self) -> Message:
        """The first INVITE, e.g. for the headers a trunk's far end was given."""
        return next(m for m in self.messages if m.first_line.startswith("INVITE"))


_media_ports = itertools.cycle(range(30000 + os.getpid() % 2000 * 4, 40000, 4))


def _media_port(address: str) -> int:
    """A free port; SIPp opens it and the second after it even when it sends no media."""
    for port in itertools.islice(_media_ports, 2500):
        with socket.socket(type=socket.SOCK_DGRAM) as one, socket.socket(type=socket.SOCK_DGRAM) as two:
            try:
                one.bind((address, port))
                two.bind((address, port + 2))
            except OSError:
                continue
            return port
    raise SippFailed("no free media port")


class Sipp:
    """One running SIPp process with its folder of trace files."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path) -> None:
        self.process, self.folder = process, folder

    @classmethod
    async def start(cls, scenario: str, values: dict[str, str], server: Server, address: str, port: int,
                    *, calls: int | None) -> Sipp:
        """`calls` None: answer until stopped."""
        folder = Path(tempfile.mkdtemp(prefix="sipp-"))
        text = _PLACE.sub(lambda m: values[m[1]] if m[1] else "@", (SCENARIOS / f"{scenario}.xml").read_text())
        (folder / "scenario.xml").write_text(text)
        command = ["sipp", f"{server.host}:{server.port}", "-sf", str(folder / "scenario.xml"), "-i", address,
                   "-mi", address, "-p", str(port), "-mp", str(_media_port(address)),
                   "-nostdin", "-nd", "-trace_msg", "-message_file", str(folder / "messages.log"), "-trace_err",
                   "-error_file", str(folder / "errors.log")]
        command += ["-m", str(calls), "-l", "1"] if calls else []
        with (folder / "screen.log").open("wb") as screen:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=asyncio.subprocess.DEVNULL, stdout=screen, stderr=asyncio.subprocess.STDOUT,
                cwd=folder, env={**os.environ, "TERM": "dumb"})
        return cls(process, folder)

    @property
    def messages(self) -> list[Message]:
        return read_trace(self.folder / "messages.log")

    async def finish(self, timeout: float) -> int:
        """Wait for its own end; exit code (0: the scenario went through).

        Raises:
            SippFailed: still running after `timeout` seconds.
        """
        try:
            return await asyncio.wait_for(self.process.wait(), timeout)
        except TimeoutError:
            raise SippFailed(f"SIPp did not end in {timeout} s\n{self.explain()}") from None

    async def stop(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    def explain(self) -> str:
        lines = [f"{m.at:.3f} {'>' if m.sent else '<'} {m.first_line}" for m in self.messages]
        for name in ("errors.log", "screen.log"):
            if (self.folder / name).exists():
                lines += (self.folder / name).read_text(errors="replace").splitlines()[-12:]
        return "\n".join(lines)

    def clean(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


class Answering:
    """A side that takes calls while its `async with` block runs."""

    def __init__(self, sipp: Sipp) -> None:
        self._sipp = sipp

    @property
    def calls(self) -> list[Call]:
        """Calls so far, by Call-ID, in order of arrival."""
        found: dict[str, list[Message]] = {}
        for message in self._sipp.messages:
            found.setdefault(message.header("Call-ID"), []).append(message)
        return [Call(tuple(messages)) for messages in found.values()
                if any(message.method == "INVITE" for message in messages)]  # others ask whether we are there

    async def wait_for_calls(self, count: int, timeout: float = 5.0) -> list[Call]:
        """Raises SippFailed when fewer than `count` INVITEs came in time."""
        for _ in range(int(timeout / 0.05)):
            if len(self.calls) >= count:
                return self.calls
            await asyncio.sleep(0.05)
        raise SippFailed(f"{len(self.calls)} of {count} calls came\n{self._sipp.explain()}")


@asynccontextmanager
async def _running(scenario: str, values: dict[str, str], server: Server, address: str,
                   port: int) -> AsyncIterator[Answering]:
    sipp = await Sipp.start(scenario, values, server, address, port, calls=None)
    try:
        await asyncio.sleep(0.15)  # its socket is open then
        if sipp.process.returncode is not None:
            raise SippFailed(sipp.explain())
        yield Answering(sipp)
    finally:
        await sipp.stop()
        sipp.clean()


async def _one(scenario: str, values: dict[str, str], server: Server, address: str, port: int,
               timeout: float) -> tuple[int, list[Message], str]:
    sipp = await Sipp.start(scenario, values, server, address, port, calls=1)
    try:
        code = await sipp.finish(timeout)
        return code, sipp.messages, sipp.explain()
    finally:
        await sipp.stop()
        sipp.clean()


def _milliseconds(seconds: float | None) -> str:
    return str(max(1, int((FOREVER_SECONDS if seconds is None else seconds) * 1000)))


def _refusals(codes: tuple[int, ...]) -> str:
    return "\n".join(f'  <recv response="{code}" optional="true" next="refused"/>' for code in codes)


class _Side:
    """An address that can take calls."""

    def __init__(self, server: Server, address: str, port: int) -> None:
        self.server, self.address, self.port = server, address, port

    def answering(self, *, after: float = 0.0, hold: float | None = None):
        """Ring `after` seconds, answer, hang up `hold` seconds later (None: leave it to the other side)."""
        values = {"ring_ms": _milliseconds(after), "hold_ms": _milliseconds(hold)}
        return _running("answer", values, self.server, self.address, self.port)

    def ringing(self):
        """Ring and never answer."""
        return self.answering(after=FOREVER_SECONDS)

    def refusing(self, code: int = 486):
        return _running("refuse", {"code": str(code)}, self.server, self.address, self.port)


class Phone(_Side):
    """A telephone of user `login` in `domain`, at `address`:`port`."""

    def __init__(self, login: str, domain: str, password: str, server: Server, *, port: int,
                 address: str = "127.0.0.11") -> None:
        super().__init__(server, address, port)
        self.login, self.domain, self.password = login, domain, password

    def _who(self) -> dict[str, str]:
        return {"login": self.login, "domain": self.domain, "password": self.password}

    async def register(self, expires: int = 600, timeout: float = 5.0, contact_user: str | None = None,
                       target: str = "") -> int:
        """Final code of the registration (200), or the code that refused it; 0: no answer.

        `contact_user` is the user part of the Contact, which a phone chooses freely; `target` the domain of the
        address to be registered, the phone's own by default.
        """
        values = {**self._who(), "expires": str(expires), "contact_user": contact_user or self.login,
                  "target": target or self.domain}
        _, messages, _ = await _one("register", values, self.server, self.address, self.port, timeout)
        codes = [m.code for m in messages if m.code and m.code >= 200 and not m.sent]
        return codes[-1] if codes else 0

    async def unregister(self) -> int:
        return await self.register(expires=0)

    async def call(self, number: str, *, hold: float | None = None, ring: float = 60.0,
                   timeout: float | None = None, port: int | None = None, target: str = "") -> Call:
        """Call and hang up `hold` seconds after the answer (None: the other side hangs up).

        Gives up (CANCEL) after ringing `ring` seconds. `port` is where the call is made from, the
        phone's own port unless it is taken by `answering`. `target` is the domain in the address called,
        the phone's own by default.

        Raises:
            SippFailed: the call did not end within `timeout` seconds.
        """
        values = {**self._who(), "number": number, "target": target or self.domain, "ring_ms": _milliseconds(ring), "hold_ms": _milliseconds(hold),
                  "refusals_first": _refusals(tuple(code for code in REFUSALS if code != 401)),
                  "refusals": _refusals(REFUSALS)}
        limit = timeout or ring + (hold if hold is not None else 60.0) + 10.0
        _, messages, trace = await _one("call", values, self.server, self.address, port or self.port, limit)
        return _call(messages, trace)


class FarEnd(_Side):
    """The carrier behind a trunk: takes calls (see `Answering.calls` for the headers), and calls in."""

    async def call_in(self, number: str, caller: str, *, hold: float | None = None, ring: float = 60.0,
                      timeout: float | None = None, port: int | None = None) -> Call:
        """A call from outside to `number`; arguments as of `Phone.call`."""
        values = {"number": number, "login": caller, "domain": self.address, "ring_ms": _milliseconds(ring),
                  "hold_ms": _milliseconds(hold), "refusals": _refusals(REFUSALS)}
        limit = timeout or ring + (hold if hold is not None else 60.0) + 10.0
        _, messages, trace = await _one("incoming", values, self.server, self.address, port or self.port, limit)
        return _call(messages, trace)


def _call(messages: list[Message], trace: str) -> Call:
    if not any(m.code for m in messages):
        raise SippFailed(f"no answer at all\n{trace}")
    return Call(tuple(messages))
