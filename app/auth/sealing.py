"""Secrets that must be read again, kept so that a copy of the database alone does not give them away."""

from __future__ import annotations

import secrets
from functools import cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.settings import settings

NONCE_BYTES = 12


@cache
def _cipher(secret_key: bytes) -> AESGCM:
    return AESGCM(HKDF(SHA256(), 32, salt=None, info=b"switchroom sealed secrets").derive(secret_key))


def seal(text: str, place: str) -> bytes:
    """`place` (table and owner) is bound in: the value opens nowhere else, so swapped rows are noticed."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + _cipher(settings().secret_key).encrypt(nonce, text.encode(), place.encode())


def unseal(sealed: bytes, place: str) -> str:
    """
    Raises:
        ValueError: sealed with another installation's key, in another place, or damaged.
    """
    try:
        plain = _cipher(settings().secret_key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], place.encode())
    except InvalidTag:
        raise ValueError(f"{place} cannot be opened with this installation's key") from None
    return plain.decode()
