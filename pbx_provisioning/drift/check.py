"""Compares three copies with what was acknowledged: realtime rows, dialplan files, Asterisk's memory."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from app.kernel.db import PlatformTx, platform_transaction
from app.kernel.errors import AppError
from pbx_provisioning.agent.reconciler import AGENT, Reconciler
from pbx_provisioning.ami import AmiClient, AmiError
from pbx_provisioning.apply import files
from pbx_provisioning.render.check import check_dialplan
from pbx_provisioning.render.objects import Objects, dialplan_file

DOMAINS_AT_ONCE = 100  # bounds memory
SHOWN = 100  # differences kept for the page
_EXTEN = re.compile(r"exten => ([^,]+),1,(.*)")


@dataclass(frozen=True, slots=True)
class Drift:
    """One difference. `place`: row, file, asterisk."""

    domain_id: int
    place: str
    what: str

    def as_json(self) -> dict[str, object]:
        return {"domain_id": self.domain_id, "place": self.place, "what": self.what[:200]}


async def wrong_rows(tx: PlatformTx, domain_ids: Sequence[int]) -> list[Drift]:
    """Realtime rows that are missing, changed, or nobody's."""
    rows = await tx.fetch(
        "SELECT COALESCE(o.domain_id, e.domain_id) AS domain_id, COALESCE(o.key, e.id) AS id, "
        "CASE WHEN e.id IS NULL THEN 'missing' WHEN o.key IS NULL THEN 'extra' ELSE 'changed' END AS what "
        "FROM (SELECT * FROM provisioned_object WHERE kind = 'endpoint' AND domain_id = ANY($1)) o "
        "FULL JOIN (SELECT * FROM asterisk.endpoint WHERE domain_id = ANY($1)) e "
        "ON e.id = o.key AND e.domain_id = o.domain_id "
        "WHERE e.id IS NULL OR o.key IS NULL OR to_jsonb(e) <> o.body::jsonb", list(domain_ids))
    return [Drift(row["domain_id"], "row", f"{row['id']}: {row['what']}") for row in rows]


async def dialplans(tx: PlatformTx, domain_ids: Sequence[int]) -> dict[int, Objects]:
    """Acknowledged dialplan objects per domain."""
    rows = await tx.fetch("SELECT domain_id, kind, key, body FROM provisioned_object "
                          "WHERE domain_id = ANY($1) AND kind <> 'endpoint'", list(domain_ids))
    found: dict[int, Objects] = {domain_id: {} for domain_id in domain_ids}
    for row in rows:
        found[row["domain_id"]][row["kind"], row["key"]] = row["body"]
    return found


def wrong_file(domain_id: int, text: str | None, wanted: str) -> Drift | None:
    if text == wanted:
        return None
    if text is None:
        return Drift(domain_id, "file", "missing")
    try:
        check_dialplan(domain_id, text)
    except AppError as error:
        return Drift(domain_id, "file", error.message)
    return Drift(domain_id, "file", "changed")


async def wrong_memory(ami: AmiClient, domain_id: int, text: str) -> list[Drift]:
    """Extensions that Asterisk holds of the domain's own contexts against those of the file."""
    wanted: dict[str, dict[str, str]] = {}
    for line in text.split("\n"):
        if line.startswith(f"[d{domain_id}-"):  # others are shared with other domains
            context = wanted.setdefault(line[1:-1], {})
        elif line.startswith("[") or not line:
            context = {}
        elif found := _EXTEN.fullmatch(line):
            context[found[1]] = found[2]
    drifts = []
    for name, extensions in wanted.items():
        try:
            held = {event["extension"]: f"{event['application']}({event['appdata']})" for event in
                    await ami.listing("ShowDialPlan", Context=name) if event["extension"]}
        except AmiError:  # no such context
            held = {}
            if not extensions:
                drifts.append(Drift(domain_id, "asterisk", f"{name}: missing"))
        for extension in sorted(extensions.keys() | held.keys()):
            if extensions.get(extension) != held.get(extension):
                drifts.append(Drift(domain_id, "asterisk", f"{name} {extension}"))
    return drifts


class DriftCheck:
    """`run()` looks at every domain of the node; what differs is re-applied and written to the node's row."""

    def __init__(self, node_id: int, ami: AmiClient, reconciler: Reconciler) -> None:
        self.node_id, self.ami, self._reconciler = node_id, ami, reconciler

    async def run(self, *, memory: bool = True) -> list[Drift]:
        """Differences found; their repair is under way when this returns."""
        async with platform_transaction(AGENT) as tx:
            applied = [row["domain_id"] for row in await tx.fetch(
                "SELECT p.domain_id FROM provisioning_state p JOIN domain d ON d.id = p.domain_id "
                "WHERE d.pbx_node_id = $1 AND p.applied > 0 ORDER BY 1", self.node_id)]
            ours = {row["id"] for row in await tx.fetch(
                "SELECT id FROM domain WHERE pbx_node_id = $1", self.node_id)}
        found: list[Drift] = []
        for start in range(0, len(applied), DOMAINS_AT_ONCE):
            found += await self._some(applied[start:start + DOMAINS_AT_ONCE], memory=memory)
        found += [Drift(one, "file", "of a domain that is not here")
                  for one in sorted(self._reconciler.domains_on_disk() - ours)]
        for domain_id in {drift.domain_id for drift in found}:
            self._reconciler.want(domain_id, repair=True)
        if any(drift.place == "asterisk" for drift in found):
            self._reconciler.want_reload()
        async with platform_transaction(AGENT) as tx:
            await tx.execute("UPDATE pbx_node SET drift = $2, drift_checked_at = now() WHERE id = $1",
                             self.node_id, [drift.as_json() for drift in found[:SHOWN]])
        return found

    async def _some(self, domain_ids: list[int], *, memory: bool) -> list[Drift]:
        """Domains with a change under way are left to it: their copies differ by nature."""
        async with platform_transaction(AGENT) as tx:
            still = [row["domain_id"] for row in await tx.fetch(
                "SELECT domain_id FROM provisioning_state WHERE domain_id = ANY($1) "
                "AND (applied = desired OR pinned IS NOT NULL)", domain_ids)]
            found = await wrong_rows(tx, still)
            plans = await dialplans(tx, still)
        for domain_id in still:
            wanted = dialplan_file(domain_id, plans[domain_id])
            wrong = wrong_file(domain_id, files.read(self._reconciler.file_of(domain_id)), wanted)
            if wrong is not None:
                found.append(wrong)
            elif memory and self.ami.up.is_set():
                found += await wrong_memory(self.ami, domain_id, wanted)
        return found
