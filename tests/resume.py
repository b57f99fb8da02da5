"""A run that is killed at any instant and resumed equals an undisturbed one; so do runs arranged in other ways.

usage: resume.py DSDR FIXTURES [kills]

Trains the tiny model of FIXTURES (tests/golden/model/tiny_lm) with small steps that save often, by dsdr, by dapo, whose dynamic
sampling refills the batch, and by `dsdr sft`; all evaluate in between. Undisturbed runs are made with 1 and 2 threads; then the same run is killed
with SIGKILL again and again, at instants that a seeded generator draws (saves take a large share of this run, so some fall into
them), and resumed each time until it is done. Weights, optimizer state and every row of run.db that does not depend on the clock
must be the same.
"""
import hashlib, pathlib, random, shutil, signal, sqlite3, subprocess, sys, tempfile, time

STEPS = 12


def settings(fixtures, folder, method):
    common = [f"actor_rollout_ref.model.path={fixtures}", 'data.prompt_template="{problem}\\n"', "data.train_batch_size=4", "data.max_prompt_length=64",
              "actor_rollout_ref.actor.optim.lr=1e-3", f"trainer.total_training_steps={STEPS}", "trainer.save_freq=1", "trainer.test_freq=4",
              "trainer.leaf_rows=32", f"trainer.default_local_dir={folder}"]
    if method == "sft":
        return [*common, "data.train_files=builtin:chained_sums/train?count=10", "data.val_files=builtin:chained_sums/test?count=6",
                "data.max_response_length=64"]
    return [*common, f"data.train_files={fixtures}/train.jsonl", f"data.val_files={fixtures}/test.jsonl", "data.prompt_key=prompt",
            "data.max_response_length=16", f"algorithm.method={method}", f"algorithm.dsdr.encoder={pathlib.Path(fixtures).parent}/tiny_bert",
            "data.gen_batch_size=3" if method == "dapo" else "data.gen_batch_size=4", "actor_rollout_ref.actor.ppo_mini_batch_size=2",
            "actor_rollout_ref.rollout.n=4", "actor_rollout_ref.rollout.val_kwargs.n=2",
            "actor_rollout_ref.rollout.val_kwargs.temperature=1", "actor_rollout_ref.rollout.val_kwargs.do_sample=true",
            "trainer.probe_freq=3", "verify.workers=1"]


def command(dsdr, fixtures, folder, method, *extra):
    return [dsdr, "sft" if method == "sft" else "train", *settings(fixtures, folder, method), *extra]


def run(*arguments):
    done = subprocess.run(command(*arguments), capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"exit {done.returncode}: {' '.join(done.args)}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")


def files(folder):
    root = pathlib.Path(folder) / f"global_step_{STEPS}"
    return {str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(root.rglob("*")) if p.is_file()}


def rows(folder):
    db = sqlite3.connect(pathlib.Path(folder) / "run.db")
    clock = "name not like 'timing%' and name not like 'perf/%'"
    return {table: db.execute(query).fetchall() for table, query in {
        "metrics": f"select step, name, value from metrics where {clock}",
        "rollouts": "select * from rollouts",
        "formulas": "select * from formulas",
        "groups": "select * from groups",
        "tokens": "select * from tokens",
        "evaluations": "select * from evaluations",
        "evaluation_summary": "select * from evaluation_summary"}.items()}


def shares(folder):
    """How much of the reward was done before sampling had ended: the largest share over steps and stages."""
    names = "name like 'perf/overlapped_share/%'"
    return sqlite3.connect(pathlib.Path(folder) / "run.db").execute(f"select max(value) from metrics where {names}").fetchone()[0]


def compare(name, expected, folder):
    if files(folder) != expected[0]:
        sys.exit(f"{name}: other files: {[k for k in expected[0] if files(folder).get(k) != expected[0][k]]}")
    for table, content in rows(folder).items():
        if content != expected[1][table]:
            other = next((pair for pair in zip(content, expected[1][table]) if pair[0] != pair[1]), (len(content), len(expected[1][table])))
            sys.exit(f"{name}: other rows of {table}: {other}")
    print(f"{name}: same files, same rows")


def undisturbed(dsdr, fixtures, root, method):
    """The files and rows of a run, and the seconds it takes; one that is arranged in another way has the same."""
    started = time.monotonic()
    run(dsdr, fixtures, root / "whole", method, "trainer.threads=2")
    seconds = time.monotonic() - started
    expected = files(root / "whole"), rows(root / "whole")
    metric = lambda name: [v for s, n, v in expected[1]["metrics"] if n == name]
    if method == "sft":
        assert expected[0] and len(metric("train/loss")) == STEPS and len(expected[1]["evaluation_summary"]) == len(metric("val/loss")) == 1 + STEPS // 4
    else:
        assert expected[0] and len(expected[1]["rollouts"]) == STEPS * 16 and expected[1]["evaluations"] and len(expected[1]["tokens"]) == STEPS // 3 * 8
        difference = metric("training/train_rollout_logprob_abs_diff_max")
        assert len(difference) == STEPS and all(v in (0, None) for v in difference) and difference.count(0) >= STEPS // 2, difference
        batches = metric("dynamic_sampling/batches")
        assert max(batches) >= 3 if method == "dapo" else set(batches) == {1}, batches
    run(dsdr, fixtures, root / "one", method, "trainer.threads=1", "actor_rollout_ref.actor.ppo_micro_batch_size=8", "reward_model.overlap=none")
    compare(f"{method}: one thread, more leaves in memory, nothing beside sampling", expected, root / "one")
    if method != "sft":
        run(dsdr, fixtures, root / "beside", method, "trainer.threads=3", "verify.workers=3", "reward_model.overlap=all")
        compare(f"{method}: three threads, all rewards beside sampling", expected, root / "beside")
        assert shares(root / "one") == 0, shares(root / "one")
        print(f"{method}: up to {shares(root / 'beside'):.0%} of a step's groups were judged or embedded before the last one was sampled")
    return expected, seconds


def disturbed(dsdr, fixtures, root, method, kills, expected, seconds):
    draw = random.Random(7)
    folder, killed = root / "killed", 0
    extra = ["trainer.threads=2"]
    while killed < kills:
        process = subprocess.Popen(command(dsdr, fixtures, folder, method, *extra), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            process.wait(draw.uniform(0.1, seconds / 2))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            killed += 1
            extra = ["trainer.threads=2"] + (["--resume"] if (folder / "run.db").exists() else [])
            if extra[-1] != "--resume":
                shutil.rmtree(folder, ignore_errors=True)
            continue
        if process.returncode:
            sys.exit(f"exit {process.returncode} after {killed} kills: {process.stderr.read()}")
        if killed < kills:  # done early: once more from the start, keeping the count
            compare(f"{method}: done after {killed} kills", expected, folder)
            shutil.rmtree(folder)
            seconds = max(0.3, seconds / 2)  # the machine was busier when the time was taken
            extra = ["trainer.threads=2"]
    if not (folder / f"global_step_{STEPS}").exists() or extra[-1] == "--resume":
        run(dsdr, fixtures, folder, method, *extra)
    compare(f"{method}: killed {killed} times", expected, folder)


def main():
    dsdr, fixtures, kills = sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 10
    for method in ("dsdr", "dapo", "sft"):
        root = pathlib.Path(tempfile.mkdtemp(prefix="dsdr-resume-"))
        disturbed(dsdr, fixtures, root, method, kills if method == "dsdr" else kills // 2, *undisturbed(dsdr, fixtures, root, method))
        shutil.rmtree(root, ignore_errors=True)
    print("8 passed, 0 failed")


main()
