"""What the static dialplan and this Asterisk really do; node/README.md states the same in words."""
from __future__ import annotations

import asyncio
import csv
import hashlib
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from pbx_provisioning.node.runtime import AsteriskMissing
from tests.calls.lab import CONFIG, Lab, running_lab
from tests.calls.sipp import Phone, SippFailed

pytestmark = pytest.mark.anyio
ALLOW = "allow|hold1|60|74950000001|t1&t2|79161234567|100"


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def lab(anyio_backend: str) -> AsyncIterator[Lab]:
    try:
        async with running_lab() as running:
            yield running
    except AsteriskMissing as missing:
        pytest.skip(str(missing))


@pytest.fixture
async def ivanov(lab: Lab) -> Phone:
    phone = lab.phone("ivanov", port=15071)
    assert await phone.register() == 200
    return phone


@pytest.fixture
async def petrov(lab: Lab) -> Phone:
    phone = lab.phone("petrov", port=15073)
    assert await phone.register() == 200
    return phone


async def new_records(lab: Lab, before: int) -> list[list[str]]:
    await asyncio.sleep(0.2)
    return list(csv.reader(lab.records()[before:]))


async def test_same_login_in_two_domains(lab: Lab, ivanov: Phone) -> None:
    assert await lab.phone("ivanov", "b.example", port=15072).register() == 200
    assert await lab.phone("ivanov", "c.example", port=15074).register() == 401
    assert await lab.phone("ivanov", password="wrong", port=15074).register() == 401
    assert await lab.phone("nobody", port=15074).register() == 401


async def test_internal_call_and_its_record(lab: Lab, ivanov: Phone, petrov: Phone) -> None:
    before = len(lab.records())
    async with petrov.answering():
        call = await ivanov.call("102", hold=1)
    assert (call.code, call.ended_here) == (200, True)
    [record] = await new_records(lab, before)
    assert record[12] == "ANSWERED"
    assert record[16:21] == ["1", "101", "internal", "101", "102"]
    assert 0.9 < float(record[11]) < 1.3


async def test_causes_of_internal_calls(lab: Lab, ivanov: Phone, petrov: Phone) -> None:
    async with petrov.refusing(486):
        assert (await ivanov.call("102")).code == 486
    async with petrov.ringing():
        assert (await ivanov.call("102")).code == 480
    await petrov.unregister()
    assert (await ivanov.call("102")).code == 480


async def test_every_phone_rings_and_contacts_inject_nothing(lab: Lab, ivanov: Phone, petrov: Phone) -> None:
    second = lab.phone("petrov", port=15075)
    assert await second.register() == 200
    wicked = lab.phone("petrov", port=15076)
    assert await wicked.register(contact_user="x&PJSIP/t1&y,5,U") == 200
    async with petrov.ringing() as first, second.answering(after=0.5) as other, lab.far.answering() as far:
        assert (await ivanov.call("102", hold=0.3)).code == 200
        assert (len(first.calls), len(other.calls), len(far.calls)) == (1, 1, 0)
    await wicked.register(expires=0, contact_user="x&PJSIP/t1&y,5,U")
    await second.unregister()


async def test_paid_call_is_asked_signed_and_recorded(lab: Lab, ivanov: Phone) -> None:
    lab.panel.answer, before = ALLOW, len(lab.records())
    async with lab.far.answering() as far:
        call = await ivanov.call("89161234567", hold=1)
        assert "<sip:74950000001@" in far.calls[0].invite.header("From")
    assert call.code == 200
    asked = lab.panel.asked[-1]
    message = "|".join(asked[name] for name in ("node", "domain", "user", "digits", "uniqueid", "ts"))
    inner = hashlib.sha1(f"{CONFIG.key1}:{message}".encode()).hexdigest()
    assert asked["sig"] == hashlib.sha1(f"{CONFIG.key2}:{inner}".encode()).hexdigest()
    [record] = await new_records(lab, before)
    assert record[18] == "out"
    assert record[20:23] == ["79161234567", "t1", "hold1"]


async def test_money_ends_the_call_and_says_so(lab: Lab, ivanov: Phone) -> None:
    lab.panel.answer, before = "allow|hold2|2|74950000001|t1|79161234567|0", len(lab.records())
    async with lab.far.answering() as far:
        call = await ivanov.call("89161234567")
        trunk_seconds = far.calls[0].talk_seconds
    assert call.ended_here is False
    assert "cause=31" in (call.bye.header("Reason") if call.bye else "")
    assert 1.8 < trunk_seconds < 2.5
    assert call.talk_seconds > trunk_seconds + 1
    [record] = await new_records(lab, before)
    assert 1.8 < float(record[11]) < 2.5  # the announcement is not paid for


@pytest.mark.parametrize(("reason", "code"), [("funds", 403), ("blocked", 403), ("limit", 503), ("number", 484)])
async def test_refusal_is_announced_before_answer(lab: Lab, ivanov: Phone, reason: str, code: int) -> None:
    lab.panel.answer, before = f"deny|{reason}", len(lab.records())
    call = await ivanov.call("89161234567")
    assert call.code == code
    assert call.early_media
    assert call.answered_at is None
    [record] = await new_records(lab, before)
    assert float(record[11]) == 0
    assert record[23] == reason


async def test_next_trunk_only_when_it_helps(lab: Lab, ivanov: Phone) -> None:
    lab.panel.answer = ALLOW
    async with lab.far.refusing(503), lab.far2.answering() as second:
        assert (await ivanov.call("89161234567", hold=0.5)).code == 200
        assert len(second.calls) == 1
    async with lab.far.refusing(404), lab.far2.answering() as second:
        assert (await ivanov.call("89161234567", hold=0.5)).code == 484
        assert second.calls == []


async def test_a_full_trunk_leaves_the_call_to_the_next(lab: Lab, ivanov: Phone, petrov: Phone) -> None:
    lab.panel.answer = ALLOW
    await lab.node.rx("dialplan set global SW_CALLS_t1 1")
    try:
        async with lab.far.answering() as first, lab.far2.answering() as second:
            one = asyncio.create_task(ivanov.call("89161234567", hold=2))
            await asyncio.sleep(0.7)
            assert (await petrov.call("89161234568", hold=0.3)).code == 200
            assert (await one).code == 200
            assert (len(first.calls), len(second.calls)) == (1, 1)
            assert (await petrov.call("89161234568", hold=0.3)).code == 200
            assert len(first.calls) == 2  # there is room again
    finally:
        await lab.node.rx("dialplan set global SW_CALLS_t1 0")


async def test_a_carrier_that_wants_national_numbers_gets_them(lab: Lab, ivanov: Phone) -> None:
    await lab.node.rx("dialplan set global SW_STYLE_t1 national")
    try:
        async with lab.far.answering() as far:
            lab.panel.answer = ALLOW
            await ivanov.call("89161234567", hold=0.2)
            lab.panel.answer = ALLOW.replace("79161234567", "442079460018")
            await ivanov.call("810442079460018", hold=0.2)
            assert [call.invite.header("To").split("@")[0].split(":")[-1] for call in far.calls] == [
                "89161234567", "810442079460018"]
    finally:
        await lab.node.rx("dialplan set global SW_STYLE_t1 e164")


async def test_a_restricted_user_stays_restricted_without_the_panel(lab: Lab, ivanov: Phone) -> None:
    await lab.node.rx("database put sw offline/1 50|74950000001|t1")
    await lab.node.rx("dialplan add extension u101,1,Return,restricted into d1-conf")
    await lab.panel.stop()
    try:
        async with lab.far.answering() as far:
            call = await ivanov.call("89161234567")
            assert (call.code, call.early_media, far.calls) == (403, True, [])
    finally:
        await lab.node.rx("dialplan remove extension u101@d1-conf")
        await lab.panel.start()


async def test_a_guard_takes_what_may_be_talked_without_the_panel(lab: Lab, ivanov: Phone) -> None:
    """And abroad or at a premium nobody calls then: only the panel knows what is forbidden."""
    await lab.node.rx("database put sw offline/1 50|74950000001|t1")
    async with lab.far.answering() as far:
        await lab.panel.stop()
        try:
            for dialled in ("810442079460018", "+442079460018", "88091234567", "+77271234567", "87271234567"):
                assert (await ivanov.call(dialled)).code == 503, dialled
        finally:
            await lab.panel.start()
        lab.panel.answer = "deny|guard_stopped"
        call = await ivanov.call("89161234567")
        assert (call.code, call.early_media) == (403, True)
        await lab.panel.stop()
        try:
            assert (await ivanov.call("89161234567")).code == 503
        finally:
            await lab.panel.start()
    assert far.calls == []


async def test_a_panel_that_was_too_slow_is_asked_once_more(lab: Lab, ivanov: Phone) -> None:
    """Its "unavailable" takes nothing from anybody: who has no money hears of the money, not of a fault."""
    lab.panel.answer, lab.panel.first, asked = "deny|funds", ["unavailable"], len(lab.panel.asked)
    call = await ivanov.call("89161234567")
    assert (call.code, call.early_media) == (403, True)
    one, other = lab.panel.asked[asked:]
    assert one == other
    lab.panel.first = ["unavailable"] * 2
    call = await ivanov.call("89161234567")
    assert (call.code, call.early_media, len(lab.panel.asked)) == (503, True, asked + 4)


async def test_without_the_panel(lab: Lab, ivanov: Phone, petrov: Phone) -> None:
    await lab.node.rx("database put sw offline/1 50|74950000001|t1")
    await lab.panel.stop()
    try:
        async with lab.far.answering():
            assert (await ivanov.call("89161234567", hold=1)).code == 200
            assert (await ivanov.call("112", hold=0.3)).code == 200
        async with petrov.answering():
            assert (await ivanov.call("102", hold=0.3)).code == 200
        assert "49|74950000001|t1" in await lab.node.rx("database show sw")
        await lab.node.rx("database put sw offline/1 0|74950000001|t1")
        call = await ivanov.call("89161234567")
        assert call.code == 503
        assert call.early_media
    finally:
        await lab.panel.start()


async def test_blocked_domain_may_only_call_for_help(lab: Lab) -> None:
    debtor, asked = lab.phone("debtor", "blocked.example", port=15079), len(lab.panel.asked)
    assert await debtor.register() == 200
    call = await debtor.call("89161234567")
    assert call.code == 403
    assert call.early_media
    async with lab.far.answering():
        assert (await debtor.call("101", hold=0.3)).code == 200
    call = await lab.far.call_in("74950000003", "79990001122")
    assert call.code == 403
    assert len(lab.panel.asked) == asked


async def test_incoming(lab: Lab, petrov: Phone) -> None:
    async with petrov.answering():
        assert (await lab.far.call_in("+74950000001", "79990001122", hold=0.5)).code == 200
    assert (await lab.far.call_in("74959999999", "79990001122")).code == 486


@pytest.mark.parametrize("dialled", ["8%24%7BSHELL(id)%7D", "89161,234567", "8916;123", "8&domain=2", "8'\")1"])
async def test_dialled_text_stays_text(lab: Lab, ivanov: Phone, dialled: str) -> None:
    lab.panel.answer, asked = "deny|funds", len(lab.panel.asked)
    with suppress(SippFailed):  # not a SIP URI at all: Asterisk does not even answer
        await ivanov.call(dialled, timeout=8)
    for question in lab.panel.asked[asked:]:
        assert question["domain"] == "1"
        assert set(question["digits"]) <= set("0123456789+")


async def test_database_away_and_back(lab: Lab, ivanov: Phone, petrov: Phone) -> None:
    lab.database.stop()
    try:
        assert await ivanov.register() == 200
        async with petrov.answering():
            call = await ivanov.call("102", hold=0.3)
        assert call.code == 200
        assert call.total_seconds < 1
        assert await lab.phone("stranger", port=15077).register() == 401
    finally:
        lab.database.start()
    await asyncio.sleep(1.2)
    await lab.database.add_user("newcomer", "a.example", 1, 107)
    assert await lab.phone("newcomer", port=15077).register() == 200


async def test_changed_row_counts_once_expired(lab: Lab) -> None:
    old, new = (lab.phone("changing", password=word, port=15078) for word in ("secret", "other"))
    assert await old.register() == 401  # unknown is not remembered
    await lab.database.add_user("changing", "a.example", 1, 108)
    assert await old.register() == 200
    ha1 = hashlib.md5(b"changing:a.example:other").hexdigest()
    await lab.database.execute("UPDATE asterisk.endpoint SET ha1 = $1 WHERE id = 'changing@a.example'", ha1)
    assert await old.register() == 200
    await lab.expire("changing@a.example")
    assert (await old.register(), await new.register()) == (401, 200)
    await lab.database.execute("DELETE FROM asterisk.endpoint WHERE id = 'changing@a.example'")
    await lab.expire("changing@a.example")
    assert await new.register() == 401
