"""Money held for paid calls in progress. The account row is always locked before a hold's row.

A hold is placed by the authorisation, grows while the call talks, and ends with the call's record. What a
trial domain holds is seconds of its package, counted as money of 0.01 a second for the same rules.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from asyncpg import Record

from app.kernel import clock
from app.kernel.db import DomainTx, PlatformTx
from app.kernel.errors import NotFound
from app.kernel.i18n import _
from billing.accounts.blocks import is_blocked
from billing.accounts.service import after_release
from billing.accounts.state import held, lock
from billing.guards import service as guards
from billing.holds.ends import give_back, release_many
from billing.holds.orphans import close_orphan
from billing.holds.rules import LONGEST_MARGIN_SECONDS, Hold, extension
from billing.packages.queries import free_seconds
from billing.packages.rules import offer
from billing.rating.rules import CallPrice, RateRow
from billing.tariffs.cache import rates

__all__ = ["TRIAL_PRICE", "Allowed", "NewHold", "OpenHold", "close_orphan", "extend", "mark_answered", "open_holds",
           "place", "release", "seen", "trial_money"]

_TRIAL_UNIT = 10_000  # millionths: the smallest amount that rounding keeps
TRIAL_PRICE = CallPrice(RateRow("", _TRIAL_UNIT, unit_seconds=1, first_increment=1, next_increment=1))


def trial_money(seconds: int) -> int:
    """Seconds of the trial package as money for TRIAL_PRICE."""
    return seconds * _TRIAL_UNIT


class Allowed(int):
    """Total seconds of talk allowed, counted from answer; an int with one more fact.

    `ask_at_seconds`: when to ask for more; None: never (nothing more can be had, or nothing is held).
    """

    ask_at_seconds: int | None

    def __new__(cls, seconds: int, ask_at_seconds: int | None) -> Allowed:
        made = super().__new__(cls, seconds)
        made.ask_at_seconds = ask_at_seconds
        return made

    @property
    def seconds(self) -> int:
        return int(self)


@dataclass(frozen=True, slots=True)
class NewHold:
    """A hold to be placed, with the answer that the node gets."""

    node_id: int
    uniqueid: str
    user_id: int | None
    b_number: str
    version_id: int
    prefix: str
    hold: Hold
    is_trial: bool
    caller_id: str
    trunks: str
    offline_seconds: int
    package_seconds: int = 0
    is_paid: bool = True


@dataclass(frozen=True, slots=True)
class OpenHold:
    """A hold whose call has not ended yet. `seconds` of talk from answer; `ask_at_seconds` at the latest."""

    hold_id: int
    domain_id: int
    uniqueid: str  # of the caller's channel
    channel: str  # the called leg's name, "" until answered
    created_at: datetime
    answered_at: datetime | None
    seen_at: datetime
    seconds: int
    is_trial: bool

    @property
    def ask_at_seconds(self) -> int:
        return max(self.seconds - LONGEST_MARGIN_SECONDS, 0)


_PLACE = """
WITH placed AS (
    INSERT INTO hold (domain_id, node_id, uniqueid, user_id, b_number, version_id, prefix, trial, amount, seconds,
                      allowed_seconds, caller_id, trunks, offline_seconds, created_at, seen_at, package_seconds,
                      paid)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11, $12, $13, $14, $14, $15, $16)
    RETURNING id, domain_id, node_id, amount
), opened AS (
    INSERT INTO open_hold_key (domain_id, hold_id, node_id) SELECT domain_id, id, node_id FROM placed
), changed AS (
    UPDATE account SET held = held + placed.amount FROM placed
    WHERE account.domain_id = placed.domain_id AND placed.amount <> 0
)
SELECT id FROM placed
"""


async def place(tx: DomainTx, new: NewHold) -> int:
    """Set the money aside; the caller holds the account's lock and has asked `first_slice`.

    Raises:
        UniqueViolationError: that channel of the node has a hold already.
    """
    amount = Decimal(0) if new.is_trial else _amount(new.hold.amount)
    return await tx.fetchval(
        _PLACE, tx.domain_id, new.node_id, new.uniqueid, new.user_id, new.b_number, new.version_id, new.prefix,
        new.is_trial, amount, new.hold.max_seconds, new.caller_id, new.trunks, new.offline_seconds, tx.now,
        new.package_seconds, new.is_paid)


def _amount(millionths: int) -> Decimal:
    return Decimal(millionths).scaleb(-6)


async def mark_answered(tx: DomainTx, hold_id: int, *, channel: str, at: datetime) -> bool:
    """The call was answered on `channel`. False: its record has ended the hold already, or it is unknown.

    A hold that the record of a failed first attempt released is opened again: the call goes on.
    """
    if await _mark(tx, hold_id, channel, at):
        return True
    await lock(tx)
    again = await tx.fetchrow(
        "WITH again AS (UPDATE hold SET released_at = NULL WHERE domain_id = $1 AND id = $2 "
        "AND released_at IS NOT NULL AND answered_at IS NULL RETURNING domain_id, id, node_id, amount), "
        "opened AS (INSERT INTO open_hold_key (domain_id, hold_id, node_id) SELECT domain_id, id, node_id FROM again) "
        "SELECT amount FROM again", tx.domain_id, hold_id)
    if again is None:
        return False
    await tx.execute("UPDATE account SET held = held + $2 WHERE domain_id = $1", tx.domain_id, again["amount"])
    return await _mark(tx, hold_id, channel, at)


async def _mark(tx: DomainTx, hold_id: int, channel: str, at: datetime) -> bool:
    return await tx.fetchval(
        "UPDATE hold SET answered_at = $3, channel = left($4, 160), seen_at = greatest(seen_at, $5) "
        "WHERE domain_id = $1 AND id = $2 AND released_at IS NULL RETURNING true",
        tx.domain_id, hold_id, at, channel, tx.now) or False


async def extend(tx: DomainTx, hold_id: int, *, talked_seconds: int) -> Allowed:
    """Hold more money for a call that talks. Nothing more while the domain is blocked or has no money;
    asking again after a payment gives more.

    Raises:
        NotFound: no such hold in this domain.
    """
    account = await lock(tx)
    row = await tx.fetchrow(
        "SELECT version_id, b_number, trial, amount, seconds, created_at, answered_at, released_at, package_seconds, "
        "(SELECT count(*) FROM open_hold o WHERE o.domain_id = $1 AND o.id <> h.id "
        "AND (o.amount > 0 OR o.trial OR o.package_seconds > 0)) AS parallel FROM hold h "
        "WHERE domain_id = $1 AND id = $2", tx.domain_id, hold_id)
    if row is None:
        raise NotFound("hold", _("There is no such call"))
    if row["released_at"] is not None:
        return Allowed(row["seconds"], None)
    free = account.free_millionths(await held(tx, account), row["created_at"])
    price, free = await _price_and_money(tx, row, free, account.currency.minor_digits)
    guard = await guards.growing(tx, account.held.millionths(), is_trial=row["trial"])
    if await is_blocked(tx) or guard.is_stopped:  # a running call talks on what it holds, no longer [FIN-D1]
        free = 0
    elif not row["trial"] and account.package.covers(row["created_at"]):
        price = offer(price, await free_seconds(tx, account.package), row["package_seconds"], row["parallel"])
    before = Hold(row["seconds"], trial_money(row["seconds"]) if row["trial"] else int(row["amount"].scaleb(6)), None)
    longer = extension(price, before, max(talked_seconds, 0), guard.bound(free), row["parallel"])
    package = max(price.charge(longer.max_seconds).package_seconds, row["package_seconds"])
    if (longer.max_seconds, longer.amount, package) > (before.max_seconds, before.amount, row["package_seconds"]):
        await _grow(tx, hold_id, longer, Decimal(0) if row["trial"] else _amount(longer.amount - before.amount),
                    package)
    else:
        needed = price.amount(before.max_seconds + 1) - before.amount
        await guards.cut(tx, guard, parallel=row["parallel"], needed=needed,
                         left_seconds=before.max_seconds - talked_seconds)
    return Allowed(longer.max_seconds, longer.ask_at_seconds)


async def _price_and_money(
    tx: DomainTx, row: Record, free: int | None, minor_digits: int,
) -> tuple[CallPrice, int | None]:
    if row["trial"]:
        left = await tx.fetchval(
            "SELECT d.trial_seconds_left - COALESCE((SELECT sum(h.seconds) FROM open_hold h WHERE h.domain_id = d.id "
            "AND h.trial), 0) FROM domain d WHERE d.id = $1", tx.domain_id)
        return TRIAL_PRICE, trial_money(max(int(left), 0))
    known = await rates(tx, row["version_id"])
    price = known.table.price(row["b_number"], row["answered_at"] or row["created_at"], minor_digits=minor_digits,
                              package_seconds=row["package_seconds"])
    if price is None:
        raise LookupError(f"version {row['version_id']} has no rate for a call authorised by it")
    return price, free


async def _grow(tx: DomainTx, hold_id: int, longer: Hold, added: Decimal, package: int) -> None:
    await tx.execute(
        "WITH grown AS (UPDATE hold SET amount = amount + $3, seconds = $4, package_seconds = $6, "
        "seen_at = greatest(seen_at, $5) WHERE domain_id = $1 AND id = $2) "
        "UPDATE account SET held = held + $3 WHERE domain_id = $1 AND $3 <> 0",
        tx.domain_id, hold_id, added, longer.max_seconds, tx.now, package)


async def open_holds(tx: PlatformTx, node_id: int, uniqueids: Iterable[str], *, most: int = 5_000) -> list[OpenHold]:
    """Calls of the node that hold something, oldest first: those of these channels, and `most` others. After an
    outage more than that may wait for their records."""
    rows = await tx.fetch(
        "SELECT id AS hold_id, domain_id, uniqueid, channel, created_at, answered_at, seen_at, seconds, "
        "trial AS is_trial FROM hold WHERE id IN ((SELECT hold_id FROM open_hold_key WHERE node_id = $1 "
        "ORDER BY hold_id LIMIT $3) UNION SELECT id FROM hold WHERE node_id = $1 AND uniqueid = ANY($2::text[]) "
        "AND released_at IS NULL) ORDER BY id", node_id, list(uniqueids), most)
    return [OpenHold(**row) for row in rows]


async def seen(tx: PlatformTx, hold_ids: Iterable[int]) -> None:
    """The agent sees these calls alive. A hold that somebody else is changing just now is passed over."""
    await tx.execute(
        "UPDATE hold SET seen_at = $2 WHERE id IN (SELECT id FROM hold WHERE id = ANY($1::bigint[]) "
        "AND released_at IS NULL FOR NO KEY UPDATE SKIP LOCKED)", list(hold_ids), clock.now())


async def release(tx: DomainTx, hold_id: int) -> bool:
    """Give the money back without a charge (the call was never answered); False if it is free already."""
    await lock(tx)
    freed = await release_many(tx, {hold_id: None})
    if tx.domain_id not in freed:
        return False
    await give_back(tx, freed[tx.domain_id])
    await after_release(tx)
    return True
