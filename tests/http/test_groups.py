"""Pages of call processing groups."""

from __future__ import annotations

import json
import re

import pytest

from app.kernel.db import domain_transaction
from billing.services import service as services
from pbx_provisioning.intake.service import take_in
from tenants.faxes.service import note
from tests.db import billing_factories as world
from tests.db.services_world import a_service, ledger
from tests.http.browser import Browser, text_of
from tests.http.people import Someone, a_user
from tests.http.test_services import signed_in
from tests.http.test_users import errors, new_user, post

pytestmark = pytest.mark.anyio

CENTRE = a_service("contact_center", "operator", "416.67")
RESULTS = {"HX-Request": "true", "HX-Target": "list-results"}
GROUPS = (("1", "6073", "acd_longest_idle", 9, 2), ("123", "12353", "none", 2, 1), ("Analitika", "6082", "acd_random", 0, 3),
          ("group", "500", "all", 5, 0), ("MinTest", "700", "all", 1, 0))


async def people(admin: Someone, count: int, *, first: int = 301) -> list[int]:
    return [await world.a_user(admin.actor, f"test{first + n}", str(first + n)) for n in range(count)]


async def make(admin: Someone, client: Browser, name: str, extension: str = "", algorithm: str = "all",
               members: list[int] | None = None) -> int:
    answer = await post(client, "/groups", name=name, extension=extension, algorithm=algorithm,
                        members=[str(one) for one in members or []])
    assert answer.status_code == 200, answer.text[:500]
    return int(answer.headers["HX-Redirect"].rpartition("/")[2])


async def one(admin: Someone, sql: str, *args: object):
    async with domain_transaction(admin.actor) as tx:
        return await tx.fetchval(sql, tx.domain_id, *args)


async def with_centre(client: Browser, **more: str) -> Someone:
    admin = await signed_in(client, CENTRE, **more)
    async with domain_transaction(admin.actor) as tx:
        await services.connect(tx, "contact_center")
    return admin


@pytest.mark.req("GRP-01", "GRP-10", "GRP-12", "GRP-13")
async def test_the_list_of_the_manual(client: Browser) -> None:
    admin = await with_centre(client)
    staff = await people(admin, 14)
    async with domain_transaction(admin.actor) as tx:
        await tx.execute("UPDATE domain_user SET is_operator = true WHERE domain_id = $1 AND id = ANY($2::bigint[])",
                         tx.domain_id, staff[:3])
    for name, extension, algorithm, users, operators in GROUPS:
        await make(admin, client, name, extension, algorithm, staff[:operators] + staff[3:3 + users])
    page = (await client.get("/groups")).text
    rows = [text_of(row) for row in re.findall(r"<tr><td>.*?</tr>", page, re.DOTALL)]
    assert [row.split()[0] for row in rows] == ["1", "123", "Analitika", "group", "MinTest"]
    for row, words in zip(rows, (
            ("Направление вызовов: наиболее свободное", "9 пользователей, 2 оператора: "),
            ("Направление вызовов не задано", "2 пользователя, 1 оператор: "),
            ("Направление вызовов случайное", "3 оператора: "),
            ("Направление вызовов: всем пользователям", "5 пользователей: "),
            ("Направление вызовов: всем пользователям", "1 пользователь: ")), strict=True):
        for part in words:
            assert part in row, (part, row)
    assert [len(row.rpartition(": ")[2].split(", ")) for row in rows] == [11, 3, 3, 5, 1]
    for hinted in (page, (await client.get("/groups/new")).text):
        assert "совместного приёма вызовов" in text_of(hinted)
    found = text_of((await client.get("/groups?q=608", headers=RESULTS)).text)
    assert "Analitika" in found
    assert "MinTest" not in found
    menu = re.search(r'href="/groups".*?</a>', page, re.DOTALL)
    assert menu
    assert ">5<" in page  # the counter of the section


@pytest.mark.req("GRP-15", "GRP-17", "GRP-18")
async def test_creation(client: Browser) -> None:
    admin = await signed_in(client, CENTRE)
    async with domain_transaction(admin.actor) as tx:
        await tx.execute("UPDATE domain SET last_auto_extension = 12617 WHERE id = $1", tx.domain_id)
    first, second = await people(admin, 2, first=601)
    await make(admin, client, "Other", "2", members=[first])
    page = (await client.get("/groups/new")).text
    assert 'name="extension" value="12618"' in re.sub(r'\s+', ' ', page) or 'value="12618"' in page
    assert len(re.findall(r'<option value="(?:none|all|acd)', page)) == 2
    assert "data-complete" in page
    assert f"601 · test601@{admin.domain} · Other" in page
    assert errors(await post(client, "/groups", name="x", algorithm="acd_random")).keys() == {"algorithm"}
    async with domain_transaction(admin.actor) as tx:
        await services.connect(tx, "contact_center")
    assert len(re.findall(r'<option value="(?:none|all|acd)', (await client.get("/groups/new")).text)) == 5
    group = await make(admin, client, " test_group ", "12618", "none", [first, second])
    assert "test_group" in (await client.get(f"/groups/{group}")).text
    for data, fields in (
            ({"name": "TEST_GROUP"}, {"name"}), ({"name": " "}, {"name"}), ({"name": "x" * 65}, {"name"}),
            ({"name": "y", "extension": "601"}, {"extension"}), ({"name": "y", "extension": "123456"}, {"extension"}),
            ({"name": "y", "extension": "12a"}, {"extension"}), ({"name": "y", "extension": "112"}, {"extension"}),
            ({"name": "test_group", "extension": "2"}, {"name", "extension"}),
            ({"name": "y", "algorithm": "chance"}, {"algorithm"}), ({"name": "y", "members": "1"}, {"members"})):
        assert errors(await post(client, "/groups", data)).keys() == fields, data
    assert await one(admin, "SELECT count(*) FROM call_group WHERE domain_id = $1") == 2
    empty = await make(admin, client, "Empty")
    assert "Участников пока нет" in text_of((await client.get(f"/groups/{empty}")).text)


@pytest.mark.req("GRP-29", "GRP-30", "GRP-51", "GRP-58")
async def test_members_and_priorities(client: Browser) -> None:
    admin = await with_centre(client)
    staff = await people(admin, 7)
    group = await make(admin, client, "group", "500", "all", staff)
    await make(admin, client, "second", members=staff[:1])
    page = (await client.get(f"/groups/{group}")).text
    text = text_of(page)
    assert "0 операторов, 7 пользователей" in text
    assert text.count("Нет прочих групп") == 6
    assert text.count("Сделать оператором") == 7
    assert "second" in text
    assert "Внутренний номер, группы и метки" in text
    assert "sw-priority" not in page
    assert (await post(client, f"/groups/{group}/members/{staff[0]}/priority", priority="5")).status_code == 409
    await post(client, f"/groups/{group}", name="group", extension="500", algorithm="acd_random")
    assert (await client.get(f"/groups/{group}")).text.count('name="priority" value="10"') == 7
    assert (await post(client, f"/groups/{group}/members/{staff[0]}/priority", priority="20")).status_code == 200
    for wrong in ("0", "1000", "x", ""):
        assert "priority" in errors(await post(client, f"/groups/{group}/members/{staff[1]}/priority", priority=wrong))
    assert (await post(client, f"/groups/{group}/members/999999/priority", priority="5")).status_code == 404
    await post(client, f"/groups/{group}", name="group", algorithm="all")  # values survive
    assert await one(admin, "SELECT priority FROM group_member WHERE domain_id = $1 AND group_id = $2 AND user_id = $3",
                     group, staff[0]) == 20


@pytest.mark.req("GRP-55")
async def test_what_is_done_with_members(client: Browser) -> None:
    admin = await with_centre(client, money="5000")
    staff = await people(admin, 5)
    group = await make(admin, client, "Sales", "500", "all", staff[:3])
    window = (await client.get(f"/groups/{group}/members")).text
    assert [window.count(f'data-value="{one}"') for one in staff] == [1] * 5
    assert len(re.findall(r'name="members" value="', window)) == 3
    await post(client, f"/groups/{group}/members", members=[str(one) for one in staff[1:]])
    assert await one(admin, "SELECT count(*) FROM group_member WHERE domain_id = $1 AND group_id = $2", group) == 4
    await post(client, f"/groups/{group}/members/operators", ids=str(staff[1]))
    dialog = (await client.get(f"/groups/{group}/members/operators?ids={staff[1]}&ids={staff[2]}&ids={staff[3]}")).text
    assert "833,34" in dialog  # two of the three
    mark = re.search(r'name="quoted" value="([^"]+)"', dialog)
    assert mark
    ids = [str(one) for one in staff[1:4]]
    assert 'id="service-cost"' in (await post(client, f"/groups/{group}/members/operators", ids=ids, quoted="1/2/3")).text
    answer = await post(client, f"/groups/{group}/members/operators", ids=ids, quoted=mark[1])
    assert "Изменены 2 участника. 1 оставлен" in json.loads(answer.headers["HX-Trigger"])["toast"]["text"]
    assert [row[:3] for row in await ledger(admin.actor)][-1] == ("subscription_fee", "contact_center", 2)
    assert "3 оператора, 1 пользователь" in text_of((await client.get(f"/groups/{group}", headers=RESULTS)).text)
    assert (await post(client, f"/groups/{group}/members/operators", ids=str(staff[0]))).status_code == 404  # no member
    assert (await post(client, f"/groups/{group}/members/exclude", ids=ids[:2])).status_code == 200
    assert await one(admin, "SELECT count(*) FROM group_member WHERE domain_id = $1 AND group_id = $2", group) == 2
    assert f"/users/{staff[4]}" in (await client.get(f"/groups/{group}")).text


@pytest.mark.req("GRP-43", "GRP-45", "GRP-47", "GRP-48")
async def test_settings(client: Browser) -> None:
    admin = await with_centre(client)
    group = await make(admin, client, "Sales", "500", "acd_random")
    page = (await client.get(f"/groups/{group}")).text
    assert "Настройки РМО" in page
    assert "нет операторов" in text_of((await client.get("/groups")).text)
    wanted = {"name": "Sales", "extension": "501", "algorithm": "acd_random", "email": "sales@a.example",
              "greeting_text": "Sales!", "answer_seconds": "15", "wrap_up_seconds": "30", "average_talk_seconds": "60",
              "queue_limit_seconds": "120", "external_url": "https://crm.a.example/?n={caller}"}
    assert (await post(client, f"/groups/{group}", wanted)).status_code == 200
    for field, values in {
            "email": ("a", "a@b@c"), "answer_seconds": ("4", "301"), "wrap_up_seconds": ("3601",),
            "average_talk_seconds": ("3601",), "queue_limit_seconds": ("29", "7201"), "greeting_text": ("x" * 256,),
            "external_url": ("ftp://a", "javascript:alert(1)", "https://a b", "https://" + "x" * 1024)}.items():
        for value in values:
            assert field in errors(await post(client, f"/groups/{group}", wanted | {field: value})), (field, value)
    await post(client, f"/groups/{group}", wanted | {"algorithm": "all"})
    assert await one(admin, "SELECT external_url FROM call_group WHERE domain_id = $1 AND id = $2",
                     group) == wanted["external_url"]
    await post(client, f"/groups/{group}/topics", name="Price")
    assert "name" in errors(await post(client, f"/groups/{group}/topics", name="price"))
    topic = await one(admin, "SELECT id FROM group_topic WHERE domain_id = $1")
    assert (await post(client, f"/groups/{group}/topics/{topic}", name="Prices")).status_code == 200
    assert (await post(client, f"/groups/{group}/topics/{topic}/archive", is_archived="on")).status_code == 200
    assert await one(admin, "SELECT name || is_archived FROM group_topic WHERE domain_id = $1") == "Pricestrue"


@pytest.mark.req("GRP-03", "GRP-40")
async def test_deletion_and_strangers(client: Browser, other_client: Browser) -> None:
    admin = await signed_in(client, CENTRE)
    staff = await people(admin, 2)
    group = await make(admin, client, "Sales", "500", "all", staff)
    stranger = await signed_in(other_client, CENTRE)
    for path in ("", "/members", "/delete", "/settings", "/calls", "/faxes"):
        assert (await other_client.get(f"/groups/{group}{path}")).status_code == 404, path
    assert (await post(other_client, f"/groups/{group}/delete")).status_code == 404
    theirs = await make(stranger, other_client, "Sales", "500")
    assert "members" in errors(await post(other_client, f"/groups/{theirs}/members", members=str(staff[0])))
    plain = await a_user(stranger.actor)
    await other_client.post("/sign-out")
    await other_client.sign_in(plain.login, plain.domain)
    for path in ("/groups", f"/groups/{theirs}", "/groups/new"):
        assert (await other_client.get(path)).status_code == 403
    assert 'href="/groups' not in (await other_client.get("/me")).text
    dialog = text_of((await client.get(f"/groups/{group}/delete")).text)
    assert "500" in dialog
    assert "test301, test302" in dialog
    assert (await post(client, f"/groups/{group}/delete")).headers["HX-Redirect"] == "/groups"
    assert await one(admin, "SELECT count(*) FROM call_group WHERE domain_id = $1") == 0
    assert await one(admin, "SELECT count(*) FROM internal_number WHERE domain_id = $1 AND digits = '500'") == 0
    assert await one(admin, "SELECT name FROM group_label WHERE domain_id = $1 AND group_id = $2", group) == "Sales"
    assert [row["action"] for row in await history(admin)] == ["group_created", "group_deleted"]


async def history(admin: Someone) -> list:
    async with domain_transaction(admin.actor) as tx:
        return await tx.fetch("SELECT action FROM action_history WHERE domain_id = $1 AND object_type = 'group' "
                              "ORDER BY id", tx.domain_id)


@pytest.mark.req("GRP-14", "GRP-56")
async def test_groups_on_the_pages_of_users(client: Browser) -> None:
    admin = await signed_in(client, CENTRE)
    staff = await people(admin, 3)
    sales = await make(admin, client, "Sales", "500", "all", staff[:1])
    support = await make(admin, client, "Support", members=staff[:1])
    assert 'hx-get="/groups/block"' in (await client.get("/users")).text
    block = (await client.get("/groups/block")).text
    for part in (f'href="/groups/{sales}"', 'href="/groups"', "/groups/new"):
        assert part in block
    window = (await client.get("/groups/add", params={"ids": [str(one) for one in staff]})).text
    assert "Направление вызовов: всем пользователям" in window
    assert errors(await post(client, "/groups/add", ids=str(staff[0]))).keys() == {"group"}
    answer = await post(client, "/groups/add", ids=[str(one) for one in staff], group=str(sales))
    told = json.loads(answer.headers["HX-Trigger"])["toast"]["text"]
    assert told.startswith("Изменены 2 участника. 1 оставлен")
    assert await one(admin, "SELECT count(*) FROM group_member WHERE domain_id = $1 AND user_id = $2", staff[0]) == 2
    base = f"/users/{staff[1]}/groups"
    assert base in (await client.get(f"/users/{staff[1]}")).text
    assert "Sales" in (await client.get(base)).text
    assert errors(await post(client, f"{base}/add")).keys() == {"group"}
    await post(client, f"{base}/add", group=str(support))
    await post(client, f"{base}/add", name="New one", extension="77", algorithm="all")
    await post(client, f"{base}/remove", group=str(sales))
    assert [name for name in re.findall(r'href="/groups/\d+">([^<]+)', (await client.get(base)).text)] == [
        "New one", "Support"]
    dialog = text_of((await client.get(f"/users/{staff[1]}/delete")).text)  # the only member of the new one
    assert "New one" in dialog
    assert "Support" not in dialog.partition("Группы, которые останутся без участников")[2]


async def test_a_new_user_comes_into_groups(client: Browser) -> None:
    admin = await signed_in(client, CENTRE)
    group = await make(admin, client, "Sales")
    page = (await client.get("/users/new")).text
    assert f'name="groups" value="{group}"' in page
    mark = re.search(r'name="quoted" value="([^"]*)"', page)
    answer = await post(client, "/users", new_user(groups=str(group), quoted=mark[1] if mark else ""))
    assert answer.status_code == 200, answer.text[:300]
    assert await one(admin, "SELECT count(*) FROM group_member WHERE domain_id = $1 AND group_id = $2", group) == 1


@pytest.mark.req("GRP-64", "GRP-68", "GRP-73")
async def test_the_journals_tabs(client: Browser) -> None:
    company = await world.a_company()
    admin = await a_user(company.actor, "boss", is_admin=True)
    client.headers["Accept-Language"] = "ru"
    await client.sign_in(admin.login, admin.domain)
    group = await make(admin, client, "Sales", "4321")
    member = f"Local/{company.user_id}@sw-group-leg-0000000a;1"
    await take_in(company.node_id, [world.a_record(
        company, talked=talked, direction="in", user_id=None, group_id=group, is_billable=False, a_number=caller,
        b_number="74950000001", dst_channel=member)
        for talked, caller in ((89, "74951112233"), (73, "74951112233"), (16, "74952223344"), (6, "74952223344"))])
    text = text_of((await client.get(f"/groups/{group}/calls")).text)
    for part in ("Статистика: 4 вызова", "1 мин. 29 сек.", "1 мин. 13 сек.", " 16 сек.", " 6 сек.", "Sales 4321", "+7 495 111-22-33",
                 "От кого", "Кому"):
        assert part in text, part
    assert "export" not in (await client.get(f"/groups/{group}/calls")).text
    narrow = {"HX-Request": "true", "HX-Target": "journal-results"}
    for query, count in (("q=2223344", 2), ("direction=out", 0), ("period=today", 4), ("to=2020-01-01", 0)):
        found = text_of((await client.get(f"/groups/{group}/calls?{query}", headers=narrow)).text)
        assert f"Статистика: {count} " in found, query
    assert "Статистика: 4 вызова" in text_of((await client.get(f"/groups/{group}/calls?q=2223344")).text)  # a reload
    async with domain_transaction(admin.actor) as tx:
        fax_id = await tx.fetchval(
            "INSERT INTO fax (domain_id, group_id, is_incoming, number, state, at) VALUES ($1, $2, true, '74951112233', "
            "'delivered', $3) RETURNING id", tx.domain_id, group, tx.now)
        await note(tx, fax_id, "received", pages=2, complete=True)
    page = (await client.get(f"/groups/{group}/faxes")).text
    assert "Факсов: 1" in text_of(page)
    assert 'name="direction"' not in page
    assert "Факсов: 0" in text_of((await client.get(f"/groups/{group}/faxes?q=999", headers=narrow)).text)
    assert "2" in text_of((await client.get(f"/groups/{group}/faxes/{fax_id}/protocol")).text)
    other = await make(admin, client, "Other")
    assert (await client.get(f"/groups/{other}/faxes/{fax_id}/protocol")).status_code == 404
