"""What is applied now, what each generation changed: the SQL of provisioning."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.kernel.db import DomainTx, PlatformTx
from pbx_provisioning.plan.load import Wanted
from pbx_provisioning.render.objects import Key, Objects

_COLUMNS = ("id, domain_id, user_id, auth_user, realm, ha1, context, accountcode, callerid, language, "
            "max_contacts, allow, moh_suggest, devices")
_EXCLUDED = ", ".join(f"EXCLUDED.{name}" for name in _COLUMNS.split(", "))


@dataclass(frozen=True, slots=True)
class Change:
    """One object of one generation. `before` None: new; `after` None: gone."""

    kind: str
    key: str
    before: str | None
    after: str | None


def difference(old: Objects, new: Objects) -> list[Change]:
    """What must happen to `old` to become `new`, in order of kind and key."""
    before = old.get
    changes = [Change(*key, before(key), body) for key, body in new.items() if before(key) != body]
    if len(new) - len(changes) < len(old):  # otherwise every old object is in `new` unchanged
        changes += [Change(*key, body, None) for key, body in old.items() if key not in new]
    return sorted(changes, key=lambda change: (change.kind, change.key))


def with_changes(objects: Objects, changes: Iterable[Change]) -> Objects:
    result = dict(objects)
    for change in changes:
        if change.after is None:
            result.pop((change.kind, change.key), None)
        else:
            result[change.kind, change.key] = change.after
    return result


async def load_applied(tx: PlatformTx | DomainTx, domain_id: int) -> Objects:
    rows = await tx.fetch("SELECT kind, key, body FROM provisioned_object WHERE domain_id = $1", domain_id)
    return {(row["kind"], row["key"]): row["body"] for row in rows}


async def objects_at(tx: PlatformTx | DomainTx, domain_id: int, generation: int) -> Objects:
    """The objects as they were right after `generation`: later changes undone, the earliest one last."""
    rows = await tx.fetch(
        "WITH undone AS (SELECT DISTINCT ON (kind, key) kind, key, before FROM generation_change "
        "WHERE domain_id = $1 AND generation > $2 ORDER BY kind, key, generation) "
        "SELECT o.kind, o.key, o.body FROM provisioned_object o WHERE o.domain_id = $1 AND NOT EXISTS "
        "(SELECT FROM undone u WHERE u.kind = o.kind AND u.key = o.key) "
        "UNION ALL SELECT kind, key, before FROM undone WHERE before IS NOT NULL", domain_id, generation)
    return {(row["kind"], row["key"]): row["body"] for row in rows}


async def wrong_endpoints(tx: PlatformTx, domain_id: int, wanted: Sequence[str]) -> set[str]:
    """Ids of realtime rows that are missing, differ from the wanted bodies, or should not be there."""
    rows = await tx.fetch(
        "SELECT COALESCE(e.id, w.body ->> 'id') AS id FROM (SELECT value AS body FROM "
        "jsonb_array_elements($2::text::jsonb)) w FULL JOIN (SELECT * FROM asterisk.endpoint "
        "WHERE domain_id = $1) e ON e.id = w.body ->> 'id' "
        "WHERE w.body IS NULL OR e.id IS NULL OR to_jsonb(e) <> w.body", domain_id, f"[{','.join(wanted)}]")
    return {row["id"] for row in rows}


async def write_endpoints(tx: PlatformTx, domain_id: int, bodies: Sequence[str], gone: Sequence[str]) -> None:
    """Upsert and delete realtime rows of one domain, set by set.

    An id is `login@name` and names are unique, so a row of another domain cannot be hit; the WHERE says
    so once more.
    """
    if gone:
        await tx.execute("DELETE FROM asterisk.endpoint WHERE domain_id = $1 AND id = ANY($2)", domain_id, gone)
    if bodies:
        await tx.execute(
            f"INSERT INTO asterisk.endpoint ({_COLUMNS}) SELECT {_COLUMNS} FROM jsonb_populate_recordset("
            "NULL::asterisk.endpoint, $2::text::jsonb) n WHERE n.domain_id = $1 "
            f"ON CONFLICT (id) DO UPDATE SET ({_COLUMNS}) = ({_EXCLUDED})",
            domain_id, f"[{','.join(bodies)}]")


async def acknowledge(tx: PlatformTx, wanted: Wanted, changes: Sequence[Change], *, digest: str,
                      objects: int) -> bool:
    """Record a generation as live. Repeats are harmless.

    Returns:
        False when a later generation was acknowledged in the meantime; nothing is written then.
    """
    domain_id, number = wanted.domain_id, wanted.desired
    live = await tx.fetchval(
        "UPDATE provisioning_state SET applied = $2, hash = $3, live_at = now(), "
        "error = CASE WHEN desired = $2 THEN '' ELSE error END "
        "WHERE domain_id = $1 AND applied <= $2 RETURNING true", domain_id, number, digest)
    if not live:
        return False
    await _record(tx, wanted, "live", digest=digest, objects=objects)
    if changes:
        await _write_changes(tx, domain_id, number, changes)
    return True


async def _write_changes(tx: PlatformTx, domain_id: int, number: int, changes: Sequence[Change]) -> None:
    gone = [change for change in changes if change.after is None]
    kept = [change for change in changes if change.after is not None]
    await tx.execute(
        "INSERT INTO generation_change (domain_id, generation, kind, key, before, after) "
        "SELECT $1, $2, * FROM unnest($3::text[], $4::text[], $5::text[], $6::text[]) ON CONFLICT DO NOTHING",
        domain_id, number, [c.kind for c in changes], [c.key for c in changes], [c.before for c in changes],
        [c.after for c in changes])
    if gone:
        await tx.execute(
            "DELETE FROM provisioned_object o USING unnest($2::text[], $3::text[]) g (kind, key) "
            "WHERE o.domain_id = $1 AND o.kind = g.kind AND o.key = g.key",
            domain_id, [c.kind for c in gone], [c.key for c in gone])
    if kept:
        await tx.execute(
            "INSERT INTO provisioned_object (domain_id, kind, key, body) "
            "SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[]) "
            "ON CONFLICT (domain_id, kind, key) DO UPDATE SET body = EXCLUDED.body",
            domain_id, [c.kind for c in kept], [c.key for c in kept], [c.after for c in kept])


async def record_failure(tx: PlatformTx, wanted: Wanted, error: str) -> None:
    """The generation could not be applied; the one before stays in force."""
    await tx.execute("UPDATE provisioning_state SET error = $3 WHERE domain_id = $1 AND desired = $2",
                     wanted.domain_id, wanted.desired, error[:500])
    await _record(tx, wanted, "failed", error=error[:500])


async def _record(tx: PlatformTx, wanted: Wanted, state: str, *, digest: str = "", objects: int = 0,
                  error: str = "") -> None:
    await tx.execute(
        "INSERT INTO generation (domain_id, number, hash, state, reason, changed_by, wanted_at, ended_at, objects, "
        "error) VALUES ($1, $2, $3, $4, $5, $6, $7, clock_timestamp(), $8, $9) ON CONFLICT (domain_id, number) "
        "DO UPDATE SET hash = EXCLUDED.hash, state = EXCLUDED.state, ended_at = EXCLUDED.ended_at, "
        "objects = EXCLUDED.objects, error = EXCLUDED.error",
        wanted.domain_id, wanted.desired, digest, state, wanted.reason, wanted.changed_by, wanted.changed_at,
        objects, error)


async def own_numbers(tx: PlatformTx, domain_id: int) -> set[str]:
    return {row["e164"] for row in await tx.fetch("SELECT e164 FROM phone_number WHERE domain_id = $1", domain_id)}


def without_lost_numbers(objects: Objects, own: set[str]) -> Objects:
    """A generation of the past may name numbers that belong to somebody else by now: those are left out."""
    lost: set[Key] = {(kind, key) for kind, key in objects if kind == "did" and key not in own}
    caller_id = objects.get(("conf", "cid"), "")
    if caller_id and caller_id.split("(")[-1].rstrip(")") not in own:
        lost.add(("conf", "cid"))
    return {key: body for key, body in objects.items() if key not in lost}
