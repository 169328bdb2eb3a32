"""The file store: content and row belong together, whatever happens in between."""

from __future__ import annotations

import os
import time

import pytest

from app.kernel import files
from app.kernel.db import domain_transaction, platform_transaction
from app.kernel.errors import NotFound
from app.settings import settings
from tests.db.factories import STAFF, a_domain

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]


async def test_a_file_comes_back_as_it_was_and_only_to_its_domain() -> None:
    mine, other = await a_domain(), await a_domain()
    content = os.urandom(5000)
    async with domain_transaction(mine) as tx:
        file_id = await files.store(tx, content, name="../../etc/passwd", media_type="audio/wav")
    async with domain_transaction(mine) as tx:
        found = await files.load(tx, file_id)
    assert (found.content, found.name) == (content, "../../etc/passwd")
    async with domain_transaction(other) as tx:
        with pytest.raises(NotFound):
            await files.load(tx, file_id)


async def test_bytes_of_a_transaction_that_failed_are_cleaned_up_later() -> None:
    content, kept = os.urandom(100), os.urandom(100)
    async with platform_transaction(STAFF) as tx:
        await files.remove_unreferenced(tx)  # what earlier runs left in the folder
    with pytest.raises(ZeroDivisionError):
        async with platform_transaction(STAFF) as tx:
            await files.store(tx, content, name="a", media_type="text/csv")
            raise ZeroDivisionError
    async with platform_transaction(STAFF) as tx:
        file_id = await files.store(tx, kept, name="b", media_type="text/csv")
        assert await files.remove_unreferenced(tx) == 0  # young bytes may belong to a transaction in progress
    old = time.time() - 2 * files.UNREFERENCED_SECONDS
    for path in settings().files_dir.glob("*/*"):
        os.utime(path, (old, old))
    async with platform_transaction(STAFF) as tx:
        assert await files.remove_unreferenced(tx) >= 1
        assert (await files.load(tx, file_id)).content == kept
        assert all(path.read_bytes() != content for path in settings().files_dir.glob("*/*"))


async def test_the_same_content_is_kept_once() -> None:
    content = os.urandom(100)
    async with platform_transaction(STAFF) as tx:
        before = len(list(settings().files_dir.glob("*/*")))
        first, second = [await files.store(tx, content, name=name, media_type="text/csv") for name in "ab"]
        assert len(list(settings().files_dir.glob("*/*"))) == before + 1
        assert [(await files.load(tx, number)).name for number in (first, second)] == ["a", "b"]
