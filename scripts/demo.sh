#!/usr/bin/env bash
# The demo: trains SmolLM2-135M with DSDR on one-step word problems for about five minutes, evaluates on held-out problems before and
# after, and says what happened.
#
# usage: scripts/demo.sh [key=value ...]      any setting of examples/quickstart.yaml can be changed here
#        DEMO_STEPS=N cuts training to N steps and evaluation to 64 problems, one sample each
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/fetch_models.sh

run=runs/demo-$(date +%Y%m%d-%H%M%S)
settings=("trainer.default_local_dir=$run")
if [ -n "${DEMO_STEPS:-}" ]; then
  settings+=("trainer.total_training_steps=$DEMO_STEPS" "data.val_files=builtin:word_arithmetic/test?count=64" actor_rollout_ref.rollout.val_kwargs.n=1)
fi
build/release/dsdr train examples/quickstart.yaml "${settings[@]}" "$@"
python3 scripts/demo_summary.py "$run"
