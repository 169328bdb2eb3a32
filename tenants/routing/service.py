"""Use cases of incoming routing; each is in the history and reaches the PBX at once [NUM-60, RTE-50…58]."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from app.audit import history
from app.kernel import provisioning
from app.kernel.db import DomainTx
from app.kernel.errors import InvalidFields, Refused
from app.kernel.i18n import _
from tenants.destinations import registry
from tenants.destinations.model import Destination
from tenants.forwarding.rules import Period, periods_as_json
from tenants.numbers.rules import NotANumber, list_entry
from tenants.routing import pointing as _pointing  # noqa: F401  deletions of objects are heard from here on
from tenants.routing import present, queries
from tenants.routing.rules import MAX_ENTRIES, MAX_RULES, Filter, moved

LISTS = {"black": Filter.BLACKLIST, "white": Filter.WHITELIST}


@dataclass(frozen=True, slots=True)
class RuleData:
    """What the rule's window says; periods and prefixes of a condition that is off are none."""

    target: Destination | None
    is_active: bool = True
    periods: tuple[Period, ...] = ()
    prefixes: tuple[str, ...] = ()


# --- rules ------------------------------------------------------------------------------------------


async def add_rule(tx: DomainTx, number_id: int, data: RuleData) -> int:
    """Appended with the lowest priority [RTE-13].

    Raises:
        NotFound: the number or the target is not of this domain.
        Refused: the number has its rules already [RTE-58].
    """
    number = await _lock(tx, number_id)
    count = await tx.fetchval("SELECT count(*) FROM routing_rule WHERE domain_id = $1 AND number_id = $2", tx.domain_id,
                              number_id)
    if count >= MAX_RULES:
        raise Refused("rule_limit", _("A number has at most %(n)s rules.") % {"n": MAX_RULES})
    await _check(tx, data, None)
    rule_id = await _insert(tx, number_id, count + 1, data)
    await _tell(tx, "routing_rule_added", number_id, number, {}, await _facts(tx, count + 1, data))
    return rule_id


async def change_rule(tx: DomainTx, rule_id: int, data: RuleData) -> int:
    """Returns the number's id. Raises NotFound, InvalidFields."""
    number_id, _found = await queries.rule(tx, rule_id)
    number = await _lock(tx, number_id)
    _number, before = await queries.rule(tx, rule_id)
    data = data if data.target else replace(data, target=before.target)
    await _check(tx, data, before.target)
    await tx.execute(
        "UPDATE routing_rule SET is_active = $3, has_schedule = $4, periods = $5, has_prefixes = $6, prefixes = $7, "
        "target_kind = $8, target_owner = $9, target_id = $10, target_number = $11 WHERE domain_id = $1 AND id = $2",
        tx.domain_id, rule_id, *_columns(data))
    old = RuleData(before.target, before.is_active, before.periods if before.has_schedule else (),
                   before.prefixes if before.has_prefixes else ())
    if old != data:
        await _tell(tx, "routing_rule_changed", number_id, number, await _facts(tx, before.place, old),
                    await _facts(tx, before.place, data))
    return number_id


async def delete_rule(tx: DomainTx, rule_id: int) -> int:
    """The others are renumbered [RTE-53]. Returns the number's id. Raises NotFound."""
    number_id, _found = await queries.rule(tx, rule_id)
    number = await _lock(tx, number_id)
    _number, before = await queries.rule(tx, rule_id)
    await tx.execute("DELETE FROM routing_rule WHERE domain_id = $1 AND id = $2", tx.domain_id, rule_id)
    await tx.execute("UPDATE routing_rule SET priority = priority - 1 WHERE domain_id = $1 AND number_id = $2 "
                     "AND priority > $3", tx.domain_id, number_id, before.place)
    await _tell(tx, "routing_rule_deleted", number_id, number, await _facts(tx, before.place, RuleData(
        before.target, before.is_active, before.periods, before.prefixes)), {})
    return number_id


async def reorder(tx: DomainTx, number_id: int, order: Sequence[int]) -> None:
    """Renumbered 1…n in this order [RTE-06].

    Raises:
        Refused: these are not exactly the number's rules: somebody changed them meanwhile.
    """
    number = await _lock(tx, number_id)
    before = [rule.id for rule in (await queries.rules_of(tx, [number_id]))[number_id]]
    if not moved(before, order):
        raise Refused("rules_changed", _("The rules were changed meanwhile. Open the page again."))
    if list(order) == before:
        return
    await tx.execute("UPDATE routing_rule r SET priority = o.place FROM unnest($3::bigint[]) WITH ORDINALITY "
                     "AS o (id, place) WHERE r.domain_id = $1 AND r.number_id = $2 AND r.id = o.id", tx.domain_id,
                     number_id, list(order))
    places = {rule_id: place for place, rule_id in enumerate(before, 1)}
    await _tell(tx, "routing_rules_moved", number_id, number, {"order": ", ".join(str(one) for one in places.values())},
                {"order": ", ".join(str(places[one]) for one in order)})


async def copy_rules(tx: DomainTx, source_id: int, to_id: int) -> None:
    """The destination has exactly copies of the source's rules then; its lists stay [RTE-55].

    Raises:
        NotFound: one of the numbers is not of this domain.
        InvalidFields: both are the same.
    """
    source = await queries.number(tx, source_id)
    number = await _lock(tx, to_id)
    if source_id == to_id:
        text = _("Choose another number.")
        raise InvalidFields("same_number", text, fields={"number_id": text})
    gone = await tx.fetchval("SELECT count(*) FROM routing_rule WHERE domain_id = $1 AND number_id = $2", tx.domain_id,
                             to_id)
    await tx.execute("DELETE FROM routing_rule WHERE domain_id = $1 AND number_id = $2", tx.domain_id, to_id)
    copied = await tx.fetchval(
        "WITH made AS (INSERT INTO routing_rule (domain_id, number_id, priority, is_active, has_schedule, periods, "
        "has_prefixes, prefixes, target_kind, target_owner, target_id, target_number) SELECT domain_id, $3, priority, "
        "is_active, has_schedule, periods, has_prefixes, prefixes, target_kind, target_owner, target_id, target_number "
        "FROM routing_rule WHERE domain_id = $1 AND number_id = $2 RETURNING 1) SELECT count(*) FROM made",
        tx.domain_id, source_id, to_id)
    await _tell(tx, "routing_rules_copied", to_id, number, {"rules": gone},
                {"rules": copied, "from_number": source.shown})


async def route_to(tx: DomainTx, number_id: int, target: Destination | None) -> None:
    """One rule without conditions and nothing else; None: the busy tone."""
    number = await _lock(tx, number_id)
    await tx.execute("DELETE FROM routing_rule WHERE domain_id = $1 AND number_id = $2", tx.domain_id, number_id)
    if target is None:
        await _tell(tx, "routing_rule_deleted", number_id, number, {}, {})
        return
    await registry.require(tx, target)
    await _insert(tx, number_id, 1, RuleData(target))
    await _tell(tx, "routing_rule_added", number_id, number, {}, await _facts(tx, 1, RuleData(target)))


# --- the number itself ------------------------------------------------------------------------------


async def save_settings(tx: DomainTx, number_id: int, *, mode: Filter, is_default: bool) -> None:
    """The number's settings window [NUM-20…25]. Un-ticking the domain's outgoing number leaves it without one.

    Raises:
        Refused: an 8-800 number as the outgoing one [NUM-09].
    """
    number = await _lock(tx, number_id)
    if is_default and not number.may_be_outgoing:
        raise Refused("toll_free_outgoing", _("A toll-free 8-800 number cannot be shown on outgoing calls."))
    before, after = {"filter": number.filter.value, "is_default": number.is_default}, {
        "filter": mode.value, "is_default": is_default}
    if mode is not number.filter:
        await tx.execute("UPDATE phone_number SET filter_mode = $3 WHERE domain_id = $1 AND id = $2", tx.domain_id,
                         number_id, mode.value)
    if is_default != number.is_default:
        await tx.execute("UPDATE domain SET default_number_id = $2 WHERE id = $1", tx.domain_id,
                         number_id if is_default else None)
    if before != after:
        await _tell(tx, "number_changed", number_id, number, before, after)


async def add_entry(tx: DomainTx, number_id: int, which: str, text: str) -> str:
    """Put a number on a black or white list [NUM-26, NUM-27]; as it is compared.

    Raises:
        InvalidFields: not a number, there already, or the list is full.
    """
    number = await _lock(tx, number_id)
    try:
        value = list_entry(text)
    except NotANumber:
        raise _wrong_entry(_("Enter a telephone number: from 3 to 15 digits, a foreign one with +.")) from None
    there = await queries.entries(tx, number_id, which)
    if value in there:
        raise _wrong_entry(_("This number is in the list already."))
    if len(there) >= MAX_ENTRIES:
        raise _wrong_entry(_("A list has at most %(n)s numbers.") % {"n": MAX_ENTRIES})
    await tx.execute("INSERT INTO line_filter_entry (domain_id, number_id, list, value) VALUES ($1, $2, $3, $4)",
                     tx.domain_id, number_id, which, value)
    await _tell(tx, "number_list_changed", number_id, number, {f"{which}_list": ""}, {f"{which}_list": f"+ {value}"})
    return value


async def remove_entry(tx: DomainTx, number_id: int, which: str, value: str) -> None:
    """What is not there stays away."""
    number = await _lock(tx, number_id)
    done = await tx.fetchval("DELETE FROM line_filter_entry WHERE domain_id = $1 AND number_id = $2 AND list = $3 "
                             "AND value = $4 RETURNING value", tx.domain_id, number_id, which, value)
    if done:
        await _tell(tx, "number_list_changed", number_id, number, {f"{which}_list": value}, {f"{which}_list": ""})


def _wrong_entry(text: str) -> InvalidFields:
    return InvalidFields("list_entry", text, fields={"value": text})


# --- inside -----------------------------------------------------------------------------------------


async def _lock(tx: DomainTx, number_id: int) -> queries.NumberRow:
    """The order of locks is domain, number. Raises NotFound."""
    await tx.execute("SELECT FROM domain WHERE id = $1 FOR NO KEY UPDATE", tx.domain_id)
    return await queries.number(tx, number_id)


async def _check(tx: DomainTx, data: RuleData, before: Destination | None) -> None:
    """Raises NotFound: the object is not of this domain; InvalidFields: active without an object [RTE-57]."""
    if data.target is not None:
        await registry.require(tx, data.target)
        if data.target != before:
            await registry.require_offered(tx, data.target)
            await registry.dialled_warning(tx, data.target)
    elif data.is_active:
        text = _("The object was deleted. Choose another one.")
        raise InvalidFields("target", text, fields={"target_kind": text})


async def _insert(tx: DomainTx, number_id: int, place: int, data: RuleData) -> int:
    return await tx.fetchval(
        "INSERT INTO routing_rule (domain_id, number_id, priority, is_active, has_schedule, periods, has_prefixes, "
        "prefixes, target_kind, target_owner, target_id, target_number) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, "
        "$10, $11, $12) RETURNING id", tx.domain_id, number_id, place, *_columns(data))


def _columns(data: RuleData) -> tuple[object, ...]:
    target = data.target
    return (data.is_active, bool(data.periods), periods_as_json(data.periods), bool(data.prefixes), list(data.prefixes),
            target.kind.value if target else None, (target.owner or None) if target else None,
            target.id if target else None, (target.number or None) if target else None)


async def _facts(tx: DomainTx, place: int, data: RuleData) -> dict[str, object]:
    """What the history says of a rule."""
    name = await present.target_text(tx, data.target)
    return {"priority": place, "target": name, "rule_is_active": data.is_active,
            "schedule": present.summary(data.periods), "prefixes": ",".join(data.prefixes)}


async def _tell(tx: DomainTx, action: str, number_id: int, number: queries.NumberRow, before: Mapping[str, object],
                after: Mapping[str, object]) -> None:
    names = [*before, *(one for one in after if one not in before)]
    changes = {name: (before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)}
    await history.record(tx, action, "number", object_id=number_id, object_name=number.shown, changes=changes)
    await provisioning.want_new_generation(tx, f"{action} {number.e164}")
