"""What the demo's first company does with its telephony: groups, routing, a voice scenario, a widget, call lists.

All of it by the company's administrator and through the services of each section; the people and their numbers are
there already.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from app.kernel.actors import Actor, ActorKind
from app.kernel.db import DomainTx, domain_transaction, platform_transaction
from app.modules.autodialler import number_file, numbers, queries
from app.modules.autodialler import service as autodialler
from app.modules.campaigns import clients
from app.modules.campaigns import service as campaigns
from app.modules.integration_api import service as integration_api
from app.modules.recording import service as recording
from app.modules.recording.service import Operation
from app.modules.speech import service as speech
from app.provider.private_routes import service as provider_routes
from app.runner.demo_sounds import chime
from billing.services import service as services
from tenants.destinations.model import Destination, Kind
from tenants.devices import service as devices
from tenants.forwarding.rules import Period
from tenants.groups import members
from tenants.groups import service as groups
from tenants.groups import targets as _targets  # noqa: F401  rules and menus may point at groups from here on
from tenants.groups.rules import Algorithm, NewGroup, Workplace
from tenants.groups.rules import Settings as GroupSettings
from tenants.ivr import queries as ivr_rows
from tenants.ivr import service as ivr
from tenants.ivr.rules import Action
from tenants.ivr.service import Reaction
from tenants.operator_messages import service as messages
from tenants.private_routes import lines
from tenants.private_routes import service as private_routes
from tenants.private_routes.rules import Settings as RouteSettings
from tenants.routing import service as routing
from tenants.routing.rules import Filter
from tenants.sounds import prompts
from tenants.sounds.convert import convert
from tenants.sounds.service import Original
from tenants.vip import service as vip
from widgets import service as widgets

C5, D5, E5, G5, A5, C6 = 523.25, 587.33, 659.26, 783.99, 880.0, 1046.5
WEEKDAYS = frozenset(range(1, 6))
OFFICE_HOURS = (Period(WEEKDAYS, 9 * 60, 18 * 60),)
SHOP_HOURS = (Period(WEEKDAYS, 9 * 60, 20 * 60), Period(frozenset({6}), 10 * 60, 16 * 60))
WIDGET_WEEK = ("0" * 9 + "1" * 9 + "0" * 6) * 5 + "0" * 48  # hours of the week, from Monday 0:00


@dataclass(frozen=True, slots=True)
class _Office:
    """Ids by login and by E.164 number; groups and scenario as they are made."""

    people: Mapping[str, int]
    numbers: Mapping[str, int]
    sales: int = 0
    support: int = 0
    menu: int = 0

    def voicemail(self, login: str) -> Destination:
        return Destination(Kind.VOICEMAIL, self.people[login], "user")


async def fill(engineer: Actor, domain_id: int) -> None:
    """Once, in a company that has people, numbers, operators and money."""
    async with platform_transaction(engineer) as platform:
        tx = await platform.enter_domain(domain_id)
        people = {row["login"]: row for row in await tx.fetch(
            "SELECT login, id, display_name FROM domain_user WHERE domain_id = $1", domain_id)}
        owned = {row["e164"]: row["id"] for row in await tx.fetch(
            "SELECT e164, id FROM phone_number WHERE domain_id = $1", domain_id)}
        route_id = await provider_routes.create(tx, "Склад", provider_routes.Peer("127.0.0.4"))
    company = _Office({login: row["id"] for login, row in people.items()}, owned)
    admin = people["ivanov"]
    actor = Actor(ActorKind.DOMAIN_USER, admin["id"], admin["login"], admin["display_name"], domain_id)
    async with domain_transaction(actor) as tx:
        company = replace(company, sales=await _sales(tx, company), support=await _support(tx, company))
        company = replace(company, menu=await _scenario(tx, company))
        await _routing(tx, company)
        await _contact_centre(tx, company)
        await _widget(tx, company)
        await _dialler(tx)
        await _campaign(tx, company)
        await _phones(tx, company)
        await _paid(tx, company)
        await _own_pbx(tx, company, route_id)


async def _sound(tx: DomainTx, name: str, *notes: float, seconds: float = 0.4) -> int:
    wav = chime(notes, seconds)
    return await prompts.keep(tx, Original(f"{name}.wav", "wav", wav), convert(wav, "wav"))


# --- groups and routing ---------------------------------------------------------------------------------


async def _sales(tx: DomainTx, office: _Office) -> int:
    """Rings at everybody, then takes a message."""
    group_id = await groups.create(tx, NewGroup("Отдел продаж", "600", Algorithm.ALL, tuple(
        office.people[login] for login in ("sidorov", "smirnova", "kuznetsov"))))
    await groups.save(tx, group_id, GroupSettings("Отдел продаж", "600", Algorithm.ALL, "sales@romashka.pbx.example",
                                                  ring_seconds=25))
    await groups.set_voicemail(tx, group_id, is_on=True, greets=True)
    await groups.set_prompt(tx, group_id, "vm", await _sound(tx, "Оставьте сообщение", G5, E5, C5))
    return group_id


async def _support(tx: DomainTx, office: _Office) -> int:
    """A queue of the contact centre with two operators; who has the smaller number is asked first."""
    operators = [office.people[login] for login in ("smirnova", "alekseeva")]
    settings = GroupSettings("Служба поддержки", "601", Algorithm.LONGEST_IDLE, workplace=Workplace(
        greeting_text="«Ромашка», служба поддержки. Меня зовут …, чем могу помочь?", wrap_up_seconds=20,
        average_talk_seconds=180, queue_limit_seconds=600))
    group_id = await groups.create(tx, NewGroup(settings.name, settings.extension, settings.algorithm,
                                                tuple(operators)))
    await groups.save(tx, group_id, settings)
    for topic in ("Доставка", "Оплата", "Возврат и обмен"):
        await groups.add_topic(tx, group_id, topic)
    await members.set_priority(tx, group_id, operators[1], 20)
    await groups.set_prompt(tx, group_id, "greeting", await _sound(tx, "Приветствие очереди", C5, E5, G5))
    return group_id


async def _scenario(tx: DomainTx, office: _Office) -> int:
    """Main menu: 1 sales, 2 support, 3 a menu of the branches, 0 the secretary; silence leads to the secretary too."""
    scenario_id = await ivr.create(tx, "Главный номер")
    main = (await ivr_rows.scenario(tx, scenario_id)).main.id
    await ivr.change_menu(tx, scenario_id, main, "", await _sound(tx, "Главное меню", C5, E5, G5, C6))
    secretary = Reaction(Action.REDIRECT, Destination(Kind.USER, office.people["popova"]))
    offices = await ivr.add_menu(tx, scenario_id, "Наши офисы", await _sound(tx, "Наши офисы", C6, A5, D5))
    reactions = (
        (main, "timeout", secretary),
        (main, "1", Reaction(Action.REDIRECT, Destination(Kind.GROUP, office.sales))),
        (main, "2", Reaction(Action.REDIRECT, Destination(Kind.GROUP, office.support))),
        (main, "3", Reaction(Action.MENU, menu_id=offices)),
        (main, "0", secretary),
        (offices, "1", Reaction(Action.AUDIO, audio_id=await _sound(tx, "Как нас найти", E5, D5, C5, seconds=0.8))),
        (offices, "2", Reaction(Action.REDIRECT, Destination(Kind.USER, office.people["vasiliev.vv"]))),
        (offices, "*", Reaction(Action.BACK)))
    for menu_id, key, reaction in reactions:
        await ivr.react(tx, scenario_id, menu_id, key, reaction)
    return scenario_id


async def _routing(tx: DomainTx, office: _Office) -> None:
    """In working hours somebody answers, at other times a voicemail does."""
    wanted = (
        ("74950000101", OFFICE_HOURS, Destination(Kind.IVR, office.menu), office.voicemail("ivanov")),
        ("74950000102", SHOP_HOURS, Destination(Kind.GROUP, office.sales),
         Destination(Kind.VOICEMAIL, office.sales, "group")),
        ("78000000103", OFFICE_HOURS, Destination(Kind.GROUP, office.support), office.voicemail("popova")))
    for e164, hours, open_target, closed_target in wanted:
        number_id = office.numbers[e164]
        await routing.route_to(tx, number_id, None)
        await routing.add_rule(tx, number_id, routing.RuleData(open_target, periods=hours))
        await routing.add_rule(tx, number_id, routing.RuleData(closed_target))
    shop = office.numbers["74950000102"]
    await routing.save_settings(tx, shop, mode=Filter.BLACKLIST, is_default=False)
    await routing.add_entry(tx, shop, "black", "+7 499 000-00-13")


async def _contact_centre(tx: DomainTx, office: _Office) -> None:
    for number, priority, comment in (("+7 495 000-07-77", 1, "Генеральный директор завода «Лепесток»"),
                                      ("+7 812 000-12-12", 50, "Крупный оптовый покупатель"), ("105", 100, "Свои")):
        await vip.add(tx, number, priority, comment)
    await messages.send(tx, "Новая акция с понедельника", "С понедельника доставка от 3 000 ₽ бесплатна.\n"
                        "Напоминайте об этом каждому, кто звонит с вопросом о заказе.", [office.support], [])


# --- paid sections --------------------------------------------------------------------------------------


async def _widget(tx: DomainTx, office: _Office) -> None:
    """Any site may show it; requests come to sales."""
    widget_id = await widgets.create(tx)
    await widgets.configure(tx, widget_id, is_on=True, name="Сайт romashka.example", dist_type="group",
                            object_id=office.sales, schedule=WIDGET_WEEK, intensity_seconds=30)
    await widgets.add_number(tx, widget_id, "black", "4990000013")


async def _dialler(tx: DomainTx) -> None:
    """Ready to be started: numbers of the simulated network that answer, are busy or never answer."""
    task_id = await autodialler.create(tx, "Напоминание о записи на завтра")
    people = (("4950000015", "Лилия Белова"), ("4950000001", "Роза Алая"), ("4950000002", "Астра Осенняя"),
              ("4950000025", "Ирис Садовый"), ("4950000035", "Георгин Горшков"))
    await numbers.load(tx, task_id, [number_file.Entry(number, comment) for number, comment in people])
    task = await queries.task(tx, task_id)
    wanted = autodialler.Changes(**{field: getattr(task, field) for field in autodialler.Changes.__dataclass_fields__})
    await autodialler.save(tx, task_id, replace(
        wanted, email="office@romashka.pbx.example", schedule=WIDGET_WEEK, attempts=3, retry_minutes=30,
        success_seconds=5, concurrency=2,
        audio_id=await _sound(tx, "Ждём вас завтра", G5, E5, C5, E5, G5, C6, seconds=1.0)))


async def _campaign(tx: DomainTx, office: _Office) -> None:
    """Begins in a fortnight and is not switched on."""
    begins = (tx.now + timedelta(days=22)).replace(hour=6, minute=0, second=0, microsecond=0)  # nine o'clock in Moscow
    campaign_id = await campaigns.create(tx, campaigns.Settings(
        name="Отзывы о доставке", attempts=3, method="sequential", group_id=office.support, max_talk_minutes=5,
        info_url="", starts_at=begins, ends_at=begins + timedelta(days=30)))
    for status in ("Всё понравилось", "Есть замечания"):
        await campaigns.add_status(tx, campaign_id, status)
    for name, phones, notes in (("Мария Лугова", ("84950000015", "84950000001"), "Букет из 25 роз, 12 мая"),
                                ("Пётр Полевой", ("84950000025",), "Постоянный покупатель"),
                                ("Анна Клумбова", ("84950000035", "84950000002"), "")):
        await clients.add(tx, campaign_id, clients.typed_client(name, phones, notes))


async def _phones(tx: DomainTx, office: _Office) -> None:
    reception = await devices.add(tx, "00:15:65:00:01:06", "DEMO0000106")
    await devices.bind(tx, reception, office.people["popova"])
    await devices.add(tx, "00:15:65:00:01:99", "DEMO0000199")


async def _paid(tx: DomainTx, office: _Office) -> None:
    """Conversations of one salesman are analysed; a system of the company's may ask the API."""
    await services.connect(tx, recording.SPEECH)
    await recording.apply(tx, [office.people["sidorov"]], Operation.ANALYSE)
    await speech.save_criterion(tx, None, name="Поздоровался и представился", weight=2,
                                wanted=["добрый день", "здравствуйте", "меня зовут"], unwanted=[])
    await integration_api.allow(tx, "203.0.113.10")


async def _own_pbx(tx: DomainTx, office: _Office, route_id: int) -> None:
    """The warehouse's own PBX behind three-digit numbers that begin with 7; nothing answers at its address."""
    await lines.change(tx, lines.Lines(incoming=2, outgoing=2))
    await private_routes.save(tx, route_id, RouteSettings("Склад", expression=r"sip:(7\d\d@.*)", is_group_only=True,
                                                          group_id=office.sales,
                                                          numbers=frozenset({office.numbers["74950000101"]})))
