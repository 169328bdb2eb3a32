"""Greetings and melodies on the node: files by content, classes of music, as the database wants them.

A file is fetched from the database when it is missing, written beside and renamed; what no domain of the node uses any
more is removed a day later (a call may still be playing it). Everything can be repeated.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from pathlib import Path

import structlog

from app.kernel.db import platform_transaction
from pbx_provisioning.agent.reconciler import AGENT
from pbx_provisioning.ami import AmiClient
from pbx_provisioning.apply import files

log = structlog.get_logger()

KEEP_UNUSED_SECONDS = 86_400
TIDY_SECONDS = 3_600.0
Class = tuple[str, str]  # name, file


class Audio:
    """`bring()` before dialplan that names the files is applied."""

    def __init__(self, node_id: int, asterisk_state: Path, ami: AmiClient) -> None:
        self.node_id, self.ami = node_id, ami
        self.folder = asterisk_state / "lib/audio"
        self.conf = asterisk_state / "etc/musiconhold.d/audio.conf"
        self._loaded: str | None = None  # what Asterisk was told last
        self._at_work = asyncio.Lock()  # what one round takes for unused, another may want

    def forget(self) -> None:
        """Asterisk came up: it reads the file itself, but perhaps an older one."""
        self._loaded = None

    async def bring(self) -> None:
        """Files first, then the classes that name them."""
        async with self._at_work:
            await self._bring()

    async def tidy(self) -> None:
        """The same without a change, so that what nobody uses leaves a quiet node, too."""
        if self.ami.up.is_set():
            await self.bring()

    async def _bring(self) -> None:
        async with platform_transaction(AGENT) as tx:
            rows = await tx.fetch(
                "SELECT a.domain_id, a.user_id AS owner_id, a.slot, a.sha256 FROM audio a "
                "JOIN domain d ON d.id = a.domain_id WHERE d.pbx_node_id = $1 "
                "ORDER BY a.domain_id, a.user_id NULLS FIRST, a.slot", self.node_id)
            rows += await tx.fetch(
                "SELECT p.domain_id, p.id AS owner_id, 'prompt' AS slot, p.sha256 FROM prompt p "
                "JOIN domain d ON d.id = p.domain_id WHERE d.pbx_node_id = $1 AND p.is_used ORDER BY p.id",
                self.node_id)
        wanted = {row["sha256"] for row in rows}
        present = self._present()
        for digest in sorted(wanted - present):
            async with platform_transaction(AGENT) as tx:
                content = await tx.fetchval(
                    "SELECT content FROM audio WHERE sha256 = $1 UNION ALL SELECT content FROM prompt "
                    "WHERE sha256 = $1 LIMIT 1", digest)
            if content is not None:
                self._write(digest, content)
        text = music_classes([_class(row["domain_id"], row["owner_id"], row["slot"], row["sha256"]) for row in rows
                              if row["slot"] in ("hold", "ringback", "prompt")])
        if text != files.read(self.conf):
            self.conf.parent.mkdir(parents=True, exist_ok=True)
            files.replace(self.conf, text)
        if text != self._loaded:
            await self.ami.command("moh reload")
            self._loaded = text
        self._sweep(present - wanted)

    def _present(self) -> set[str]:
        self.folder.mkdir(parents=True, exist_ok=True)
        return {path.parent.name for path in self.folder.glob("*/sound.wav")}

    def _write(self, digest: str, content: bytes) -> None:
        """A folder for each: that is what a class of music names."""
        folder = self.folder / digest
        folder.mkdir(exist_ok=True)
        files.same_owner(folder)
        files.replace(folder / "sound.wav", content)
        log.info("audio_written", digest=digest[:12], bytes=len(content))

    def _sweep(self, unused: set[str]) -> None:
        for mark in self.folder.glob("*.unused"):
            if mark.stem not in unused:
                mark.unlink(missing_ok=True)
        for digest in unused:
            mark = self.folder / f"{digest}.unused"
            if not mark.exists():
                mark.touch()
            elif time.time() - mark.stat().st_mtime > KEEP_UNUSED_SECONDS:
                shutil.rmtree(self.folder / digest, ignore_errors=True)
                mark.unlink(missing_ok=True)


def _class(domain_id: int, owner_id: int | None, slot: str, digest: str) -> Class:
    """Hold of a user u<id>, of a domain d<id>; the ringback melody of a user r<id>; a file of a feature p<its id>."""
    if slot == "prompt":
        return f"p{owner_id}", digest
    name = f"d{domain_id}" if owner_id is None else f"{'u' if slot == 'hold' else 'r'}{owner_id}"
    return name, digest


def music_classes(classes: list[Class]) -> str:
    """Each class plays its one file; the folder is looked for below Asterisk's data."""
    parts = ["; Written by the agent; changes made here are undone."]
    parts += [f"[{name}]\nmode = files\ndirectory = audio/{digest}" for name, digest in classes]
    return "\n\n".join(parts) + "\n"
