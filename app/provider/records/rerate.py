"""Charging calls that had no rate, once the tariff is mended [FIN-57].

The version in force at the answer decides; where it has no row for the number, the first later one in force that has.
Like the intake: account locked, one posting key per record, so that a call is charged once whoever comes first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from asyncpg import Record

from app.audit import history
from app.kernel.db import PlatformTx
from app.kernel.money import Money
from billing.accounts import ledger
from billing.accounts.service import after_debit
from billing.accounts.state import lock_many
from billing.packages import mgp
from billing.tariffs.cache import Rates, Versions, rates, versions
from pbx_provisioning.intake import store
from pbx_provisioning.intake.charging import Hold, Packages, Priced, Tariffs, price
from pbx_provisioning.intake.records import CdrRecord
from pbx_provisioning.intake.rows import Call

AT_ONCE = 500  # calls of one transaction
Cursor = tuple[datetime, int]  # after which call to go on
START: Cursor = (datetime(1, 1, 2, tzinfo=UTC), 0)


class Mended(Tariffs):
    """Every version that the calls may be charged by."""

    @classmethod
    async def of(cls, tx: PlatformTx, tariff_id: int) -> Mended:
        begun = await versions(tx, [tariff_id])
        in_force = [number for since, number in begun.begun.get(tariff_id, ()) if since <= tx.now]
        return cls({number: await rates(tx, number) for number in in_force}, begun)

    def for_call(self, call: Call, hold: Hold | None, tariff_id: int, now: datetime) -> Rates | None:
        number = hold.b_number if hold else call.b_number
        answered = call.record.answered_at
        assert answered is not None
        for version_id in _in_order(self._begun, tariff_id, answered, now):
            known = self._known[version_id]
            if known.table.rate(number, answered, max(call.talk_ms // 1000, 1)) is not None:
                return known
        return None


def _in_order(begun: Versions, tariff_id: int, answered: datetime, now: datetime) -> list[int]:
    """The version in force at the answer, then those that began after it, up to now."""
    later = sorted(one for one in begun.begun.get(tariff_id, ()) if answered < one[0] <= now)
    at_answer = begun.at(tariff_id, answered)
    return ([at_answer] if at_answer is not None else []) + [number for _since, number in later]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one domain: calls charged now, what they came to, and where to go on (None: that was all)."""

    rated: int
    amount: Money
    next: Cursor | None


async def domains(tx: PlatformTx, tariff_id: int | None = None) -> list[int]:
    """Domains that have calls without a rate, of one tariff or all."""
    rows = await tx.fetch(
        "SELECT DISTINCT c.domain_id FROM call c JOIN account a ON a.domain_id = c.domain_id "
        "WHERE c.rating = 'unrated' AND ($1::bigint IS NULL OR a.tariff_id = $1) ORDER BY c.domain_id", tariff_id)
    return [row["domain_id"] for row in rows]


async def rate_again(tx: PlatformTx, domain_id: int, after: Cursor = START) -> Outcome:
    """Charge a portion of the domain's calls that have a rate now; the others stay as they are."""
    accounts = await lock_many(tx, [domain_id])
    account = accounts[domain_id]
    rows = await tx.fetch(
        "SELECT id, node_id, uniqueid, sequence, started_at, answered_at, ended_at, a_number, b_number, talk_seconds, "
        "hold_id FROM call WHERE domain_id = $1 AND rating = 'unrated' AND answered_at IS NOT NULL "
        "AND (started_at, id) > ($2, $3) ORDER BY started_at, id LIMIT $4", domain_id, *after, AT_ONCE)
    tariffs, packages = await Mended.of(tx, account.tariff_id), await Packages.load(tx, accounts)
    holds = await _holds(tx, rows)
    priced = [(row, price(_call(row, domain_id), holds.get(row["hold_id"]), account, tariffs, packages,
                          node_id=row["node_id"], is_trial=False, now=tx.now)) for row in rows]
    rated = [(row, one) for row, one in priced if one.rating == "rated"]
    posted = await ledger.write(tx, [(domain_id, one.posting) for _row, one in rated if one.posting], accounts)
    await _note(tx, domain_id, rated, posted.ids)
    amount = sum((-one.posting.ledger_amount for _row, one in rated if one.posting), Money.zero(account.currency))
    if rated:
        await _settle(tx, domain_id, [one for _row, one in rated], amount)
    is_last = len(rows) < AT_ONCE
    return Outcome(len(rated), amount, None if is_last else (rows[-1]["started_at"], rows[-1]["id"]))


async def _settle(tx: PlatformTx, domain_id: int, rated: Sequence[Priced], amount: Money) -> None:
    await store.use_package_seconds(tx, rated)
    await mgp.use(tx, [(domain_id, one.mgp) for one in rated if one.mgp])
    bound = await tx.enter_domain(domain_id)
    await history.record(bound, "calls_rated", "account", object_id=domain_id, changes={
        "calls": (None, len(rated)), "amount": (None, -amount.amount)})
    if amount:
        await after_debit(bound)


async def _holds(tx: PlatformTx, rows: Sequence[Record]) -> dict[int, Hold]:
    found = await tx.fetch(
        "SELECT id, domain_id, uniqueid, b_number, version_id, trial AS is_trial, seconds, package_seconds, created_at "
        "FROM hold WHERE id = ANY($1::bigint[])", [row["hold_id"] for row in rows if row["hold_id"]])
    return {row["id"]: Hold(**row) for row in found}


async def _note(tx: PlatformTx, domain_id: int, rated: Sequence[tuple[Record, Priced]],
                posting_ids: Mapping[tuple[int, str], int]) -> None:
    """Cost and explanation into the journal [FIN-62]."""
    await tx.executemany(
        "UPDATE call SET rating = 'rated', cost = $4, charge = $5, posting_id = $6 WHERE domain_id = $1 AND id = $2 "
        "AND started_at = $3 AND rating = 'unrated'",
        [(domain_id, row["id"], row["started_at"], one.cost.rounded_for_ledger().amount if one.cost else Decimal(0),
          one.charge, posting_ids.get((domain_id, one.posting.key)) if one.posting else None) for row, one in rated])


def _call(row: Record, domain_id: int) -> Call:
    """The journal's row as the intake had it; the seconds to bill were reckoned then."""
    record = CdrRecord(
        uniqueid=row["uniqueid"], linkedid=row["uniqueid"], sequence=row["sequence"], account_code="", channel="",
        dst_channel="", started_at=row["started_at"], answered_at=row["answered_at"], ended_at=row["ended_at"],
        duration_seconds=Decimal(0), billsec=Decimal(row["talk_seconds"]), disposition="ANSWERED", src="", dst="",
        last_app="", domain_id=domain_id, user_id=None, direction="out", a_number=row["a_number"],
        b_number=row["b_number"], trunk="", hold="", reason="", number="", is_billable=True, cause=None)
    return Call(record, domain_id, None, None, "out", row["a_number"], row["b_number"], None, "answered", 16, "",
                row["talk_seconds"] * 1000)
