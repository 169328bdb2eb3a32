"""Which fields of a change are told as "changed" only [AUD-05]."""

from __future__ import annotations

import re
from collections.abc import Mapping

MASK = "***"

# Named one by one; a test walks the database's columns and the history with this list.
SECRET_FIELDS = frozenset({
    "password", "password_hash", "repeat", "current", "passphrase",
    "sip_ha1", "sip_password", "sip_secret", "secret", "client_secret", "webhook_secret", "shared_secret",
    "csrf_secret", "key", "api_key", "private_key", "public_key_secret", "signing_key", "encryption_key", "access_key",
    "license_key",
    "token", "token_hash", "access_token", "refresh_token", "id_token", "api_token", "reset_token", "jump_token",
    "bearer", "authorization", "credentials", "cookie", "session", "session_id",
    "totp", "totp_secret", "otp", "recovery_code", "recovery_codes", "pin", "vm_pin", "card_token", "hash", "ha1",
})
# A field that somebody adds later: its name gives it away.
_SECRET_NAME = re.compile(
    r"(^|_)(password|passwd|passphrase|secret|secrets|token|tokens|ha1|totp|otp|apikey|credential|credentials|bearer)(_|$)"
    r"|_(key|keys|pin|hash)$|recovery_code|^(key|pin|hash)$", re.ASCII)


def is_secret(field: str) -> bool:
    """Whether values of this field stay out of the history."""
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", field).lower().replace("-", "_")
    return name in SECRET_FIELDS or bool(_SECRET_NAME.search(name))


def told(field: str, value: object) -> object:
    """The value as it may be kept: plain JSON, without secrets at any depth."""
    if is_secret(field):
        return None if value is None or value == "" else MASK
    return _plain(value)


def _plain(value: object) -> object:
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, Mapping):
        return {str(key): told(str(key), inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    if isinstance(value, (set, frozenset)):
        return sorted((_plain(inner) for inner in value), key=str)
    return str(value)
