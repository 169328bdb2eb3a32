"""Reading a user's faxes [ACC-59…64, FAX-01…12]."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.kernel.db import DomainTx
from app.kernel.errors import NotFound
from app.kernel.i18n import _
from tenants.journal import OtherParty, Owner, Source


@dataclass(frozen=True, slots=True)
class FaxLine(OtherParty):
    """`at`: received; sent, or when it is to be sent."""

    id: int
    at: datetime
    is_incoming: bool
    number: str
    known_name: str
    state: str
    pages: int
    has_file: bool
    attempts: int

    @property
    def may_be_cancelled(self) -> bool:
        """Not begun [ACC-D15]."""
        return not self.is_incoming and not self.attempts and self.state in ("new", "converting", "ready")


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the protocol."""

    at: datetime
    event: str
    facts: dict[str, Any]


FAXES = Source("fax", "at", "j.id, j.at, j.is_incoming, j.number, {name}, j.state, j.pages, j.pdf_id IS NOT NULL, "
                            "j.attempts", FaxLine)


async def pdf_of(tx: DomainTx, owner: Owner, fax_id: int) -> int:
    """The file to download. Raises NotFound: no such fax of this owner, or its file is not formed yet."""
    found = await tx.fetchval(f"SELECT pdf_id FROM fax WHERE domain_id = $1 AND {owner.column} = $2 AND id = $3",
                              tx.domain_id, owner.user_id, fax_id)
    if found is None:
        raise NotFound("fax", _("There is no such fax."))
    return found


async def protocol(tx: DomainTx, owner: Owner, fax_id: int) -> list[Event]:
    """In order of time [FAX-05]. Raises NotFound."""
    rows = await tx.fetch(
        "SELECT e.at, e.event, e.facts FROM fax f JOIN fax_event e ON e.domain_id = f.domain_id AND e.fax_id = f.id "
        f"WHERE f.domain_id = $1 AND f.{owner.column} = $2 AND f.id = $3 ORDER BY e.at, e.id",
        tx.domain_id, owner.user_id, fax_id)
    if not rows:
        raise NotFound("fax", _("There is no such fax."))
    return [Event(*row) for row in rows]
