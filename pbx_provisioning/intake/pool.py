"""A call between two domains of a pool stands in both journals [POOL-D2]."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pbx_provisioning.intake.picked import answering_account, answering_member
from pbx_provisioning.intake.rows import Call, Known

# The called domain's line is told from the caller's by its sequence; Asterisk's own stay far below.
CALLED_SIDE = 2**30


def called_sides(calls: Sequence[Call], known: Known) -> list[Call]:
    """The lines of the called domains for those of the calls that went to another domain."""
    return [line for call in calls if (line := _called_side(call, known)) is not None]


def _called_side(call: Call, known: Known) -> Call | None:
    record, domain_id = call.record, call.peer_domain_id
    if call.direction != "internal" or domain_id not in known.domains or domain_id == call.domain_id:
        return None
    if domain_id is None or record.sequence >= CALLED_SIDE:
        return None
    taker = None
    if call.result == "answered":
        taker = known.accounts.get(answering_account(record)) or answering_member(record)
    user_id = record.peer_user_id if taker is None else taker
    if user_id is not None and known.user_domains.get(user_id) != domain_id:
        user_id = None
    return replace(
        call, record=replace(record, sequence=record.sequence + CALLED_SIDE), domain_id=domain_id, user_id=None,
        peer_user_id=user_id, peer_domain_id=call.domain_id, a_number=record.number,
        group_id=record.group_id,
        b_number=known.own_extensions.get(user_id, call.b_number) if user_id else call.b_number)
