"""`dsdr compare` on databases made here: every number is computed anew from the rows, by definition.

usage: compare.py DSDR

A study of two arms and six seeds on two benchmarks is written as databases, with a failed, a diverged and an unfinished run in later
variants. Means, Pass@k over all subsets, intervals, sign flips over all patterns, Holm, equal steps and equal tokens, and the comparison
of two checkpoints are recomputed with the standard library alone.
"""
import csv, io, itertools, json, math, random, shutil, sqlite3, subprocess, sys

from checks import check, conclude, scratch

DSDR = sys.argv[1]
ROOT = scratch("compare")
SOURCES = {"alpha": 5, "beta": 3}
N = 6
T_975 = {1: 12.706204736174694, 4: 2.7764451051977987, 5: 2.5705818356363146}  # scripts/fixtures/stats_seeds.py prints such

def close(a, b, tolerance=1e-12):
    return (a is None and b is None) or (a is not None and b is not None and abs(a - b) <= tolerance)


SCHEMA = """CREATE TABLE run(key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE metrics(step INTEGER NOT NULL, name TEXT NOT NULL, value REAL, PRIMARY KEY(step, name)) WITHOUT ROWID;
CREATE TABLE evaluations(step INTEGER NOT NULL, pass TEXT NOT NULL, source TEXT, problem_id TEXT, sample INTEGER, response TEXT, answer TEXT, correct INTEGER,
 status TEXT, length INTEGER, finish TEXT);
CREATE TABLE evaluation_summary(step INTEGER NOT NULL, pass TEXT NOT NULL, source TEXT NOT NULL, metric TEXT NOT NULL, value REAL, low REAL, high REAL,
 n INTEGER, PRIMARY KEY(step, pass, source, metric)) WITHOUT ROWID;
PRAGMA user_version = 2;"""


def database(folder, **facts):
    folder.mkdir(parents=True)
    db = sqlite3.connect(folder / "run.db")
    db.executescript(SCHEMA)
    db.executemany("insert into run values(?, ?)", facts.items())
    return db


def evaluate(db, draw, level, one=True):
    """Judged samples at random; {pass: {source: [[0 or 1, ...] a problem]}}."""
    rows = {}
    for name, n in ([("pass@1", 1)] if one else []) + [("pass@k", N)]:
        for source, problems in SOURCES.items():
            for p in range(problems):
                samples = [int(draw.random() < level * (p + 1) / problems) for _ in range(n)]
                rows.setdefault(name, {}).setdefault(source, []).append(samples)
                db.executemany("insert into evaluations(step, pass, source, problem_id, sample, correct) values(0, ?, ?, ?, ?, ?)",
                               [(name, source, f"{source}-{p}", i, c if c else (None if i == 0 else 0)) for i, c in enumerate(samples)])
        db.execute("insert into evaluation_summary values(0, ?, 'overall', 'acc/mean@1', 0, null, null, 1)", (name,))
        db.execute("insert into evaluation_summary values(0, ?, 'overall', 'formula_similarity', ?, null, null, 1)", (name, level / 3))
    db.commit()
    return rows


def make_study(folder, seeds, comparisons, arms=("a", "b"), levels={"a": 0.5, "b": 0.75, "c": 0.6}):
    draw, data = random.Random(11), {}
    for arm in arms:
        for seed in seeds:
            db = database(folder / arm / f"seed-{seed}", kind="train", method="grpo", state="finished")
            tokens = []
            for step in range(1, 5):  # b generates twice as much a step
                tokens.append((100 + seed) * (2 if arm == "b" else 1))
                db.execute("insert into metrics values(?, 'training/global_step', ?)", (step, step))
                db.execute("insert into metrics values(?, 'rollout/tokens_generated', ?)", (step, tokens[-1]))
                db.execute("insert into metrics values(?, 'actor/updates', 1)", (step,))
                db.execute("insert into metrics values(?, 'actor/updates_skipped', 0)", (step,))
            curve = {step: draw.random() for step in (0, 2, 4)}
            db.executemany("insert into evaluation_summary values(?, 'validation', 'overall', 'acc/mean@3', ?, null, null, 1)", curve.items())
            db.commit()
            (folder / arm / f"seed-{seed}" / "config.yaml").write_text(
                f"trainer: {{seed: {seed}}}\nactor_rollout_ref.rollout.val_kwargs: {{n: 3, temperature: 1, do_sample: true}}\n")
            evaluation = database(folder / arm / f"seed-{seed}" / "eval", kind="eval", state="finished", model=f"x/global_step_{4}")
            data[arm, seed] = {"rows": evaluate(evaluation, draw, levels[arm] - 0.01 * seed), "curve": curve, "tokens": list(itertools.accumulate(tokens))}
    (folder / "study.yaml").write_text("arms:\n" + "".join(f"  {a}: {{}}\n" for a in arms) +
                                       f"seeds: {list(seeds)}\nevaluation: {{data: [x]}}\nprimary: avg@4\ncomparisons: [{comparisons}]\n")
    return data


def mean(x):
    return sum(x) / len(x)


def outcome(rows, name, source):
    """By definition: Pass@k is the share of k-subsets of the samples that hold a correct one."""
    if source == "overall":
        return mean([outcome(rows, name, s) for s in SOURCES])
    kind, k = name.split("@")
    k = int(k)
    if name == "pass@1":
        return mean([s[0] for s in rows["pass@1"][source]])
    if kind == "avg":
        return mean([mean(s[:k]) for s in rows["pass@k"][source]])
    return mean([mean([max(c) for c in itertools.combinations(s, k)]) for s in rows["pass@k"][source]])


def interval(x):
    if len(x) < 2:
        return None, None
    m, n = mean(x), len(x)
    half = T_975[n - 1] * math.sqrt(sum((v - m) ** 2 for v in x) / (n - 1) / n)
    return m - half, m + half


def sign_flip(x):
    observed = abs(sum(x))
    return mean([abs(sum(v * s for v, s in zip(x, signs))) >= observed - 1e-12 for signs in itertools.product((1, -1), repeat=len(x))])


def run(*arguments, code=0):
    done = subprocess.run([DSDR, "compare", *map(str, arguments)], capture_output=True, text=True)
    check(f"exit code of compare {' '.join(map(str, arguments))}", done.returncode == code, (done.returncode, done.stderr[-500:]))
    return done


def claims_of(table, a, b, at="evaluated checkpoints", name=None):
    return [c for c in table["comparisons"] if (c["a"], c["b"], c["at"]) == (a, b, at) and name in (None, c["outcome"])]


def whole_study():
    seeds, folder = range(1, 7), ROOT / "six"
    data = make_study(folder, seeds, "b vs a, b vs c", arms=("a", "b", "c"))
    table = json.loads(run(folder, "--json").stdout)
    check("arms in the study's order", [row["arm"] for row in table["arms"]] == ["a", "b", "c"])
    names = ["pass@1", "avg@4", "pass@2", "pass@4", "pass@6"]
    for row in table["arms"]:
        found = {(o["source"], o["outcome"]): o for o in row["outcomes"]}
        for source in [*SOURCES, "overall"]:
            for name in names:
                expected = [outcome(data[row["arm"], s]["rows"], name, source) for s in seeds]
                got = found[source, name]
                check(f"{row['arm']} {source} {name}", all(close(x, y) for x, y in zip(got["by_seed"], expected)), (got, expected))
                check(f"mean of {row['arm']} {source} {name}", close(got["mean"], mean(expected)) and
                      all(close(x, y, 1e-10) for x, y in zip(got["interval"], interval(expected))), (got, interval(expected)))
        check(f"similarity of {row['arm']}", found["overall", "formula_similarity"]["mean"] > 0)
    expected, p = {}, {}
    for b in ("a", "c"):
        expected[b] = [outcome(data["b", s]["rows"], "avg@4", "overall") - outcome(data[b, s]["rows"], "avg@4", "overall") for s in seeds]
        p[b] = sign_flip(expected[b])
    for b, other in (("a", "c"), ("c", "a")):
        claim = claims_of(table, "b", b, name="avg@4")[0]
        adjusted = min(1, 2 * p[b]) if p[b] <= p[other] else max(min(1, 2 * p[other]), p[b])
        check(f"b vs {b}", claim["declared"] and close(claim["difference"], mean(expected[b])) and close(claim["p"], p[b]) and
              close(claim["p_adjusted"], adjusted) and all(close(x, y, 1e-10) for x, y in zip(claim["interval"], interval(expected[b]))),
              (claim, mean(expected[b]), p[b], adjusted))
    rest = [c for c in table["comparisons"] if not c["declared"]]
    check("the others are exploratory", len(rest) > 4 and all(c["p_adjusted"] is None for c in rest) and claims_of(table, "c", "a"))
    # Equal steps: the last validation that all have. Equal tokens: a's total is the smallest; b is back at an earlier validation.
    at_steps = claims_of(table, "b", "a", "equal steps")[0]
    check("equal steps", close(at_steps["difference"], mean([data["b", s]["curve"][4] - data["a", s]["curve"][4] for s in seeds])) and
          at_steps["steps_a"] == [4, 4] and at_steps["outcome"] == "validation avg@3", at_steps)
    budget = min(data[arm, s]["tokens"][-1] for arm in "ab" for s in seeds)

    def within(arm, s):
        return max(step for step in (0, 2, 4) if (data[arm, s]["tokens"][step - 1] if step else 0) <= budget)

    at_tokens = claims_of(table, "b", "a", "equal generated tokens")[0]
    steps = [[within(arm, s) for s in seeds] for arm in "ba"]
    difference = mean([data["b", s]["curve"][within("b", s)] - data["a", s]["curve"][within("a", s)] for s in seeds])
    check("equal tokens", close(at_tokens["tokens"], budget) and close(at_tokens["difference"], difference) and
          at_tokens["steps_a"] == [min(steps[0]), max(steps[0])] and at_tokens["steps_b"] == [min(steps[1]), max(steps[1])] and 2 in steps[0], (at_tokens, steps))
    rows = list(csv.DictReader(io.StringIO(run(folder, "--csv").stdout)))
    check("csv", len(rows) == 18 * len(table["arms"][0]["outcomes"]) and
          all(close(float(r["value"]), outcome(data[r["arm"], int(r["seed"])]["rows"], r["outcome"], r["source"])) for r in rows if "@" in r["outcome"]))
    text = run(folder).stdout
    check("text", "b vs a, avg@4" in text and "adjusted after Holm over 2" in text and "too few seeds" not in text, text)
    check("the caution", "dsdr is trained on formula and semantic similarity" in text)
    check("without the study's file nothing is declared", not [c for c in json.loads(run(folder / "a", folder / "b", "--json").stdout)["comparisons"] if c["declared"]])


def troubled_study():
    folder = ROOT / "troubled"
    data = make_study(folder, range(1, 7), "b vs a")
    shutil.rmtree(folder / "b" / "seed-2")
    (folder / "b" / "seed-2").mkdir()
    (folder / "b" / "seed-2" / "outcome.json").write_text('{"failed": "train", "reason": "no \\"memory\\""}\n')
    with sqlite3.connect(folder / "a" / "seed-5" / "run.db") as db:
        db.execute("update metrics set value = 1 where name = 'actor/updates_skipped' and step = 4")
    db.close()
    table = json.loads(run(folder, "--json").stdout)
    a, b = table["arms"]
    check("a failed run is there without a number", b["runs"][1]["state"] == "failed" and b["runs"][1]["reason"] == 'no "memory"' and
          all(o["by_seed"][1] is None for o in b["outcomes"]), b["runs"])
    check("a diverged run keeps its number", a["runs"][4]["state"] == "diverged" and
          all(o["by_seed"][4] is not None for o in a["outcomes"] if "@" in o["outcome"]))
    kept = [s for s in range(1, 7) if s != 2]
    expected = mean([outcome(data["b", s]["rows"], "avg@4", "overall") for s in kept])
    check("the mean is over the others", close([o for o in b["outcomes"] if (o["source"], o["outcome"]) == ("overall", "avg@4")][0]["mean"], expected))
    claim = claims_of(table, "b", "a", name="avg@4")[0]
    check("nothing is decided", claim["seeds"] == 5 and claim["seeds_missing"] == 1 and claim["p"] is None, claim)
    text = run(folder).stdout
    check("it is told", "5 of 6, 1 failed" in text and "1 diverged" in text and 'no "memory"' in text and "nothing is decided" in text, text)


def unfinished_study():
    folder = ROOT / "unfinished"
    make_study(folder, range(1, 7), "b vs a")
    with sqlite3.connect(folder / "b" / "seed-6" / "run.db") as db:
        db.execute("update run set value = 'begun' where key = 'state'")
    db.close()
    table = json.loads(run(folder, "--json").stdout)
    check("a run that goes on has no number", table["arms"][1]["runs"][5]["state"] == "unfinished" and
          all(o["by_seed"][5] is None for o in table["arms"][1]["outcomes"]), table["arms"][1]["runs"])
    check("anywhere", all(c["seeds"] == 5 and c["seeds_missing"] == 1 and c["p"] is None for c in table["comparisons"]), table["comparisons"])
    with sqlite3.connect(folder / "a" / "seed-1" / "eval" / "run.db") as db:
        db.execute("update run set value = 'begun' where key = 'state'")
    db.close()
    check("an evaluation that goes on has none either", all(o["by_seed"][0] is None for o in json.loads(run(folder, "--json").stdout)["arms"][0]["outcomes"]))
    check("that is told", "5 of 6, 1 not evaluated" in run(folder).stdout)
    check("it is told, too", "5 of 6, 1 unfinished" in run(folder).stdout)


def few_seeds():
    folder = ROOT / "few"
    make_study(folder, (3, 8), "b vs a")
    claim = claims_of(json.loads(run(folder, "--json").stdout), "b", "a", name="avg@4")[0]
    check("two seeds have an interval and no test", claim["p"] is None and claim["interval"][0] is not None and claim["seeds"] == 2, claim)
    check("it is said", "too few seeds to decide" in run(folder).stdout)


def checkpoints():
    draw, rows = random.Random(5), {}
    for name, level in (("first", 0.5), ("second", 0.9)):
        rows[name] = evaluate(database(ROOT / name, kind="eval", state="finished"), draw, level)
    table = json.loads(run(ROOT / "first", ROOT / "second", "--json").stdout)
    check("no claim about methods", not table["comparisons"])
    duels = {d["outcome"]: d for d in table["checkpoints"]}
    right = {n: [s[0] for source in SOURCES for s in rows[n]["pass@1"][source]] for n in rows}
    only = [sum(x > y for x, y in zip(right[p], right[q])) for p, q in (("first", "second"), ("second", "first"))]
    n = sum(only)
    p = min(1, 2 * sum(math.comb(n, i) for i in range(min(only) + 1)) / 2 ** n)
    check("McNemar", duels["pass@1"]["test"].startswith("McNemar") and close(duels["pass@1"]["p"], p), (duels["pass@1"], only, p))
    weights = [1 / len(SOURCES) / SOURCES[s] for s in SOURCES for _ in range(SOURCES[s])]
    means = {n: [mean(s) for source in SOURCES for s in rows[n]["pass@k"][source]] for n in rows}
    change = [w * (y - x) for w, x, y in zip(weights, means["first"], means["second"])]
    check("paired permutation", close(duels["avg@6"]["difference"], sum(change)) and close(duels["avg@6"]["p"], sign_flip(change)), (duels["avg@6"], sum(change)))
    check("the unit is said", "The unit is the problem" in run(ROOT / "first", ROOT / "second").stdout)


def bad_input():
    (ROOT / "empty").mkdir()
    check("no run", "holds no run" in run(ROOT / "empty", code=2).stderr)
    check("no argument", "no run" in run(code=2).stderr)
    check("twice", "named twice" in run(ROOT / "first", ROOT / "first", code=2).stderr)
    other = database(ROOT / "other", kind="eval", state="finished")
    other.execute("insert into evaluations(step, pass, source, problem_id, sample, correct) values(0, 'pass@k', 'alpha', 'another', 0, 1)")
    other.execute("insert into evaluation_summary values(0, 'pass@k', 'overall', 'acc/mean@1', 1, null, null, 1)")
    other.commit()
    check("other problems", "different problems" in run(ROOT / "first", ROOT / "other", code=2).stderr)
    check("both formats", "not both" in run(ROOT / "first", "--csv", "--json", code=2).stderr)
    twins = ROOT / "twins"
    make_study(twins / "x", (1,), "")
    make_study(twins / "y", (1,), "")
    check("one seed twice", "with seed 1" in run(twins / "x" / "a", twins / "y" / "a", code=2).stderr)


for part in (whole_study, troubled_study, unfinished_study, few_seeds, checkpoints, bad_input):
    part()
shutil.rmtree(ROOT, ignore_errors=True)
conclude()
