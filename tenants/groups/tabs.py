"""The tabs of a group's page [GRP-39]."""

from __future__ import annotations

from app.kernel.i18n import LazyText, lazy

LIST = "/groups"


def tabs(group_id: int) -> list[tuple[LazyText, str]]:
    base = f"{LIST}/{group_id}"
    return [(lazy("Main"), base), (lazy("Call settings"), f"{base}/settings"),
            (lazy("Calls and voicemail"), f"{base}/calls"), (lazy("Faxes"), f"{base}/faxes")]
