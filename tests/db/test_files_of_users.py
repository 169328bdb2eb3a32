"""What callers left and people uploaded goes with its user: rows, bytes, and the copies on the nodes."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path

import pytest

from app.kernel import clock, files
from app.kernel.actors import Actor
from app.kernel.db import DomainTx, domain_transaction, platform_transaction
from app.settings import settings
from pbx_provisioning.agent import audio
from pbx_provisioning.agent.audio import Audio
from pbx_provisioning.agent.media import KEEP_REFUSED_SECONDS, MediaSpool
from tenants.calls.personal.service import attach_voicemail
from tenants.sounds import service as sounds
from tenants.sounds.convert import Converted
from tenants.sounds.service import Original, Slot
from tenants.users import service as users
from tests.db.factories import STAFF, a_domain
from tests.db.test_users import a_user

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]


async def everything_of(tx: DomainTx, user_id: int, node_id: int) -> list[int]:
    """A voice message, a fax with its two files, a greeting; ids of the files."""
    message, source, pdf = [await files.store(tx, os.urandom(99), name=name, media_type="audio/wav")
                            for name in ("message", "source", "pdf")]
    await attach_voicemail(tx, user_id=user_id, node_id=node_id, linkedid=f"l{message}", file_id=message, seconds=3,
                           number="101", recorded_at=tx.now)
    await tx.execute("INSERT INTO fax (domain_id, user_id, is_incoming, state, at, source_id, pdf_id) "
                     "VALUES ($1, $2, true, 'delivered', $3, $4, $5)", tx.domain_id, user_id, tx.now, source, pdf)
    sound = os.urandom(50)
    await sounds.keep(tx, user_id, Slot.GREETING, Original("hello.wav", "wav", sound), Converted(sound, 1))
    greeting = await tx.fetchval("SELECT file_id FROM audio WHERE domain_id = $1 AND user_id = $2", tx.domain_id,
                                 user_id)
    return [message, source, pdf, greeting]


async def node_of(actor: Actor) -> int:
    async with platform_transaction(STAFF) as tx:
        return await tx.fetchval("SELECT pbx_node_id FROM domain WHERE id = $1", actor.domain_id)


async def left(ids: list[int]) -> set[int]:
    async with platform_transaction(STAFF) as tx:
        return {row["id"] for row in await tx.fetch("SELECT id FROM file WHERE id = ANY($1::bigint[])", ids)}


async def test_files_go_with_their_user_and_with_nobody_else() -> None:
    actor, other = await a_domain(), await a_domain()
    node_id = await node_of(actor)
    anna, boris, stranger = await a_user(actor, "anna"), await a_user(actor, "boris"), await a_user(other, "anna")
    async with domain_transaction(actor) as tx:
        hers, his = await everything_of(tx, anna, node_id), await everything_of(tx, boris, node_id)
        digests = [row["sha256"] for row in await tx.fetch("SELECT sha256 FROM file WHERE id = ANY($1::bigint[])", hers)]
        talk = await files.store(tx, os.urandom(9), name="talk", media_type="audio/wav")
        await tx.execute("UPDATE user_call SET audio_id = $3 WHERE domain_id = $1 AND user_id = $2", tx.domain_id, anna,
                         talk)
    async with domain_transaction(other) as tx:
        foreign = await everything_of(tx, stranger, node_id)
    async with domain_transaction(actor) as tx:
        await users.delete_user(tx, anna)
    assert await left(hers + his + foreign) == {*his, *foreign}
    assert await left([talk]) == {talk}  # the recording of a conversation is the domain's
    old = time.time() - 2 * files.UNREFERENCED_SECONDS
    for path in settings().files_dir.glob("*/*"):
        os.utime(path, (old, old))
    async with platform_transaction(STAFF) as tx:
        await files.remove_unreferenced(tx)
        assert (await files.load(tx, his[0])).name == "message"
    assert not {path.name for path in settings().files_dir.glob("*/*")} & set(digests)


async def test_a_sound_that_is_taken_away_leaves_no_file() -> None:
    actor = await a_domain()
    anna, node_id = await a_user(actor, "anna"), await node_of(actor)
    async with domain_transaction(actor) as tx:
        *_rest, greeting = await everything_of(tx, anna, node_id)
        await sounds.remove(tx, anna, Slot.GREETING)
    assert await left([greeting]) == set()


class Quiet:
    """Stands for Asterisk's manager interface, which only reloads music here."""

    def __init__(self) -> None:
        self.said: list[str] = []

    async def command(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio, "KEEP_UNUSED_SECONDS", -1)


@pytest.mark.usefixtures("no_waiting")
async def test_the_node_forgets_sounds_of_deleted_users_without_another_change(tmp_path: Path) -> None:
    actor = await a_domain()
    anna, boris = await a_user(actor, "anna"), await a_user(actor, "boris")
    async with domain_transaction(actor) as tx:
        for user_id in (anna, boris):
            sound = os.urandom(50)
            await sounds.keep(tx, user_id, Slot.HOLD, Original("hold.wav", "wav", sound), Converted(sound, 1))
        hers, his = [await tx.fetchval("SELECT sha256 FROM audio WHERE domain_id = $1 AND user_id = $2", tx.domain_id,
                                       user_id) for user_id in (anna, boris)]
    node = Audio(await node_of(actor), tmp_path, Quiet())  # type: ignore[arg-type]
    await node.bring()
    assert (tmp_path / "lib/audio" / hers / "sound.wav").exists()
    async with domain_transaction(actor) as tx:
        await users.delete_user(tx, anna)
    for _ in range(2):  # the first notices, the second is as good as a day later
        await node.bring()
    assert not (tmp_path / "lib/audio" / hers).exists()
    assert (tmp_path / "lib/audio" / his / "sound.wav").exists()
    assert hers not in (tmp_path / "etc/musiconhold.d/audio.conf").read_text()


async def test_what_nobody_took_is_forgotten_after_a_week(tmp_path: Path) -> None:
    refused = tmp_path / "refused"
    refused.mkdir()
    for name, age in (("new.wav", timedelta(days=1)), ("old.wav", timedelta(seconds=KEEP_REFUSED_SECONDS + 60))):
        (refused / name).write_bytes(b"RIFF")
        moment = (clock.now() - age).timestamp()
        os.utime(refused / name, (moment, moment))
    MediaSpool(1, tmp_path).forget_refused()
    assert [path.name for path in refused.iterdir()] == ["new.wav"]
