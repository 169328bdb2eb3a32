"""Time zones as the console offers and accepts them."""

from __future__ import annotations

from functools import cache
from zoneinfo import available_timezones

_RUSSIAN = ("Europe/Kaliningrad", "Europe/Moscow", "Europe/Samara", "Asia/Yekaterinburg", "Asia/Omsk",
            "Asia/Krasnoyarsk", "Asia/Irkutsk", "Asia/Yakutsk", "Asia/Vladivostok", "Asia/Magadan", "Asia/Kamchatka")


@cache
def time_zones() -> tuple[str, ...]:
    """Places of the world, Russian ones first."""
    rest = sorted(name for name in available_timezones() if "/" in name and not name.startswith(("Etc", "SystemV"))
                  and name not in _RUSSIAN)
    return (*_RUSSIAN, *rest)
