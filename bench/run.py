#!/usr/bin/env python3
"""Measures dsdr beside its ceilings and its peers, on the same machine, model and work, and prints one table. (make bench)

usage: bench/run.py [--rows decode,train,...] [--no-peers] [--rounds 3] [--precisions float32,bfloat16] [--batches 1,8,32,64,128]
                    [--python PYTHON] [--llama FOLDER] [--data FOLDER] [--threads N]
                    [--trl-steps 2] [--hold COMMAND] [--results FILE] [--show]
rows:  logprob   log-probs while sampling against training's            embed    sentence embedding
       decode    tokens a second by batch size                          verify   answer verification
       train     a training step on [16, 256] tokens                    start    start to the first token
       step      a whole GRPO step and its memory                       install  installed size
       dsdr      what DSDR adds to it      demo   a step of the demo

Rows that are missing their target say MISSED, a peer that does not work gives a row that says why. Results are kept in build/bench/results.json
and merged with those of earlier runs of other rows; --show prints that file without measuring. Peers are what bench/setup_peers.sh brings to
build/peers; --python and --llama name others. --data names a folder of problem files for `verify`, which otherwise takes
the case list of the tests; --hold a command through which every training run and TRL are started, one that waits for its turn on a shared machine. Let nothing else run on the machine: figures of both sides of a row are taken in turn, but a busy
machine widens their spread.
"""
import argparse, os, pathlib, platform, re, subprocess, sys, time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import rows_model, rows_program, rows_step, rows_verify, table
import programs
from programs import BUILD, ENCODER, MODEL, PEERS, ROOT, Failed

GROUPS = dict(logprob=rows_step.logprob, decode=rows_model.decode, train=rows_model.train, step=rows_step.step, dsdr=rows_step.dsdr, demo=rows_step.demo,
              embed=rows_model.embed, verify=rows_verify.verify, start=rows_program.start, install=rows_program.install)


def arguments():
    words = lambda text: [word for word in text.replace(",", " ").split()]
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1].split("\nrows:")[0])
    parser.add_argument("--rows", type=words, default=[])
    parser.add_argument("--no-peers", dest="peers", action="store_false")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--precisions", type=words, default=["float32", "bfloat16"])
    parser.add_argument("--batches", type=lambda text: [int(word) for word in words(text)], default=[1, 8, 32, 64, 128])
    parser.add_argument("--python", default=os.environ.get("BENCH_PYTHON") or str(PEERS / "venv/bin/python"))
    parser.add_argument("--llama", type=pathlib.Path, default=PEERS / "llama")
    parser.add_argument("--data", type=pathlib.Path)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--trl-steps", type=int, default=2)
    parser.add_argument("--hold", type=str.split, default=[])
    parser.add_argument("--results", type=pathlib.Path, default=ROOT / "build/bench/results.json")
    parser.add_argument("--show", action="store_true")
    options = parser.parse_args()
    options.rows = options.rows or list(GROUPS)
    if unknown := [row for row in options.rows if row not in GROUPS]:
        parser.error(f"no rows named {', '.join(unknown)}; there are {', '.join(GROUPS)}")
    options.versions = []
    options.note_version = lambda text: options.versions.extend(word for word in text.split(", ") if word not in options.versions)
    return options


def machine(options):
    model = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text())
    memory = int(re.search(r"MemTotal:\s*(\d+)", pathlib.Path("/proc/meminfo").read_text()).group(1)) / 2**20
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, cwd=ROOT).stdout.strip()
    return (f"{model.group(1) if model else platform.processor()}, {options.threads} threads, {memory:.0f} GiB, load {os.getloadavg()[0]:.1f} at the beginning; "
            f"dsdr {commit or 'without version'}")


def measure(options, name):
    """The rows of a group; whatever goes wrong becomes a row."""
    rows, began, options.versions = [], time.monotonic(), []
    group = dict(when=table.now(), machine=machine(options), rows=rows)
    print(f"bench: {name} ...", end="", file=sys.stderr, flush=True)
    try:
        for row in GROUPS[name](options):
            rows.append(row)
    except Failed as error:
        rows.append(table.failed_row(name, "", error))
    except Exception as error:  # a defect of the benchmark: the other rows are still worth having
        rows.append(table.failed_row(name, "", f"{type(error).__name__}: {error}"))
    print(f" {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    group["versions"] = options.versions
    return group


def main():
    options = arguments()
    if options.show:
        groups = table.load(options.results)
    else:
        for needed in (BUILD / "dsdr", MODEL, ENCODER):
            if not needed.exists():
                sys.exit(f"bench: {needed.relative_to(ROOT)} is not there; make bench builds and fetches it")
        programs.HOLD[:] = options.hold
        groups = {}
        for name in options.rows:
            groups[name] = measure(options, name)
            table.keep(options.results, {name: groups[name]})
    print(table.show(groups))
    print()
    for text in sorted({f"{group['when'][:10]}, {group['machine']}" for group in groups.values()}):
        print(text)
    print(", ".join(sorted({version for group in groups.values() for version in group["versions"]})))
    print(table.summary(groups))


if __name__ == "__main__":
    main()
