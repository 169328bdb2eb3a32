"""Where faxes may go, how often they are tried, what the node's words mean."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pbx_provisioning.agent.faxes import read_outcome
from pbx_provisioning.agent.media import read_facts
from pbx_provisioning.plan.model import DomainPlan, User
from pbx_provisioning.render.check import check_dialplan
from pbx_provisioning.render.objects import dialplan_file, render
from tenants.destinations.model import Kind
from tenants.faxes.rules import Sender, Unsendable, is_internal, next_attempt, outside_number
from tests.golden.test_provisioning import rings

NOW = datetime(2026, 4, 21, 12, tzinfo=UTC)
ANNA = Sender("RU", "495", None, "none", "101")


@pytest.mark.req("ACC-63")
def test_t7_one_attempt_and_three_more_then_not_delivered() -> None:
    assert [next_attempt(attempts, 3, NOW, 5) for attempts in range(1, 5)] == [NOW + timedelta(minutes=5)] * 3 + [None]


@pytest.mark.req("ACC-D15")
def test_a_fax_is_restricted_as_a_call_of_its_sender() -> None:
    assert outside_number("1234567", ANNA) == "74951234567"
    assert outside_number("+44 20 7946 0018", ANNA) == "442079460018"
    for own, of_domain, number in (("no_international", "none", "+442079460018"), (None, "internal_only", "84951234567"),
                                   ("no_international_longdistance", "none", "88121234567")):
        with pytest.raises(Unsendable, match="restricted"):
            outside_number(number, Sender("RU", "495", own, of_domain, "101"))
    assert outside_number("84951234567", Sender("RU", "495", "none", "internal_only", "101")) == "74951234567"
    for number, why in (("112", "emergency"), ("103", "emergency"), ("8495", "number"), ("${X}", "number"), ("", "number")):
        with pytest.raises(Unsendable, match=why):
            outside_number(number, ANNA)


def test_internal_numbers_are_short() -> None:
    assert [is_internal(one) for one in ("1", "10203", "123456", "a", "")] == [True, True, False, False, False]


def test_outcomes_of_the_node() -> None:
    assert read_outcome("sent|2|") == (True, 2, "")
    assert read_outcome("sent|x|") == (True, 0, "")
    assert read_outcome("failed|1|Far end cannot receive") == (False, 0, "Far end cannot receive")
    assert read_outcome("failed||") == (False, 0, "no_fax")
    assert [read_outcome(f"unanswered|{cause}")[2] for cause in ("17", "19", "21", "1", "34", "")] == [
        "busy", "no_answer", "refused", "wrong_number", "unreachable", "unreachable"]
    assert read_outcome("begun")[2] == read_outcome("rubbish")[2] == "interrupted"


def test_facts_are_read_when_they_are_whole() -> None:
    assert read_facts("kind=fax\ndomain=4\n") is None
    assert read_facts("kind=fax\npages=2\nend\n") == {"kind": "fax", "pages": "2"}


@pytest.mark.req("FAX-13")
def test_a_number_may_lead_to_the_fax_of_a_user() -> None:
    plan = DomainPlan(domain_id=42, name="a.example", number=1, language="ru", is_blocked=False, main_number=None,
                      stranger_ha1="0" * 32, users=(User(7, "anna", "101", "1" * 32),),
                      parts=rings(("74951234567", 7), ("74951234568", 9), kind=Kind.FAX))
    text = dialplan_file(42, render(plan))
    check_dialplan(42, text)
    assert "exten => 74951234567,1,Gosub(sw-in-fax,s,1(42,7))" in text
    assert "exten => 74951234568,1,Gosub(sw-in-busy,s,1(42))" in text
