"""Expressions of private routes, and what of a route reaches the PBX."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pbx_provisioning.features import load_all
from pbx_provisioning.features.private_routes import FORM, Route, Share, render
from pbx_provisioning.plan.checks import BadPlan
from pbx_provisioning.plan.model import DomainPlan
from pbx_provisioning.plan.private import PrivateTrunk
from pbx_provisioning.render.check import check_dialplan
from pbx_provisioning.render.objects import dialplan_file
from pbx_provisioning.render.objects import render as render_domain
from pbx_provisioning.render.private import private_file
from tenants.numbers.rules import Restriction
from tenants.private_routes.expression import BadExpression, parse
from tenants.private_routes.lines import Lines
from tenants.private_routes.rules import Settings

DOMAIN = "a.example"


@pytest.mark.req("PRV-23")
def test_the_example_of_the_manual() -> None:
    """T21."""
    found = parse(r"sip:8(\d{3}@.*)")
    assert [number for number in ("8123", "81234", "123", "8*23") if found.matches(number, DOMAIN)] == ["8123"]


@pytest.mark.req("PRV-41")
def test_three_branches_with_the_same_internal_numbers() -> None:
    """T22."""
    routes = [parse(rf"sip:{digit}\d{{3}}@.*") for digit in "123"]
    assert [[place for place, one in enumerate(routes) if one.matches(number, DOMAIN)]
            for number in ("1101", "2101", "3101", "101")] == [[0], [1], [2], []]


@pytest.mark.parametrize("typed", [
    "(", "[", "(?=8)1", "(?<!8)1", r"(8)\1", r"(?P<a>8)(?P=a)", "(?i)8", r"8\b", "a$8", "8^", "(?>8)", "8*+", "8{101}",
    "((8{99}){99}){99}", "(" * 200 + "8" + ")" * 200, "[" + "8" * 255 + "]", "(8|" * 60 + "8" + ")" * 60])
def test_what_cannot_be_translated_is_refused(typed: str) -> None:
    with pytest.raises(BadExpression):
        parse(typed)


def test_a_slow_expression_is_asked_quickly() -> None:
    found = parse(r"sip:((\d*)*)*x@.*")
    assert not found.matches("1" * 40, DOMAIN)


def plan(share: Share | None) -> DomainPlan:
    return DomainPlan(42, DOMAIN, 1, "ru", False, "74950000001", "0" * 32,
                      parts=(("private_routes", share),) if share else ())


HOSTILE = r'sip:(8\$\{SHELL\(id\)\}|9,1|"x"|;|\$\[1\]|\\|`id`)\d+@.*'


@pytest.mark.parametrize("typed", [r"sip:8(\d{3}@.*)", "", HOSTILE])
def test_lines_of_the_dialplan(typed: str) -> None:
    load_all()
    route = Route(7, Settings("x", expression=typed, is_group_only=True, group_id=3, caller="outgoing", cut=1,
                              restriction=Restriction.INTERNAL_ONLY, allows_from=True), ("74950000001",), (15,))
    share = Share(Lines(5, 3), (route,), ("74950000001",))
    text = dialplan_file(42, render_domain(plan(share)))
    check_dialplan(42, text)
    assert "include => sw-private\ninclude => sw-emergency\ninclude => sw-out" in text
    for line in ("exten => lines,1,Return(5&3)", "exten => r7,1,Return(1&outgoing&1&pai&diversion)",
                 "exten => t7,1,Return(internal_only&1)", "exten => m7u15,1,Return()", "exten => n7,1,Return(74950000001)",
                 "exten => c74950000001,1,Return()", f"exten => list,1,Return({7 if typed else ''})"):
        assert f"\n{line}\n" in text, line
    assert "${" not in text.split("[d42-prv]")[1].split("[d42-to]")[0]
    assert all(FORM.fullmatch(line) for line in render(plan(share), share).values())
    assert "sw-private" not in dialplan_file(42, render_domain(plan(None)))


def trunk(**changes: Any) -> PrivateTrunk:
    return replace(PrivateTrunk(7, 42, "ru", "203.0.113.9", 5080, "udp", "", "alaw,g722"), **changes)


def test_trunks_of_the_node() -> None:
    by_address, by_password = private_file([trunk()]), private_file([trunk(host="pbx.example", password="s3cret!")])
    assert "match = 203.0.113.9\n" in by_address
    assert "identify_by = ip\n" in by_address
    assert "contact = sip:203.0.113.9:5080\n" in by_address
    assert "set_var = SW_PRV_OF=42\n" in by_address
    assert "type = auth" not in by_address
    assert "identify_by = username\nauth = prv7\n" in by_password
    assert "type = identify" not in by_password
    for bad in ({"host": "pbx.example"}, {"host": "1.2.3.4\nx"}, {"password": "a b"}, {"password": "a\n[x]"},
                {"codecs": "all\n"}, {"transport": "tls"}, {"port": 0}, {"host": "a;b", "password": "x"}):
        with pytest.raises(BadPlan):
            trunk(**bad)
