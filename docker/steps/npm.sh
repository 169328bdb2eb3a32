#!/bin/sh
# Browser libraries from the npm lock, copied to where the web process serves them: npm.sh <python>
set -eu
npm ci --silent --no-fund --no-audit
"$1" -m app build
