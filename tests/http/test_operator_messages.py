"""Messages to operators: sending, who reads them, and what the operator sees."""

from __future__ import annotations

import re
from typing import Any

import pytest

from app.kernel.db import domain_transaction
from tenants.operator_messages import service
from tests.http.browser import PASSWORD, Browser, text_of
from tests.http.contact_centre import a_group, a_state, an_administrator, an_operator, told
from tests.http.people import Someone, a_user
from tests.http.test_users import errors, post

pytestmark = pytest.mark.anyio
URL = "/groups/messages"
WORK = "/workplace/messages"


async def sent(client: Browser, **data: Any) -> int:
    answer = await post(client, URL, {"title": "News", "body": "Read this"} | data)
    return answer.status_code


async def ids(admin: Someone) -> list[int]:
    async with domain_transaction(admin.actor) as tx:
        return [row["id"] for row in await tx.fetch("SELECT id FROM operator_message WHERE domain_id = $1 ORDER BY id",
                                                    tx.domain_id)]


async def reached(admin: Someone, message_id: int) -> set[int]:
    async with domain_transaction(admin.actor) as tx:
        return {row["user_id"] for row in await tx.fetch(
            "SELECT user_id FROM operator_message_recipient WHERE domain_id = $1 AND message_id = $2", tx.domain_id,
            message_id)}


@pytest.mark.req("MSG-02", "MSG-03", "MSG-04", "MSG-05", "MSG-07", "MSG-09")
async def test_sending_and_reading(client: Browser, other_client: Browser) -> None:
    """Recipients are the operators of the groups and those named, each once, and stay so."""
    admin = await an_administrator(client)
    anna, boris, clara = [await an_operator(admin.actor, login) for login in ("anna", "boris", "clara")]
    plain = await a_user(admin.actor, "dora")
    one = await a_group(admin.actor, "One", [anna.id, boris.id, plain.id])
    two = await a_group(admin.actor, "Two", [boris.id])
    form = (await client.get(f"{URL}/new")).text
    for text in ("One", "Two", "2 operators", "1 operator", "Clara"):
        assert text in text_of(form), text
    assert "Dora" not in form
    assert await sent(client, title="<b>First</b>", body="Line one\nline <i>two</i>", groups=[str(one), str(two)],
                      operators=str(clara.id)) == 200
    assert await sent(client, title="Second", operators=str(anna.id)) == 200
    first, second = await ids(admin)
    assert await reached(admin, first) == {anna.id, boris.id, clara.id}
    async with domain_transaction(admin.actor) as tx:
        await tx.execute("DELETE FROM group_member WHERE domain_id = $1 AND user_id = $2", tx.domain_id, boris.id)
    page = text_of((await client.get(URL)).text)
    assert page.index("Second") < page.index("<b>First</b>")
    assert "read by 0 of 3" in page
    assert "read by 0 of 1" in page
    await other_client.sign_in("boris", admin.domain)
    assert (await post(other_client, f"{WORK}/{first}", password=PASSWORD)).status_code == 200
    shown = text_of((await client.get(f"{URL}/{first}/readers")).text)
    assert "read by 1 of 3" in shown
    assert shown.index("Have read 1") < shown.index("Boris") < shown.index("Have not read 2") < shown.index("Clara")
    assert re.search(r"Boris.*?<time", (await client.get(f"{URL}/{first}/readers")).text, re.DOTALL)
    assert "disappears" in (await client.get(f"{URL}/{first}/delete")).text
    assert (await post(client, f"{URL}/{first}/delete")).status_code == 200
    assert await ids(admin) == [second]
    await other_client.post("/sign-out")
    await other_client.sign_in("clara", admin.domain)
    assert "First" not in (await other_client.get(WORK)).text
    assert (await post(client, f"{URL}/{first}/delete")).status_code == 404
    assert [line for line in await told(admin.actor) if line[0].startswith("operator_message")] == [
        ("operator_message_sent", "<b>First</b>"), ("operator_message_sent", "Second"),
        ("operator_message_deleted", "<b>First</b>")]


@pytest.mark.req("MSG-06")
async def test_example_8_a_group_without_operators(client: Browser) -> None:
    admin = await an_administrator(client)
    anna, plain = await an_operator(admin.actor, "anna"), await a_user(admin.actor, "dora")
    good = await a_group(admin.actor, "Good", [anna.id])
    empty = await a_group(admin.actor, "Night shift", [plain.id])
    answer = await post(client, URL, title="News", body="Text", groups=[str(good), str(empty)])
    assert answer.status_code == 422
    assert "Night shift" in errors(answer)["groups"]
    assert "Good" not in errors(answer)["groups"]
    assert await ids(admin) == []


async def test_what_cannot_be_sent(client: Browser, other_client: Browser) -> None:
    admin, stranger = await an_administrator(client), await an_administrator(other_client)
    anna, plain = await an_operator(admin.actor), await a_user(admin.actor)
    theirs, group = await an_operator(stranger.actor), await a_group(stranger.actor, "Theirs")
    for data, wrong in (({"title": "", "operators": anna.id}, {"title"}), ({"body": " ", "operators": anna.id}, {"body"}),
                        ({"title": "x" * 201, "operators": anna.id}, {"title"}),
                        ({"body": "x" * 4001, "operators": anna.id}, {"body"}),
                        ({"title": "a\u202eb", "operators": anna.id}, {"title"}), ({}, {"groups"}),
                        ({"operators": plain.id}, {"operators"}), ({"operators": theirs.id}, {"operators"}),
                        ({"groups": group}, {"groups"}), ({"groups": "x"}, {"groups"})):
        fields: dict[str, Any] = {"title": "News", "body": "Text"} | {name: str(value) for name, value in data.items()}
        assert errors(await post(client, URL, **fields)).keys() == wrong, data
    assert await ids(admin) == []
    assert await sent(client, title="x" * 200, body="й" * 4000, operators=str(anna.id)) == 200
    [message] = await ids(admin)
    for address in (f"{URL}/{message}/readers", f"{URL}/{message}/delete"):
        assert (await other_client.get(address)).status_code == 404
    assert (await post(other_client, f"{URL}/{message}/delete")).status_code == 404


@pytest.mark.req("MSG-01", "MSG-08")
async def test_the_operator_confirms_with_his_password(client: Browser, other_client: Browser) -> None:
    admin = await an_administrator(client)
    anna, boris = await an_operator(admin.actor, "anna"), await an_operator(admin.actor, "boris")
    for title in ("First", "Second"):
        await sent(client, title=title, operators=[str(anna.id), str(boris.id)])
    first, second = await ids(admin)
    await other_client.sign_in("anna", admin.domain)
    dialog = (await other_client.get(WORK)).text
    assert "First" in dialog
    assert "unread: 2" in dialog
    assert (await other_client.get(WORK, params={"shown": first})).status_code == 204
    for state in ("ringing", "incoming", "outgoing", "campaign"):
        await a_state(admin.actor, anna.id, state)
        assert "First" not in (await other_client.get(WORK, params={"shown": first})).text, state
    await a_state(admin.actor, anna.id, "waiting")
    assert errors(await post(other_client, f"{WORK}/{first}", password="wrong")).keys() == {"password"}
    assert "read by 0 of 2" in text_of((await client.get(f"{URL}/{first}/readers")).text)
    following = await post(other_client, f"{WORK}/{first}", password=PASSWORD)
    assert "Second" in following.text
    async with domain_transaction(admin.actor) as tx:
        [when] = [row["read_at"] for row in await tx.fetch(
            "SELECT read_at FROM operator_message_recipient WHERE domain_id = $1 AND message_id = $2 AND user_id = $3",
            tx.domain_id, first, anna.id)]
        assert when is not None
        assert await service.confirm(tx, first, anna.id) is False  # once
    last = await post(other_client, f"{WORK}/{second}", password=PASSWORD)
    assert "Second" not in last.text
    assert (await other_client.get(WORK, params={"shown": 0})).status_code == 204
    assert "read by 1 of 2" in text_of((await client.get(f"{URL}/{second}/readers")).text)


async def test_passwords_cannot_be_guessed_here(client: Browser, other_client: Browser) -> None:
    admin = await an_administrator(client)
    anna = await an_operator(admin.actor)
    await sent(client, operators=str(anna.id))
    [message] = await ids(admin)
    await other_client.sign_in(anna.login, anna.domain)
    codes = [(await post(other_client, f"{WORK}/{message}", password=f"wrong{n}")).status_code for n in range(6)]
    assert codes == [422] * 5 + [409]
    assert (await post(other_client, f"{WORK}/{message}", password=PASSWORD)).status_code == 409


async def test_the_end_of_the_contact_centre_deletes_them(client: Browser) -> None:
    admin = await an_administrator(client)
    anna = await an_operator(admin.actor)
    await sent(client, operators=str(anna.id))
    async with domain_transaction(admin.actor) as tx:
        await service.end_all(tx)
    assert await ids(admin) == []
