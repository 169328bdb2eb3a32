"""The three panels as a session knows them: where each lives and under which cookie.

Each has a cookie of its own, so that an engineer can be in the provider console and in a domain at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from litestar.connection import ASGIConnection

from app.kernel.actors import ActorKind
from app.settings import settings

SHARED = frozenset({"/language"})  # asked for from every panel: the page it was asked from says which


@dataclass(frozen=True, slots=True)
class Shell:
    """One panel: everything below `path` belongs to it."""

    name: str  # domain | pool | provider
    cookie: str
    path: str  # of its start page
    kind: ActorKind  # who signs in here

    @property
    def cookie_name(self) -> str:
        """Under https browsers take a `__Host-` cookie from this very host only, not from a neighbour."""
        return f"__Host-{self.cookie}" if settings().is_secure else self.cookie

    def _below(self, name: str) -> str:
        return f"{self.path.rstrip('/')}/{name}"

    @property
    def sign_in_url(self) -> str:
        return self._below("sign-in")

    @property
    def security_url(self) -> str:
        """Own sessions and the second factor."""
        return {"domain": "/me/security", "pool": "/group/profile/security"}.get(self.name, "/provider/security")

    @property
    def sign_out_url(self) -> str:
        return self._below("sign-out")


DOMAIN = Shell("domain", "switchroom_session", "/", ActorKind.DOMAIN_USER)
POOL = Shell("pool", "switchroom_group", "/group", ActorKind.POOL_ADMIN)
PROVIDER = Shell("provider", "switchroom_provider", "/provider", ActorKind.STAFF)
SHELLS = {shell.name: shell for shell in (DOMAIN, POOL, PROVIDER)}

LANDING = {"user": "/me"}  # everybody else starts at the panel's own page [ACC-09]


def shell_of(path: str) -> Shell:
    """Whose address it is."""
    for shell in (POOL, PROVIDER):
        if path == shell.path or path.startswith(shell.path + "/"):
            return shell
    return DOMAIN


def shell_of_request(connection: ASGIConnection) -> Shell:
    """Whose cookie counts. A false Referer gains nothing: it only picks among the sender's own cookies."""
    path = connection.scope["path"]
    if path in SHARED:
        path = urlsplit(connection.headers.get("referer", "")).path or path
    return shell_of(path)


def landing_url(shell: Shell, role: str) -> str:
    """Where a person comes to after the sign-in."""
    return LANDING.get(role, shell.path)


def safe_next(shell: Shell, wish: str) -> str:
    """The wished address if it is a page of this panel on this host, else "".

    Browsers read `//host` and `/\\host` as another host, and drop tabs and line ends before they look.
    """
    if not wish.startswith("/") or wish[1:2] in ("/", "\\") or len(wish) > 2000:
        return ""
    if any(ord(char) < 33 or ord(char) == 127 or char == "\\" for char in wish):
        return ""
    path = wish.split("?")[0].split("#")[0]
    if shell_of(path) is not shell or path in (shell.sign_in_url, shell.sign_out_url):
        return ""
    return wish
