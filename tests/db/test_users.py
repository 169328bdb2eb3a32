"""Users on a real database: uniqueness, limits, fees, administrators, what a failure leaves behind."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from uuid import uuid4

import pytest

from app.auth.passwords import sip_ha1, verify_password
from app.kernel.actors import Actor, ActorKind
from app.kernel.db import domain_transaction, platform_transaction
from app.kernel.errors import InvalidFields, NotFound, Refused
from app.kernel.money import Money
from billing.accounts import service as accounts
from tenants.destinations.model import Destination, Kind
from tenants.numbers.rules import Restriction
from tenants.routing.service import route_to
from tenants.users import credentials, fees, service
from tenants.users.rules import NewUser, Profile
from tests.db.factories import STAFF, a_domain, a_tariff, a_version, domain_name

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

PASSWORD = "secret1pass"


async def a_user(actor: Actor, login: str = "anna", **changes: object) -> int:
    new = NewUser(**({"login": login, "display_name": login.title(), "password": PASSWORD} | changes))
    async with domain_transaction(actor) as tx:
        return await service.create_user(tx, new)


async def row_of(actor: Actor, user_id: int) -> dict:
    async with domain_transaction(actor) as tx:
        row = await tx.fetchrow("SELECT * FROM domain_user WHERE domain_id = $1 AND id = $2", tx.domain_id, user_id)
    assert row is not None
    return dict(row)


async def value(actor: Actor, sql: str, *args: object):
    async with domain_transaction(actor) as tx:
        return await tx.fetchval(sql, actor.domain_id, *args)


async def generation(actor: Actor) -> int:
    return await value(actor, "SELECT desired FROM provisioning_state WHERE domain_id = $1")


async def set_domain(actor: Actor, **changes: object) -> None:
    async with platform_transaction(STAFF) as tx:
        for column, new in changes.items():
            await tx.execute(f"UPDATE domain SET {column} = $2 WHERE id = $1", actor.domain_id, new)


async def top_up(actor: Actor, amount: str) -> None:
    async with platform_transaction(STAFF) as tx:
        await accounts.record_payment(await tx.enter_domain(actor.domain_id), external_id=uuid4().hex,
                                      amount=Money(Decimal(amount)), source="test", description="")


# --- creation --------------------------------------------------------------------------------------------


@pytest.mark.req("USR-37", "USR-39", "USR-28")
async def test_a_new_user_is_whole() -> None:
    actor = await a_domain()
    before = await generation(actor)
    user_id = await a_user(actor, "anna", extension="200", position="Sales", email="anna@company.example")
    row = await row_of(actor, user_id)
    assert (row["is_admin"], row["is_operator"], row["notify_voicemail"]) == (False, False, False)
    assert (row["outgoing_number_id"], row["outgoing_restriction"]) == (None, None)
    assert verify_password(row["password_hash"], PASSWORD)
    assert row["sip_ha1"] == sip_ha1("anna", await domain_name(actor), PASSWORD)
    assert await generation(actor) == before + 1
    history = await value(actor, "SELECT changes::text FROM action_history WHERE domain_id = $1 "
                                 "AND action = 'user_created' AND object_id = $2", user_id)
    assert PASSWORD not in history
    assert row["sip_ha1"] not in history


@pytest.mark.req("USR-26")
async def test_automatic_extensions_go_up_and_skip() -> None:
    actor = await a_domain()
    assert (await row_of(actor, await a_user(actor, "a")))["extension"] == "105"
    await a_user(actor, "b", extension="106")
    assert (await row_of(actor, await a_user(actor, "c")))["extension"] == "107"
    last = await a_user(actor, "d")
    async with domain_transaction(actor) as tx:
        assert await service.propose_extension(tx) == "109"
        await service.delete_user(tx, last)
        assert await service.propose_extension(tx) == "109"  # a number just freed is not given out at once


@pytest.mark.req("USR-26")
async def test_a_taken_extension_names_its_holder() -> None:
    actor = await a_domain()
    await a_user(actor, "ivanov", display_name="Иван Иванов", extension="101")
    with pytest.raises(InvalidFields) as refused:
        await a_user(actor, "petrov", extension="101")
    assert refused.value.fields.keys() == {"extension"}
    assert "101" in refused.value.fields["extension"]
    assert "Иван Иванов" in refused.value.fields["extension"]
    assert await value(actor, "SELECT count(*) FROM domain_user WHERE domain_id = $1") == 1


@pytest.mark.req("USR-28")
async def test_login_and_extension_taken_are_told_together() -> None:
    actor = await a_domain()
    await a_user(actor, "anna", extension="200")
    with pytest.raises(InvalidFields) as refused:
        await a_user(actor, "anna", extension="200")
    assert refused.value.fields.keys() == {"login", "extension"}


@pytest.mark.req("USR-26")
async def test_extensions_share_one_space_with_everything_dialled() -> None:
    actor = await a_domain()
    async with domain_transaction(actor) as tx:
        await tx.execute("INSERT INTO internal_number (domain_id, digits, kind, owner_id) "
                         "VALUES ($1, '105', 'group', 1)", tx.domain_id)
    with pytest.raises(InvalidFields) as refused:
        await a_user(actor, "anna", extension="105")
    assert "105" in refused.value.fields["extension"]
    assert (await row_of(actor, await a_user(actor, "boris")))["extension"] == "106"


@pytest.mark.req("USR-26")
async def test_the_pickup_number_is_refused() -> None:
    actor = await a_domain()
    await set_domain(actor, pickup_number="88")
    with pytest.raises(InvalidFields) as refused:
        await a_user(actor, "anna", extension="88")
    assert "extension" in refused.value.fields


@pytest.mark.req("USR-26")
async def test_two_domains_have_the_same_login_and_extension() -> None:
    for actor in (await a_domain(), await a_domain()):
        assert (await row_of(actor, await a_user(actor, "ivanov", extension="101")))["extension"] == "101"


@pytest.mark.req("USR-26")
async def test_parallel_creations_with_one_extension() -> None:
    actor = await a_domain()
    results = await asyncio.gather(*(a_user(actor, f"user{n}", extension="300") for n in range(6)),
                                   return_exceptions=True)
    assert sum(isinstance(one, int) for one in results) == 1
    lost = [one for one in results if not isinstance(one, int)]
    assert all(isinstance(one, InvalidFields) and "300" in one.fields["extension"] for one in lost)
    assert await value(actor, "SELECT count(*) FROM domain_user WHERE domain_id = $1") == 1


@pytest.mark.req("USR-26")
async def test_parallel_automatic_extensions_all_succeed() -> None:
    actor = await a_domain()
    ids = await asyncio.gather(*(a_user(actor, f"user{n}") for n in range(8)))
    found = sorted([(await row_of(actor, one))["extension"] for one in ids])
    assert found == ["105", "106", "107", "108", "109", "110", "111", "113"]


@pytest.mark.req("USR-38")
async def test_the_maximum_is_named_and_kept_in_parallel() -> None:
    actor = await a_domain(max_users=3)
    results = await asyncio.gather(*(a_user(actor, f"user{n}") for n in range(6)), return_exceptions=True)
    assert sum(isinstance(one, int) for one in results) == 3
    refusals = [one for one in results if isinstance(one, Refused)]
    assert len(refusals) == 3
    assert "3" in refusals[0].message


# --- fees ------------------------------------------------------------------------------------------------


async def _ledger(actor: Actor) -> list[tuple]:
    async with domain_transaction(actor) as tx:
        rows = await tx.fetch(
            "SELECT p.kind, p.quantity, e.amount FROM posting p JOIN entry e ON e.domain_id = p.domain_id "
            "AND e.posting_id = p.id AND e.account = 'domain' WHERE p.domain_id = $1 ORDER BY p.id", tx.domain_id)
    return [tuple(row) for row in rows]


async def _priced_domain(**changes: object) -> Actor:
    terms = {"user_monthly": Decimal("310.00"), "user_connection": Decimal("50.00"), "included_users": 0}
    return await a_domain(tariff_id=await a_tariff(**(terms | changes)))


@pytest.mark.req("USR-22", "USR-23", "USR-39")
async def test_the_price_shown_is_the_price_charged() -> None:
    actor = await _priced_domain()
    await top_up(actor, "100")
    async with domain_transaction(actor) as tx:
        quote = await fees.quote_new_user(tx)
    assert quote.cost.monthly.amount == Decimal("310")
    await a_user(actor)
    balance = await value(actor, "SELECT balance FROM account WHERE domain_id = $1")
    assert Decimal(100) - balance == quote.cost.charged.amount > Decimal(50)
    lines = (await _ledger(actor))[1:]  # after the payment
    assert [(kind, quantity) for kind, quantity, _amount in lines] == [("connection", 1), ("subscription_fee", 1)]
    assert sum(amount for *_rest, amount in lines) == -quote.cost.charged.amount


@pytest.mark.req("USR-24")
async def test_missing_money_creates_nothing() -> None:
    actor = await _priced_domain()
    await top_up(actor, "20")
    before = await generation(actor)
    with pytest.raises(Refused):
        await a_user(actor)
    assert await value(actor, "SELECT count(*) FROM domain_user WHERE domain_id = $1") == 0
    assert await value(actor, "SELECT count(*) FROM internal_number WHERE domain_id = $1") == 0
    assert await value(actor, "SELECT balance FROM account WHERE domain_id = $1") == Decimal(20)
    assert await value(actor, "SELECT last_auto_extension FROM domain WHERE id = $1") == 100
    assert await generation(actor) == before


@pytest.mark.req("USR-23")
async def test_included_users_are_free() -> None:
    actor = await _priced_domain(included_users=1)
    await a_user(actor, "anna")
    assert await _ledger(actor) == []
    with pytest.raises(Refused):
        await a_user(actor, "boris")


@pytest.mark.req("USR-24")
async def test_trial_users_are_free() -> None:
    tariff = await a_tariff(user_monthly=Decimal(310), user_connection=Decimal(50))
    actor = await a_domain(commercial=False, tariff_id=tariff)
    async with domain_transaction(actor) as tx:
        quote = await fees.quote_new_user(tx)
    assert not quote.cost.monthly
    assert not quote.cost.charged
    await a_user(actor)
    assert [amount for *_rest, amount in await _ledger(actor)] == [Decimal(0)] * 2


@pytest.mark.req("USR-23")
async def test_changed_amounts_are_shown_again() -> None:
    actor = await _priced_domain()
    await top_up(actor, "1000")
    async with domain_transaction(actor) as tx:
        seen = await fees.quote_new_user(tx)
    await a_version(await value(actor, "SELECT tariff_id FROM account WHERE domain_id = $1"),
                    user_monthly=310, user_connection=60)
    new = NewUser("anna", "Anna", PASSWORD)
    with pytest.raises(fees.CostChanged) as changed:
        async with domain_transaction(actor) as tx:
            await service.create_user(tx, new, quoted=seen.mark)
    fresh = changed.value.facts["quote"]
    assert isinstance(fresh, fees.Quote)
    async with domain_transaction(actor) as tx:
        await service.create_user(tx, new, quoted=fresh.mark)


@pytest.mark.req("USR-77", "USR-78")
async def test_deletion_is_a_line_of_minus_one_and_no_money() -> None:
    actor = await _priced_domain()
    await top_up(actor, "1000")
    user_id = await a_user(actor)
    async with domain_transaction(actor) as tx:
        assert (await fees.monthly_saving(tx, [user_id])).amount == Decimal(310)
        await service.delete_user(tx, user_id)
    assert (await _ledger(actor))[-1] == ("disconnection", -1, Decimal(0))


# --- letters ---------------------------------------------------------------------------------------------


@pytest.mark.req("USR-33", "ACC-10")
async def test_credentials_go_out_once_and_only_when_asked() -> None:
    actor = await a_domain(locale="en")
    await a_user(actor, "anna", email="anna@company.example", send_credentials=True)
    await a_user(actor, "boris", email="boris@company.example")
    async with platform_transaction(STAFF) as tx:
        letters = await tx.fetch("SELECT recipient, body FROM mail_message WHERE domain_id = $1", actor.domain_id)
    assert [one["recipient"] for one in letters] == ["anna@company.example"]
    for part in (PASSWORD, "Login: anna", await domain_name(actor), "/sign-in"):
        assert part in letters[0]["body"]


# --- changes ---------------------------------------------------------------------------------------------


@pytest.mark.req("USR-55")
async def test_a_changed_extension_frees_the_old_one() -> None:
    actor = await a_domain()
    anna = await a_user(actor, "anna", extension="200")
    before = await generation(actor)
    async with domain_transaction(actor) as tx:
        await service.update_profile(tx, anna, Profile("Anna B", "201", "Head", "a@company.example"))
    assert await generation(actor) == before + 1
    await a_user(actor, "boris", extension="200")
    row = await row_of(actor, anna)
    assert (row["login"], row["extension"], row["position"]) == ("anna", "201", "Head")
    with pytest.raises(InvalidFields) as refused:
        async with domain_transaction(actor) as tx:
            await service.update_profile(tx, anna, Profile("Anna", "200"))
    assert "Boris" in refused.value.fields["extension"]
    assert (await row_of(actor, anna))["display_name"] == "Anna B"  # nothing is half-saved


@pytest.mark.req("USR-26")
async def test_a_cleared_extension_is_assigned_at_save() -> None:
    actor = await a_domain()
    anna = await a_user(actor, "anna", extension="200")
    async with domain_transaction(actor) as tx:
        await service.update_profile(tx, anna, Profile("Anna", ""))
    assert (await row_of(actor, anna))["extension"] == "105"


async def test_what_does_not_reach_the_pbx_asks_for_nothing() -> None:
    actor = await a_domain()
    anna = await a_user(actor, "anna", extension="200")
    before = await generation(actor)
    async with domain_transaction(actor) as tx:
        await service.update_profile(tx, anna, Profile("Anna", "200", "Head", "new@company.example"))
    assert await generation(actor) == before


async def _number(actor: Actor, e164: str, category: str = "city") -> int:
    async with platform_transaction(STAFF) as tx:
        return await tx.fetchval("INSERT INTO phone_number (e164, category, domain_id, assigned_at) "
                                 "VALUES ($1, $2, $3, now()) RETURNING id", e164, category, actor.domain_id)


@pytest.mark.req("USR-57", "NUM-09")
async def test_outgoing_number_is_one_of_the_domains_and_not_toll_free() -> None:
    actor, other = await a_domain(), await a_domain()
    stem = f"7495{actor.domain_id:07}"[:11]
    own, foreign = await _number(actor, stem), await _number(other, f"7496{actor.domain_id:07}"[:11])
    free = await _number(actor, f"7800{actor.domain_id:07}"[:11], "toll_free")
    anna = await a_user(actor, "anna", extension="200")
    async with domain_transaction(actor) as tx:
        await service.update_profile(tx, anna, Profile("Anna", "200", outgoing_number_id=own))
    assert (await row_of(actor, anna))["outgoing_number_id"] == own
    for wrong in (foreign, free, 2**62):
        with pytest.raises(InvalidFields) as refused:
            async with domain_transaction(actor) as tx:
                await service.update_profile(tx, anna, Profile("Anna", "200", outgoing_number_id=wrong))
        assert "outgoing_number_id" in refused.value.fields


@pytest.mark.req("USR-84", "USR-85")
async def test_restriction_is_set_and_given_back_to_the_domain() -> None:
    actor = await a_domain()
    anna = await a_user(actor)
    before = await generation(actor)
    async with domain_transaction(actor) as tx:
        await service.set_restriction(tx, anna, Restriction.INTERNAL_ONLY)
    assert (await row_of(actor, anna))["outgoing_restriction"] == "internal_only"
    async with domain_transaction(actor) as tx:
        await service.set_restriction(tx, anna, None)
    assert (await row_of(actor, anna))["outgoing_restriction"] is None
    assert await generation(actor) == before + 2


# --- passwords -------------------------------------------------------------------------------------------


@pytest.mark.req("USR-56", "ACC-34")
async def test_a_new_password_changes_both_forms_together() -> None:
    actor = await a_domain()
    anna = await a_user(actor)
    before = await generation(actor)
    async with domain_transaction(actor) as tx:
        await credentials.set_password(tx, anna, "another2pass")
    row = await row_of(actor, anna)
    assert verify_password(row["password_hash"], "another2pass")
    assert row["sip_ha1"] == sip_ha1("anna", await domain_name(actor), "another2pass")
    assert await generation(actor) == before + 1
    async with platform_transaction(STAFF) as tx:
        event = await tx.fetchval("SELECT payload FROM outbox_event WHERE domain_id = $1 "
                                  "AND kind = 'password_changed'", actor.domain_id)
    assert event["user_id"] == anna
    assert "another2pass" not in str(event)


@pytest.mark.req("ACC-35")
@pytest.mark.parametrize("password", ["abc12", "abcdef", "123456", "пароль1", "abc 123", "anna", PASSWORD, "a1" * 33])
async def test_refused_passwords(password: str) -> None:
    actor = await a_domain()
    anna = await a_user(actor)
    before = await row_of(actor, anna)
    with pytest.raises(InvalidFields) as refused:
        async with domain_transaction(actor) as tx:
            await credentials.set_password(tx, anna, password)
    assert "password" in refused.value.fields
    assert await row_of(actor, anna) == before


@pytest.mark.req("ACC-33")
async def test_own_password_needs_the_current_one() -> None:
    actor = await a_domain()
    anna = await a_user(actor)
    with pytest.raises(InvalidFields) as refused:
        async with domain_transaction(actor) as tx:
            await credentials.change_own_password(tx, anna, current="wrong1pass", password="another2pass")
    assert refused.value.fields.keys() == {"current"}
    async with domain_transaction(actor) as tx:
        await credentials.change_own_password(tx, anna, current=PASSWORD, password="another2pass")


# --- administrators and deletion ---------------------------------------------------------------------------


def _as(actor: Actor, user_id: int) -> Actor:
    return Actor(ActorKind.DOMAIN_USER, user_id, "me", "Me", actor.domain_id)


@pytest.mark.req("USR-64")
async def test_the_last_administrator_stays() -> None:
    actor = await a_domain()
    anna = await a_user(actor, "anna", is_admin=True)
    for change in (lambda tx: service.set_administrator(tx, anna, False), lambda tx: service.delete_user(tx, anna)):
        with pytest.raises(Refused) as refused:
            async with domain_transaction(actor) as tx:
                await change(tx)
        assert refused.value.code == "last_administrator"
    boris = await a_user(actor, "boris")
    async with domain_transaction(actor) as tx:
        await service.set_administrator(tx, boris, True)
        await service.set_administrator(tx, anna, False)
    assert (await row_of(actor, anna))["is_admin"] is False


@pytest.mark.req("USR-64")
async def test_nobody_removes_oneself() -> None:
    actor = await a_domain()
    anna = await a_user(actor, "anna", is_admin=True)
    await a_user(actor, "boris", is_admin=True)
    for change in (lambda tx: service.set_administrator(tx, anna, False), lambda tx: service.delete_user(tx, anna)):
        with pytest.raises(Refused):
            async with domain_transaction(_as(actor, anna)) as tx:
                await change(tx)


@pytest.mark.req("USR-64")
async def test_two_administrators_cannot_remove_each_other_at_once() -> None:
    actor = await a_domain()
    anna, boris = await a_user(actor, "anna", is_admin=True), await a_user(actor, "boris", is_admin=True)

    async def remove(who: int, whom: int) -> None:
        async with domain_transaction(_as(actor, who)) as tx:
            await service.set_administrator(tx, whom, False)

    results = await asyncio.gather(remove(anna, boris), remove(boris, anna), return_exceptions=True)
    assert sorted(type(one).__name__ for one in results) == ["NoneType", "Refused"]
    assert await value(actor, "SELECT count(*) FROM domain_user WHERE domain_id = $1 AND is_admin") == 1


@pytest.mark.req("USR-76", "RTE-03")
async def test_deletion_frees_names_and_leaves_no_dangling_target() -> None:
    actor = await a_domain()
    anna = await a_user(actor, "anna", extension="200")
    number = await _number(actor, f"7495{actor.domain_id:07}"[:11])
    async with domain_transaction(actor) as tx:
        await route_to(tx, number, Destination(Kind.USER, anna))
    before = await generation(actor)
    async with domain_transaction(actor) as tx:
        await service.delete_user(tx, anna)
    assert await generation(actor) > before
    target = "SELECT target_id FROM routing_rule WHERE domain_id = $1 AND number_id = $2"
    assert await value(actor, target, number) is None
    history = await value(actor, "SELECT object_name FROM action_history WHERE domain_id = $1 "
                                 "AND action = 'user_deleted' AND object_id = $2", anna)
    assert history == "Anna"
    await a_user(actor, "anna", extension="200")


async def test_another_domains_user_does_not_exist() -> None:
    actor, other = await a_domain(), await a_domain()
    foreign = await a_user(other)
    before = await row_of(other, foreign)
    for change in (
        lambda tx: service.update_profile(tx, foreign, Profile("X", "300")),
        lambda tx: service.update_own_profile(tx, foreign, display_name="X", email=""),
        lambda tx: service.set_restriction(tx, foreign, None),
        lambda tx: service.set_administrator(tx, foreign, True),
        lambda tx: service.delete_user(tx, foreign),
        lambda tx: credentials.set_password(tx, foreign, "another2pass"),
    ):
        with pytest.raises(NotFound):
            async with domain_transaction(actor) as tx:
                await change(tx)
    assert await row_of(other, foreign) == before
