"""Reading the settings of a domain."""

from __future__ import annotations

from dataclasses import dataclass, fields

from app.kernel.db import DomainTx, PlatformTx
from app.kernel.errors import NotFound
from app.kernel.i18n import _
from tenants.numbers.outgoing import outgoing_choices
from tenants.numbers.rules import Restriction
from tenants.settings.rules import DtmfCodes, Settings, Taken

_DTMF = tuple(one.name for one in fields(DtmfCodes))
_SELECT = ("SELECT timezone, locale, notification_email, balance_notice_on, balance_notice_below, default_number_id, "
           "pickup_number, default_restriction, ring_seconds, ivr_errors, ivr_timeout_seconds, "
           + ", ".join(f"dtmf_{name}" for name in _DTMF) + " FROM domain WHERE id = $1")


@dataclass(frozen=True, slots=True)
class Names:
    """What only the provider changes [SET-03]."""

    company: str
    domain: str


async def settings_of(tx: DomainTx | PlatformTx, domain_id: int, *, lock: bool = False) -> Settings:
    """Raises NotFound. `lock`: nobody else changes the domain until the transaction ends."""
    row = await tx.fetchrow(_SELECT + (" FOR NO KEY UPDATE" if lock else ""), domain_id)
    if row is None:
        raise NotFound("domain", _("There is no such domain"))
    values = {name: value for name, value in row.items() if not name.startswith("dtmf_")}
    values["default_restriction"] = Restriction(values["default_restriction"])
    return Settings(**values, dtmf=DtmfCodes(**{name: row[f"dtmf_{name}"] for name in _DTMF}))


async def names_of(tx: DomainTx) -> Names:
    row = await tx.fetchrow("SELECT company_name, name FROM domain WHERE id = $1", tx.domain_id)
    if row is None:
        raise NotFound("domain", _("There is no such domain"))
    return Names(row["company_name"], row["name"])


async def taken_in(tx: DomainTx) -> Taken:
    """What the settings must not collide with, and which numbers may be chosen."""
    numbers = await tx.fetch("SELECT digits FROM internal_number WHERE domain_id = $1", tx.domain_id)
    speed_dials = await tx.fetch("SELECT speed_dial FROM contact WHERE domain_id = $1 AND speed_dial IS NOT NULL",
                                 tx.domain_id)
    return Taken({row["digits"] for row in numbers}, {row["speed_dial"] for row in speed_dials},
                 {number_id for number_id, _shown in await outgoing_choices(tx)})
