"""All tests, in three runs side by side: real calls mostly wait, browsers wait for pages, everything else mostly reckons.

    python -m tests [options of pytest]

They share one database server and one cache; each makes a database of its own. A run's output is shown when it has
ended. The calls have the right of way: what they measure is time.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from tests.conftest import STATE

ROOT = Path(__file__).resolve().parent.parent
RUNS = (  # name, what, nice
    ("calls", ["tests/calls"], 0), ("browser", ["tests/browser"], 3),
    ("everything else", ["tests", "--ignore=tests/calls", "--ignore=tests/browser"], 5))


def main(options: list[str]) -> int:
    """Highest exit code of the runs."""
    from app.runner import embedded

    postgres, redis = embedded.servers(STATE)
    environment = dict(os.environ)
    own = {"TEST_DATABASE_URL": postgres, "TEST_REDIS_URL": redis}
    started = [server for name, server in own.items() if name not in environment]
    STATE.mkdir(parents=True, exist_ok=True)
    try:
        if postgres in started:
            postgres.start("-c fsync=off")
            environment["TEST_DATABASE_URL"] = postgres.owner_url
        if redis in started:
            redis.start()
            environment["TEST_REDIS_URL"] = redis.url
        return _run(environment, options)
    finally:
        for server in started:
            server.stop()


def _run(environment: dict[str, str], options: list[str]) -> int:
    running = []
    for number, (name, what, nice) in enumerate(RUNS, 1):
        log = STATE / f"run-{number}.log"
        output = log.open("wb")
        process = subprocess.Popen(
            [sys.executable, "-m", "pytest", *what, *options], cwd=ROOT, stdout=output, stderr=subprocess.STDOUT,
            env=environment | {"TEST_REDIS_DATABASE": str(number), "PYTHONUNBUFFERED": "1"},
            preexec_fn=(lambda by=nice: os.nice(by)) if nice else None)
        running.append((name, process, log, output, time.monotonic()))
    codes = []
    for name, process, log, output, began in running:
        codes.append(process.wait())
        output.close()
        print(f"--- {name}: {time.monotonic() - began:.0f} s", flush=True)
        print(log.read_text(errors="replace"), flush=True)
    return max(abs(code) for code in codes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
