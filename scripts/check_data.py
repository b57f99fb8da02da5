"""What must hold on any folder of problem files, without peers: golds are equal to themselves and to their rewritings, other golds and
near misses are not, and tokens decode to their text.

usage: scripts/check_data.py FOLDER             (standard library only; needs build/release/dsdr and models/)
Pairs that were judged equal though nothing says they should be are listed; those in scripts/check_data_equal.tsv have been looked at and
are right. The last line is "N passed, N failed"; exit 1 when a check failed.
"""
import collections, json, pathlib, subprocess, sys, time

import answer_rewrites

ROOT = pathlib.Path(__file__).resolve().parent.parent
MODELS = [ROOT / "models/SmolLM2-135M-Instruct.Q4_1.gguf"]
REVIEWED = pathlib.Path(__file__).with_name("check_data_equal.tsv")
COVERAGE = 0.95  # of golds that have to parse
NEIGHBOURS = 20


def rows_command(arguments, rows):
    run = subprocess.run([str(ROOT / "build/release/dsdr"), *map(str, arguments)], input="".join(json.dumps(r) + "\n" for r in rows),
                         capture_output=True, text=True)
    out = [json.loads(line) for line in run.stdout.split("\n")[:-1]]  # not splitlines(): texts hold U+2028
    if len(out) != len(rows):
        sys.exit(f"dsdr {arguments[0]}: {len(rows)} rows in, {len(out)} out; {run.stderr[-500:]}")
    return out


def counted(rows):
    return ", ".join(f"{n} {kind}" for kind, n in collections.Counter(row["status"] for row in rows).most_common()) or "no pair"


def judged(pairs):
    """Verdicts on (gold, answer, ...) with the first tier off."""
    return rows_command(["verify", "--no-text-tier"], [dict(gold=p[0], answer=p[1]) for p in pairs])


def check_itself(name, golds, verdict):
    start = time.monotonic()
    out = rows_command(["verify"], [dict(gold=g, response=f"... so the answer is \\boxed{{{g}}}.") for g in golds])
    seconds = time.monotonic() - start
    wrong = [g for g, r in zip(golds, out) if r["status"] != "correct"]
    verdict(f"{name}: golds in a box equal themselves", not wrong,
            f"{counted(out)}, {len(golds) / seconds:.0f} a second" + (f"; first {wrong[0]!r}" if wrong else ""))


def check_rewritings(name, golds, verdict):
    """With the first tier off: what parses equals itself, its printed normal form, and every rewriting of its text."""
    once = list(dict.fromkeys(golds))
    read = rows_command(["verify", "--no-text-tier", "--explain"], [dict(gold=g, answer=g) for g in once])
    form = {g: r["gold_form"] for g, r in zip(once, read) if r["gold_form"] is not None}
    parsed = [g for g in golds if g in form]
    verdict(f"{name}: golds parse", len(parsed) >= COVERAGE * len(golds), f"{len(parsed)} of {len(golds)}, {100 * len(parsed) / len(golds):.1f}%"
            + "".join(f"; not {g!r}" for g in [g for g in once if g not in form][:5]))
    pairs = [(g, g, "itself") for g in form] + [(g, f, "normal form") for g, f in form.items()]
    pairs += [(g, text, kind) for g in form for kind, text in answer_rewrites.rewritings(g)]
    out = judged(pairs)
    for kind in dict.fromkeys(p[2] for p in pairs):
        mine = [(p, r) for p, r in zip(pairs, out) if p[2] == kind]
        wrong = [p for p, r in mine if r["status"] != "correct"]
        verdict(f"{name}: golds equal: {kind}", not wrong, counted([r for _, r in mine]) + "".join(f"; {p[0]!r} and {p[1]!r}" for p in wrong[:3]))


def check_negatives(name, golds, verdict):
    """The next other golds of the file, and one token changed."""
    pairs = []
    for i, gold in enumerate(golds):
        others = dict.fromkeys(golds[i + 1:i + 1 + 10 * NEIGHBOURS] + golds[:10 * NEIGHBOURS])
        others.pop(gold, None)
        pairs += [(gold, other, "another gold") for other in list(others)[:NEIGHBOURS]]
        pairs += [(gold, text, f"another {kind}") for kind, text in answer_rewrites.mutations(gold)]
    pairs = list(dict.fromkeys(pairs))
    out = judged(pairs)
    reviewed = {tuple(line.split("\t")[:2]) for line in REVIEWED.read_text().splitlines() if line and not line.startswith("#")}
    equal = [p for p, r in zip(pairs, out) if r["status"] == "correct"]
    new = [p for p in equal if p[:2] not in reviewed]
    for gold, answer, kind in new:
        print(f"       equal, {kind}: {gold}\t{answer}")
    verdict(f"{name}: golds differ from other golds and from near misses", not new,
            f"{counted(out)}; {len(equal) - len(new)} of the equal ones looked at before" + (f", {len(new)} to look at, above" if new else ""))


def main():
    folder = pathlib.Path(sys.argv[1])
    passed = failed = 0

    def verdict(name, ok, detail):
        nonlocal passed, failed
        passed, failed = passed + bool(ok), failed + (not ok)
        print(f"{'ok    ' if ok else 'FAILED'} {name}: {detail}", flush=True)

    files = {path.stem: [json.loads(line) for line in path.open()] for path in sorted(folder.glob("*.jsonl"))}
    for name, rows in files.items():
        golds = [str(r["answer"]) for r in rows if "answer" in r]
        if not golds:
            continue
        check_itself(name, golds, verdict)
        check_rewritings(name, golds, verdict)
        check_negatives(name, golds, verdict)
    texts = [r[key] for rows in files.values() for r in rows for key in ("problem", "solution") if r.get(key)]
    for model in MODELS:
        ids = [r["ids"] for r in rows_command(["tokenize", model], [dict(text=t) for t in texts])]
        back = [r["text"] for r in rows_command(["tokenize", model, "--decode"], [dict(ids=i) for i in ids])]
        wrong = [t for t, b in zip(texts, back) if t != b]
        verdict(f"{model.name}: tokens decode to their text", not wrong, f"{len(texts)} texts, {sum(map(len, ids))} tokens" + (f"; first {wrong[0][:80]!r}" if wrong else ""))
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
