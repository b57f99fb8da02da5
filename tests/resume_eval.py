"""An evaluation that is killed at any instant and resumed equals an undisturbed one.

usage: resume_eval.py DSDR FIXTURES [kills]

Evaluates the tiny model of FIXTURES (tests/golden/model/tiny_lm) on two files by the paper's protocol, with diversity, first undisturbed and then
killed with SIGKILL again and again, at instants that a seeded generator draws, and resumed each time, with one and two threads in turn. Every row
of evaluations and evaluation_summary, what is printed, and the files of --csv and --output have to be the same. Then: what may not change, a
record that another process holds, and a full disk.
"""
import pathlib, random, resource, shutil, signal, sqlite3, subprocess, sys, tempfile, time


def rows(folder):
    db = sqlite3.connect(folder / "run.db")
    facts = db.execute("select * from run where key not like 'time/%' and key != 'threads'").fetchall()
    return facts, db.execute("select * from evaluations").fetchall(), db.execute("select * from evaluation_summary").fetchall()


def evaluate(dsdr, fixtures, folder, *extra, **how):
    arguments = [dsdr, "eval", fixtures, f"{fixtures}/test.jsonl", f"{fixtures}/train.jsonl", "prompt_key=prompt", 'prompt_template="{problem}\\n"',
                 "max_response_length=12", f"algorithm.dsdr.encoder={pathlib.Path(fixtures).parent}/tiny_bert", "--diversity", "--samples", "128",
                 "--folder", folder, "--csv", folder.parent / f"{folder.name}.csv", "--output", folder.parent / f"{folder.name}.jsonl", *extra]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **how)


def outcome(process):
    out, err = process.communicate()
    if process.returncode:
        sys.exit(f"exit {process.returncode}: {process.args}\n{err[-2000:]}")
    return out


def files(folder):
    return [(folder.parent / f"{folder.name}{ending}").read_bytes() for ending in (".csv", ".jsonl")]


def refused(dsdr, fixtures, folder, said, *extra):
    process = evaluate(dsdr, fixtures, folder, *extra)
    err = process.communicate()[1]
    if process.returncode != 2 or said not in err:
        sys.exit(f"exit {process.returncode}, expected 2 and {said!r}: {err[-1000:]}")


def main():
    dsdr, fixtures, kills = sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 8
    root, draw, killed, partial = pathlib.Path(tempfile.mkdtemp(prefix="dsdr-resume-eval-")), random.Random(7), 0, set()
    started = time.monotonic()
    printed = outcome(evaluate(dsdr, fixtures, root / "whole"))
    seconds, expected, written = time.monotonic() - started, rows(root / "whole"), files(root / "whole")
    assert len(expected[1]) == 100 + 100 * 128, len(expected[1])
    folder = root / "killed"
    while True:
        extra = (["--resume"] if (folder / "run.db").exists() else []) + [f"trainer.threads={1 + killed % 2}"]
        if "--resume" not in extra:
            shutil.rmtree(folder, ignore_errors=True)
        process = evaluate(dsdr, fixtures, folder, *extra)
        try:
            out, err = process.communicate(timeout=draw.uniform(0.05, seconds / 2) if killed < kills else None)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            killed += 1
            if (folder / "run.db").exists():
                partial.add(len(rows(folder)[1]))
            continue
        if process.returncode:
            sys.exit(f"exit {process.returncode} after {killed} kills: {err}")
        if killed >= kills:
            break
        shutil.rmtree(folder)  # done early: once more from the start, keeping the count
        seconds = max(0.3, seconds / 2)
    for name, mine, its in zip(("facts", "evaluations", "evaluation_summary"), rows(folder), expected):
        if mine != its:
            sys.exit(f"other {name}: {next((pair for pair in zip(mine, its) if pair[0] != pair[1]), (len(mine), len(its)))}")
    assert files(folder) == written and out == printed, "other files, or something else was printed"
    assert [n for n in partial if 0 < n < len(expected[1])], f"no kill left a part: {partial}"
    print(f"killed {killed} times, leaving {sorted(partial)} responses: same rows, same files, same table")

    # With nothing but its folder it knows what it was.
    again = subprocess.run([dsdr, "eval", "--resume", "--folder", folder], capture_output=True, text=True)
    assert again.returncode == 0 and again.stdout == printed, again.stderr
    refused(dsdr, fixtures, folder, "already holds a run; give --resume")
    # Only what the model was made for limits a prompt, where no other limit is given.
    refused(dsdr, fixtures, root / "long", "the model was made for 128 positions", 'prompt_template="' + "long " * 600 + '{problem}"')
    refused(dsdr, fixtures, root / "none", "holds no evaluation to continue", "--resume")
    refused(dsdr, fixtures, folder, "data.max_response_length was 12 and is 13", "--resume", "max_response_length=13")
    refused(dsdr, fixtures, folder, "val_kwargs.n was 1 and is 5", "--resume", "n=5")
    process = evaluate(dsdr, fixtures, root / "live")
    while not (root / "live/config.yaml").exists() and process.poll() is None:
        time.sleep(0.02)
    refused(dsdr, fixtures, root / "live", f"process {process.pid}", "--resume")
    process.send_signal(signal.SIGINT)
    err = process.communicate()[1]
    assert process.returncode == 3 and "continue with dsdr eval --resume --folder" in err, (process.returncode, err)
    outcome(evaluate(dsdr, fixtures, root / "live", "--resume"))
    assert rows(root / "live")[1:] == expected[1:]

    # A disk that is full: what fits stays, and is enough to go on from.
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100000, 100000))
    process = evaluate(dsdr, fixtures, root / "full", preexec_fn=limit, restore_signals=False)  # SIGXFSZ stays ignored
    err = process.communicate()[1]
    assert process.returncode == 1 and "run.db: cannot write" in err, (process.returncode, err)
    outcome(evaluate(dsdr, fixtures, root / "full", "--resume"))
    assert rows(root / "full")[1:] == expected[1:]
    shutil.rmtree(root, ignore_errors=True)
    print("4 passed, 0 failed")


main()
