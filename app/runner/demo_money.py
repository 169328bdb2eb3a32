"""Demo data of the provider's money work: a correction that waits for a second person, a statement of the bank."""

from __future__ import annotations

from decimal import Decimal

from app.kernel import clock
from app.kernel.actors import Actor, ActorKind
from app.kernel.db import PlatformTx, platform_transaction
from app.kernel.money import Money


async def back_office() -> None:
    """By the demo's member of billing; nothing of it is posted yet."""
    async with platform_transaction(Actor.system(name="demo")) as tx:
        staff = await tx.fetchrow("SELECT id, login, display_name FROM staff WHERE login = 'billing'")
        rows = await tx.fetch("SELECT a.domain_id, a.number FROM account a JOIN domain d ON d.id = a.domain_id "
                              "WHERE d.mode = 'commercial' ORDER BY a.domain_id LIMIT 2")
    if staff is None or not rows:
        return
    clerk = Actor(ActorKind.STAFF, staff["id"], staff["login"], staff["display_name"])
    async with platform_transaction(clerk) as tx:
        await _correction(tx, rows[0]["domain_id"])
        await _statement(tx, rows[-1]["number"])


async def _correction(tx: PlatformTx, domain_id: int) -> None:
    from app.provider.corrections.service import NewCorrection, ask

    await ask(tx, NewCorrection(domain_id, Money(Decimal(12_500)), "Возврат за двойное списание в прошлом месяце",
                                "de" * 8))


async def _statement(tx: PlatformTx, account: str) -> None:
    from billing.payments.bank.rules import Document, Parsed
    from billing.payments.bank.service import keep

    day = clock.now().date()
    await keep(tx, "kl_to_1c.txt", "1c", Parsed([
        Document(8, "118", day, Decimal("15000.00"), "40702810400000012345", "7701234567", "ООО «Ромашка»",
                 f"Оплата услуг связи НЛС {account}. Без НДС"),
        Document(20, "54", day, Decimal("3200.50"), "40802810900000054321", "772012345678", "ИП Иванов И. И.",
                 "Оплата по счёту № 54 за услуги связи"),
        Document(32, "7", day, Decimal("990.00"), "30232810000000000007", "", "Банк «Пример»",
                 "Перевод от частного лица за телефон")], outgoing=4))
