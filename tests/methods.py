"""Every method, ablation and option of training runs two steps on the tiny model, and run.db says what it should.

usage: methods.py DSDR SOURCE

SOURCE is the root of the repository: the configurations are examples/*.yaml and tests/golden/run/verl_grpo.yaml, the models those of
tests/golden. What run.db holds is computed anew from its rollouts, or is known beforehand: the policy of the first update is the
one that sampled, bit for bit, so that its ratios are 1 and a KL divergence from the starting model is 0.
"""
import json, math, os, pathlib, shutil, sqlite3, struct, subprocess, sys, time

from checks import check, conclude, scratch

DSDR, SOURCE = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
GOLDEN = SOURCE / "tests/golden"
MODEL, ENCODER = GOLDEN / "model/tiny_lm", GOLDEN / "model/tiny_bert"
ROOT = scratch("methods")
PROMPTS, SIZE = 8, 8
RECOMPUTE = "actor_rollout_ref.model.enable_gradient_checkpointing=true"
PARTS = ("weights", "packed", "optimizer", "reference", "rollouts", "activations", "encoder", "products", "process")

class Run:
    """A finished run: its settings, metrics by name as {step: value}, and rollouts by step and group."""

    def __init__(self, name, folder):
        self.name, self.folder = name, folder
        db = sqlite3.connect(folder / "run.db")
        self.metrics, self.groups = {}, {}
        for step, metric, value in db.execute("select step, name, value from metrics"):
            self.metrics.setdefault(metric, {})[step] = value
        db.row_factory = sqlite3.Row
        for row in db.execute("select * from rollouts order by rowid"):
            self.groups.setdefault((row["step"], row["serial"]), []).append(dict(row))
        db.close()
        self.steps = sorted({step for step, _ in self.groups})

    def check(self, what, condition, detail=""):
        check(f"{self.name}: {what}", condition, detail)

    def at(self, metric, step=1):
        return self.metrics[metric][step]

    def rows(self, step=None):
        return [row for (s, _), rows in self.groups.items() for row in rows if step in (None, s)]


def close(a, b, tolerance=1e-9):
    return a is not None and b is not None and abs(a - b) <= tolerance * max(1, abs(a), abs(b))


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def train(name, *arguments, cwd=None):
    folder = ROOT / name.replace("/", "_")
    done = subprocess.run([DSDR, "train", *map(str, arguments), f"trainer.default_local_dir={folder}"], capture_output=True, text=True, cwd=cwd or ROOT,
                          timeout=120)
    if done.returncode:
        check(name, False, f"exit {done.returncode}\n{done.stdout[-1500:]}{done.stderr}")
        return None
    run = Run(name, folder)
    check_always(run)
    return run


TINY = [f"actor_rollout_ref.model.path={MODEL}", f"data.train_files={MODEL}/train.jsonl", f"algorithm.dsdr.encoder={ENCODER}",
        'data.prompt_template="{problem}\\n"', "actor_rollout_ref.rollout.temperature=1", "actor_rollout_ref.actor.optim.lr=1e-3", f"data.train_batch_size={PROMPTS}",
        f"actor_rollout_ref.rollout.n={SIZE}", "data.max_prompt_length=64", "data.max_response_length=16", "trainer.total_training_steps=2", "verify.workers=1"]


def check_always(run):
    """What holds for every method."""
    run.check("two steps", run.steps == [1, 2], run.steps)
    infinite = [(n, s, v) for n, values in run.metrics.items() for s, v in values.items() if v is not None and not math.isfinite(v)]
    run.check("every metric is finite", not infinite, infinite)
    difference = run.metrics["training/train_rollout_logprob_abs_diff_max"]
    compared = run.metrics["training/train_rollout_logprob_tokens"]
    run.check("sampled and trained log-probs are the same", all(d == 0 or (d is None and compared[s] == 0) for s, d in difference.items()) and any(compared.values()),
              (difference, compared))
    for step in run.steps:
        rows, groups = run.rows(step), [g for (s, _), g in run.groups.items() if s == step]
        correct = [sum(row["correct"] or 0 for row in g) for g in groups]
        shares = {kind: run.at(f"dsdr/group_share/{kind}", step) for kind in ("solve_none", "mixed", "solve_all")}
        expected = {"solve_none": mean(c == 0 for c in correct), "mixed": mean(0 < c < len(groups[0]) for c in correct), "solve_all": mean(c == len(groups[0]) for c in correct)}
        run.check(f"groups of step {step}", all(close(shares[k], expected[k]) for k in shares), (shares, expected))
        run.check(f"score of step {step}", close(run.at("critic/score/mean", step), mean(row["correct"] for row in rows)))
        run.check(f"rewards of step {step}", close(run.at("critic/rewards/mean", step), mean(row["reward"] for row in rows)))
        run.check(f"lengths of step {step}", close(run.at("response_length/mean", step), mean(row["length"] for row in rows)))
        verdicts = sum(v[step] for n, v in run.metrics.items() if n.startswith("verify/"))
        run.check(f"verdicts of step {step}", verdicts == len(rows) and run.at("verify/correct", step) == sum(correct), verdicts)
        generated, dropped = (run.at(f"dynamic_sampling/groups_{word}", step) for word in ("generated", "dropped"))
        run.check(f"dropped groups of step {step}", generated - dropped == len(groups), (generated, dropped, len(groups)))
        if run.metrics["actor/updates"][step] == 1:
            ratios = [run.at(f"actor/{name}", step) for name in ("ratio_min", "ratio_mean", "ratio_max", "ppo_kl")]
            run.check(f"ratios of step {step}", ratios == [1, 1, 1, 0], ratios)
            if "mask" not in run.name:  # rollouts without gradient are not computed, but they are counted
                entropies = run.at("actor/entropy", step), run.at("rollout/entropy", step)
                run.check(f"entropy of step {step}", close(*entropies), entropies)
        padded = [run.at(f"perf/padded_share/{phase}", step) for phase in ("gen", "update_actor")]
        run.check(f"padding of step {step}", all(0 <= share <= 0.05 for share in padded), padded)
        run.check(f"half-empty decoding of step {step}", 0 <= run.at("perf/half_empty_share/gen", step) <= 1)
    run.check("something is learned", run.at("actor/grad_norm") > 0, run.at("actor/grad_norm"))


def check_advantages(run, sample=False, normalized=True):
    wrong = []
    for rows in run.groups.values():
        rewards = [row["reward"] for row in rows]
        centre = mean(rewards)
        deviation = math.sqrt(sum((r - centre) ** 2 for r in rewards) / (len(rewards) - sample))
        # Rewards that differ by rounding alone are equal; what is left of a sum that should vanish is no advantage.
        for row, reward in zip(rows, rewards):
            expected = 0 if deviation < 1e-12 else (reward - centre) / (deviation + 1e-6 if normalized else 1)
            if not close(row["advantage"], expected, 1e-6):
                wrong.append((row["step"], row["serial"], row["advantage"], expected))
    run.check("advantages", not wrong, wrong[:3])


def check_rewards(run, lambda_d=0.0, overlong=None):
    wrong = []
    for row in run.rows():
        expected = row["correct"] + (lambda_d * row["dbar"] if row["correct"] and lambda_d else 0)
        if overlong:
            expected += min(0, -(row["length"] - (overlong[0] - overlong[1])) / overlong[1])
        if not close(row["reward"], expected):
            wrong.append((row["response"], row["reward"], expected))
    run.check("rewards", not wrong, wrong[:3])


def check_coupling(run, uniform):
    wrong = []
    for rows in run.groups.values():
        right = [row for row in rows if row["correct"]]
        if not right:
            continue
        peak = max(row["dbar"] or 0 for row in right)
        weights = [1 if uniform else math.exp(5 * ((row["dbar"] or 0) - peak)) for row in right]
        for row, weight in zip(right, weights):
            if not close(row["coupling"], weight / sum(weights)):
                wrong.append((row["coupling"], weight / sum(weights)))
    run.check("coupling", not wrong, wrong[:3])
    run.check("the local term", all(v < 0 for v in run.metrics["dsdr/local_loss"].values()), run.metrics["dsdr/local_loss"])


def examples():
    runs = {}
    for path in sorted((SOURCE / "examples").glob("*.yaml")):
        if (run := train(path.name, path, *TINY, "data.val_files=[]", "data.gen_batch_size=6" if path.stem == "dapo" else f"data.gen_batch_size={PROMPTS}")):
            runs[path.stem] = run
    expected = {"grpo", "dapo", "dsdr", "dsdr_uniform_coupling", "dsdr_without_gc", "dsdr_without_gd", "quickstart"}
    check("the examples", set(runs) == expected, expected ^ set(runs))
    for name, run in runs.items():
        diverse = name in ("dsdr", "dsdr_uniform_coupling", "dsdr_without_gc", "quickstart")
        check_rewards(run, 0.001 if diverse else 0, (16, 4) if name == "dapo" else None)
        check_advantages(run)
        if name in ("dsdr", "quickstart", "dsdr_uniform_coupling", "dsdr_without_gd"):
            check_coupling(run, name in ("dsdr_uniform_coupling", "dsdr_without_gd"))
        run.check("diversity is measured where it counts", (run.rows()[0]["dbar"] is not None) == (name in ("dsdr", "quickstart", "dsdr_without_gc", "dsdr_uniform_coupling")))
    dapo = runs["dapo"]
    dapo.check("only mixed groups", all(v == 1 for v in dapo.metrics["dsdr/group_share/mixed"].values()), dapo.metrics["dsdr/group_share/mixed"])
    dapo.check("refilled", all(v >= 2 for v in dapo.metrics["dynamic_sampling/batches"].values()), dapo.metrics["dynamic_sampling/batches"])
    a, b = runs["dsdr"].metrics["actor/loss"], runs["quickstart"].metrics["actor/loss"]
    check("quickstart is dsdr", a == b, (a, b))


def tokens():
    """Of the first groups of a step, what each token got: the derivative of the objective by its logit, as it follows from the rows."""
    common = [*TINY, "trainer.probe_freq=2", "trainer.record_tokens=3"]
    for name, local, arguments in (("grpo", 0, ["algorithm.method=grpo"]), ("dsdr", 0.5, ["algorithm.dsdr.lambda_l=0.5"]), ("exact entropy", 0.5, ["algorithm.dsdr.lambda_l=0.5", "algorithm.dsdr.entropy=exact"])):
        run = train(f"tokens of {name}", *common, *arguments)
        if not run:
            continue
        with sqlite3.connect(run.folder / "run.db") as db:
            recorded = {(step, serial, sample): json.loads(text) for step, serial, sample, text in db.execute("select * from tokens")}
            problems = db.execute("select step, serial, problem_id from groups").fetchall()
        rows = {(row["step"], row["serial"], row["sample"]): row for row in run.rows()}
        run.check("every group has its problem", sorted(problems) == sorted({(s, n, row["problem_id"]) for (s, n, _), row in rows.items()}))
        run.check("three groups of the second step", list(recorded) == [(2, PROMPTS + g, i) for g in range(3) for i in range(SIZE)], list(recorded))
        wrong = []
        for key, row in rows.items():
            if key not in recorded:
                continue
            length, text = row["length"], "".join(token[0] for token in recorded[key])
            if len(recorded[key]) != length or not text.startswith(row["response"]):
                wrong.append((key, text, row["response"]))
            for _, logp, entropy, gradient in recorded[key]:
                p, weight = math.exp(logp), local * row["coupling"] / (PROMPTS * length)
                by_logp = row["advantage"] / (PROMPTS * SIZE * length) - (weight * (logp + 1) if name == "dsdr" else 0)
                expected = by_logp * (1 - p) - (weight * p * (logp + entropy) if name == "exact entropy" else 0)
                if not abs(gradient - expected) <= 1e-8 + 2e-5 * abs(expected):
                    wrong.append((key, logp, entropy, gradient, expected))
        run.check("the gradient of each token", not wrong and any(token[3] for row in recorded.values() for token in row), wrong[:3])
    recorded = [train(f"record_tokens={n}", *TINY, f"trainer.record_tokens={n}", "trainer.probe_freq=1") for n in (0, 1000)]
    if all(recorded):
        same = [n for n in recorded[0].metrics if not n.startswith(("timing", "perf/")) and repr(recorded[0].metrics[n]) != repr(recorded[1].metrics[n])]
        check("recording tokens changes no figure", not same and len({(run.folder / "global_step_2/model.safetensors").read_bytes() for run in recorded}) == 1, same)


def precisions():
    for precision in ("float32", "bfloat16"):
        if (run := train(precision, *TINY, f"trainer.precision={precision}", "trainer.probe_freq=1")):
            tokens = run.metrics["training/train_rollout_logprob_tokens"]
            run.check("every token is compared", all(tokens[s] == sum(row["length"] for row in run.rows(s)) for s in run.steps), tokens)


def divergences():
    for kind in ("kl", "abs", "mse", "low_var_kl", "kl+", "abs+", "low_var_kl+"):
        run = train(f"kl_loss_type={kind}", *TINY, "algorithm.method=grpo", "actor_rollout_ref.actor.use_kl_loss=true", "actor_rollout_ref.actor.kl_loss_coef=0.1",
                    f"actor_rollout_ref.actor.kl_loss_type={kind}")
        if run:
            first, second = (run.at("actor/kl_loss", step) for step in (1, 2))
            run.check("every rollout is computed", all(v == 0 for v in run.metrics["actor/rollouts_without_gradient"].values()))
            run.check("no divergence at first, some later", first == 0 and (second != 0 if kind in ("kl", "kl+") else second > 0), (first, second))
            check_rewards(run)


def skipping():
    """A coefficient too small to change a number has every rollout computed; all figures are those of a run that leaves some out."""
    for lambda_l in (0, 0.5):
        runs = [train(f"lambda_l={lambda_l}, entropy_coeff={coefficient}", *TINY, "actor_rollout_ref.actor.loss_agg_mode=token-mean", f"algorithm.dsdr.lambda_l={lambda_l}",
                      f"actor_rollout_ref.actor.entropy_coeff={coefficient}", "trainer.precision=float32", "actor_rollout_ref.rollout.n=3") for coefficient in (0, 1e-300)]
        if None in runs:
            continue
        some, every = runs
        left_out = [run.at("actor/rollouts_without_gradient") for run in runs]
        some.check("some are left out", left_out[0] > 0 and left_out[1] == 0, left_out)
        tokens = [sum(row["length"] for row in some.rows(1) if row["advantage"] or lambda_l * row["coupling"]), sum(row["length"] for row in some.rows(1))]
        some.check("tokens computed", tokens == [run.at("actor/tokens_trained") for run in runs] and tokens == [run.at("training/train_rollout_logprob_tokens") for run in runs], tokens)
        expected = {"actor/rollouts_without_gradient", "actor/tokens_trained", "training/train_rollout_logprob_tokens", "actor/entropy_bonus"}
        names = [n for n in some.metrics if not n.startswith(("timing", "perf/"))]
        other = [(n, some.at(n), every.at(n)) for n in names if n not in expected and some.at(n) != every.at(n) and not close(some.at(n), every.at(n), 1e-6)]
        some.check("every other figure is the same", not other and "actor/grad_norm" in names and len(names) > 50, other)


def minibatches():
    run = train("several updates", *TINY, "actor_rollout_ref.actor.ppo_epochs=2", f"actor_rollout_ref.actor.ppo_mini_batch_size={PROMPTS // 4}")
    if not run:
        return
    run.check("eight updates", all(v == 8 for v in run.metrics["actor/updates"].values()))
    for step in run.steps:
        low, high, kl = (run.at(f"actor/{name}", step) for name in ("ratio_min", "ratio_max", "ppo_kl"))
        run.check(f"the policy of step {step} moves", low < 1 < high and kl != 0, (low, high, kl))
        first = sum(row["length"] for row in run.rows(step)[:SIZE * PROMPTS // 4] if row["advantage"] or row["coupling"])
        run.check(f"only the first update of step {step} is compared", run.at("training/train_rollout_logprob_tokens", step) == first, first)


def options():
    if (run := train("adv_std=sample", *TINY, "algorithm.method=grpo", "algorithm.adv_std=sample")):
        check_advantages(run, sample=True)
    if (run := train("norm_adv_by_std_in_grpo=false", *TINY, "algorithm.method=grpo", "algorithm.norm_adv_by_std_in_grpo=false")):
        check_advantages(run, normalized=False)
    for mode in ("token-mean", "seq-mean-token-sum", "seq-mean-token-mean", "seq-mean-token-sum-norm"):
        train(f"loss_agg_mode={mode}", *TINY, f"actor_rollout_ref.actor.loss_agg_mode={mode}", "actor_rollout_ref.actor.clip_ratio_c=3", "algorithm.dsdr.entropy=exact",
              "actor_rollout_ref.actor.entropy_coeff=0.01")
    if (run := train("overlong buffer", *TINY, "reward_model.overlong_buffer.enable=true", "reward_model.overlong_buffer.len=8")):
        check_rewards(run, 0.001, (16, 8))
        run.check("some are penalized", any(row["reward"] < row["correct"] for row in run.rows()))
    if (run := train("mask_truncated", *TINY, "algorithm.method=grpo", "algorithm.mask_truncated=true", "data.max_response_length=11")):
        check_advantages(run)
        for step in run.steps:
            kept = [row for row in run.rows(step) if row["finish"] != "length" and row["advantage"]]
            run.check(f"cut responses of step {step} are left out", run.at("actor/tokens_trained", step) == sum(row["length"] for row in kept) and
                      0 < run.at("response_length/clip_ratio", step) < 1, (run.at("actor/tokens_trained", step), len(kept)))
    if (run := train("ignore_eos", *TINY, "actor_rollout_ref.rollout.ignore_eos=true")):
        run.check("no response ends before the limit", {(row["length"], row["finish"]) for row in run.rows()} == {(16, "length")})
    run = train("filter_groups.metric=signal", *TINY, "algorithm.filter_groups.enable=true", "data.gen_batch_size=5", "algorithm.filter_groups.max_num_gen_batches=20")
    if run:
        check_rewards(run, 0.001)
        run.check("groups with a signal", all(len({row["reward"] for row in rows}) > 1 and any(row["correct"] for row in rows) for rows in run.groups.values()))
        serials = [serial for _, serial in run.groups]
        run.check("in the order of the problems", serials == sorted(serials))


def embedding(folder):
    """The embedding matrix of a model folder, in bfloat16 or float32."""
    data = (folder / "model.safetensors").read_bytes()
    size = int.from_bytes(data[:8], "little")
    entry = json.loads(data[8:8 + size])["model.embed_tokens.weight"]
    raw = data[8 + size:][slice(*entry["data_offsets"])]
    if entry["dtype"] == "BF16":
        raw = b"".join(b"\0\0" + raw[i:i + 2] for i in range(0, len(raw), 2))
    return [x for x, in struct.iter_unpack("<f", raw)]


def plans():
    """Memory is planned before anything runs, what cannot fit is refused, and what was planned stays as it is."""
    def plan(*more):
        done = subprocess.run([DSDR, "plan", "--json", "--no-timing", *TINY, *more], capture_output=True, text=True, cwd=ROOT)
        check("a plan", done.returncode == 0, done.stderr)
        check("no time without measuring", "seconds" not in json.loads(done.stdout), done.stdout)
        return json.loads(done.stdout)["bytes"]
    kept, recomputed, reference = plan(), plan(RECOMPUTE), plan("actor_rollout_ref.actor.use_kl_loss=true")
    check("the peak is the sum of its parts", kept["peak"] == sum(kept[k] for k in PARTS), kept)
    check("sampling and learning take turns", kept["activations"] == max(kept["sampling"], kept["learning"]), kept)
    check("recomputation needs less", recomputed["learning"] < kept["learning"], (recomputed, kept))
    check("a frozen model costs memory", kept["reference"] == 0 < reference["reference"], (reference, kept))
    runs = [train(f"recompute={on}", *TINY, f"{RECOMPUTE[:-4]}{on}") for on in ("false", "true")]
    if all(runs):
        same = [n for n in runs[0].metrics if not n.startswith(("timing", "perf/")) and repr(runs[0].metrics[n]) != repr(runs[1].metrics[n])]
        check("recomputation changes no figure", not same, same)
    too_large = ["actor_rollout_ref.actor.ppo_micro_batch_size=1000000", "trainer.leaf_rows=1", f"trainer.default_local_dir={ROOT}/large"]
    for command in ("plan", "train"):
        done = subprocess.run([DSDR, command, *TINY, *too_large], capture_output=True, text=True, cwd=ROOT)
        check(f"{command} refuses what cannot fit", done.returncode == 2 and "it fits with actor_rollout_ref.actor.ppo_micro_batch_size=1" in done.stderr and
              not (ROOT / "large").exists(), (done.returncode, done.stderr))


def timing():
    """A plan tells the parts of a step's time, and those alone that a step has. How fast anything is nobody checks here."""
    def seconds(*more):
        done = subprocess.run([DSDR, "plan", "--json", *TINY, *more], capture_output=True, text=True, cwd=ROOT)
        check("a plan with time", done.returncode == 0, done.stderr)
        plan = json.loads(done.stdout)
        return plan["seconds"] | {"response_length": plan["response_length"]}
    every = seconds("algorithm.method=dsdr", "actor_rollout_ref.actor.use_kl_loss=true", "actor_rollout_ref.actor.ppo_mini_batch_size=4",
                    "data.max_response_length=24", RECOMPUTE)
    parts = {"sampling", "embedding", "reference", "probe", "update", "optimizer"}
    check("the parts of a step", set(every) == parts | {"response_length", "total"}, every)
    check("all take time", all(every[k] > 0 for k in parts), every)
    check("a step is their sum", close(every["total"], sum(every[k] for k in parts), 1e-6), every)
    check("responses are as long as they may be", every["response_length"] == 24, every)
    few = seconds("algorithm.method=grpo", "--mean-response-length", "5")
    check("nothing that is not done", few["embedding"] == few["reference"] == few["probe"] == 0 < min(few["sampling"], few["update"], few["optimizer"]), few)
    check("the mean that was given", few["response_length"] == 5, few)
    few, many = (seconds("algorithm.method=grpo", "data.max_response_length=24", "--mean-response-length", n) for n in ("2", "24"))
    check("longer responses take longer", few["sampling"] + few["update"] < many["sampling"] + many["update"], (few, many))
    check("one token", seconds("algorithm.method=grpo", "data.max_response_length=1")["total"] > 0)
    text = subprocess.run([DSDR, "plan", *TINY], capture_output=True, text=True, cwd=ROOT)
    check("for a person", text.returncode == 0 and "time of a step, measured in parts" in text.stdout and "--mean-response-length" in text.stdout, text)


def nothing_to_learn():
    """All responses are cut and masked: an update without a token is counted and is no number gone wrong."""
    folder = ROOT / "masked"
    done = subprocess.run([DSDR, "train", *TINY, "algorithm.mask_truncated=true", "data.max_response_length=3", f"trainer.default_local_dir={folder}"],
                          capture_output=True, text=True, cwd=ROOT)
    check("all masked", done.returncode == 0 and "warning: 64 of 64 responses of the first step hold no answer" in done.stdout, done.stdout + done.stderr)
    run = Run("all masked", folder)
    bad = [(n, v) for n, v in run.metrics.items() if any(x is not None and not math.isfinite(x) for x in v.values())]
    optimizer_steps = json.loads((folder / "global_step_2/trainer_state/state.json").read_text())["optimizer_step"]
    decay = (1 - 1e-3 * 0.01) ** 2  # learning rate and weight decay, two updates
    before, after = (embedding(path) for path in (MODEL, folder / "global_step_2"))
    shrunk = max(abs(b - a * decay) / max(abs(a), 1e-3) for a, b in zip(before, after))
    run.check("each update is taken all the same", optimizer_steps == 2 and run.at("actor/updates") == 1 and before != after and shrunk < 1e-6, (optimizer_steps, shrunk))
    run.check("no gradient, no token", run.at("actor/tokens_trained") == 0 and run.at("actor/grad_norm") == 0 and run.at("actor/updates_skipped") == 0 and not bad, bad)


def random_rewards():
    """The control experiment: a coin decides what is rewarded, the same one in every run of a seed, and only evaluations judge."""
    said, runs = [], []
    for name in ("coin", "coin_again"):
        folder = ROOT / name
        done = subprocess.run([DSDR, "train", *TINY, "reward_model.random=0.25", f"data.val_files={MODEL}/test.jsonl", f"trainer.default_local_dir={folder}"],
                              capture_output=True, text=True, cwd=ROOT)
        said.append(done.stdout)
        runs.append(Run(name, folder))
    check("the coin is told", all("warning: verdicts of training are drawn (reward_model.random): 0.25 are correct" in text for text in said), said)
    drawn = [[row["correct"] for row in run.rows()] for run in runs]
    check("the coin is the same again", drawn[0] == drawn[1])
    check("the coin is fair", 0.15 < mean(drawn[0]) < 0.35, mean(drawn[0]))
    right = {True: [], False: []}
    for row in runs[0].rows():
        a, rest = row["response"].split(" + ", 1) if " + " in row["response"] else ("", "")
        sums = a.strip().isdigit() and rest[:1].isdigit() and f"\\boxed{{{int(a) + int(rest.split(' ')[0])}}}" in rest
        right[bool(sums)].append(row["correct"])
    check("the coin does not look", all(len(v) > 10 and mean(v) < 0.6 for v in right.values()), {k: (len(v), mean(v)) for k, v in right.items()})


def verl():
    """A configuration of verl as it stands, in a folder that has its files; the model's template takes the question alone."""
    root = ROOT / "verl"
    model = pathlib.Path(shutil.copytree(MODEL, root / "models/tiny"))
    (model / "chat_template.jinja").write_text("{{ messages[0]['content'].split('\\n')[0] }}\n{{ '\\n' }}")
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, "max_position_embeddings": 4096}))
    for split in ("train", "test"):
        rows = [json.loads(line) for line in (MODEL / f"{split}.jsonl").read_text().splitlines()]
        for i, source in enumerate(("gsm8k", "math")):
            path = root / "data" / source / f"{split}.jsonl"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(json.dumps({"data_source": source, "prompt": [{"role": "user", "content": row["prompt"]}], "ability": "math",
                                                "reward_model": {"style": "rule", "ground_truth": row["answer"]}, "extra_info": {"split": split, "index": k}}) + "\n"
                                    for k, row in enumerate(rows[i::2])))
    run = train("verl_grpo.yaml", GOLDEN / "run/verl_grpo.yaml", "trainer.total_training_steps=2", cwd=root)
    if run:
        check_advantages(run)
        check_rewards(run)
        run.check("four updates of 256 prompts", all(v == 4 for v in run.metrics["actor/updates"].values()) and len(run.rows(1)) == 5120)
        run.check("evaluated before and after", sorted(run.metrics["val-core/gsm8k/acc/mean@1"]) == [0, 2] and sorted(run.metrics["val-core/math/acc/mean@1"]) == [0, 2])


def first_day():
    """One's own problems and model, and no configuration; the encoder of the default method lies where `make demo` puts it."""
    root = ROOT / "day"
    (root / "models").mkdir(parents=True)
    (root / "models/all-MiniLM-L6-v2").symlink_to(ENCODER)
    (root / "my.jsonl").write_text("".join(json.dumps({"problem": f"What is {a} + {b}?", "answer": a + b}) + "\n" for a in range(4) for b in range(3)))
    done = subprocess.run([DSDR, "train", "data.train_files=my.jsonl", f"actor_rollout_ref.model.path={MODEL}", "trainer.total_training_steps=1", "data.max_response_length=32"],
                          capture_output=True, text=True, cwd=root)
    runs = list((root / "runs").glob("dsdr-*"))
    words = ["its answer: 0", "What is 0 + 0?\nPlease reason step by step, and put your final answer within \\boxed{}.<|im_end|>", "<|im_start|>assistant",
             "step 1/1  reward"]
    check("first day", done.returncode == 0 and not done.stderr and len(runs) == 1 and all(w in done.stdout for w in words), done.stdout + done.stderr)
    check("first day: what it leaves", {p.name for p in runs[0].iterdir()} == {"run.db", "config.yaml", "global_step_1", "latest_checkpointed_iteration.txt", "lock"},
          [p.name for p in runs[0].iterdir()])
    check("first day: named first and last", done.stdout.splitlines()[0] == done.stdout.splitlines()[-1] == f"run folder: {runs[0].relative_to(root)}")


def main():
    for group in (examples, tokens, precisions, divergences, skipping, minibatches, options, plans, timing, nothing_to_learn, random_rewards, first_day, verl):
        started = time.monotonic()
        group()
        print(f"{group.__name__}: {time.monotonic() - started:.1f} s", flush=True)
    shutil.rmtree(ROOT)
    conclude()


main()
