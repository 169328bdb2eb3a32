#!/bin/sh
# Debian packages that Switchroom needs; run as root (otherwise it says what is missing and goes on).
#   debian.sh run    to run the product
#   debian.sh test   to run its tests too
set -eu
packages="python3-venv debootstrap ca-certificates"
packages="$packages libreoffice-writer-nogui"  # faxes from Word documents; without it those are refused
packages="$packages libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-dejavu-core"  # statements as PDF
[ "${1:-run}" = test ] && packages="$packages sip-tester chromium fonts-dejavu-core iproute2"
missing=""
for package in $packages; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q "ok installed" || missing="$missing $package"
done
# A Python or Node that was installed otherwise is as good as Debian's.
python3 -c 'import venv, ensurepip' 2>/dev/null && missing=$(echo "$missing" | sed 's/python3-venv//')
command -v npm >/dev/null || missing="$missing nodejs npm"
[ -z "$(echo "$missing" | tr -d ' ')" ] && exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "Not installed (root on Debian is needed):$missing" >&2
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086
apt-get install -y -qq --no-install-recommends $missing >/dev/null
