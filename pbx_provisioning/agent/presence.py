"""Who is registered: contacts per user, from Asterisk's events, into Redis."""

from __future__ import annotations

import asyncio
import contextlib
import time

import structlog

from app.kernel.db import platform_transaction
from pbx_provisioning.agent.live import Live
from pbx_provisioning.agent.reconciler import AGENT
from pbx_provisioning.ami import AmiClient, AmiDown, AmiError, Message

log = structlog.get_logger()

GATHER_SECONDS = 0.1  # events of so long travel together
LOOK_DELAY_SECONDS = 0.15
LOOK_ANYWAY_SECONDS = 30.0  # a registration that ran out tells nobody
REWRITE_SECONDS = 60.0  # whole hashes, because Redis may have lost some


class Presence:
    """Counts contacts of each address of record; several phones of a user are several contacts."""

    def __init__(self, node_id: int, ami: AmiClient, live: Live) -> None:
        self.node_id, self.ami, self.live = node_id, ami, live
        self._contacts: dict[str, set[int]] = {}  # aor → hashes of contact addresses
        self._changed: set[str] = set()
        self._wake = asyncio.Event()
        self._look = asyncio.Event()
        self._rewrite = True

    @property
    def registrations(self) -> int:
        return sum(len(one) for one in self._contacts.values())

    def on_event(self, event: Message) -> None:
        """A ContactStatus event."""
        aor, uri, status = event["aor"], event["uri"], event["contactstatus"]
        if "@" not in aor:
            return  # a trunk
        known = self._contacts.setdefault(aor, set())
        before = len(known)
        if status == "Removed":
            known.discard(hash(uri))
        else:
            known.add(hash(uri))
        if not known:
            del self._contacts[aor]
        if len(known) != before:
            self._changed.add(aor)
            self._wake.set()

    def on_authenticated(self, event: Message) -> None:
        """A phone proved its password, so it may have registered: look soon.

        Asterisk 22 sends ContactStatus only for endpoints that it knew when it started.
        """
        if event["service"] == "PJSIP":
            self._look.set()

    async def watch(self) -> None:
        """Read all contacts when somebody may have come or gone; never more than a tenth of the time."""
        cost = 0.0
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._look.wait(), LOOK_ANYWAY_SECONDS)
            await asyncio.sleep(LOOK_DELAY_SECONDS)
            self._look.clear()
            await self.ami.up.wait()
            began = time.monotonic()
            try:
                await self.read_all()
            except AmiDown:
                self._look.set()
            cost = time.monotonic() - began
            await asyncio.sleep(max(1.0, 10 * cost))

    async def read_all(self) -> None:
        """What Asterisk knows now."""
        found: dict[str, set[int]] = {}
        try:
            contacts = await self.ami.listing("PJSIPShowContacts")
        except AmiError:  # it has none
            contacts = []
        for contact in contacts:
            aor = contact["objectname"].partition(";@")[0]
            if contact.event == "ContactList" and "@" in aor:
                found.setdefault(aor, set()).add(hash(contact["uri"]))
        before, self._contacts = self._contacts, found
        changed = {aor for aor in before.keys() | found.keys()
                   if len(before.get(aor, ())) != len(found.get(aor, ()))}
        if changed:
            self._changed |= changed
            self._wake.set()

    def gone(self) -> None:
        """Asterisk is away: nobody can be called."""
        self._contacts.clear()
        self._rewrite = True
        self._wake.set()

    async def run(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), REWRITE_SECONDS)
                await asyncio.sleep(GATHER_SECONDS)
            self._rewrite = self._rewrite or not self._wake.is_set()
            self._wake.clear()
            changed, self._changed = self._changed, set()
            try:
                done = await (self._write_all() if self._rewrite else self._write(changed))
            except (OSError, AmiDown, TimeoutError, RuntimeError) as error:
                done = False
                log.debug("presence_put_off", error=repr(error))
            except Exception:
                done = False
                log.exception("presence_failed")
            if not done:
                self._rewrite = True
                await asyncio.sleep(1)
                self._wake.set()

    async def _users(self, aors: list[str]) -> dict[str, tuple[int, int]]:
        async with platform_transaction(AGENT) as tx:
            rows = await tx.fetch("SELECT id, domain_id, user_id FROM asterisk.endpoint WHERE id = ANY($1) "
                                  "AND user_id IS NOT NULL", aors)
        return {row["id"]: (row["domain_id"], row["user_id"]) for row in rows}

    async def _write(self, aors: set[str]) -> bool:
        users = await self._users(list(aors))
        return await self.live.set_presence({
            users[aor]: len(self._contacts.get(aor, ())) for aor in aors if aor in users})

    async def _write_all(self) -> bool:
        async with platform_transaction(AGENT) as tx:
            domains: dict[int, dict[int, int]] = {
                row["id"]: {} for row in await tx.fetch("SELECT id FROM domain WHERE pbx_node_id = $1", self.node_id)}
        for aor, (domain_id, user_id) in (await self._users(list(self._contacts))).items():
            domains.setdefault(domain_id, {})[user_id] = len(self._contacts.get(aor, ()))
        done = await self.live.replace_presence(domains)
        self._rewrite = not done
        return done
