"""Lines of private routes: how many of their calls a domain may have at once, each way [PRV-11, PRV-12].

One pool for all routes of the domain; the paid service counts both directions together.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.audit import history
from app.kernel import provisioning
from app.kernel.db import DomainTx, PlatformTx
from app.kernel.errors import InvalidFields
from app.kernel.i18n import _, lazy
from app.kernel.money import Money
from billing.services import service
from billing.services.catalogue import Descriptor, find, register
from billing.services.rules import Quote
from billing.tariffs.terms import plan

SERVICE = "private_lines"
MOST = 1000

register(Descriptor(
    SERVICE, lazy("Private route trunk lines"), lazy("Your office's own PBX and the cloud call each other."),
    lazy("A private route joins your office PBX with this telephone system: short numbers both ways, calls of the "
         "office to the outside through the cloud. Calls between the office and the cloud cost nothing; a line is "
         "needed for each of them. A route itself is set up by our technical support."),
    "router", change="/private-routes/lines", order=42,
    count="SELECT domain_id, incoming + outgoing FROM private_line_limit WHERE domain_id = ANY($1::bigint[])"))


@dataclass(frozen=True, slots=True)
class Lines:
    """`incoming`: office → cloud, `outgoing`: cloud → office."""

    incoming: int = 0
    outgoing: int = 0

    @property
    def total(self) -> int:
        return self.incoming + self.outgoing


@dataclass(frozen=True, slots=True)
class Change:
    """Its price, or by how much the monthly fee falls."""

    before: Lines
    after: Lines
    quote: Quote
    saving: Money


def check(wanted: Lines) -> Lines:
    """Raises InvalidFields: not 0…1000 each."""
    text = _("From 0 to %(most)s lines are possible") % {"most": MOST}
    wrong = {name: text for name in ("incoming", "outgoing") if not 0 <= getattr(wanted, name) <= MOST}
    if wrong:
        raise InvalidFields("lines", text, fields=wrong)
    return wanted


async def current(tx: DomainTx | PlatformTx, domain_id: int) -> Lines:
    row = await tx.fetchrow("SELECT incoming, outgoing FROM private_line_limit WHERE domain_id = $1", domain_id)
    return Lines(*row) if row else Lines()


async def in_force(tx: PlatformTx, domain_id: int) -> Lines | None:
    """For the PBX; None while the service is not in the plan."""
    version = await tx.fetchval("SELECT tariff_version_at(tariff_id, $2) FROM account WHERE domain_id = $1", domain_id,
                                tx.now)
    if version is None or SERVICE not in (await plan(tx, version)).services:
        return None
    return await current(tx, domain_id)


async def propose(tx: DomainTx, wanted: Lines) -> Change:
    """Raises InvalidFields: not 0…1000. Forbidden: the plan has no such lines."""
    check(wanted)
    before = await current(tx, tx.domain_id)
    more = wanted.total - before.total
    return Change(before, wanted, await service.quote(tx, SERVICE, max(more, 0)),
                  await service.saving(tx, SERVICE, max(-more, 0)))


async def change(tx: DomainTx, wanted: Lines, *, mark: str | None = None) -> Change:
    """More lines are connected like any service, fewer only lower the monthly fee; calls in progress are never touched.

    Raises:
        InvalidFields: not 0…1000.
        Refused: funds or a block.
        Forbidden: no such service in the plan.
        CostChanged: the amounts shown are out of date.
    """
    check(wanted)
    await service.require(tx, SERVICE)
    await service.scene(tx, lock=True)
    found = await propose(tx, wanted)
    if wanted == found.before:
        return found
    more, ref = wanted.total - found.before.total, f"private_lines:{wanted.incoming}+{wanted.outgoing}"
    if more > 0:
        await service.add_instances(tx, SERVICE, more, ref, mark=mark)
    elif more < 0:
        await service.remove_instances(tx, SERVICE, -more, ref)
    await tx.execute("INSERT INTO private_line_limit (domain_id, incoming, outgoing) VALUES ($1, $2, $3) "
                     "ON CONFLICT (domain_id) DO UPDATE SET incoming = $2, outgoing = $3", tx.domain_id,
                     wanted.incoming, wanted.outgoing)
    await history.record(tx, "private_lines_changed", "service", object_name=str(find(SERVICE).name), changes={
        "private_incoming": (found.before.incoming, wanted.incoming),
        "private_outgoing": (found.before.outgoing, wanted.outgoing)})
    await provisioning.want_new_generation(tx, "private_lines_changed")
    return found
