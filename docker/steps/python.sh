#!/bin/sh
# Virtual environment from the pinned, hashed lock: python.sh <venv> <lock file>
set -eu
venv=$1 lock=$2
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r "$lock"
