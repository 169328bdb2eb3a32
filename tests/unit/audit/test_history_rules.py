"""What stays out of the history, how its chain breaks, and how lines are worded; no I/O."""

from __future__ import annotations

import ast
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.audit import chain, present, tally, words
from app.audit.chain import COLUMNS, START, Sealed
from app.audit.queries import Line
from app.audit.secrets import MASK, SECRET_FIELDS, is_secret, told

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.req("AUD-05")
@pytest.mark.parametrize("field", sorted(SECRET_FIELDS | {
    "newPassword", "sip_ha1", "webhook_secret", "totp_secret", "refresh_token", "apiKey", "client-secret",
    "oidc_client_secret", "smtp_password", "recovery_codes", "vm_pin"}))
def test_secret_fields_are_masked(field: str) -> None:
    assert is_secret(field)
    assert told(field, "hunter2") == MASK
    assert told("settings", {"list": [{field: "hunter2"}]}) == {"list": [{field: MASK}]}


@pytest.mark.parametrize("field", ["display_name", "extension", "number", "key_word", "tokens_left_note", "keyboard",
                                   "company_name", "hashtag"])
def test_other_fields_are_told(field: str) -> None:
    assert told(field, "x") == ("x" if not is_secret(field) else MASK)
    assert field == "tokens_left_note" or not is_secret(field)


def _line(number: int, **changes: object) -> dict[str, Any]:
    line: dict[str, Any] = dict.fromkeys(COLUMNS, "x") | {
        "id": number, "domain_id": 5, "pool_id": None, "at": datetime(2026, 1, 1, tzinfo=UTC), "jumped": False,
        "actor_id": 1, "object_id": None, "changes": {"name": ["a", "б"], "list": [[1], None]}}
    return line | changes


def _sealed(lines: list[dict[str, object]]) -> list[Sealed]:
    before, found = START, []
    for number, line in enumerate(lines, 1):
        before = chain.link(before, chain.digest(line))
        found.append(Sealed(number, int(str(line["id"])), before, line))
    return found


@pytest.mark.req("AUD-02")
def test_the_chain_tells_a_changed_a_deleted_and_a_missing_link() -> None:
    lines = [_line(number) for number in (3, 1, 2, 7)]  # sealed in the order of commits
    whole = _sealed(lines)
    assert chain.first_broken(whole) is None
    for column in COLUMNS:
        bent = [*whole]
        bent[2] = Sealed(3, 2, whole[2].chain, lines[2] | {column: "something else" if column != "id" else 99})
        assert chain.first_broken(bent) == chain.Broken("changed", 2), column
    bent = [*whole]
    bent[1] = Sealed(2, 1, whole[1].chain, None)
    assert chain.first_broken(bent) == chain.Broken("deleted", 1)
    assert chain.first_broken([whole[0], *whole[2:]]) == chain.Broken("deleted", 2)
    assert chain.first_broken(whole[2:], before=whole[1].chain, last_number=2) is None


def test_a_digest_does_not_depend_on_the_order_of_fields() -> None:
    one, other = {"a": [1, 2], "b": [3, 4]}, {"b": [3, 4], "a": [1, 2]}
    assert chain.digest(_line(1, changes=one)) == chain.digest(_line(1, changes=other))


def _entry(**changes: Any) -> Line:
    facts: dict[str, Any] = {"id": 1, "at": datetime(2026, 1, 1, tzinfo=UTC), "actor_kind": "user", "actor_id": 7,
                   "actor_login": "anna", "actor_name": "Anna", "behalf_login": "", "behalf_name": "",
                   "jumped": False, "ip": "10.0.0.1", "action": "user_changed", "object_type": "user",
                   "object_id": 1, "object_name": "Anna", "changes": {}}
    return Line(**(facts | changes))


@pytest.mark.req("AUD-04", "POOL-D7")
def test_a_domain_sees_staff_as_the_system_administrator() -> None:
    staff = {"actor_kind": "staff", "actor_login": "engineer", "actor_name": "Engineer"}
    assert present.who(_entry(**staff), "domain") == present.Who("System administrator", "", "", "")
    assert present.who(_entry(actor_kind="system", actor_login="books"), "domain").name == "System administrator"
    inside = present.who(_entry(**staff, jumped=True, behalf_login="ivanov", behalf_name="Ivanov"), "domain")
    assert (inside.name, inside.login, inside.behalf) == ("System administrator", "engineer", "Ivanov (ivanov)")
    assert present.who(_entry(**staff), "provider").name == "Engineer"
    guest = present.who(_entry(actor_kind="pool_admin", actor_name="Chief", jumped=True), "domain")
    assert (guest.name, guest.ip) == ("Chief (pool administrator)", "10.0.0.1")


@pytest.mark.req("POOL-46")
@pytest.mark.parametrize(("action", "kind"), [
    ("subgroup_created", "add"), ("domain_added_to_pool", "add"), ("domain_moved", "edit"), ("domain_renamed", "edit"),
    ("profile_changed", "edit"), ("subgroup_deleted", "delete"), ("domain_removed_from_pool", "delete"),
    ("signed_in", "sign_in"), ("sign_in_failed", "sign_in"), ("entered_domain", "enter_domain")])
def test_the_pool_goes_by_types_of_actions(action: str, kind: str) -> None:
    assert present.type_of(action) == kind


def test_values_are_told_in_words() -> None:
    line = _entry(changes={"is_active": [True, False], "subgroups": [None, ["A", "B"]], "password": [MASK, MASK],
                           "role": ["supervisor", ""]})
    assert present.changes(line) == [("Active", "yes", "no"), ("Groups", "—", "A, B"), ("Password", "—", "changed"),
                                     ("Role", "Supervisor", "—")]


def _recorded() -> set[tuple[str, str]]:
    """(action, object type) of every call of `history.record` whose texts stand in the code."""
    found = set()
    for package in ("app", "billing", "tenants", "pbx_provisioning"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) \
                        and node.func.attr in ("record", "record_many") and len(node.args) >= 3:
                    texts = [one.value for one in node.args[1:3] if isinstance(one, ast.Constant)]
                    if len(texts) == 2 and all(isinstance(one, str) for one in texts):
                        found.add((texts[0], texts[1]))
    return found


@pytest.mark.req("AUD-06")
def test_every_action_and_object_that_is_recorded_has_words() -> None:
    recorded = _recorded()
    assert len(recorded) > 30
    own = {"entered_domain"}
    assert sorted({action for action, _object in recorded} - set(words.ACTIONS) - own) == []
    assert sorted({kind for _action, kind in recorded} - set(words.OBJECTS)) == []


@pytest.mark.req("AUD-03")
@pytest.mark.parametrize(("text", "after", "expected"), [
    ("2026-03-01", 0, "2026-02-28T21:00:00+00:00"), ("2026-03-01", 1, "2026-03-01T21:00:00+00:00"),
    ("nonsense", 0, None), ("", 0, None), ("9999-12-31", 1, None), ("0001-01-01", 0, None)])
def test_days_of_a_free_period_are_days_of_the_readers_zone(text: str, after: int, expected: str | None) -> None:
    found = present.day_start(text, "Europe/Moscow", after=after)
    assert (found.astimezone(UTC).isoformat() if found else None) == expected


@pytest.mark.req("AUD-03", "POOL-47")
def test_t33_seven_days_begin_at_midnight_six_days_ago() -> None:
    now = datetime(2021, 2, 10, 13, 30, tzinfo=UTC)  # 16:30 in Moscow
    found = present.since("7", now, "Europe/Moscow")
    assert found is not None
    assert found.isoformat() == "2021-02-04T00:00:00+03:00"
    assert present.since("", now, "Europe/Moscow") is None


@pytest.mark.parametrize(("since", "until", "expected"), [
    ("2026-03-01T21:00", "2026-03-05T21:00", ("2026-03-02", "2026-03-05")),
    ("2026-03-01T00:00", "2026-03-02T00:00", ("2026-03-01", "2026-03-02")),
    ("2026-03-01T21:00", "2026-03-02T21:00", ("2026-03-02", "2026-03-02")),  # not one whole day
    ("2026-03-01T10:00", "2026-03-01T12:00", ("2026-03-02", "2026-03-02")),
    ("2026-03-01T21:00", None, ("2026-03-02", None)), (None, "2026-03-01T21:00", (None, "2026-03-01")),
    (None, None, (None, None))])
def test_the_whole_days_of_a_period(since: str | None, until: str | None,
                                    expected: tuple[str | None, str | None]) -> None:
    def moment(text: str | None) -> datetime | None:
        return datetime.fromisoformat(f"{text}+00:00") if text else None

    assert tally.whole_days(moment(since), moment(until)) == tuple(
        moment(f"{day}T00:00") if day else None for day in expected)
