"""What of private routes the PBX gets, and what the panel says of the transit calls of an office [PRV-12, PRV-30]."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.kernel.db import domain_transaction, platform_transaction
from app.kernel.errors import Forbidden
from app.provider.private_routes import service as provider
from app.provider.private_routes.service import Peer
from pbx_provisioning.authorise.question import Allow, Deny, Question
from pbx_provisioning.authorise.service import authorise
from pbx_provisioning.features import private_routes as feature
from pbx_provisioning.plan.private import load_private_trunks
from tenants.numbers.rules import Restriction
from tenants.private_routes import lines, service
from tenants.private_routes.lines import Lines
from tenants.private_routes.rules import Settings
from tests.db.billing_factories import a_company as a_caller
from tests.db.billing_factories import a_number, channel
from tests.db.campaigns_world import a_group
from tests.db.factories import STAFF, a_tariff
from tests.db.services_world import a_company, a_service
from tests.http.test_private_routes import PLAN, an_address

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]


@pytest.mark.parametrize(("limit", "answers"), [
    (Restriction.NONE, (True, True, True)), (Restriction.NO_INTERNATIONAL, (True, True, False)),
    (Restriction.NO_INTERNATIONAL_LONGDISTANCE, (True, False, False)), (Restriction.INTERNAL_ONLY, (False, False, False))])
async def test_the_restriction_of_a_route_is_added_to_the_domain_s(
        limit: Restriction, answers: tuple[bool, ...]) -> None:
    company = await a_caller("100", tariff_id=await a_tariff(("7", "1"), ("49", "5")))
    for digits, is_allowed in zip(("84951234567", "88121234567", "81049301234567"), answers, strict=True):
        found = await authorise(Question("pbx1", company.id, 0, digits, channel(), limit=limit))
        assert isinstance(found, Allow) if is_allowed else found == Deny("restricted"), (limit, digits)


async def test_what_the_pbx_gets() -> None:
    actor = await a_company(PLAN, money="1000")
    async with platform_transaction(STAFF) as tx:
        bound = await tx.enter_domain(actor.domain_id)
        first, second = [await provider.create(bound, name, Peer(an_address())) for name in ("first", "second")]
    group = await a_group(actor, "Branch")
    number, free = await a_number(actor), await a_number(actor, category="toll_free", is_default=False)
    settings = Settings("first", expression="sip:8.*", is_group_only=True, group_id=group, numbers=frozenset({number}),
                        allows_from=True)
    async with domain_transaction(actor) as tx:
        await lines.change(tx, Lines(3, 2))
        await service.save(tx, first, settings)
        with pytest.raises(service.InvalidFields):
            await service.save(tx, first, replace(settings, numbers=frozenset({free})))
        await service.switch(tx, second, False)
        e164 = await tx.fetchval("SELECT e164 FROM phone_number WHERE id = $1", number)
    async with platform_transaction(STAFF) as tx:
        found = await feature.load(tx, actor.domain_id)
        node = await tx.fetchval("SELECT pbx_node_id FROM domain WHERE id = $1", actor.domain_id)
        trunks = {one.id for one in await load_private_trunks(tx, node)}
    assert found is not None
    assert found.lines == Lines(3, 2)
    assert [(one.id, one.numbers) for one in found.routes] == [(first, (e164,))]
    assert found.own == (e164,)
    assert {first, second} <= trunks  # one that is off is known and refused


async def test_without_the_service_no_call_passes() -> None:
    actor = await a_company(a_service("base_fee", "user", 1))
    async with platform_transaction(STAFF) as tx:
        bound = await tx.enter_domain(actor.domain_id)
        with pytest.raises(Forbidden) as refused:
            await provider.create(bound, "first", Peer(an_address()))
        assert refused.value.code == "not_in_plan"
        assert await lines.in_force(tx, actor.domain_id) is None
