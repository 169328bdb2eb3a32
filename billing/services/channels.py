"""Incoming and outgoing channels: how many calls with the outside a domain may have at once [SVC-40…42]."""

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

INCOMING, OUTGOING = "incoming_channels", "outgoing_channels"
CHANNELS = {INCOMING: "incoming", OUTGOING: "outgoing"}  # service → column of channel_limit
MOST = 1000

_COUNT = ("SELECT domain_id, {0} FROM channel_limit WHERE domain_id = ANY($1::bigint[]) AND {0} IS NOT NULL")

register(
    Descriptor(INCOMING, lazy("Incoming channels"), lazy("How many outside calls can come in at the same time."),
               lazy("While all incoming channels are taken, a caller hears the busy tone and the call is kept in the "
                    "call history as missed. Calls between colleagues need no channel."),
               "phone-incoming", count=_COUNT.format("incoming"), minimum=1, change="/services/channels/incoming",
               order=40),
    Descriptor(OUTGOING, lazy("Outgoing channels"), lazy("How many outside calls can go out at the same time."),
               lazy("A call to an outside number while all outgoing channels are taken is refused; emergency numbers "
                    "can always be called. Calls between colleagues need no channel."),
               "phone-outgoing", count=_COUNT.format("outgoing"), minimum=1, change="/services/channels/outgoing",
               order=41))


@dataclass(frozen=True, slots=True)
class Change:
    """From so many channels to so many: its price, or by how much the monthly fee falls."""

    before: int
    after: int
    quote: Quote
    saving: Money

    @property
    def is_raise(self) -> bool:
        return self.after > self.before


def check(number: int) -> int:
    """Raises InvalidFields: not 1…1000 [SVC-D6]."""
    if not 1 <= number <= MOST:
        text = _("From 1 to %(most)s channels are possible") % {"most": MOST}
        raise InvalidFields("channels", text, fields={"number": text})
    return number


async def in_force(tx: DomainTx | PlatformTx, domain_id: int) -> tuple[int | None, int | None]:
    """Incoming and outgoing channels of a domain; None where the plan does not limit them."""
    row = await tx.fetchrow(
        "SELECT tariff_version_at(a.tariff_id, $2) AS version_id, c.incoming, c.outgoing FROM account a "
        "LEFT JOIN channel_limit c ON c.domain_id = a.domain_id WHERE a.domain_id = $1", domain_id, tx.now)
    if row is None:
        return None, None
    services = (await plan(tx, row["version_id"])).services
    incoming, outgoing = (row[column] or max(services[code].included, 1) if code in services else None
                          for code, column in CHANNELS.items())
    return incoming, outgoing


async def limits(tx: DomainTx) -> dict[str, int | None]:
    """The same of the bound domain, by service."""
    return dict(zip(CHANNELS, await in_force(tx, tx.domain_id), strict=True))


async def propose(tx: DomainTx, code: str, number: int) -> Change:
    """Raises InvalidFields: not 1…1000. Forbidden: the plan has no channels."""
    wanted = check(number)
    before = await _before(tx, code)
    return Change(before, wanted, await service.quote(tx, code, max(wanted - before, 0)),
                  await service.saving(tx, code, max(before - wanted, 0)))


async def _before(tx: DomainTx, code: str) -> int:
    found = (await limits(tx))[code]
    if found is None:
        raise service.not_in_plan()
    return found


async def change(tx: DomainTx, code: str, number: int, *, mark: str | None = None) -> Change:
    """Set the number of channels: more are connected like any service, fewer only lower the monthly fee; calls in
    progress are never touched [SVC-42, SVC-D6, SVC-D9].

    Raises:
        InvalidFields: not 1…1000.
        Refused: funds or a block.
        Forbidden: no such service in the plan.
        CostChanged: the amounts shown are out of date.
    """
    wanted = check(number)
    await service.scene(tx, lock=True)
    found = await propose(tx, code, wanted)
    if wanted == found.before:
        return found
    if found.is_raise:
        await service.add_instances(tx, code, wanted - found.before, f"channels:{wanted}", mark=mark)
    else:
        await service.remove_instances(tx, code, found.before - wanted, f"channels:{wanted}")
    column = CHANNELS[code]
    await tx.execute(f"INSERT INTO channel_limit (domain_id, {column}) VALUES ($1, $2) "
                     f"ON CONFLICT (domain_id) DO UPDATE SET {column} = $2", tx.domain_id, wanted)
    await history.record(tx, "channels_changed", "service", object_name=str(find(code).name),
                         changes={"channels": (found.before, wanted)})
    await provisioning.want_new_generation(tx, f"channels_changed {column} {wanted}")
    return found
