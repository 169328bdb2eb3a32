"""Use cases of messages to operators [MSG-04…09]."""

from __future__ import annotations

from collections.abc import Sequence

from app.audit import history
from app.kernel.db import DomainTx
from app.kernel.errors import InvalidFields
from app.kernel.i18n import _
from tenants.operator_messages import queries, rules
from tenants.users.rules import one_line


async def send(tx: DomainTx, title: str, body: str, groups: Sequence[int], operators: Sequence[int]) -> frozenset[int]:
    """To the operators of the groups and to those named; whom it reaches.

    Raises:
        InvalidFields: texts, nobody chosen, a group without operators [MSG-06], somebody not of the domain.
    """
    title, body = one_line(title), body.strip()
    errors = rules.text_errors(title, body)
    if not groups and not operators:
        errors["groups"] = _("Choose at least one group or operator.")
    if errors:
        raise InvalidFields("invalid_fields", _("Check the highlighted fields."), fields=errors)
    reached, empty = rules.recipients(await _operators_of(tx, groups), await _known_operators(tx, operators))
    if empty:
        raise _wrong("groups", rules.no_operators(empty))
    message_id = await tx.fetchval(
        "INSERT INTO operator_message (domain_id, title, body, author, created_at) VALUES ($1, $2, $3, $4, $5) "
        "RETURNING id", tx.domain_id, title, body, tx.actor.login, tx.now)
    await tx.execute("INSERT INTO operator_message_recipient (domain_id, message_id, user_id) "
                     "SELECT $1, $2, unnest($3::bigint[])", tx.domain_id, message_id, sorted(reached))
    await history.record(tx, "operator_message_sent", "operator_message", object_id=message_id, object_name=title,
                         changes={"recipients": ("", len(reached))})
    return reached


async def confirm(tx: DomainTx, message_id: int, user_id: int) -> bool:
    """Once; the password was right [MSG-08]. False: read already, deleted, or not for this user."""
    return await tx.fetchval(
        "UPDATE operator_message_recipient SET read_at = $4 WHERE domain_id = $1 AND message_id = $2 AND user_id = $3 "
        "AND read_at IS NULL RETURNING true", tx.domain_id, message_id, user_id, tx.now) is True


async def delete(tx: DomainTx, message_id: int) -> None:
    """From the list and from every workplace [MSG-09]. Raises NotFound."""
    gone = await queries.message(tx, message_id)
    await tx.execute("DELETE FROM operator_message WHERE domain_id = $1 AND id = $2", tx.domain_id, message_id)
    await history.record(tx, "operator_message_deleted", "operator_message", object_id=message_id,
                         object_name=gone.title)


async def end_all(tx: DomainTx) -> None:
    """The contact centre is switched off [GRP-06]."""
    rows = await tx.fetch("DELETE FROM operator_message WHERE domain_id = $1 RETURNING id, title", tx.domain_id)
    if rows:
        await history.record_many(tx, "operator_message_deleted", "operator_message",
                                  [history.Item(row["id"], row["title"], {}) for row in rows])


async def _operators_of(tx: DomainTx, groups: Sequence[int]) -> dict[str, list[int]]:
    """Name of each chosen group → its operators. Locked, so that nobody leaves a group meanwhile."""
    rows = await tx.fetch("SELECT id, name FROM call_group WHERE domain_id = $1 AND id = ANY($2::bigint[]) "
                          "ORDER BY id FOR SHARE", tx.domain_id, list(groups))
    if len(rows) != len(set(groups)):
        raise _wrong("groups", _("Choose groups of the domain."))
    found: dict[str, list[int]] = {row["name"]: [] for row in rows}
    for row in await tx.fetch(
            "SELECT g.name, u.id FROM call_group g JOIN group_member m ON m.domain_id = g.domain_id "
            "AND m.group_id = g.id JOIN domain_user u ON u.domain_id = m.domain_id AND u.id = m.user_id "
            "WHERE g.domain_id = $1 AND g.id = ANY($2::bigint[]) AND u.is_operator", tx.domain_id, list(groups)):
        found[row["name"]].append(row["id"])
    return found


async def _known_operators(tx: DomainTx, chosen: Sequence[int]) -> list[int]:
    rows = await tx.fetch("SELECT id FROM domain_user WHERE domain_id = $1 AND id = ANY($2::bigint[]) AND is_operator",
                          tx.domain_id, list(chosen))
    if len(rows) != len(set(chosen)):
        raise _wrong("operators", _("Choose operators of the domain."))
    return [row["id"] for row in rows]


def _wrong(field: str, text: str) -> InvalidFields:
    return InvalidFields("recipients", text, fields={field: text})
