"""The processes that are killed: each does without end what the product's does, and says so when it is up."""

from __future__ import annotations

import asyncio
import gc
import json
import random
import urllib.request
from contextlib import suppress
from pathlib import Path

import app.features  # noqa: F401  (fees, handlers and jobs are registered)
from app.kernel import outbox
from app.kernel.actors import Actor
from app.kernel.db import DB, domain_transaction, platform_transaction
from app.kernel.money import Money
from billing.accounts.jobs import ledger_sums
from billing.payments import gateway
from billing.payments.card import jobs as card_jobs
from billing.payments.card import queries, service, talk
from billing.payments.jobs import promised_payments
from billing.subscriptions.run import run_until_today
from pbx_provisioning.agent import spool
from pbx_provisioning.intake import service as intake
from tests import stripe_stub
from tests.faults import world

KINDS = ("spool-a", "spool-b", "notices-a", "notices-b", "jobs-a", "jobs-b", "payer")


def main(name: str, folder: Path, seed: int, ids: dict[str, int]) -> None:
    gc.freeze()
    asyncio.run(_main(name, folder, random.Random(seed), ids))


async def _main(name: str, folder: Path, rng: random.Random, ids: dict[str, int]) -> None:
    kind = name.split("-")[0]
    await _until_up(DB.open)
    (folder / "up" / name).touch()
    if kind == "spool":
        spool.IDLE_SECONDS = 0.02
        await spool.Spool(ids["node"], folder / f"{name}.csv", folder / name, intake.take_in, batch=60,
                          rotate_after=1e9).run()
    step = {"notices": lambda: _one_notice(folder, rng), "jobs": lambda: _one_job(rng),
            "payer": lambda: _pay(ids["card"], rng)}[kind]
    while True:
        try:
            busy = await step()
        except Exception as error:  # the database is being killed, too
            busy = False
            (folder / "up" / f"{name}.error").write_text(repr(error)[:500])
            await asyncio.sleep(0.05)
        await asyncio.sleep(0 if busy else 0.05)


async def _until_up(do) -> None:
    while True:
        try:
            await do()
            return
        except Exception:
            await asyncio.sleep(0.1)


async def _one_notice(folder: Path, rng: random.Random) -> bool:
    """Any of those that wait; gone only when it is taken, as Stripe repeats until it has heard 200."""
    waiting = [path for path in (folder / "notices").iterdir() if path.suffix == ".json"]
    if not waiting:
        return False
    path = rng.choice(waiting)
    with suppress(FileNotFoundError):  # the other reader had it, too
        await _take(json.loads(path.read_text()))
        path.unlink()
    return True


async def _take(told: dict) -> None:
    if told["from"] == "bank":
        await world.pay_by_bank(told["domain_id"], told["external_id"], told["amount"])
    else:
        found, body = gateway.current(), told["body"].encode()
        assert found is not None
        news = found.read_event(body, stripe_stub.signed(body))
        if news is not None:
            await talk.hear(found, news)


async def _pump(_ctx: dict) -> None:
    for _event in range(20):
        async with platform_transaction(Actor.system(name="outbox")) as tx:
            if not await outbox.hand_on_next(tx):
                return


async def _fees(_ctx: dict) -> None:
    await run_until_today()


async def _one_job(rng: random.Random) -> bool:
    """No order, no rest: each job comes again and again, in two processes at once."""
    await rng.choice((_pump, _fees, promised_payments, card_jobs.charge_saved_cards, card_jobs.ask_about_cards,
                      ledger_sums))({})
    return rng.random() < 0.5


async def _pay(domain_id: int, rng: random.Random) -> bool:
    """A person at the panel and on the payment page; what an earlier one left open is gone on with."""
    actor = Actor.system(domain_id=domain_id, name="payer")
    async with platform_transaction(actor) as tx:
        rows = await tx.fetch(queries.PAYMENT + "WHERE p.domain_id = $1 AND c.way = 'checkout' AND p.state = 'pending' "
                              "ORDER BY p.id", domain_id)
    left = [queries.CardPayment.of(row) for row in rows]
    if left and (len(left) > 4 or rng.random() < 0.5):
        payment = rng.choice(left)
    else:
        async with domain_transaction(actor) as tx:
            payment = await service.begin(tx, Money.parse(f"{rng.randint(100, 900)}.{rng.randint(0, 99):02}"))
    found = gateway.current()
    assert found is not None
    address = await talk.open_page(found, payment)
    await asyncio.to_thread(_press_pay, address.replace("/c/pay/", "/c/paid/"))
    await asyncio.sleep(rng.uniform(0, 0.3))
    return False


def _press_pay(address: str) -> None:
    """The way back leads to the panel, which does not run here."""

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_args):
            return None

    try:
        urllib.request.build_opener(urllib.request.ProxyHandler({}), Stay).open(address, timeout=5)
    except OSError:
        return
