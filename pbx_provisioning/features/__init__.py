"""What features bring to a domain's configuration, a module each: reading it, checking it, its lines [ARCHITECTURE 5].

Above this layer nothing renders dialplan; tables of higher features are read here by SQL, like all others.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module

MODULES: tuple[str, ...] = ("events", "routing", "ivr", "operators", "groups", "private_routes")


@cache
def load_all() -> None:
    """Import every feature: each registers its part."""
    for name in MODULES:
        import_module(f"pbx_provisioning.features.{name}")
