"""The nightly reconciliation, and one that somebody asked for."""

from __future__ import annotations

from typing import Any

from app.kernel import jobs
from billing.books import service
from billing.books.service import Outcome


class BooksDiffer(Exception):
    """The ledger contradicts itself; the run is shown as failed with the first difference."""


async def check_books(_ctx: dict[str, Any]) -> None:
    """Every night, and not again when a worker starts soon after."""
    _judge(await service.nightly())


@jobs.job("books_check", max_tries=1, timeout=3600)
async def books_check(_ctx: dict[str, Any]) -> None:
    """Everything, when somebody asks for it."""
    _judge(await service.run(full=True))


def _judge(outcome: Outcome | None) -> None:
    if outcome and outcome.differences:
        first = outcome.differences[0]
        raise BooksDiffer(f"{len(outcome.differences)} differences; domain {first.domain_id}: {first.what} {first.ref} "
                          f"is {first.found}, should be {first.expected}")


jobs.every("check_books", check_books, hour=4, minute=0)
