"""The short form of `python -m tests.faults`: twenty kills at random instants."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.req("FIN-60", "FIN-61")
def test_twenty_kills_and_not_a_kopeck() -> None:
    """Calls, payments and jobs delivered three times each, processes and PostgreSQL killed wherever they are."""
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    done = subprocess.run([sys.executable, "-m", "tests.faults", "--kills", "20"], cwd=ROOT, env=environment,
                          capture_output=True, text=True, timeout=300)
    seed, told = done.stdout.splitlines()[0], done.stdout.splitlines()[-1]
    assert done.returncode == 0, f"{seed}: {told[-3000:]} {done.stderr[-3000:]}"
    report = json.loads(told)
    assert sum(report["kills"].values()) == 20
    assert report["kills"]["postgres"] >= 1
    assert report["calls"] * 3 == report["lines"] == 2400
    assert report["difference"] == 0
    assert report["problems"] == []
