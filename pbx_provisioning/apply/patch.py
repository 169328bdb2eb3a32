"""A few changed extensions are told to Asterisk one by one: a reload reads every domain's file again.

The files are written first and say the same, so the next reload, for whatever reason, changes nothing.
Extensions added over the manager interface belong to `pbx_config` as those of the files do.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pbx_provisioning.apply.step import Step
from pbx_provisioning.apply.store import Change

MOST = 40  # beyond it one reload is quicker
Action = tuple[str, dict[str, object]]
_LINE = re.compile(r"exten => ([0-9]+),1,([A-Za-z]+)\((.*)\)")


def patches(steps: Sequence[Step]) -> tuple[list[Action], list[Action]] | None:
    """Actions that take away, actions that put (in this order); None: only a reload will do."""
    gone: list[Action] = []
    put: list[Action] = []
    for step in steps:
        if step.dialplan is None:
            continue
        changes = [change for change in step.changes if change.kind != "endpoint"]
        if step.is_repair or not changes or any(change.kind not in ("extension", "did") for change in changes):
            return None
        for change in changes:
            (gone if change.after is None else put).append(_action(step.wanted.domain_id, change))
    return (gone, put) if len(gone) + len(put) <= MOST else None


def _action(domain_id: int, change: Change) -> Action:
    context = "sw-did" if change.kind == "did" else f"d{domain_id}-ext"
    if change.after is None:
        return "DialplanExtensionRemove", {"Context": context, "Extension": change.key}
    found = _LINE.fullmatch(change.after)
    assert found is not None, "checked before the file was written"
    return "DialplanExtensionAdd", {"Context": context, "Extension": found[1], "Priority": "1",
                                    "Application": found[2], "ApplicationData": found[3], "Replace": "yes"}
