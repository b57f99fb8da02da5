#!/usr/bin/env bash
# Brings what dsdr is measured beside to build/peers; does nothing, quickly, when all is there. Nothing outside that folder changes.
#
#   build/peers/venv     PyTorch, transformers, TRL, sentence-transformers, math-verify: bench/requirements.txt (6 GB; a long download)
#   build/peers/llama    llama.cpp's batched benchmark, built from the source in the package llama-cpp-python
#   build/peers/models   the demo's model as a Hugging Face folder and as GGUF in F32 and BF16
#
# usage: bench/setup_peers.sh      BENCH_PYTHON=... names an interpreter that has the packages already; no venv is made then
# exit:  0 all is there; 1 something could not be had: its rows of the table will say so, the others are measured
set -uo pipefail
cd "$(dirname "$0")/.."
llama_package=llama-cpp-python==0.3.36
peers=build/peers gguf=models/SmolLM2-135M-Instruct.Q4_1.gguf
python=${BENCH_PYTHON:-$peers/venv/bin/python}
failures=0
mkdir -p "$peers/models"
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# try WHAT FUNCTION: runs it quietly; on failure shows the end of what it said and goes on.
try() {
  echo "peers: $1"
  "$2" >"$log" 2>&1 && return 0
  tail -n 5 "$log" >&2
  echo "peers: failed (above): $1" >&2
  failures=1
  return 1
}

install_packages() {
  rm -rf "$peers/venv.tmp"
  python3 -m venv --without-pip "$peers/venv.tmp" &&
    python3 -m pip --python "$peers/venv.tmp/bin/python" install --disable-pip-version-check -r bench/requirements.txt &&
    mv "$peers/venv.tmp" "$peers/venv"
}

build_llama() {
  rm -rf "$peers/llama.tmp" && mkdir -p "$peers/llama.tmp" &&
    python3 -m pip download --disable-pip-version-check --no-deps --no-binary llama-cpp-python --dest "$peers/llama.tmp" "$llama_package" &&
    tar -xzf "$peers"/llama.tmp/llama_cpp_python-*.tar.gz -C "$peers/llama.tmp" --strip-components=1 &&
    cmake -S "$peers/llama.tmp/vendor/llama.cpp" -B "$peers/llama.tmp/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=OFF \
      -DLLAMA_CURL=OFF -DLLAMA_OPENSSL=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_SERVER=OFF -DLLAMA_BUILD_TOOLS=ON &&
    ninja -C "$peers/llama.tmp/build" llama-batched-bench llama-quantize &&
    mkdir -p "$peers/llama" && cp "$peers"/llama.tmp/build/bin/llama-{batched-bench,quantize} "$peers/llama/" && rm -rf "$peers/llama.tmp"
}

make_folder() { rm -rf "$peers/models/hf" && "$python" scripts/gguf_to_hf.py "$gguf" "$peers/models/hf.tmp" && mv "$peers/models/hf.tmp" "$peers/models/hf"; }

requantize() { "$peers/llama/llama-quantize" --allow-requantize "$gguf" "$peers/models/tmp.gguf" "$1" && mv "$peers/models/tmp.gguf" "$peers/models/$1.gguf"; }
to_f32() { requantize F32; }
to_bf16() { requantize BF16; }

if [ -z "${BENCH_PYTHON:-}" ] && [ ! -x "$peers/venv/bin/python" ]; then try "installing PyTorch, TRL and others into $peers/venv" install_packages; fi
if [ ! -x "$peers/llama/llama-batched-bench" ]; then try "building llama.cpp into $peers/llama" build_llama; fi
if [ ! -d "$peers/models/hf" ] && [ -x "$python" ]; then try "the model as a Hugging Face folder" make_folder; fi
if [ -x "$peers/llama/llama-quantize" ]; then
  [ -f "$peers/models/F32.gguf" ] || try "the model in F32" to_f32
  [ -f "$peers/models/BF16.gguf" ] || try "the model in BF16" to_bf16
fi
exit "$failures"
