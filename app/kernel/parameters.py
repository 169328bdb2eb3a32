"""The provider's parameters (chapter 01 §8.8): one registry of keys, types, defaults and limits.

    days = await parameters.get(tx, "trial.days")

Rows of `provider_parameter` hold only what differs from the default. A process reads all of them at once
and keeps them for KEEP_SECONDS; a change is in force at once where it was made, elsewhere after that time.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from enum import Enum
from ipaddress import ip_network
from typing import Any, Protocol
from urllib.parse import urlsplit

from app.kernel.checks import email_or_empty, known_zone
from app.kernel.i18n import LazyText, _, format_number, lazy

KEEP_SECONDS = 20.0
LONGEST = 300


class Kind(Enum):
    """The Python type of a value: int, Decimal (stored as text), bool, str."""

    WHOLE = "whole"
    MONEY = "money"
    SWITCH = "switch"
    ZONE = "zone"  # IANA name
    URL = "url"  # http(s) address or empty
    EMAIL = "email"  # or empty
    NETWORKS = "networks"  # in CIDR notation, separated by spaces, or empty
    TEXT = "text"
    CHOICE = "choice"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter; `least` and `most` bound numbers, both inclusive."""

    key: str
    kind: Kind
    default: Any
    label: LazyText
    hint: LazyText | None = None
    unit: LazyText | None = None
    least: int = 0
    most: int = 0
    choices: Mapping[str, LazyText] = field(default_factory=dict)

    @property
    def group(self) -> str:
        """The part before the point: where the page shows it."""
        return self.key.partition(".")[0] if "." in self.key else "cabinet"

    def stored(self, value: Any) -> Any:
        """As JSON: money as text, so that no digit is lost."""
        return f"{value:.2f}" if self.kind is Kind.MONEY else value

    def shown(self, value: Any) -> str:
        """As typed into the form."""
        if self.kind is Kind.SWITCH:
            return "on" if value else ""
        return f"{value:f}".removesuffix(".00") if self.kind is Kind.MONEY else str(value)


def _whole(key: str, default: int, label: LazyText, least: int, most: int, unit: LazyText | None = None,
           hint: LazyText | None = None) -> Parameter:
    return Parameter(key, Kind.WHOLE, default, label, hint, unit, least, most)


def _money(key: str, default: int, label: LazyText, least: int = 1, hint: LazyText | None = None) -> Parameter:
    return Parameter(key, Kind.MONEY, Decimal(default), label, hint, lazy("₽"), least, 100_000_000)


_DAYS, _MINUTES = lazy("days"), lazy("minutes")

_NO_LIMIT, _NO_BOUND = lazy("0: no limit."), lazy("0: any.")
_LOCKS = {"open": lazy("allowed"), "forbidden": lazy("forbidden, a domain may allow them"),
          "locked": lazy("forbidden for everybody")}

GROUPS: dict[str, LazyText] = {
    "trial": lazy("Trial"), "promised": lazy("Promised payment"), "credit": lazy("Credit limit"),
    "topup": lazy("Payment by card"), "correction": lazy("Corrections of a balance"),
    "billing": lazy("Billing"), "guard": lazy("Call protection"), "fax": lazy("Faxes"), "pool": lazy("Pools"),
    
    "numbers": lazy("Reserve of numbers"), "auth": lazy("Sign-in"), "widget": lazy("Site widgets"),
    "api": lazy("Integration API"), "cabinet": lazy("Cabinet"),
}

REGISTRY: dict[str, Parameter] = {parameter.key: parameter for parameter in (
    _whole("trial.minutes", 50, lazy("Minutes of outgoing calls"), 0, 100_000, _MINUTES,
           lazy("Given once, when the domain is created.")),
    _whole("trial.days", 14, lazy("Length of the trial"), 1, 3650, _DAYS, lazy("For domains created from now on.")),
    Parameter("trial.external_forwarding", Kind.SWITCH, False, lazy("Forwarding to outside numbers"),
              lazy("Such calls use the minutes of the trial.")),
    _whole("trial.remind_days", 3, lazy("Letter before the end"), 0, 365, _DAYS),
    _money("promised.min", 50, lazy("Smallest amount")),
    _money("promised.max", 5000, lazy("Largest amount")),
    _whole("promised.term_days", 5, lazy("Term"), 1, 365, _DAYS),
    _whole("promised.remind_days", 1, lazy("Letter before the debit"), 0, 365, _DAYS),
    _money("credit.min", 1000, lazy("Smallest limit")),
    _money("credit.max", 500_000, lazy("Largest limit"), hint=lazy("A domain may have a maximum of its own.")),
    _money("credit.default_limit", 0, lazy("Limit of a domain that has set none"), least=0),
    _whole("credit.warn_percent", 10, lazy("Warn when this share of the limit is left"), 1, 99, lazy("%")),
    _money("topup.min", 100, lazy("Smallest amount")),
    _money("topup.max", 100_000, lazy("Largest amount")),
    _whole("topup.auto_per_day", 3, lazy("Automatic payments a day"), 1, 100),
    _money("correction.limit", 10_000, lazy("A person corrects alone up to"), least=0,
           hint=lazy("Above it, also in parts within 24 hours, another person confirms. 0: always.")),
    Parameter("billing.timezone", Kind.ZONE, "Europe/Moscow", lazy("Time zone of the books"),
              lazy("Days and months of fees begin at its midnight.")),
    Parameter("billing.alarm_email", Kind.EMAIL, "", lazy("Address for alarms of the books"),
              lazy("Empty: the staff of billing and the administrators.")),
    _money("guard.daily_cap", 30_000, lazy("Paid calls of a day"), least=0,
           hint=lazy("Of a domain without its own. 0: no limit.")),
    _money("guard.daily_cap_max", 0, lazy("Largest amount a domain may set for a day"), least=0, hint=_NO_BOUND),
    _whole("guard.calls_per_minute", 60, lazy("Paid calls begun within a minute"), 0, 10_000, hint=_NO_LIMIT),
    _whole("guard.calls_per_minute_max", 0, lazy("Most calls per minute a domain may set"), 0, 10_000, hint=_NO_BOUND),
    _whole("guard.parallel_calls", 0, lazy("Paid calls at once"), 0, 10_000,
           hint=lazy("0: as many as the domain has lines.")),
    Parameter("guard.international", Kind.CHOICE, "open", lazy("International calls"), choices=_LOCKS),
    Parameter("guard.premium", Kind.CHOICE, "forbidden", lazy("Premium-rate numbers"), choices=_LOCKS),
    Parameter("guard.satellite", Kind.CHOICE, "forbidden", lazy("Satellite networks"), choices=_LOCKS),
    _whole("guard.repeats", 20, lazy("Refusals within 10 minutes that stop all paid calls"), 0, 10_000,
           hint=lazy("0: never.")),
    Parameter("guard.new_destination", Kind.CHOICE, "alarm", lazy("First call to a country"), choices={
        "off": lazy("nothing"), "alarm": lazy("a letter"), "block": lazy("letter, and refused until confirmed")}),
    _whole("guard.destination_days", 90, lazy("A country is new again after"), 1, 3650, _DAYS),
    _whole("fax.retries", 3, lazy("Further attempts"), 0, 10),
    _whole("fax.retry_interval_minutes", 5, lazy("Time between attempts"), 1, 1440, _MINUTES),
    _whole("pool.route_number_length", 4, lazy("Length of a route number"), 1, 10, lazy("digits"),
           lazy("Proposed for a new pool; each pool keeps its own.")),
    _whole("numbers.reserve_days", 30, lazy("A disconnected number stays in reserve"), 1, 3650, _DAYS),
    _whole("numbers.extension_days", 30, lazy("An extension adds"), 1, 3650, _DAYS),
    _whole("numbers.extensions", 1, lazy("Extensions of one number"), 0, 100),
    _money("numbers.extension_fee", 0, lazy("Fee for an extension"), least=0),
    Parameter("pool.dial_expression", Kind.TEXT, "{route}{ext}", lazy("Dial expression"),
              lazy("Proposed for a new pool; each pool keeps its own.")),
    _whole("auth.max_failures", 5, lazy("Failed attempts of one login"), 1, 100),
    _whole("auth.max_failures_per_ip", 20, lazy("Failed attempts from one address"), 1, 10_000),
    _whole("auth.lock_minutes", 15, lazy("Length of the lock"), 1, 1440, _MINUTES),
    _whole("auth.reset_token_minutes", 60, lazy("A link for a new password is good for"), 5, 1440, _MINUTES),
    _whole("auth.password_min_length", 6, lazy("Shortest password"), 6, 64, lazy("characters")),
    Parameter("auth.require_totp", Kind.CHOICE, "nobody", lazy("Second factor is required of"), choices={
        "nobody": lazy("nobody"), "staff": lazy("the provider's staff"),
        "administrators": lazy("staff and all administrators")}),
    Parameter("widget.terms_url", Kind.URL, "", lazy("Terms of processing visitors' data"),
              lazy("Linked from the window of every widget. Empty: no link.")),
    Parameter("api.private_networks", Kind.NETWORKS, "", lazy("Private networks with customers' systems"),
              lazy("Like 10.1.0.0/16, separated by spaces. Requests of the integration API to other private networks "
                   "are refused.")),
    Parameter("legacy_cabinet_url", Kind.URL, "", lazy("Address of the old cabinet"),
              lazy("Empty: the menu has no link to it.")),
)}


# --- reading -----------------------------------------------------------------------------------------


class _Reader(Protocol):
    async def fetch(self, sql: str, *args: object) -> list[Any]: ...


_cached: tuple[float, dict[str, Any]] | None = None


async def get(tx: _Reader, key: str) -> Any:
    """The value in force, of the parameter's Python type. KeyError for a key that is not in the registry."""
    return (await _values(tx))[key]


async def group(tx: _Reader, prefix: str) -> dict[str, Any]:
    """All values of `<prefix>.…`, by the part after the point."""
    values = await _values(tx)
    return {key.removeprefix(prefix + "."): value for key, value in values.items() if key.startswith(prefix + ".")}


async def everything(tx: _Reader) -> dict[str, Any]:
    """All values in force, read anew."""
    forget()
    return dict(await _values(tx))


def forget() -> None:
    """Read anew at the next use (after a change in this process)."""
    global _cached
    _cached = None


async def _values(tx: _Reader) -> dict[str, Any]:
    global _cached
    if _cached is None or time.monotonic() - _cached[0] > KEEP_SECONDS:
        rows = await tx.fetch("SELECT key, value FROM provider_parameter")
        _cached = (time.monotonic(), dict(_merged({row["key"]: row["value"] for row in rows})))
    return _cached[1]


def _merged(stored: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The stored value where there is a usable one; the default otherwise."""
    for key, parameter in REGISTRY.items():
        value = parameter.default
        if key in stored:
            try:
                value = read(parameter, _as_text(parameter, stored[key]))
            except ValueError:
                value = parameter.default
        yield key, value


def _as_text(parameter: Parameter, stored: Any) -> str:
    if parameter.kind is Kind.SWITCH:
        return "on" if stored is True else ""
    if isinstance(stored, bool):
        raise ValueError("a switch where a value belongs")
    return str(stored)


# --- what may be typed -------------------------------------------------------------------------------


def read(parameter: Parameter, text: str) -> Any:
    """The typed value of a form's text.

    Raises:
        ValueError: with a text for the reader.
    """
    text = text.strip()
    if len(text) > LONGEST or not text.isprintable():
        raise ValueError(_("This does not look right. Check the format."))
    return _READERS[parameter.kind](parameter, text)


def _read_whole(parameter: Parameter, text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 12:
        raise ValueError(_("Enter a whole number."))
    return _bounded(parameter, int(text))


def _read_money(parameter: Parameter, text: str) -> Decimal:
    plain = text.replace("\u00a0", "").replace(" ", "").replace(",", ".")
    try:
        value = Decimal(plain)
    except InvalidOperation:
        raise ValueError(_("Enter a number.")) from None
    if not plain.isascii() or not value.is_finite() or "e" in plain.lower():
        raise ValueError(_("Enter a number."))
    _bounded(parameter, value)
    if value != value.quantize(Decimal("0.01")):
        raise ValueError(_("At most two decimals"))
    return value


def _bounded(parameter: Parameter, value: Any) -> Any:
    if not parameter.least <= value <= parameter.most:
        raise ValueError(_("From %(least)s to %(most)s") % {
            "least": format_number(parameter.least), "most": format_number(parameter.most)})
    return value


def _read_switch(_parameter: Parameter, text: str) -> bool:
    return text == "on"


def _read_url(_parameter: Parameter, text: str) -> str:
    try:
        parts = urlsplit(text)
        known = not text or (parts.scheme in ("http", "https") and bool(parts.hostname) and " " not in text)
    except ValueError:
        known = False
    if not known:
        raise ValueError(_("Enter an address that begins with https://"))
    return text


def _read_networks(_parameter: Parameter, text: str) -> str:
    try:
        return " ".join(str(ip_network(one)) for one in text.replace(",", " ").split())
    except ValueError:
        raise ValueError(_("Enter networks like 10.1.0.0/16, separated by spaces.")) from None


def _read_text(_parameter: Parameter, text: str) -> str:
    if not text:
        raise ValueError(_("Fill in this field."))
    return text


def _read_choice(parameter: Parameter, text: str) -> str:
    if text not in parameter.choices:
        raise ValueError(_("Choose one of the listed values."))
    return text


_READERS = {
    Kind.WHOLE: _read_whole, Kind.MONEY: _read_money, Kind.SWITCH: _read_switch, Kind.URL: _read_url,
    Kind.ZONE: lambda _parameter, text: known_zone(text), Kind.EMAIL: lambda _parameter, text: email_or_empty(text),
    Kind.TEXT: _read_text, Kind.CHOICE: _read_choice, Kind.NETWORKS: _read_networks,
}
