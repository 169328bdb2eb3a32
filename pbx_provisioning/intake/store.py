"""SQL of the intake: what a batch must know, and writing it in sets."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec

from app.kernel.db import PlatformTx
from billing.holds.ends import release_many
from billing.rating.rules import billed_seconds
from pbx_provisioning.intake.charging import Hold, Priced
from pbx_provisioning.intake.picked import answering_account, answering_member
from pbx_provisioning.intake.records import CdrRecord
from pbx_provisioning.intake.rows import Call, Known, owner_of

Key = tuple[str, int]  # uniqueid, sequence
_JSON = msgspec.json.Encoder()


def _encode(value: object) -> str:
    return _JSON.encode(value).decode()


async def load_known(tx: PlatformTx, records: Sequence[CdrRecord]) -> tuple[Known, frozenset[int]]:
    """Who is who in the batch, and which domains are in trial."""
    owners = [owner_of(record) for record in records]
    domains = await tx.fetch(
        "SELECT d.id, d.mode FROM domain d JOIN account a ON a.domain_id = d.id WHERE d.id = ANY($1::bigint[])",
        list({domain_id for domain_id, _ in owners if domain_id}
             | {record.peer_domain_id for record in records if record.peer_domain_id}))
    pairs = {(domain_id, record.b_number) for (domain_id, _), record in zip(owners, records, strict=True)
             if domain_id and record.direction == "internal" and record.b_number}
    taken_by = {found for record in records if (found := answering_account(record))}
    users = await tx.fetch(
        "SELECT id, domain_id, extension, '' AS account FROM domain_user WHERE id = ANY($1::bigint[]) UNION "
        "SELECT u.id, u.domain_id, u.extension, '' FROM unnest($2::bigint[], $3::text[]) "
        "AS called (domain_id, digits) JOIN domain_user u ON u.domain_id = called.domain_id "
        "AND u.extension = called.digits UNION "
        "SELECT u.id, u.domain_id, u.extension, phone.login || '@' || host "
        "FROM unnest($4::text[], $5::text[]) AS phone (login, host) JOIN domain d ON d.name = host JOIN domain_user u "
        "ON u.domain_id = d.id AND u.login = phone.login",
        list({user_id for _, user_id in owners if user_id}
             | {record.peer_user_id for record in records if record.peer_user_id}
             | {member for record in records if (member := answering_member(record))}),
        [one for one, _ in pairs], [one for _, one in pairs],
        [one.partition("@")[0] for one in taken_by], [one.partition("@")[2] for one in taken_by])
    known = Known(frozenset(row["id"] for row in domains), {row["id"]: row["domain_id"] for row in users},
                  {(row["domain_id"], row["extension"]): row["id"] for row in users},
                  {row["id"]: row["extension"] for row in users},
                  {row["account"]: row["id"] for row in users if row["account"]})
    return known, frozenset(row["id"] for row in domains if row["mode"] == "trial")


_HOLDS = ("SELECT id, domain_id, uniqueid, b_number, version_id, trial, seconds, package_seconds, created_at "
          "FROM hold ")  # in the order of Hold's fields


async def load_holds(tx: PlatformTx, node_id: int, calls: Sequence[Call]) -> dict[Key, Hold]:
    """The hold of each call: the one that the record names if it is the domain's and the node's own, else the one
    of its channel (the node may never have heard the answer)."""
    out = [call for call in calls if call.direction == "out" or call.record.hold]
    if not out:
        return {}
    rows = await tx.fetch(_HOLDS + "WHERE node_id = $1 AND uniqueid = ANY($2::text[])", node_id,
                          list({call.record.uniqueid for call in out}))
    holds = [Hold(*row) for row in rows]
    found = {hold.id for hold in holds}
    named = {number for call in out if (number := call.record.hold_id) and number not in found}
    if named:
        holds += [Hold(*row) for row in await tx.fetch(
            _HOLDS + "WHERE node_id = $1 AND id = ANY($2::bigint[])", node_id, list(named))]
    by_id = {(hold.domain_id, hold.id): hold for hold in holds}
    by_channel = {(hold.domain_id, hold.uniqueid): hold for hold in holds}
    of_calls: dict[Key, Hold] = {}
    for call in out:
        hold = (by_id.get((call.domain_id, call.record.hold_id or 0))
                or by_channel.get((call.domain_id, call.record.uniqueid)))
        if hold is not None:
            of_calls[call.key] = hold
    return of_calls


async def lock_trial_domains(tx: PlatformTx, domain_ids: set[int]) -> None:
    """Before the accounts: the order of every other use case of a domain."""
    if domain_ids:
        await tx.fetch("SELECT id FROM domain WHERE id = ANY($1::bigint[]) ORDER BY id FOR NO KEY UPDATE",
                       sorted(domain_ids))


async def load_existing(tx: PlatformTx, node_id: int, records: Sequence[CdrRecord]) -> set[Key]:
    """Keys of calls that are in already; the range spares partitions that cannot hold them."""
    starts = [record.started_at for record in records]
    rows = await tx.fetch(
        "SELECT uniqueid, sequence FROM call WHERE node_id = $1 AND uniqueid = ANY($2::text[]) "
        "AND started_at BETWEEN $3 AND $4", node_id, [record.uniqueid for record in records],
        min(starts) - timedelta(days=2), max(starts) + timedelta(days=2))
    return {(row["uniqueid"], row["sequence"]) for row in rows}


async def release_holds(tx: PlatformTx, priced: Sequence[Priced]) -> dict[int, Decimal]:
    """The calls are over: what they held is free again. Their accounts are locked; the sums by domain that are
    returned are still to be taken off `account.held`."""
    ended: dict[int, datetime | None] = {}
    for one in priced:
        if one.hold is not None and not one.call.is_attempt:  # its money must wait for the next trunk
            ended[one.hold.id] = one.call.record.answered_at or ended.get(one.hold.id)
    return {domain_id: amount for domain_id, amount in (await release_many(tx, ended)).items() if amount}


async def use_trial_seconds(tx: PlatformTx, priced: Sequence[Priced]) -> None:
    used = _summed((one.call.domain_id, one.trial_seconds) for one in priced if one.trial_seconds)
    if used:
        await tx.execute(
            "UPDATE domain SET trial_seconds_left = greatest(trial_seconds_left - used.seconds, 0) "
            "FROM unnest($1::bigint[], $2::bigint[]) AS used (id, seconds) WHERE domain.id = used.id",
            list(used), list(used.values()))


async def use_package_seconds(tx: PlatformTx, priced: Sequence[Priced]) -> None:
    """What the new calls took from the minute packages; their accounts are locked."""
    used = _summed((one.call.domain_id, one.package_seconds) for one in priced if one.package_seconds)
    if used:
        await tx.execute(
            "UPDATE account SET package_seconds_left = package_seconds_left - used.seconds "
            "FROM unnest($1::bigint[], $2::bigint[]) AS used (id, seconds) WHERE account.domain_id = used.id",
            list(used), list(used.values()))


def _summed(parts: Iterable[tuple[int, int]]) -> dict[int, int]:
    """Seconds by domain."""
    sums: dict[int, int] = {}
    for domain_id, seconds in parts:
        sums[domain_id] = sums.get(domain_id, 0) + seconds
    return sums


# Rows reach the server by COPY: as arrays of a statement they cost three times as much. A table under row-level
# security takes no COPY, so they come in a table of the session's own, which is empty after every transaction.
_NEW_CALLS = """
CREATE TEMPORARY TABLE IF NOT EXISTS new_call (
    domain_id bigint, uniqueid text, sequence int, linkedid text, direction text, user_id bigint, peer_user_id bigint,
    a_number text, b_number text, trunk_id bigint, started_at timestamptz, answered_at timestamptz,
    ended_at timestamptz, talk_seconds int, result text, hangup_cause int, refusal text, hold_id bigint, rating text,
    hundredths bigint, charge text, posting_id bigint, kind text, peer_domain_id bigint, group_id bigint
) ON COMMIT DELETE ROWS
"""
_INSERT_CALLS = """
INSERT INTO call (domain_id, node_id, uniqueid, sequence, linkedid, direction, user_id, peer_user_id, a_number,
    b_number, trunk_id, started_at, answered_at, ended_at, talk_seconds, result, hangup_cause, refusal, hold_id,
    rating, cost, charge, posting_id, received_at, kind, peer_domain_id, group_id)
SELECT domain_id, $1, uniqueid, sequence, linkedid, direction, user_id, peer_user_id, a_number, b_number, trunk_id,
    started_at, answered_at, ended_at, talk_seconds, result, hangup_cause, refusal, hold_id, rating,
    hundredths * 0.01, charge::jsonb, posting_id, $2, kind, peer_domain_id, group_id
FROM new_call
"""


async def insert_calls(tx: PlatformTx, node_id: int, priced: Sequence[Priced],
                       posting_ids: Mapping[tuple[int, str], int]) -> None:
    """Raises UniqueViolationError when another transaction has just taken one of them in."""
    if not priced:
        return
    await tx.execute(_NEW_CALLS)
    await tx.connection.copy_records_to_table("new_call", records=[_row(one, posting_ids) for one in priced])
    await tx.execute(_INSERT_CALLS, node_id, tx.now)


def _row(one: Priced, posting_ids: Mapping[tuple[int, str], int]) -> tuple[object, ...]:
    call, record = one.call, one.call.record
    posting = one.posting
    return (
        call.domain_id, record.uniqueid, record.sequence, record.linkedid, call.direction, call.user_id,
        call.peer_user_id, call.a_number, call.b_number, call.trunk_id, record.started_at, record.answered_at,
        record.ended_at, one.seconds if call.is_chargeable else _whole_seconds(call), call.result, call.hangup_cause,
        call.refusal, one.hold.id if one.hold else None, one.rating,
        int(one.cost.amount.scaleb(2)) if one.cost else 0,
        _encode(one.charge) if one.charge is not None else None,
        posting_ids.get((call.domain_id, posting.key)) if posting else None,
        call.kind, call.peer_domain_id, call.group_id)


def _whole_seconds(call: Call) -> int:
    return min(billed_seconds(call.talk_ms), 2**31 - 1)


async def quarantine(tx: PlatformTx, node_id: int, records: Sequence[CdrRecord], reason: str,
                     error: str = "") -> None:
    """Put records aside for a person to look at; each once."""
    for record in records:
        body = json.loads(json.dumps(asdict(record), default=str).replace("\\u0000", ""))  # PostgreSQL has no NUL
        await tx.execute(
            "INSERT INTO record_quarantine (node_id, uniqueid, sequence, reason, error, record, received_at) "
            "VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (node_id, uniqueid, sequence) DO NOTHING",
            node_id, record.uniqueid.replace("\0", ""), record.sequence, reason, error[:500].replace("\0", ""), body,
            tx.now)
