"""No unsafe request passes without a token of its own session."""

from __future__ import annotations

import re

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.web.csrf import check_token, make_token
from app.web.pages import own_address
from tests.gallery import the_gallery

pytestmark = pytest.mark.anyio
SECRET = b"s" * 32


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def test_token_belongs_to_one_session():
    token = make_token(SECRET, "session-a")
    assert check_token(SECRET, "session-a", token)
    assert not check_token(SECRET, "session-b", token)
    assert not check_token(b"t" * 32, "session-a", token)
    assert token != make_token(SECRET, "session-a")


@given(st.text())
def test_any_text_is_refused_quietly(text: str):
    assert not check_token(SECRET, "session-a", text)
    assert not check_token(SECRET, "", make_token(SECRET, ""))


async def test_pages_hand_out_what_posts_need():
    with the_gallery() as app:
        transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            assert (await client.post("/gallery/users/delete")).status_code == 403
            page = await client.get("/gallery/users")
            token = re.search(r'csrf-token" content="([^"]+)"', page.text).group(1)  # type: ignore[union-attr]
            header = await client.post("/gallery/users/delete", headers={"X-CSRF-Token": token})
            field = await client.post("/gallery/users/delete", data={"csrf_token": token})
            assert (header.status_code, field.status_code) == (409, 409)
            foreign = await client.post("/gallery/users/delete", headers={"X-CSRF-Token": token,
                                                                         "Sec-Fetch-Site": "cross-site"})
            assert foreign.status_code == 403
            client.cookies.set("visitor", "somebody-else")
            assert (await client.post("/gallery/users/delete", headers={"X-CSRF-Token": token})).status_code == 403


async def test_headers_on_every_answer():
    with the_gallery() as app:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            for path in ("/gallery/users", "/gallery/nope", "/gallery/defect"):
                answer = await client.get(path)
                policy = answer.headers["content-security-policy"]
                assert "script-src 'self'" in policy
                assert "unsafe" not in policy
                assert answer.headers["x-content-type-options"] == "nosniff"
                assert not re.search(r"<script(?![^>]*src=)|\sstyle=|\son\w+=", answer.text)


@pytest.mark.parametrize("address", ["//evil.example", "https://evil.example", "/\\evil", "",
                                     "javascript:1", "/a\r\nX: 1"])
def test_no_redirect_leads_elsewhere(address: str):
    assert own_address(address) == "/"


def test_own_addresses_are_kept():
    assert own_address("/users?q=1") == "/users?q=1"
