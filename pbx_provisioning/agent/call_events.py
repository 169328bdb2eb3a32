"""Tells what happens in calls while it happens: follows the node's file of channel events and writes events for the
domains that want them (`[d<id>-events]`) to the outbox.

Where it is and which calls it follows is kept in a file of its own beside the offset of the records, after the database
has the events: a crash in between tells some twice, which their numbers show.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import structlog

from app.kernel import outbox
from app.kernel.db import PlatformTx, platform_transaction
from pbx_provisioning.agent.call_course import MARK, Courses, Happening
from pbx_provisioning.agent.reconciler import AGENT
from pbx_provisioning.apply import files
from tenants.calls.sessions import session_id

log = structlog.get_logger()

EVENT = "call_event"
CHUNK = 256 * 1024
LOOK_SECONDS = 0.2
_TYPES = {"in": "incoming", "internal": "internal"}


class CallEvents:
    """`run()` until cancelled."""

    def __init__(self, node_id: int, path: Path, state: Path) -> None:
        self.node_id, self.path, self._state = node_id, path, state / "call-events.json"
        self.courses = Courses()
        self._waiting: list[Happening] = []
        self._file: BinaryIO | None = None
        self._rest = b""

    async def run(self) -> None:
        self._close()
        self.courses, self._waiting, self._rest = Courses(), [], b""
        self._open_where_left()
        while True:
            more = await self.round()
            if not more:
                await asyncio.sleep(LOOK_SECONDS)

    async def round(self) -> bool:
        """One portion of the file. False: nothing was there."""
        if self._waiting:
            await self._publish()
        if self._file is None and self.path.exists():
            self._file = self.path.open("rb")
        if self._file is None:
            return False
        data = self._file.read(CHUNK)
        if not data:
            return self._next_file()
        self._take(data)
        if self._waiting:
            await self._publish()
        return True

    def _take(self, data: bytes) -> None:
        whole, newline, rest = (self._rest + data).rpartition(b"\n")
        if not newline:
            self._rest = rest[-CHUNK:]
            return
        self._rest = rest
        if not self.courses.calls and MARK.encode() not in whole:
            return
        for line in whole.decode("utf-8", "replace").split("\n"):
            self._waiting += self.courses.feed(line)

    async def _publish(self) -> None:
        """Raises what the database raises: the events wait."""
        try:
            async with platform_transaction(AGENT) as tx:
                for event in self._waiting:
                    await self._write(tx, event)
        except Exception as error:
            log.warning("call_events_put_off", error=repr(error)[:200])
            await asyncio.sleep(1)
            return
        self._waiting = []
        self._keep()

    async def _write(self, tx: PlatformTx, event: Happening) -> None:
        domain = await tx.fetchrow("SELECT name FROM domain WHERE id = $1 AND pbx_node_id = $2", event.domain_id,
                                   self.node_id)
        if domain is None:
            return
        people = {row["id"]: row for row in await tx.fetch(
            "SELECT id, login, extension, recording_on FROM domain_user WHERE domain_id = $1 "
            "AND (id = ANY($2::bigint[]) OR login = $3)", event.domain_id,
            [event.from_user, event.user_id, *event.talked], event.login)}
        by_login = {row["login"]: row for row in people.values()}
        caller, party = people.get(event.from_user), people.get(event.user_id) or by_login.get(event.login)
        session = session_id(self.node_id, event.linkedid, datetime.fromtimestamp(event.at, UTC))
        dialled = event.to_number or await _ordered_number(tx, event)
        took_part = {event.from_user, *event.talked}
        await outbox.publish(tx, EVENT, {
            "session_id": str(session), "seq": event.seq, "state": event.state, "linkedid": event.linkedid,
            "node_id": self.node_id, "at": event.at, "type": _TYPES.get(event.direction, "outbound"),
            "domain": domain["name"],
            "from_user": caller["id"] if caller else 0, "from_login": caller["login"] if caller else "",
            "from_pin": caller["extension"] if caller else "", "from_number": event.from_number,
            "to_number": dialled, "user": party["id"] if party else 0, "login": party["login"] if party else "",
            "pin": party["extension"] if party else "", "number": event.number, "cause": event.cause,
            "is_record": any(row["recording_on"] for row in people.values() if row["id"] in took_part)
            and bool(event.talked or event.direction == "out"),
        }, domain_id=event.domain_id)

    # ------------------------------------------------------------------ the file

    def _open_where_left(self) -> None:
        kept = self._load()
        for place in (self.path, self.path.with_name(self.path.name + ".1")):
            if place.exists() and place.stat().st_ino == kept.get("inode"):
                self._file = place.open("rb")
                self._file.seek(min(kept["offset"], place.stat().st_size))
                self.courses.restore(kept["calls"])
                self.courses.forget_old(time.time())
                return
        if self.path.exists():  # nothing is known of what stands there: it is over
            self._file = self.path.open("rb")
            self._file.seek(0, 2)

    def _load(self) -> dict[str, Any]:
        text = files.read(self._state)
        try:
            found = json.loads(text) if text else {}
            return found if isinstance(found, dict) and {"inode", "offset", "calls"} <= found.keys() else {}
        except ValueError:
            log.error("call_events_state_unreadable", file=str(self._state))
            return {}

    def _keep(self) -> None:
        assert self._file is not None
        files.replace(self._state, json.dumps({
            "inode": self._inode(), "offset": self._file.tell() - len(self._rest), "calls": self.courses.kept()}))

    def _inode(self) -> int:
        assert self._file is not None
        return os.fstat(self._file.fileno()).st_ino

    def _next_file(self) -> bool:
        """At the end: True when Asterisk writes to another file by now, whose beginning is next."""
        if not self.path.exists() or self.path.stat().st_ino == self._inode():
            self.courses.forget_old(time.time())
            return False
        self._close()
        self._file, self._rest = self.path.open("rb"), b""
        return True

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


async def _ordered_number(tx: PlatformTx, event: Happening) -> str:
    """Whom a call that the system places is to reach in the end."""
    number = event.linkedid.removeprefix("order-")
    if number == event.linkedid or not number.isdigit():
        return ""
    found = await tx.fetchrow(
        "SELECT o.then_code, u.extension FROM call_order o LEFT JOIN domain_user u ON u.domain_id = o.domain_id "
        "AND o.then_code = 'u' || u.id WHERE o.domain_id = $1 AND o.id = $2", event.domain_id, int(number))
    if found is None:
        return ""
    return found["extension"] or (found["then_code"][1:] if found["then_code"][0] == "n" else "")
