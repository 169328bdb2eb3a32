"""The plan: everything Asterisk must know about a domain, and nothing that a tenant typed freely.

Constructors check what enters: ids, digits, names of enums, validated logins [RTE-60]. So a value that
would be dangerous in a configuration file cannot get as far as a renderer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import IPv6Address

from pbx_provisioning.features.parts import Shares
from pbx_provisioning.plan.checks import BadPlan
from pbx_provisioning.plan.checks import check as _check
from pbx_provisioning.plan.scheme import INITIAL, Reach
from tenants.pools.expression import is_expression

_LOGIN = re.compile(r"[a-z0-9._-]{1,64}")
_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
_EXTENSION = re.compile(r"[0-9]{1,5}")
_E164 = re.compile(r"[1-9][0-9]{6,14}")
_DEVICE = re.compile(r"d[0-9]{1,19}-[0-9]{1,9}")
_HA1 = re.compile(r"[0-9a-f]{32}")
_ROUTE = re.compile(r"[0-9]{1,10}")
_CODE = re.compile(r"([0-9*#]{2,6})?")
_COMMAND = re.compile(r"[0-9]{1,4}")
LANGUAGES = frozenset({"ru", "en"})
COMMANDS = ("1", "2", "3", "4", "5")  # transfer, fax, add to and remove from a conference, hold [SET-20]

MOST_CHANNELS = 1_000_000  # a plan may include more than can be bought
MAX_PHONE_NAME = 60


def phone_name(text: str) -> str:
    """A display name as a phone's screen may have it: letters, digits and a few marks; all else becomes a space.

    What is left means nothing to SIP headers, JSON or Asterisk's variables.
    """
    kept = "".join(one if one.isalnum() or one in " .-'" else " " for one in text)
    return " ".join(kept.split())[:MAX_PHONE_NAME].strip()


@dataclass(frozen=True, slots=True)
class User:
    """One SIP account. `ha1` = MD5(login:domain:password).

    `name` is what colleagues' phones show; it goes into the account's row, never into dialplan.
    `is_restricted`: some outside calls are forbidden to this user. `is_recorded`: conversations are recorded;
    `is_analysed`: each side apart. `devices`: accounts of hardware phones that are this user, with their digests.
    """

    id: int
    login: str
    extension: str
    ha1: str = field(repr=False)
    name: str = ""
    is_restricted: bool = False
    pickup_group: int | None = None
    reach: Reach = INITIAL
    is_recorded: bool = False
    is_analysed: bool = False
    devices: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        _check("login", self.login, _LOGIN)
        _check("extension", self.extension, _EXTENSION)
        _check("password digest", self.ha1, _HA1)
        if self.name and self.name != phone_name(self.name):
            raise BadPlan("name", self.name)
        if self.id <= 0:
            raise BadPlan("user id", self.id)
        for account, ha1 in self.devices:
            _check("device", account, _DEVICE)
            _check("device digest", ha1, _HA1)
        if self.pickup_group is not None and self.pickup_group <= 0:
            raise BadPlan("pickup group", self.pickup_group)


@dataclass(frozen=True, slots=True)
class Pool:
    """The pool a domain is in. `route` None: nobody calls this domain by a route number [POOL-D6]."""

    id: int
    expression: str
    route: str | None

    def __post_init__(self) -> None:
        if not is_expression(self.expression):
            raise BadPlan("dial expression", self.expression)
        if self.route is not None:
            _check("route number", self.route, _ROUTE)
        if self.id <= 0:
            raise BadPlan("pool id", self.id)


@dataclass(frozen=True, slots=True)
class DomainPlan:
    """`number` is the state of `provisioning_state.desired` that this snapshot belongs to."""

    domain_id: int
    name: str  # SIP name, FQDN
    number: int
    language: str
    is_blocked: bool  # emergency numbers only
    main_number: str | None  # E.164 digits, caller ID of emergency calls
    stranger_ha1: str = field(repr=False)  # of anonymous@name: nobody knows its password
    users: tuple[User, ...] = ()
    pool: Pool | None = None
    pickup_code: str = ""  # "": pickup is switched off
    has_hold: bool = False  # music on hold of its own
    channels_in: int | None = None  # simultaneous calls with the outside; None: no limit
    channels_out: int | None = None
    parts: Shares = ()  # what features bring
    commands: tuple[str, ...] = COMMANDS  # #<code># dialled during a talk, in the order of COMMANDS

    def __post_init__(self) -> None:
        _check("domain name", self.name, _HOST)
        _check("password digest", self.stranger_ha1, _HA1)
        if self.language not in LANGUAGES:
            raise BadPlan("language", self.language)
        _check("pickup code", self.pickup_code, _CODE)
        for code in self.commands:
            _check("command", code, _COMMAND)
        if len(set(self.commands)) != len(COMMANDS):
            raise BadPlan("commands", self.commands)
        if self.main_number is not None:
            _check("number", self.main_number, _E164)
        for channels in (self.channels_in, self.channels_out):
            if channels is not None and not 1 <= channels <= MOST_CHANNELS:
                raise BadPlan("channels", channels)
        if self.domain_id <= 0:
            raise BadPlan("domain id", self.domain_id)


@dataclass(frozen=True, slots=True)
class Trunk:
    """A SIP trunk of the node. Username and password come from the provider's staff."""

    id: int
    host: str
    port: int
    username: str
    password: str = field(repr=False)
    transport: str
    number_style: str
    max_calls: int = 0  # at once, both directions; 0: no limit

    def __post_init__(self) -> None:
        if not self.is_ipv6:
            _check("trunk host", self.host.lower(), _HOST)
        _check("trunk username", self.username, re.compile(r"[A-Za-z0-9._+@-]{0,64}"))
        _check("trunk password", self.password, re.compile(r"[!-:<-~]{0,128}"))  # printable, no space, no ;
        if self.transport not in ("udp", "tcp") or self.number_style not in ("e164", "plus", "national"):
            raise BadPlan("trunk", self.transport)
        if self.max_calls < 0:
            raise BadPlan("trunk limit", self.max_calls)
        if not 1 <= self.port <= 65535 or self.id <= 0:
            raise BadPlan("trunk port", self.port)

    @property
    def is_ipv6(self) -> bool:
        try:
            IPv6Address(self.host)
        except ValueError:
            return False
        return "%" not in self.host
