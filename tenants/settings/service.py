"""Storing the general settings: all of them or nothing, one line of history [SET-31]."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from app.audit import history
from app.kernel import provisioning
from app.kernel.db import DomainTx
from app.kernel.errors import InvalidFields
from app.kernel.i18n import _
from tenants.numbers.outgoing import outgoing_choices
from tenants.settings import queries
from tenants.settings.rules import Settings, WrongSettings, read_settings

# Only these mean nothing to the PBX.
_PANEL_ONLY = frozenset({"notification_email", "balance_notice_on", "balance_notice_below"})


async def save(tx: DomainTx, typed: Mapping[str, str]) -> Settings:
    """Take over the page as typed.

    Raises:
        InvalidFields: names every wrong field; nothing is stored.
    """
    before = await queries.settings_of(tx, tx.domain_id, lock=True)
    if not typed.get("balance_notice_on"):  # its field is switched off then and the amount stays [SET-05]
        typed = {**typed, "balance_notice_below": str(before.balance_notice_below or "")}
    try:
        after = read_settings(typed, await queries.taken_in(tx), kept_zone=before.timezone)
    except WrongSettings as wrong:
        raise InvalidFields("invalid_fields", _("Check the highlighted fields."), fields=wrong.fields) from wrong
    old, new = _columns(before), _columns(after)
    changed = [name for name in new if old[name] != new[name]]
    if not changed:
        return after
    placed = ", ".join(f"{name} = ${place}" for place, name in enumerate(changed, 2))
    await tx.execute(f"UPDATE domain SET {placed} WHERE id = $1", tx.domain_id, *(new[name] for name in changed))
    if {"balance_notice_on", "balance_notice_below"} & set(changed):
        await tx.execute("UPDATE account SET notify_below = $2 WHERE domain_id = $1", tx.domain_id,
                         after.balance_notice_below if after.balance_notice_on else None)
    numbers = dict(await outgoing_choices(tx))
    shown = {name: (old[name], new[name]) for name in changed if name != "default_number_id"}
    if "default_number_id" in changed:
        shown["default_number"] = (_number(before, numbers), _number(after, numbers))
    domain = await tx.fetchval("SELECT name FROM domain WHERE id = $1", tx.domain_id)
    await history.record(tx, "settings_changed", "settings", object_id=tx.domain_id, object_name=domain, changes=shown)
    if set(changed) - _PANEL_ONLY:
        await provisioning.want_new_generation(tx, "settings_changed")
    return after


def _number(settings: Settings, numbers: Mapping[int, str]) -> str:
    return numbers.get(settings.default_number_id, "") if settings.default_number_id else ""


def _columns(settings: Settings) -> dict[str, object]:
    """Column → value as stored."""
    values = asdict(settings)
    values["default_restriction"] = settings.default_restriction.value
    return {name: value for name, value in values.items() if name != "dtmf"} | {
        f"dtmf_{name}": code for name, code in values["dtmf"].items()}
