"""The Virtual contact centre is switched off: what the dialog names, and what is gone."""

from __future__ import annotations

import pytest

from app.kernel.db import domain_transaction
from tenants.vip import service as vip
from tests.http.browser import Browser, text_of
from tests.http.contact_centre import a_group, an_administrator, an_operator
from tests.http.test_services import post

pytestmark = pytest.mark.anyio
TABLES = ("vip_number", "operator_message", "operator_message_recipient")


async def test_the_dialog_names_what_goes_and_it_goes(client: Browser) -> None:
    """Groups ring at everybody, the operators are users again; numbers and messages are deleted [GRP-06]."""
    admin = await an_administrator(client)
    anna = await an_operator(admin.actor, "anna")
    group = await a_group(admin.actor, "Sales", [anna.id])
    async with domain_transaction(admin.actor) as tx:
        await vip.add(tx, "74951234567", 1, "")
    assert (await post(client, "/groups/messages", title="News", body="Text", groups=str(group))).status_code == 200
    dialog = text_of((await client.get("/services/contact_center/disconnect", headers={"HX-Request": "true"})).text)
    for text in ("Anna", "Sales", "+74951234567", "News"):
        assert text in dialog, text
    assert (await post(client, "/services/contact_center/disconnect")).status_code == 200
    async with domain_transaction(admin.actor) as tx:
        for table in TABLES:
            assert await tx.fetchval(f"SELECT count(*) FROM {table} WHERE domain_id = $1", tx.domain_id) == 0, table
        assert await tx.fetchval("SELECT algorithm FROM call_group WHERE domain_id = $1", tx.domain_id) == "all"
        assert not await tx.fetchval("SELECT is_operator FROM domain_user WHERE domain_id = $1 AND id = $2", tx.domain_id,
                                     anna.id)
