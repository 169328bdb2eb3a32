"""The demo's companies and people. Names are invented; domains and numbers are reserved or unassigned ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

Person = tuple[str, str, str]  # login, display name, position


@dataclass(frozen=True, slots=True)
class Company:
    """`people[0]` is the administrator; `route` None: in no pool."""

    domain: str
    name: str
    scheme: str
    paid: str
    commercial: bool
    route: str | None
    numbers: tuple[str, ...]
    people: tuple[Person, ...]
    services: tuple[str, ...] = ()  # connected by hand
    operators: tuple[str, ...] = ()  # logins
    recorded: tuple[str, ...] = ()  # logins


# Plan of the demo's tariff: service, level, monthly, connection, included
SERVICES = (
    ("base_fee", "domain", "208.33", "0", 0),
    ("additional_user", "user", "83.33", "100", 5),
    ("additional_number", "special", "125", "200", 2),
    ("incoming_channels", "special", "50", "0", 10),
    ("outgoing_channels", "special", "50", "0", 10),
    ("recording", "special", "70", "0", 0),
    ("speech", "special", "140", "0", 0),
    ("fmc", "special", "83.33", "50", 0),
    ("contact_center", "operator", "416.67", "0", 0),
    ("integration_api", "domain", "416.67", "100", 0),
    ("callback_widget", "special", "416.67", "1", 0),
    ("auto_informer", "domain", "0", "0", 0),
    ("crm", "special", "300", "0", 0),
    ("private_lines", "special", "30", "100", 0),
    ("reminders", "domain", "833.33", "500", 0),
)

COMPANIES = (
    Company("romashka.pbx.example", "ООО «Ромашка»", "prepaid", "15000", True, "4455",
            ("74950000101", "74950000102", "78000000103"), (
                ("ivanov", "Иванов Иван Иванович", "Администратор"),
                ("petrova", "Петрова Мария Сергеевна", "Главный бухгалтер"),
                ("sidorov", "Сидоров Пётр", "Менеджер по продажам"),
                ("smirnova", "Смирнова Анна Владимировна", "Менеджер по продажам"),
                ("kuznetsov", "Кузнецов Алексей", "Руководитель отдела продаж"),
                ("popova", "Попова Елена", "Секретарь"),
                ("vasiliev.vv", "Васильев Василий Васильевич", "Кладовщик"),
                ("sokolova", "Соколова Ольга", "Юрист"),
                ("mikhailov", "Михайлов Дмитрий", "Системный администратор"),
                ("novikova", "Новикова Татьяна", "Специалист по кадрам"),
                ("fedorov", "Фёдоров Сергей", "Водитель"),
                ("morozova", "Морозова Наталья", "Маркетолог"),
                ("volkov", "Волков Андрей", "Инженер"),
                ("alekseeva", "Алексеева Ирина", "Диспетчер"),
                ("lebedev", "Лебедев Константин-Александр Вячеславович", "Заместитель генерального директора"),
                ("semenova", "Семёнова Юлия", "Менеджер по закупкам"),
                ("egorov", "Егоров Максим", "Охрана"),
                ("pavlova", "Павлова Светлана", "Бухгалтер")),
            services=("fmc", "integration_api"), operators=("sidorov", "smirnova", "alekseeva"),
            recorded=("sidorov", "smirnova", "kuznetsov")),
    Company("vasilek.pbx.example", "ООО «Василёк»", "credit", "3000", True, "4456",
            ("74950000201", "74950000202"), (
                ("ivanov", "Иванов Кирилл", "Директор филиала"),
                ("kozlova", "Козлова Дарья", "Администратор зала"),
                ("stepanov", "Степанов Роман", "Менеджер"),
                ("nikolaeva", "Николаева Вера", "Менеджер"),
                ("orlov", "Орлов Григорий", "Мастер"),
                ("andreeva", "Андреева Полина", "Мастер"),
                ("makarov", "Макаров Илья", "Мастер"),
                ("nikitina", "Никитина Алла", "Кассир"),
                ("zakharov", "Захаров Тимур", "Курьер"),
                ("zaitseva", "Зайцева Жанна", "Курьер"),
                ("soloviev", "Соловьёв Борис", "Инженер"),
                ("borisova", "Борисова Кира", "Бухгалтер"))),
    Company("probnaya.pbx.example", "ИП Пробный А. А.", "prepaid", "0", False, None,
            ("74950000301",), (
                ("ivanov", "Пробный Антон", "Предприниматель"),
                ("anna", "Anna Schmidt", "Sales"),
                ("john", "John O'Neill", "Support"),
                ("sklad", "Склад", ""),
                ("prihodko", "Приходько Тарас", "Кладовщик"),
                ("belova", "Белова Марина", "Продавец"),
                ("gusev", "Гусев Лев", "Продавец"),
                ("titova", "Титова Нина", "Продавец"),
                ("ohrana", "Пост охраны", ""),
                ("fax", "Факс в приёмной", ""))),
)


def rates() -> Iterator[tuple[str, str, str, int, int]]:
    """Prefix, destination, price per minute, first and next increment in seconds."""
    yield "7", "Россия", "1.50", 60, 60
    yield "7495", "Москва", "0.90", 60, 60
    yield "7499", "Москва", "0.90", 60, 60
    yield "7812", "Санкт-Петербург", "1.20", 60, 60
    yield "79", "Россия, мобильные", "2.10", 60, 60
    yield "7800", "Бесплатный вызов 8-800", "0", 60, 60
    yield "375", "Беларусь", "12.40", 60, 1
    yield "77", "Казахстан", "9.80", 60, 1
    yield "49", "Германия", "4.35", 1, 1
    yield "4915", "Германия, мобильные", "14.20", 1, 1
    yield "44", "Великобритания", "3.95", 1, 1
    yield "1", "США и Канада", "2.75", 1, 1
    yield "86", "Китай", "5.60", 60, 60
    yield "90", "Турция", "11.15", 60, 60
