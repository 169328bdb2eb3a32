"""One text, looked for in domains, telephone numbers and people."""

from __future__ import annotations

from dataclasses import dataclass

from app.kernel.db import PlatformTx

LIMIT = 20
SHORTEST = 2
LAST = "\U0010ffff"  # sorts after every letter: the end of "begins with"


@dataclass(frozen=True, slots=True)
class Hit:
    """`text` is what matched, `note` what tells it apart."""

    kind: str  # domain | number | user
    text: str
    note: str
    domain_id: int | None
    domain: str


async def search(tx: PlatformTx, text: str) -> list[Hit]:
    """At most LIMIT of each kind; exact matches first."""
    escaped = text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    like = f"%{escaped}%"
    found = [Hit("domain", row["name"], f"{row['company_name']} · {row['number']}", row["id"], row["name"])
             for row in await tx.fetch(
                 "SELECT d.id, d.name, d.company_name, a.number FROM domain d JOIN account a ON a.domain_id = d.id "
                 "WHERE d.name ILIKE $1 OR d.company_name ILIKE $1 OR d.display_name ILIKE $1 OR a.number ILIKE $1 "
                 "ORDER BY (d.name = lower($2) OR a.number = $2) DESC, d.name LIMIT $3", like, text, LIMIT)]
    return found + await _numbers(tx, text) + await _users(tx, text)


async def _numbers(tx: PlatformTx, text: str) -> list[Hit]:
    digits = "".join(ch for ch in text if ch in "0123456789")
    if len(digits) < 3 or any(ch.isalpha() for ch in text):
        return []
    if len(digits) == 11 and digits[0] == "8":
        digits = "7" + digits[1:]
    rows = await tx.fetch(
        "SELECT n.e164, n.region, n.domain_id, COALESCE(d.name, '') AS domain FROM phone_number n "
        "LEFT JOIN domain d ON d.id = n.domain_id WHERE n.e164 LIKE '%' || $1 || '%' "
        "ORDER BY n.e164 <> $1, n.e164 LIMIT $2", digits, LIMIT)
    return [Hit("number", row["e164"], row["region"], row["domain_id"], row["domain"]) for row in rows]


async def _users(tx: PlatformTx, text: str) -> list[Hit]:
    """The beginning of a login, a name or an address, or `login@domain` as it stands in a phone."""
    start = text.lower()
    login, at, host = start.partition("@")
    rows = await tx.fetch(
        "SELECT u.login, u.display_name, u.extension, u.domain_id, d.name AS domain FROM domain_user u "
        "JOIN domain d ON d.id = u.domain_id WHERE (u.login ~>=~ $1 AND u.login ~<~ $2) "
        "OR (lower(u.display_name) ~>=~ $1 AND lower(u.display_name) ~<~ $2) "
        "OR (u.email <> '' AND lower(u.email) ~>=~ $1 AND lower(u.email) ~<~ $2) "
        "OR ($4 AND u.login = $3 AND starts_with(d.name, $5)) ORDER BY u.login <> $3, u.login, u.id LIMIT $6",
        start, start + LAST, login, bool(at), host, LIMIT)
    return [Hit("user", f"{row['login']}@{row['domain']}", f"{row['display_name']} · {row['extension']}",
                row["domain_id"], row["domain"]) for row in rows]


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
