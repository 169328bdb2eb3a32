"""Figures beside their targets: kept in docs/benchmarks.json, shown in docs/benchmarks.md."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent / "docs"
KEPT, SHOWN = DOCS / "benchmarks.json", DOCS / "benchmarks.md"

HEAD = """# Benchmarks

Written by `make bench` (`python -m bench`); `python -m bench live records` measures only those again and leaves
the other sections as they are. Each benchmark starts a PostgreSQL (fsync on), a Redis and, where it needs one, an
Asterisk of its own on loopback, and removes them. Load generators run on the same machine and take their share
of it. "Others" is what other programs of the machine used in the seconds before the start, in cores.
"""


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of a section. `met` None: no target, or the machine could not measure it."""

    what: str
    value: str
    target: str = ""
    met: bool | None = None


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    figures: Sequence[Figure]
    notes: Sequence[str]


def percentile(values: Sequence[float], part: float) -> float:
    """The value that `part` of all do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-int(part * 1000) * len(ordered) // 1000) - 1))]


def spread(values: Sequence[float], unit: str = "ms", scale: float = 1000.0) -> str:
    """Median, 95th percentile and the largest."""
    p50, p95 = percentile(values, 0.5), percentile(values, 0.95)
    return f"p50 {p50 * scale:.0f} {unit}, p95 {p95 * scale:.0f} {unit}, max {max(values) * scale:.0f} {unit}"


def keep(name: str, section: Section, *, measured: str, others: float, machine: dict[str, str]) -> None:
    """Replace one section; both files are written."""
    known = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    known[name] = {**asdict(section), "measured": measured, "others": round(others, 1), "machine": machine}
    DOCS.mkdir(exist_ok=True)
    KEPT.write_text(json.dumps(known, indent=1, ensure_ascii=False, sort_keys=True) + "\n")


def write(order: Sequence[str]) -> None:
    """docs/benchmarks.md from what is kept."""
    known = json.loads(KEPT.read_text())
    sections = [(name, known[name]) for name in order if name in known]
    machine = sections[-1][1]["machine"]
    lines = [HEAD, "| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in machine.items()), ""]
    for name, section in sections:
        lines += _lines(name, section, machine)
    SHOWN.write_text("\n".join(lines))


def _lines(name: str, section: dict, machine: dict[str, str]) -> list[str]:
    lines = [f"## {section['title']}", "",
             f"`python -m bench {name}`, {section['measured']}, others {section['others']:.1f} cores.", "",
             "| Figure | Measured | Target | |", "|---|---|---|---|"]
    for figure in section["figures"]:
        verdict = {True: "met", False: "**not met**", None: ""}[figure["met"]]
        lines.append(f"| {figure['what']} | {figure['value']} | {figure['target']} | {verdict} |")
    lines.append("")
    lines += [f"- {note}" for note in section["notes"]]
    if section["machine"] != machine:
        other = ", ".join(f"{key} {value}" for key, value in section["machine"].items() if machine.get(key) != value)
        lines.append(f"- Measured elsewhere: {other}.")
    return [*lines, ""]
