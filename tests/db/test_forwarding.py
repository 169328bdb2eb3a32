"""Schemes on a real database: the main rule, accounts of the pool, what reaches the node, the trial."""

from __future__ import annotations

from hashlib import sha256

import asyncpg
import pytest

from app.kernel import parameters
from app.kernel.actors import Actor
from app.kernel.db import domain_transaction, platform_transaction
from app.kernel.errors import InvalidFields
from pbx_provisioning.authorise.question import Allow, Deny, Question
from pbx_provisioning.authorise.service import authorise
from pbx_provisioning.plan.scheme import Leg, Reach, load_reach
from tenants.forwarding import service
from tenants.forwarding.rules import Kind
from tenants.forwarding.service import RuleData
from tenants.sounds import service as sounds
from tenants.sounds.convert import Converted
from tenants.sounds.service import Original, Slot
from tenants.users import service as users
from tests.db.billing_factories import MOSCOW, a_company, channel
from tests.db.factories import STAFF, a_domain, a_tariff, domain_name
from tests.http.people import a_user

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]


def sip(number: str) -> RuleData:
    return RuleData(Kind.SIP, number, 5, 20, True, ())


async def reach_of(actor: Actor) -> tuple[dict[int, Reach], bool]:
    name = await domain_name(actor)
    async with platform_transaction(STAFF) as tx:
        found, has_hold = await load_reach(tx, actor.domain_id, name, "Europe/Moscow")
        return dict(found), has_hold


@pytest.mark.req("FWD-05", "FWD-10")
async def test_the_database_keeps_the_main_rule() -> None:
    anna = await a_user(await a_domain(), "anna")
    for sql in ("DELETE FROM forwarding_rule WHERE domain_id = $1",
                "UPDATE forwarding_rule SET kind = 'sip', number = 'a@b.example' WHERE domain_id = $1",
                "INSERT INTO forwarding_rule (domain_id, user_id, kind) SELECT domain_id, user_id, 'main' "
                "FROM forwarding_rule WHERE domain_id = $1"):
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            async with domain_transaction(anna.actor) as tx:
                await tx.execute(sql, tx.domain_id)


@pytest.mark.req("FWD-08")
async def test_accounts_of_the_pool_only_while_it_lasts() -> None:
    here, there, elsewhere = await a_domain(), await a_domain(), await a_domain()
    anna, boris, carl = await a_user(here, "anna"), await a_user(there, "boris"), await a_user(elsewhere, "carl")
    async with platform_transaction(STAFF) as tx:
        pool = await tx.fetchval("INSERT INTO pool (name) VALUES ($1) RETURNING id", f"Pool of {anna.domain}")
        await tx.execute("UPDATE domain SET pool_id = $1 WHERE id = ANY($2::bigint[])", pool,
                         [here.domain_id, there.domain_id])
    async with domain_transaction(here) as tx:
        await service.add_rule(tx, anna.id, sip(f"boris@{boris.domain}"))
    with pytest.raises(InvalidFields):
        async with domain_transaction(here) as tx:
            await service.add_rule(tx, anna.id, sip(f"carl@{carl.domain}"))
    found, _hold = await reach_of(here)
    scheme = found[anna.id].scheme
    assert scheme is not None
    assert scheme.legs == (Leg(5, False, f"boris@{boris.domain}", 20), Leg(10, False, f"anna@{anna.domain}", 40))
    async with platform_transaction(STAFF) as tx:
        before = await tx.fetchval("SELECT desired FROM provisioning_state WHERE domain_id = $1", here.domain_id)
        await tx.execute("UPDATE domain SET pool_id = NULL WHERE id = $1", there.domain_id)
        after = await tx.fetchval("SELECT desired FROM provisioning_state WHERE domain_id = $1", here.domain_id)
    assert after > before  # rendered anew, though nothing of this domain was changed
    assert (await reach_of(here))[0] == {anna.id: Reach()}  # only the main number is left, as at the beginning


@pytest.mark.req("FWD-04", "FWD-23", "USR-81", "USR-88")
async def test_what_reaches_the_node() -> None:
    actor = await a_domain()
    anna, boris, carl = [await a_user(actor, login) for login in ("anna", "boris", "carl")]
    async with domain_transaction(actor) as tx:
        [main] = (await service.scheme_of(tx, boris.id)).rules
        await service.change_rule(tx, boris.id, main.id, RuleData(Kind.MAIN, "", 10, 25, True, ()))
        await service.set_voicemail(tx, carl.id, True)
        for whose, slot in ((carl.id, Slot.VM_GREETING), (carl.id, Slot.HOLD), (None, Slot.HOLD)):
            await sounds.keep(tx, whose, slot, Original("a.wav", "wav", b"x"), Converted(b"wav", 3))
    found, has_hold = await reach_of(actor)
    assert has_hold
    assert anna.id not in found
    assert found[boris.id] == Reach(25)
    scheme = found[carl.id].scheme
    assert scheme is not None
    assert (scheme.voicemail, scheme.greeting, found[carl.id].has_hold) == (sha256(b"wav").hexdigest(), "", True)
    async with domain_transaction(actor) as tx:
        await sounds.set_voicemail_greeting(tx, carl.id, False)
    scheme = (await reach_of(actor))[0][carl.id].scheme
    assert scheme is not None
    assert scheme.voicemail == "none"
    async with domain_transaction(actor) as tx:
        await users.delete_user(tx, carl.id)  # rules and sounds go along
    assert (await reach_of(actor))[0].keys() == {boris.id}


@pytest.mark.req("ACC-04", "ACC-D2", "FWD-26")
async def test_a_trial_forwards_outside_only_where_the_provider_allows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    company = await a_company(commercial=False, tariff_id=await a_tariff(("7", "1.50")))
    async with domain_transaction(company.actor) as tx:
        await tx.execute("UPDATE domain SET trial_seconds_left = 100 WHERE id = $1", company.id)

    async def forwarded():
        return await authorise(Question("pbx1", company.id, company.user_id, MOSCOW, channel(), is_redirected=True))

    assert await forwarded() == Deny("trial")
    assert isinstance(await company.authorise(), Allow)  # an ordinary call of the trial
    real = parameters.get

    async def allowed(tx, key: str):
        return True if key == "trial.external_forwarding" else await real(tx, key)

    monkeypatch.setattr(parameters, "get", allowed)
    assert isinstance(await forwarded(), Allow)
    async with domain_transaction(company.actor) as tx:
        await tx.execute("UPDATE domain SET trial_seconds_left = 0 WHERE id = $1", company.id)
    assert await forwarded() == Deny("trial")
