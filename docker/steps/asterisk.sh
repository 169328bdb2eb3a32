#!/bin/sh
# Asterisk 22 in a private root file system, when there is none on the PATH: asterisk.sh <python>
# Without root the product runs all the same, telephony off; the panel and `doctor` say so.
set -eu
"$1" -m app asterisk || echo "Telephony stays off; \`python -m app doctor\` explains." >&2
