#!/usr/bin/env bash
# The larger comparisons on a folder of problem files: JSON lines with "problem" and "answer", perhaps "solution".
#
# usage: scripts/check_data.sh FOLDER           (make check-data DATA=FOLDER)
#        PYTHON=/path/to/python names an interpreter with transformers and sentence-transformers: then peers are compared too
# Needs build/release/dsdr; fetches the models. The last line is "N passed, N failed".
set -euo pipefail
cd "$(dirname "$0")/.."
data=${1:-}
if [ ! -d "$data" ] || ! ls "$data"/*.jsonl >/dev/null 2>&1; then
  echo "check-data: '$data' is not a folder with .jsonl files; say make check-data DATA=FOLDER" >&2
  exit 2
fi
scripts/fetch_models.sh
python3 scripts/check_data.py "$data" && code=0 || code=$?
python=${PYTHON:-python3}
if "$python" -c 'import gguf, sentence_transformers, tokenizers, torch, transformers' 2>/dev/null; then
  "$python" scripts/check_peers.py --data "$data" || code=1
else
  echo "peers are not compared: $python lacks transformers or sentence-transformers; PYTHON=... names another interpreter"
fi
exit $code
