"""A document as fax pages: TIFF G4, 204×196 dots per inch, A4; and the same as PDF.

    python -m tenants.faxes.convert <send|receive> <kind> <document> <folder>

A process of its own with limits on memory, time and files: whatever a hostile document does ends with it. Prints
one line of JSON: {"pages": 2}, or {"error": <word of present.REASONS>}; writes `fax.tif` and `fax.pdf`.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from tenants.faxes.rules import MAX_PAGES

WIDTH, HEIGHT = 1728, 2292  # A4 in a fax's "fine" resolution
X_DPI, Y_DPI = 204, 196
MAX_PIXELS = 120_000_000  # of one uploaded picture
OFFICE_SECONDS = 90
CPU_SECONDS = 150
MEMORY = 3 * 1024**3
FILE_BYTES = 256 * 1024**2
UNPACKED_BYTES = 200 * 1024**2
MAX_ENTRIES = 5_000

# Nothing in a document runs or is fetched: no macros, no linked content, and a proxy that is not there.
_SECURITY, _INET = "org.openoffice.Office.Common/Security/Scripting", "org.openoffice.Inet/Settings"
_OFFICE_SETTINGS = (
    (_SECURITY, "MacroSecurityLevel", "3"), (_SECURITY, "DisableMacrosExecution", "true"),
    (_SECURITY, "BlockUntrustedRefererLinks", "true"), ("org.openoffice.Office.Writer/Content/Update", "Link", "0"),
    (_INET, "ooInetProxyType", "2"), (_INET, "ooInetHTTPProxyName", "127.0.0.1"), (_INET, "ooInetHTTPProxyPort", "9"),
    (_INET, "ooInetHTTPSProxyName", "127.0.0.1"), (_INET, "ooInetHTTPSProxyPort", "9"))


def _registry() -> str:
    items = "".join(
        f'<item oor:path="/{path}"><prop oor:name="{name}" oor:op="fuse"><value>{value}</value></prop></item>'
        for path, name, value in _OFFICE_SETTINGS)
    return ('<?xml version="1.0" encoding="UTF-8"?>\n'
            f'<oor:items xmlns:oor="http://openoffice.org/2001/registry">{items}</oor:items>')


class Unconvertible(Exception):
    """`args[0]`: encrypted, macros, too_many_pages, too_large, no_office, office, broken, empty."""


def office() -> str | None:
    """LibreOffice's program; without it Word documents are refused."""
    return shutil.which("soffice") or shutil.which("libreoffice")


def convert(mode: str, kind: str, document: Path, folder: Path) -> int:
    """Pages written. Raises Unconvertible."""
    if kind in ("doc", "docx"):
        document, kind = _through_office(kind, document, folder), "pdf"
    if mode == "receive":
        return _as_received(document, folder)
    pages = list(_pdf_pages(document) if kind == "pdf" else _picture_pages(document))
    if not pages:
        raise Unconvertible("empty")
    options = {"save_all": True, "append_images": pages[1:]}
    pages[0].save(folder / "fax.tif", "TIFF", compression="group4", dpi=(X_DPI, Y_DPI), **options)
    _write_pdf(pages, folder)
    return len(pages)


def _write_pdf(pages: list, folder: Path) -> None:
    """Page by page with square dots: a PDF of Pillow knows one resolution."""
    square = [page.resize((page.width, round(page.height * X_DPI / Y_DPI))) for page in pages]
    square[0].save(folder / "fax.pdf", "PDF", resolution=X_DPI, save_all=True, append_images=square[1:])


def _on_a_page(picture):
    """Black and white on one A4 page, as large as fits; a wide one is turned."""
    from PIL import Image

    if picture.width > picture.height * 1.1:
        picture = picture.transpose(Image.Transpose.ROTATE_90)
    scale = min(WIDTH / picture.width, HEIGHT * X_DPI / Y_DPI / picture.height)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale * Y_DPI / X_DPI)))
    page = Image.new("L", (WIDTH, HEIGHT), 255)
    page.paste(picture.convert("L").resize(size), ((WIDTH - size[0]) // 2, 0))
    return page.convert("1")


def _pdf_pages(document: Path) -> Iterator:
    import pypdfium2

    try:
        book = pypdfium2.PdfDocument(document)
    except pypdfium2.PdfiumError as error:
        raise Unconvertible("encrypted" if "password" in str(error).lower() else "broken") from error
    if len(book) > MAX_PAGES:
        raise Unconvertible("too_many_pages")
    for page in book:
        width, height = page.get_size()
        if width <= 0 or height <= 0:
            raise Unconvertible("broken")
        # so large that it just fills a page, whatever size it says it has
        longest, shortest = max(width, height), min(width, height)
        scale = min(HEIGHT * X_DPI / Y_DPI / longest, WIDTH / shortest)
        if longest * scale < 1 or shortest * scale < 0.5:
            raise Unconvertible("too_large")
        yield _on_a_page(page.render(scale=scale, grayscale=True).to_pil())
        page.close()


def _picture_pages(document: Path) -> Iterator:
    from PIL import Image, ImageOps, ImageSequence

    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    with Image.open(document, formats=("TIFF", "JPEG", "PNG")) as picture:
        for count, frame in enumerate(ImageSequence.Iterator(picture), 1):
            if count > MAX_PAGES:
                raise Unconvertible("too_many_pages")
            if frame.width * frame.height > MAX_PIXELS:
                raise Unconvertible("too_large")
            upright = ImageOps.exif_transpose(frame)
            if upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info:
                upright = upright.convert("RGBA")
                white = Image.new("RGBA", upright.size, "white")
                upright = Image.alpha_composite(white, upright)
            yield _on_a_page(upright)


def _as_received(document: Path, folder: Path) -> int:
    """The node's TIFF as it came, with its lines in their true height."""
    from PIL import Image, ImageSequence

    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    pages = []
    with Image.open(document, formats=("TIFF",)) as picture:
        for frame in ImageSequence.Iterator(picture):
            across, down = (float(one) or X_DPI for one in frame.info.get("dpi", (X_DPI, Y_DPI)))
            height = min(round(frame.height * across / down), 4 * HEIGHT)
            pages.append(frame.convert("1").resize((frame.width, max(1, height))))
            if len(pages) > MAX_PAGES:
                raise Unconvertible("too_many_pages")
    if not pages:
        raise Unconvertible("empty")
    pages[0].save(folder / "fax.pdf", "PDF", resolution=X_DPI, save_all=True, append_images=pages[1:])
    shutil.copyfile(document, folder / "fax.tif")
    return len(pages)


# --- Word documents ----------------------------------------------------------------------------------


def _through_office(kind: str, document: Path, folder: Path) -> Path:
    program = office()
    if program is None:
        raise Unconvertible("no_office")
    _check_document(kind, document)
    home = Path(tempfile.mkdtemp(dir=folder))
    (home / "profile/user").mkdir(parents=True)
    (home / "profile/user/registrymodifications.xcu").write_text(_registry())
    named = home / f"document.{kind}"
    document.rename(named)
    command = [*_without_network(), program, "--headless", "--norestore", "--nolockcheck", "--nodefault",
               f"-env:UserInstallation={(home / 'profile').as_uri()}", "--convert-to", "pdf:writer_pdf_Export",
               "--outdir", str(home), str(named)]
    environment = {"HOME": str(home), "TMPDIR": str(home), "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
                   "LANG": "C.UTF-8", "SAL_USE_VCLPLUGIN": "svp"}
    try:
        subprocess.run(command, env=environment, cwd=home, timeout=OFFICE_SECONDS, check=False,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except subprocess.TimeoutExpired as late:
        raise Unconvertible("office") from late
    made = home / "document.pdf"
    if not made.exists():
        raise Unconvertible("office")
    return made


def _without_network() -> list[str]:
    """A network of its own with nobody in it, where the system allows that; the settings above hold anyway."""
    for words in (["unshare", "--net"], ["unshare", "--map-root-user", "--net"]):
        if not shutil.which("unshare"):
            break
        if subprocess.run([*words, "true"], check=False, capture_output=True).returncode == 0:
            return words
    return []


def _check_document(kind: str, document: Path) -> None:
    """Bombs and macros are refused before the office sees them."""
    if kind == "doc":
        if "_VBA_PROJECT".encode("utf-16-le") in document.read_bytes():
            raise Unconvertible("macros")
        return
    try:
        with zipfile.ZipFile(document) as packed:
            entries = packed.infolist()
    except zipfile.BadZipFile as broken:
        raise Unconvertible("broken") from broken
    if len(entries) > MAX_ENTRIES or sum(entry.file_size for entry in entries) > UNPACKED_BYTES:
        raise Unconvertible("too_large")
    if any(entry.filename.lower().endswith("vbaproject.bin") for entry in entries):
        raise Unconvertible("macros")


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main(words: list[str]) -> int:
    mode, kind, document, folder = words
    _limit()
    try:
        print(json.dumps({"pages": convert(mode, kind, Path(document), Path(folder))}))
    except Unconvertible as wrong:
        print(json.dumps({"error": wrong.args[0]}))
    except MemoryError:
        print(json.dumps({"error": "too_large"}))
    except Exception as error:  # libraries raise what they like at a hostile document
        name = type(error).__name__
        print(json.dumps({"error": "too_large" if "Bomb" in name else "broken"}))
        print(f"{name}: {error}"[:500], file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
