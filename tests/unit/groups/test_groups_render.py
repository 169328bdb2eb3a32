"""Groups in a domain's dialplan: only the forms that the last check knows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pbx_provisioning.features.groups import Group
from pbx_provisioning.plan.checks import BadPlan
from pbx_provisioning.plan.model import DomainPlan, User
from pbx_provisioning.plan.scheme import Leg, Reach, Scheme
from pbx_provisioning.render.check import BadDialplan, check_dialplan
from pbx_provisioning.render.objects import dialplan_file, render

SOUND = "ab" * 32
USERS = (User(7, "ivanov", "101", "0" * 32), User(8, "anna", "102", "1" * 32, reach=Reach(
    scheme=Scheme((Leg(5, True, "79161234567", 20),), "Europe/Moscow"))))
SALES = Group(3, "600", "all", 30, SOUND, 12, "system", (7, 8, 99))
PLAN = DomainPlan(domain_id=42, name="acme.pbx.example", number=3, language="ru", is_blocked=False,
                  main_number="74951234567", stranger_ha1="a" * 32, users=USERS, parts=(("groups", (SALES,)),))


def text_of(plan: DomainPlan) -> str:
    text = dialplan_file(42, render(plan))
    check_dialplan(42, text)
    return text


def test_a_group_that_rings_all() -> None:
    lines = text_of(PLAN).splitlines()
    for line in ("exten => 600,1,Gosub(sw-inner-to,s,1(42,g3))", "exten => g3,1,Gosub(sw-group,s,1(42,3))",
                 "exten => vg3,1,Gosub(sw-group-voicemail,s,1(42,3))", "exten => fg3,1,Gosub(sw-group-fax,s,1(42,3))",
                 "exten => g3,1,Set(SW_GROUP_WAY=all)", f"exten => g3,3,Set(SW_GROUP_SOUND={SOUND})",
                 "exten => g3,4,Set(SW_GROUP_MUSIC=p12)", "exten => g3,5,Set(SW_GROUP_BOX=system)",
                 "exten => g3,6,Set(SW_GROUP_MEMBERS=7&8)",  # 99 is nobody here
                 "exten => u7,1,Set(SW_PLAN=10:p:300:ivanov@acme.pbx.example&)"):
        assert line in lines, line
    assert "[d42-group]" in lines
    assert not any(line.startswith("exten => u8,1,Set(SW_PLAN=10:p:300") for line in lines)  # has a scheme


def test_an_acd_group_rings_nobody_by_itself_and_a_blocked_domain_has_no_groups() -> None:
    acd = replace(SALES, way="acd", extension="", voicemail="off", greeting="", music=None)
    text = text_of(replace(PLAN, parts=(("groups", (acd,)),)))
    assert "SW_GROUP_WAY=acd" in text
    assert "SW_GROUP_MEMBERS=)" in text
    assert "sw-inner-to" not in text
    assert "group" not in text_of(replace(PLAN, is_blocked=True)).replace("sw-group-none", "")


@pytest.mark.parametrize("wrong", [{"extension": "6;00"}, {"way": "chance"}, {"ring_seconds": 4}, {"greeting": "${X}"},
                                   {"voicemail": "a,b"}])
def test_what_could_harm_a_configuration_is_no_group(wrong: dict) -> None:
    with pytest.raises(BadPlan):
        replace(SALES, **wrong)


@pytest.mark.parametrize("line", ["exten => g3,1,Set(SW_GROUP_MEMBERS=7&8,System(x))", "exten => g3,8,Return()",
                                  "exten => u7,1,Set(SW_PLAN=10:x:300:79161234567&)"])
def test_other_lines_do_not_get_into_the_file(line: str) -> None:
    with pytest.raises(BadDialplan):
        check_dialplan(42, dialplan_file(42, render(PLAN)) + f"[d42-group]\n{line}\n")
    tampered = text_of(PLAN).replace("exten => g3,1,Set(SW_GROUP_WAY=all)", line)
    with pytest.raises(BadDialplan):
        check_dialplan(42, tampered)
