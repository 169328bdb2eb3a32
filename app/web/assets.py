"""Browser files: copied from npm packages at set-up, served by ourselves with addresses that change
with their content, so a browser may keep them for a year.

    python -m app.web.assets    # after `npm ci`
"""

from __future__ import annotations

import gzip
import hashlib
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from litestar import Request, Response, get
from litestar.params import FromPath

from app.kernel.errors import NotFound
from app.kernel.i18n import _
from app.settings import ROOT

STATIC_DIR = Path(__file__).parent / "static"
VENDOR_DIR = STATIC_DIR / "vendor"
NODE_MODULES = ROOT / "node_modules"
PACKAGES = {
    "tabler.css": "@tabler/core/dist/css/tabler.min.css",
    "htmx.js": "htmx.org/dist/htmx.min.js",
    "alpine.js": "@alpinejs/csp/dist/cdn.min.js",
    "echarts.js": "echarts/dist/echarts.common.min.js",
}
ICONS = (
    "activity", "adjustments", "apps", "address-book", "alert-circle", "alert-triangle", "api",
    "archive", "arrow-back-up", "arrow-down", "arrow-left", "arrow-right", "arrow-up", "bell",
    "book", "book-2", "brand-stripe", "building", "building-community", "bulb", "calendar", "cash",
    "cash-banknote", "chart-bar", "chart-line", "check", "chevron-down", "chevron-left",
    "chevron-right", "chevron-up", "circle-check", "circle-x", "clock", "cloud", "copy",
    "credit-card", "database", "device-floppy", "device-landline-phone", "device-mobile", "dots",
    "dots-vertical", "download", "edit", "external-link", "eye", "eye-off", "file", "file-import",
    "file-spreadsheet", "filter", "folder", "gauge", "git-branch", "git-compare", "grip-vertical",
    "hash", "headphones", "headset", "help", "history", "home", "hourglass", "inbox", "info-circle",
    "key", "language", "layout-dashboard", "layout-sidebar", "link", "list", "list-check",
    "list-details", "loader-2", "lock", "lock-open", "login", "logout", "mail", "map-pin", "menu-2",
    "message", "message-circle", "microphone", "minus", "moon", "music", "network", "number",
    "player-pause", "player-play", "phone", "phone-call", "phone-calling", "phone-check",
    "phone-incoming", "phone-off", "phone-outgoing", "phone-x", "plug", "plus", "point", "power",
    "printer", "puzzle", "receipt", "refresh", "report", "robot", "route", "router", "search",
    "select", "selector", "send", "server", "server-2", "settings", "settings-2", "shield",
    "shield-check", "sitemap", "speakerphone", "square-rounded-plus", "star", "sun",
    "switch-horizontal", "tag", "tags", "template", "ticket", "tool", "transfer", "trash",
    "trending-up", "upload", "user", "user-check", "user-circle", "user-cog", "user-plus", "user-x",
    "users", "users-group", "volume", "wallet", "webhook", "wifi", "world", "x",
)
TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
         ".svg": "image/svg+xml", ".png": "image/png", ".json": "application/json"}


def build() -> list[Path]:
    """Copy what the panel uses out of node_modules and draw the icon sprite.

    Raises:
        FileNotFoundError: `npm ci` has not been run.
    """
    VENDOR_DIR.mkdir(parents=True, exist_ok=True)
    written = []
    for name, source in PACKAGES.items():
        text = (NODE_MODULES / source).read_bytes()
        # a map's address would be asked for by developer tools and answered by 404
        text = re.sub(rb"\n?(//|/\*)# sourceMappingURL=[^\n]*", b"", text)
        written.append(_write(VENDOR_DIR / name, text))
    written.append(_write(VENDOR_DIR / "icons.svg", _sprite().encode()))
    return written


def _write(path: Path, content: bytes) -> Path:
    if not path.exists() or path.read_bytes() != content:
        beside = path.with_name(path.name + ".new")
        beside.write_bytes(content)
        beside.replace(path)
    return path


def _sprite() -> str:
    symbols = []
    for name in ICONS:
        source = (NODE_MODULES / "@tabler/icons/icons/outline" / f"{name}.svg").read_text()
        body = source[source.index(">", source.index("<svg")) + 1 : source.rindex("</svg>")]
        body = body.replace('<path stroke="none" d="M0 0h24v24H0z" fill="none" />', "")
        symbols.append(f'<symbol id="{name}" viewBox="0 0 24 24">{" ".join(body.split())}</symbol>')
    return f'<svg xmlns="http://www.w3.org/2000/svg">{"".join(symbols)}</svg>\n'


@dataclass(frozen=True, slots=True)
class Asset:
    """One served file, held compressed (some 600 kB for all of them)."""

    digest: str
    media_type: str
    packed: bytes


@cache
def _load(name: str, _stamp: int) -> Asset:
    content = (STATIC_DIR / name).read_bytes()
    return Asset(hashlib.sha256(content).hexdigest()[:10], TYPES[Path(name).suffix],
                 gzip.compress(content, 9, mtime=0))


@cache
def _known() -> dict[str, int]:
    return {str(path.relative_to(STATIC_DIR)): path.stat().st_mtime_ns
            for path in STATIC_DIR.rglob("*") if path.suffix in TYPES}


def forget() -> None:
    """Read the files anew at the next use (after `build`, and in development)."""
    _known.cache_clear()
    asset_url.cache_clear()


@cache
def asset_url(name: str) -> str:
    """Address of a file below `static/`, with its content's hash in the path.

    Raises:
        KeyError: no such file; run `npm ci` and `python -m app.web.assets`.
    """
    return f"/static/{_load(name, _known()[name]).digest}/{name}"


@get("/static/{digest:str}/{name:path}", opt={"public": True, "csrf_exempt": True}, sync_to_thread=False,
     include_in_schema=False)
def static_file(request: Request, digest: FromPath[str], name: FromPath[str]) -> Response[bytes]:
    """Only names found at start are looked up, so no path can lead out of the folder."""
    stamp = _known().get(str(name).lstrip("/"))
    if stamp is None:
        raise NotFound("not_found", _("No such file."))
    asset = _load(str(name).lstrip("/"), stamp)
    headers = {"Vary": "Accept-Encoding", "ETag": f'"{asset.digest}"',
               "Cache-Control": "public, max-age=31536000, immutable" if digest == asset.digest
               else "no-cache"}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(b"", status_code=304, headers=headers, media_type=asset.media_type)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(asset.packed, headers=headers | {"Content-Encoding": "gzip"},
                        media_type=asset.media_type)
    return Response(gzip.decompress(asset.packed), headers=headers, media_type=asset.media_type)


if __name__ == "__main__":
    for file in build():
        print(file.relative_to(ROOT), file.stat().st_size)
