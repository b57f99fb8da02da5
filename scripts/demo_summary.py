#!/usr/bin/env python3
"""Says in a few lines what a run learned, from its run.db (standard library only).

usage: scripts/demo_summary.py RUN
Accuracy is the mean over problems of the share of samples that are right; the interval of the difference is a bootstrap over
problems, paired, with 2000 resamples. Exit 1 where the run holds no evaluation before or after training.
"""
import pathlib, random, sqlite3, sys


def accuracy(db, step):
    """Share of right samples of each problem in the evaluation after `step`."""
    return dict(db.execute("select source || '/' || problem_id, avg(coalesce(correct, 0)) from evaluations where step = ? group by 1 order by 1", (step,)))


def interval(values, seed=1):
    draw = random.Random(seed)
    means = sorted(sum(draw.choices(values, k=len(values))) / len(values) for _ in range(2000))
    return means[49], means[1949]


def main():
    run = pathlib.Path(sys.argv[1])
    db = sqlite3.connect(f"file:{run}/run.db?mode=ro", uri=True)
    steps = [s for s, in db.execute("select distinct step from evaluations order by step")]
    if len(steps) < 2:
        sys.exit(f"{run}/run.db holds no evaluations before and after training")
    first, last = steps[0], steps[-1]
    before, after = accuracy(db, first), accuracy(db, last)
    problems = sorted(set(before) & set(after))
    samples = db.execute("select max(sample) + 1 from evaluations where step = ?", (last,)).fetchone()[0]
    metric = lambda name: [v for v, in db.execute("select value from metrics where name = ? and value is not null order by step", (name,))]
    percent = lambda x: f"{100 * x:.1f}%"

    def row(words, values):
        low, high = interval(values)
        print(f"  {words:<21}{percent(sum(values) / len(values)):>7}   95% interval {percent(low)} to {percent(high)}")

    print(f"\nHeld-out accuracy on {len(problems)} problems, {samples} {'sample' if samples == 1 else 'samples'} each:")
    row("before training", [before[p] for p in problems])
    row(f"after {last} steps", [after[p] for p in problems])
    row("difference", [after[p] - before[p] for p in problems])
    seconds, difference = metric("timing_s/step"), metric("training/train_rollout_logprob_abs_diff_max")
    if seconds:
        print(f"Training took {sum(seconds):.0f} seconds, {sum(seconds) / len(seconds):.1f} a step.")
    if difference:
        print(f"Largest difference between a log-prob while sampling and in training: {max(difference):g}.")
    changed = db.execute("""select b.response, a.response, b.answer from evaluations b join evaluations a using (source, problem_id, sample)
                            where b.step = ? and a.step = ? and b.correct = 0 and a.correct = 1 order by b.rowid limit 1""", (first, last)).fetchone()
    if changed:
        before_text, after_text = (" ".join(text.split())[:60] for text in changed[:2])
        print(f"One problem, before: {before_text}   after: {after_text}")
    print(f"""Everything is in {run}:
  run.db            every metric, rollout and evaluation (SQLite)
  global_step_{last}/   the trained model, a Hugging Face folder
Talk to it:  build/release/dsdr generate {run}/global_step_{last}""")


if __name__ == "__main__":
    main()
