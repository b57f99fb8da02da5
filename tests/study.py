"""`dsdr study`: killed at any instants and started again it ends with the records of an undisturbed one; what it refuses, it names.

usage: study.py DSDR FIXTURES [kills]

A study of two arms, a sweep and two seeds of a model that it makes and warm-starts itself (two layers, a few steps) is run undisturbed;
then again, killed with SIGKILL at instants that a seeded generator draws, and started again each time until it is done. All rows of all
records that do not depend on the clock and the comparison must be the same. Then: SIGTERM, a run that fails, the lock, the best
checkpoint, changed and wrong definitions. FIXTURES is tests/golden/model.
"""
import json, os, pathlib, random, shutil, signal, sqlite3, subprocess, sys, time

from checks import check, conclude, scratch

DSDR, FIXTURES = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
KILLS = int(sys.argv[3]) if len(sys.argv) > 3 else 6
ROOT = scratch("study")
STUDY = f"""
start: {{init: model.yaml, sft: sft.yaml}}
settings:
  data.train_files: builtin:chained_sums/train?count=20
  data.val_files: builtin:chained_sums/test?count=6
  data.prompt_template: "{{problem}}\\n"
  data.train_batch_size: 4
  data.max_prompt_length: 64
  data.max_response_length: 12
  actor_rollout_ref.actor.optim.lr: 1e-3
  actor_rollout_ref.rollout.n: 4
  algorithm.dsdr.encoder: {FIXTURES}/tiny_bert
  trainer.total_training_steps: 4
  trainer.test_freq: 2
  trainer.save_freq: 1
  trainer.probe_freq: 1
  trainer.leaf_rows: 32
  verify.workers: 1
arms:
  grpo: {{algorithm.method: grpo}}
  dsdr: {{algorithm.method: dsdr}}
sweep: {{arm: dsdr, algorithm.dsdr.tau: [1]}}
seeds: [3, 4]
evaluation: {{data: ["builtin:chained_sums/test?count=8"], samples: 16}}
comparisons: [dsdr vs grpo]
folder: out
"""
MODEL = "layers: 2\nwidth: 32\nheads: 2\ncontext: 128\n"
SFT = """data: {train_files: "builtin:chained_sums/train?count=20", prompt_template: "{problem}\\n", train_batch_size: 8, max_prompt_length: 64, max_response_length: 64}
actor_rollout_ref.actor.optim.lr: 2e-3
trainer: {total_training_steps: 6, save_freq: 2, leaf_rows: 64}
"""


def place(name, study=STUDY):
    """A folder with the three files; paths in them are relative, so that studies in different folders are the same."""
    folder = ROOT / name
    folder.mkdir()
    for file, text in (("study.yaml", study), ("model.yaml", MODEL), ("sft.yaml", SFT)):
        (folder / file).write_text(text)
    return folder


def study(folder, *arguments, code=0):
    done = subprocess.run([DSDR, "study", "study.yaml", *arguments], cwd=folder, capture_output=True, text=True)
    if code is not None:
        check(f"exit code of {folder.name} {' '.join(arguments)}", done.returncode == code, (done.returncode, done.stdout[-1500:], done.stderr[-1500:]))
    return done


def records(folder):
    """All rows of all records that do not depend on the clock."""
    found = {}
    clock = "name not like 'timing%' and name not like 'perf/%'"
    for path in sorted(folder.rglob("run.db")):
        db = sqlite3.connect(path)
        for table, query in (("metrics", f"select step, name, value from metrics where {clock}"), ("rollouts", "select * from rollouts"),
                             ("evaluations", "select * from evaluations"), ("evaluation_summary", "select * from evaluation_summary")):
            found[f"{path.relative_to(folder)} {table}"] = db.execute(query).fetchall()
        db.close()
    return found


def results(folder):
    return records(folder / "out"), (folder / "out/compare.json").read_text(), (folder / "out/compare.csv").read_text()


def compare(name, expected, got):
    other = [key for key in expected[0].keys() | got[0].keys() if expected[0].get(key) != got[0].get(key)]
    check(f"{name}: the same records", not other, other)
    check(f"{name}: the same comparison", expected[1:] == got[1:], (expected[1][-800:], got[1][-800:]))


def undisturbed():
    folder = place("whole")
    plan = study(folder, "--plan").stdout.splitlines()
    check("plan", len(plan) == 3 + 2 * 3 * 2 and all(line.startswith("to do") for line in plan) and not (folder / "out").exists(), plan)
    start = time.monotonic()
    done = study(folder)
    seconds = time.monotonic() - start
    expected = results(folder)
    rows = expected[0]
    check("every run is there", {f"{arm}/seed-{s}{tail}/run.db metrics" for arm in ("grpo", "dsdr", "tau=1") for s in (3, 4) for tail in ("", "/eval")} <= rows.keys(), rows.keys())
    check("two passes", {r[1] for r in rows["dsdr/seed-3/eval/run.db evaluations"]} == {"pass@1", "pass@k"} and len(rows["dsdr/seed-3/eval/run.db evaluations"]) == 8 * 17)
    check("what the study decides", all(f"seed: {s}" in (folder / f"out/grpo/seed-{s}/config.yaml").read_text() for s in (3, 4)))
    first = [{r[1] for r in rows[f"{arm}/seed-3/run.db rollouts"] if r[0] == 1} for arm in ("grpo", "dsdr", "tau=1")]
    check("arms of a seed see the same problems", first[0] == first[1] == first[2])
    check("and other seeds others", rows["grpo/seed-3/run.db rollouts"] != rows["grpo/seed-4/run.db rollouts"])
    start_rows = [[r for r in rows[f"{arm}/seed-3/run.db evaluations"] if r[0] == 0] for arm in ("grpo", "dsdr")]
    check("and start alike", start_rows[0] == start_rows[1] and start_rows[0])
    check("the report", (folder / "out/report.html").stat().st_size > 1000)
    table = json.loads(expected[1])
    check("the table", [row["arm"] for row in table["arms"]] == ["start", "grpo", "dsdr", "tau=1"], [row["arm"] for row in table["arms"]])
    alone = subprocess.run([DSDR, "compare", "out"], cwd=folder, capture_output=True, text=True)
    check("dsdr compare prints the same", alone.returncode == 0 and alone.stdout and alone.stdout in done.stdout, (alone.stdout, alone.stderr))
    check("two seeds decide nothing", "too few seeds to decide" in done.stdout and "Sensitivity of dsdr in algorithm.dsdr.tau" in done.stdout, done.stdout)
    before = {p: p.stat().st_mtime_ns for p in (folder / "out").rglob("*.log")}
    again = study(folder)
    check("what is done is skipped", before == {p: p.stat().st_mtime_ns for p in (folder / "out").rglob("*.log")} and "15 of them done" in again.stdout, again.stdout[:400])
    compare("once more", expected, results(folder))
    return expected, seconds


def disturbed(expected, seconds):
    folder, draw, kills = place("killed"), random.Random(3), 0
    while True:
        process = subprocess.Popen([DSDR, "study", "study.yaml"], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            process.wait(None if kills == KILLS else draw.uniform(0.05, 2 * seconds / KILLS))
            break
        except subprocess.TimeoutExpired:
            process.kill()  # and with it the run that it has begun
            process.wait()
            kills += 1
    check("it ends well", process.returncode == 0, (process.returncode, process.stderr.read()[-1500:]))
    check("it was killed", kills >= min(2, KILLS), kills)
    compare(f"killed {kills} times", expected, results(folder))


def interrupted(expected):
    folder, override = place("interrupted", STUDY.replace("actor_rollout_ref.rollout.n: 4", "actor_rollout_ref.rollout.n: 3")), "actor_rollout_ref.rollout.n=4"
    process = subprocess.Popen([DSDR, "study", "study.yaml", override], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not (folder / "out/grpo/seed-3/run.db").exists() and process.poll() is None:
        time.sleep(0.02)
    second = subprocess.run([DSDR, "study", "study.yaml", override], cwd=folder, capture_output=True, text=True)
    check("the lock", second.returncode == 2 and f"in use by process {process.pid}" in second.stderr, second.stderr)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate()
    check("SIGTERM", process.returncode == 3 and "the same command goes on" in err, (process.returncode, out, err))
    study(folder, override)
    compare("interrupted", expected, results(folder))


def failing():
    """An arm that cannot fill its batches fails while it runs; the other is done."""
    text = STUDY.replace("  grpo: {algorithm.method: grpo}\n", "  full: {algorithm.method: dapo, algorithm.filter_groups.max_num_gen_batches: 1}\n  grpo: {algorithm.method: grpo}\n")
    folder = place("failing", text.replace("sweep: {arm: dsdr, algorithm.dsdr.tau: [1]}\n", "").replace("  dsdr: {algorithm.method: dsdr}\n", "").replace("dsdr vs grpo", "full vs grpo")
                   .replace("seeds: [3, 4]", "seeds: [3]"))
    done = study(folder, code=1)
    check("the failure is told", "max_num_gen_batches" in done.stdout and "1 of 2 runs failed" in done.stderr, (done.stdout, done.stderr))
    table = json.loads((folder / "out/compare.json").read_text())
    states = {row["arm"]: row["runs"][0]["state"] for row in table["arms"] if row["arm"] != "start"}
    check("it stays in the table", states == {"full": "failed", "grpo": "finished"}, states)
    check("and counts as missing", table["comparisons"][0]["seeds_missing"] == 1, table["comparisons"][0])
    logs = (folder / "out/full/seed-3/train.log").read_text().count("$ dsdr")
    study(folder, code=1)
    check("it is not tried again by itself", (folder / "out/full/seed-3/train.log").read_text().count("$ dsdr") == logs)
    study(folder, "--retry", code=1)
    check("but when asked to", (folder / "out/full/seed-3/train.log").read_text().count("$ dsdr") == logs + 1)


def best():
    text = STUDY.replace("samples: 16}", "samples: 2, checkpoint: best, validation: ['builtin:chained_sums/test?seed=9&count=6']}").replace("seeds: [3, 4]", "seeds: [3]")
    folder = place("best", text.replace("sweep: {arm: dsdr, algorithm.dsdr.tau: [1]}\n", "").replace("trainer.test_freq: 2", "trainer.test_freq: 1"))
    study(folder, "primary=avg@2", "evaluation.start=false")
    for arm in ("grpo", "dsdr"):
        curve = sqlite3.connect(folder / f"out/{arm}/seed-3/run.db").execute(
            "select step, value from evaluation_summary where source = 'overall' and metric = 'acc/mean@1' and step > 0 order by value desc, step").fetchall()
        model = sqlite3.connect(folder / f"out/{arm}/seed-3/eval/run.db").execute("select value from run where key = 'model'").fetchone()[0]
        check(f"the best checkpoint of {arm}", model.endswith(f"global_step_{curve[0][0]}") and len(curve) == 4, (curve, model))
    shared = study(place("shared", text.replace("seed=9&count=6", "count=3")), code=2).stderr
    check("no checkpoint is chosen on what it is judged by", "is in evaluation.data, too" in shared, shared)


def changed():
    folder = ROOT / "whole"
    for arguments, words in ((["actor_rollout_ref.actor.optim.lr=1e-4"], "grpo/seed-3 was made with other settings: actor_rollout_ref.actor.optim.lr was 0.001 and is"),
                             (["trainer.total_training_steps=5"], "trainer.total_training_steps was 4 and is 5"),
                             (["arms.grpo.algorithm.adv_std=sample"], "algorithm.adv_std was population and is sample"),
                             (["primary=pass@1"], "primary was [avg@16] and is [pass@1]"), (["seeds=[3]"], "seeds was [3, 4] and is [3]"),
                             (["start.settings.trainer.seed=2"], "decided by the study"), (["start.settings.data.train_batch_size=4"], "start/sft was made with other settings")):
        error = study(folder, *arguments, code=2).stderr
        check(f"changed {arguments[0]}", words in error, error)
    (folder / "model.yaml").write_text(MODEL + "seed: 2\n")
    error = study(folder, code=2).stderr
    check("another start model", "model.yaml is not what" in error, error)
    (folder / "model.yaml").write_text(MODEL)
    study(folder, "primary=pass@1", "--allow-change")
    check("an allowed change is noted", "# changed when runs had finished: primary was [avg@16] and is [pass@1]" in (folder / "out/study.yaml").read_text())


def wrong():
    folder = place("wrong")
    for change, words in ((("comparisons: [dsdr vs grpo]", "comparisons: [dsdr vs grp]"), "the arm grp, which there is not; did you mean grpo?"),
                          (("comparisons: [dsdr vs grpo]", "comparisons: [dsdr, grpo]"), 'a comparison is "ARM vs ARM"'),
                          (("comparisons: [dsdr vs grpo]", "comparisons: [dsdr vs grpo, grpo vs dsdr]"), "twice"),
                          (("  dsdr: {algorithm.method: dsdr}", "  dsdr: {algorithm.method: dsdr}\n  dsdr: {}"), "arms.dsdr is given twice"),
                          (("  dsdr: {algorithm.method: dsdr}", "  dsdr: {algorithm.method: dsdr}\n  same: {}"), "dsdr and same have the same settings"),
                          (("  dsdr: {algorithm.method: dsdr}", "  dsdr: {algorithm.metod: dsdr}"), "did you mean algorithm.method?"),
                          (("  dsdr: {algorithm.method: dsdr}", "  dsdr: {algorithm.method: dsdr}\n  start: {algorithm.method: dapo}"), "can be called start"),
                          (("seeds: [3, 4]", "seeds: []"), "seeds is empty"), (("seeds: [3, 4]", "seeds: [3, 3]"), "holds 3 twice"),
                          (("seeds: [3, 4]", "seeds: [x]"), "a seed is a whole number"), (("seeds: [3, 4]", "sedes: [3, 4]"), "did you mean seeds?"),
                          (("folder: out", "primary: avg"), "pass@1, avg@N or pass@K"), (("arm: dsdr, ", "arm: dsd, "), "there is no such arm"),
                          (("evaluation: {data: [\"builtin:chained_sums/test?count=8\"], ", "evaluation: {"), "evaluation.data is empty"),
                          (("  trainer.test_freq: 2", "  trainer.seed: 2"), "trainer.seed is decided by the study"),
                          (("samples: 16}", "samples: 16, checkpoint: best}"), "needs evaluation.validation"), (("init: model.yaml", "init: modl.yaml"), "there is no file modl.yaml"),
                          (("sft: sft.yaml", "sft: st.yaml"), "st.yaml")):
        (folder / "study.yaml").write_text(STUDY.replace(*change))
        error = study(folder, code=2).stderr
        check(f"wrong: {change[1]}", words in error and STUDY.replace(*change) != STUDY, error)
    check("nothing was written", not (folder / "out").exists())
    check("no file", study(folder, "another.yaml", code=2).stderr != "" and subprocess.run([DSDR, "study"], capture_output=True).returncode == 2)


expected, seconds = undisturbed()
disturbed(expected, seconds)
interrupted(expected)
failing()
best()
changed()
wrong()
shutil.rmtree(ROOT, ignore_errors=True)
conclude()
