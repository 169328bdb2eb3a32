"""Use cases of a user's scheme: rules, their schedule, the voicemail switch [FWD-01…16, 34, ACC-40…44]."""

from __future__ import annotations

from dataclasses import dataclass, replace

from asyncpg import Record, UniqueViolationError

from app.audit import history
from app.kernel import provisioning
from app.kernel.db import DomainTx
from app.kernel.errors import InvalidFields, NotFound, Refused
from app.kernel.i18n import _
from tenants.forwarding.rules import MAX_RULES, Kind, Period, Rule, periods_as_json, periods_of_json
from tenants.numbers.rules import NotANumber, is_emergency, normalise, place_of

_COLUMNS = "id, kind, number, priority, ring_seconds, is_enabled, periods"


@dataclass(frozen=True, slots=True)
class RuleData:
    """What a form says of a rule; `number` as typed. Of the main rule kind and number do not count."""

    kind: Kind
    number: str
    priority: int
    ring_seconds: int
    is_enabled: bool
    periods: tuple[Period, ...]


@dataclass(frozen=True, slots=True)
class Scheme:
    """Everything a call to the user meets. `external_reason`: why outside numbers are skipped now, "" if not."""

    user_id: int
    login: str
    domain: str
    display_name: str
    extension: str
    zone: str
    rules: tuple[Rule, ...]
    voicemail_on: bool
    has_greeting: bool
    is_trial: bool

    def rule(self, rule_id: int) -> Rule:
        for one in self.rules:
            if one.id == rule_id:
                return one
        raise NotFound("forwarding_rule", _("There is no such number in the scheme."))

    def uri(self, rule: Rule) -> str:
        """As the action history names a contact number [USR-67]."""
        if rule.kind is Kind.MAIN:
            return f"sip:{self.login}@{self.domain}"
        return f"sip:{rule.number}" if rule.kind is Kind.SIP else f"sip:{rule.number}@{self.domain}"


async def scheme_of(tx: DomainTx, user_id: int, *, lock: bool = False) -> Scheme:
    """Raises NotFound, for another domain's user too."""
    row = await tx.fetchrow(
        "SELECT u.id, u.login, d.name, u.display_name, u.extension, d.timezone, u.voicemail_on, d.mode "
        "FROM domain_user u JOIN domain d ON d.id = u.domain_id WHERE u.domain_id = $1 AND u.id = $2"
        + (" FOR NO KEY UPDATE OF u" if lock else ""), tx.domain_id, user_id)
    if row is None:
        raise NotFound("user", _("There is no such user"))
    rules = await tx.fetch(f"SELECT {_COLUMNS} FROM forwarding_rule WHERE domain_id = $1 AND user_id = $2 "
                           "ORDER BY priority, kind <> 'main', id", tx.domain_id, user_id)
    has_greeting = await tx.fetchval("SELECT EXISTS (SELECT FROM audio WHERE domain_id = $1 AND user_id = $2 "
                                     "AND slot = 'greeting')", tx.domain_id, user_id)
    return Scheme(row["id"], row["login"], row["name"], row["display_name"], row["extension"], row["timezone"],
                  tuple(rule_of(one) for one in rules), row["voicemail_on"], has_greeting, row["mode"] == "trial")


def rule_of(row: Record) -> Rule:
    return Rule(row["id"], Kind(row["kind"]), row["number"], row["priority"], row["ring_seconds"],
                row["is_enabled"], periods_of_json(row["periods"]))


async def add_rule(tx: DomainTx, user_id: int, data: RuleData) -> int:
    """A further contact number.

    Raises:
        InvalidFields: no such number, or the scheme has it already.
        Refused: the scheme is full [FWD-06].
    """
    scheme = await scheme_of(tx, user_id, lock=True)
    if len(scheme.rules) >= MAX_RULES:
        raise Refused("too_many_rules", _("A scheme has at most %(n)s numbers.") % {"n": MAX_RULES})
    rule = Rule(0, data.kind, await _number(tx, scheme, data), data.priority, data.ring_seconds, data.is_enabled,
                data.periods)
    try:
        async with tx.savepoint():
            rule_id = await tx.fetchval(
                "INSERT INTO forwarding_rule (domain_id, user_id, kind, number, priority, ring_seconds, is_enabled, "
                "periods) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id",
                tx.domain_id, user_id, *_values(rule))
    except UniqueViolationError as taken:
        raise _taken() from taken
    await _tell(tx, scheme, "contact_number_added", rule_id, None, replace(rule, id=rule_id))
    return rule_id


async def change_rule(tx: DomainTx, user_id: int, rule_id: int, data: RuleData) -> None:
    """Raises InvalidFields as `add_rule`, and NotFound. The main rule keeps its number [FWD-10]."""
    scheme = await scheme_of(tx, user_id, lock=True)
    before = scheme.rule(rule_id)
    if before.kind is Kind.MAIN:
        if data.number or data.kind is not Kind.MAIN:
            raise Refused("main_rule", _("The number of the main rule cannot be changed."))
        kind, number = Kind.MAIN, ""
    else:
        kind, number = data.kind, await _number(tx, scheme, data)
    after = Rule(rule_id, kind, number, data.priority, data.ring_seconds, data.is_enabled, data.periods)
    if after == before:
        return
    try:
        async with tx.savepoint():
            await tx.execute(
                "UPDATE forwarding_rule SET kind = $4, number = $5, priority = $6, ring_seconds = $7, "
                "is_enabled = $8, periods = $9 WHERE domain_id = $1 AND user_id = $2 AND id = $3",
                tx.domain_id, user_id, rule_id, *_values(after))
    except UniqueViolationError as taken:
        raise _taken() from taken
    only_switch = replace(before, is_enabled=after.is_enabled) == after
    await _tell(tx, scheme, "contact_number_switched" if only_switch else "contact_number_changed", rule_id, before,
                after)


async def delete_rule(tx: DomainTx, user_id: int, rule_id: int) -> None:
    """Raises Refused for the main rule [FWD-10], NotFound."""
    scheme = await scheme_of(tx, user_id, lock=True)
    before = scheme.rule(rule_id)
    if before.kind is Kind.MAIN:
        raise Refused("main_rule", _("The main number cannot be deleted. It can be switched off."))
    await tx.execute("DELETE FROM forwarding_rule WHERE domain_id = $1 AND user_id = $2 AND id = $3",
                     tx.domain_id, user_id, rule_id)
    await _tell(tx, scheme, "contact_number_deleted", rule_id, before, None)


async def set_voicemail(tx: DomainTx, user_id: int, is_on: bool) -> None:
    """Where a call goes when nobody answers [ACC-44, USR-66]."""
    scheme = await scheme_of(tx, user_id, lock=True)
    if scheme.voicemail_on == is_on:
        return
    await tx.execute("UPDATE domain_user SET voicemail_on = $3 WHERE domain_id = $1 AND id = $2", tx.domain_id,
                     user_id, is_on)
    await history.record(tx, "user_changed", "user", object_id=user_id, object_name=scheme.display_name,
                         changes={"voicemail_on": (not is_on, is_on)})
    await provisioning.want_new_generation(tx, f"user_changed {scheme.login}")


def _values(rule: Rule) -> tuple[object, ...]:
    return (rule.kind.value, rule.number, rule.priority, rule.ring_seconds, rule.is_enabled,
            periods_as_json(rule.periods))


def _taken() -> InvalidFields:
    text = _("The scheme has this number already.")
    return InvalidFields("taken", text, fields={"number": text})


def _wrong(text: str) -> InvalidFields:
    return InvalidFields("invalid_number", text, fields={"number": text})


async def _number(tx: DomainTx, scheme: Scheme, data: RuleData) -> str:
    """The stored form of what was typed. Raises InvalidFields."""
    if data.kind is Kind.MAIN:
        raise Refused("main_rule", _("There is one main number."))
    if data.kind is Kind.SIP:
        return await _account(tx, scheme, data.number)
    if is_emergency(data.number.strip()):
        raise _wrong(_("Calls cannot be forwarded to emergency numbers."))
    place = await tx.fetchrow("SELECT country, area_code FROM domain WHERE id = $1", tx.domain_id)
    assert place is not None
    try:
        number = normalise(data.number, place_of(place["country"], place["area_code"]))
    except NotANumber:
        raise _wrong(_("This is not a telephone number.")) from None
    if data.kind is Kind.MOBILE and not (len(number) == 11 and number.startswith("79")):
        raise _wrong(_("A mobile number looks like +7 9XX XXX-XX-XX."))
    return number


async def _account(tx: DomainTx, scheme: Scheme, typed: str) -> str:
    """An existing account of this domain or of another one of its pool [FWD-08]."""
    text = typed.strip().lower().removeprefix("sip:")
    login, at, domain = text.partition("@")
    if text == f"{scheme.login}@{scheme.domain}":
        raise _taken()
    if at and domain == scheme.domain:
        known = await tx.fetchval("SELECT EXISTS (SELECT FROM domain_user WHERE domain_id = $1 AND login = $2)",
                                  tx.domain_id, login)
    else:
        known = at and await tx.fetchval("SELECT account_in_pool($1, $2, $3)", tx.domain_id, login, domain)
    if not known:
        raise _wrong(_("There is no such SIP address in the domain or in its group of domains."))
    return text


async def _tell(tx: DomainTx, scheme: Scheme, action: str, rule_id: int, before: Rule | None,
                after: Rule | None) -> None:
    told = {name: (_told(before, name), _told(after, name)) for name in
            ("kind", "number", "priority", "ring_seconds", "is_enabled", "schedule")}
    shown = after or before
    assert shown is not None
    await history.record(tx, action, "contact_number", object_id=rule_id, object_name=scheme.uri(shown),
                         changes={name: pair for name, pair in told.items() if pair[0] != pair[1]})
    await provisioning.want_new_generation(tx, f"user_changed {scheme.login}")


def _told(rule: Rule | None, name: str) -> object:
    if rule is None:
        return None
    if name == "kind":
        return rule.kind.value
    return str(periods_as_json(rule.periods)) if name == "schedule" else getattr(rule, name)
