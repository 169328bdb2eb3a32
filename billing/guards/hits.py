"""What follows a hit: a note, the history, one letter, and the state "paid calls stopped" of a domain."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial

from app.audit import history
from app.kernel import outbox, parameters
from app.kernel.db import DomainTx
from app.kernel.errors import NotFound, Refused
from app.kernel.i18n import _, format_datetime
from billing.accounts.state import lock
from billing.guards import queries
from billing.guards.letters import tell
from billing.guards.present import destination_name, phone, why_refused, why_stopped
from billing.guards.queries import Guards, Stop
from billing.guards.rules import REPEATS_WITHIN_SECONDS, Hit
from billing.subscriptions.rules import start_of_day

CAP, REPEATED = "daily_cap", "repeated"
QUIET = timedelta(hours=1)  # between two letters about one kind of refusal
_RETURNING = "RETURNING id, reason, detail, started_at, until"


async def note(tx: DomainTx, hit: Hit, *, number: str, user_id: int | None, by: str = "",
               repeats: int | None = None) -> None:
    """A call was refused. The first of its kind for an hour is told; so many within ten minutes stop paid calls."""
    row = await tx.fetchrow(
        "WITH noted AS (INSERT INTO guard_hit (domain_id, at, reason, user_id, number) VALUES ($1, $2, $3, $4, $5)) "
        "SELECT count(*) FILTER (WHERE at > $6) + 1 AS lately, count(*) FILTER (WHERE reason = $3) = 0 AS is_first "
        "FROM guard_hit WHERE domain_id = $1 AND at > $7 AND at > COALESCE("
        "(SELECT max(ended_at) FROM guard_stop WHERE domain_id = $1 AND reason = 'repeated'), '-infinity')",
        tx.domain_id, tx.now, hit.value, user_id, number, tx.now - timedelta(seconds=REPEATS_WITHIN_SECONDS),
        tx.now - QUIET)
    assert row is not None
    is_told = row["is_first"] and hit is not Hit.NEW  # a new destination has a line and a letter of its own
    if is_told:
        await history.record(tx, "guard_refused", "guard", object_id=tx.domain_id, object_name=phone(number),
                             changes={"guard_reason": (None, hit.value), "guard_prefix": (None, by or None)})
    if repeats is not None and row["lately"] >= repeats:
        await start(tx, REPEATED, f"{hit.value}:{row['lately']}", None)
    elif is_told:
        await tell(tx, "guard_refused", user_id=user_id, number=phone(number),
                   reason=partial(why_refused, hit.value, by))


async def stop_for_cap(tx: DomainTx, guards: Guards) -> None:
    """Until the day ends in the billing zone."""
    zone = await parameters.get(tx, "billing.timezone")
    limits = [limit for limit in (guards.limits.cap, guards.limits.wall) if limit is not None]
    await start(tx, CAP, str(Decimal(min(limits)).scaleb(-6).quantize(Decimal("0.01"))),
                start_of_day(guards.billing_day + timedelta(days=1), zone))


async def start(tx: DomainTx, reason: str, detail: str, until: datetime | None) -> bool:
    """Paid calls stop; False if they are stopped for this reason already. One line of history and one letter."""
    await end_expired(tx)
    started = await tx.fetchval(
        "INSERT INTO guard_stop (domain_id, reason, detail, started_at, until) VALUES ($1, $2, $3, $4, $5) "
        "ON CONFLICT (domain_id, reason) WHERE ended_at IS NULL DO NOTHING RETURNING id",
        tx.domain_id, reason, detail, tx.now, until)
    if started is None:
        return False
    await history.record(tx, "guard_stopped", "guard", object_id=tx.domain_id,
                         object_name=await _name(tx), changes=_told(reason, detail, started=True))
    await outbox.publish(tx, "guard_stopped", {"reason": reason})
    await tell(tx, "guard_stopped", reason=partial(why_stopped, reason, detail),
               until=partial(format_datetime, until) if until else "")
    return True


async def end_expired(tx: DomainTx) -> int:
    """Stops whose moment has come; how many."""
    rows = await tx.fetch(f"UPDATE guard_stop SET ended_at = until WHERE domain_id = $1 AND ended_at IS NULL "
                          f"AND until <= $2 {_RETURNING}", tx.domain_id, tx.now)
    for row in rows:
        await _ended(tx, Stop(**row))
    return len(rows)


async def lift(tx: DomainTx, *, by_provider: bool = False) -> int:
    """Paid calls work again; the day is counted anew. How many stops that ended.

    Raises:
        Refused: `guard_wall`: the provider's largest amount for a day is used up, which only the provider may count
            anew.
        NotFound: paid calls are not stopped.
    """
    account = await lock(tx)
    stops = await queries.open_stops(tx)
    if not stops:
        raise NotFound("guard_stop", _("Paid calls are not stopped."))
    if any(stop.reason == CAP for stop in stops):
        await _count_anew(tx, account.held.millionths(), by_provider)
    rows = await tx.fetch(f"UPDATE guard_stop SET ended_at = $2 WHERE domain_id = $1 AND ended_at IS NULL {_RETURNING}",
                          tx.domain_id, tx.now)
    for row in rows:
        await _ended(tx, Stop(**row))
    return len(rows)


async def _count_anew(tx: DomainTx, held: int, by_provider: bool) -> None:
    guards = await queries.in_general(tx)
    wall, day = guards.limits.wall, guards.day
    if not by_provider and wall is not None and wall - (day.spent - day.wall_base) - held <= 0:
        raise Refused("guard_wall", _("The largest daily amount that the provider allows is used up. Please contact "
                                      "the provider."))
    await tx.execute(
        "INSERT INTO guard_day AS known (domain_id, day) VALUES ($1, $2) ON CONFLICT (domain_id, day) DO UPDATE "
        "SET own_base = known.spent, wall_base = CASE WHEN $3 THEN known.spent ELSE known.wall_base END",
        tx.domain_id, guards.billing_day, by_provider)


async def release_cap(tx: DomainTx) -> None:
    """The cap was raised: when the day has room again, its stop ends."""
    guards = await queries.in_general(tx)
    room = guards.room(0)
    if CAP not in guards.stops or (room is not None and room <= 0):
        return
    row = await tx.fetchrow(f"UPDATE guard_stop SET ended_at = $2 WHERE domain_id = $1 AND ended_at IS NULL "
                            f"AND reason = '{CAP}' {_RETURNING}", tx.domain_id, tx.now)
    if row is not None:
        await _ended(tx, Stop(**row))


async def _ended(tx: DomainTx, stop: Stop) -> None:
    await history.record(tx, "guard_released", "guard", object_id=tx.domain_id, object_name=await _name(tx),
                         changes=_told(stop.reason, stop.detail, started=False))
    await outbox.publish(tx, "guard_released", {"reason": stop.reason})
    await tell(tx, "guard_released", reason=partial(why_stopped, stop.reason, stop.detail))


def _told(reason: str, detail: str, *, started: bool) -> dict[str, history.Change]:
    hit, count = detail.partition(":")[::2]
    told = {"guard_stop": reason} | ({"guard_reason": hit, "guard_count": count} if reason == REPEATED
                                     else {"daily_cap": detail})
    return {name: (None, value) if started else (value, None) for name, value in told.items()}


async def _name(tx: DomainTx) -> str:
    return await tx.fetchval("SELECT name FROM domain WHERE id = $1", tx.domain_id)


# --- destinations ------------------------------------------------------------------------------------


async def remember(tx: DomainTx, destination: str, number: str, user_id: int | None, *, waits: bool, is_known: bool,
                   tells: bool = True) -> None:
    """A destination is new, or was not called for long. One that waits is told of once."""
    if waits and is_known and await _waits_already(tx, destination):
        return
    await tx.execute(
        "INSERT INTO guard_destination (domain_id, destination, number, user_id, first_at, called_at) "
        "VALUES ($1, $2, $3, $4, $5, CASE WHEN $6 THEN NULL ELSE $5::timestamptz END) "
        "ON CONFLICT (domain_id, destination) DO UPDATE SET number = EXCLUDED.number, user_id = EXCLUDED.user_id, "
        "first_at = EXCLUDED.first_at, called_at = EXCLUDED.called_at",
        tx.domain_id, destination, number, user_id, tx.now, waits)
    if not tells:
        return
    await history.record(tx, "guard_destination_new", "guard", object_id=tx.domain_id, object_name=phone(number),
                         changes={"guard_destination": (None, destination), "guard_waits": (None, waits)})
    await tell(tx, "guard_destination", user_id=user_id, number=phone(number),
               destination=partial(destination_name, destination), waits=waits)


async def _waits_already(tx: DomainTx, destination: str) -> bool:
    return await tx.fetchval("SELECT called_at IS NULL FROM guard_destination WHERE domain_id = $1 "
                             "AND destination = $2", tx.domain_id, destination) or False


async def confirm(tx: DomainTx, destination: str) -> None:
    """Calls there are possible from now on.

    Raises:
        NotFound: no such destination waits.
    """
    number = await tx.fetchval(
        "UPDATE guard_destination SET called_at = $3 WHERE domain_id = $1 AND destination = $2 AND called_at IS NULL "
        "RETURNING number", tx.domain_id, destination, tx.now)
    if number is None:
        raise NotFound("guard_destination", _("This destination is not awaiting confirmation."))
    await history.record(tx, "guard_destination_confirmed", "guard", object_id=tx.domain_id,
                         object_name=phone(number), changes={"guard_destination": (None, destination)})
