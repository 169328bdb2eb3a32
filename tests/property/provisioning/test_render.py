"""No text that a person typed reaches a configuration file [RTE-60]."""

from __future__ import annotations

import contextlib
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbx_provisioning.agent.spool import cut
from pbx_provisioning.ami.protocol import encode, parse
from pbx_provisioning.apply.store import difference, with_changes
from pbx_provisioning.intake.records import BadRecord, CdrRecord, parse_line
from pbx_provisioning.plan.model import BadPlan, DomainPlan, Pool, User, phone_name
from pbx_provisioning.render.check import check_dialplan
from pbx_provisioning.render.objects import Objects, dialplan_file, render
from tests.golden.test_provisioning import rings

HOSTILE = st.one_of(
    st.text(max_size=80),
    st.sampled_from(["${SHELL(id)}", "a,1,System(id)", "x]\n[general", "a;b", "a\r\nAction: Command", "101\n", "１０１",
                     "ivanov\x00", "a'); DROP TABLE domain;--", '"x" <112>', "📞", "_X.", "x" * 10_000]))
LOGIN = st.from_regex(r"[a-z0-9._-]{1,20}", fullmatch=True)
EXTENSION = st.from_regex(r"[0-9]{1,5}", fullmatch=True)
HA1 = st.from_regex(r"[0-9a-f]{32}", fullmatch=True)
POOLS = st.builds(
    Pool, st.integers(1, 2**40), st.sampled_from(["{route}{ext}", "*{route}#{ext}", "{ext}{route}", "9*{ext}#{route}*"]),
    st.one_of(st.none(), st.from_regex(r"[0-9]{1,10}", fullmatch=True)))
NUMBER = st.from_regex(r"[1-9][0-9]{6,14}", fullmatch=True)


@st.composite
def plans(draw: st.DrawFn) -> DomainPlan:
    logins = draw(st.lists(LOGIN, max_size=6, unique=True))
    extensions = draw(st.lists(EXTENSION, min_size=len(logins), max_size=len(logins), unique=True))
    users = tuple(User(index + 1, login, extension, draw(HA1), phone_name(draw(HOSTILE)), draw(st.booleans()))
                  for index, (login, extension) in enumerate(zip(logins, extensions, strict=True)))
    targets = st.one_of(st.none(), st.integers(1, 8))
    numbers = [(number, draw(targets)) for number in draw(st.lists(NUMBER, max_size=4, unique=True))]
    return DomainPlan(
        domain_id=draw(st.integers(1, 2**40)), name="a.example", number=1, language=draw(st.sampled_from(["ru", "en"])),
        is_blocked=draw(st.booleans()), main_number=draw(st.one_of(st.none(), NUMBER)), stranger_ha1="0" * 32,
        users=users, parts=rings(*numbers), pool=draw(st.one_of(st.none(), POOLS)),
        pickup_code=draw(st.from_regex(r"([0-9*#]{2,6})?", fullmatch=True)))


@given(plan=plans())
def test_what_is_rendered_passes_the_check_and_is_a_row(plan: DomainPlan) -> None:
    objects = render(plan)
    check_dialplan(plan.domain_id, dialplan_file(plan.domain_id, objects))
    for (kind, key), body in objects.items():
        assert body.isascii() or kind == "endpoint"
        if kind == "endpoint":
            row = json.loads(body)
            assert row["id"] == key
            assert row["domain_id"] == plan.domain_id
            name = re.fullmatch(r'(?:"([^"]+)" )?<[0-9]*>', row["callerid"])
            assert name is not None
            assert all(one.isalnum() or one in " ._-'" for one in name[1] or "")


@given(typed=HOSTILE)
def test_a_typed_name_is_harmless_on_phones(typed: str) -> None:
    shown = phone_name(typed)
    assert shown == phone_name(shown)
    assert len(shown) <= 60
    assert all(one.isalnum() or one in " .-'" for one in shown)
    User(1, "ivanov", "101", "0" * 32, shown)
    if shown != typed:
        with pytest.raises(BadPlan):
            User(1, "ivanov", "101", "0" * 32, typed or "\n")


@given(login=HOSTILE, extension=HOSTILE)
def test_hostile_values_never_become_a_plan(login: str, extension: str) -> None:
    for values in ((login, "101"), ("ivanov", extension)):
        try:
            user = User(1, values[0], values[1], "0" * 32)
        except BadPlan:
            continue
        assert re.fullmatch(r"[a-z0-9._-]{1,64}", user.login, re.ASCII)
        assert re.fullmatch(r"[0-9]{1,5}", user.extension, re.ASCII)


@given(first=plans(), second=plans())
def test_a_difference_leads_from_one_to_the_other(first: DomainPlan, second: DomainPlan) -> None:
    old, new = render(first), render(second)
    assert with_changes(old, difference(old, new)) == new
    assert difference(new, new) == []


@given(value=HOSTILE)
def test_an_action_stays_one_action(value: str) -> None:
    try:
        data = encode("Originate", "sw1", [("Channel", value)])
    except ValueError:
        return
    assert data.count(b"\r\n\r\n") == 1
    assert data.count(b"\r\n") == 4
    assert parse(data[:-4]).fields["action"] == "Originate"


@given(line=HOSTILE)
def test_any_line_is_a_record_or_refused(line: str) -> None:
    with contextlib.suppress(BadRecord):
        assert isinstance(parse_line(line), CdrRecord)


@given(data=st.binary(max_size=400), limit=st.integers(1, 5))
def test_a_cut_never_takes_half_a_line(data: bytes, limit: int) -> None:
    batch = cut(data, 0, limit)
    assert batch.end == 0 or data[batch.end - 1:batch.end] == b"\n"
    assert len(batch.records) + len(batch.rejected) <= limit


GOOD = ('"1","n1-1.40","n1-1.40","35","1.7","PJSIP/a-1","PJSIP/t1-2","1795227998.321374","1795227998.332833",'
        '"1795228002.251008","3.929634","3.918175","ANSWERED","101","79161234531","Dial","1","7","out","101",'
        '"79161234531","t1","15","","74950000001","1",""')


def test_a_record_is_read() -> None:
    record = parse_line(GOOD)
    assert (record.uniqueid, record.sequence, record.domain_id, record.user_id) == ("n1-1.40", 35, 1, 7)
    assert record.answered_at is not None
    assert record.answered_at.microsecond == 332833
    assert (record.hold_id, record.trunk, record.is_billable, record.cause) == (15, "t1", True, None)
    assert str(record.billsec) == "3.918175"


@pytest.mark.parametrize("cells", [26, 5, 0])
def test_a_torn_record_is_refused(cells: int) -> None:
    with pytest.raises(BadRecord):
        parse_line(",".join(GOOD.split(",")[:cells]))


def test_objects_type() -> None:
    objects: Objects = {}
    assert dialplan_file(1, objects).startswith("; Domain 1")
