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
if missing=$("$python" -c 'import gguf, sentence_transformers, tokenizers, torch, transformers' 2>&1); then
  "$python" scripts/check_peers.py --data "$data" || code=1
elif [ -n "${PYTHON:-}" ]; then
  echo "peers cannot be compared with PYTHON=$PYTHON: $(tail -n 1 <<<"$missing")" >&2
  code=1
else
  echo "peers are not compared; PYTHON=... names an interpreter that has gguf, torch, transformers and sentence-transformers"
fi
exit $code
