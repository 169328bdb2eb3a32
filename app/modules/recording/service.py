"""Switching recording and analysis, the term of storage, and the end of both [REC-10…D3, REC-30…D5, SPA, SVC-D5]."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from enum import Enum

from app.audit import history
from app.kernel import provisioning
from app.kernel.db import DomainTx
from app.kernel.errors import InvalidFields, NotFound
from app.kernel.i18n import _
from app.kernel.money import Money
from app.modules.recording import queries
from app.modules.recording.queries import Person
from billing.services import service as services
from billing.services.rules import Quote
from billing.tariffs.terms import plan_of
from tenants.users.fees import also_saved, on_leaving_user

CODE = "recording"
SPEECH = "speech"
Kept = Callable[[DomainTx, int, int], Awaitable[object]]
_on_kept: list[Kept] = []


class Operation(Enum):
    """What a switch or the group bar does; analysis needs the recording [REC-22, REC-D1, SPA-10]."""

    RECORD = "enable"
    ANALYSE = "analyse"
    STOP = "disable"
    STOP_ANALYSIS = "plain"

    @property
    def is_more(self) -> bool:
        return self in (Operation.RECORD, Operation.ANALYSE)

    def after(self, recorded: bool, analysed: bool) -> tuple[bool, bool]:
        return {Operation.RECORD: (True, analysed), Operation.ANALYSE: (True, True), Operation.STOP: (False, False),
                Operation.STOP_ANALYSIS: (recorded, False)}[self]


def counts(people: Sequence[Person], operation: Operation) -> dict[str, int]:
    """Instances of each service that the operation adds or takes, recording first [SVC-D11]."""
    found = {CODE: 0, SPEECH: 0}
    for one in people:
        recorded, analysed = operation.after(one.is_recorded, one.is_analysed)
        found[CODE] += recorded != one.is_recorded
        found[SPEECH] += analysed != one.is_analysed
    return {code: count for code, count in found.items() if count}


async def quote(tx: DomainTx, people: Sequence[Person], operation: Operation) -> Quote:
    """One dialog for both services [REC-11, SPA-04]."""
    return await services.quote_many(tx, counts(people, operation))


async def saving(tx: DomainTx, people: Sequence[Person], operation: Operation) -> Money:
    """By how much the monthly fee falls; of both services [REC-25]."""
    amounts = [await services.saving(tx, code, count) for code, count in counts(people, operation).items()]
    return sum(amounts[1:], amounts[0]) if amounts else Money.zero()


async def apply(tx: DomainTx, ids: Sequence[int] | None, operation: Operation, *, mark: str | None = None) -> int:
    """Switch these users, or all (None); all of them or none [REC-D3]. New calls follow it.

    Returns:
        How many were changed; only they are charged for, in one pair of lines per service [SVC-D11].

    Raises:
        Forbidden: recording is off, or a service is not in the plan [GEN-D5].
        NotFound: one of the users is not of this domain.
        Refused: funds or a block.
        CostChanged: the amounts shown are out of date.
    """
    await services.scene(tx, lock=True)  # the order of locks is domain, account, user
    await services.require(tx, CODE)
    wanted = None if ids is None else sorted(set(ids))
    if wanted is not None and await queries.unknown(tx, wanted):
        raise NotFound("user", _("There is no such user"))
    people = [one for one in await queries.people(tx, wanted, lock=True)
              if operation.after(one.is_recorded, one.is_analysed) != (one.is_recorded, one.is_analysed)]
    if not people:
        return 0
    ref, changed = f"user:{people[0].login}" if len(people) == 1 else "users", counts(people, operation)
    if operation.is_more:
        await services.add_many(tx, changed, ref, mark=mark)
    else:
        for code, count in changed.items():
            await services.remove_instances(tx, code, count, ref)
    await _write(tx, people, operation)
    return len(people)


async def switch(tx: DomainTx, ids: Sequence[int] | None, to: bool, *, mark: str | None = None) -> int:
    """Recording alone on, or off with the analysis; see `apply`."""
    return await apply(tx, ids, Operation.RECORD if to else Operation.STOP, mark=mark)


async def _write(tx: DomainTx, people: Sequence[Person], operation: Operation) -> None:
    items = []
    for one in people:
        before, after = (one.is_recorded, one.is_analysed), operation.after(one.is_recorded, one.is_analysed)
        fields = zip(("recording_on", "analytics_on"), before, after, strict=True)
        items.append(history.Item(one.id, one.name, {name: (old, new) for name, old, new in fields if old != new}))
    is_for_all = {Operation.RECORD: "recording_on = true",
                  Operation.ANALYSE: "recording_on = true, analytics_on = true",
                  Operation.STOP: "recording_on = false, analytics_on = false",
                  Operation.STOP_ANALYSIS: "analytics_on = false"}
    await tx.execute(f"UPDATE domain_user SET {is_for_all[operation]} WHERE domain_id = $1 "
                     "AND id = ANY($2::bigint[])", tx.domain_id, [one.id for one in people])
    await history.record_many(tx, "recording_switched", "user", items)
    await provisioning.want_new_generation(tx, "recording_switched")


def on_kept(handler: Kept) -> None:
    """Told of every recording in the transaction that keeps it: its id and the user on whose channel it was made."""
    if handler not in _on_kept:
        _on_kept.append(handler)


async def tell_kept(tx: DomainTx, recording_id: int, user_id: int) -> None:
    for handler in _on_kept:
        await handler(tx, recording_id, user_id)


async def fee(tx: DomainTx, percent: int) -> Money:
    """The monthly fee of the users recorded now at that share of the plan's price."""
    item = (await plan_of(tx)).services[CODE]
    on = (await queries.counter(tx)).on
    return (item.at_percent(percent).monthly * item.charged(on)).rounded_for_ledger()


async def keep_for(tx: DomainTx, months: int) -> bool:
    """Set the term of storage. Nothing is debited now: the daily run takes the new price, the nightly deletion the new
    term [REC-D4, REC-D5].

    Returns:
        False if it is that already.

    Raises:
        InvalidFields: no such term.
    """
    await services.scene(tx, lock=True)
    await services.require(tx, CODE)
    before = await queries.months(tx)
    if months not in {tier.months for tier in await queries.tiers(tx)}:
        text = _("There is no such term of storage.")
        raise InvalidFields("months", text, fields={"months": text})
    if months == before:
        return False
    await tx.execute("INSERT INTO recording_setting (domain_id, months) VALUES ($1, $2) "
                     "ON CONFLICT (domain_id) DO UPDATE SET months = $2", tx.domain_id, months)
    await history.record(tx, "recording_term_changed", "service", object_name=_("Call recording"),
                         changes={"recording_months": (before, months)})
    return True


@on_leaving_user
async def _end_for(tx: DomainTx, user_id: int, login: str) -> None:
    """Deleting a user removes the instances; the recordings stay [REC-D2]."""
    for code, count in counts(await queries.people(tx, [user_id]), Operation.STOP).items():
        await services.remove_instances(tx, code, count, f"user:{login}")


@also_saved
async def _saved_by(tx: DomainTx, user_ids: Sequence[int]) -> Money:
    return await saving(tx, await queries.people(tx, list(user_ids)), Operation.STOP)


async def end_all(tx: DomainTx) -> None:
    """Recording is disconnected, and the analysis with it; recordings stay until their time is over [SVC-D5]."""
    people = [one for one in await queries.people(tx, None, lock=True) if one.is_recorded]
    analysed = counts(people, Operation.STOP).get(SPEECH, 0)
    if analysed:
        await services.remove_instances(tx, SPEECH, analysed, f"service:{CODE}")
    if people:
        await _write(tx, people, Operation.STOP)


async def end_analysis(tx: DomainTx) -> None:
    """Speech analytics is disconnected: nobody is analysed, jobs that wait are cancelled; results stay with their
    recordings [SVC-D5]."""
    people = [one for one in await queries.people(tx, None, lock=True) if one.is_analysed]
    if people:
        await _write(tx, people, Operation.STOP_ANALYSIS)
    await tx.execute("UPDATE speech_job SET state = 'cancelled' WHERE domain_id = $1 "
                     "AND state IN ('queued', 'processing')", tx.domain_id)
