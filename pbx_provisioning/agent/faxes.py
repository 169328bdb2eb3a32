"""Sends faxes: takes what is due from the database, calls by Asterisk, tells the database what came of it.

An attempt is counted in the database before Asterisk is asked, and Asterisk keeps its outcome (`sw-fax/<job>` of its
database) until it is written there. So after a crash of either side each attempt is known to have ended, or its
call is still up, or it was cut off, which counts as a failed one: nothing is lost and nothing is sent twice
knowingly.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from pathlib import Path

import structlog

from app.kernel.db import platform_transaction
from pbx_provisioning.agent.reconciler import AGENT
from pbx_provisioning.ami import AmiClient, AmiDown, AmiError, Message
from tenants.faxes import work
from tenants.faxes.work import Attempt

log = structlog.get_logger()

FAMILY = "sw-fax"
LOOK_SECONDS = 2.0
AT_ONCE = 10  # of a node: an attempt keeps a codec busy for minutes
RING_SECONDS = 90
GONE_SECONDS = 6.0  # so long neither a channel nor an outcome: cut off
_JOB = re.compile(r"([0-9]{1,18})-([0-9]{1,4})")
_REASONS = {"17": "busy", "18": "no_answer", "19": "no_answer", "21": "refused", "1": "wrong_number",
            "28": "wrong_number"}  # Q.850


class FaxJobs:
    """`run()` until cancelled; `on_event` makes it look at once."""

    def __init__(self, node_id: int, folder: Path, ami: AmiClient) -> None:
        self.node_id, self.folder, self.ami = node_id, folder, ami
        self._wake = asyncio.Event()
        self._absent: dict[str, float] = {}

    def on_event(self, event: Message) -> None:
        if event["userevent"] == "SwFax":
            self._wake.set()

    async def run(self) -> None:
        while True:
            await self.ami.up.wait()
            try:
                await self.round()
            except Exception as error:  # Asterisk or the database is away: the states wait
                log.warning("fax_round_put_off", error=repr(error)[:200])
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), LOOK_SECONDS)

    async def round(self) -> None:
        async with platform_transaction(AGENT) as tx:
            under_way = await work.attempts_under_way(tx, self.node_id)
        await self._finish(under_way)
        for _ in range(max(0, AT_ONCE - len(under_way))):
            async with platform_transaction(AGENT) as tx:
                attempt = await work.take_attempt(tx, self.node_id)
            if attempt is None:
                return
            await self._call(attempt)

    async def _finish(self, under_way: dict[str, tuple[int, int]]) -> None:
        kept = await self._kept()
        for job, outcome in kept.items():
            if outcome != "begun" or job not in under_way:
                await self._write_down(job, outcome)
        waiting = [job for job in under_way if kept.get(job, "begun") == "begun"]
        if not waiting:
            self._absent.clear()
            return
        living = {event["uniqueid"] for event in await self.ami.listing("CoreShowChannels")}
        moment = time.monotonic()
        self._absent = {job: self._absent.get(job, moment) for job in waiting if channel_of(job) not in living}
        for job, since in self._absent.items():
            if moment - since > GONE_SECONDS:
                await self._write_down(job, "interrupted")

    async def _kept(self) -> dict[str, str]:
        """Outcomes that Asterisk keeps, by job."""
        try:
            rows = await self.ami.listing("DBGetTree", Family=FAMILY)
        except AmiError:  # the family is empty
            return {}
        found = {row["key"].rpartition("/")[2]: row["val"] for row in rows}
        return {job: value for job, value in found.items() if _JOB.fullmatch(job)}

    async def _write_down(self, job: str, outcome: str) -> None:
        """First the database, then Asterisk forgets: a crash in between tells it twice, which is known."""
        match = _JOB.fullmatch(job)
        assert match is not None
        delivered, pages, reason = read_outcome(outcome)
        async with platform_transaction(AGENT) as tx:
            await work.attempt_ended(tx, int(match[1]), int(match[2]), delivered=delivered, pages=pages, reason=reason)
        with contextlib.suppress(AmiError):
            await self.ami.action("DBDel", Family=FAMILY, Key=job)
        (self.folder / f"{job}.tif").unlink(missing_ok=True)
        log.info("fax_attempt_ended", job=job, outcome=outcome)

    async def _call(self, attempt: Attempt) -> None:
        job = attempt.job
        await asyncio.to_thread(self._place, job, attempt.tiff)
        way = f"d{attempt.domain_id}-ext" if attempt.is_internal else "sw-leg-out"
        variables = {
            "CDR_PROP(disable)": 1, "SW_FAX_JOB": job, "SW_FAX_STATION": attempt.station, "SW_FAX_WAY": way,
            "__SW_DOMAIN": attempt.domain_id, "__SW_USER": attempt.user_id, "__SW_KIND": "fax_out",
            "__SW_BY": f"{attempt.domain_id}.{attempt.user_id}"}  # who pays, and whose restrictions hold
        try:
            await self.ami.action(
                "Originate", Channel=f"Local/{attempt.number}@sw-fax-leg/n", ChannelId=channel_of(job),
                OtherChannelId=f"{channel_of(job)}-leg", Context="sw-fax-send", Exten="s", Priority=1, Async="true",
                Timeout=RING_SECONDS * 1000, CallerID=f"<{attempt.extension}>", Codecs="slin",
                Variable=",".join(f"{name}={value}" for name, value in variables.items()))
            log.info("fax_attempt_begun", job=job)
        except AmiError as refused:
            log.warning("fax_attempt_refused", job=job, error=str(refused)[:200])
            await self._write_down(job, "unanswered|0")
        except AmiDown:
            log.warning("fax_attempt_unknown", job=job)  # looked for when Asterisk is back

    def _place(self, job: str, tiff: bytes) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{job}.tif"
        path.write_bytes(tiff)
        path.chmod(0o644)


def channel_of(job: str) -> str:
    """Unique id of the attempt's channel, chosen by us so that it can be found again."""
    return f"fax-{job}"


def read_outcome(text: str) -> tuple[bool, int, str]:
    """(delivered, pages, reason) of what the dialplan wrote: `sent|2|`, `failed|0|…`, `unanswered|17`."""
    what, _bar, rest = text.partition("|")
    if what == "sent":
        pages = rest.partition("|")[0]
        return True, int(pages) if pages.isdigit() else 0, ""
    if what == "failed":
        return False, 0, rest.partition("|")[2].strip()[:100] or "no_fax"
    if what == "unanswered":
        return False, 0, _REASONS.get(rest, "unreachable")
    return False, 0, "interrupted"
