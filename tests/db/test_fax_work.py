"""A fax from state to state: crashes of the worker, the agent and Asterisk; what was received is taken once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.kernel import clock, files, outbox
from app.kernel.db import domain_transaction, platform_transaction
from pbx_provisioning.agent.faxes import GONE_SECONDS, FaxJobs, channel_of
from pbx_provisioning.agent.media import MediaSpool
from pbx_provisioning.ami import AmiDown, AmiError, Message
from tenants.faxes import jobs, service, work
from tenants.faxes.service import NewFax
from tests.db.billing_factories import Company, a_company, a_user
from tests.db.factories import STAFF

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]


class FakeAsterisk:
    """Remembers what it was asked; `kept` is its database, `channels` what is up."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.channels: list[str] = []
        self.asked: list[dict] = []
        self.is_down = False

    async def action(self, name: str, timeout: float = 10.0, **values: object) -> Message:
        if self.is_down:
            raise AmiDown("killed")
        if name == "Originate":
            self.asked.append(values)
            self.channels.append(str(values["ChannelId"]))
        elif name == "DBDel":
            self.kept.pop(str(values["Key"]), None)
        return Message({}, ())

    async def listing(self, name: str, timeout: float = 30.0, **values: object) -> list[Message]:
        if self.is_down:
            raise AmiDown("killed")
        if name == "DBGetTree":
            if not self.kept:
                raise AmiError("nothing")
            return [Message({"key": f"/sw-fax/{key}", "val": value}, ()) for key, value in self.kept.items()]
        return [Message({"uniqueid": one}, ()) for one in self.channels]


async def a_fax(company: Company, number: str = "84951234567", state: str = "ready") -> int:
    async with domain_transaction(company.actor) as tx:
        fax_id = await service.queue_fax(tx, company.user_id, NewFax("a.png", "png", b"x", number))
        if state == "ready":
            await tx.execute("UPDATE fax SET state = 'ready', tiff = 'II*', source_id = NULL WHERE id = $1", fax_id)
    return fax_id


async def fax(company: Company, fax_id: int) -> dict:
    async with domain_transaction(company.actor) as tx:
        [found] = await tx.fetch("SELECT * FROM fax WHERE domain_id = $1 AND id = $2", tx.domain_id, fax_id)
        row: dict[str, Any] = dict(found)
        row["events"] = [one["event"] for one in await tx.fetch(
            "SELECT event FROM fax_event WHERE domain_id = $1 AND fax_id = $2 ORDER BY id", tx.domain_id, fax_id)]
    return row


@pytest.fixture
async def company() -> Company:
    """On a clean table: the worker's and the agent's steps take whatever is due."""
    async with platform_transaction(STAFF) as tx:
        await tx.execute("UPDATE fax SET state = 'cancelled' WHERE state NOT IN ('delivered', 'failed')")
    return await a_company("100")


@pytest.fixture
def asterisk() -> FakeAsterisk:
    return FakeAsterisk()


def agent(company: Company, asterisk: FakeAsterisk, folder: Path) -> FaxJobs:
    return FaxJobs(company.node_id, folder, asterisk)  # type: ignore[arg-type]


@pytest.mark.req("ACC-D15", "ACC-60")
async def test_an_attempt_and_its_outcome(company: Company, asterisk: FakeAsterisk, tmp_path: Path) -> None:
    fax_id = await a_fax(company)
    jobs_of = agent(company, asterisk, tmp_path)
    await jobs_of.round()
    await jobs_of.round()
    assert len(asterisk.asked) == 1
    assert asterisk.asked[0]["Channel"] == "Local/74951234567@sw-fax-leg/n"
    told = str(asterisk.asked[0]["Variable"])
    for words in (f"__SW_DOMAIN={company.id}", f"__SW_USER={company.user_id}", "SW_FAX_WAY=sw-leg-out"):
        assert words in told
    assert (tmp_path / f"{fax_id}-1.tif").read_bytes() == b"II*"
    asterisk.kept[f"{fax_id}-1"] = "sent|2|"
    again = agent(company, asterisk, tmp_path)  # the agent was restarted meanwhile
    await again.round()
    row = await fax(company, fax_id)
    assert (row["state"], row["attempts"], row["tiff"]) == ("delivered", 1, None)
    assert asterisk.kept == {}
    assert list(tmp_path.iterdir()) == []
    asterisk.kept[f"{fax_id}-1"] = "failed|0|"  # told late once more: known
    await again.round()
    assert (await fax(company, fax_id))["state"] == "delivered"


@pytest.mark.req("ACC-63")
async def test_a_call_that_was_cut_off_counts_and_is_repeated(
        company: Company, asterisk: FakeAsterisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fax_id = await a_fax(company)
    jobs_of = agent(company, asterisk, tmp_path)
    await jobs_of.round()
    asterisk.kept[f"{fax_id}-1"] = "begun"
    await jobs_of.round()
    assert (await fax(company, fax_id))["state"] == "sending"  # its call is up
    asterisk.channels.clear()  # Asterisk crashed and came back
    await jobs_of.round()
    assert (await fax(company, fax_id))["state"] == "sending"
    jobs_of._absent = {job: since - GONE_SECONDS - 1 for job, since in jobs_of._absent.items()}
    await jobs_of.round()
    row = await fax(company, fax_id)
    assert (row["state"], row["attempts"]) == ("ready", 1)
    assert row["events"][-2:] == ["attempt_failed", "retry_scheduled"]
    assert row["next_at"] - row["worked_at"] > timedelta(minutes=4)  # fax.retry_interval_minutes: 5
    assert len(asterisk.asked) == 1


@pytest.mark.req("ACC-63")
async def test_asterisk_away_when_the_call_is_to_begin(company: Company, asterisk: FakeAsterisk, tmp_path: Path) -> None:
    fax_id = await a_fax(company)
    jobs_of = agent(company, asterisk, tmp_path)
    async with platform_transaction(STAFF) as tx:
        attempt = await work.take_attempt(tx, company.node_id)
    assert attempt
    asterisk.is_down = True
    await jobs_of._call(attempt)  # whether it was heard is not known: not sent a second time before that is clear
    with pytest.raises(AmiDown):
        await jobs_of.round()
    asterisk.is_down = False
    await jobs_of.round()
    assert asterisk.asked == []
    assert (await fax(company, fax_id))["state"] == "sending"
    jobs_of._absent = {f"{fax_id}-1": 0.0}
    await jobs_of.round()
    assert (await fax(company, fax_id))["state"] == "ready"


@pytest.mark.req("ACC-62", "ACC-D15")
async def test_planned_faxes_wait_and_two_agents_take_one(company: Company) -> None:
    fax_id = await a_fax(company)
    async with domain_transaction(company.actor) as tx:
        await tx.execute("UPDATE fax SET next_at = $2 WHERE id = $1", fax_id, tx.now + timedelta(hours=1))
    async with platform_transaction(STAFF) as tx:
        assert await work.take_attempt(tx, company.node_id) is None
    with clock.at(datetime.now(UTC) + timedelta(hours=2)):
        async with platform_transaction(STAFF) as tx:
            taken = await work.take_attempt(tx, company.node_id)
        async with platform_transaction(STAFF) as tx:
            assert await work.take_attempt(tx, company.node_id) is None
    assert taken
    assert (taken.job, channel_of(taken.job), taken.is_internal) == (f"{fax_id}-1", f"fax-{fax_id}-1", False)


async def test_an_internal_fax_goes_to_the_users_number_of_today(company: Company) -> None:
    petrov = await a_user(company.actor, "petrov", "102")
    fax_id = await a_fax(company, "102")
    async with domain_transaction(company.actor) as tx:
        await tx.execute("UPDATE domain_user SET extension = '155' WHERE id = $1", petrov)
    async with platform_transaction(STAFF) as tx:
        taken = await work.take_attempt(tx, company.node_id)
    assert taken
    assert (taken.fax_id, taken.number, taken.is_internal) == (fax_id, "155", True)


@pytest.mark.req("ACC-D15")
async def test_a_domain_blocked_meanwhile_sends_nothing(company: Company) -> None:
    fax_id = await a_fax(company)
    async with domain_transaction(company.actor) as tx:
        await tx.execute("INSERT INTO domain_block (domain_id, kind) VALUES ($1, 'financial')", tx.domain_id)
    async with platform_transaction(STAFF) as tx:
        assert await work.take_attempt(tx, company.node_id) is None
    row = await fax(company, fax_id)
    assert (row["state"], row["attempts"], row["events"][-2:]) == ("ready", 1, ["attempt_failed", "retry_scheduled"])


@pytest.mark.req("FAX-06")
async def test_a_dead_worker_is_followed_and_a_deadly_document_given_up(company: Company) -> None:
    fax_id = await a_fax(company, state="new")
    start = datetime.now(UTC)
    for later in range(work.MAX_CONVERSIONS):
        with clock.at(start + later * work.CONVERSION * 2):
            async with platform_transaction(STAFF) as tx:
                taken = await work.take_conversion(tx)
                assert taken
                assert taken.fax_id == fax_id
            async with platform_transaction(STAFF) as tx:
                assert await work.take_conversion(tx) is None  # somebody is at it
    with clock.at(start + work.CONVERSION * 20):
        async with platform_transaction(STAFF) as tx:
            assert await work.take_conversion(tx) is None
    row = await fax(company, fax_id)
    assert (row["state"], row["events"][-1]) == ("failed", "conversion_failed")
    assert row["events"].count("conversion_taken") == 3


async def test_a_fax_cancelled_during_its_conversion_stays_cancelled(company: Company) -> None:
    fax_id = await a_fax(company, state="new")
    async with platform_transaction(STAFF) as tx:
        assert await work.take_conversion(tx)
    async with domain_transaction(company.actor) as tx:
        await service.cancel_fax(tx, company.user_id, fax_id)
    async with platform_transaction(STAFF) as tx:
        await work.converted(await tx.enter_domain(company.id), fax_id, tiff=b"t", pdf=b"p", pages=1)
        assert await work.take_attempt(tx, company.node_id) is None
    assert (await fax(company, fax_id))["state"] == "cancelled"


# --- what a node brings ------------------------------------------------------------------------------


def left_on_the_node(folder: Path, company: Company, name: str, *, user_id: int = 0, content: bytes = b"II*") -> None:
    (folder / f"{name}.tif").write_bytes(content)
    (folder / f"{name}.facts").write_text(
        f"kind=fax\ndomain={company.id}\nuser={user_id or company.user_id}\next=tif\nat=1770000000\n"
        "number=79161234567\npages=2\ncomplete=1\nend\n")


async def hand_on() -> None:
    while True:
        async with platform_transaction(STAFF) as tx:
            if not await outbox.hand_on_next(tx):
                return


@pytest.mark.req("FAX-13", "FAX-01")
async def test_what_was_received_comes_exactly_once(company: Company, tmp_path: Path) -> None:
    assert jobs.on_media
    spool = MediaSpool(company.node_id, tmp_path)
    name = f"fax-{company.id}.1"
    left_on_the_node(tmp_path, company, name)
    left_on_the_node(tmp_path, company, f"fax-{company.id}.2", content=b"")  # nothing came before the hang-up
    (tmp_path / f"fax-{company.id}.3.facts").write_text("kind=fax\n")  # still being written
    await spool.ship()
    left_on_the_node(tmp_path, company, name)  # the agent died before it deleted the files
    await spool.ship()
    await hand_on()
    await hand_on()
    async with domain_transaction(company.actor) as tx:
        rows = await tx.fetch("SELECT * FROM fax WHERE domain_id = $1", tx.domain_id)
        kept = await files.load(tx, rows[0]["source_id"])
    assert [(row["is_incoming"], row["number"], row["user_id"]) for row in rows] == [
        (True, "79161234567", company.user_id)]
    assert kept.content == b"II*"
    assert [path.name for path in tmp_path.iterdir()] == [f"fax-{company.id}.3.facts"]
    async with platform_transaction(STAFF) as tx:
        assert await tx.fetchval("SELECT content IS NULL FROM node_media WHERE key = $1", name)


async def test_what_belongs_to_nobody_is_put_aside(company: Company, tmp_path: Path) -> None:
    other = await a_company()
    left_on_the_node(tmp_path, company, "fax-x.1", user_id=other.user_id)
    (tmp_path / "fax-x.2.facts").write_text("kind=rm\ndomain=${X}\nuser=1\next=../../x\nend\n")
    assert await MediaSpool(company.node_id, tmp_path).ship() == 0
    assert sorted(path.name for path in (tmp_path / "refused").iterdir()) == [
        "fax-x.1.facts", "fax-x.1.tif", "fax-x.2.facts"]


@pytest.mark.req("ACC-60", "FAX-13")
async def test_a_mailed_fax_is_delivered_when_the_letter_went_out(company: Company) -> None:
    async with domain_transaction(company.actor) as tx:
        await tx.execute("UPDATE domain_user SET email = 'anna@company.example' WHERE id = $1", company.user_id)
        fax_id = await tx.fetchval(
            "INSERT INTO fax (domain_id, user_id, is_incoming, number, state, at) VALUES ($1, $2, true, '79161234567', "
            "'converting', $3) RETURNING id", tx.domain_id, company.user_id, tx.now)
    async with platform_transaction(STAFF) as tx:
        await work.converted(await tx.enter_domain(company.id), fax_id, tiff=b"t", pdf=b"%PDF-", pages=2)
    row = await fax(company, fax_id)
    assert row["state"] == "received"
    async with platform_transaction(STAFF) as tx:
        [letter] = await tx.fetch("SELECT recipient, attachment_id FROM mail_message WHERE id = $1", row["mail_id"])
        assert (letter["recipient"], letter["attachment_id"]) == ("anna@company.example", row["pdf_id"])
        await tx.execute("UPDATE mail_message SET state = 'sent' WHERE id = $1", row["mail_id"])
        await work.note_sent_letters(tx)
    row = await fax(company, fax_id)
    assert (row["state"], row["events"][-2:]) == ("delivered", ["mailed", "delivered"])
