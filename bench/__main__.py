"""`python -m bench [names…]`: measure, and write docs/benchmarks.md.

Each benchmark is a process of its own, so that none inherits another's memory or connections.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
from importlib import import_module

from app.kernel import clock
from bench import machine, report

# in the order of the page; module `bench.<name>` has `async def measure(scale) -> Section`
NAMES = ("live", "registrations", "pages", "records", "authorise", "overspend", "pools", "history", "finance", "oracle",
         "dashboard", "billing", "books", "memory")

LONGEST_SECONDS = 1200


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"which of {', '.join(NAMES)}; all by default")
    parser.add_argument("--scale", type=float, default=1.0, help="smaller sizes for a trial, nothing is written")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    unknown = set(args.names) - set(NAMES)
    if unknown:
        parser.error(f"no benchmark {', '.join(sorted(unknown))}")
    if args.here:
        return _measure(args.names[0], args.scale)
    failed = [name for name in args.names or NAMES if not _in_own_process(name, args.scale)]
    if args.scale == 1.0 and report.KEPT.exists():
        report.write(NAMES)
        print(f"Written: {report.SHOWN.relative_to(report.DOCS.parent)}")
    if failed:
        print(f"Failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def _in_own_process(name: str, scale: float) -> bool:
    print(f"— {name} …", flush=True)
    words = [sys.executable, "-m", "bench", name, "--here", "--scale", str(scale)]
    process = subprocess.Popen(words)
    try:
        return process.wait(LONGEST_SECONDS) == 0
    except (subprocess.TimeoutExpired, KeyboardInterrupt) as ended:
        process.send_signal(signal.SIGINT)  # it stops what it started
        process.wait(60)
        if isinstance(ended, KeyboardInterrupt):
            raise
        return False


def _measure(name: str, scale: float) -> int:
    import uvloop

    others = machine.busy_cores()
    section: report.Section = uvloop.run(import_module(f"bench.{name}").measure(scale))
    for figure in section.figures:
        verdict = {True: "met", False: "NOT MET", None: ""}[figure.met]
        print(f"  {figure.what}: {figure.value}  {figure.target}  {verdict}".rstrip(), flush=True)
    if scale == 1.0:
        measured = clock.now().strftime("%Y-%m-%d %H:%M UTC")
        report.keep(name, section, measured=measured, others=others, machine=machine.describe())
    return 0


if __name__ == "__main__":
    sys.exit(main())
