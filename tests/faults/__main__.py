"""`python -m tests.faults --kills 1000`: exit code 1 when anything differs."""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
from dataclasses import asdict
from pathlib import Path

STATE = Path(os.environ.get("SWITCHROOM_TEST_STATE") or Path(__file__).resolve().parents[2] / ".local" / "test")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6),
                        help="of what happens; the instants are the machine's")
    args = parser.parse_args()
    print(f"seed {args.seed}", flush=True)
    from tests.faults.run import run

    report = run(args.kills, args.seed, STATE.resolve() / f"faults-{os.getpid()}")
    print(json.dumps(asdict(report)))
    return 1 if report.problems or report.difference else 0


if __name__ == "__main__":
    sys.exit(main())
