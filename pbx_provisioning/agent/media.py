"""Brings what callers left for users and groups (voice messages, faxes) from the node to the panel: each exactly once.

The one spool for every feature; its other ends are `node/templates/sw-media.conf` (how the dialplan finishes a
file) and `tenants/media.py` (who takes it). A file is deleted here after the commit; a crash in between delivers it
again, and the key in the database knows it. What cannot be delivered is kept in `spool/media/refused`.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from datetime import UTC, datetime
from pathlib import Path

import structlog

from app.kernel.db import platform_transaction
from pbx_provisioning.agent.reconciler import AGENT
from pbx_provisioning.ami import Message
from tenants import media
from tenants.calls.personal.audio import NotAudio, encoded, encoded_sides

log = structlog.get_logger()

LOOK_SECONDS = 2.0
KEEP_REFUSED_SECONDS = 7 * 86_400  # for whoever looks into it; a message to a deleted user is among them
MAX_BYTES = 64 * 1024 * 1024
MAX_TALK_BYTES = 24 * 3600 * 16_000  # of a WAV, before it is made into MP3
SHORTEST_TALK_SECONDS = 0.5
RECORDING = "recording"
_KEY = re.compile(r"[A-Za-z0-9._-]{1,120}")
_ENDING = re.compile(r"[a-z0-9]{1,5}")
_NUMBER = re.compile(r"[0-9]{1,18}")


def read_facts(text: str) -> dict[str, str] | None:
    """None while the dialplan is still writing."""
    lines = text.splitlines()
    if "end" not in lines:
        return None
    return dict(line.split("=", 1) for line in lines if "=" in line)


def _owner(facts: dict[str, str]) -> dict[str, int]:
    """A user or a group, nothing when it is neither."""
    for name in ("user", "group"):
        if _NUMBER.fullmatch(facts.get(name, "")):
            return {f"{name}_id": int(facts[name])}
    return {}


def _as_mp3(path: Path) -> tuple[bytes, float]:
    """A conversation is long: it is stored and carried as MP3. Nothing of what is no sound, or was too short for it."""
    with path.open("rb") as source:
        try:
            content, seconds = (encoded_sides if path.suffix == ".raw" else encoded)(source)
        except NotAudio:
            return b"", 0.0
    return (content, seconds) if seconds >= SHORTEST_TALK_SECONDS else (b"", seconds)


class MediaSpool:
    """`run()` until cancelled; `on_event` makes it look at once."""

    def __init__(self, node_id: int, folder: Path) -> None:
        self.node_id, self.folder = node_id, folder
        self._wake = asyncio.Event()

    def on_event(self, event: Message) -> None:
        if event["userevent"] == "SwMedia":
            self._wake.set()

    async def run(self) -> None:
        while True:
            try:
                await self.ship()
            except Exception as error:  # the database is away: the files wait
                log.warning("media_put_off", error=repr(error)[:200])
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), LOOK_SECONDS)

    async def ship(self) -> int:
        """Deliver what is complete; how many. One that cannot be delivered does not hold up the others."""
        count = 0
        for path in await asyncio.to_thread(lambda: sorted(self.folder.glob("*.facts"))):
            facts = read_facts(path.read_text("utf-8", "replace"))
            if facts is None:
                continue
            ending = facts.get("ext", "")
            content = path.with_suffix(f".{ending}" if _ENDING.fullmatch(ending) else ".none")
            if await self._deliver(path.stem, facts, content):
                count += 1
                content.unlink(missing_ok=True)
                path.unlink(missing_ok=True)
            else:
                await asyncio.to_thread(self._put_aside, path, content)
        return count

    async def _deliver(self, key: str, facts: dict[str, str], content: Path) -> bool:
        domain, owner = facts.get("domain", ""), _owner(facts)
        if not (_KEY.fullmatch(key) and _NUMBER.fullmatch(domain) and owner):
            return False
        size = content.stat().st_size if content.is_file() and not content.is_symlink() else 0
        if size == 0:  # the caller left nothing
            return True
        is_talk = facts.get("kind") == RECORDING
        if size > (MAX_TALK_BYTES if is_talk else MAX_BYTES):
            return False
        if is_talk:
            data, seconds = await asyncio.to_thread(_as_mp3, content)
            if not data:
                return True
            facts = {**facts, "seconds": str(round(seconds))}
        else:
            data = await asyncio.to_thread(content.read_bytes)
        at = facts.get("at", "")
        recorded_at = datetime.fromtimestamp(int(at), UTC) if _NUMBER.fullmatch(at) and len(at) < 12 else \
            datetime.fromtimestamp(content.stat().st_mtime, UTC)
        async with platform_transaction(AGENT) as tx:
            return await media.deliver(
                tx, node_id=self.node_id, key=key, domain_id=int(domain), **owner,
                kind=facts.get("kind", ""), facts=facts, content=data, recorded_at=recorded_at)

    def _put_aside(self, *paths: Path) -> None:
        refused = self.folder / "refused"
        refused.mkdir(exist_ok=True)
        for path in paths:
            if path.exists():
                path.replace(refused / path.name)
        log.error("media_refused", key=paths[0].stem)

    def forget_refused(self) -> None:
        """What lay aside for a week, by the time it was recorded."""
        oldest_kept = time.time() - KEEP_REFUSED_SECONDS
        for path in (self.folder / "refused").glob("*"):
            if path.stat().st_mtime < oldest_kept:
                path.unlink(missing_ok=True)
