"""HTML on standard input, PDF on standard output: the layout takes seconds, so it is a process of its own."""

from __future__ import annotations

import asyncio
import sys

from app.kernel.errors import Refused
from app.kernel.i18n import _
from app.settings import ROOT

LONGEST_SECONDS = 60
_turn = asyncio.Semaphore(2)


class Unavailable(Refused):
    """No PDF can be made here: the libraries of Debian's package are missing, or it took too long."""


async def as_pdf(html: str) -> bytes:
    """Two at once in a process.

    Raises:
        Unavailable: the text is not laid out in time, or not at all.
    """
    async with _turn:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "billing.statements.pdf", cwd=ROOT, stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL)
        try:
            found, _errors = await asyncio.wait_for(process.communicate(html.encode()), LONGEST_SECONDS)
        except BaseException as ended:
            process.kill()
            await process.wait()
            if isinstance(ended, TimeoutError):
                raise _unavailable() from ended
            raise
    if process.returncode != 0 or not found.startswith(b"%PDF"):
        raise _unavailable()
    return found


def _unavailable() -> Unavailable:
    return Unavailable("no_pdf", _("The PDF could not be made. The same statement is available as an XLSX file."))


def main() -> None:
    """Nothing outside the text is fetched."""
    from weasyprint import HTML

    def refuse(url: str, *_args: object, **_named: object) -> dict:
        raise ValueError(url)

    sys.stdout.buffer.write(HTML(string=sys.stdin.buffer.read().decode(), url_fetcher=refuse).write_pdf() or b"")


if __name__ == "__main__":
    main()
