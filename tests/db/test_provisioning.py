from __future__ import annotations

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.kernel import provisioning
from app.kernel.actors import Actor
from app.kernel.db import domain_transaction, platform_transaction
from app.kernel.errors import NotFound, Refused
from pbx_provisioning import generations
from pbx_provisioning.agent.reconciler import AGENT
from pbx_provisioning.apply import store
from pbx_provisioning.apply.step import prepare
from pbx_provisioning.drift.check import wrong_rows
from pbx_provisioning.plan.load import load_wanted
from pbx_provisioning.render.objects import Objects, dialplan_file, digest
from tests.db.factories import a_domain, a_tariff, domain_name
from tests.db.provisioning_help import add_user, apply_now, change

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]


async def office(*logins: str) -> Actor:
    actor = await a_domain()
    async with domain_transaction(actor) as tx:
        for index, login in enumerate(logins):
            await add_user(tx, login, str(201 + index))
        await provisioning.want_new_generation(tx, "made")
    await apply_now(actor)
    return actor


async def rows(actor: Actor) -> dict[str, asyncpg.Record]:
    async with platform_transaction(AGENT) as tx:
        found = await tx.fetch("SELECT * FROM asterisk.endpoint WHERE domain_id = $1", actor.domain_id)
    return {row["id"]: row for row in found}


async def applied(actor: Actor) -> Objects:
    async with domain_transaction(actor) as tx:
        return await store.load_applied(tx, tx.domain_id)


async def state(actor: Actor) -> generations.State:
    async with domain_transaction(actor) as tx:
        return await generations.state_of(tx, tx.domain_id)


async def test_a_user_becomes_a_row_that_asterisk_reads() -> None:
    actor = await office("ivanov")
    name = await domain_name(actor)
    row = (await rows(actor))[f"ivanov@{name}"]
    assert (row["context"], row["realm"]) == (f"d{actor.domain_id}-users", name)
    assert f"anonymous@{name}" in await rows(actor)
    found = await state(actor)
    assert (found.applied, found.error) == (found.desired, "")


async def test_a_new_password_changes_one_row_and_no_dialplan() -> None:
    actor = await office("ivanov", "petrov")
    await change(actor, "UPDATE domain_user SET sip_ha1 = md5('x') WHERE domain_id = $1 AND login = 'ivanov'")
    step = await apply_now(actor)
    assert step is not None
    assert [(one.kind, one.key) for one in step.changes] == [("endpoint", f"ivanov@{await domain_name(actor)}")]
    assert list(step.expire) == [f"ivanov@{await domain_name(actor)}"]


async def test_a_deleted_user_is_gone() -> None:
    actor = await office("ivanov", "petrov")
    await change(actor, "DELETE FROM domain_user WHERE domain_id = $1 AND login = 'ivanov'")
    step = await apply_now(actor)
    assert step is not None
    assert f"ivanov@{await domain_name(actor)}" not in await rows(actor)
    assert ("extension", "201") not in await applied(actor)


async def test_same_login_in_two_domains() -> None:
    one, other = await office("ivanov"), await office("ivanov")
    await change(one, "DELETE FROM domain_user WHERE domain_id = $1")
    await apply_now(one)
    assert f"ivanov@{await domain_name(other)}" in await rows(other)


async def test_tenants_cannot_read_what_asterisk_reads() -> None:
    actor = await office("ivanov")
    for relation in ("endpoint", "ps_endpoints", "ps_auths", "ps_aors"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with domain_transaction(actor) as tx:
                await tx.fetch(f"SELECT * FROM asterisk.{relation}")


async def test_a_row_cannot_name_another_domain() -> None:
    actor, other = await office("ivanov"), await office("ivanov")
    body = next(body for (kind, _), body in (await applied(other)).items() if kind == "endpoint")
    async with platform_transaction(AGENT) as tx:
        await store.write_endpoints(tx, actor.domain_id, [body], [])
    assert {row["domain_id"] for row in (await rows(other)).values()} == {other.domain_id}


async def test_several_changes_make_one_generation() -> None:
    actor = await office("ivanov")
    before = (await state(actor)).applied
    for extension in ("301", "302", "303"):
        await change(actor, "UPDATE domain_user SET extension = $2 WHERE domain_id = $1", extension)
    await apply_now(actor)
    async with domain_transaction(actor) as tx:
        found, _total = await generations.generations(tx, tx.domain_id)
    assert [one.number for one in found if one.number > before] == [before + 3]


async def test_a_bad_value_leaves_the_old_configuration() -> None:
    actor = await office("ivanov")
    good = await applied(actor)
    await change(actor, "UPDATE domain SET locale = 'en' WHERE id = $1")
    async with platform_transaction(AGENT) as tx:
        wanted = await load_wanted(tx, actor.domain_id)
        assert wanted is not None
        await store.record_failure(tx, wanted, "line 3: 'x'")
    found = await state(actor)
    assert (found.error, found.applied < found.desired) == ("line 3: 'x'", True)
    assert await applied(actor) == good
    async with domain_transaction(actor) as tx:
        assert (await generations.generation(tx, tx.domain_id, found.desired)).state == "failed"
    await apply_now(actor)
    assert (await state(actor)).error == ""


async def test_a_crash_between_rows_and_acknowledgement_is_mended() -> None:
    actor = await office("ivanov")
    name = await domain_name(actor)
    await change(actor, "UPDATE domain_user SET sip_ha1 = md5('new') WHERE domain_id = $1")
    async with platform_transaction(AGENT) as tx:  # rows written, then the agent died
        wanted = await load_wanted(tx, actor.domain_id)
        assert wanted is not None
        step = await prepare(tx, wanted, known=None, repair=False, current_file="")
        assert step is not None
        await store.write_endpoints(tx, actor.domain_id, step.bodies, step.gone)
    await change(actor, "UPDATE domain_user SET sip_ha1 = md5('old') WHERE domain_id = $1")
    step = await apply_now(actor)
    assert step is not None
    assert f"ivanov@{name}" in step.expire
    async with platform_transaction(AGENT) as tx:
        assert await wrong_rows(tx, [actor.domain_id]) == []


async def test_an_older_acknowledgement_writes_nothing() -> None:
    actor = await office("ivanov")
    async with platform_transaction(AGENT) as tx:
        stale = await load_wanted(tx, actor.domain_id)
    assert stale is not None
    await change(actor, "UPDATE domain_user SET extension = '300' WHERE domain_id = $1")
    await apply_now(actor)
    async with platform_transaction(AGENT) as tx:
        assert not await store.acknowledge(tx, stale, [], digest="", objects=0)


async def test_tampered_rows_are_found() -> None:
    actor = await office("ivanov", "petrov")
    name = await domain_name(actor)
    async with platform_transaction(AGENT) as tx:
        await tx.execute("UPDATE asterisk.endpoint SET ha1 = md5('thief') WHERE id = $1", f"ivanov@{name}")
        await tx.execute("DELETE FROM asterisk.endpoint WHERE id = $1", f"petrov@{name}")
        await tx.execute("INSERT INTO asterisk.endpoint SELECT 'ghost@' || realm, domain_id, user_id, 'ghost', realm, "
                         "ha1, context, accountcode, callerid, language, max_contacts, allow FROM asterisk.endpoint "
                         "WHERE id = $1", f"ivanov@{name}")
        found = {drift.what for drift in await wrong_rows(tx, [actor.domain_id])}
        wanted = await load_wanted(tx, actor.domain_id)
        assert wanted is not None
        step = await prepare(tx, wanted, known=None, repair=True, current_file=None)
        assert step is not None
        await store.write_endpoints(tx, actor.domain_id, step.bodies, step.gone)
        assert await wrong_rows(tx, [actor.domain_id]) == []
    assert found == {f"ivanov@{name}: changed", f"petrov@{name}: missing", f"ghost@{name}: extra"}
    assert not step.is_new
    assert step.dialplan is not None


async def test_going_back_holds_until_released() -> None:
    actor = await office("ivanov")
    old_number, old = (await state(actor)).applied, await applied(actor)
    await change(actor, "UPDATE domain_user SET extension = '300' WHERE domain_id = $1")
    await apply_now(actor)
    async with platform_transaction(AGENT) as tx:
        await generations.pin(await tx.enter_domain(actor.domain_id), old_number)
    await apply_now(actor)
    assert await applied(actor) == old
    await change(actor, "UPDATE domain_user SET extension = '301' WHERE domain_id = $1")
    assert await apply_now(actor) is None
    found = await state(actor)
    assert (found.pinned, found.held) == (old_number, 1)
    async with platform_transaction(AGENT) as tx:
        await generations.release(await tx.enter_domain(actor.domain_id))
    await apply_now(actor)
    assert ("extension", "301") in await applied(actor)
    async with platform_transaction(AGENT) as tx:
        with pytest.raises(Refused):
            await generations.release(await tx.enter_domain(actor.domain_id))


async def test_a_past_generation_keeps_no_number_of_somebody_else() -> None:
    actor = await office("ivanov")
    number = f"7495{actor.domain_id:07d}"
    async with platform_transaction(AGENT) as tx:
        await tx.execute("INSERT INTO phone_number (e164, domain_id) VALUES ($1, $2)", number, actor.domain_id)
        await provisioning.want_new_generation(await tx.enter_domain(actor.domain_id), "number_given")
    await apply_now(actor)
    assert ("did", number) in await applied(actor)
    generation = (await state(actor)).applied
    async with platform_transaction(AGENT) as tx:
        await tx.execute("UPDATE phone_number SET domain_id = NULL WHERE e164 = $1", number)
        await generations.pin(await tx.enter_domain(actor.domain_id), generation)
    await apply_now(actor)
    assert ("did", number) not in await applied(actor)


async def test_a_difference_shows_no_secret() -> None:
    actor = await office("ivanov")
    first = (await state(actor)).applied
    await change(actor, "UPDATE domain_user SET sip_ha1 = md5('x') WHERE domain_id = $1")
    await apply_now(actor)
    await change(actor, "UPDATE domain_user SET extension = '300' WHERE domain_id = $1")
    await apply_now(actor)
    async with platform_transaction(AGENT) as tx:
        last = first + 2
        secret = await tx.fetchval("SELECT sip_ha1 FROM domain_user WHERE domain_id = $1", actor.domain_id)
        password_only = await generations.difference(tx, actor.domain_id, first, first + 1)
        both = await generations.difference(tx, actor.domain_id, first, last)
        dialplan, accounts = await generations.configuration(tx, actor.domain_id, last)
        with pytest.raises(NotFound):
            await generations.difference(tx, actor.domain_id, first, last + 9)
    assert password_only[0].lines == ('~"password digest": "***"',)
    assert ("extension", "300") in {(one.kind, one.key) for one in both}
    assert secret not in accounts + str(both)
    assert "exten => 300,1," in dialplan


EDITS = st.lists(st.tuples(st.sampled_from(["add", "move", "delete", "password", "block", "number"]),
                           st.integers(0, 5)), min_size=1, max_size=7)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits=EDITS)
async def test_any_generation_can_be_rebuilt(edits: list[tuple[str, int]]) -> None:
    tariff = await a_tariff()
    actor = await a_domain(tariff_id=tariff)
    await apply_now(actor)
    seen: dict[int, Objects] = {(await state(actor)).applied: await applied(actor)}
    for step, (what, which) in enumerate(edits):
        await _edit(actor, what, which, step)
        await apply_now(actor)
        seen[(await state(actor)).applied] = await applied(actor)
    async with domain_transaction(actor) as tx:
        for number, objects in seen.items():
            found = await store.objects_at(tx, tx.domain_id, number)
            assert found == objects
            assert digest(found) == (await generations.generation(tx, tx.domain_id, number)).hash
            assert dialplan_file(tx.domain_id, found) == dialplan_file(tx.domain_id, objects)


async def _edit(actor: Actor, what: str, which: int, step: int) -> None:
    """One random change of a domain; a change of nothing is a generation too."""
    login = f"user{which}"
    if what == "block":
        await change(actor, "INSERT INTO domain_block (domain_id, kind) VALUES ($1, 'administrative') "
                            "ON CONFLICT DO NOTHING")
    elif what == "number":
        async with platform_transaction(AGENT) as tx:
            await tx.execute("INSERT INTO phone_number (e164, domain_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                             f"78{which}{actor.domain_id:08d}", actor.domain_id)
            await provisioning.want_new_generation(await tx.enter_domain(actor.domain_id), what)
    elif what == "add":
        await change(actor, "INSERT INTO domain_user (domain_id, login, display_name, extension, password_hash, "
                            "sip_ha1) VALUES ($1, $2, 'x', $3, 'x', md5($2)) ON CONFLICT DO NOTHING",
                     login, str(500 + which))
    else:
        await change(actor, {
            "move": "UPDATE domain_user SET extension = $3 WHERE domain_id = $1 AND login = $2",
            "password": "UPDATE domain_user SET sip_ha1 = md5($3) WHERE domain_id = $1 AND login = $2",
            "delete": "DELETE FROM domain_user WHERE domain_id = $1 AND login = $2 AND $3 <> ''",
        }[what], login, str(700 + step))
