"""Passwords: the rule for new ones, the web hash and the digest that phones are checked against.

Hashing takes some 50 ms of a core and 19 MiB: handlers call it through `asyncio.to_thread`, with the
bound of `app.auth.hashing`.
"""

from __future__ import annotations

import re
from hashlib import md5

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from app.kernel.errors import InvalidFields
from app.kernel.i18n import _

MINIMUM = 6  # provider parameter auth.password_min_length may raise it
MAXIMUM = 64
_ALLOWED = re.compile(r"[A-Za-z0-9!@#$%^&*()\-_=+]*", re.ASCII)
_LETTER = re.compile(r"[A-Za-z]", re.ASCII)
_DIGIT = re.compile(r"[0-9]", re.ASCII)

_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def check_password_rule(password: str, *, login: str = "", extension: str = "", minimum: int = MINIMUM) -> None:
    """Latin letters and digits, at least one of each; signs `!@#$%^&*()-_=+` may stand among them [ACC-35].

    That it differs from the old one is checked by who knows the old hash [ACC-D11].

    Raises:
        InvalidFields: with the reason under the field `password`.
    """
    wrong = _what_is_wrong(password, login, extension, max(minimum, MINIMUM))
    if wrong:
        raise InvalidFields("weak_password", wrong, fields={"password": wrong})


def _what_is_wrong(password: str, login: str, extension: str, minimum: int) -> str:
    if len(password) < minimum:
        return _("At least %(count)s characters: Latin letters and digits") % {"count": minimum}
    if len(password) > MAXIMUM:
        return _("At most %(count)s characters") % {"count": MAXIMUM}
    if not _ALLOWED.fullmatch(password):
        return _("Only Latin letters, digits and the signs !@#$%^&*()-_=+ are allowed")
    if not _LETTER.search(password) or not _DIGIT.search(password):
        return _("At least one Latin letter and one digit")
    if password.lower() in {login.lower(), extension} - {""}:
        return _("The password must differ from the login and from the internal number")
    return ""


def hash_password(password: str) -> str:
    """Argon2id with its parameters and salt, as kept in the database. Slow on purpose."""
    return _hasher.hash(password)


def verify_password(password_hash: str, password: str) -> bool:
    """Slow on purpose. A hash that is not one of ours fits no password."""
    try:
        return _hasher.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


def needs_rehash(password_hash: str) -> bool:
    """The hash was made with other parameters than today's."""
    return _hasher.check_needs_rehash(password_hash)


def sip_ha1(login: str, domain: str, password: str) -> str:
    """Digest HA1 over (login, realm = domain, password): all a phone's registration is checked with [ACC-D11].

    MD5 is what SIP digest and every phone speaks (RFC 3261); the value is kept as secret as a password.
    """
    return md5(f"{login}:{domain}:{password}".encode(), usedforsecurity=False).hexdigest()
