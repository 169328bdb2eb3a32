"""Formulas of reports by the worked examples of the manual, with their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from zoneinfo import ZoneInfo

import pytest
from python_calamine import CalamineWorkbook

from app.kernel.errors import NotFound
from app.kernel.i18n import speaking
from tenants.operators.rules import WISHES
from tenants.reports import call_tables, line_queries, measures, period, state_tables, states
from tenants.reports.cells import Cell, Part, Percent, Share, Table, hms, lines
from tenants.reports.choices import Choice
from tenants.reports.forms import wanted
from tenants.reports.kinds import KINDS
from tenants.reports.measures import Sums, average, percent
from tenants.reports.period import Period
from tenants.reports.states import Interval, Offered, Shift
from tenants.reports.workbook import workbook

MOSCOW = "Europe/Moscow"
NOW = datetime(2021, 5, 6, 12, tzinfo=UTC)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def clock(text: str) -> timedelta:
    hours, minutes, rest = map(int, text.split(":"))
    return timedelta(hours=hours, minutes=minutes, seconds=rest)


def at(text: str) -> datetime:
    return datetime.strptime(text, "%d.%m.%Y %H:%M:%S").replace(tzinfo=ZoneInfo(MOSCOW))


def read(row: Sequence[Cell]) -> str:
    """As on the page, two lines of a cell in one."""
    with speaking("en", MOSCOW):
        return " | ".join(" ".join(lines(cell)) for cell in row)


def read_all(table: Table) -> list[str]:
    return [read(row) for row in (*table.rows, *([table.total] if table.total else []))]


# --- formats -----------------------------------------------------------------------------------------


@pytest.mark.req("RPT-07")
def test_times_and_numbers() -> None:
    assert hms(clock("115:42:53")) == "115:42:53"
    assert hms(clock("1074:40:13")) == "1074:40:13"
    assert hms(seconds(0)) == "00:00:00"
    assert [hms(seconds(one)) for one in (0.499999, 0.5, 59.5)] == ["00:00:00", "00:00:01", "00:01:00"]
    assert average(seconds(86), 10) == seconds(9)
    assert average(seconds(17), 2) == seconds(9)  # 8.5 half-up
    assert read([at("24.03.2021 17:49:15"), None]) == "24.03.2021 17:49:15 | --"
    assert line_queries.shown("74990000000") == line_queries.shown("+74990000000") == "+7 (499) 000-0000"
    assert line_queries.shown("101") == "101"


@pytest.mark.req("RPT-08")
def test_percentages() -> None:
    assert [read([Share(*one)]) for one in ((0, 5), (3, 3), (2, 11), (3, 14))] == [
        "0 (0%)", "3 (100%)", "2 (18.2%)", "3 (21.4%)"]
    assert read([Percent(percent(11, 26, 0))]) == "42%"
    assert percent(1, 8, 2) == Decimal("12.50")
    assert [read([Part(seconds(one), seconds(10_000))]) for one in (0, 3, 9483, 10_000)] == [
        "00:00:00 0%", "00:00:03 0.03%", "02:38:03 94.83%", "02:46:40 100%"]


@pytest.mark.req("RPT-09")
def test_nothing_divided_is_zero() -> None:
    assert average(seconds(0), 0) == seconds(0)
    assert percent(0, 0, 1) == 0
    table = call_tables.comparative([("Empty", Sums(), 0)])
    assert read_all(table)[1] == ("Total | 0 | 0 (0%) | 00:00:00 | 00:00:00 | 00:00:00 | 0 | 00:00:00 | 00:00:00 | 0%")
    assert read([Part(seconds(0), seconds(0))]) == "00:00:00 0%"
    with speaking("en"):
        assert measures.forecast(5, seconds(0), 15) == []


# --- reports about calls -------------------------------------------------------------------------------


@pytest.mark.req("RPT-16", "RPT-18", "RPT-25", "RPT-27")
def test_example_10_by_operator() -> None:
    table = call_tables.of_operators("Groups", [
        ("1", Sums(lost=3)), ("2", Sums(answered=11, talk=seconds(170), reaction=seconds(55)))])
    assert read_all(table) == [
        "1 | 0 | 3 (100%) | 00:00:00 | 00:00:00 | 00:00:00", "2 | 11 | 0 (0%) | 00:02:50 | 00:00:15 | 00:00:05",
        "Total | 11 | 3 (21.4%) | 00:02:50 | 00:00:15 | 00:00:05"]


def test_example_11_by_operators_in_a_group() -> None:
    """The average reaction of the total is weighted by calls: (9 × 6 + 3) / 10 = 5.7."""
    table = call_tables.of_operators("Operators", [
        ("1", Sums(answered=9, lost=2, talk=seconds(82), reaction=seconds(54))),
        ("2", Sums(answered=1, talk=seconds(4), reaction=seconds(3)))])
    assert read_all(table) == [
        "1 | 9 | 2 (18.2%) | 00:01:22 | 00:00:09 | 00:00:06", "2 | 1 | 0 (0%) | 00:00:04 | 00:00:04 | 00:00:03",
        "Total | 10 | 2 (16.7%) | 00:01:26 | 00:00:09 | 00:00:06"]


@pytest.mark.req("RPT-31", "RPT-32", "RPT-33")
def test_example_12_chronological_by_groups() -> None:
    groups, found = [(7, "Sales"), (8, "Help")], {
        (40, 7): Sums(answered=2, lost=1, talk=seconds(30), in_time=1), (40, 8): Sums(answered=1, talk=seconds(60)),
        (41, 8): Sums(lost=4)}
    one = call_tables.chronological(groups[:1], {}, 15, "calls")
    assert len(one.rows) == 96
    assert [read(row) for row in one.rows[:4]] == [
        f"{slot} | 0 | 0 | 0 | 0 | 0" for slot in ("00:00:00 – 00:15:00", "00:15:00 – 00:30:00", "00:30:00 – 00:45:00",
                                                   "00:45:00 – 01:00:00")]
    assert read(one.rows[-1]).startswith("23:45:00 – 24:00:00 |")
    assert len(call_tables.chronological(groups, {}, 30, "talk").rows) == 48
    assert len(call_tables.chronological(groups, {}, 60, "level").rows) == 24
    calls = call_tables.chronological(groups, found, 15, "calls")
    assert [head.label for head in calls.heads] == ["Time", "Sales", "Help", "Total", "Grand total"]
    assert read(calls.rows[40]) == "10:00:00 – 10:15:00 | 1 | 2 | 0 | 1 | 1 | 3 | 4"
    assert read(calls.total or ()) == "Total | 1 | 2 | 4 | 1 | 5 | 3 | 8"
    talk = call_tables.chronological(groups, found, 15, "talk")
    assert talk.labels == ["Time", "Sales", "Help", "Total"]
    assert read(talk.rows[40]) == "10:00:00 – 10:15:00 | 00:00:15 | 00:01:00 | 00:00:30"
    assert read(call_tables.chronological(groups, found, 15, "level").total or ()) == "Total | 33% | 0% | 13%"


def test_example_14_by_calls() -> None:
    rows = [call_tables.CallRow("+7 (499) 000-0000", at("29.03.2021 12:33:12"), "abandoned", seconds(0), seconds(0),
                                "Группа1", ""),
            call_tables.CallRow("user2", at("29.03.2021 15:36:37"), "by_operator", seconds(4), seconds(4), "Группа2",
                                "Оператор2")]
    with speaking("ru", MOSCOW):
        table = call_tables.of_calls(rows)
        shown = [" | ".join(" ".join(lines(cell)) for cell in row) for row in table.rows]
    assert shown == [
        "+7 (499) 000-0000 | 29.03.2021 12:33:12 | Не дождался | 00:00:00 | 00:00:00 | Группа1 | --",
        "user2 | 29.03.2021 15:36:37 | Завершен оператором | 00:00:04 | 00:00:04 | Группа2 | Оператор2"]


@pytest.mark.req("RPT-39")
@pytest.mark.parametrize(("outcome", "ended_by", "voicemail", "went_on", "status"), [
    ("abandoned", "subscriber", False, False, "Не дождался"),
    ("answered", "subscriber", False, False, "Завершен абонентом"),
    ("answered", "operator", False, False, "Завершен оператором"), ("answered", "operator", False, True, "Переведён"),
    ("transferred", "operator", False, False, "Переведён"), ("released", "system", False, False, "Переведён"),
    ("voicemail", "system", False, False, "Голосовая почта"), ("no_operators", "system", False, False, "Нет операторов"),
    ("queue_limit", "system", False, False, "Истекло время ожидания"),
    ("queue_limit", "system", True, False, "Голосовая почта")])
def test_statuses(outcome: str, ended_by: str, voicemail: bool, went_on: bool, status: str) -> None:
    with speaking("ru"):
        found = call_tables.status_of(outcome, ended_by, went_to_voicemail=voicemail, went_on=went_on)
        assert str(call_tables.STATUSES[found]) == status


@pytest.mark.req("RPT-42", "RPT-43")
def test_example_15_line_occupancy() -> None:
    borders = [at("01.03.2021 09:00:00") + timedelta(hours=one) for one in range(4)]
    assert read_all(call_tables.of_lines(borders, call_tables.busiest({}, 3))) == [
        "0 | 01.03.2021 09:00:00 | 01.03.2021 10:00:00 | 0", "1 | 01.03.2021 10:00:00 | 01.03.2021 11:00:00 | 0",
        "2 | 01.03.2021 11:00:00 | 01.03.2021 12:00:00 | 0", " |  | Maximum | 0"]
    # A peaks at 2, B at 3; one call of B goes on through the second interval and ends in the third
    found = call_tables.busiest({"A": {0: (2, 0)}, "B": {0: (3, 1), 2: (0, -1)}}, 4)
    assert found == [3, 1, 1, 0]
    assert read(call_tables.of_lines(borders, found).total or ()) == " |  | Maximum | 3"


@pytest.mark.req("RPT-45")
def test_example_16_private_routes() -> None:
    borders = [at("01.03.2021 00:00:00") + timedelta(days=one) for one in range(3)]
    with speaking("ru"):
        table = call_tables.of_private_routes(borders, [0, 0])
        assert read_all(table) == ["Всего вызовов |  | 0 | "]
    assert read_all(call_tables.of_private_routes(borders, [2, 3])) == [
        "01.03.2021 00:00:00 | 02.03.2021 00:00:00 | 2 | 2", "02.03.2021 00:00:00 | 03.03.2021 00:00:00 | 3 | 5",
        "Total calls |  | 5 | "]


@pytest.mark.req("RPT-48", "RPT-49", "RPT-51")
def test_example_17_forecast() -> None:
    for calls, handling in ((2, 36), (1, 72 / 2)):  # A = 0.02 and 0.01
        rows = measures.forecast(calls, seconds(handling), 15)
        assert len(rows) == 1
    (row,) = measures.forecast(2, seconds(36), 15)
    assert (row.operators, row.free_percent, row.wait_seconds, row.queue, row.level_percent, row.load_percent) == (
        1, 98, 1, 0, 99, 2)
    # the tables of Erlang C: 10 erlang, 14 operators: 17.4 % of calls wait
    many = measures.forecast(200, seconds(180), 20)
    assert many[0].operators == 11
    assert next(one for one in many if one.operators == 14).free_percent == 83
    assert many[-1].level_percent >= 99 > many[-2].level_percent
    assert len(measures.forecast(2000, seconds(3600), 0)) == measures.MOST_ROWS
    assert measures.forecast(0, seconds(60), 15) == []


@pytest.mark.req("RPT-52", "RPT-54")
def test_example_18_topics() -> None:
    with speaking("ru"):
        assert read_all(call_tables.of_topics([("Тема1", 10)], 0)) == ["Тема1 | 10", "Итого | 10"]
        assert read_all(call_tables.of_topics([("Тема1", 10), ("Тема2", 0)], 3)) == [
            "Тема1 | 10", "Тема2 | 0", "Без темы | 3", "Итого | 13"]


@pytest.mark.req("RPT-56", "RPT-57")
def test_example_19_comparative() -> None:
    table = call_tables.comparative([
        ("2", Sums(10, 10, seconds(88), seconds(50), wait_loss=seconds(70), longest_loss=seconds(21), in_time=8), 1),
        ("1", Sums(3, 3, seconds(103), seconds(6), in_time=3), 0)])
    assert read_all(table) == [
        "2 | 20 | 10 (50%) | 00:01:28 | 00:00:09 | 00:00:05 | 1 | 00:00:07 | 00:00:21 | 40%",
        "1 | 6 | 3 (50%) | 00:01:43 | 00:00:34 | 00:00:02 | 0 | 00:00:00 | 00:00:00 | 50%",
        "Total | 26 | 13 (50%) | 00:03:11 | 00:00:15 | 00:00:04 | 1 | 00:00:05 | 00:00:21 | 42%"]


# --- reports about states ----------------------------------------------------------------------------------


@pytest.mark.req("RPT-64")
def test_names_of_states() -> None:
    with speaking("ru"):
        assert {state: str(name) for state, name in state_tables.NAMES.items()} == {
            "offline": "Не в сети", "waiting": "Ожидает звонка", "ringing": "Вызывается", "incoming": "Входящий вызов",
            "outgoing": "Исходящий вызов", "wrap_up": "Поствызывная обработка", "break": "В перерыве", "away": "Отошел",
            "campaign": "Исходящая кампания"}
        assert {state: str(name) for state, name in WISHES.items()} == {
            "waiting": "Ожидаю звонок", "break": "Технический перерыв", "away": "Нет на месте"}
    assert set(states.ALL) == set(state_tables.NAMES)


@pytest.mark.req("RPT-35", "RPT-36")
def test_example_13_chronological_by_states() -> None:
    changes = [("offline", "24.03.2021 17:49:15"), ("waiting", "29.03.2021 13:32:08"), ("offline", "29.03.2021 13:34:11"),
               ("waiting", "29.03.2021 13:34:14"), ("waiting", "29.03.2021 13:35:00"), ("break", "29.03.2021 13:36:31")]
    moments = [at(moment) for _state, moment in changes]
    found = states.within([Interval(state, start, end) for (state, _at), start, end
                           in zip(changes, moments, [*moments[1:], None], strict=True)],
                          at("01.03.2021 00:00:00"), at("30.03.2021 00:00:00"))
    assert [hms(one.length) for one in found] == ["115:42:53", "00:02:03", "00:00:03", "00:02:17", "10:23:29"]
    assert [one.start for one in found[1:]] == [one.end for one in found[:-1]]
    assert found[-1].end == at("30.03.2021 00:00:00")
    (cut,) = states.within(found, at("25.03.2021 00:00:00"), at("26.03.2021 00:00:00"))
    assert cut.length == timedelta(days=1)
    assert read(state_tables.of_states([cut]).rows[0]) == (
        "Offline | 25.03.2021 00:00:00 | 26.03.2021 00:00:00 | 24:00:00")


@pytest.mark.req("RPT-59", "RPT-60")
def test_example_20_shifts() -> None:
    def shift(start: str, length: str, waiting: str, **times: str) -> Shift:
        begun = at(start)
        return Shift(begun, begun + clock(length), {"waiting": clock(waiting)} | {
            state: clock(time) for state, time in times.items()})

    three = [shift("01.03.2021 10:00:00", "00:01:56", "00:01:50", wrap_up="00:00:06"),
             shift("02.03.2021 10:00:00", "115:44:59", "00:02:03", away="115:42:56"),
             shift("12.03.2021 10:00:00", "00:02:22", "00:02:17", ringing="00:00:05")]
    table = state_tables.of_shifts(three)
    assert read(table.rows[0]) == (
        "0 | 01.03.2021 10:00:00 | 01.03.2021 10:01:56 | 00:01:56 | 0 | 0 | 0 0% | 00:00:00 | 00:00:00 | 00:00:00 | "
        "00:01:50 94.83% | 00:00:00 0% | 00:00:00 0% | 00:00:00 0% | 00:00:00 0% | 00:00:06 5.17% | 00:00:00 0% | "
        "00:00:00 0%")
    assert [read(row).split(" | ")[10] for row in table.rows[1:]] == ["00:02:03 0.03%", "00:02:17 96.48%"]
    busy = states.with_offers(three, [
        Offered(at("01.03.2021 10:00:10"), Sums(lost=1)),
        Offered(at("01.03.2021 10:00:20"), Sums(answered=1, talk=seconds(30), reaction=seconds(4))),
        Offered(at("12.03.2021 10:00:05"), Sums(answered=2, talk=seconds(40), reaction=seconds(5))),
        Offered(at("12.03.2021 11:00:00"), Sums(lost=1))])  # of no shift
    table = state_tables.of_shifts(busy)
    assert [read(row).split(" | ")[4:10] for row in table.rows] == [
        ["2", "1", "1 50%", "00:00:30", "00:00:30", "00:00:04"], ["0", "0", "0 0%", *["00:00:00"] * 3],
        ["2", "2", "0 0%", "00:00:40", "00:00:20", "00:00:03"]]
    total = read(table.total or ()).split(" | ")
    assert total[:10] == ["Total", "", "", "115:49:17", "4", "3", "1 25%", "00:01:10", "00:00:23", "00:00:03"]
    assert len(total) == len(table.labels) == 18
    assert total[10] == "00:06:10 0.09%"


@pytest.mark.req("RPT-63")
def test_example_21_summary() -> None:
    names = ("waiting", "ringing", "incoming", "outgoing", "wrap_up", "break", "away", "campaign", "offline")

    def times(*found: str) -> dict[str, timedelta]:
        return dict(zip(names, map(clock, found), strict=True))

    table = state_tables.summary([
        ("1", times("24:48:24", "00:00:19", "00:00:00", "00:06:09", "00:00:00", "00:00:00", "00:01:39", "00:00:00",
                    "1074:40:13")),
        ("2", times("43:46:50", "00:02:44", "00:00:53", "00:08:19", "00:04:22", "00:02:17", "01:56:00", "00:00:26",
                    "813:31:56"))], timedelta(seconds=5_270_400))
    first, second = ([part.split()[1] for part in read(row).split(" | ")[1:]] for row in table.rows)
    assert first == ["1.69%", "0%", "0%", "0.01%", "0%", "0%", "0%", "0%", "73.41%", "24.89%"]
    assert read(table.rows[0]).endswith("364:23:16 24.89%")
    assert second == ["2.99%", "0%", "0%", "0.01%", "0%", "0%", "0.13%", "0%", "55.57%", "41.29%"]


# --- periods and the address ---------------------------------------------------------------------------------


@pytest.mark.req("RPT-04")
def test_periods() -> None:
    whole = Period(date(2021, 3, 1), date(2021, 4, 30), MOSCOW, NOW)
    assert (whole.start, whole.end) == (at("01.03.2021 00:00:00"), at("01.05.2021 00:00:00"))
    assert whole.length == timedelta(days=61)
    cut = Period(date(2021, 5, 6), date(2021, 5, 9), MOSCOW, NOW)
    assert (cut.start, cut.end) == (at("06.05.2021 00:00:00"), NOW)
    future = Period(date(2021, 6, 1), date(2021, 6, 2), MOSCOW, NOW)
    assert future.length == timedelta(0)
    assert period.last_days(7, date(2021, 5, 6)) == (date(2021, 4, 30), date(2021, 5, 6))
    with speaking("en"):
        assert period.problem(date(2021, 1, 1), date(2022, 1, 1)) == ""  # 366 days
        assert "366" in period.problem(date(2021, 1, 1), date(2022, 1, 2))
        assert period.problem(date(2021, 1, 2), date(2021, 1, 1))


@pytest.mark.req("RPT-44")
def test_intervals_begin_with_the_period_and_end_with_it() -> None:
    today = Period(date(2021, 5, 5), date(2021, 5, 6), MOSCOW, NOW.replace(minute=30))
    days = period.borders(today, hourly=False)
    assert days == [at("05.05.2021 00:00:00"), at("06.05.2021 00:00:00"), NOW.replace(minute=30)]
    hours = period.borders(today, hourly=True)
    assert len(hours) == 24 + 15 + 2
    assert hours[-1] - hours[-2] == timedelta(minutes=30)
    # the day on which clocks are put forward has 23 hours
    berlin = Period(date(2021, 3, 28), date(2021, 3, 28), "Europe/Berlin", NOW)
    assert len(period.borders(berlin, hourly=True)) == 24
    assert len(period.borders(berlin, hourly=False)) == 2


def test_what_an_address_asks_for() -> None:
    choices = {"operators": [Choice("5", "Anna")], "groups": [Choice("7", "Sales"), Choice("8", "Help")]}
    today = date(2021, 5, 6)
    with speaking("en"):
        plain = wanted({}, choices, today, strict=True)
        assert (plain.kind.code, plain.first, plain.last, dict(plain.errors)) == (
            "operator", date(2021, 4, 30), today, {"operator": "Choose one."})
        found = wanted({"report": "group-hours", "groups": "8", "from": "01.03.2021", "to": "2021-03-02", "split": "60",
                        "figure": "level", "qos": "20"}, choices, today, strict=True)
        assert (found.ids("groups"), found.first, found.last, found.split, found.qos, dict(found.errors)) == (
            [8], date(2021, 3, 1), date(2021, 3, 2), 60, 20, {})
        assert "qos" in found.fields
        assert "qos" not in wanted({"report": "group-hours"}, choices, today, strict=False).fields
        for wrong in ({"from": "31.02.2021"}, {"from": "0001-01-01", "to": "0001-01-02"}, {"to": "' OR 1=1"},
                      {"from": "2021-05-06", "to": "2021-05-01"}):
            assert {"from", "to"} & wanted(wrong, choices, today, strict=True).errors.keys(), wrong
        odd = wanted({"report": "compare", "groups": "7", "qos": "-1"}, choices, today, strict=True)
        assert odd.errors.keys() == {"qos"}
        assert wanted({"report": "calls", "number": "abc"}, {}, today, strict=True).errors.keys() == {"number"}
        for foreign in ("6", "x", "99999999999999999999"):
            with pytest.raises(NotFound):
                wanted({"operator": foreign}, choices, today, strict=True)
            assert wanted({"operator": foreign}, choices, today, strict=False).chosen == {"operator": ()}


@pytest.mark.req("RPT-02")
def test_the_reports_in_order() -> None:
    with speaking("ru"):
        assert [str(one.label) for one in KINDS.values()] == [
            "По оператору", "По операторам в группе", "Хронологический по группам", "Хронологический по состояниям",
            "По вызовам", "Занятие входящих линий", "Вызовы из частных маршрутов", "Прогноз количества операторов",
            "По темам соединений", "Сравнительный по группам", "По сменам оператора", "Сводный по состояниям"]


def test_a_workbook_holds_the_parameters_and_the_table() -> None:
    """Values, not texts, where they can be computed with; nothing of a name is executed."""
    table = call_tables.chronological([(1, "=1+1")], {(0, 1): Sums(answered=2, lost=1)}, 60, "calls")

    def rows(content: bytes) -> Sequence[Sequence[object]]:
        return CalamineWorkbook.from_filelike(BytesIO(content)).get_sheet_by_index(0).to_python()

    with speaking("en", MOSCOW):
        found = rows(workbook([("Period", "01.03.2021 – 02.03.2021")], table))
        assert found[0][:2] == ["Period", "01.03.2021 – 02.03.2021"]
        assert found[2][:4] == ["Time", "=1+1", "", "Total"]
        assert found[3] == ["", "Lost ones", "Successful ones", "Lost ones", "Successful ones", ""]
        assert found[4] == ["00:00:00 – 01:00:00", 1, 2, 1, 2, 3]
        assert len(found) == 4 + 24 + 1
        second = call_tables.of_operators("Groups", [("A", Sums(1, 1, seconds(170), seconds(4)))])
        assert rows(workbook([], second))[1] == ["A", 1, "1 (50%)", seconds(170), seconds(170), seconds(4)]
