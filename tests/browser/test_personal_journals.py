"""The journals of calls and faxes as a person uses them."""

from __future__ import annotations

import io
import os
import wave
from datetime import timedelta

import pytest
from playwright.async_api import expect

from app.kernel import clock, files
from app.kernel.db import domain_transaction
from tenants.calls.personal import service as calls
from tests.browser.panel import Panel
from tests.browser.world import World, a_world
from tests.db import billing_factories as billing

pytestmark = pytest.mark.anyio


async def a_message(world: World) -> None:
    sound = io.BytesIO()
    with wave.open(sound, "wb") as out:
        out.setparams((1, 2, 8000, 0, "NONE", ""))
        out.writeframes(bytes(16_000))
    async with domain_transaction(world.actor) as tx:
        file_id = await files.store(tx, sound.getvalue(), name="message.wav", media_type="audio/wav")
        await calls.attach_voicemail(tx, user_id=world.admin.id, node_id=world.node_id, linkedid=billing.channel(),
                                     file_id=file_id, seconds=89, number="79161234567", recorded_at=clock.now())


async def some_faxes(world: World) -> None:
    states = (("delivered", False), ("failed", False), ("ready", False), ("delivered", True))
    async with domain_transaction(world.actor) as tx:
        for number, (state, is_incoming) in enumerate(states):
            fax_id = await tx.fetchval(
                "INSERT INTO fax (domain_id, user_id, is_incoming, number, name, state, at, pdf_id, pages) VALUES "
                "($1, $2, $3, '74951234567', $4, $5, $6, 1, 2) RETURNING id", tx.domain_id, world.admin.id, is_incoming,
                "Лебедев-Константинопольский Константин-Александр Вячеславович" if number == 1 else "", state,
                tx.now - timedelta(hours=number))
            for event in ("uploaded", "send_given", "conversion_taken", "converted", "attempt_begun", "delivered"):
                await tx.execute("INSERT INTO fax_event (domain_id, fax_id, at, event, facts) VALUES ($1, $2, $3, $4, $5)",
                                 tx.domain_id, fax_id, tx.now, event, {"document": "Договор.pdf", "pages": 2, "number": 1})


async def picture(panel: Panel, name: str) -> None:
    """For looking at, where LOOK_AT names a folder."""
    folder = os.environ.get("LOOK_AT")
    if not folder:
        return
    for width in (1440, 360):
        await panel.page.set_viewport_size({"width": width, "height": 900})
        await panel.page.screenshot(path=f"{folder}/{name}-{width}.png")
    await panel.page.set_viewport_size({"width": 1440, "height": 900})


@pytest.mark.req("ACC-54", "ACC-56", "ACC-57", "VM-06", "VM-08", "VM-09", "VM-12")
async def test_the_journal_of_calls_is_filtered_heard_and_reset(panel: Panel) -> None:
    world = await a_world(people=3, calls=60)
    await a_message(world)
    await panel.sign_in(world.admin.login, world.admin.domain)
    await panel.goto("/me/calls")
    total, rows = panel.at(".sw-journal-sum b"), panel.at(".sw-calls tbody tr:not(#journal-more)")
    await expect(total).to_have_text("Статистика: 61 вызов")
    await picture(panel, "calls")
    await panel.page.mouse.wheel(0, 20_000)
    await expect(rows).to_have_count(61)
    await panel.at("[data-play]").first.click()
    await expect(panel.at(".sw-audio audio")).to_have_count(1)
    await panel.until("document.querySelector('.sw-audio audio').duration > 0.9")
    await picture(panel, "calls-player")
    await panel.page.select_option("#f-period", "7")
    assert await panel.page.input_value("#f-from") < await panel.page.input_value("#f-to")
    await panel.page.select_option("#f-direction", "in")
    await expect(total).to_have_text("Статистика: 61 вызов")  # until "Show"
    await panel.page.click(".sw-journal-show")
    await expect(total).to_have_text("Статистика: 1 вызов")
    await panel.page.fill("#f-from", "2026-02-02")
    await expect(panel.at("#f-period")).to_have_value("")
    await panel.page.fill("#f-to", "2026-02-01")
    await panel.page.click(".sw-journal-show")
    await expect(panel.at("#f-to-error")).to_be_visible()
    assert "?" not in panel.page.url
    await panel.page.reload()
    await expect(total).to_have_text("Статистика: 61 вызов")
    for field in ("#f-period", "#f-from", "#f-to", "#f-direction", "#f-q"):
        await expect(panel.at(field)).to_have_value("")
    assert await panel.does_not_fit() == []
    assert await panel.obstacles() == []


@pytest.mark.req("ACC-61", "ACC-62", "FAX-05", "FAX-08", "FAX-07")
async def test_the_list_of_faxes_its_protocol_and_the_form(panel: Panel) -> None:
    world = await a_world(people=3)
    await some_faxes(world)
    await panel.sign_in(world.admin.login, world.admin.domain)
    await panel.goto("/me/faxes")
    await expect(panel.at(".sw-journal-sum b")).to_have_text("Факсов: 4")
    await picture(panel, "faxes")
    assert await panel.does_not_fit() == []
    assert await panel.obstacles() == []
    await panel.page.locator("a", has_text="Протокол").first.click()
    await expect(panel.dialog).to_contain_text("Протокол факса")
    await expect(panel.dialog.locator("li")).to_have_count(6)
    await picture(panel, "protocol")
    await panel.dialog.locator(".sw-form-end [data-modal-close]").click()
    await expect(panel.dialog).not_to_be_visible()
    await panel.page.locator("a", has_text="Отправить факс").click()
    await picture(panel, "send")
    await panel.page.fill("#f-number", "112")
    await panel.page.set_input_files("#f-file", {"name": "a.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4 x"})
    await panel.submit()
    await expect(panel.dialog.locator("#f-number-error")).to_contain_text("экстренных")
    await panel.page.fill("#f-number", "8 495 123-45-67")
    await panel.submit()
    await expect(panel.toasts).to_contain_text("поставлен в очередь")
    await expect(panel.at(".sw-journal-sum b")).to_have_text("Факсов: 5")
    await panel.goto(f"/users/{world.admin.id}/faxes")
    await expect(panel.at("main")).not_to_contain_text("Отправить факс")
    await picture(panel, "users-faxes")
