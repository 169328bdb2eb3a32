"""Where Asterisk comes from: the machine's own, or a private root filesystem made by debootstrap."""
from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

SUITE = "sid"  # Debian 12 has no Asterisk 22
PACKAGES = (
    "asterisk",
    "odbc-postgresql",
    "asterisk-core-sounds-ru-wav",
    "asterisk-core-sounds-ru-gsm",
    "asterisk-core-sounds-en-wav",
    "asterisk-core-sounds-en-gsm",
)
MARKER = Path("usr/sbin/asterisk")
DEBIAN_SOUNDS = Path("usr/share/asterisk/sounds")


class AsteriskMissing(Exception):
    """No usable Asterisk on this machine; `how_to` is a sentence for the operator."""

    def __init__(self, reason: str, how_to: str) -> None:
        super().__init__(f"{reason} {how_to}")
        self.reason, self.how_to = reason, how_to


@dataclass(frozen=True, slots=True)
class Asterisk:
    """One installed Asterisk. `root` is the directory to chroot into, None when it is on the PATH."""

    binary: str
    root: Path | None

    def command(self, *arguments: str) -> list[str]:
        """Command line that runs Asterisk; the root user hands over to `asterisk` before it starts."""
        if self.root is not None:
            return ["chroot", "--userspec=asterisk:asterisk", str(self.root), self.binary, *arguments]
        return [self.binary, *arguments]

    def inside(self, path: Path) -> Path:
        """`path` of this machine as Asterisk itself sees it."""
        return path if self.root is None else Path("/") / path.relative_to(self.root)


def locate(private_root: Path) -> Asterisk:
    """Asterisk of the PATH, else a complete private root.

    Raises:
        AsteriskMissing: neither is there, or the private root cannot be entered.
    """
    on_path = shutil.which("asterisk")
    if on_path:
        return Asterisk(on_path, None)
    if not (private_root / MARKER).exists():
        raise AsteriskMissing(
            "Asterisk is not installed.",
            "Install Asterisk 22 on the PATH, or run the set-up as root on Debian with debootstrap installed.",
        )
    if os.geteuid() != 0:
        raise AsteriskMissing("The private Asterisk needs root (chroot).", "Start as root, or install Asterisk.")
    return Asterisk("/usr/sbin/asterisk", private_root.resolve())


def ensure_root(path: Path) -> Path:
    """Make the private root unless it is complete. Takes about half a minute and 600 MB.

    Raises:
        AsteriskMissing: not root, debootstrap missing, or the bootstrap failed.
    """
    if (path / MARKER).exists():
        return path
    if os.geteuid() != 0:
        raise AsteriskMissing("A private Asterisk can only be made by root.", "Run as root, or install Asterisk 22.")
    if shutil.which("debootstrap") is None:
        raise AsteriskMissing("debootstrap is not installed.", "apt-get install debootstrap")
    unfinished = path.with_name(path.name + ".part")  # renamed at the end: half a root is never used
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.parent.mkdir(parents=True, exist_ok=True)
    log = path.with_name(path.name + ".log")
    command = ["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE, str(unfinished)]
    with log.open("w") as output:
        done = subprocess.run([*command, *_mirror()], stdout=output, stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0 or not (unfinished / MARKER).exists():
        raise AsteriskMissing("debootstrap failed.", f"Read {log}.")
    shutil.rmtree(unfinished / "var/cache/apt", ignore_errors=True)
    unfinished.rename(path)
    return path


def _mirror() -> list[str]:
    """The Debian mirror this machine already uses, as debootstrap's last argument; none: its default."""
    apt = Path("/etc/apt")
    for source in [*sorted((apt / "sources.list.d").glob("*.sources")), apt / "sources.list"]:
        if not source.exists():
            continue
        for line in source.read_text(errors="replace").splitlines():
            found = re.match(r"(?:URIs:|deb(?:\s+\[[^\]]*\])?)\s+(https?://\S+/debian)/?(?:\s|$)", line)
            if found:
                return [found[1]]
    return []
