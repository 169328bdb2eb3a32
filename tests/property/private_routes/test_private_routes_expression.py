"""What a tenant types, what we ask here, and what the PBX compares with its own library say the same [PRV-47]."""

from __future__ import annotations

import ctypes
import re
from functools import lru_cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenants.private_routes.expression import BadExpression, parse

DOMAIN = "a.example"
_LIBC = ctypes.CDLL(None)
EXTENDED, NO_SUB = 1, 8
SAFE = re.compile(r"[a-z0-9*#+@:.()|?^$\[\]-]*")

atoms = st.sampled_from([r"\d", r"\w", r"\D", ".", "8", "1", "12", "*", r"\*", r"\+", "#", "[0-5]", "[^3]", "[*#]", r"[\d+]",
                         "@", r"\.", "sip:", r"\S", r"\s", "-", "(?:7)", "z", ",", '"', r"\$", r"\{", "{", ";", "x{2}"])
counts = st.sampled_from(["", "", "*", "+", "?", "{2}", "{1,3}", "{0,2}", "{2,}", "*?"])
pieces = st.recursive(
    st.builds(lambda atom, count: atom + count, atoms, counts),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=4).map("".join),
        st.builds(lambda ways, count: f"({'|'.join(ways)}){count}", st.lists(inner, min_size=1, max_size=3), counts)),
    max_leaves=8)
dialled = st.text("0123789*#+", min_size=1, max_size=8)


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> ctypes.Array:
    room = ctypes.create_string_buffer(256)
    assert _LIBC.regcomp(room, pattern.encode(), EXTENDED | NO_SUB) == 0, pattern
    return room


def pbx_matches(pattern: str, subject: str) -> bool:
    """As REGEX() of Asterisk does: regcomp and regexec of the C library."""
    return _LIBC.regexec(_compiled(pattern), subject.encode(), 0, None, 0) == 0


@pytest.mark.req("PRV-47")
@given(middle=pieces, starts=st.sampled_from(["sip:", "^sip:", ""]), number=dialled, ends=st.sampled_from(["@.*", "@.*$", ""]))
def test_all_three_agree(middle: str, starts: str, number: str, ends: str) -> None:
    typed = f"{starts}{middle}{ends}"
    try:
        wanted = re.compile(typed)
    except re.error:
        with pytest.raises(BadExpression):
            parse(typed)
        return
    try:
        found = parse(typed)
    except BadExpression:
        return
    subject = f"sip:{number}@{DOMAIN}"
    expected = wanted.fullmatch(subject) is not None
    assert found.matches(number, DOMAIN) == expected, typed
    assert pbx_matches(found.posix, subject) == expected, (typed, found.posix)
    assert SAFE.fullmatch(found.posix)
    assert "${" not in found.posix
    assert "$[" not in found.posix
