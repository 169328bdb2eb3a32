from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from pbx_provisioning.features.parts import Shares
from pbx_provisioning.features.routing import Number, Numbers
from pbx_provisioning.plan.checks import BadPlan
from pbx_provisioning.plan.model import DomainPlan, Trunk, User
from pbx_provisioning.render.check import check_dialplan
from pbx_provisioning.render.objects import Objects, dialplan_file, digest, render
from pbx_provisioning.render.trunks import globals_file, pjsip_file
from tenants.destinations.model import Destination, Kind
from tenants.routing.rules import Line, Rule

Golden = Callable[[str, str], None]
USERS = (User(7, "ivanov", "101", "0123456789abcdef0123456789abcdef", "Иванов Иван"),
         User(8, "anna.p", "102", "fedcba9876543210fedcba9876543210", is_restricted=True))


def rings(*pairs: tuple[str, int | None], kind: Kind = Kind.USER) -> Shares:
    """Numbers of a domain with one plain rule to a user, or none."""
    return (("routing", Numbers("Europe/Moscow", tuple(
        Number(place, e164, Line((Rule(place, 1, Destination(kind, user, "user" if kind is Kind.FAX else "")),)
                                 if user else ())) for place, (e164, user) in enumerate(pairs, 1)))),)


OFFICE = DomainPlan(
    domain_id=42, name="acme.pbx.example", number=3, language="ru", is_blocked=False, main_number="74951234567",
    stranger_ha1="a" * 32, users=USERS, parts=rings(("74951234567", 7), ("74951234568", None)))


def accounts(objects: Objects) -> str:
    return "".join(f"{body}\n" for (kind, _key), body in sorted(objects.items()) if kind == "endpoint")


def test_office(golden: Golden) -> None:
    objects = render(OFFICE)
    text = dialplan_file(42, objects)
    check_dialplan(42, text)
    golden("provisioning/office.conf", text)
    golden("provisioning/office.accounts", accounts(objects))


def test_blocked_domain_reaches_emergency_numbers_only(golden: Golden) -> None:
    text = dialplan_file(42, render(replace(OFFICE, is_blocked=True)))
    check_dialplan(42, text)
    golden("provisioning/blocked.conf", text)


@pytest.mark.req("SVC-40")
def test_channels_of_a_domain(golden: Golden) -> None:
    text = dialplan_file(42, render(replace(OFFICE, channels_in=5, channels_out=1000)))
    check_dialplan(42, text)
    golden("provisioning/channels.conf", text)
    for wrong in (0, -1):
        with pytest.raises(BadPlan):
            replace(OFFICE, channels_in=wrong)


def test_empty_domain(golden: Golden) -> None:
    text = dialplan_file(42, render(replace(OFFICE, users=(), parts=(), main_number=None)))
    check_dialplan(42, text)
    golden("provisioning/empty.conf", text)


def test_a_user_called_anonymous_keeps_the_account() -> None:
    user = User(9, "anonymous", "103", "b" * 32)
    body = render(replace(OFFICE, users=(user,)))["endpoint", "anonymous@acme.pbx.example"]
    assert '"user_id": 9' in body


def test_trunks(golden: Golden) -> None:
    trunks = [Trunk(1, "sip.carrier.example", 5060, "", "", "udp", "e164"),
              Trunk(2, "127.0.0.3", 5080, "switchroom", "s3cret#", "tcp", "plus"),
              Trunk(3, "2001:db8::1", 5060, "", "", "udp", "e164")]
    golden("provisioning/trunks.conf", pjsip_file(trunks))
    golden("provisioning/globals.conf", globals_file(trunks))


def test_same_plan_same_bytes() -> None:
    again = replace(OFFICE, users=tuple(USERS), parts=tuple(OFFICE.parts))
    assert render(again) == render(OFFICE)
    assert digest(render(again)) == digest(render(OFFICE))
    assert dialplan_file(42, render(again)) == dialplan_file(42, render(OFFICE))


@pytest.mark.parametrize("line", [
    "exten => 101,1,System(id)", "#exec id", "exten => 101,2,Gosub(sw-user,s,1(ivanov@a,7,60))",
    "[d43-users]", "[general]", "exten => _X.,1,Gosub(sw-user,s,1(ivanov@a,7,60))",
    "exten => 101,1,Gosub(sw-user,s,1(${SHELL(id)}@a,7,60))", "include => d43-ext"])
def test_a_foreign_line_is_refused(line: str) -> None:
    from pbx_provisioning.render.check import BadDialplan

    text = dialplan_file(42, render(OFFICE))
    with pytest.raises(BadDialplan):
        check_dialplan(42, text + line + "\n")


@pytest.mark.req("REC-D6")
def test_whose_calls_are_recorded() -> None:
    first, second = OFFICE.users
    recorded = render(replace(OFFICE, users=(replace(first, is_recorded=True), second)))
    assert recorded.keys() - render(OFFICE).keys() == {("conf", f"rec{first.id}")}
    text = dialplan_file(42, recorded)
    assert f"exten => rec{first.id},1,Return()" in text
    check_dialplan(42, text)
