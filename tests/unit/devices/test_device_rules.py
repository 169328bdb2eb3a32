"""What identifies a phone, and what it is told."""

from __future__ import annotations

import pytest

from tenants.devices.config import Account, Facts, generic, grandstream, yealink
from tenants.devices.rules import Proxies, Server, effective, host_of, mac_of, serial_of

ROWS = Proxies(True, Server("p1.example.com"), Server("10.0.0.2", 5080))
ANNA = Account("anna", "a.pbx.example", "d7-1", "s3cret", 'Анна "А"\n<b>', "101", 5060)


def facts(**changes) -> Facts:
    known = {"mac": "0015651A2B3C", "account": ANNA, "proxies": ROWS, "backup_server": Server("b.example.com"),
             "utc_minutes": 180, "language": "ru", "phonebook": "https://x/phonebook/t"}
    return Facts(**(known | changes))


@pytest.mark.parametrize(("typed", "mac"), [("00:15:65:1a:2b:3c", "0015651A2B3C"), ("0015.651a.2b3c", "0015651A2B3C"),
                                            (" 00-15-65-1A-2B-3C ", "0015651A2B3C")])
def test_a_mac_may_be_written_in_any_way(typed: str, mac: str) -> None:
    assert mac_of(typed) == mac


@pytest.mark.parametrize("typed", ["", "00:15:65:1a:2b", "00:15:65:1a:2b:3g", "000000000000", "ff:ff:ff:ff:ff:ff"])
def test_what_is_no_mac(typed: str) -> None:
    with pytest.raises(ValueError, match="MAC"):
        mac_of(typed)


def test_serial_numbers_and_hosts() -> None:
    assert serial_of(" abC123 ") == "ABC123"
    for wrong in ("abc", "a" * 33, "abc-123", "абвг"):
        with pytest.raises(ValueError, match="serial"):
            serial_of(wrong)
    assert [host_of(one) for one in ("SIP.Example.com.", "10.0.0.1", "[2001:db8::1]")] == [
        "sip.example.com", "10.0.0.1", "2001:db8::1"]
    for wrong in ("", "localhost", "a b.example", "x\nP1=2.example", "10.0.0.300", "-a.example.com", "a..b.com",
                  "fe80::1%eth0", "fe80::1%x\naccount.1.password = a"):
        with pytest.raises(ValueError, match="IP"):
            host_of(wrong)


@pytest.mark.req("DEV-13")
def test_which_proxy_counts() -> None:
    off = Proxies(False, Server("kept.example.com"))
    assert effective(off, ROWS, uses_domain=True) == ROWS
    assert effective(ROWS, off, uses_domain=True) is None
    assert effective(ROWS, off, uses_domain=False) == ROWS
    assert effective(off, ROWS, uses_domain=False) is None


@pytest.mark.req("DEV-07", "DEV-12")
def test_a_row_that_is_off_is_not_told() -> None:
    only_backup = facts(proxies=Proxies(True, None, Server("b.example.com")), backup_server=None)
    assert "outbound_proxy.1" not in yealink(only_backup)
    assert "account.1.outbound_proxy.2.address = b.example.com" in yealink(only_backup)
    none = facts(proxies=None, backup_server=None)
    assert "outbound_proxy" not in yealink(none)
    assert "P48" not in grandstream(none)
    assert "Proxy" not in generic(none)
    assert "sip_server.2" not in yealink(none)


def test_each_maker_gets_its_form_and_no_text_breaks_out() -> None:
    text = yealink(facts())
    assert 'account.1.display_name = Анна "А" <b>\n' in text
    for line in ("account.1.auth_name = d7-1", "account.1.password = s3cret", "account.1.user_name = anna",
                 "account.1.sip_server.1.address = a.pbx.example", "local_time.time_zone = +3",
                 "account.1.sip_server.2.address = b.example.com", "account.1.outbound_proxy.2.port = 5080"):
        assert f"{line}\n" in text, line
    text = grandstream(facts(utc_minutes=-210))
    for part in ("<mac>0015651a2b3c</mac>", "<P36>d7-1</P36>", "<P3>Анна \"А\" &lt;b&gt;</P3>", "<P246>UTC+3:30</P246>",
                 "<P48>p1.example.com:5060</P48>", "<P2312>b.example.com:5060</P2312>"):
        assert part in text, part
    free = facts(account=None, phonebook="")
    assert "s3cret" not in yealink(free) + grandstream(free) + generic(free)
    assert "account.1.enable = 0" in yealink(free)
