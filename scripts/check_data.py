#!/usr/bin/env python3
"""What must hold on any folder of problem files, without peers: golds are equal to themselves, and tokens decode to their text.

usage: scripts/check_data.py FOLDER             (standard library only; needs build/release/dsdr and models/)
The last line is "N passed, N failed"; exit 1 when a check failed.
"""
import collections, json, pathlib, subprocess, sys, time

ROOT = pathlib.Path(__file__).resolve().parent.parent
MODELS = [ROOT / "models/SmolLM2-135M-Instruct.Q4_1.gguf"]


def rows_command(arguments, rows):
    run = subprocess.run([str(ROOT / "build/release/dsdr"), *map(str, arguments)], input="".join(json.dumps(r) + "\n" for r in rows),
                         capture_output=True, text=True)
    out = [json.loads(line) for line in run.stdout.splitlines()]
    if len(out) != len(rows):
        sys.exit(f"dsdr {arguments[0]}: {len(rows)} rows in, {len(out)} out; {run.stderr[-500:]}")
    return out


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
        start = time.monotonic()
        out = rows_command(["verify"], [dict(gold=g, response=f"... so the answer is \\boxed{{{g}}}.") for g in golds])
        seconds = time.monotonic() - start
        kinds = collections.Counter(r["status"] for r in out)
        wrong = [g for g, r in zip(golds, out) if r["status"] in ("wrong", "error", "timeout", "no_answer")]
        verdict(f"{name}: golds equal themselves", not wrong, ", ".join(f"{n} {k}" for k, n in kinds.most_common())
                + f", {len(golds) / seconds:.0f} a second" + (f"; first {wrong[0]!r}" if wrong else ""))
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
