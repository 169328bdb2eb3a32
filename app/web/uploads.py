"""Uploaded files: size first, then what the content really is; the sent name and type prove nothing."""

from __future__ import annotations

from dataclasses import dataclass

from litestar.datastructures import UploadFile

from app.kernel.errors import InvalidFields
from app.kernel.i18n import _, format_number
from app.kernel.tabular import NotATable, is_workbook, read_table

MEGABYTE = 1024 * 1024
KINDS = ("wav", "mp3", "ogg", "flac", "m4a", "pdf", "png", "jpg", "gif", "tif", "xlsx", "xls", "csv", "docx", "doc")


@dataclass(frozen=True, slots=True)
class Upload:
    """A checked file: `kind` is one of KINDS, found in the content; `name` has no folders in it."""

    name: str
    kind: str
    content: bytes


def detect(content: bytes) -> str:
    """One of KINDS, "" when it is none of them."""
    head = content[:16]
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return "wav"
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):  # UTF-16, as spreadsheets write "Unicode text"
        return "csv"
    if head[:3] == b"ID3" or (len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 in (0xE2, 0xE4, 0xE6)):
        return "mp3"
    for kind, mark in (("ogg", b"OggS"), ("flac", b"fLaC"), ("pdf", b"%PDF-"), ("png", b"\x89PNG\r\n\x1a\n"),
                       ("jpg", b"\xff\xd8\xff"), ("gif", b"GIF8"), ("tif", b"II*\x00"), ("tif", b"MM\x00*")):
        if head.startswith(mark):
            return kind
    if head[4:8] == b"ftyp":
        return "m4a"
    if head.startswith(b"PK\x03\x04") and b"word/document.xml" in content:
        return "docx"
    if head.startswith(b"\xd0\xcf\x11\xe0") and "WordDocument".encode("utf-16-le") in content:
        return "doc"
    if head.startswith(b"PK\x03\x04"):
        return "xlsx" if b"xl/" in content or b"[Content_Types].xml" in content[:4096] else ""
    if is_workbook(content):
        return "xls"
    return "csv" if _is_text(content) else ""


def _is_text(content: bytes) -> bool:
    return b"\x00" not in content and bool(content.strip())


async def read_upload(file: UploadFile | None, *, field: str = "file", kinds: tuple[str, ...],
                      max_bytes: int = 10 * MEGABYTE) -> Upload:
    """Raises InvalidFields for `field`: nothing chosen, too large, empty, or not of `kinds`."""
    if file is None or not file.filename:
        raise _refuse(field, _("Choose a file."))
    content = await file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise _refuse(field, _("The file is larger than %(n)s MB.") % {
            "n": format_number(max_bytes // MEGABYTE)})
    if not content:
        raise _refuse(field, _("The file is empty."))
    kind = detect(content)
    if kind not in kinds:
        raise _refuse(field, _("This file cannot be read here. Accepted: %(kinds)s.") % {
            "kinds": ", ".join(kinds)})
    return Upload(_base_name(file.filename), kind, content)


def _refuse(field: str, text: str) -> InvalidFields:
    return InvalidFields("invalid_file", text, fields={field: text})


def _base_name(name: str) -> str:
    base = name.replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(char for char in base if char.isprintable())[:120] or "file"


def read_rows(content: bytes, *, max_rows: int = 100_000, field: str = "file") -> list[list[str]]:
    """Rows of an uploaded table. Raises InvalidFields for `field`."""
    try:
        return read_table(content, max_rows=max_rows)
    except NotATable as unreadable:
        raise _refuse(field, str(unreadable)) from unreadable
