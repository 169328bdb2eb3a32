"""Brings the node to what the database wants: many domains, one reload per window.

Order of one round, each step repeatable after a crash at any point: rows committed → files renamed →
Asterisk's copies expired and dialplan reloaded → generation acknowledged. Whatever is not acknowledged
is prepared again, from what was acknowledged last.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import asyncpg
import structlog

from app.kernel import clock
from app.kernel.actors import Actor
from app.kernel.db import platform_transaction
from app.kernel.errors import AppError
from app.kernel.metrics import APPLY_FAILED, APPLY_SECONDS
from pbx_provisioning.ami import AmiClient, AmiDown, AmiError
from pbx_provisioning.apply import files, store
from pbx_provisioning.apply.patch import patches
from pbx_provisioning.apply.step import Step, prepare
from pbx_provisioning.plan.load import Wanted, load_wanted, one_snapshot
from pbx_provisioning.render.objects import Objects

log = structlog.get_logger()

AGENT = Actor.system(name="agent")
MOST_STEPS = 100  # domains applied together: what came first is live before the rest is prepared
KEPT_OBJECTS = 30_000  # applied objects remembered between rounds, over all domains
RETRY_FAILED_SECONDS = 60.0
SECOND_EXPIRY_SECONDS = 1.0
CACHES = ("endpoint", "auth", "aor")
Away = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, AmiDown, AmiError, TimeoutError)
Publish = Callable[[int, dict], Awaitable[None]]


class Reconciler:
    """`want()` marks a domain; `run()` does the rest."""

    def __init__(self, node_id: int, etc: Path, ami: AmiClient, publish: Publish, debounce: float) -> None:
        self.node_id, self.ami, self._publish, self._debounce = node_id, ami, publish, debounce
        self.folder = etc / "extensions.d"
        self._dirty: dict[int, bool] = {}  # domain → repair
        self._wake = asyncio.Event()
        self._known: OrderedDict[int, Objects] = OrderedDict()
        self._failed_at: dict[int, float] = {}
        self._must_reload = True  # after a start of ours or of Asterisk
        self._tasks: set[asyncio.Task[None]] = set()
        self.before_apply: Callable[[], Awaitable[None]] | None = None  # files that the dialplan names

    # ------------------------------------------------------------------ what is to be done

    def want(self, domain_id: int, *, repair: bool = False) -> None:
        """Bring this domain up to date soon; `repair` also compares rows and file."""
        self._dirty[domain_id] = self._dirty.get(domain_id, False) or repair
        self._wake.set()

    def want_reload(self) -> None:
        """Reload the dialplan with the next round (Asterisk came up, globals were changed)."""
        self._must_reload = True
        self._wake.set()

    def forget(self) -> None:
        """Remember nothing of what was applied."""
        self._known.clear()

    async def sweep(self) -> None:
        """Find what no notification told: domains behind their wanted generation."""
        async with platform_transaction(AGENT) as tx:
            rows = await tx.fetch(
                "SELECT p.domain_id, p.error FROM provisioning_state p JOIN domain d ON d.id = p.domain_id "
                "WHERE p.applied < p.desired AND d.pbx_node_id = $1", self.node_id)
        moment = time.monotonic()
        for row in rows:
            if not row["error"] or moment - self._failed_at.get(row["domain_id"], 0.0) > RETRY_FAILED_SECONDS:
                self.want(row["domain_id"])

    def file_of(self, domain_id: int) -> Path:
        return self.folder / f"d{int(domain_id)}.conf"

    def domains_on_disk(self) -> set[int]:
        names = (path.stem[1:] for path in self.folder.glob("d*.conf"))
        return {int(name) for name in names if name.isdigit()}

    # ------------------------------------------------------------------ rounds

    async def run(self) -> None:
        """Rounds until cancelled; a round that fails is repeated with growing pauses."""
        pause = 0.2
        while True:
            await self._wake.wait()
            await self.ami.up.wait()  # without Asterisk there is nothing to bring up to date
            self._wake.clear()
            taken: dict[int, bool] = {}
            try:
                await self._round(taken)
                pause = 0.2
            except Exception as error:  # database or Asterisk away, or a defect: nothing wanted is forgotten
                log.warning("apply_put_off", error=repr(error)[:200], domains=len(taken),
                            exc_info=None if isinstance(error, Away) else error)
                for domain_id, repair in taken.items():
                    self._dirty[domain_id] = self._dirty.get(domain_id, False) or repair
                await asyncio.sleep(pause)
                pause = min(pause * 1.7, 3.0)
                self._wake.set()

    async def _round(self, taken: dict[int, bool]) -> None:
        """One window: prepare what comes while it is open, then apply all of it with one reload."""
        closes = time.monotonic() + self._debounce
        steps: dict[int, Step] = {}
        removed = False
        while True:
            while self._dirty and len(steps) < MOST_STEPS:
                domain_id = next(iter(self._dirty))  # who waits longest comes first
                repair = self._dirty.pop(domain_id)
                taken[domain_id] = taken.get(domain_id, False) or repair
                step, gone = await self._prepare(domain_id, taken[domain_id])
                removed = removed or gone
                steps.pop(domain_id, None)
                if step is not None:
                    steps[domain_id] = step
            left = closes - time.monotonic()
            if left <= 0 or len(steps) >= MOST_STEPS:
                break
            self._wake.clear()
            try:
                await asyncio.wait_for(self._wake.wait(), left)
            except TimeoutError:
                break
        if steps or removed or self._must_reload:
            await self._apply(list(steps.values()), reload=removed)
        taken.clear()
        if self._dirty:
            self._wake.set()

    async def _prepare(self, domain_id: int, repair: bool) -> tuple[Step | None, bool]:
        """The step, and whether the domain's file was removed because it is not ours."""
        wanted: Wanted | None = None
        try:
            async with platform_transaction(AGENT) as tx:
                await one_snapshot(tx)
                wanted = await load_wanted(tx, domain_id)
                if wanted is not None and wanted.node_id == self.node_id:
                    known = self._known.get(domain_id)
                    on_disk = files.read(self.file_of(domain_id)) if repair or known is None else ""
                    return await prepare(tx, wanted, known=known, repair=repair, current_file=on_disk), False
        except (OSError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError, TimeoutError):
            raise
        except Exception as error:
            if wanted is None:
                raise
            await self._fail(wanted, error)
            return None, False
        self._known.pop(domain_id, None)
        return None, files.remove(self.file_of(domain_id))

    async def _fail(self, wanted: Wanted, error: Exception) -> None:
        """The old configuration stays in force; the panel says why."""
        readable = error.message if isinstance(error, AppError) else f"{type(error).__name__}: {error}"
        log.error("apply_failed", domain_id=wanted.domain_id, generation=wanted.desired, error=readable[:300],
                  exc_info=None if isinstance(error, AppError) else error)
        APPLY_FAILED.inc()
        self._failed_at[wanted.domain_id] = time.monotonic()
        self._known.pop(wanted.domain_id, None)
        async with platform_transaction(AGENT) as tx:
            await store.record_failure(tx, wanted, readable)
        await self._publish(wanted.domain_id, {"kind": "provisioning", "applied": wanted.applied,
                                               "error": readable[:200]})

    async def _apply(self, steps: list[Step], *, reload: bool) -> None:
        steps = await self._write_rows(steps)
        if self.before_apply is not None and self.ami.up.is_set():
            await self.before_apply()
        before = await asyncio.to_thread(self._write_files, steps)
        if not self.ami.up.is_set():
            raise AmiDown("Asterisk is down")
        await self._expire([key for step in steps for key in step.expire])
        if reload or self._must_reload or (before and not await self._patch(steps)):
            steps = await self._reload(steps, before)
        await self._acknowledge(steps)

    async def _write_rows(self, steps: list[Step]) -> list[Step]:
        """Realtime rows of all steps in one transaction; a domain whose rows are refused fails alone."""
        if not any(step.bodies or step.gone for step in steps):
            return steps
        refused: list[tuple[Step, Exception]] = []
        async with platform_transaction(AGENT) as tx:
            for step in steps:
                try:
                    async with tx.savepoint():
                        await store.write_endpoints(tx, step.wanted.domain_id, step.bodies, step.gone)
                except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as error:
                    refused.append((step, error))
        for step, error in refused:
            await self._fail(step.wanted, error)
        failed = {step.wanted.domain_id for step, _error in refused}
        return [step for step in steps if step.wanted.domain_id not in failed]

    def _write_files(self, steps: Sequence[Step]) -> dict[int, str | None]:
        """The texts that were replaced, for a way back."""
        before: dict[int, str | None] = {}
        for step in steps:
            if step.dialplan is not None:
                path = self.file_of(step.wanted.domain_id)
                before[step.wanted.domain_id] = files.read(path)
                files.replace(path, step.dialplan)
        return before

    async def _expire(self, keys: Sequence[str]) -> None:
        """Asterisk reads these anew at their next use. An object that it does not hold is no error."""
        if not keys:
            return
        await self.ami.all(expiries(keys))
        # A read that began before our commit may end after this and leave the old row: once more.
        self._later(SECOND_EXPIRY_SECONDS, keys)

    def _later(self, seconds: float, keys: Sequence[str]) -> None:
        async def again() -> None:
            await asyncio.sleep(seconds)
            with contextlib.suppress(AmiDown):  # its memory is gone with it
                await self.ami.all(expiries(keys))

        task = asyncio.create_task(again())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _patch(self, steps: Sequence[Step]) -> bool:
        """Change a few extensions in place; False: a reload has to do it."""
        found = patches(steps)
        if found is None:
            return False
        for actions in found:
            if None in await self.ami.all(actions):
                return False
        return True

    async def _reload(self, steps: list[Step], before: dict[int, str | None]) -> list[Step]:
        """One reload for all; when Asterisk refuses it, the old files come back."""
        answer = " ".join(await self.ami.command("dialplan reload"))
        if "reloaded" in answer.lower():
            self._must_reload = False
            return steps
        log.error("dialplan_reload_refused", answer=answer[:300])
        for domain_id, text in before.items():
            path = self.file_of(domain_id)
            files.remove(path) if text is None else files.replace(path, text)
        for step in steps:
            if step.wanted.domain_id in before:
                await self._fail(step.wanted, AppError("reload", f"Asterisk: {answer[:200] or 'reload refused'}"))
        return [step for step in steps if step.wanted.domain_id not in before]

    async def _acknowledge(self, steps: Sequence[Step]) -> None:
        fresh = [step for step in steps if step.is_new]
        if fresh:
            async with platform_transaction(AGENT) as tx:
                for step in fresh:
                    await store.acknowledge(tx, step.wanted, step.changes, digest=step.digest,
                                            objects=len(step.objects))
        for step in steps:
            self._remember(step.wanted.domain_id, step.objects)
        for step in fresh:
            wanted = step.wanted
            self._failed_at.pop(wanted.domain_id, None)
            APPLY_SECONDS.observe(max(0.0, (clock.now() - wanted.changed_at).total_seconds()))
            log.info("applied", domain_id=wanted.domain_id, generation=wanted.desired, changes=len(step.changes))
            await self._publish(wanted.domain_id, {
                "kind": "provisioning", "applied": wanted.desired, "at": clock.now().isoformat(), "error": ""})

    def _remember(self, domain_id: int, objects: Objects) -> None:
        self._known[domain_id] = objects
        self._known.move_to_end(domain_id)
        total = sum(len(one) for one in self._known.values())
        while total > KEPT_OBJECTS and len(self._known) > 1:
            total -= len(self._known.popitem(last=False)[1])


def expiries(keys: Sequence[str]) -> list[tuple[str, dict[str, object]]]:
    """Actions that make Asterisk read these objects anew at their next use."""
    return [("SorceryMemoryCacheExpireObject", {"Cache": cache, "Object": key}) for key in keys for cache in CACHES]
