#!/usr/bin/env bash
# Configures (once) and builds a preset of CMakePresets.json into build/PRESET; prints little unless something fails.
#
# usage: scripts/build.sh [PRESET] [TARGET...]     (default: release, everything)
set -euo pipefail
cd "$(dirname "$0")/.."
preset=${1:-release}
shift || true
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if [ ! -f "build/$preset/build.ninja" ]; then
  echo "build: configuring build/$preset"
  cmake --preset "$preset" >"$log" 2>&1 || { cat "$log" >&2; echo "build: configuration of build/$preset failed (above)" >&2; exit 1; }
fi
# Progress is shown on a terminal; elsewhere only the last line, or what failed.
if [ -t 1 ]; then
  ninja -C "build/$preset" "$@"
else
  ninja -C "build/$preset" "$@" >"$log" 2>&1 || { grep -vE '^\[[0-9]+/[0-9]+\] (Building|Linking|Re-checking)' "$log" >&2; echo "build: build/$preset failed (above)" >&2; exit 1; }
  tail -n 1 "$log"
fi
