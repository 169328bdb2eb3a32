"""Periodic jobs of billing."""

from __future__ import annotations

from typing import Any

import structlog

from app.kernel import jobs
from app.kernel.actors import Actor
from app.kernel.db import platform_transaction
from billing.accounts import service

log = structlog.get_logger()


class BooksDiffer(Exception):
    """The ledger contradicts itself; the run is shown as failed with the first differences."""


async def check_books(_ctx: dict[str, Any]) -> None:
    async with platform_transaction(Actor.system(name="books")) as tx:
        found = await service.check_books(tx)
    for one in found[:100]:
        log.error("books_differ", domain_id=one.domain_id, what=one.what, expected=one.expected, found=one.found)
    if found:
        first = found[0]
        raise BooksDiffer(f"{len(found)} differences; domain {first.domain_id}: {first.what} is {first.found}, "
                          f"should be {first.expected}")


jobs.every("check_books", check_books, hour=4, minute=0)
