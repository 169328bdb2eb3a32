"""The configuration of a phone as its maker wants it: Yealink, Grandstream, and plain XML for others [DEV-D, DEV-13].

Only a bound phone gets an account. A row that is not passed does not occur, so the phone keeps its own value [DEV-12].
"""

from __future__ import annotations

from dataclasses import dataclass
from xml.sax.saxutils import escape

from tenants.devices.rules import Proxies, Server


@dataclass(frozen=True, slots=True)
class Account:
    """`login`@`domain` is the address; the phone signs in as `auth_name`."""

    login: str
    domain: str
    auth_name: str
    password: str
    display_name: str
    extension: str
    port: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What a phone is told. `utc_minutes`: the domain's zone now; `phonebook`: root of its address book's addresses."""

    mac: str
    account: Account | None
    proxies: Proxies | None
    backup_server: Server | None
    utc_minutes: int
    language: str
    phonebook: str = ""


def _line(text: str) -> str:
    """Typed text as one line without anything that ends a value."""
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())[:100]


def yealink(facts: Facts) -> str:
    lines = ["#!version:1.0.0.1", f"local_time.time_zone = {_yealink_zone(facts.utc_minutes)}",
             "local_time.ntp_server1 = pool.ntp.org",
             f"lang.gui = {'Russian' if facts.language == 'ru' else 'English'}", "account.1.codec.1.enable = 1",
             "account.1.codec.1.payload_type = PCMA", f"account.1.enable = {int(facts.account is not None)}"]
    if facts.account:
        one = facts.account
        lines += [f"account.1.label = {_line(one.extension)}", f"account.1.display_name = {_line(one.display_name)}",
                  f"account.1.user_name = {one.login}", f"account.1.auth_name = {one.auth_name}",
                  f"account.1.password = {one.password}", f"account.1.sip_server.1.address = {one.domain}",
                  f"account.1.sip_server.1.port = {one.port}"]
    if facts.backup_server:
        lines += [f"account.1.sip_server.2.address = {facts.backup_server.host}",
                  f"account.1.sip_server.2.port = {facts.backup_server.port}"]
    if facts.proxies:
        lines.append("account.1.outbound_proxy_enable = 1")
        for number, server in ((1, facts.proxies.primary), (2, facts.proxies.backup)):
            if server:
                lines += [f"account.1.outbound_proxy.{number}.address = {server.host}",
                          f"account.1.outbound_proxy.{number}.port = {server.port}"]
    if facts.phonebook:
        lines += [f"remote_phonebook.data.1.url = {facts.phonebook}/yealink.xml",
                  "remote_phonebook.data.1.name = Switchroom"]
    return "\n".join(lines) + "\n"


def _yealink_zone(minutes: int) -> str:
    sign, rest = "-" if minutes < 0 else "+", abs(minutes)
    return f"{sign}{rest // 60}" + (f":{rest % 60:02}" if rest % 60 else "")


def grandstream(facts: Facts) -> str:
    """P-values: 47, 2312 SIP servers; 48, 2333 outbound proxies; 35, 36, 34, 3 the account; 331 the address book."""
    hours, rest = divmod(abs(facts.utc_minutes), 60)
    sign = "-" if facts.utc_minutes >= 0 else "+"  # POSIX counts the other way
    values: dict[str, str] = {"P64": "customize", "P246": f"UTC{sign}{hours}" + (f":{rest:02}" if rest else ""),
                              "P271": str(int(facts.account is not None)),
                              "P1362": "ru" if facts.language == "ru" else "en"}
    if facts.account:
        one = facts.account
        values |= {"P47": f"{one.domain}:{one.port}", "P35": one.login, "P36": one.auth_name, "P34": one.password,
                   "P3": _line(one.display_name), "P270": _line(one.extension)}
    if facts.backup_server:
        values["P2312"] = str(facts.backup_server)
    if facts.proxies:
        for key, server in (("P48", facts.proxies.primary), ("P2333", facts.proxies.backup)):
            if server:
                values[key] = str(server)
    if facts.phonebook:
        values |= {"P330": "1", "P331": facts.phonebook}
    lines = "\n".join(f"    <{key}>{escape(value)}</{key}>" for key, value in values.items())
    return ('<?xml version="1.0" encoding="UTF-8"?>\n<gs_provision version="1">\n'
            f"  <mac>{facts.mac.lower()}</mac>\n  <config version=\"1\">\n{lines}\n  </config>\n</gs_provision>\n")


def generic(facts: Facts) -> str:
    values: list[tuple[str, str]] = [("mac", facts.mac), ("utcOffsetMinutes", str(facts.utc_minutes)),
                                     ("language", facts.language)]
    if facts.account:
        one = facts.account
        values += [("userName", one.login), ("authName", one.auth_name), ("password", one.password),
                   ("displayName", _line(one.display_name)), ("extension", one.extension), ("sipServer", one.domain),
                   ("sipPort", str(one.port))]
    if facts.backup_server:
        values.append(("backupSipServer", str(facts.backup_server)))
    if facts.proxies:
        values += [(name, str(server)) for name, server in (("primaryProxy", facts.proxies.primary),
                                                            ("backupProxy", facts.proxies.backup)) if server]
    if facts.phonebook:
        values.append(("phonebook", f"{facts.phonebook}/yealink.xml"))
    lines = "\n".join(f"  <{key}>{escape(value)}</{key}>" for key, value in values)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<device>\n{lines}\n</device>\n'
