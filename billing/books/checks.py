"""What must agree in the books, as set queries over the domains of a scope; each answers with what does not.

    $1 bigint[] domains   $2 bigint[] posting up to which each was found good   $3 numeric[] its balance there
    $4 timestamptz        older calls are looked at only where a new posting names them
    $5 text[], $6 text[]  kind of an operation → its counter-account

A full check has 0, 0.00 and the beginning of time. LATERAL … OFFSET 0 keeps the planner at one domain's lines: for
several domains it would rather read the whole table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from app.kernel.db import PlatformTx
from billing.accounts.posting import Operation, counter_account

LONGEST_SECONDS = 1_800
MOST = 10_000  # differences of one check and portion: more tell nothing more
EVER = datetime(1, 1, 2, tzinfo=UTC)

_SCOPE = "scope AS (SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::numeric[]) s (domain_id, through, balance))"
_LINES = """lines AS MATERIALIZED (
    SELECT s.domain_id, s.balance, e.* FROM scope s CROSS JOIN LATERAL (
        SELECT e.posting_id, e.amount, e.balance_after FROM entry e
        WHERE e.domain_id = s.domain_id AND e.account = 'domain' AND e.posting_id > s.through OFFSET 0) e
)"""
# balance = Σ lines, the running balance is a chain without a gap
_BALANCES = f"""
WITH {_SCOPE}, {_LINES}, walked AS (
    SELECT domain_id, posting_id, amount, balance_after,
           coalesce(lag(balance_after) OVER (PARTITION BY domain_id ORDER BY posting_id), balance) AS before FROM lines
), summed AS (SELECT domain_id, sum(amount) AS total FROM lines GROUP BY domain_id)
SELECT s.domain_id, 'balance' AS what, '' AS ref, (s.balance + coalesce(m.total, 0))::text AS expected,
       a.balance::text AS found
FROM scope s JOIN account a ON a.domain_id = s.domain_id LEFT JOIN summed m ON m.domain_id = s.domain_id
WHERE a.balance <> s.balance + coalesce(m.total, 0)
UNION ALL
SELECT domain_id, 'chain', posting_id::text, (before + amount)::text, balance_after::text FROM walked
WHERE balance_after IS DISTINCT FROM before + amount
"""
# held = Σ open holds; buckets are not below zero
_ACCOUNTS = """
SELECT a.domain_id, 'held' AS what, '' AS ref, coalesce(h.total, 0)::text AS expected, a.held::text AS found
FROM account a LEFT JOIN (SELECT domain_id, sum(amount) AS total FROM open_hold
                          WHERE released_at IS NULL AND domain_id = ANY($1::bigint[]) GROUP BY domain_id) h
    ON h.domain_id = a.domain_id
WHERE a.domain_id = ANY($1::bigint[]) AND a.held <> coalesce(h.total, 0)
UNION ALL
SELECT domain_id, 'bucket', '', '≥ 0', least(package_seconds_left, mgp_left, mgp_before)::text FROM account
WHERE domain_id = ANY($1::bigint[]) AND least(package_seconds_left, mgp_left, mgp_before) < 0
"""
# what is left of a guaranteed payment = paid − used by calls, both by the bucket that they were booked for: the zone of
# the books may have been another one then
_GUARANTEED = """
SELECT bucket.domain_id, 'mgp' AS what, '' AS ref, (paid.amount - used.amount)::text AS expected,
       bucket.rest::text AS found
FROM (SELECT domain_id, mgp_left AS rest, mgp_from AS since, 'mgp:' || mgp_month AS key FROM account
      WHERE domain_id = ANY($1::bigint[])
      UNION ALL SELECT domain_id, mgp_before, mgp_before_from, 'mgp:' || mgp_before_month FROM account
      WHERE domain_id = ANY($1::bigint[])) bucket
CROSS JOIN LATERAL (SELECT coalesce(-sum(e.amount), 0) AS amount FROM posting p JOIN entry e ON e.posting_id = p.id
    AND e.account = 'domain' WHERE p.domain_id = bucket.domain_id AND p.kind = 'mgp'
    AND (p.key = bucket.key OR p.key LIKE bucket.key || ':%')) paid
CROSS JOIN LATERAL (SELECT coalesce(sum(u.spent), 0) AS amount FROM mgp_usage u WHERE u.domain_id = bucket.domain_id
    AND u.since = bucket.since) used
WHERE bucket.since IS NOT NULL AND bucket.rest <> paid.amount - used.amount
"""
# a posting has one line of the domain and one of the counter-account of its kind, and sums to zero
_POSTINGS = f"""
WITH {_SCOPE}, fresh AS MATERIALIZED (
    SELECT p.* FROM scope s CROSS JOIN LATERAL (
        SELECT p.domain_id, p.id, p.kind FROM posting p WHERE p.domain_id = s.domain_id AND p.id > s.through OFFSET 0) p
), kinds AS (SELECT * FROM unnest($5::text[], $6::text[]) k (kind, account)), whole AS (
    SELECT p.domain_id, p.id, p.kind, count(e.posting_id) AS lines, sum(e.amount) AS total,
           count(*) FILTER (WHERE e.account = 'domain' AND e.domain_id = p.domain_id) AS own,
           string_agg(e.account, ' ' ORDER BY e.account) FILTER (WHERE e.account <> 'domain') AS counters
    FROM fresh p LEFT JOIN entry e ON e.posting_id = p.id GROUP BY p.domain_id, p.id, p.kind
)
SELECT domain_id, 'posting' AS what, id::text AS ref, '0' AS expected, coalesce(total::text, 'no lines') AS found
FROM whole WHERE lines < 2 OR total <> 0 OR own <> 1
UNION ALL
SELECT w.domain_id, 'counter', w.id::text, coalesce(k.account, 'no such kind'), w.kind || ': ' || w.counters
FROM whole w LEFT JOIN kinds k ON k.kind = w.kind WHERE w.lines >= 2 AND w.counters IS DISTINCT FROM k.account
UNION ALL
SELECT s.domain_id, 'line', e.posting_id::text, 'a posting', e.account || ': ' || e.amount
FROM scope s CROSS JOIN LATERAL (
    SELECT e.posting_id, e.account, e.amount FROM entry e
    WHERE e.domain_id = s.domain_id AND e.account = 'domain' AND e.posting_id > s.through OFFSET 0) e
WHERE NOT EXISTS (SELECT FROM posting p WHERE p.domain_id = s.domain_id AND p.id = e.posting_id)
"""
# the day sums of the finance pages come to the balance at their mark
_DAYS = """
SELECT m.domain_id, 'days' AS what, '' AS ref, coalesce(e.balance_after, 0)::text AS expected,
       coalesce(d.total, 0)::text AS found
FROM ledger_mark m
LEFT JOIN (SELECT domain_id, sum(income - expense) AS total FROM ledger_day WHERE domain_id = ANY($1::bigint[])
           GROUP BY domain_id) d ON d.domain_id = m.domain_id
LEFT JOIN entry e ON e.domain_id = m.domain_id AND e.posting_id = m.through AND e.account = 'domain'
WHERE m.domain_id = ANY($1::bigint[]) AND coalesce(e.balance_after, 0) <> coalesce(d.total, 0)
"""
# … and each of them to its lines (full checks only)
_EACH_DAY = """
WITH truth AS (
    SELECT p.domain_id, (p.at AT TIME ZONE 'UTC')::date AS day, p.kind, p.service, count(*) AS entries,
           coalesce(sum(e.amount) FILTER (WHERE e.amount > 0), 0) AS income,
           coalesce(-sum(e.amount) FILTER (WHERE e.amount < 0), 0) AS expense
    FROM posting p JOIN entry e ON e.domain_id = p.domain_id AND e.posting_id = p.id AND e.account = 'domain'
    JOIN ledger_mark m ON m.domain_id = p.domain_id AND p.id <= m.through
    WHERE p.domain_id = ANY($1::bigint[]) GROUP BY 1, 2, 3, 4
)
SELECT domain_id, 'day' AS what, concat_ws(' ', day, kind, service) AS ref,
       concat_ws(' ', coalesce(t.entries, 0), coalesce(t.income, 0), coalesce(-t.expense, 0)) AS expected,
       concat_ws(' ', coalesce(d.entries, 0), coalesce(d.income, 0), coalesce(-d.expense, 0)) AS found
FROM truth t FULL JOIN (SELECT * FROM ledger_day WHERE domain_id = ANY($1::bigint[])) d
    USING (domain_id, day, kind, service)
WHERE (t.entries, t.income, t.expense) IS DISTINCT FROM (d.entries::bigint, d.income, d.expense)
"""
# a payment has its posting exactly when it succeeded, and of its amount; an incoming posting has its payment
_PAYMENTS = f"""
WITH {_SCOPE}
SELECT p.domain_id, 'payment' AS what, p.external_id AS ref,
       CASE WHEN p.state IN ('succeeded', 'refunded', 'disputed') THEN p.amount::text ELSE 'no posting' END AS expected,
       CASE WHEN p.posting_id IS NULL THEN 'no posting' ELSE coalesce(e.amount::text, 'no line') END AS found
FROM payment p LEFT JOIN entry e ON e.domain_id = p.domain_id AND e.posting_id = p.posting_id AND e.account = 'domain'
WHERE p.domain_id = ANY($1::bigint[])
  AND ((p.state IN ('succeeded', 'refunded', 'disputed')) <> (p.posting_id IS NOT NULL)
       OR (p.posting_id IS NOT NULL AND e.amount IS DISTINCT FROM p.amount))
UNION ALL
SELECT domain_id, 'shared', posting_id::text, 'one payment', count(*)::text FROM payment
WHERE domain_id = ANY($1::bigint[]) AND posting_id IS NOT NULL GROUP BY domain_id, posting_id HAVING count(*) > 1
UNION ALL
SELECT o.domain_id, 'unpaid', o.id::text, 'a payment', o.kind
FROM scope s CROSS JOIN LATERAL (
    SELECT o.domain_id, o.id, o.kind FROM posting o WHERE o.domain_id = s.domain_id AND o.id > s.through
      AND o.kind IN ('payment', 'promised_payment') OFFSET 0) o
WHERE NOT EXISTS (SELECT FROM payment p WHERE p.domain_id = o.domain_id AND p.posting_id = o.id)
"""
# a call's cost without the part of the guaranteed payment is its posting; no posting of a call without the call.
# The journal has no index by posting: what the recent calls do not name is looked for among all of that domain's.
_CALLS = f"""
WITH {_SCOPE}, recent AS MATERIALIZED (
    SELECT c.domain_id, c.id, c.posting_id, c.rating,
           c.cost - coalesce((c.charge ->> 'mgp')::numeric, 0) / 1000000 AS paid
    FROM call c WHERE c.domain_id = ANY($1::bigint[]) AND c.started_at >= $4
      AND (c.direction = 'out' OR c.posting_id IS NOT NULL)
), missed AS MATERIALIZED (
    SELECT p.domain_id, p.id FROM scope s CROSS JOIN LATERAL (
        SELECT p.domain_id, p.id FROM posting p
        WHERE p.domain_id = s.domain_id AND p.id > s.through AND p.kind = 'call' OFFSET 0) p
    WHERE NOT EXISTS (SELECT FROM recent r WHERE r.domain_id = p.domain_id AND r.posting_id = p.id)
)
SELECT r.domain_id, 'call' AS what, r.id::text AS ref,
       CASE WHEN r.rating = 'rated' AND r.paid <> 0 THEN (-r.paid)::numeric(18, 2)::text ELSE 'no posting' END
           AS expected,
       CASE WHEN r.posting_id IS NULL THEN 'no posting' ELSE coalesce(e.amount::text, 'no line') END AS found
FROM recent r LEFT JOIN entry e ON e.domain_id = r.domain_id AND e.posting_id = r.posting_id AND e.account = 'domain'
WHERE (r.rating = 'rated' AND r.paid <> 0) <> (r.posting_id IS NOT NULL)
   OR (r.posting_id IS NOT NULL AND e.amount IS DISTINCT FROM -r.paid)
UNION ALL
SELECT domain_id, 'shared', posting_id::text, 'one call', count(*)::text FROM recent WHERE posting_id IS NOT NULL
GROUP BY domain_id, posting_id HAVING count(*) > 1
UNION ALL
SELECT m.domain_id, 'no_call', m.id::text, 'a call', 'none' FROM missed m
WHERE NOT EXISTS (SELECT FROM call c WHERE c.domain_id = m.domain_id AND c.posting_id = m.id)
"""
# a correction by the staff has what was asked for, and none is posted that nobody asked for
_CORRECTIONS = f"""
WITH {_SCOPE}
SELECT c.domain_id, 'correction' AS what, c.id::text AS ref, c.amount::text AS expected,
       coalesce(e.amount::text, 'no line') AS found
FROM correction c
LEFT JOIN entry e ON e.domain_id = c.domain_id AND e.posting_id = c.posting_id AND e.account = 'domain'
WHERE c.domain_id = ANY($1::bigint[]) AND c.posting_id IS NOT NULL AND e.amount IS DISTINCT FROM c.amount
UNION ALL
SELECT o.domain_id, 'unasked', o.id::text, 'a correction', o.key
FROM scope s CROSS JOIN LATERAL (
    SELECT o.domain_id, o.id, o.key FROM posting o WHERE o.domain_id = s.domain_id AND o.id > s.through
      AND o.key LIKE 'correction:staff:%' OFFSET 0) o
WHERE NOT EXISTS (SELECT FROM correction c WHERE c.domain_id = o.domain_id AND c.posting_id = o.id)
"""
NEW = (_BALANCES, _ACCOUNTS, _GUARANTEED, _POSTINGS, _DAYS, _PAYMENTS, _CORRECTIONS, _CALLS)
FULL = (*NEW, _EACH_DAY)


@dataclass(frozen=True, slots=True)
class Difference:
    """Something in the books that does not add up; `ref` names the posting, payment or call."""

    domain_id: int
    what: str
    ref: str
    expected: str
    found: str


@dataclass(frozen=True, slots=True)
class Scope:
    """Domains, and per domain the last posting that was found good with its balance."""

    domains: Sequence[int]
    through: Sequence[int]
    balances: Sequence[Decimal]
    calls_since: datetime = EVER
    is_full: bool = True

    @classmethod
    def whole(cls, domains: Sequence[int]) -> Scope:
        return cls(domains, [0] * len(domains), [Decimal(0)] * len(domains))


async def differences(tx: PlatformTx, scope: Scope) -> list[Difference]:
    """All checks. In one snapshot only if the transaction is: see `service.snapshot`."""
    arguments = (scope.domains, scope.through, scope.balances, scope.calls_since,
                 [one.value for one in Operation], [counter_account(one).value for one in Operation])
    await tx.execute("SET LOCAL jit = off; SET LOCAL plan_cache_mode = force_custom_plan")
    found: list[Difference] = []
    for sql in FULL if scope.is_full else NEW:
        rows = await tx.connection.fetch(_numbered(sql), *arguments, timeout=LONGEST_SECONDS)
        found += [Difference(**row) for row in rows]
    return sorted(found, key=lambda one: (one.domain_id, one.what, one.ref))


def _numbered(sql: str) -> str:
    """PostgreSQL wants to see every parameter, also those that a query does not need."""
    return ("WITH unused AS (SELECT $1::bigint[], $2::bigint[], $3::numeric[], $4::timestamptz, $5::text[], "
            f"$6::text[]) SELECT * FROM ({sql}) answer LIMIT {MOST}")


async def check_books(tx: PlatformTx) -> list[Difference]:
    """Everything of everybody, now."""
    rows = await tx.fetch("SELECT domain_id FROM account ORDER BY domain_id")
    return await differences(tx, Scope.whole([row["domain_id"] for row in rows]))
