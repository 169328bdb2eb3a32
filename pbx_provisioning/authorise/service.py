"""One transaction from the question to the answer: account lock, facts, decision, hold."""

from __future__ import annotations

from asyncpg import Record

from app.kernel import parameters
from app.kernel.actors import Actor
from app.kernel.db import DomainTx, domain_transaction
from app.kernel.errors import NotFound
from billing.accounts.state import Account, held, lock
from billing.guards import service as guards
from billing.holds import service as holds
from billing.packages.queries import free_seconds
from billing.packages.rules import offer
from billing.rating.rules import CallPrice
from billing.tariffs.cache import Rates, rates
from pbx_provisioning.authorise.question import Allow, Answer, Deny, Question
from pbx_provisioning.authorise.rules import (
    Denied,
    Facts,
    called_number,
    first_hold,
    is_abroad,
    offline_seconds,
)
from tenants.numbers.rules import NotANumber, normalise, place_of

ANSWER_WITHIN_SECONDS = 180  # a call rings 90 s at a trunk; another tariff band may begin meanwhile
_FACTS = """
SELECT n.id AS node_id, u.id AS user_id, d.mode, d.trial_ends_at, d.trial_seconds_left, d.country, d.area_code,
       d.max_paid_calls, d.default_restriction, u.outgoing_restriction,
       EXISTS (SELECT FROM domain_block b WHERE b.domain_id = d.id AND b.ended_at IS NULL) AS is_blocked,
       (SELECT p.e164 FROM phone_number p WHERE p.domain_id = d.id AND p.category <> 'toll_free'
        AND (p.e164 = $7 OR p.id = u.outgoing_number_id) ORDER BY p.e164 = $7 DESC LIMIT 1) AS own_number,
       (SELECT p.e164 FROM phone_number p WHERE p.domain_id = d.id AND p.id = d.default_number_id
                                            AND p.category <> 'toll_free') AS default_number,
       (SELECT p.e164 FROM phone_number p WHERE p.domain_id = d.id AND p.category <> 'toll_free'
        ORDER BY p.assigned_at, p.id LIMIT 1) AS main_number,
       (SELECT string_agg('t' || t.id, '&' ORDER BY t.priority, t.id) FROM trunk t
        WHERE t.node_id = n.id AND t.is_active) AS trunks,
       (SELECT v.id FROM tariff_version v WHERE v.tariff_id = $4 AND v.state = 'published' AND v.valid_from <= $5
        ORDER BY v.valid_from DESC, v.id DESC LIMIT 1) AS version_id,
       others.open_calls, others.parallel_holds, others.trial_held,
       h.id AS hold_id, h.user_id AS hold_user, h.b_number AS hold_number, h.allowed_seconds, h.caller_id,
       h.trunks AS hold_trunks, h.offline_seconds, h.released_at
FROM domain d JOIN pbx_node n ON n.id = d.pbx_node_id AND n.name = $3
LEFT JOIN domain_user u ON u.domain_id = d.id AND u.id = $2
LEFT JOIN hold h ON h.domain_id = d.id AND h.node_id = n.id AND h.uniqueid = $6
CROSS JOIN LATERAL (
    SELECT count(*) AS open_calls, count(*) FILTER (WHERE o.amount > 0 OR o.trial OR o.package_seconds > 0)
           AS parallel_holds, COALESCE(sum(o.seconds) FILTER (WHERE o.trial), 0) AS trial_held
    FROM open_hold o WHERE o.domain_id = d.id
) others WHERE d.id = $1
"""


async def authorise(question: Question) -> Answer:
    """Decide, and set the money aside. The same channel asking again gets the same answer."""
    if not question.domain_id:
        return Deny("error")
    async with domain_transaction(Actor.system(question.domain_id, name=f"node {question.node}")) as tx:
        try:
            return await _decide(tx, question)
        except Denied as refusal:
            return Deny(refusal.args[0])
        except NotFound:
            return Deny("error")


async def _decide(tx: DomainTx, question: Question) -> Answer:
    account = await lock(tx)
    row = await tx.fetchrow(_FACTS, tx.domain_id, question.user_id, question.node, account.tariff_id, tx.now,
                            question.uniqueid, question.caller_id)
    if row is None or (question.user_id and row["user_id"] is None):  # on another node, or not this domain's user
        return Deny("error")
    facts = _facts(row)
    if row["hold_id"] is not None:
        return _again(row, question)
    if question.is_redirected and facts.is_trial and not await parameters.get(tx, "trial.external_forwarding"):
        raise Denied("trial")  # [ACC-04, ACC-D2]
    number, caller_id = called_number(facts, question.digits, tx.now, question.limit)
    if facts.version_id is None:
        raise Denied("no_rate")
    known = await rates(tx, facts.version_id)
    prices = await _prices(tx, account, facts, known, number)
    price = max(prices, key=lambda one: one.amount(one.entry_seconds))
    free = account.free_millionths(await held(tx, account), tx.now)
    asking = guards.Asking(number, question.user_id or None, price, free, account.held.millionths(),
                           is_abroad(facts, number), facts.is_trial)
    guarded = await guards.examine(tx, asking)
    if guarded.refusal is not None:
        raise Denied(guarded.refusal.value)
    hold = first_hold(facts, prices, guarded.free)
    rest = None if guarded.free is None else guarded.free - hold.amount
    offline = offline_seconds(facts, account.terms.scheme, rest, known.dearest) if guarded.may_go_offline else 0
    hold_id = await holds.place(tx, holds.NewHold(
        row["node_id"], question.uniqueid, question.user_id or None, number, facts.version_id, price.row.prefix, hold,
        facts.is_trial, caller_id, facts.trunks, offline,
        max(one.charge(hold.max_seconds).package_seconds for one in prices), guarded.is_paid))
    await guards.placed(tx, asking, guarded)
    return Allow(hold_id, hold.max_seconds, caller_id, facts.trunks, number, offline)


async def _prices(tx: DomainTx, account: Account, facts: Facts, known: Rates, number: str) -> list[CallPrice]:
    """Those that the call can have at its answer."""
    prices = known.table.prices(number, tx.now, ANSWER_WITHIN_SECONDS, minor_digits=account.currency.minor_digits)
    if not prices:
        raise Denied("no_rate")
    if facts.is_trial:
        return prices
    unused = await free_seconds(tx, account.package)
    return [offer(one, unused, 0, facts.parallel_holds) for one in prices]


def _facts(row: Record) -> Facts:
    return Facts(
        is_trial=row["mode"] == "trial", trial_ends_at=row["trial_ends_at"],
        trial_seconds_free=row["trial_seconds_left"] - int(row["trial_held"]), country=row["country"],
        area_code=row["area_code"], is_blocked=row["is_blocked"], own_restriction=row["outgoing_restriction"],
        default_restriction=row["default_restriction"],
        numbers=(row["own_number"], row["default_number"], row["main_number"]), trunks=row["trunks"] or "",
        version_id=row["version_id"], open_calls=row["open_calls"], max_calls=row["max_paid_calls"],
        parallel_holds=row["parallel_holds"])


def _again(row: Record, question: Question) -> Answer:
    """The channel has a hold: its answer was lost on the way, or the question is replayed.

    Of an ended call, or for another number or user, nothing is given out.
    """
    try:
        number = normalise(question.digits, place_of(row["country"], row["area_code"]))
    except NotANumber:
        return Deny("error")
    if row["released_at"] is not None or (row["hold_user"] or 0) != question.user_id or row["hold_number"] != number:
        return Deny("error")
    return Allow(row["hold_id"], row["allowed_seconds"], row["caller_id"], row["hold_trunks"], number,
                 row["offline_seconds"])
