"""Real-time statistics, and who may join which conversation."""

from __future__ import annotations

import asyncio
import contextlib
import re

import pytest

from app.auth import store
from app.kernel.db import domain_transaction
from tenants.realtime.pages import _as_event
from tenants.telling import tell
from tests.http.browser import Browser, text_of
from tests.http.contact_centre import a_group, a_group_call, a_state, an_administrator, an_operator, told
from tests.http.people import Someone, a_user
from tests.http.test_users import post

pytestmark = pytest.mark.anyio
URL = "/groups/live"
GROUPS = f"{URL}/groups"


def lines(page: str) -> list[str]:
    """Rows of the table as they are read."""
    body = page[page.index("<tbody>"):page.index("</tbody>")]
    return [text_of(row).strip() for row in re.findall(r"<tr.*?</tr>", body, re.DOTALL)]


def buttons(page: str, user_id: int) -> list[str]:
    """Modes that can be chosen; those that are disabled in brackets."""
    found = re.findall(rf'<button [^>]*id="join-{user_id}-(\w+)"([^>]*)>', page)
    return [f"({mode})" if " disabled" in rest else mode for mode, rest in found]


async def sessions(admin: Someone) -> list[tuple]:
    async with domain_transaction(admin.actor) as tx:
        return [tuple(row) for row in await tx.fetch(
            "SELECT supervisor_id, operator_id, group_call_id, mode, state, result FROM supervisor_session "
            "WHERE domain_id = $1 ORDER BY id", tx.domain_id)]


@pytest.mark.req("RT-09", "RT-10", "RT-11")
async def test_example_22_by_groups(client: Browser) -> None:
    admin = await an_administrator(client)
    anna, boris, clara, plain = (await an_operator(admin.actor, "anna"), await an_operator(admin.actor, "boris"),
                                 await an_operator(admin.actor, "clara"), await a_user(admin.actor, "dora"))
    mobile = await a_group(admin.actor, "Mobile", [anna.id, plain.id])
    await a_group(admin.actor, "group", [boris.id])
    await a_group(admin.actor, "group 2", [clara.id])
    await a_state(admin.actor, anna.id, "waiting")
    await a_state(admin.actor, boris.id, "waiting")
    await a_state(admin.actor, clara.id, "offline")
    page = (await client.get(GROUPS)).text
    assert lines(page) == ["group 0 1 1 0 0 0 0 0 0", "group 2 0 0 0 0 0 0 0 0 0", "Mobile 0 1 1 0 0 0 0 0 0"]
    # an operator of two groups counts in both; one being called has no column; a caller waits until he is connected
    together = await a_group(admin.actor, "Together", [anna.id, boris.id, clara.id], algorithm="all")
    await a_state(admin.actor, clara.id, "ringing")
    await a_group_call(admin.actor, together)
    await a_group_call(admin.actor, mobile, operator_id=anna.id)
    states = ("incoming", "outgoing", "wrap_up", "break", "away", "campaign")
    for state in states:
        await a_state(admin.actor, anna.id, state)
        line = next(one for one in lines((await client.get(GROUPS)).text) if one.startswith("Together"))
        counts = [int(one) for one in line.removeprefix("Together ").split()]
        assert counts == [1, 3, 1, *(int(state == one) for one in states)], state


@pytest.mark.req("RT-01", "RT-12")
async def test_by_operators(client: Browser) -> None:
    """Online ones first, then by name; what is watched leaves nothing behind."""
    admin = await an_administrator(client, language="ru")
    zoya, anna, boris = [await an_operator(admin.actor, login) for login in ("zoya", "anya", "boris")]
    await a_user(admin.actor, "plain")
    group = await a_group(admin.actor, "Продажи", [zoya.id])
    await a_state(admin.actor, zoya.id, "incoming")
    await a_state(admin.actor, boris.id, "break")
    await a_group_call(admin.actor, group, operator_id=zoya.id, caller="74951234567")
    page = (await client.get(URL)).text
    found = lines(page)
    assert [re.search(r"Anya|Boris|Zoya", line)[0] for line in found] == ["Boris", "Zoya", "Anya"]  # type: ignore[index]
    assert "В сети" in found[0]
    assert "В перерыве" in found[0]
    assert re.search(r"\b0:00:0\d\b", found[0])
    assert "+7 495 123-45-67" in found[1]
    assert "Не в сети" in found[2]
    assert "Plain" not in page
    assert buttons(page, boris.id) == buttons(page, anna.id) == []
    async with domain_transaction(admin.actor) as tx:
        assert await tx.fetchval("SELECT count(*) FROM operator_state_interval WHERE domain_id = $1", tx.domain_id) == 2
        assert await tx.fetchval("SELECT count(*) FROM supervisor_session WHERE domain_id = $1", tx.domain_id) == 0


@pytest.mark.req("RT-02")
async def test_a_page_that_shows_this_already_is_left_alone(client: Browser) -> None:
    """The table is asked for every three seconds, and at once when something was told."""
    admin = await an_administrator(client)
    anna = await an_operator(admin.actor)
    page = (await client.get(URL)).text
    again = re.search(r'hx-get="(/groups/live\?seen=\w+)" hx-trigger="every 3s, live-look from:body"', page)
    assert again
    assert (await client.get(again[1], headers={"HX-Request": "true"})).status_code == 204
    await a_state(admin.actor, anna.id, "waiting")
    fresh = await client.get(again[1], headers={"HX-Request": "true"})
    assert fresh.status_code == 200
    assert "<h1" not in fresh.text
    assert "data-ticks" in fresh.text
    seen = store.client().pubsub(ignore_subscribe_messages=True)
    await seen.subscribe(f"domain:{admin.actor.domain_id}")
    await tell(admin.actor.domain_id, "operator_state")
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(5):
            while (message := await seen.get_message(timeout=1)) is None:
                pass
    await seen.aclose()
    assert message is not None
    assert [event.event for event in await _as_event(message["data"].decode())] == ["look"]
    assert await _as_event('{"kind": "presence"}') == []


@pytest.mark.req("RT-06")
async def test_icons_by_state(client: Browser) -> None:
    admin = await an_administrator(client)
    anna = await an_operator(admin.actor)
    for state, shown in (("incoming", ["listen", "whisper", "barge"]), ("ringing", ["(listen)", "(whisper)", "(barge)"]),
                         ("outgoing", []), ("waiting", []), ("wrap_up", []), ("campaign", []), ("offline", [])):
        await a_state(admin.actor, anna.id, state)
        assert buttons((await client.get(URL)).text, anna.id) == shown, state
        if state != "incoming":
            assert (await post(client, f"{URL}/{anna.id}/listen")).status_code == 409, state
    assert await sessions(admin) == []


async def test_joining_is_an_order_to_the_node(client: Browser) -> None:
    """One connection at a time; another mode is a session of its own; each is told in the history [RT-08]."""
    admin = await an_administrator(client)
    anna, boris = await an_operator(admin.actor, "anna"), await an_operator(admin.actor, "boris")
    group = await a_group(admin.actor, "Sales", [anna.id, boris.id])
    for one in (anna, boris):
        await a_state(admin.actor, one.id, "incoming")
    call = await a_group_call(admin.actor, group, operator_id=anna.id)
    assert (await post(client, f"{URL}/{anna.id}/listen")).status_code == 200
    assert await sessions(admin) == [(admin.id, anna.id, call, "listen", "wanted", "")]
    assert (await post(client, f"{URL}/{anna.id}/listen")).status_code == 409
    assert (await post(client, f"{URL}/{boris.id}/listen")).status_code == 409
    async with domain_transaction(admin.actor) as tx:
        await tx.execute("UPDATE supervisor_session SET state = 'talking' WHERE domain_id = $1", tx.domain_id)
    assert 'aria-pressed="true"' in (await client.get(URL)).text
    assert (await post(client, f"{URL}/{anna.id}/barge")).status_code == 200
    assert [row[3:] for row in await sessions(admin)] == [("listen", "ended", "switched"), ("barge", "wanted", "")]
    async with domain_transaction(admin.actor) as tx:
        await tx.execute("UPDATE supervisor_session SET state = 'ended', ended_at = now(), result = 'conversation_over' "
                         "WHERE domain_id = $1 AND state <> 'ended'", tx.domain_id)
    assert "The conversation is already finished." in (await client.get(URL)).text
    assert [line for line in await told(admin.actor) if line[0].startswith("supervision")] == [
        ("supervision_begun", "Anna"), ("supervision_changed", "Anna")]


@pytest.mark.req("RT-03")
async def test_who_may_not_join(client: Browser, other_client: Browser) -> None:
    """Not a plain user, nobody of another company, not on an outgoing call; unknown modes do not exist."""
    admin = await an_administrator(client)
    anna, plain = await an_operator(admin.actor, "anna"), await a_user(admin.actor)
    await a_state(admin.actor, anna.id, "incoming")
    await other_client.sign_in(plain.login, plain.domain)
    assert (await post(other_client, f"{URL}/{anna.id}/listen")).status_code == 403
    await other_client.post("/sign-out")
    await an_administrator(other_client)
    assert (await post(other_client, f"{URL}/{anna.id}/listen")).status_code == 404
    assert "No operators yet" in (await other_client.get(URL)).text
    assert (await post(client, f"{URL}/{anna.id}/record")).status_code == 404
    assert (await post(client, f"{URL}/{plain.id}/listen")).status_code == 404
    await a_state(admin.actor, anna.id, "outgoing")
    assert (await post(client, f"{URL}/{anna.id}/listen")).status_code == 409
    assert buttons((await client.get(URL)).text, anna.id) == []
    async with domain_transaction(admin.actor) as tx:
        await tx.execute("UPDATE domain_user SET is_operator = true WHERE domain_id = $1 AND id = $2", tx.domain_id,
                         admin.id)
    await a_state(admin.actor, admin.id, "incoming")
    assert (await post(client, f"{URL}/{admin.id}/listen")).status_code == 409
    assert await sessions(admin) == []
