"""`python -m app <command>`; every command says in one line what it does."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable


def _up(_args: argparse.Namespace) -> int:
    from app.runner.supervisor import up

    return asyncio.run(up())


def _web(_args: argparse.Namespace) -> int:
    import uvicorn

    from app.settings import settings

    chosen = settings()
    uvicorn.run("app.asgi:serve", factory=True, host=chosen.web_host, port=chosen.web_port,
                workers=chosen.web_workers, loop="uvloop", http="httptools", access_log=False, log_config=None,
                timeout_graceful_shutdown=10, server_header=False, proxy_headers=False)
    return 0


def _worker(_args: argparse.Namespace) -> int:
    from app.worker import run

    run()
    return 0


def _agent(_args: argparse.Namespace) -> int:
    from pbx_provisioning.agent.__main__ import main as run

    run()
    return 0


def _migrate(_args: argparse.Namespace) -> int:
    from app.runner.supervisor import prepare_database
    from app.settings import state_dir

    asyncio.run(prepare_database(state_dir()))
    return 0


def _build(_args: argparse.Namespace) -> int:
    from app.kernel.i18n import compile_catalogues
    from app.web.assets import build

    compile_catalogues()
    build()
    return 0


def _doctor(_args: argparse.Namespace) -> int:
    from app.runner.doctor import main

    return main()


def _asterisk(_args: argparse.Namespace) -> int:
    from app.runner.telephony import install

    return install()


def _checked(check: Callable[[], Awaitable[int]]) -> int:
    """A check of the database of this installation; 2 when it cannot be reached."""
    from app.runner.embedded import use_running
    from app.settings import state_dir

    if not use_running(state_dir()):
        print("There is no database: start `make up`, or set DATABASE_APP_URL.", file=sys.stderr)
        return 2

    async def run() -> int:
        from app.kernel.db import DB

        await DB.open(size=2)
        try:
            return await check()
        finally:
            await DB.close()

    try:
        return asyncio.run(run())
    except OSError as error:
        print(f"The database does not answer: {error}", file=sys.stderr)
        return 2


def _history_check(_args: argparse.Namespace) -> int:
    from app.audit.jobs import checked

    async def check() -> int:
        found = await checked()
        if found.broken is None:
            print(f"{found.seals} entries sealed and unbroken, head {found.head.hex()}")
            return 0
        print(f"BROKEN: {found.broken.problem}, first at entry {found.broken.history_id}", file=sys.stderr)
        return 1

    return _checked(check)


def _books_check(_args: argparse.Namespace) -> int:
    from billing.books import service

    async def check() -> int:
        found = await service.run(full=True)
        print(f"run {found.run_id}: {found.domains} accounts, {found.postings} postings, "
              f"{len(found.differences)} differences")
        for one in found.differences:
            print(f"domain {one.domain_id}: {one.what} {one.ref} is {one.found}, should be {one.expected}",
                  file=sys.stderr)
        return 1 if found.differences else 0

    return _checked(check)


COMMANDS = {
    "up": (_up, "start everything on this machine, with demo data the first time"),
    "web": (_web, "the web process"),
    "worker": (_worker, "the worker process: jobs, letters, events"),
    "agent": (_agent, "the agent of this machine's PBX node"),
    "migrate": (_migrate, "bring the database up to date"),
    "build": (_build, "compile language catalogues and copy browser libraries"),
    "asterisk": (_asterisk, "install Asterisk into a private root file system (root, Debian)"),
    "history-check": (_history_check, "check the seal over the action history"),
    "books-check": (_books_check, "check that balances, ledger, payments and calls agree"),
    "doctor": (_doctor, "explain what is present and what is missing"),
}


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m app", description="Switchroom")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, (_run, text) in COMMANDS.items():
        commands.add_parser(name, help=text)
    args = parser.parse_args(words if words is not None else sys.argv[1:])
    return COMMANDS[args.command][0](args)
