"""The spool's tail and the manager client against a scripted peer; no database."""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path

import pytest

from pbx_provisioning.agent.spool import Spool
from pbx_provisioning.ami import AmiClient, AmiDown, AmiError, Message
from pbx_provisioning.apply import files
from pbx_provisioning.intake.records import CdrRecord

pytestmark = pytest.mark.anyio


def line(sequence: int, started: float = 0.0) -> str:
    started = started or time.time() - 60
    return (f'"1","n1-1.40","n1-1.40","{sequence}","1.7","PJSIP/a-1","PJSIP/t1-2","{started:.6f}","{started:.6f}",'
            f'"{started + 4:.6f}","4.0","3.9","ANSWERED","101","79161234531","Dial","1","7","out","101",'
            '"79161234531","t1","15","","74950000001","1",""\n')


class Intake:
    """Takes batches; refuses while `is_away`."""

    def __init__(self) -> None:
        self.got: list[int] = []
        self.is_away = False

    async def take_in(self, _node_id: int, records: list[CdrRecord]) -> None:
        if self.is_away:
            raise OSError("database is away")
        self.got += [record.sequence for record in records]


@pytest.fixture
def intake() -> Intake:
    return Intake()


@pytest.fixture
def spool(tmp_path: Path, intake: Intake) -> Spool:
    return Spool(1, tmp_path / "calls.csv", tmp_path / "state", intake.take_in, batch=3, rotate_after=3600)


async def drain(spool: Spool) -> None:
    while await spool.ship_once():
        pass


async def test_a_torn_line_waits_and_rubbish_is_put_aside(spool: Spool, intake: Intake, tmp_path: Path) -> None:
    whole = line(3)
    spool.path.write_text(line(1) + "rubbish\x00,${SHELL(id)}\n" + line(2) + whole[:50])
    await drain(spool)
    assert intake.got == [1, 2]
    assert spool.backlog == 50
    assert "rubbish" in (tmp_path / "state/calls.rejected.csv").read_text()
    with spool.path.open("a") as file:
        file.write(whole[50:])
    await drain(spool)
    assert intake.got == [1, 2, 3]


async def test_what_is_not_taken_in_stays(spool: Spool, intake: Intake) -> None:
    spool.path.write_text("".join(line(number) for number in range(7)))
    intake.is_away = True
    with pytest.raises(OSError, match="away"):
        await spool.ship_once()
    intake.is_away = False
    await drain(spool)
    assert intake.got == list(range(7))


async def test_a_new_agent_goes_on_where_the_old_one_was(spool: Spool, intake: Intake, tmp_path: Path) -> None:
    spool.path.write_text(line(1))
    await drain(spool)
    with spool.path.open("a") as file:
        file.write(line(2))
    again = Spool(1, spool.path, tmp_path / "state", intake.take_in)
    await drain(again)
    assert intake.got == [1, 2]


async def test_a_lost_offset_ships_again_rather_than_not_at_all(spool: Spool, intake: Intake, tmp_path: Path) -> None:
    spool.path.write_text(line(1))
    await drain(spool)
    (tmp_path / "state/calls.offset.json").write_text("{")
    await drain(spool)
    assert intake.got == [1, 1]


async def test_a_day_old_file_is_renamed_and_read_to_its_end(spool: Spool, intake: Intake) -> None:
    spool.path.write_text(line(1))
    started = spool.path.stat().st_ino
    with pytest.MonkeyPatch.context() as patch:
        now = time.time()
        patch.setattr("pbx_provisioning.agent.spool.time.time", lambda: now + 86_400)
        await drain(spool)
        rotated = [path for path in spool.path.parent.iterdir() if path.name.startswith("calls.csv.")]
        assert [path.stat().st_ino for path in rotated] == [started]
        with rotated[0].open("a") as file:  # Asterisk had it open
            file.write(line(2))
        spool.path.write_text(line(3, started=now + 86_400))
        await drain(spool)
    assert intake.got == [1, 2, 3]


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "d1.conf"
    files.replace(path, "one\n")
    before = path.stat().st_ino
    files.replace(path, "two\n")
    assert files.read(path) == "two\n"
    assert path.stat().st_ino != before
    assert os.listdir(tmp_path) == ["d1.conf"]
    assert files.remove(path)
    assert not files.remove(path)


class Asterisk:
    """As much of a manager interface as the client needs to be tried."""

    def __init__(self) -> None:
        self.seen: list[dict[str, str]] = []
        self.server: asyncio.Server | None = None
        self.writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> int:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self.server.sockets[0].getsockname()[1]

    async def __aexit__(self, *_: object) -> None:
        assert self.server is not None
        self.server.close()
        self.drop()

    def drop(self) -> None:
        for writer in self.writers:
            writer.close()
        self.writers.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        writer.write(b"Asterisk Call Manager/9.0.0\r\n")
        try:
            while True:
                block = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
                fields = dict(part.split(": ", 1) if ": " in part else (part.rstrip(":"), "") for part in block)
                self.seen.append(fields)
                writer.write(self._answer(fields).replace("\n", "\r\n").encode())
        except (EOFError, ConnectionError):
            return

    def _answer(self, fields: dict[str, str]) -> str:
        tag = f"ActionID: {fields['ActionID']}\n"
        match fields["Action"]:
            case "Login":
                ok = fields["Secret"] == "right"
                return (f"Response: Success\n{tag}\nEvent: FullyBooted\nStatus: Fully Booted\n\n" if ok
                        else f"Response: Error\n{tag}Message: Authentication failed\n\n")
            case "Command":
                return f"Response: Success\n{tag}Message: Command output follows\nOutput: a: 1\nOutput: b\n\n"
            case "List":
                return (f"Response: Success\n{tag}EventList: start\n\nEvent: One\n{tag}Name: x\n\n"
                        f"Event: Other\nResponse: odd\n\nEvent: ListComplete\n{tag}EventList: Complete\n\n")
            case _:
                return f"Response: Error\n{tag}Message: No such channel\n\n"


async def test_actions_lists_events_and_a_lost_connection() -> None:
    peer, events = Asterisk(), []
    async with peer as port:
        client = AmiClient("127.0.0.1", port, "u", "right", on_event=lambda event: events.append(event.event))
        running = asyncio.create_task(client.run())
        await asyncio.wait_for(client.up.wait(), 3)
        assert await client.command("core show") == ["a: 1", "b"]
        assert [one["name"] for one in await client.listing("List")] == ["x"]
        with pytest.raises(AmiError, match="No such channel"):
            await client.action("AbsoluteTimeout", Channel="gone")
        with pytest.raises(ValueError, match="control character"):
            await client.action("Originate", Channel="x\r\n\r\nAction: Command")
        assert events == ["FullyBooted", "Other"]
        peer.drop()
        await asyncio.sleep(0.05)
        with pytest.raises(AmiDown):
            await client.action("Ping")
        await asyncio.wait_for(client.up.wait(), 3)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert all(set(one) <= {"Action", "ActionID", "Command", "Channel", "Username", "Secret", "Events"}
               for one in peer.seen)


async def test_a_wrong_secret_is_tried_again_and_never_up() -> None:
    async with Asterisk() as port:
        client = AmiClient("127.0.0.1", port, "u", "wrong")
        running = asyncio.create_task(client.run())
        await asyncio.sleep(0.5)
        assert not client.up.is_set()
        assert not running.done()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def test_message_keys_are_case_insensitive() -> None:
    assert Message({"channel": "x"})["Channel"] == "x"
    assert json.dumps(Message({})["absent"]) == '""'
