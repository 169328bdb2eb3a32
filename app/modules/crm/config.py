"""Keys of our applications in the CRMs and where those live; the provider's, from the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cache
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Application:
    """`hosts`: endings of the names of accounts that we talk to; `oauth`: where tokens come from, "" = the account."""

    client_id: str
    client_secret: str = field(repr=False)
    hosts: tuple[str, ...]
    oauth: str = ""
    scheme: str = "https"

    @property
    def is_ready(self) -> bool:
        return bool(self.client_id and self.client_secret)

    def address_of(self, host: str) -> str:
        """Base address of an account. Raises ValueError: a host that is none of the CRM's."""
        parts = urlsplit(f"//{host.strip().lower()}")
        name = parts.hostname or ""
        if parts.path or parts.query or "@" in parts.netloc or not any(
                name == end or name.endswith(f".{end}") for end in self.hosts):
            raise ValueError(host)
        return f"{self.scheme}://{parts.netloc}"


@cache
def applications() -> dict[str, Application]:
    env = os.environ
    return {
        "amocrm": Application(env.get("AMOCRM_CLIENT_ID", ""), env.get("AMOCRM_CLIENT_SECRET", ""),
                              tuple(env.get("AMOCRM_HOSTS", "amocrm.ru amocrm.com kommo.com").split())),
        "bitrix24": Application(env.get("BITRIX24_CLIENT_ID", ""), env.get("BITRIX24_CLIENT_SECRET", ""),
                                tuple(env.get("BITRIX24_HOSTS", "bitrix24.ru bitrix24.com bitrix24.kz").split()),
                                env.get("BITRIX24_OAUTH", "https://oauth.bitrix.info"))}
