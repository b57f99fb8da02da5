#!/usr/bin/env python3
"""Runs are read back with the real TensorBoard: every metric of every step, also after a run was killed and resumed.

usage: PYTHON scripts/check_tensorboard.py [DSDR] [GOLDEN]         (needs tensorboard: pip install tensorboard)

DSDR is build/release/dsdr, GOLDEN tests/golden, whose tiny model is trained for some steps with trainer.logger=[file,tensorboard]:
undisturbed, killed in the middle and resumed, and with the end of an event file cut off before it is resumed. What TensorBoard's
EventAccumulator reads from the folder has to equal metrics.jsonl (as float32), step by step, without a step twice. Exit 0 when it
does.
"""
import json, math, pathlib, signal, struct, subprocess, sys, tempfile, time

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

DSDR = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build/release/dsdr").resolve()
GOLDEN = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else "tests/golden").resolve()
MODEL, STEPS = GOLDEN / "model/tiny_lm", 12


def command(folder, *more):
    return [DSDR, "train", f"actor_rollout_ref.model.path={MODEL}", f"data.train_files={MODEL}/train.jsonl", "data.prompt_key=prompt",
            'data.prompt_template="{problem}\\n"', "data.train_batch_size=4", "data.max_prompt_length=64", "data.max_response_length=8",
            "algorithm.method=grpo", "actor_rollout_ref.actor.ppo_mini_batch_size=2", "actor_rollout_ref.rollout.n=4",
            "actor_rollout_ref.actor.optim.lr=1e-3", f"trainer.total_training_steps={STEPS}", "trainer.save_freq=3", "trainer.threads=1",
            "verify.workers=1", "trainer.logger=[file,tensorboard]", f"trainer.default_local_dir={folder}", *more]


def run(folder, *more):
    done = subprocess.run(command(folder, *more), capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"exit {done.returncode}: {done.stderr}")


def rows(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def same(a, b):
    b = math.nan if b is None else struct.unpack("f", struct.pack("f", b))[0]
    return a == b or (math.isnan(a) and math.isnan(b))


def compare(name, folder):
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
    tags = set(events.Tags()["scalars"])
    expected = {}
    for row in rows(folder):
        for tag, value in row["data"].items():
            expected.setdefault(tag, []).append((row["step"], value))
    assert tags == set(expected), (name, tags ^ set(expected))
    count = 0
    for tag, values in expected.items():
        read = [(e.step, e.value) for e in events.Scalars(tag)]
        assert [s for s, _ in read] == [s for s, _ in values], (name, tag, read, values)
        assert all(same(a, b) for (_, a), (_, b) in zip(read, values)), (name, tag, read, values)
        count += len(read)
    assert len(expected["training/global_step"]) == STEPS, name
    files = len(list(folder.glob("events.out.tfevents.*")))
    print(f"{name}: {len(tags)} tags, {count} values, {files} event file{'s' if files > 1 else ''}")


def killed(folder, after):
    """A run that dies by SIGKILL once `after` steps are logged."""
    process = subprocess.Popen(command(folder), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    log = folder / "metrics.jsonl"
    while process.poll() is None and not (log.exists() and log.read_bytes().count(b"\n") >= after):
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()


def main():
    with tempfile.TemporaryDirectory() as root:
        root = pathlib.Path(root)
        run(root / "whole")
        compare("undisturbed", root / "whole")
        killed(root / "killed", 5)
        run(root / "killed", "--resume")
        compare("killed and resumed", root / "killed")
        killed(root / "cut", 8)
        last = sorted((root / "cut").glob("events.out.tfevents.*"))[-1]
        last.write_bytes(last.read_bytes()[:-11])
        run(root / "cut", "--resume")
        compare("cut off and resumed", root / "cut")


if __name__ == "__main__":
    main()
