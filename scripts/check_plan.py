#!/usr/bin/env python3
"""Compares what `dsdr plan` says with what training needs, on the real model: the demo, and three quite different configurations
whose responses all reach the length limit.

usage: scripts/check_plan.py [DSDR] [STEPS] [NAME...]     (default: build/release/dsdr, 3 steps, every configuration)

Peak memory, the largest resident size of the process, must be within 5% of the plan. Time is planned for the mean length of
responses that the run had, and compared with the mean of timing_s/step behind the first step, in which memory is touched for the
first time. A run leaves rollouts without gradient out of its updates and a plan leaves none out, so the planned update is taken
times the share of tokens that had one. Time depends on what else the machine does: it is told, not judged. Exit 0 when the memory
of all is as planned.
"""
import json, pathlib, sqlite3, statistics, subprocess, sys, tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
MODEL = ROOT / "models/SmolLM2-135M-Instruct.Q4_1.gguf"
COMMON = [f"actor_rollout_ref.model.path={MODEL}", "trainer.save_freq=-1", f"algorithm.dsdr.encoder={ROOT}/models/all-MiniLM-L6-v2"]
SYNTHETIC = ["data.train_files=builtin:word_arithmetic/train", "reward_model.random=0.5", "actor_rollout_ref.rollout.ignore_eos=true",
             "actor_rollout_ref.rollout.stop=[]"]
CONFIGURATIONS = {
    "demo": [ROOT / "examples/quickstart.yaml", "data.val_files=[]"],
    "grpo": SYNTHETIC + ["algorithm.method=grpo", "trainer.precision=bfloat16", "data.train_batch_size=8",
        "actor_rollout_ref.rollout.n=8", "data.max_response_length=128"],
    "reference": SYNTHETIC + ["algorithm.method=dsdr", "trainer.precision=float32", "data.train_batch_size=4",
        "actor_rollout_ref.rollout.n=8", "data.max_response_length=64", "actor_rollout_ref.actor.use_kl_loss=true"],
    "recomputation": SYNTHETIC + ["algorithm.method=grpo", "trainer.precision=bfloat16", "data.train_batch_size=2",
        "actor_rollout_ref.rollout.n=16", "data.max_response_length=256", "actor_rollout_ref.model.enable_gradient_checkpointing=true"],
}
# A part of the plan, and the metrics that measure it; the optimizer is part of timing_s/update_actor.
PARTS = {"sampling": ["timing_s/gen"], "embedding": ["timing_s/reward"], "reference": ["timing_s/ref"], "probe": ["timing_s/probe"],
    "update and optimizer": ["timing_s/update_actor"], "step": ["timing_s/step"]}


def run(arguments):
    done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"exit {done.returncode}: {' '.join(done.args)}\n{done.stderr[-2000:]}")
    return done.stdout


def main():
    dsdr = sys.argv[1] if len(sys.argv) > 1 else ROOT / "build/release/dsdr"
    steps = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    failed = False
    for name in sys.argv[3:] or CONFIGURATIONS:
        given = CONFIGURATIONS[name] + COMMON + [f"trainer.total_training_steps={steps}"]
        with tempfile.TemporaryDirectory(prefix="dsdr-plan-") as folder:
            run([dsdr, "train", *given, f"trainer.default_local_dir={folder}/run"])
            db = sqlite3.connect(f"{folder}/run/run.db")
            metrics = {}
            for metric, value in db.execute("select name, value from metrics order by name, step"):
                metrics.setdefault(metric, []).append(value)
            rollouts, = db.execute("select count(*) from rollouts where step = 1").fetchone()
        warm = {metric: values[1:] or values for metric, values in metrics.items()}
        length = statistics.mean(warm["response_length/mean"])
        share = statistics.mean(warm["actor/tokens_trained"]) / (length * rollouts)
        plan = json.loads(run([dsdr, "plan", "--json", "--mean-response-length", round(length), *given]))

        resident = [value * 2**30 for value in metrics["perf/cpu_memory_used_gb"]]
        peak, planned = resident[-1], plan["bytes"]["peak"]
        off = peak / planned - 1
        failed |= not abs(off) <= 0.05
        print(f"{name}\n  memory: planned {planned / 1e9:.3f} GB, measured {peak / 1e9:.3f} GB ({100 * off:+.1f}%), after the first step "
              f"{resident[0] / 1e9:.3f} GB")
        seconds = plan["seconds"]
        seconds["update and optimizer"] = seconds["update"] * share + seconds["optimizer"]
        seconds["step"] = seconds["total"] - seconds["update"] * (1 - share)
        print(f"  responses of {length:.1f} tokens, {100 * share:.0f}% of them with a gradient; with all, the plan is {seconds['total']:.2f} s a step")
        for part, names in PARTS.items():
            measured = sum(statistics.mean(warm.get(metric, [0])) for metric in names)
            if seconds[part] > 0:
                print(f"  {part}: planned {seconds[part]:.3f} s, measured {measured:.3f} s ({100 * (seconds[part] / measured - 1):+.0f}%)", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
