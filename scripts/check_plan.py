#!/usr/bin/env python3
"""Compares what `dsdr plan` says with what training needs, on the real model in three quite different configurations.

usage: scripts/check_plan.py [DSDR] [STEPS]     (default: build/release/dsdr, 3 steps)

All responses are sampled up to the length limit. Peak memory, the largest resident size of the process, must be within 5% of the
plan. Exit 0 when all are.
"""
import json, pathlib, sqlite3, subprocess, sys, tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
MODEL = ROOT / "models/SmolLM2-135M-Instruct.Q4_1.gguf"
COMMON = [f"actor_rollout_ref.model.path={MODEL}", "data.train_files=builtin:word_arithmetic/train", "reward_model.random=0.5",
          "actor_rollout_ref.rollout.ignore_eos=true", "trainer.save_freq=-1", f"algorithm.dsdr.encoder={ROOT}/models/all-MiniLM-L6-v2"]
CONFIGURATIONS = {
    "grpo, bfloat16, 8 x 8 of 128 tokens": ["algorithm.method=grpo", "trainer.precision=bfloat16", "data.train_batch_size=8",
        "actor_rollout_ref.rollout.n=8", "data.max_response_length=128"],
    "dsdr, float32, KL, 4 x 8 of 64 tokens": ["algorithm.method=dsdr", "trainer.precision=float32", "data.train_batch_size=4",
        "actor_rollout_ref.rollout.n=8", "data.max_response_length=64", "actor_rollout_ref.actor.use_kl_loss=true"],
    "grpo, recomputation, 2 x 16 of 512 tokens": ["algorithm.method=grpo", "trainer.precision=bfloat16", "data.train_batch_size=2",
        "actor_rollout_ref.rollout.n=16", "data.max_response_length=512", "actor_rollout_ref.model.enable_gradient_checkpointing=true"],
}


def run(arguments):
    done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"exit {done.returncode}: {' '.join(done.args)}\n{done.stderr[-2000:]}")
    return done.stdout


def main():
    dsdr = sys.argv[1] if len(sys.argv) > 1 else ROOT / "build/release/dsdr"
    steps = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    failed = False
    for name, settings in CONFIGURATIONS.items():
        given = COMMON + settings + [f"trainer.total_training_steps={steps}"]
        plan = json.loads(run([dsdr, "plan", "--json", *given]))
        with tempfile.TemporaryDirectory(prefix="dsdr-plan-") as folder:
            run([dsdr, "train", *given, f"trainer.default_local_dir={folder}/run"])
            db = sqlite3.connect(f"{folder}/run/run.db")
            rows = db.execute("select value from metrics where name = 'perf/cpu_memory_used_gb' order by step").fetchall()
        resident = [value * 2**30 for value, in rows]
        peak, planned = resident[-1], plan["bytes"]["peak"]
        off = peak / planned - 1
        failed |= not abs(off) <= 0.05
        print(f"{name}: planned {planned / 1e9:.3f} GB, measured {peak / 1e9:.3f} GB ({100 * off:+.1f}%), after the first step "
              f"{resident[0] / 1e9:.3f} GB", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
