"""Client of the manager interface: many actions in flight, events, reconnects by itself."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

import structlog

from pbx_provisioning.ami.protocol import Message, encode, parse

log = structlog.get_logger()

Hook = Callable[[], Awaitable[None]]
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.2, 3.0
IN_FLIGHT = 200  # actions written before their answers are waited for
BOOT_SECONDS = 120.0
MAX_MESSAGE = 4 * 1024 * 1024


class AmiDown(Exception):
    """Asterisk cannot be reached now; the same action may be tried again later."""


class AmiError(Exception):
    """Asterisk refused the action; the message is its own."""


@dataclass(slots=True)
class _Waiting:
    answer: asyncio.Future[Message]
    events: list[Message] | None = None  # a listing collects here
    complete: asyncio.Event = field(default_factory=asyncio.Event)


class AmiClient:
    """One connection. `run()` keeps it up; `on_event` is called for every event that no listing wants.

    `on_event` must not block: the reading task calls it. `events` must hold "system": only then
    Asterisk tells that it is fully booted.
    """

    def __init__(self, host: str, port: int, user: str, secret: str, *, events: str = "system",
                 on_event: Callable[[Message], None] | None = None, on_up: Hook | None = None,
                 on_down: Hook | None = None) -> None:
        self.host, self.port, self.user, self._secret = host, port, user, secret
        self._events, self._on_event, self._on_up, self._on_down = events, on_event, on_up, on_down
        self._ids = itertools.count(1)
        self._waiting: dict[str, _Waiting] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._room = asyncio.Semaphore(IN_FLIGHT)
        self._booted = asyncio.Event()
        self.up = asyncio.Event()  # signed in, and Asterisk has all its modules

    async def run(self) -> None:
        """Connect, read, reconnect with growing pauses; until cancelled."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                reader, self._writer = await asyncio.wait_for(asyncio.open_connection(
                    self.host, self.port, limit=MAX_MESSAGE), 5)
                if await self._session(reader):
                    pause = FIRST_PAUSE_SECONDS
            except (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError, AmiDown, AmiError) as error:
                log.debug("ami_unreachable", error=repr(error))
            finally:
                await self._lost()
            await asyncio.sleep(pause)
            pause = min(pause * 1.6, LONGEST_PAUSE_SECONDS)

    async def _session(self, reader: asyncio.StreamReader) -> bool:
        """One connection from greeting to its end; True when it had been signed in."""
        await asyncio.wait_for(reader.readline(), 5)  # Asterisk Call Manager/x.y
        reading = asyncio.ensure_future(self._read(reader))
        greeting: asyncio.Task[None] | None = None
        try:
            await self._sign_in()
            booted = asyncio.ensure_future(self._booted.wait())
            await asyncio.wait([reading, booted], return_when=asyncio.FIRST_COMPLETED, timeout=BOOT_SECONDS)
            if not booted.done() or reading.done():
                booted.cancel()
                raise AmiDown("not booted")
            self.up.set()
            if self._on_up is not None:
                greeting = asyncio.ensure_future(self._on_up())
            await asyncio.wait([reading])
            log.warning("ami_lost", error=repr(reading.exception()) if not reading.cancelled() else "")
            return True
        finally:
            reading.cancel()
            if greeting is not None:
                greeting.cancel()
            await asyncio.gather(reading, *([greeting] if greeting else []), return_exceptions=True)

    async def _sign_in(self) -> None:
        await self._send("Login", [("Username", self.user), ("Secret", self._secret), ("Events", self._events)],
                         timeout=5, listing=False)

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while True:
            self._dispatch(parse((await reader.readuntil(b"\r\n\r\n"))[:-4]))

    def _dispatch(self, message: Message) -> None:
        waiting = self._waiting.get(message["actionid"])
        if message.event == "FullyBooted":
            self._booted.set()
        if not message.event:  # an event may have a header "Response" too
            if waiting is not None and not waiting.answer.done():
                waiting.answer.set_result(message)
        elif waiting is not None and waiting.events is not None:
            if message["eventlist"] == "Complete":
                waiting.complete.set()
            else:
                waiting.events.append(message)
        elif self._on_event is not None:
            try:
                self._on_event(message)
            except Exception:  # one bad event must not end the connection
                log.exception("ami_event_failed", event_name=message.event)

    async def _lost(self) -> None:
        was_up = self.up.is_set()
        self.up.clear()
        self._booted.clear()
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
        for waiting in self._waiting.values():
            if not waiting.answer.done():
                waiting.answer.set_exception(AmiDown("connection lost"))
            waiting.complete.set()
        if was_up and self._on_down is not None:
            await self._on_down()

    async def action(self, name: str, timeout: float = 10.0, **values: object) -> Message:
        """Do one action and give its response.

        Raises:
            AmiDown: not connected, connection lost, or no answer in time.
            AmiError: Asterisk refused.
            ValueError: a value with a line end.
        """
        message, _events = await self._guarded(name, list(values.items()), timeout, listing=False)
        return message

    async def listing(self, name: str, timeout: float = 30.0, **values: object) -> list[Message]:
        """Do an action that answers with a list of events."""
        _message, events = await self._guarded(name, list(values.items()), timeout, listing=True)
        return events

    async def command(self, text: str, timeout: float = 30.0) -> list[str]:
        """A command of the console; its output by lines."""
        message, _events = await self._guarded("Command", [("Command", text)], timeout, listing=False)
        return list(message.output)

    async def all(self, actions: Iterable[tuple[str, dict[str, object]]],
                  timeout: float = 30.0) -> list[Message | None]:
        """Many actions at once; None where Asterisk refused one. Raises AmiDown."""
        tasks = [self._tolerant(name, values, timeout) for name, values in actions]
        return list(await asyncio.gather(*tasks))

    async def _tolerant(self, name: str, values: dict[str, object], timeout: float) -> Message | None:
        try:
            return (await self._guarded(name, list(values.items()), timeout, listing=False))[0]
        except AmiError:
            return None

    async def _guarded(self, name: str, values: list[tuple[str, object]], timeout: float, *,
                       listing: bool) -> tuple[Message, list[Message]]:
        if not self.up.is_set():
            raise AmiDown("not connected")
        async with self._room:
            return await self._send(name, values, timeout=timeout, listing=listing)

    async def _send(self, name: str, values: list[tuple[str, object]], *, timeout: float,
                    listing: bool) -> tuple[Message, list[Message]]:
        action_id = f"sw{next(self._ids)}"
        data = encode(name, action_id, values)
        writer = self._writer
        if writer is None:
            raise AmiDown("not connected")
        waiting = _Waiting(asyncio.get_running_loop().create_future(), [] if listing else None)
        self._waiting[action_id] = waiting
        try:
            writer.write(data)
            async with asyncio.timeout(timeout):
                answer = await waiting.answer
                if not answer.is_success:
                    raise AmiError(" ".join(answer.output)[:300] or answer["message"] or "refused")
                if listing:
                    await waiting.complete.wait()
                    if self._writer is not writer:
                        raise AmiDown("connection lost")
        except TimeoutError as late:
            raise AmiDown(f"no answer to {name} in {timeout} s") from late
        except OSError as broken:
            raise AmiDown(str(broken)) from broken
        finally:
            del self._waiting[action_id]
            if waiting.answer.done() and not waiting.answer.cancelled():
                waiting.answer.exception()  # seen
        return answer, waiting.events or []
