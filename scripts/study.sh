#!/usr/bin/env bash
# A cut of the Countdown study (examples/studies/countdown.yaml): every method and ablation, three seeds, fewer steps and problems. It makes and warm-starts
# its own small model, trains, evaluates and compares, and writes a report. Stopped at any point, the same command goes on where it was.
#
# usage: scripts/study.sh [key=value ...]      any key of the study or setting of training can be changed here
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/fetch_models.sh

build/release/dsdr study examples/studies/countdown.yaml folder=runs/study "seeds=[1, 2, 3]" trainer.total_training_steps=60 trainer.test_freq=20 \
  actor_rollout_ref.rollout.val_kwargs.n=2 "evaluation.data=[builtin:countdown/test?count=100]" evaluation.samples=32 "$@"
echo "Everything is in runs/study: report.html opens in a browser, compare.json and compare.csv hold the table."
