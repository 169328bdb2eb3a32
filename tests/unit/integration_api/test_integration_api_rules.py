"""Signature, addresses, session ids, and the course of a call from a node's events."""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from uuid import UUID

import pytest

from app.kernel.errors import InvalidFields
from app.modules.integration_api import network, rules, service
from pbx_provisioning.agent.call_course import Courses
from tenants.calls import sessions

CODE, KEY = "000003C405E6525C64C184258C44EC99", "00000716ABDA6D4DFF10F82BCBBFC532"
BODY = b'{"request_number": "+74951234567","from_sipuri": "test_user@pbx.example"}'
SIGNATURE = "233288ed2e39311c84d0c99a964ebaecb8415da61208c84961ca3d100c86e19d"


@pytest.mark.req("API-42")
def test_signature_and_whitespace() -> None:
    """T-01, T-02."""
    assert rules.sign(CODE, BODY, KEY) == SIGNATURE
    spaced = BODY.replace(b'","', b'", "')
    assert rules.sign(CODE, spaced, KEY) == "21ca22280338978d7bc2701809b38c94ac1196cb5f760939bb6d4261fd2f1803"
    assert rules.is_signed(CODE, BODY, KEY, SIGNATURE.upper())
    assert not rules.is_signed(CODE, spaced, KEY, SIGNATURE)
    assert not rules.is_signed(CODE, BODY, KEY, "")
    assert not rules.is_signed(CODE, BODY, KEY, SIGNATURE[:-1] + "ё")


def test_codes() -> None:
    assert rules.is_code(service.new_code())
    assert service.new_code() != service.new_code()


@pytest.mark.parametrize(("typed", "kept"), [
    ("crm.example.com", "crm.example.com"), ("https://crm.example.com/", "crm.example.com"),
    ("crm.example.com:4443/pbx/in", "crm.example.com:4443/pbx/in"), ("[2001:db8::1]:443", "[2001:db8::1]:443"),
    ("", ""), ("  ", "")])
def test_addresses(typed: str, kept: str) -> None:
    assert rules.external_address(typed) == kept


@pytest.mark.parametrize("typed", [
    "crm.example.com?x=1", "user@crm.example.com", "crm example.com", "crm.example.com:0", "crm.example.com:99999",
    "crm.example.com/#a", "-crm.example.com", "crm..example.com", "ftp://crm.example.com", "crm.example.com/\r\nX: y",
    "[::1", "a" * 600])
def test_what_is_no_address(typed: str) -> None:
    with pytest.raises(InvalidFields):
        rules.external_address(typed)


@pytest.mark.parametrize("address", [
    "127.0.0.1", "10.0.0.1", "192.168.1.1", "172.16.0.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "224.0.0.1",
    "255.255.255.255", "::1", "fe80::1", "fc00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
    "2002:7f00:1::"])
def test_private_addresses_are_not_called(address: str) -> None:
    assert not network.is_public(ip_address(address), ())


def test_public_addresses_and_what_the_provider_lets_through() -> None:
    assert network.is_public(ip_address("93.184.216.34"), ())
    assert network.is_public(ip_address("2606:2800:220:1::1"), ())
    assert network.is_public(ip_address("10.1.2.3"), (ip_network("10.1.0.0/16"),))
    assert not network.is_public(ip_address("10.2.2.3"), (ip_network("10.1.0.0/16"),))


def test_white_list() -> None:
    networks = [ip_network("192.0.2.10"), ip_network("198.51.100.0/24"), ip_network("2001:db8::/32")]
    for address in ("192.0.2.10", "198.51.100.7", "2001:db8::5", "::ffff:192.0.2.10"):
        assert rules.is_allowed(address, networks)
    for address in ("192.0.2.11", "2001:db9::1", "", "x"):
        assert not rules.is_allowed(address, networks)
    assert rules.is_allowed("203.0.113.1", [])
    with pytest.raises(InvalidFields):
        rules.allowed_network("300.1.1.1")


def test_session_ids_are_uuids_that_lead_back() -> None:
    at = datetime(2026, 4, 21, 13, 2, tzinfo=UTC)
    one = sessions.session_id(3, "pbx1-1776776520.17", at)
    assert one == sessions.session_id(3, "pbx1-1776776520.17", datetime(2020, 1, 1, tzinfo=UTC))
    assert one != sessions.session_id(4, "pbx1-1776776520.17", at)
    assert one != sessions.session_id(3, "pbx1-1776776520.18", at)
    assert (one.version, one.variant) == (8, UUID(int=1 << 63).variant)
    assert one.int >> 80 == 1776776520
    assert sessions.session_id(3, "order-17", at) == sessions.order_session(17) != sessions.order_session(18)


def line(event: str, at: float, channel: str, *, uniqueid: str = "pbx1-1.2", linkedid: str = "pbx1-1.1",
         user: str = "", extra: str = "") -> str:
    cells = ["1", event, f"{at:.6f}", uniqueid, linkedid, channel, "", "", "s", "sw", "", user,
             extra.replace('"', '""')]
    return ",".join(f'"{cell}"' for cell in cells)


def announced(words: str, channel: str = "PJSIP/t1-00000001", **more: str) -> str:
    return line("SwCall", 1.0, channel, user="SwCall", extra=f'{{"extra":"{words}"}}', **more)


def told(courses: Courses, *lines: str) -> list[tuple[str, int, int]]:
    return [(one.state, one.user_id, one.seq) for text in lines for one in courses.feed(text)]


@pytest.mark.req("API-07")
def test_a_call_answered_transferred_and_ended() -> None:
    """T-10: new once, connected twice, disconnected for each that left, end last; one name for all."""
    a, b = "PJSIP/anna@x.example-00000002", "PJSIP/boris@x.example-00000003"
    found = told(
        Courses(),
        line("ANSWER", 0.5, "PJSIP/t9-0000000a", uniqueid="pbx1-7.7", linkedid="pbx1-7.7"),  # nobody's call
        announced("new|42|in|0|79031234567|74951234567", uniqueid="pbx1-1.1"),
        announced("new|42|out|5||123"),  # a leg of the same call
        announced("calling|42.7|", a), announced("calling|42.7|", "PJSIP/anna@x.example-00000009"),
        line("ANSWER", 2.0, a), line("ANSWER", 2.0, "PJSIP/t1-00000001", uniqueid="pbx1-1.1"),
        announced("calling|42.8|", b), line("ANSWER", 5.0, b), line("HANGUP", 5.1, a, extra='{"hangupcause":16}'),
        line("HANGUP", 9.0, b, extra='{"hangupcause":16}'), line("LINKEDID_END", 9.0, "PJSIP/t1-00000001"),
        line("HANGUP", 9.5, b))
    assert found == [("new", 0, 1), ("calling", 7, 2), ("connected", 7, 3), ("calling", 8, 4), ("connected", 8, 5),
                     ("disconnected", 7, 6), ("disconnected", 8, 7), ("end", 0, 8)]


def test_an_outgoing_call_is_connected_when_the_carrier_answers() -> None:
    courses = Courses()
    told(courses, announced("new|42|out|7|101|84951234567", "PJSIP/anna@x.example-00000001", uniqueid="pbx1-1.1"))
    courses.restore(courses.kept())
    [answered] = courses.feed(line("ANSWER", 3.0, "PJSIP/t4-00000005"))
    assert (answered.state, answered.number, answered.direction) == ("connected", "84951234567", "out")
    assert told(courses, line("LINKEDID_END", 4.0, "PJSIP/t4-00000005")) == [("disconnected", 0, 3), ("end", 0, 4)]


def test_what_the_system_places_begins_with_its_first_ringing() -> None:
    courses = Courses()
    assert told(courses, announced("calling|42.7|", "PJSIP/anna@x.example-00000001", linkedid="order-9"),
                announced("new|42|out|7||74951234567", linkedid="order-9")) == [("new", 0, 1), ("calling", 7, 2)]


@pytest.mark.parametrize("text", [
    "", '"1"', '"1","ANSWER"', announced("new|x|in|0||"), announced("new|1"), announced("calling|1|"), "\udcff,SwCall",
    line("USER_DEFINED", 1.0, "c", user="SwCall", extra="{"), '"1","HANGUP","x","SwCall","b","c"'])
def test_torn_lines_do_no_harm(text: str) -> None:
    assert Courses().feed(text) == []
