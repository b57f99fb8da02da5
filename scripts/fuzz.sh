#!/usr/bin/env bash
# Builds and runs every fuzzer for some seconds over its kept corpus; findings go to build/fuzz/findings/.
#
# usage: scripts/fuzz.sh [SECONDS] [NAME...]      (default: 30 seconds each, all; NAME as in tests/fuzz/fuzz_NAME.c)
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-30}
shift || true
if [ $# = 0 ]; then set -- $(ls tests/fuzz/fuzz_*.c | sed 's|.*/fuzz_\(.*\)\.c|\1|'); fi
scripts/build.sh fuzz "${@/#/fuzz_}"
mkdir -p build/fuzz/findings
passed=0 failed=0
for name in "$@"; do
  mkdir -p "build/fuzz/corpus/$name" "tests/fuzz/corpus/$name"
  if "build/fuzz/fuzz_$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=4096 -verbosity=0 -print_final_stats=1 \
     -artifact_prefix="build/fuzz/findings/$name-" "build/fuzz/corpus/$name" "tests/fuzz/corpus/$name" >"build/fuzz/findings/$name.log" 2>&1; then
    passed=$((passed + 1))
    echo "$name: $(sed -n 's/^stat::number_of_executed_units: *//p' "build/fuzz/findings/$name.log") inputs, nothing found"
  else
    failed=$((failed + 1))
    tail -n 30 "build/fuzz/findings/$name.log"
    echo "$name: FAILED, see build/fuzz/findings/$name.log"
  fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
