"""The people and actions met in each history: the values of the filters, deleted users included [AUD-06].

Kept by the sealing job, so that writers of history do not wait for each other; readers add what is not
sealed yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from asyncpg import Record

from app.kernel.db import DomainTx, PlatformTx, PoolTx

PROVIDER = "provider"  # staff and the system itself, as a domain or a pool sees them: one actor [AUD-04]
_KEY = ("CASE WHEN h.actor_kind IN ('staff', 'system') AND NOT h.jumped THEN 'provider' "
        "ELSE h.actor_kind || ':' || h.actor_id END")


@dataclass(frozen=True, slots=True)
class Met:
    """A value of a filter; login and name of an actor as they were last written."""

    kind: str  # action | actor
    value: str
    login: str
    name: str


_NOTE = """
INSERT INTO history_word (domain_id, pool_id, kind, value, login, name)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (domain_id, pool_id, kind, value) DO UPDATE SET login = EXCLUDED.login, name = EXCLUDED.name
WHERE (history_word.login, history_word.name) IS DISTINCT FROM (EXCLUDED.login, EXCLUDED.name)
"""


async def note(tx: PlatformTx, lines: Sequence[Record]) -> None:
    """Remember what these lines hold, in each history that shows them."""
    found: dict[tuple[int | None, int | None, str, str], tuple[str, str]] = {}
    for line in lines:
        person, login, name = f"{line['actor_kind']}:{line['actor_id']}", line["actor_login"], line["actor_name"]
        outside = line["actor_kind"] in ("staff", "system") and not line["jumped"]
        scopes = [(line["domain_id"], None), (None, line["pool_id"])]
        for domain_id, pool_id in (scope for scope in scopes if scope != (None, None)):
            found[domain_id, pool_id, "action", line["action"]] = ("", "")
            found[domain_id, pool_id, "actor", PROVIDER if outside else person] = ("", "") if outside else (login, name)
        found[None, None, "action", line["action"]] = ("", "")
        found[None, None, "actor", person] = (login, name)
    # in one order everywhere, though only one sealer is at work at a time
    await tx.executemany(_NOTE, [(*key, *value) for key, value in sorted(found.items(), key=lambda one: str(one[0]))])


async def met(tx: DomainTx | PoolTx | PlatformTx) -> list[Met]:
    """What this history's filters offer."""
    if isinstance(tx, PlatformTx):
        sealed = await tx.fetch("SELECT kind, value, login, name FROM history_word WHERE domain_id IS NULL "
                                "AND pool_id IS NULL")
        fresh = await tx.fetch(_fresh("true", "h.actor_kind || ':' || h.actor_id"))
    else:
        column, owner = ("domain_id", tx.domain_id) if isinstance(tx, DomainTx) else ("pool_id", tx.pool_id)
        other = "pool_id" if column == "domain_id" else "domain_id"
        sealed = await tx.fetch(f"SELECT kind, value, login, name FROM history_word WHERE {column} = $1 "
                                f"AND {other} IS NULL", owner)
        fresh = await tx.fetch(_fresh(f"u.{column} = $1", _KEY), owner)
    found = {(row["kind"], row["value"]): Met(**row) for row in sealed}
    for row in fresh:
        hidden = row["value"] == PROVIDER
        found["action", row["action"]] = Met("action", row["action"], "", "")
        found["actor", row["value"]] = Met("actor", row["value"], "" if hidden else row["login"],
                                           "" if hidden else row["name"])
    return list(found.values())


def _fresh(scope: str, actor: str) -> str:
    return (f"SELECT DISTINCT {actor} AS value, h.action, h.actor_login AS login, h.actor_name AS name "
            f"FROM history_unsealed u JOIN action_history h ON h.id = u.history_id WHERE {scope}")
