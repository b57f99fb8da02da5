#!/usr/bin/env python3
"""Verdicts of dsdr beside those of Math-Verify on responses of a model: a table, and every disagreement to look at.

usage: PYTHON scripts/check_agreement.py FOLDER [--responses FILE.jsonl ...] [--output DISAGREEMENTS.jsonl]
FOLDER holds math500.jsonl, gsm8k_test.jsonl and svamp.jsonl; the demo's model answers them (`dsdr eval`, 2,200 responses behind four worked
examples at temperature 0.4). --responses takes rows that `dsdr eval --output` wrote instead. Needs math-verify, build/release/dsdr and models/.
dsdr judges with the lenient profile, Math-Verify as it comes: both look for an answer in the whole response.
"""
import argparse, collections, itertools, json, logging, pathlib, subprocess, tempfile

from math_verify import parse, verify

ROOT = pathlib.Path(__file__).resolve().parent.parent
DSDR = ROOT / "build/release/dsdr"
MODEL = ROOT / "models/SmolLM2-135M-Instruct.Q4_1.gguf"
COUNTS = {"math500": 500, "gsm8k_test": 800, "svamp": 900}
TEMPLATE = r"""Problem: What is the value of $\frac{3}{4} + \frac{1}{6}$?
Solution: The common denominator is 12, so $\frac{3}{4} + \frac{1}{6} = \frac{9}{12} + \frac{2}{12} = \frac{11}{12}$. The answer is $\boxed{\frac{11}{12}}$.

Problem: Tom has 3 boxes with 12 pencils each. He gives away 7 pencils. How many pencils does he have left?
Solution: Tom has 3 * 12 = 36 pencils. He gives away 7, so he has 36 - 7 = 29 pencils left. The answer is $\boxed{29}$.

Problem: Anna had 50 dollars and spent 18 dollars on a book. How much money does she have now?
Solution: She has 50 - 18 = 32 dollars. The answer is $\boxed{32}$.

Problem: Solve $x^2 - 5x + 6 = 0$.
Solution: Since $x^2 - 5x + 6 = (x-2)(x-3)$, we have $x = 2$ or $x = 3$. The answer is $\boxed{2, 3}$.

Problem: {problem}
Solution: The"""


def sample(folder, work):
    files = []
    for name, count in COUNTS.items():
        files.append(work / f"{name}.jsonl")
        with (folder / f"{name}.jsonl").open() as lines:
            files[-1].write_text("".join(itertools.islice(lines, count)))
    out = work / "responses.jsonl"
    subprocess.run([DSDR, "eval", MODEL, *files, "temperature=0.4", "max_response_length=192", "max_prompt_length=1500",
                    f"data.prompt_template={TEMPLATE}", 'actor_rollout_ref.rollout.stop=["\\n\\n","Problem:"]', "--output", out, "--folder", work / "eval"], check=True)
    return [out]


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("folder", type=pathlib.Path)
    options.add_argument("--responses", nargs="+", type=pathlib.Path)
    options.add_argument("--output", type=pathlib.Path)
    given = options.parse_args()
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as work:
        paths = given.responses or sample(given.folder, pathlib.Path(work))
        rows = [json.loads(line) for path in paths for line in path.open()]
    run = subprocess.run([DSDR, "verify", "--profile", "lenient"], capture_output=True, text=True, check=True,
                         input="".join(json.dumps(dict(gold=r["gold"], response=r["response"])) + "\n" for r in rows))
    ours = [json.loads(line) for line in run.stdout.split("\n")[:-1]]
    table, apart = collections.Counter(), []
    for row, verdict in zip(rows, ours, strict=True):
        theirs = parse(row["response"])
        pair = verdict["status"] == "correct", bool(verify(parse(f"${row['gold']}$"), theirs))
        table[row["source"], pair] += 1
        if pair[0] != pair[1]:
            apart.append(dict(source=row["source"], gold=row["gold"], dsdr=verdict["status"], extracted=verdict["extracted"],
                              math_verify=pair[1], parsed=str(theirs), response=row["response"]))
    print(f"{'':12}{'both correct':>14}{'neither':>10}{'only dsdr':>12}{'only Math-Verify':>18}")
    for source in sorted({r["source"] for r in rows}):
        cells = [table[source, pair] for pair in ((True, True), (False, False), (True, False), (False, True))]
        print(f"{source:12}{cells[0]:>14}{cells[1]:>10}{cells[2]:>12}{cells[3]:>18}")
    print(f"{len(rows)} responses, {len(apart)} disagreements")
    for one in apart:
        print(f"  {one['source']}: gold {one['gold']}; dsdr {one['dsdr']} on {one['extracted']}; Math-Verify {one['math_verify']} on {one['parsed'][:80]}")
    if given.output:
        given.output.write_text("".join(json.dumps(one) + "\n" for one in apart))


if __name__ == "__main__":
    main()
