"""Records of transferred calls, legs that nobody is with, and the codes of a domain's commands."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pbx_provisioning.agent.control import stranded
from pbx_provisioning.ami.protocol import Message
from pbx_provisioning.intake.records import parse_line
from pbx_provisioning.intake.rows import is_by_product
from pbx_provisioning.plan.model import BadPlan, DomainPlan
from pbx_provisioning.render.check import BadDialplan, check_dialplan
from pbx_provisioning.render.objects import dialplan_file, render

OLD = ('"1","n1-1.40","n1-1.40","35","1.7","PJSIP/a-1","PJSIP/t1-2","1795227998.321374","1795227998.332833",'
       '"1795228002.251008","3.929634","3.918175","ANSWERED","101","79161234531","Dial","1","7","out","101",'
       '"79161234531","t1","15","","74950000001","1",""')
PLAN = DomainPlan(domain_id=42, name="acme.example", number=1, language="ru", is_blocked=False, main_number=None,
                  stranger_ha1="a" * 32)
LEG = "Local/89161234567@sw-leg-out-00000001"


@pytest.mark.parametrize(("more", "kind", "peers"), [
    ("", "", (None, None)), (',""', "", (None, None)), (',"transferred","",""', "transferred", (None, None)),
    (',"conference fax conference","9","13"', "conference fax", (9, 13)),
    (',"trans<b>ferred x\'y ok","0","-1"', "ok", (None, None))])
def test_old_and_new_records(more: str, kind: str, peers: tuple[int | None, int | None]) -> None:
    """A spool from before an update has 27 columns."""
    record = parse_line(OLD + more)
    assert (record.kind, (record.peer_domain_id, record.peer_user_id)) == (kind, peers)


def test_by_products_are_no_calls() -> None:
    record = parse_line(OLD)
    assert not is_by_product(record)
    assert is_by_product(replace(record, direction="leg"))
    assert is_by_product(replace(record, direction="", domain_id=None))
    assert not is_by_product(replace(record, direction="in", domain_id=None))  # a number that is nobody's


def _channel(name: str, bridge: str, linked: str = "n1-1.1") -> Message:
    return Message({"channel": name, "bridgeid": bridge, "linkedid": linked})


@pytest.mark.parametrize(("others", "found"), [
    ([], {f"{LEG};1"}),
    ([("PJSIP/ivanov@acme.example-00000001", "b1")], set()),  # talks
    ([("PJSIP/ivanov@acme.example-00000001", "b9")], set()),  # asks another first
    ([("PJSIP/ivanov@acme.example-00000001", "")], set())])  # rings
def test_a_leg_that_nobody_is_with(others: list[tuple[str, str]], found: set[str]) -> None:
    listed = [_channel(f"{LEG};1", "b1"), _channel(f"{LEG};2", "b2"), _channel("PJSIP/t1-00000009", "b2"),
              _channel("PJSIP/petrov@acme.example-0000000a", "b5", "n1-9.9")]
    assert stranded(listed + [_channel(*one) for one in others]) == found
    assert stranded([replace_bridge(listed[0]), *listed[1:]]) == set()  # not answered yet


def replace_bridge(message: Message) -> Message:
    return Message({**message.fields, "bridgeid": ""})


@pytest.mark.req("SET-20")
def test_codes_of_commands_reach_the_dialplan() -> None:
    text = dialplan_file(42, render(replace(PLAN, commands=("77", "0002", "3", "4", "5"))))
    check_dialplan(42, text)
    assert "exten => dtmf,1,Return(77&0002&3&4&5)" in text
    assert "dtmf" not in dialplan_file(42, render(PLAN))
    for wrong in (("1", "2", "3", "4", "4"), ("1", "2", "3", "4"), ("1", "2", "3", "4", "12345"),
                  ("1", "2", "3", "4", "x"), ("1", "2", "3", "4", "")):
        with pytest.raises(BadPlan):
            replace(PLAN, commands=wrong)
    with pytest.raises(BadDialplan):
        check_dialplan(42, text.replace("77&", "${SHELL(id)}&"))
