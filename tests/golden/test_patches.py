"""What is told to Asterisk instead of a reload says the same as the file."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from pbx_provisioning.apply.patch import MOST, patches
from pbx_provisioning.apply.step import Step
from pbx_provisioning.apply.store import difference
from pbx_provisioning.plan.load import Wanted
from pbx_provisioning.plan.model import DomainPlan, User
from pbx_provisioning.render.objects import dialplan_file, render
from tests.golden.test_provisioning import OFFICE, USERS, rings

WANTED = Wanted(42, 1, 2, 1, None, datetime(2026, 1, 1, tzinfo=UTC), "anna", "test", "")


def step(old: DomainPlan, new: DomainPlan, *, is_repair: bool = False) -> Step:
    before, after = render(old), render(new)
    return Step(WANTED, after, difference(before, after), "", [], dialplan=dialplan_file(42, after),
                is_repair=is_repair)


def test_a_moved_extension_and_a_number() -> None:
    moved = (replace(USERS[0], extension="300"), USERS[1])
    found = patches([step(OFFICE, replace(OFFICE, users=moved, parts=rings(("74951234567", 8))))])
    assert found == (
        [("DialplanExtensionRemove", {"Context": "sw-did", "Extension": "74951234568"}),
         ("DialplanExtensionRemove", {"Context": "d42-ext", "Extension": "101"})],
        [("DialplanExtensionAdd", {
            "Context": "sw-did", "Extension": "74951234567", "Priority": "1", "Application": "Gosub",
            "ApplicationData": "sw-in-user,s,1(42,anna.p@acme.pbx.example,8,40)", "Replace": "yes"}),
         ("DialplanExtensionAdd", {
             "Context": "d42-ext", "Extension": "300", "Priority": "1", "Application": "Gosub",
             "ApplicationData": "sw-user,s,1(ivanov@acme.pbx.example,7,40)", "Replace": "yes"})])


def test_what_needs_a_reload() -> None:
    blocked = step(OFFICE, replace(OFFICE, is_blocked=True))
    first = step(replace(OFFICE, users=()), OFFICE)
    many = tuple(User(index, f"user{index}", str(1000 + index), "0" * 32) for index in range(1, MOST + 2))
    assert patches([blocked]) is None
    assert patches([first]) is None
    assert patches([step(OFFICE, replace(OFFICE, users=many))]) is None
    assert patches([step(OFFICE, replace(OFFICE, users=USERS[:1]), is_repair=True)]) is None


def test_a_new_password_needs_nothing() -> None:
    changed = (replace(USERS[0], ha1="f" * 32), USERS[1])
    assert patches([replace(step(OFFICE, replace(OFFICE, users=changed)), dialplan=None)]) == ([], [])
