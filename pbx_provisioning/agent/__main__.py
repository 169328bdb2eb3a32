"""`python -m pbx_provisioning.agent`: the agent of one node, until SIGTERM."""

from __future__ import annotations

import asyncio
import signal
import sys

import prometheus_client
import uvloop

from app.kernel import logging
from app.kernel.heap import collect_seldom
from app.settings import settings
from pbx_provisioning.agent.agent import Agent
from pbx_provisioning.agent.config import from_environment
from pbx_provisioning.intake import service as intake


async def _main() -> None:
    own = settings()
    if own.metrics_port_agent:
        prometheus_client.start_http_server(own.metrics_port_agent, "127.0.0.1")
    agent = Agent(own, from_environment(), intake.take_in)
    task = asyncio.create_task(agent.run())
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        return


def main() -> None:
    own = settings()
    logging.configure(json_lines=own.log_json)
    if not own.database_url:
        sys.exit("DATABASE_APP_URL is not set")
    collect_seldom()
    uvloop.run(_main())


if __name__ == "__main__":
    main()
