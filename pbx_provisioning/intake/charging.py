"""What the answered outgoing calls of a batch cost: price as authorised, else as in force at answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from app.kernel.db import PlatformTx
from app.kernel.money import Money
from billing.accounts.posting import Operation, Posting
from billing.accounts.state import Account
from billing.packages.queries import Reserved, reserved
from billing.packages.spending import Spending, Use, explain
from billing.rating.rules import CALL_CAP_SECONDS, billed_seconds
from billing.tariffs.cache import Rates, Versions, rates, versions
from pbx_provisioning.intake.rows import Call

log = structlog.get_logger()


@dataclass(slots=True)  # like Priced not frozen: made 10,000 times a second; treat as a value
class Hold:
    """The unchanging part of a hold, and how long the call was allowed to talk."""

    id: int
    domain_id: int
    uniqueid: str
    b_number: str
    version_id: int
    is_trial: bool
    seconds: int
    package_seconds: int
    created_at: datetime


class Packages:
    """What is left of the domains' minute packages and guaranteed payments while a batch is priced, call by call
    [FIN-60]."""

    def __init__(self, accounts: Mapping[int, Account], reserved: Iterable[Reserved] = ()) -> None:
        self._packages = {domain_id: account.package for domain_id, account in accounts.items()}
        self._left = {domain_id: package.seconds for domain_id, package in self._packages.items()}
        self._spending = {domain_id: Spending(account.buckets) for domain_id, account in accounts.items()
                          if account.buckets}
        self._reserved: dict[int, dict[int, int]] = {}
        for one in reserved:
            self._reserved.setdefault(one.domain_id, {})[one.hold_id] = one.seconds

    @classmethod
    async def load(cls, tx: PlatformTx, accounts: Mapping[int, Account]) -> Packages:
        filled = [domain_id for domain_id, account in accounts.items() if account.package.seconds]
        return cls(accounts, await reserved(tx, filled) if filled else ())

    def _is_current(self, call: Call, hold: Hold | None) -> bool:
        moment = _begun(call, hold)
        return moment is not None and self._packages[call.domain_id].covers(moment)

    def available(self, call: Call, hold: Hold | None) -> int:
        """What no other call has reserved; a call of last month still has what it reserved then."""
        if not self._is_current(call, hold):
            return hold.package_seconds if hold else 0
        left = self._left[call.domain_id]
        if not left:
            return 0
        others = self._reserved.get(call.domain_id, {})
        return max(left - sum(seconds for hold_id, seconds in others.items() if not hold or hold_id != hold.id), 0)

    def use(self, call: Call, hold: Hold | None, seconds: int) -> int:
        """The call has ended; returns by how much the account's package shrinks."""
        if hold:
            self._reserved.get(call.domain_id, {}).pop(hold.id, None)
        if not seconds or not self._is_current(call, hold):
            return 0
        self._left[call.domain_id] -= seconds
        return seconds

    def pay(self, call: Call, hold: Hold | None, cost: Money) -> Use | None:
        """What the guaranteed payment takes over of the rounded cost."""
        spending = self._spending.get(call.domain_id)
        if spending is None:
            return None
        begun = _begun(call, hold)
        return spending.use(cost, begun) if begun else None


def _begun(call: Call, hold: Hold | None) -> datetime | None:
    return hold.created_at if hold else call.record.answered_at


@dataclass(slots=True)
class Priced:
    """A call with its price; `trial_seconds` used up instead of money."""

    call: Call
    hold: Hold | None
    seconds: int = 0
    rating: str = "free"
    cost: Money | None = None
    charge: dict[str, Any] | None = None
    posting: Posting | None = None
    trial_seconds: int = 0
    package_seconds: int = 0  # that the account's package shrinks by
    mgp: Use | None = None  # part of the cost that the guaranteed payment takes over


class Tariffs:
    """Rates at hand for a batch, so that pricing itself does no I/O."""

    def __init__(self, known: Mapping[int, Rates], begun: Versions) -> None:
        self._known, self._begun = known, begun

    @classmethod
    async def load(cls, tx: PlatformTx, calls: Iterable[Call], holds: Mapping[tuple[str, int], Hold],
                   accounts: Mapping[int, Account]) -> Tariffs:
        chargeable = [call for call in calls if call.is_chargeable]
        wanted = {holds[call.key].version_id for call in chargeable if call.key in holds}
        without = [call for call in chargeable if call.key not in holds]
        begun = Versions({})
        if without:
            begun = await versions(tx, {accounts[call.domain_id].tariff_id for call in without})
            wanted |= {found for call in without
                       if (found := _version(begun, accounts[call.domain_id].tariff_id, call, tx.now)) is not None}
        return cls({version_id: await rates(tx, version_id) for version_id in wanted}, begun)

    def for_call(self, call: Call, hold: Hold | None, tariff_id: int, now: Any) -> Rates | None:
        version_id = hold.version_id if hold else _version(self._begun, tariff_id, call, now)
        return self._known.get(version_id) if version_id is not None else None


def _version(begun: Versions, tariff_id: int, call: Call, now: Any) -> int | None:
    """In force at answer; a node whose clock is years behind finds today's."""
    answered = call.record.answered_at
    return (begun.at(tariff_id, answered) if answered else None) or begun.at(tariff_id, now)


def price(call: Call, hold: Hold | None, account: Account, tariffs: Tariffs, packages: Packages, *, node_id: int,
          is_trial: bool, now: Any) -> Priced:
    """Price of one call. No rate: `unrated`, kept for the provider and charged once the tariff is mended [FIN-57]."""
    if not call.is_chargeable:
        return Priced(call, hold)
    seconds = _seconds(call, hold)
    if hold.is_trial if hold else is_trial:
        return Priced(call, hold, seconds, charge={"trial_seconds": seconds}, trial_seconds=seconds)
    number = hold.b_number if hold else call.b_number
    known = tariffs.for_call(call, hold, account.tariff_id, now) if hold or call.has_e164 else None
    answered = call.record.answered_at
    assert answered is not None
    charge = known and known.table.rate(number, answered, seconds, minor_digits=account.currency.minor_digits,
                                        package_seconds=packages.available(call, hold))
    if not known or not charge:
        return Priced(call, hold, seconds, rating="unrated")
    cost = charge.money(account.currency)
    part = packages.pay(call, hold, cost)
    paid = cost - part.amount if part else cost
    posting = None
    if paid:  # a charge of 0.00 is journalled without a posting [FIN-61]
        posting = Posting(f"call:{node_id}:{call.record.uniqueid}:{call.record.sequence}", Operation.CALL,
                          known.destination(charge.prefix), seconds, -paid, answered, f"call:{call.record.uniqueid}")
    explained = charge.explain()
    if part:
        explained |= explain(part)
    return Priced(call, hold, seconds, "rated", cost, explained, posting, 0,
                  packages.use(call, hold, charge.package_seconds), part)


def _seconds(call: Call, hold: Hold | None) -> int:
    """Whole seconds to bill. The channel is cut at the hold's end, so a longer talk is a clock that jumped or an
    exchange that stood still: beyond what was authorised nothing is charged."""
    limit = hold.seconds if hold else CALL_CAP_SECONDS
    seconds = billed_seconds(call.talk_ms)
    if seconds > limit:
        log.warning("talk_beyond_hold", domain_id=call.domain_id, call_id=call.record.uniqueid, seconds=seconds,
                    limit=limit)
    return min(seconds, limit)


def domains_to_lock(calls: Sequence[Call], holds: Mapping[tuple[str, int], Hold]) -> set[int]:
    """Domains whose account a batch may touch."""
    return {call.domain_id for call in calls if call.is_chargeable or call.key in holds}
