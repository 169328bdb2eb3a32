"""What phones of a domain may dial and in which order, and the domain's part of its pool's context."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pbx_provisioning.plan.model import BadPlan, Pool
from pbx_provisioning.render.check import BadDialplan, check_dialplan
from pbx_provisioning.render.objects import dialplan_file, render
from pbx_provisioning.render.reach import includes, with_todays_pool
from tests.golden.test_provisioning import OFFICE, Golden

POOL = Pool(3, "{route}{ext}", "4455")
FULL = replace(OFFICE, pool=POOL, pickup_code="*8")


@pytest.mark.req("POOL-D1")
def test_order_of_what_a_phone_dials(golden: Golden) -> None:
    """112, codes, own numbers, speed dial, the pool, 101–104, outside."""
    assert includes(FULL).replace("include => ", "").split("\n") == [
        "sw-112", "d42-codes", "d42-ext", "sw-speed", "p3-routes", "sw-emergency", "sw-out"]
    text = dialplan_file(42, render(FULL))
    check_dialplan(42, text)
    golden("provisioning/pool.conf", text)


@pytest.mark.req("POOL-06")
def test_expressions_with_special_characters(golden: Golden) -> None:
    texts = [dialplan_file(42, render(replace(FULL, pool=replace(POOL, expression=one))))
             for one in ("*{route}#{ext}#", "{ext}*{route}", "9{route}{ext}")]
    for text in texts:
        check_dialplan(42, text)
    golden("provisioning/pool_expressions.conf", "\n".join(texts))


@pytest.mark.req("POOL-D2")
def test_a_blocked_domain_refuses_the_pool_and_calls_nobody(golden: Golden) -> None:
    text = dialplan_file(42, render(replace(FULL, is_blocked=True)))
    check_dialplan(42, text)
    golden("provisioning/pool_blocked.conf", text)


@pytest.mark.req("POOL-D6")
def test_without_a_route_number_nobody_calls_but_the_domain_does() -> None:
    objects = render(replace(FULL, pool=replace(POOL, route=None)))
    assert [key for key in objects if key[0] == "route"] == [("route", "3")]
    assert "include => p3-routes" in objects["rest", "users"]
    check_dialplan(42, dialplan_file(42, objects))


@pytest.mark.parametrize("line", [
    "[p4-routes]", "exten => _4455XXX,1,Gosub(sw-pool,s,1(43,${EXTEN:4:3}))",
    "exten => _4455XXX,1,Gosub(sw-pool,s,1(42,${SHELL(id)}))", "exten => _X.,1,Gosub(sw-pool-blocked,s,1)",
    "exten => *8,1,System(id)"])
def test_what_does_not_belong_into_the_pools_context_is_refused(line: str) -> None:
    text = dialplan_file(42, render(FULL)).replace("[sw-did]", f"{line}\n\n[sw-did]")
    with pytest.raises(BadDialplan):
        check_dialplan(42, text)


@pytest.mark.parametrize("expression", ["{route}", "{ext}{ext}", "{route}{ext};x", "{route}\n{ext}", "X{route}{ext}"])
def test_an_expression_that_is_none_never_becomes_a_plan(expression: str) -> None:
    with pytest.raises(BadPlan):
        Pool(3, expression, "4455")


@pytest.mark.parametrize("route", ["", "44a", "４４", "44X", "44;55", "12345678901"])
def test_a_route_number_that_is_none_never_becomes_a_plan(route: str) -> None:
    with pytest.raises(BadPlan):
        Pool(3, "{route}{ext}", route)


def test_an_earlier_generation_keeps_to_the_pool_of_today() -> None:
    """A held generation must not claim a route number that is another domain's by now."""
    past = render(FULL)
    assert with_todays_pool(past, FULL) == past
    left = with_todays_pool(past, replace(FULL, pool=None))
    assert not [key for key in left if key[0] == "route" or key in (("conf", "back"), ("conf", "pool"))]
    assert "p3-routes" not in left["rest", "users"]
    moved = with_todays_pool(past, replace(FULL, pool=Pool(4, "{route}{ext}", "77")))
    text = dialplan_file(42, moved)
    check_dialplan(42, text)
    assert "_77X," in text
    assert "4455" not in text


@pytest.mark.req("PICK-06", "PICK-14")
def test_pickup_groups_are_told_by_ids() -> None:
    members = (replace(OFFICE.users[0], pickup_group=5), OFFICE.users[1])
    objects = render(replace(FULL, users=members))
    assert objects["conf", "g7"] == "exten => g7,1,Return(5)"
    assert ("conf", "g8") not in objects
    check_dialplan(42, dialplan_file(42, objects))
    off = render(replace(FULL, users=members, pickup_code=""))
    assert not [key for key in off if key[0] == "code" or key == ("conf", "g7")]
    assert "codes" not in off["rest", "users"]
