"""Files of features: uploaded or dictated in a form, owned by what is saved with them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from app.kernel import clock
from app.kernel.db import domain_transaction, platform_transaction
from app.kernel.errors import NotFound, Refused
from pbx_provisioning.agent.audio import Audio
from tenants.media import Media
from tenants.sounds import jobs, prompts, recording
from tenants.sounds.convert import convert
from tenants.sounds.service import Original
from tests.db.factories import STAFF
from tests.http.browser import Browser
from tests.http.people import Someone, a_user
from tests.http.test_personal import a_wav, an_mp3
from tests.http.test_users import errors, post

pytestmark = pytest.mark.anyio


@pytest.fixture
async def admin(client: Browser) -> Someone:
    user = await a_user(login="admin", is_admin=True)
    await client.sign_in(user.login, user.domain)
    client.cookies["lang"] = "en"
    return user


async def upload(client: Browser, name: str, content: bytes, slot: str = "audio_id"):
    token = await client.csrf("/me")
    return await client.post("/prompts", data={"name": slot, "label": "Menu <b>"}, files={"file": (name, content)},
                             headers={"HX-Request": "true", "X-CSRF-Token": token})


async def all_of(admin: Someone) -> list[prompts.Prompt]:
    async with domain_transaction(admin.actor) as tx:
        ids = [row["id"] for row in await tx.fetch("SELECT id FROM prompt WHERE domain_id = $1 ORDER BY id",
                                                   tx.domain_id)]
        found = await prompts.find(tx, ids)
    return [found[one] for one in ids]


async def test_upload_listen_and_the_rules_of_files(client: Browser, admin: Someone, web: object) -> None:
    original = a_wav(2.5)
    answer = await upload(client, "../Меню.wav", original)
    assert answer.status_code == 200
    [kept] = await all_of(admin)
    assert (kept.name, kept.seconds, kept.milliseconds, kept.is_recorded) == ("Меню.wav", 2, 2500, False)
    assert f'name="audio_id" value="{kept.id}"' in answer.text
    assert "Menu &lt;b&gt;" in answer.text
    whole = await client.get(f"/prompts/{kept.id}/audio?download=1")
    assert whole.content == original
    assert "attachment" in whole.headers["content-disposition"]
    part = await client.get(f"/prompts/{kept.id}/audio", headers={"Range": "bytes=0-3"})
    assert (part.status_code, part.content) == (206, b"RIFF")
    assert (await upload(client, "a.mp3", an_mp3())).status_code == 200
    for name, content in (("a.mp3", b"MZ not a sound"), ("a.wav", a_wav()[:40] + b"\0" * 9), ("a.wav", b""),
                          ("long.wav", a_wav(301, 8000)), ("big.wav", a_wav(1) + b"\0" * 10 * 1024 * 1024)):
        refused = await upload(client, name, content)
        assert refused.status_code == 422, name
        assert errors(refused).keys() == {"file"}
    assert (await upload(client, "a.wav", a_wav(), slot='x" onfocus=')).status_code == 400
    assert len(await all_of(admin)) == 2
    async with Browser(web) as stranger:
        other = await a_user(is_admin=True)
        await stranger.sign_in(other.login, other.domain)
        assert (await stranger.get(f"/prompts/{kept.id}/audio")).status_code == 404
        async with domain_transaction(other.actor) as tx:
            with pytest.raises(NotFound):
                await prompts.use(tx, kept.id)
            assert await prompts.find(tx, [kept.id]) == {}


async def test_what_no_form_was_saved_with_goes(client: Browser, admin: Someone, tmp_path: Path) -> None:
    sound = convert(a_wav(1.2), "wav")
    async with domain_transaction(admin.actor) as tx:
        used, unused = [await prompts.keep(tx, Original("a.wav", "wav", a_wav(1.2)), sound) for _ in range(2)]
        await prompts.use(tx, used)
        with pytest.raises(NotFound):  # it has an owner
            await prompts.use(tx, used)
        files = await tx.fetchval("SELECT count(*) FROM file WHERE domain_id = $1", tx.domain_id)
    await jobs.delete_unused_prompts({})
    assert [one.id for one in await all_of(admin)] == [used, unused]
    with clock.at(clock.now() + timedelta(days=1, minutes=1)):
        await jobs.delete_unused_prompts({})
    assert [one.id for one in await all_of(admin)] == [used]
    await _node_has(admin, tmp_path, used, sound.wav)
    async with domain_transaction(admin.actor) as tx:
        await prompts.drop(tx, used)
        assert await tx.fetchval("SELECT count(*) FROM file WHERE domain_id = $1", tx.domain_id) == files - 2
        for _ in range(prompts.MOST_UNUSED):
            await prompts.keep(tx, Original("a.wav", "wav", b"RIFF"), sound)
        with pytest.raises(Refused):
            await prompts.keep(tx, Original("a.wav", "wav", b"RIFF"), sound)


class _Ami:
    def __init__(self) -> None:
        self.commands: list[str] = []

    async def command(self, text: str) -> None:
        self.commands.append(text)


async def _node_has(admin: Someone, state: Path, prompt_id: int, content: bytes) -> None:
    """The agent brings files in use, and a class of music for each."""
    async with platform_transaction(STAFF) as tx:
        node_id = await tx.fetchval("SELECT pbx_node_id FROM domain WHERE id = $1", admin.actor.domain_id)
    brought = Audio(node_id, state, _Ami())  # type: ignore[arg-type]
    await brought.bring()
    [prompt] = await all_of(admin)
    assert (state / f"lib/audio/{prompt.sha256}/sound.wav").read_bytes() == content
    assert f"[p{prompt_id}]\nmode = files\ndirectory = audio/{prompt.sha256}\n" in brought.conf.read_text()


async def dictate(admin: Someone, request_id: int, ring_user_id: int, content: bytes) -> None:
    async with domain_transaction(admin.actor) as tx:
        await recording.keep_prompt(tx, Media("k", 1, tx.domain_id, ring_user_id, "prompt",
                                              {"request": str(request_id)}, content, tx.now))


async def newest(admin: Someone) -> int:
    async with domain_transaction(admin.actor) as tx:
        return await tx.fetchval("SELECT max(id) FROM recording_request WHERE domain_id = $1", tx.domain_id)


async def test_call_and_record(client: Browser, admin: Someone) -> None:
    slot = {"name": "audio_id", "label": "Menu"}
    asked = await client.get("/prompts/record", params=slot)
    assert "data-prompt-extension" not in asked.text  # the administrator has a phone
    answer = await post(client, "/prompts/record", slot)
    first = await newest(admin)
    assert f'data-prompt-poll="/prompts/recording/{first}"' in answer.text
    assert (await post(client, "/prompts/record", slot)).status_code == 409  # it rings already
    await dictate(admin, first, admin.id + 1, a_wav())  # not whose phone rang
    assert "data-prompt-poll" in (await client.get(f"/prompts/recording/{first}", params=slot)).text
    await dictate(admin, first, admin.id, a_wav(0.6))  # under a second
    ended = await client.get(f"/prompts/recording/{first}", params=slot)
    assert "Nothing was recorded" in ended.text
    assert await all_of(admin) == []
    await post(client, "/prompts/record", slot)
    second = await newest(admin)
    await dictate(admin, second, admin.id, a_wav(3))
    await dictate(admin, second, admin.id, a_wav(5))  # a repeat
    [kept] = await all_of(admin)
    assert (kept.seconds, kept.is_recorded) == (3, True)
    shown = await client.get(f"/prompts/recording/{second}", params=slot)
    assert f'name="audio_id" value="{kept.id}"' in shown.text


async def test_a_recording_is_the_askers_own(client: Browser, admin: Someone, web: object) -> None:
    await post(client, "/prompts/record", name="audio_id", label="x")
    colleague = await a_user(admin.actor, "boris", is_admin=True)
    async with Browser(web) as browser:
        await browser.sign_in(colleague.login, admin.domain)
        answer = await browser.get(f"/prompts/recording/{await newest(admin)}", params={"name": "a", "label": "b"})
        assert answer.status_code == 404
