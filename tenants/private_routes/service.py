"""Use cases of private routes; each is in the history and reaches the PBX at once [PRV-05, PRV-17…20]."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from app.audit import history
from app.kernel import provisioning
from app.kernel.db import DomainTx
from app.kernel.errors import InvalidFields, Refused
from app.kernel.i18n import _
from billing.services import service as services
from tenants.numbers import outgoing
from tenants.private_routes import queries
from tenants.private_routes.lines import SERVICE
from tenants.private_routes.rules import Route, Settings


async def save(tx: DomainTx, route_id: int, wanted: Settings) -> None:
    """Raises NotFound; InvalidFields: a group or number of somebody else, or an 8-800 number."""
    before = await _locked(tx, route_id)
    await _check(tx, before.settings, wanted)
    await _write(tx, route_id, wanted)
    await _tell(tx, before, wanted)


async def switch(tx: DomainTx, route_id: int, is_on: bool) -> bool:
    """Whether anything changed. Calls in progress continue [PRV-17]. Raises NotFound."""
    before = await _locked(tx, route_id)
    if before.settings.is_on == is_on:
        return False
    wanted = replace(before.settings, is_on=is_on)
    await _write(tx, route_id, wanted)
    await _tell(tx, before, wanted)
    return True


async def reorder(tx: DomainTx, order: Sequence[int]) -> None:
    """Renumbered 1…n in this order [PRV-18].

    Raises:
        Refused: these are not exactly the domain's routes: somebody changed them meanwhile.
    """
    await _lock(tx)
    before = await queries.routes(tx, tx.domain_id)
    if sorted(order) != sorted(one.id for one in before):
        raise Refused("routes_changed", _("The routes were changed meanwhile. Open the page again."))
    if [one.id for one in before] == list(order):
        return
    await tx.execute("UPDATE private_route r SET priority = o.place FROM unnest($2::bigint[]) WITH ORDINALITY "
                     "AS o (id, place) WHERE r.domain_id = $1 AND r.id = o.id", tx.domain_id, list(order))
    names = {one.id: one.settings.name for one in before}
    await history.record(tx, "private_routes_moved", "private_route", changes={
        "private_order": (", ".join(names.values()), ", ".join(names[one] for one in order))})
    await provisioning.want_new_generation(tx, "private_routes_moved")


async def close_to_all(tx: DomainTx, group_id: int) -> list[str]:
    """The group is being deleted: its routes are nobody's then [PRV-46]. Names of the routes."""
    rows = await tx.fetch("UPDATE private_route SET group_id = NULL WHERE domain_id = $1 AND group_id = $2 "
                          "RETURNING id, name", tx.domain_id, group_id)
    for row in rows:
        await history.record(tx, "private_route_group_gone", "private_route", object_id=row["id"],
                             object_name=row["name"])
    if rows:
        await provisioning.want_new_generation(tx, "private_route_group_gone")
    return [row["name"] for row in rows]


async def forget_number(tx: DomainTx, number_id: int) -> None:
    """The number leaves the domain."""
    await tx.execute("DELETE FROM private_route_number WHERE domain_id = $1 AND number_id = $2", tx.domain_id,
                     number_id)


async def check_dialled(tx: DomainTx, dialled: str) -> str:
    """A warning when only routes that are off take it [RTE-35]. Raises InvalidFields: no route takes it."""
    domain = await queries.sip_name(tx)
    taking = [one for one in await queries.routes(tx, tx.domain_id) if one.takes(dialled, domain)]
    if not taking:
        text = _("No private route takes this number.")
        raise InvalidFields("private_route", text, fields={"target_number": text})
    if not any(one.settings.is_on for one in taking):
        return _("The private route that takes this number is off.")
    return ""


async def _lock(tx: DomainTx) -> None:
    """The order of locks is domain, route. Raises Forbidden: the service is off."""
    await tx.execute("SELECT FROM domain WHERE id = $1 FOR NO KEY UPDATE", tx.domain_id)
    await services.require(tx, SERVICE)


async def _locked(tx: DomainTx, route_id: int) -> Route:
    await _lock(tx)
    return await queries.route(tx, route_id)


async def _check(tx: DomainTx, before: Settings, wanted: Settings) -> None:
    fields: dict[str, str] = {}
    if wanted.group_id is not None and wanted.group_id not in dict(await queries.groups(tx)):
        fields["group_id"] = _("There is no such group.")
    if wanted.is_group_only and wanted.group_id is None and not (before.is_group_only and before.group_id is None):
        fields["group_id"] = _("Choose a group.")
    if wanted.numbers - {number_id for number_id, _shown in await outgoing.outgoing_choices(tx)}:
        fields["numbers"] = _("Only numbers of this domain can be chosen, 8-800 numbers cannot.")
    if fields:
        raise InvalidFields("private_route", next(iter(fields.values())), fields=fields)


async def _write(tx: DomainTx, route_id: int, wanted: Settings) -> None:
    await tx.execute(
        "UPDATE private_route SET name = $3, is_on = $4, called_expression = $5, is_group_only = $6, group_id = $7, "
        "caller_substitution = $8, cut_characters = $9, transit_restriction = $10, allows_from_number = $11, "
        "auth_header = $12, history_header = $13 WHERE domain_id = $1 AND id = $2", tx.domain_id, route_id, wanted.name,
        wanted.is_on, wanted.expression, wanted.is_group_only, wanted.group_id, wanted.caller, wanted.cut,
        wanted.restriction.value, wanted.allows_from, wanted.auth_header, wanted.history_header)
    await tx.execute("DELETE FROM private_route_number WHERE domain_id = $1 AND route_id = $2 "
                     "AND number_id <> ALL($3::bigint[])", tx.domain_id, route_id, sorted(wanted.numbers))
    await tx.execute("INSERT INTO private_route_number (domain_id, route_id, number_id) "
                     "SELECT $1, $2, unnest($3::bigint[]) ON CONFLICT DO NOTHING", tx.domain_id, route_id,
                     sorted(wanted.numbers))


async def _tell(tx: DomainTx, before: Route, wanted: Settings) -> None:
    if before.settings == wanted:
        return
    old, new = await facts(tx, before.settings), await facts(tx, wanted)
    action = "private_route_switched" if replace(before.settings, is_on=wanted.is_on) == wanted else \
        "private_route_changed"
    await history.record(tx, action, "private_route", object_id=before.id, object_name=wanted.name,
                         changes={name: (old[name], new[name]) for name in new})
    await provisioning.want_new_generation(tx, f"{action} {wanted.name}")


async def facts(tx: DomainTx, one: Settings) -> dict[str, object]:
    """As the history tells them."""
    group = dict(await queries.groups(tx)).get(one.group_id or 0, "—") if one.is_group_only else None
    numbers = dict(await outgoing.outgoing_choices(tx))
    return {
        "name": one.name, "private_on": one.is_on, "private_expression": one.expression or None, "group": group,
        "private_caller": one.caller, "private_cut": one.cut, "private_restriction": one.restriction.value,
        "numbers": ", ".join(sorted(numbers.get(number, "") for number in one.numbers)) or None,
        "private_from": one.allows_from, "private_auth": one.auth_header, "private_history": one.history_header}
