"""Changing the provider's parameters, with who changed what [chapter 01 §8.8]."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.audit import history
from app.kernel import parameters
from app.kernel.db import PlatformTx
from app.kernel.errors import InvalidFields, NotFound
from app.kernel.i18n import _
from app.kernel.parameters import REGISTRY, Parameter
from tenants.pools.rules import expression_problem

_LOCK = 1_790_030  # of this table's changes: bounds are checked against what is in force
_ORDER = (("promised.min", "promised.max"), ("credit.min", "credit.max"), ("topup.min", "topup.max"))
_DAYS_INSIDE = (("trial.remind_days", "trial.days"), ("promised.remind_days", "promised.term_days"))


def in_group(group: str) -> list[Parameter]:
    """Raises NotFound for a group that is not there."""
    found = [parameter for parameter in REGISTRY.values() if parameter.group == group]
    if not found:
        raise NotFound("not_found", _("There is no such page."))
    return found


async def change(tx: PlatformTx, group: str, texts: Mapping[str, str]) -> list[str]:
    """Take over one group's form; all of it or nothing.

    Returns:
        Keys that have another value now. Call `forget` after the commit.

    Raises:
        InvalidFields: by key.
    """
    await tx.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
    known = in_group(group)
    before = await parameters.everything(tx)
    wanted = _read(known, texts)
    _check_together({**before, **wanted}, set(wanted))
    changed = [parameter for parameter in known if wanted[parameter.key] != before[parameter.key]]
    for parameter in changed:
        old, new = before[parameter.key], wanted[parameter.key]
        await tx.execute(
            "INSERT INTO provider_parameter (key, value, changed_at) VALUES ($1, $2, $3) "
            "ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value, changed_at = EXCLUDED.changed_at",
            parameter.key, parameter.stored(new), tx.now)
        await history.record(tx, "parameter_changed", "parameter", object_name=parameter.key,
                             changes={"value": (parameter.stored(old), parameter.stored(new))})
    return [parameter.key for parameter in changed]


def forget() -> None:
    """This process reads the values anew; the others do within `parameters.KEEP_SECONDS`."""
    parameters.forget()


def _read(known: list[Parameter], texts: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for parameter in known:
        try:
            found[parameter.key] = parameters.read(parameter, texts.get(parameter.key, ""))
        except ValueError as error:
            wrong[parameter.key] = str(error)
    if not wrong and (problem := expression_problem(found.get("pool.dial_expression", "{route}{ext}"))):
        wrong["pool.dial_expression"] = problem
    _raise_for(wrong)
    return found


def _check_together(values: Mapping[str, Any], typed: set[str]) -> None:
    """What only two values together can break."""
    wrong: dict[str, str] = {}
    for least, most in _ORDER:
        if least in typed and values[least] > values[most]:
            wrong[least] = _("Must not be more than the largest one.")
    for remind, term in _DAYS_INSIDE:
        if remind in typed and values[remind] > values[term]:
            wrong[remind] = _("Must not be longer than the whole term.")
    _raise_for(wrong)


def _raise_for(wrong: dict[str, str]) -> None:
    if wrong:
        raise InvalidFields("invalid_fields", _("Check the highlighted fields."), fields=wrong)


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """One change: who, when, from where, old → new."""

    at: datetime
    actor_login: str
    actor_name: str
    ip: str
    key: str
    old: object
    new: object


async def changes(tx: PlatformTx, *, key: str, limit: int, offset: int) -> tuple[list[ChangeRow], int]:
    """Newest first; `key` "" means all."""
    where = "FROM action_history WHERE object_type = 'parameter' AND ($1 = '' OR object_name = $1)"
    total = await tx.fetchval(f"SELECT count(*) {where}", key)
    rows = await tx.fetch(f"SELECT at, actor_login, actor_name, ip, object_name, changes {where} "
                          "ORDER BY id DESC LIMIT $2 OFFSET $3", key, limit, offset)
    return [ChangeRow(row["at"], row["actor_login"], row["actor_name"], row["ip"], row["object_name"],
                      *row["changes"].get("value", (None, None))) for row in rows], total
