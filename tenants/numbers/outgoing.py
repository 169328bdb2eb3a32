"""The number shown to the called party: who may choose which, and what holds when nobody chose [NUM-05…09]."""

from __future__ import annotations

from dataclasses import dataclass

from app.kernel.db import DomainTx
from app.kernel.errors import InvalidFields
from app.kernel.i18n import _, format_phone


def shown_number(e164: str) -> str:
    """Stored digits as people read them [NUM-61]."""
    return format_phone(f"+{e164}")


def may_be_outgoing(e164: str, category: str) -> bool:
    """A toll-free 8-800 number is never shown as the caller's [NUM-09]."""
    return category != "toll_free" and not e164.startswith("7800")


async def check_outgoing_number(tx: DomainTx, number_id: int | None) -> None:
    """Whether a user or the domain may show this number; None: nothing chosen.

    Raises:
        InvalidFields: not the domain's number, or an 8-800 number; under `outgoing_number_id`.
    """
    if number_id is None:
        return
    row = await tx.fetchrow("SELECT e164, category FROM phone_number WHERE domain_id = $1 AND id = $2",
                            tx.domain_id, number_id)
    if row is None:
        raise _wrong_number(_("Choose one of the domain's numbers."))
    if not may_be_outgoing(row["e164"], row["category"]):
        raise _wrong_number(_("A toll-free 8-800 number cannot be shown on outgoing calls."))


def _wrong_number(text: str) -> InvalidFields:
    return InvalidFields("outgoing_number", text, fields={"outgoing_number_id": text})


async def outgoing_choices(tx: DomainTx) -> list[tuple[int, str]]:
    """Numbers that may be shown on outgoing calls, for a selector [NUM-09, USR-57]."""
    rows = await tx.fetch("SELECT id, e164, category FROM phone_number WHERE domain_id = $1 ORDER BY e164",
                          tx.domain_id)
    return [(row["id"], shown_number(row["e164"])) for row in rows if may_be_outgoing(row["e164"], row["category"])]


@dataclass(frozen=True, slots=True)
class Effective:
    """What the domain shows when a user has no number of his or her own."""

    shown: str  # "" when the domain has no number at all
    is_fallback: bool  # nothing is set: the oldest number that is not 8-800


async def domain_outgoing(tx: DomainTx) -> Effective:
    """The domain's number, else its oldest connected non-800 one [NUM-09]."""
    rows = await tx.fetch(
        "SELECT n.e164, n.category, n.id IS NOT DISTINCT FROM d.default_number_id AS chosen FROM phone_number n "
        "JOIN domain d ON d.id = n.domain_id WHERE n.domain_id = $1 ORDER BY 3 DESC, n.assigned_at, n.id",
        tx.domain_id)
    for row in rows:
        if may_be_outgoing(row["e164"], row["category"]):
            return Effective(shown_number(row["e164"]), not row["chosen"])
    return Effective("", True)
