"""What a change of the plan does to the services that a domain has [SVC-D10, ACC-D3]."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from app.kernel import provisioning
from app.kernel.db import DomainTx, PlatformTx
from app.kernel.errors import InvalidFields
from app.kernel.i18n import _
from app.kernel.money import Currency, Money
from billing.accounts.posting import Posting
from billing.services import catalogue, counts
from billing.services.catalogue import Descriptor
from billing.services.channels import CHANNELS
from billing.services.queries import ServiceRow
from billing.services.queries import rows as all_rows
from billing.services.rules import Quote, quote_of
from billing.services.service import scene, switch_off
from billing.subscriptions.rules import unblocking_postings
from billing.tariffs.plan import Plan
from billing.tariffs.terms import plan, plan_at, plan_of


async def leaving(tx: DomainTx, tariff_id: int) -> list[ServiceRow]:
    """Connected services with something to lose that the tariff does not contain: what to warn of."""
    wanted = (await plan_at(tx, tariff_id, tx.now)).services
    return [row for row in await all_rows(tx) if row.code not in wanted and row.is_on
            and (row.is_manual or (row.instances and row.service.on_disconnect))]


async def drop_missing(tx: DomainTx) -> list[str]:
    """Disconnect what the plan in force does not contain, settings included; codes of what was disconnected. To be
    called after the account's tariff has changed."""
    await scene(tx, lock=True)
    terms = await plan_of(tx)
    gone = await _outside(tx, {tx.domain_id: set(terms.services)})
    for _domain, code, instances in gone:
        await switch_off(tx, code, instances, instances, terms.currency)
    return [code for _domain, code, _instances in gone]


async def follow_versions(tx: PlatformTx) -> int:
    """Bring the services of all domains in line with versions that have come into force; how many tariffs that were.

    Channels are limits in the PBX: where the versions differ in them the domains get a new configuration.
    """
    changed = await tx.fetch(
        "SELECT t.id, tariff_version_at(t.id, $1) AS version_id, f.version_id AS before FROM tariff t "
        "LEFT JOIN tariff_in_force f ON f.tariff_id = t.id "
        "WHERE tariff_version_at(t.id, $1) IS DISTINCT FROM f.version_id ORDER BY t.id", tx.now)
    for row in changed:
        if row["version_id"] is not None:
            await _follow(tx, row["id"], row["version_id"], row["before"])
    return len(changed)


async def _follow(tx: PlatformTx, tariff_id: int, version_id: int, before: int | None) -> None:
    ids = [row["domain_id"] for row in await tx.fetch("SELECT domain_id FROM account WHERE tariff_id = $1 "
                                                      "ORDER BY domain_id", tariff_id)]
    after = await plan(tx, version_id)
    late = {domain_id for domain_id, _code, _number in await _outside(
        tx, {domain_id: set(after.services) for domain_id in ids})}
    for domain_id in sorted(late):
        await drop_missing(await tx.enter_domain(domain_id))
    if _channels(await plan(tx, before)) != _channels(after):
        for domain_id in ids:
            await provisioning.want_new_generation(await tx.enter_domain(domain_id), "tariff_changed")
    await tx.execute("INSERT INTO tariff_in_force (tariff_id, version_id) VALUES ($1, $2) "
                     "ON CONFLICT (tariff_id) DO UPDATE SET version_id = $2", tariff_id, version_id)


def _channels(terms: Plan) -> list[int]:
    return [terms.services[code].included if code in terms.services else -1 for code in CHANNELS]


async def _outside(tx: DomainTx | PlatformTx, there: Mapping[int, set[str]]) -> list[tuple[int, str, int]]:
    """(domain, service, instances) of what is connected by hand, or has settings to delete, and is not in the plan."""
    ids = list(there)
    found: dict[tuple[int, str], int] = {}
    for row in await tx.fetch("SELECT domain_id, service FROM domain_service WHERE disconnected_at IS NULL "
                              "AND domain_id = ANY($1::bigint[])", ids):
        found[row["domain_id"], row["service"]] = 0
    for one in _deleting():
        for domain_id, number in await tx.fetch(one.count, ids):
            if number:
                found[domain_id, one.code] = number
    return [(domain_id, code, number) for (domain_id, code), number in found.items() if code not in there[domain_id]]


def _deleting() -> Iterable[Descriptor]:
    """Services whose instances are settings that go with them."""
    return [one for one in map(catalogue.find, catalogue.codes()) if one.count and one.on_disconnect]


async def quote_tariff(tx: DomainTx, tariff_id: int) -> Quote:
    """What the services that a trial domain has will cost by that tariff; nobody pays for being connected [ACC-D3].

    Raises:
        InvalidFields: there is no such tariff.
    """
    currency = await tx.fetchval("SELECT currency FROM tariff WHERE id = $1", tariff_id)
    if currency is None:
        text = _("There is no such tariff")
        raise InvalidFields("tariff", text, fields={"tariff_id": text})
    found = await scene(tx)
    terms = await plan_at(tx, tariff_id, tx.now)
    lines = (await counts.lines(tx, {tx.domain_id: terms}))[tx.domain_id].values()
    fees = [replace(line.plan.fee(0, line.instances), connection=None) for line in lines if line.is_on]
    balance = Money(found.balance.amount, Currency(currency))
    return quote_of(fees, found.day, balance, is_trial=False)


def first_postings(quote: Quote, at: datetime) -> list[Posting]:
    """Today's fees of a domain whose billing begins, each once a day."""
    return unblocking_postings(quote.fees, quote.day, at)
