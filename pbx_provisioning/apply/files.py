"""Configuration files of the node: whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def read(path: Path) -> str | None:
    """The file's text, None when there is none."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None


def replace(path: Path, content: str | bytes) -> None:
    """Write beside, flush to the disk, rename: a reader and a crash see the old file or the new one.

    The temporary name ends in ".new", which Asterisk's includes (`*.conf`) do not match.
    """
    beside = path.with_name(path.name + ".new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
        file.flush()
        os.fsync(file.fileno())
    same_owner(beside)
    beside.rename(path)
    _flush_folder(path.parent)


def remove(path: Path) -> bool:
    """False when there was none."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    _flush_folder(path.parent)
    return True


def same_owner(path: Path) -> None:
    """As root the file is given to the folder's owner: Asterisk reads it under an account of its own."""
    if os.geteuid() == 0:
        folder = path.parent.stat()
        os.chown(path, folder.st_uid, folder.st_gid)


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
