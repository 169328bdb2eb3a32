"""The trial as it goes by: its end, the letters about it, and what it forbids [ACC-03…06, ACC-D1]."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.kernel import letters
from app.kernel.db import DomainTx, PlatformTx
from app.kernel.errors import Refused
from app.kernel.i18n import _
from billing.accounts.blocks import start_block

TRIAL_EXPIRED = "trial_expired"
_LETTERS = {"ends_soon": "trial_ends_soon", "ended": "trial_ended", "minutes_used_up": "trial_minutes_used_up"}


@dataclass(frozen=True, slots=True)
class Due:
    """What the end of a trial asks for at a moment."""

    is_over: bool
    is_near: bool


def due(ends_at: datetime | None, now: datetime, remind_days: int) -> Due:
    """Over from the very moment of the end; near during the last `remind_days` before it."""
    if ends_at is None:
        return Due(False, False)
    is_over = ends_at <= now
    return Due(is_over, not is_over and ends_at - now <= timedelta(days=remind_days))


async def domains_to_look_at(tx: PlatformTx, remind_days: int) -> list[int]:
    """Trial domains whose end is near or past and that have not been told or blocked yet."""
    rows = await tx.fetch(
        "SELECT d.id FROM domain d WHERE d.mode = 'trial' AND d.trial_ends_at <= $1::timestamptz + $2::interval "
        "AND (d.trial_ends_at > $1 AND NOT EXISTS (SELECT FROM trial_notice n WHERE n.domain_id = d.id "
        "AND n.kind = 'ends_soon') OR d.trial_ends_at <= $1 AND NOT EXISTS (SELECT FROM domain_block b "
        "WHERE b.domain_id = d.id AND b.kind = 'trial_expired' AND b.ended_at IS NULL)) ORDER BY d.id",
        tx.now, timedelta(days=remind_days))
    return [row["id"] for row in rows]


async def look_at(tx: DomainTx, remind_days: int) -> None:
    """Remind, or end the trial: block and letter in one transaction. Repeats do nothing."""
    row = await tx.fetchrow("SELECT mode, trial_ends_at FROM domain WHERE id = $1 FOR NO KEY UPDATE", tx.domain_id)
    if row is None or row["mode"] != "trial":
        return
    found = due(row["trial_ends_at"], tx.now, remind_days)
    if found.is_over:
        await start_block(tx, TRIAL_EXPIRED, "trial")
        await tell(tx, "ended")
    elif found.is_near:
        await tell(tx, "ends_soon")


async def tell(tx: DomainTx, kind: str) -> bool:
    """One letter of each kind to the notification address; False when it went out before."""
    first = await tx.fetchval("INSERT INTO trial_notice (domain_id, kind, at) VALUES ($1, $2, $3) "
                              "ON CONFLICT DO NOTHING RETURNING true", tx.domain_id, kind, tx.now)
    if not first:
        return False
    row = await tx.fetchrow("SELECT name, locale, timezone, notification_email, trial_ends_at, trial_seconds_left "
                            "FROM domain WHERE id = $1", tx.domain_id)
    if row is None or not row["notification_email"]:
        return True
    await letters.queue(tx, _LETTERS[kind], row["notification_email"], row["locale"], zone=row["timezone"],
                        domain=row["name"], minutes=row["trial_seconds_left"] // 60,
                        end=row["trial_ends_at"] or tx.now)
    return True


def check_number_in_trial(mode: str, category: str, numbers: int) -> None:
    """A trial domain has its one free city number and no other [ACC-03, ACC-06].

    Raises:
        Refused: a second or a toll-free number before the contract.
    """
    if mode == "trial" and (category == "toll_free" or numbers > 0):
        raise Refused("trial", _("In trial a domain has one free city number. Further and toll-free numbers are "
                                 "possible in commercial mode."))
