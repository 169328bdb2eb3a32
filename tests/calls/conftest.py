"""One running product for all tests of this folder; every test makes companies of its own in it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.calls.long_calls import LongCalls
from tests.calls.long_calls import long_calls as running_long_calls
from tests.calls.world import Carrier, a_carrier, the_node
from tests.conftest import STATE
from tests.stack import Stack, make_stack


@pytest.fixture(scope="package")
async def stack(servers: Any, database: None) -> AsyncIterator[Stack]:
    """Ends with this folder: its worker would take other tests' events and jobs."""
    running = make_stack(STATE, servers.owner_url, node_name="calls")
    if running.telephony.node is None:
        pytest.skip(running.telephony.missing)
    try:
        await running.start()
        yield running
    finally:
        await running.stop()


@pytest.fixture(scope="package")
async def carrier(stack: Stack) -> AsyncIterator[Carrier]:
    async with a_carrier(stack, await the_node(stack)) as far:
        yield far


@pytest.fixture(scope="package")
async def long_calls(stack: Stack, carrier: Carrier) -> AsyncIterator[LongCalls]:
    async with running_long_calls(stack, carrier) as found:
        yield found
