"""One text, looked for in everything that the platform knows by a name or a number.

Domains, pools and their administrators are few: any part of a name finds them. People are found by the beginning
of login, name or address, telephone numbers by beginning or end, calls by their whole id: each by an index.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from app.kernel.db import PlatformTx
from app.kernel.i18n import format_datetime, format_phone
from app.kernel.sql import like_text
from app.provider.search.numbers import written_forms

LIMIT = 20
SHORTEST = 2
LAST = "\U0010ffff"  # sorts after every letter: the end of "begins with"
BIGGEST = 2**63
_CALL_ID = re.compile(r"[A-Za-z0-9_-]{0,60}[0-9]{9,12}\.[0-9]{1,9}", re.ASCII)  # a channel's uniqueid


@dataclass(frozen=True, slots=True)
class Hit:
    """`text` is what matched, `note` what tells it apart. `user_id`: whom staff may act as."""

    kind: str  # domain | number | user | pool | pool_admin | call
    text: str
    note: str
    url: str
    domain_id: int | None = None
    user_id: int | None = None


async def search(tx: PlatformTx, text: str) -> list[Hit]:
    """At most LIMIT of each kind; exact matches first."""
    like = like_text(text)
    return [*await _domains(tx, text, like), *await _numbers(tx, text), *await _users(tx, text),
            *await _pools(tx, like), *await _pool_admins(tx, text, like), *await _calls(tx, text)]


async def _domains(tx: PlatformTx, text: str, like: str) -> list[Hit]:
    rows = await tx.fetch(
        "SELECT d.id, d.name, d.company_name, a.number FROM domain d JOIN account a ON a.domain_id = d.id "
        "WHERE d.name ILIKE $1 OR d.company_name ILIKE $1 OR d.display_name ILIKE $1 OR a.number ILIKE $1 "
        "OR d.notification_email ILIKE $1 "
        "ORDER BY (d.name = lower($2) OR a.number = $2) DESC, d.name LIMIT $3", like, text, LIMIT)
    return [Hit("domain", row["name"], f"{row['company_name']} · {row['number']}", f"/provider/domains/{row['id']}",
                row["id"]) for row in rows]


async def _numbers(tx: PlatformTx, text: str) -> list[Hit]:
    """Numbers that begin as one of the written forms, or end so."""
    forms = written_forms(text)
    if not forms:
        return []
    columns = ("SELECT n.e164, n.region, n.domain_id, COALESCE(d.name, '') AS domain FROM phone_number n "
               "LEFT JOIN domain d ON d.id = n.domain_id ")
    starts = [await tx.fetch(columns + "WHERE n.e164 ~>=~ $1 AND n.e164 ~<~ ($1 || ':') "
                             "ORDER BY n.e164 USING ~<~ LIMIT $2",
                             form, LIMIT)
              for form in forms]
    ends = await tx.fetch(columns + "WHERE reverse(n.e164) ~>=~ $1 AND reverse(n.e164) ~<~ ($1 || ':') "
                          "ORDER BY reverse(n.e164) USING ~<~ LIMIT $2", forms[-1][::-1], LIMIT)
    found = {row["e164"]: row for row in (*(row for rows in starts for row in rows), *ends)}
    shown = sorted(found.values(), key=lambda row: row["e164"] not in forms)[:LIMIT]
    return [Hit("number", format_phone("+" + row["e164"]), " · ".join(filter(None, (row["region"], row["domain"]))),
                f"/provider/domains/{row['domain_id']}" if row["domain_id"] else f"/provider/numbers?q={row['e164']}",
                row["domain_id"]) for row in shown]


async def _users(tx: PlatformTx, text: str) -> list[Hit]:
    """The beginning of a login, a name or an address, or `login@domain` as it stands in a phone."""
    start = text.lower()
    login, at, host = start.partition("@")
    rows = await tx.fetch(
        "SELECT u.id, u.login, u.display_name, u.extension, u.domain_id, d.name AS domain FROM domain_user u "
        "JOIN domain d ON d.id = u.domain_id WHERE (u.login ~>=~ $1 AND u.login ~<~ $2) "
        "OR (lower(u.display_name) ~>=~ $1 AND lower(u.display_name) ~<~ $2) "
        "OR (u.email <> '' AND lower(u.email) ~>=~ $1 AND lower(u.email) ~<~ $2) "
        "OR ($4 AND u.login = $3 AND starts_with(d.name, $5)) ORDER BY u.login <> $3, u.login, u.id LIMIT $6",
        start, start + LAST, login, bool(at), host, LIMIT)
    return [Hit("user", f"{row['login']}@{row['domain']}", f"{row['display_name']} · {row['extension']}",
                f"/provider/domains/{row['domain_id']}", row["domain_id"], row["id"]) for row in rows]


async def _pools(tx: PlatformTx, like: str) -> list[Hit]:
    rows = await tx.fetch("SELECT p.id, p.name, p.dial_expression FROM pool p WHERE p.name ILIKE $1 "
                          "ORDER BY lower(p.name) LIMIT $2", like, LIMIT)
    return [Hit("pool", row["name"], row["dial_expression"], f"/provider/pools/{row['id']}") for row in rows]


async def _pool_admins(tx: PlatformTx, text: str, like: str) -> list[Hit]:
    rows = await tx.fetch(
        "SELECT a.login, a.display_name, a.email, a.pool_id, p.name FROM pool_admin a JOIN pool p ON p.id = a.pool_id "
        "WHERE a.login ILIKE $1 OR a.display_name ILIKE $1 OR a.email ILIKE $1 OR a.phone ILIKE $1 "
        "ORDER BY a.login <> lower($2), a.login LIMIT $3", like, text, LIMIT)
    return [Hit("pool_admin", row["login"], " · ".join(filter(None, (row["display_name"], row["email"], row["name"]))),
                f"/provider/pools/{row['pool_id']}") for row in rows]


async def _calls(tx: PlatformTx, text: str) -> list[Hit]:
    """By the id of a channel, of the whole conversation, or of the journal's line."""
    if _CALL_ID.fullmatch(text):  # each half by its own index
        found = ("(SELECT * FROM call WHERE linkedid = $1 LIMIT $2) UNION (SELECT * FROM call "
                 "WHERE node_id = ANY(ARRAY(SELECT id FROM pbx_node)) AND uniqueid = $1 LIMIT $2)")
        wanted: object = text
    elif text.isascii() and text.isdigit() and int(text) < BIGGEST:
        found, wanted = "SELECT * FROM call WHERE id = $1", int(text)
    else:
        return []
    columns = "id, started_at, a_number, b_number, uniqueid, domain_id"
    rows = await tx.fetch(
        f"SELECT c.*, d.name AS domain FROM ({found.replace('*', columns)}) c JOIN domain d ON d.id = c.domain_id "
        "ORDER BY c.started_at, c.id LIMIT $2", wanted, LIMIT)
    return [Hit("call", f"{row['a_number']} → {row['b_number']}",
                f"{format_datetime(row['started_at'], seconds=True)} · {row['domain']} · {row['uniqueid']}",
                f"/provider/domains/{row['domain_id']}", row["domain_id"]) for row in rows]


@dataclass(frozen=True, slots=True)
class Overview:
    """What needs an eye, in counts."""

    domains: int
    trial: int
    blocked: int
    users: int
    numbers: int
    in_stock: int
    behind: int
    failed_domains: int
    nodes: int
    nodes_down: int
    calls: int
    failed_jobs: int
    failed_events: int
    failed_mails: int
    unrated: int


async def overview(tx: PlatformTx) -> Overview:
    row = await tx.fetchrow(
        "SELECT (SELECT count(*) FROM domain) AS domains, "
        "(SELECT count(*) FROM domain WHERE mode = 'trial') AS trial, "
        "(SELECT count(DISTINCT domain_id) FROM domain_block WHERE ended_at IS NULL) AS blocked, "
        "(SELECT count(*) FROM domain_user) AS users, (SELECT count(*) FROM phone_number) AS numbers, "
        "(SELECT count(*) FROM phone_number WHERE domain_id IS NULL) AS in_stock, "
        "(SELECT count(*) FROM provisioning_state WHERE applied < desired) AS behind, "
        "(SELECT count(*) FROM provisioning_state WHERE applied < desired AND error <> '') AS failed_domains, "
        "(SELECT count(*) FROM pbx_node) AS nodes, (SELECT count(*) FROM pbx_node "
        "WHERE state <> 'up' OR agent_seen_at IS NULL "
        "OR agent_seen_at < $1::timestamptz - interval '15 seconds') AS nodes_down, "
        "(SELECT COALESCE(sum(calls), 0) FROM pbx_node)::bigint AS calls, "
        "(SELECT count(*) FROM job_run WHERE state = 'failed') AS failed_jobs, "
        "(SELECT count(*) FROM outbox_event WHERE error IS NOT NULL AND done_at IS NOT NULL) AS failed_events, "
        "(SELECT count(*) FROM mail_message WHERE state = 'failed') AS failed_mails, "
        "(SELECT count(*) FROM call WHERE rating = 'unrated' "
        "AND started_at > $1::timestamptz - interval '31 days') AS unrated",
        tx.now)
    assert row is not None
    return Overview(**row)
