"""Letters to the provider's people: the domain that asks cannot know their addresses."""

from __future__ import annotations

from app.kernel import outbox
from app.kernel.db import PlatformTx
from billing.tariff_requests import service


@outbox.on(service.EVENT)
async def tariff_requested(tx: PlatformTx, _domain_id: int | None, payload: dict) -> None:
    await service.write_letters(tx, payload["request_id"])
