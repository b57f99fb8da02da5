"""Rows of whole training steps by the program itself: time and memory beside TRL, what DSDR adds, the demo's task, exact log-probs."""
import json

from programs import ENCODER, MODEL, PEERS, ROOT, Failed, run, train
from table import bound_row, failed_row, ratio_row

STEP_TRL, DSDR_SHARE, MEMORY_SHARE = {"float32": 5.0, "bfloat16": 8.0}, 1.03, {"float32": 0.40, "bfloat16": 1 / 3}
OUTSIDE_PRODUCTS, ACCOUNTED = {"gen": 0.25, "update_actor": 0.20}, 0.95
RECOMPUTATION = "actor_rollout_ref.model.enable_gradient_checkpointing"
PROMPTS, SIZE, RESPONSE = 8, 8, 128
WARM = 1  # steps that are not counted: products are built, memory is touched


def problems():
    """A file of short additions; what they ask for does not matter here."""
    path = ROOT / "build/bench/problems.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [dict(problem=f"What is {12 + 7 * i % 83} + {15 + 11 * i % 79}?\nPut your final answer in \\boxed{{}}.", answer=str(27 + 7 * i % 83 + 11 * i % 79)) for i in range(64)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def steps_of(options, precision, method, count, *settings):
    """Metrics of the counted steps: 8 prompts x 8 rollouts at temperature 1."""
    steps = train(f"algorithm.method={method}", f"actor_rollout_ref.model.path={MODEL}", f"algorithm.dsdr.encoder={ENCODER}", f"data.train_files={problems()}",
                  "data.instruction=", f"data.train_batch_size={PROMPTS}", f"actor_rollout_ref.rollout.n={SIZE}", f"data.max_response_length={RESPONSE}",
                  "data.max_prompt_length=128", f"trainer.precision={precision}", f"trainer.threads={options.threads}", f"trainer.total_training_steps={count}",
                  "trainer.max_actor_ckpt_to_keep=1", *settings)
    return [steps[i] for i in sorted(steps) if i > WARM]


def forced(options, precision, method, count, *settings):
    """The same with every response as long as the limit and rewards drawn at random; steps in which a group has no gradient, where all of
    its rewards came out the same, are left out."""
    steps = steps_of(options, precision, method, count + WARM, "actor_rollout_ref.rollout.ignore_eos=true", "reward_model.random=0.5", *settings)
    full = [s for s in steps if s["actor/rollouts_without_gradient"] == 0]
    if not full:
        raise Failed("no step in which every group has a gradient")
    return full


def trl(options, precision, steps):
    answer = json.loads(run([options.python, ROOT / "bench/peers/trl_step.py", PEERS / "models/hf", precision, options.threads, problems(), steps]))
    options.note_version(answer["version"])
    return answer


def seconds(steps):
    return [s["timing_s/step"] for s in steps]


def gigabytes(steps):
    return [max(s["perf/cpu_memory_used_gb"] for s in steps)]


def kernels(steps, precision):
    """Where the time of a step went, by the program's own counters."""
    for phase, words in (("gen", "sampling"), ("update_actor", "training")):
        whole = [s[f"timing_s/{phase}"] for s in steps]
        outside = [w - s[f"timing_kernel_s/{phase}/products"] for w, s in zip(whole, steps)]
        yield bound_row(f"{words} outside of products, {precision}", "s", outside, OUTSIDE_PRODUCTS[phase], f"{words}, whole", whole, share_of_peer=True)
    counted = [sum(v for n, v in s.items() if n.startswith("timing_kernel_s/") and v is not None) + s["timing_s/reward"] for s in steps]
    yield ratio_row(f"time that counters account for, {precision}", "s", counted, "step", seconds(steps), ACCOUNTED, percent=True)


def beside_trl(what, precision, steps, peer, note):
    if peer:
        yield ratio_row(f"{what}, {precision}", "s", seconds(steps), "TRL", peer["seconds"], STEP_TRL[precision], less_is_better=True, note=note)
    else:
        yield bound_row(f"{what}, {precision}", "s", seconds(steps), note=note)


def step(options):
    what, trl_float32 = f"whole step, {PROMPTS} x {SIZE} x {RESPONSE} tokens", None
    for precision in options.precisions:
        grpo, peer = forced(options, precision, "grpo", options.rounds), None
        try:
            peer = trl(options, precision, options.trl_steps) if options.peers else None
        except Failed as error:
            yield failed_row(f"{what}, {precision}", "TRL", error)
        trl_float32 = peer if precision == "float32" else trl_float32
        middle = lambda name: sorted(s[f"timing_s/{name}"] for s in grpo)[len(grpo) // 2]
        yield from beside_trl(what, precision, grpo, peer, f"sampling {middle('gen'):.1f} s, update {middle('update_actor'):.1f} s")
        yield from kernels(grpo, precision)
        memory = f"peak memory of that step, {precision}"
        theirs = [trl_float32["peak_gb"]] if trl_float32 else []
        yield bound_row(memory, "GiB", gigabytes(grpo), MEMORY_SHARE[precision], "TRL float32" if theirs else "", theirs, share_of_peer=True)
        if peer and precision != "float32":
            yield bound_row(memory, "GiB", gigabytes(grpo), None, f"TRL {precision}", [peer["peak_gb"]], share_of_peer=True)
        try:
            again = forced(options, precision, "grpo", 1, f"{RECOMPUTATION}=true")
            yield bound_row(f"that step with recomputation, {precision}", "s", seconds(again), None, "without", seconds(grpo)[:1],
                            f"peak memory {gigabytes(again)[0]:.1f} GiB instead of {gigabytes(grpo)[0]:.1f}", share_of_peer=True)
        except Failed as error:
            yield failed_row(f"that step with recomputation, {precision}", "without", error)


def dsdr(options):
    """DSDR over GRPO on the same tokens: with a learning rate of 0 every step has the same weights, so both draw the same responses."""
    precision = options.precisions[-1]
    both = {"grpo": [], "dsdr": []}
    for _ in range(2):
        for method in both:
            both[method] += forced(options, precision, method, 2, "actor_rollout_ref.actor.optim.lr=0")
    tokens = {method: [s["actor/tokens_trained"] for s in steps] for method, steps in both.items()}
    if tokens["grpo"] != tokens["dsdr"]:
        raise Failed(f"the two methods trained on different tokens: {tokens}")
    yield bound_row(f"DSDR's step over GRPO's, same tokens, {precision}", "s", seconds(both["dsdr"]), DSDR_SHARE, "GRPO", seconds(both["grpo"]), share_of_peer=True)
    more = [d["timing_s/reward"] - g["timing_s/reward"] for d, g in zip(both["dsdr"], both["grpo"])]
    yield bound_row(f"of that, vectors and formulas of responses, {precision}", "s", more, None, "GRPO", seconds(both["grpo"]), share_of_peer=True)


def demo(options):
    """The demo as it is: groups without gradient cost nothing in training."""
    steps = train(ROOT / "examples/quickstart.yaml", "data.val_files=[]", "trainer.total_training_steps=9", f"trainer.threads={options.threads}",
                  "trainer.max_actor_ckpt_to_keep=1")
    counted = [steps[i] for i in sorted(steps) if i > WARM]
    share = sum(s["actor/rollouts_without_gradient"] for s in counted) / (64 * len(counted))
    length = sum(s["response_length/mean"] for s in counted) / len(counted)
    yield bound_row("whole step of the demo, DSDR, 8 x 8", "s", seconds(counted),
                    note=f"{100 * share:.0f}% of rollouts without gradient, not trained; responses of {length:.0f} tokens")


def logprob(options):
    """Largest difference over all rollouts of the counted steps, those without gradient too, weights changing in between."""
    for precision in options.precisions:
        steps = steps_of(options, precision, "grpo", 2 + WARM, "trainer.probe_freq=1", "actor_rollout_ref.actor.optim.lr=1e-5")
        largest = max(s["training/train_rollout_logprob_abs_diff_max"] for s in steps)
        tokens = sum(s["training/train_rollout_logprob_tokens"] for s in steps)
        what, note, theirs, beside = f"largest log-prob difference, sampling and training, {precision}", f"over {tokens:.0f} tokens", [], ""
        if options.peers:
            try:
                answer = json.loads(run([options.python, ROOT / "bench/peers/logprobs.py", PEERS / "models/hf", precision, options.threads, problems()]))
                options.note_version(answer["version"])
                theirs, beside, note = [answer["largest"]], "transformers", note + f"; its mean {answer['mean']:.1e}"
            except Failed as error:
                yield failed_row(what, "transformers", error)
        row = bound_row(what, "", [largest], 0, beside, theirs, note)
        row["ratios"] = []  # of nothing and something
        yield row
