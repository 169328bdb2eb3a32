"""A stored sound as an HTTP answer: whole, or the part that a player asks for."""

from __future__ import annotations

import re

from litestar import Request, Response

from app.kernel.files import StoredFile
from app.web.exports import file_answer

_RANGE = re.compile(r"bytes=(\d{0,12})-(\d{0,12})")


def audio_answer(request: Request, stored: StoredFile) -> Response[bytes]:
    """`?download` gives it as a file; else one range is understood (RFC 9110), anything more gets the whole."""
    if "download" in request.query_params:
        return file_answer(stored.content, stored.name, stored.media_type)
    headers = {"Accept-Ranges": "bytes", "Cache-Control": "private, no-cache", "X-Content-Type-Options": "nosniff",
               "Content-Disposition": "inline"}
    size = len(stored.content)
    wanted = _range(request.headers.get("range", ""), size)
    if wanted is None:
        return Response(stored.content, media_type=stored.media_type, headers=headers)
    first, last = wanted
    if first >= size or last < first:
        return Response(b"", status_code=416, headers=headers | {"Content-Range": f"bytes */{size}"},
                        media_type=stored.media_type)
    return Response(stored.content[first:last + 1], status_code=206, media_type=stored.media_type,
                    headers=headers | {"Content-Range": f"bytes {first}-{last}/{size}"})


def _range(header: str, size: int) -> tuple[int, int] | None:
    """(first, last) in bytes; None: the whole."""
    found = _RANGE.fullmatch(header.strip())
    if not found or found[1] == found[2] == "":
        return None
    if found[1] == "":  # the last so many
        return max(size - int(found[2]), 0), size - 1
    return int(found[1]), min(int(found[2]), size - 1) if found[2] else size - 1
