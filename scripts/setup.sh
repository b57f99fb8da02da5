#!/usr/bin/env bash
# Installs the Debian packages that building, testing and the demo need; does nothing, quickly, when all are there.
#
# usage: scripts/setup.sh [--developer | --peers]   --developer adds clang, libomp-dev, clang-format (second compiler, fuzzers, make format)
#                                                   and chromium (the report's page is tested in it),
#                                                   --peers adds g++ (llama.cpp, which make bench compares with)
# exit:  0 everything is there; 1 apt failed; 2 something is missing and this user may not install it (the list is printed)
set -euo pipefail

packages="gcc libc6-dev cmake ninja-build pkg-config make git ca-certificates python3 python3-pip
  libdnnl-dev libflint-dev libflint-arb-dev libantic-dev libcalcium-dev libjansson-dev libyaml-dev libsqlite3-dev libpcre2-dev libutf8proc-dev libcurl4-openssl-dev libcmocka-dev
  libjs-chart.js libjs-katex"
if [ "${1:-}" = --developer ]; then packages="$packages clang libomp-dev clang-format chromium"; fi
if [ "${1:-}" = --peers ]; then packages="$packages g++"; fi

if ! command -v dpkg-query >/dev/null; then
  echo "setup: this is not a Debian system, so nothing is checked or installed. What the build needs, by Debian's package names:" >&2
  echo "  " $packages >&2
  exit 0
fi

# One name a line, for packages that are fully installed; dpkg-query fails when it has never heard of one.
installed=$({ dpkg-query -W -f='${db:Status-Abbrev}${Package}\n' $packages 2>/dev/null || true; } | sed -n 's/^ii *//p')
missing=""
for package in $packages; do
  grep -qx -- "$package" <<<"$installed" || missing="$missing $package"
done
if [ -z "$missing" ]; then exit 0; fi

if [ "$(id -u)" = 0 ]; then
  root=(env)
elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
  root=(sudo)
else
  echo "setup: these packages are missing and installing them needs root. Run this, then try again:" >&2
  echo "  apt-get install --no-install-recommends$missing" >&2
  exit 2
fi

echo "setup: installing$missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { "${root[@]}" apt-get update -q &&
       "${root[@]}" DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing; } >"$log" 2>&1; then
  tail -n 15 "$log" >&2
  echo "setup: apt-get failed (above). Is the Debian package archive reachable from here?" >&2
  exit 1
fi
