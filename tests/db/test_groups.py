"""Groups in the database: what calls, messages and faxes leave in their journals, and what a deletion leaves."""

from __future__ import annotations

import io
import wave
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.kernel import files
from app.kernel.db import domain_transaction, platform_transaction
from app.kernel.i18n import speaking
from app.web.parts import Affected
from pbx_provisioning.agent.media import MediaSpool
from pbx_provisioning.intake.service import take_in
from tenants import journal as journals
from tenants import media
from tenants.destinations import registry
from tenants.faxes import jobs as fax_jobs
from tenants.faxes import queries as faxes
from tenants.faxes import work
from tenants.faxes.queries import FAXES
from tenants.groups import journal, members, queries, service, targets
from tenants.groups.present import DIRECTIONS, leaving
from tenants.groups.rules import Algorithm, NewGroup, Settings
from tenants.journal import Wanted
from tenants.voicemail import jobs as voicemail_jobs
from tests.db import billing_factories as world
from tests.db.factories import STAFF, a_domain

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]


async def a_group(actor, name: str = "Sales", extension: str = "", algorithm: Algorithm = Algorithm.ALL,
                  ids: tuple[int, ...] = (), email: str = "") -> int:
    async with domain_transaction(actor) as tx:
        group_id = await service.create(tx, NewGroup(name, extension, algorithm, ids))
        if email:
            await service.save(tx, group_id, Settings(name, extension, algorithm, email))
        return group_id


async def lines(actor, group_id: int, wanted: Wanted | None = None) -> list[journal.GroupLine]:
    async with domain_transaction(actor) as tx:
        owner = await journal.owner(tx, group_id)
        found = await journals.lines(tx, journal.CALLS, owner, wanted or Wanted(), limit=None)
        assert len(found) == await journals.total(tx, journal.CALLS, owner, wanted or Wanted())
        return found


def sound(seconds: float) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"\0\0" * int(8000 * seconds))
    return out.getvalue()


async def left(node_id: int, folder: Path, name: str, ext: str, content: bytes, **facts: object) -> int:
    """What a call left on the node, delivered by the agent and handed over by the worker."""
    (folder / f"{name}.{ext}").write_bytes(content)
    (folder / f"{name}.facts").write_text("\n".join(f"{key}={value}" for key, value in
                                                    ({"ext": ext} | facts).items()) + "\nend\n")
    count = await MediaSpool(node_id, folder).ship()
    async with platform_transaction(STAFF) as tx:
        rows = await tx.fetch("SELECT key, domain_id FROM node_media WHERE node_id = $1 AND key = $2", node_id, name)
    for row in rows:
        async with platform_transaction(STAFF) as tx:
            await media._hand_over(tx, row["domain_id"], {"node_id": node_id, "key": row["key"]})
    return count


@pytest.mark.req("GRP-67")
async def test_the_journal_of_the_manual() -> None:
    """Example 7: 27 calls; durations of 89, 73, 16 and 6 s; a colleague is shown with the login."""
    company = await world.a_company()
    colleague = await world.a_user(company.actor, "user2", "102")
    group = await a_group(company.actor, "Sales", "4321", ids=(company.user_id,))
    elsewhere = await a_group(company.actor, "Other")
    leg = f"Local/{company.user_id}@sw-group-leg-0000000a;1"

    def record(talked: float, **more: Any):
        return world.a_record(company, talked=talked, is_billable=False, **(
            {"group_id": group, "direction": "in", "user_id": None, "a_number": "74951112233", "b_number": "74950000001", "trunk": "t1",
             "dst_channel": leg} | more))

    inside = {"direction": "internal", "user_id": colleague, "a_number": "102", "b_number": "4321", "trunk": ""}
    records = [record(talked) for talked in (89, 73, 16, 6)]
    records += [record(0), record(20, **inside), record(0, **inside), record(5, kind="transferred")]
    records += [record(9, direction="out", user_id=company.user_id, b_number="74952223344", kind="redirected")]
    records += [record(0) for _ in range(18)]
    await take_in(company.node_id, records)
    await take_in(company.node_id, [record(1, group_id=elsewhere), record(1, group_id=10**9)])
    found = await lines(company.actor, group)
    assert len(found) == 27
    kinds = [one.kind for one in found]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {
        "in_ok": 4, "in_missed": 19, "group": 1, "group_missed": 1, "transferred": 1, "out_redirected": 1}
    assert sorted(one.seconds for one in found if one.kind == "in_ok") == [6, 16, 73, 89]
    [inner] = [one for one in found if one.kind == "group"]
    assert (inner.name, inner.second_line, inner.number) == ("user2", "user2", "102")
    assert {one.member for one in found if one.kind == "in_ok"} == {"ivanov"}
    assert len(await lines(company.actor, group, Wanted(direction="out"))) == 1
    assert len(await lines(company.actor, group, Wanted(search="user2"))) == 2
    assert len(await lines(company.actor, elsewhere)) == 1
    async with domain_transaction(company.actor) as tx:  # misses of the group are nobody's own
        own = await tx.fetch("SELECT user_id, kind FROM user_call WHERE domain_id = $1 AND is_incoming", tx.domain_id)
    assert {(row["user_id"], row["kind"]) for row in own} == {
        (company.user_id, "in_ok"), (company.user_id, "transferred")}


@pytest.mark.req("GRP-44")
async def test_messages_and_faxes_reach_the_group_and_its_address(tmp_path: Path) -> None:
    assert voicemail_jobs.service
    assert fax_jobs.on_media
    company = await world.a_company()
    group = await a_group(company.actor, "Sales", "600", email="sales@company.example")
    facts = {"domain": company.id, "group": group, "at": int(datetime.now(UTC).timestamp()), "number": "74951112233",
             "did": "74950000001", "linkedid": "1.1"}
    assert await left(company.node_id, tmp_path, "voicemail-1.1", "wav", sound(3), kind="voicemail", **facts) == 1
    [line] = await lines(company.actor, group)
    assert (line.kind, line.seconds, line.has_audio) == ("voicemail", 3, True)
    async with domain_transaction(company.actor) as tx:
        found = await journal.audio_of(tx, group, line.id)
        assert found
        assert (await files.load(tx, found[0])).media_type == "audio/mpeg"
    assert await left(company.node_id, tmp_path, "fax-1.2", "tif", b"II*\0", kind="fax", pages=1, complete=1,
                      **facts) == 1
    async with domain_transaction(company.actor) as tx:
        owner = await journal.owner(tx, group)
        [fax] = await journals.lines(tx, FAXES, owner, Wanted(), limit=None)
        assert fax.is_incoming
        await tx.execute("UPDATE fax SET state = 'converting' WHERE domain_id = $1 AND id = $2", tx.domain_id, fax.id)
        await work.converted(tx, fax.id, tiff=b"", pdf=b"%PDF", pages=1)
        assert await faxes.pdf_of(tx, owner, fax.id)
        assert [one.event for one in await faxes.protocol(tx, owner, fax.id)][:1] == ["received"]
    async with platform_transaction(STAFF) as tx:
        letters = await tx.fetch("SELECT subject, attachment_id FROM mail_message WHERE recipient = "
                                 "'sales@company.example' ORDER BY id")
    assert len(letters) == 2
    assert all(one["attachment_id"] for one in letters)
    assert "Sales" in letters[0]["subject"]
    other = await a_domain()  # another domain's group takes nothing
    theirs = await a_group(other, "Theirs")
    wrong = facts | {"group": theirs}
    assert await left(company.node_id, tmp_path, "voicemail-1.3", "wav", sound(3), kind="voicemail", **wrong) == 0


async def test_what_a_deletion_tells_and_leaves() -> None:
    company = await world.a_company()
    group = await a_group(company.actor, "Sales", "600", ids=(company.user_id,))
    gone: list[tuple[str, int]] = []

    async def tell(_tx, code: str, number: int) -> list[Affected]:
        return [Affected("Rules", ["line 1"])] if (code, number) == ("group", group) else []

    async def end(_tx, code: str, number: int) -> None:
        gone.append((code, number))

    registry.on_pointers(tell, end)
    await take_in(company.node_id, [world.a_record(company, talked=5, direction="in", user_id=None, group_id=group,
                                                   is_billable=False)])
    async with domain_transaction(company.actor) as tx:
        row = await queries.one(tx, group)
        names = [name for one in (*leaving(row), *await registry.pointers(tx, "group", group)) for name in one.names]
        assert {"600", "line 1", *row.names} <= set(names)
        await service.delete(tx, group)
        assert gone == [("group", group)]
        assert await tx.fetchval("SELECT count(*) FROM group_journal WHERE domain_id = $1", tx.domain_id) == 1
        assert await tx.fetchval("SELECT name FROM group_label WHERE domain_id = $1 AND group_id = $2", tx.domain_id,
                                 group) == "Sales"
        assert await tx.fetchval("SELECT count(*) FROM domain_user WHERE domain_id = $1", tx.domain_id) == 1
        assert await queries.of_user(tx, company.user_id) == []


async def test_the_end_of_the_contact_centre() -> None:
    company = await world.a_company()
    group = await a_group(company.actor)
    async with domain_transaction(company.actor) as tx:
        await tx.execute("UPDATE call_group SET algorithm = 'acd_random', answer_seconds = 99 WHERE domain_id = $1",
                         tx.domain_id)
        assert await service.acd_groups(tx) == ["Sales"]
        await service.end_acd(tx)
        after = await queries.card(tx, group)
        assert (after.algorithm, after.workplace.answer_seconds) == (Algorithm.ALL, 20)


@pytest.mark.req("GRP-11", "GRP-42")
async def test_how_a_group_is_shown_to_others() -> None:
    company = await world.a_company()
    boris = await world.a_user(company.actor, "boris", "102")
    group = await a_group(company.actor, "Sales", "600", ids=(company.user_id, boris))
    lonely = await a_group(company.actor, "Lonely", ids=(boris,))
    with speaking("ru"):
        assert [str(words).removeprefix("Направление вызовов").strip(" :") for words in DIRECTIONS.values()] == [
            "не задано", "всем пользователям", "случайное", "наиболее свободное", "наименее занятое"]
    with speaking("en"):
        await _check_words(company, group, boris, lonely)


async def _check_words(company: world.Company, group: int, boris: int, lonely: int) -> None:
    async with domain_transaction(company.actor) as tx:
        for algorithm, text in (("none", ""), ("all", "Calls come to all users"),
                                ("acd_random", "Calls are distributed in random order"),
                                ("acd_longest_idle", "Calls go to the operator who has been free longest"),
                                ("acd_least_occupied", "Calls go to the operator least loaded")):
            await tx.execute("UPDATE call_group SET algorithm = $2 WHERE domain_id = $1", tx.domain_id, algorithm)
            found = (await targets.find(tx, [group]))[group]
            count = "0 operators" if algorithm.startswith("acd") else "2 users"
            assert (found.name, found.detail, found.more) == ("Sales", "600", " · ".join(filter(None, (count, text))))
        await tx.execute("UPDATE domain_user SET is_operator = true WHERE domain_id = $1", tx.domain_id)
        await members.set_priority(tx, group, boris, 5)
        assert (await targets.find(tx, [group]))[group].more == (
            "2 operators · Calls are distributed by the users' priority")
        assert [one.id for one in await targets.choices(tx, "sal", 10)] == [group]
        empty, left_over = await queries.orphaned_by(tx, [boris])
        assert ([one.id for one in empty], left_over) == ([lonely], [])
        await tx.execute("UPDATE domain_user SET is_operator = false WHERE domain_id = $1 AND id = $2", tx.domain_id,
                         company.user_id)
        empty, left_over = await queries.orphaned_by(tx, [boris])
        assert ([one.id for one in empty], [one.id for one in left_over]) == ([lonely], [group])
