"""Commands dialled during a talk: #<code>#, by keys that the other party can hear [SET-20..23]."""
from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest

from pbx_provisioning.node.runtime import AsteriskMissing
from tests.calls.lab import SERVER, Lab, running_lab
from tests.calls.sipp.softphone import SoftPhone, Talk, softphone

pytestmark = pytest.mark.anyio
ALLOW = "allow|hold1|60|74950000001|t1&t2|79161234567|100"
ADDRESS = (SERVER.host, SERVER.port)


@dataclass
class World:
    """ivanov and petrov of domain 1, sidorov's namesake in domain 2, and two people outside."""

    lab: Lab
    ivanov: SoftPhone
    petrov: SoftPhone
    far: SoftPhone
    far2: SoftPhone

    async def talk_outside(self) -> tuple[Talk, Talk]:
        ours = await self.ivanov.call("89161234567")
        theirs = await self.far.taken()
        ours.sing(loud=False)
        theirs.sing(loud=False)
        await asyncio.sleep(0.3)
        return ours, theirs

    async def quiet(self) -> None:
        """Nobody talks any more."""
        phones = (self.ivanov, self.petrov, self.far, self.far2)
        for phone in phones:
            phone.refuses, phone.answers = 0, True
            for talk in list(phone.talks.values()):
                await talk.bye()
                talk.finish()
            while not phone.incoming.empty():
                phone.incoming.get_nowait()
        self.lab.panel.answer = ALLOW
        self.lab.panel.asked.clear()
        for _ in range(50):
            if "0 active channels" in await self.lab.node.rx("core show channels count"):
                return
            await asyncio.sleep(0.1)
        raise AssertionError(await self.lab.node.rx("core show channels verbose"))


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def running(anyio_backend: str) -> AsyncIterator[World]:
    try:
        async with running_lab() as lab, AsyncExitStack() as stack:
            root = lab.node.asterisk.root
            for sound in (root or lab.node.state / "/").glob("usr/share/asterisk/sounds/en_*/demo-congrats.*"):
                shutil.copy(sound, lab.node.state / "lib/moh")
            await lab.node.rx("moh reload")
            people = [("ivanov", "127.0.0.21", 0), ("petrov", "127.0.0.22", 0)]
            outside = [("far", "127.0.0.12", 15062), ("far2", "127.0.0.13", 15063)]
            phones = [await stack.enter_async_context(softphone(login, "a.example", "secret", ADDRESS, address=address,
                                                                port=port)) for login, address, port in people]
            phones += [await stack.enter_async_context(softphone(login, address, "", ADDRESS, address=address, port=port,
                                                                 registered=False)) for login, address, port in outside]
            yield World(lab, *phones)
    except AsteriskMissing as missing:
        pytest.skip(str(missing))


@pytest.fixture
async def world(running: World) -> AsyncIterator[World]:
    running.lab.panel.answer = ALLOW
    yield running
    await running.quiet()


@pytest.mark.req("SET-20", "SET-21")
async def test_transfer_with_consultation(world: World) -> None:
    ours, theirs = await world.talk_outside()
    await ours.keys("#1#102#")
    colleague = await world.petrov.taken()
    colleague.sing()
    await ours.hears()  # first the user talks to the target
    await ours.bye()
    await theirs.hears()
    assert theirs.heard == ""  # the command's keys are not for the other party
    colleague.sing(loud=False)
    await colleague.keys("#1#101#")  # the receiver may transfer again
    third = await world.ivanov.taken()
    await colleague.bye()
    theirs.sing()
    await third.hears()


@pytest.mark.req("SET-21")
async def test_blind_transfer_dials_and_hangs_up(world: World) -> None:
    world.petrov.answers = False
    ours, theirs = await world.talk_outside()
    await ours.keys("#1#102#")
    ringing = await asyncio.wait_for(world.petrov.incoming.get(), 10)
    await ours.bye()
    await asyncio.sleep(0.2)
    world.petrov.answer(ringing)
    theirs.sing()
    await ringing.hears()


@pytest.mark.req("SET-22")
async def test_star_returns_to_the_interrupted_talk(world: World) -> None:
    world.petrov.answers = False
    ours, theirs = await world.talk_outside()
    await ours.keys("#1#102#")
    ringing = await asyncio.wait_for(world.petrov.incoming.get(), 10)
    await asyncio.sleep(0.2)
    await ours.keys("*")  # nobody answers
    await ringing.over()
    theirs.sing()
    await ours.hears()
    await asyncio.sleep(0.7)
    world.petrov.answers = True
    await ours.keys("#1#102#")
    colleague = await world.petrov.taken()
    await asyncio.sleep(0.2)
    await ours.keys("*")  # the user changes his mind
    await colleague.over()
    ours.loud_at.clear()
    await ours.hears()
    assert not theirs.ended.is_set()


@pytest.mark.req("SET-20")
async def test_what_is_no_command_reaches_the_other_party(world: World) -> None:
    """An unknown code at once, an unfinished number after five seconds; and the outside's own keys always."""
    ours, theirs = await world.talk_outside()
    await ours.keys("12#9")
    await asyncio.sleep(0.6)
    await theirs.keys("#1#102#")
    await asyncio.sleep(0.5)
    assert theirs.heard == "12#9"
    assert ours.heard == "#1#102#"
    assert world.petrov.incoming.empty()
    theirs.heard = ""
    await ours.keys("#1#10")
    for _ in range(80):
        if theirs.heard == "#1#10":
            break
        await asyncio.sleep(0.1)
    assert theirs.heard == "#1#10"
    assert not ours.ended.is_set()


@pytest.mark.req("SET-20")
async def test_forbidden_direction_and_unknown_target_are_told_to_the_user_only(world: World) -> None:
    ours, theirs = await world.talk_outside()
    await ours.keys("#1#*0#")
    await ours.hears(lasting=0.15)
    await asyncio.sleep(0.7)
    world.lab.panel.answer = "deny|restricted"
    await ours.keys("#1#89161234568#")
    await ours.hears(lasting=0.15)  # why it is refused
    assert world.lab.panel.asked[-1]["user"] == "101"
    await ours.keys("*")  # heard enough
    await asyncio.sleep(0.7)
    ours.loud_at.clear()
    theirs.sing()
    await ours.hears()  # the talk goes on
    assert theirs.heard == ""


@pytest.mark.req("SET-20", "SET-23")
async def test_hold_and_back(world: World) -> None:
    ours, theirs = await world.talk_outside()
    await ours.keys("#5#")
    await theirs.hears()  # music
    second = await world.ivanov.call("102")  # on a second line
    colleague = await world.petrov.taken()
    colleague.sing()
    await second.hears()
    await second.bye()
    await ours.keys("#5#")
    await theirs.hears(False)
    ours.sing()
    await theirs.hears()
    await ours.keys("#5#")
    await asyncio.sleep(0.3)
    await theirs.bye()
    await ours.over()  # nobody is left to be held


@pytest.mark.req("SET-20", "SET-21")
async def test_a_contact_number_of_a_scheme_commands_like_its_user(world: World) -> None:
    """The mobile that petrov's calls are forwarded to holds, takes off hold and transfers."""
    ours = await world.ivanov.call("103")
    mobile = await world.far.taken()
    ours.sing(loud=False)
    mobile.sing(loud=False)
    await asyncio.sleep(0.3)
    await mobile.keys("#5#")
    await ours.hears()  # music
    await mobile.keys("#5#")
    await ours.hears(False)
    await mobile.keys("#1#102#")
    colleague = await world.petrov.taken()
    await mobile.bye()
    colleague.sing()
    await ours.hears()
    await ours.bye()
    await colleague.over()


@pytest.mark.req("SET-20", "SET-23")
async def test_conference(world: World) -> None:
    """Built by two people; its builder leaves, the rest stays; the last but one leaves and it is over."""
    ours, theirs = await world.talk_outside()
    theirs.sing()
    await ours.keys("#3#102#")
    colleague = await world.petrov.taken()
    await colleague.hears()
    await ours.keys("#5#")  # held by one, the others go on, without music
    await asyncio.sleep(0.4)
    theirs.sing(loud=False)
    await colleague.hears(False)
    theirs.sing()
    await colleague.hears()
    await ours.keys("#5#")
    world.lab.panel.asked.clear()
    await colleague.keys("#3#89031112233#")
    other = await world.far2.taken() if world.far.incoming.empty() else await world.far.taken()
    await other.hears()
    assert world.lab.panel.asked[-1]["user"] == "102"  # paid by who commanded
    await ours.bye()
    colleague.loud_at.clear()
    await colleague.hears()
    await colleague.keys("#4#111#")  # not in it
    await asyncio.sleep(0.8)
    await colleague.keys("#4#89031112233#")
    await other.over()
    colleague.loud_at.clear()
    await colleague.hears()
    await colleague.bye()
    await theirs.over()


@pytest.mark.req("SET-20")
async def test_participant_who_does_not_answer_is_told_to_the_user_only(world: World) -> None:
    world.petrov.refuses = 486
    ours, theirs = await world.talk_outside()
    theirs.sing(loud=False)
    ours.sing(loud=False)
    await ours.keys("#3#102#")
    await theirs.hears(False)
    await ours.hears(lasting=0.15)
    assert not theirs.ended.is_set()


@pytest.mark.req("SET-20")
async def test_call_moves_to_the_fax_of_the_user(world: World) -> None:
    ours, _theirs = await world.talk_outside()
    await ours.keys("#2#")
    await ours.over()
    for _ in range(30):
        channels = await world.lab.node.rx("core show channels concise")
        if "sw-fax-in!s" in channels:
            break
        await asyncio.sleep(0.1)
    assert "ReceiveFAX" in channels


@pytest.mark.req("SET-20")
async def test_transfers_cannot_reach_what_the_user_could_not_dial(world: World) -> None:
    ours, theirs = await world.talk_outside()
    assert await theirs.refer("89035556677") == 603  # an outside party transfers nobody
    for target in ("s", "h", "t", "i", "sw-trunks", "%24%7BSHELL(id)%7D", "79161234567@sw-trunks"):
        await ours.refer(target)
    await asyncio.sleep(0.3)
    assert not theirs.ended.is_set()
    await ours.refer("D")
    await theirs.over()
    assert [one["digits"] for one in world.lab.panel.asked] == ["89161234567"]
    ours, theirs = await world.talk_outside()
    await ours.refer("102", domain="b.example")  # the domain of the address counts for nothing
    colleague = await world.petrov.taken()
    theirs.sing()
    await colleague.hears()
