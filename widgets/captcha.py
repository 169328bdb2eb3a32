"""Telling people from robots [WGT-D12]: a proof of work by ALTCHA's protocol, without any outside service.

Another implementation of `Captcha` can be put in the place of `captcha`.
"""

from __future__ import annotations

import hmac
import json
from base64 import b64decode
from datetime import timedelta
from hashlib import sha256
from typing import Any, Protocol
from urllib.parse import parse_qs

from altcha.v1 import ChallengeOptions, create_challenge, verify_solution

from app.auth import store
from app.kernel import clock
from app.settings import settings

GOOD_FOR = timedelta(minutes=5)
WORK = 60_000  # hashes at most: a fraction of a second in a browser
LONGEST = 2000  # characters of a token


class Captcha(Protocol):
    async def challenge(self, widget: str) -> dict[str, Any]: ...

    async def verify(self, token: str, widget: str, ip: str) -> bool: ...


class ProofOfWork:
    """A token is good once, for five minutes, for the widget that it was made for."""

    async def challenge(self, widget: str) -> dict[str, Any]:
        made = create_challenge(ChallengeOptions(
            hmac_key=_key(), max_number=WORK, expires=clock.now() + GOOD_FOR, params={"widget": widget}))
        return {"algorithm": made.algorithm, "challenge": made.challenge, "maxnumber": made.max_number,
                "salt": made.salt, "signature": made.signature}

    async def verify(self, token: str, widget: str, ip: str) -> bool:
        payload = _payload(token)
        if payload is None or parse_qs(payload["salt"].partition("?")[2]).get("widget") != [widget]:
            return False
        if not verify_solution(payload, _key())[0]:  # type: ignore[arg-type]
            return False
        used = f"widget:captcha:{sha256(payload['signature'].encode()).hexdigest()}"
        return bool(await store.client().set(used, 1, nx=True, ex=GOOD_FOR * 2))


def _payload(token: str) -> dict[str, Any] | None:
    """Exactly what our own challenge leads to."""
    try:
        found = json.loads(b64decode(token[:LONGEST], validate=True))
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or found.get("algorithm") != "SHA-256" or type(found.get("number")) is not int:
        return None
    texts = ("challenge", "salt", "signature")
    return found if all(isinstance(found.get(name), str) and found[name].isascii() for name in texts) else None


def _key() -> str:
    return hmac.digest(settings().secret_key, b"widget captcha", sha256).hex()


captcha: Captcha = ProofOfWork()
