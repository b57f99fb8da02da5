"""Rows of answer verification: checks a second on one core beside Math-Verify, on the same pairs in the same run. dsdr's comparison of
texts is left out: every pair is parsed and decided."""
import verify_pairs
from programs import BUILD, ROOT, Failed, Program
from table import bound_row, failed_row, ratio_row

PER_SECOND, MEDIAN_MICROSECONDS, RATIO, GOLD_RATIO = 20000, 20.0, 130.0, 45.0


def _asked(command, rounds):
    with Program(command) as program:
        return program.info, [program.ask() for _ in range(rounds)]


def _files(folder):
    """What is judged, from which file, and dsdr's advantage that is asked for."""
    built = [("rewritten pairs and near misses", "pairs", verify_pairs.pairs, RATIO), ("golds against themselves", "golds", verify_pairs.itself, GOLD_RATIO),
             ("written solutions", "responses", verify_pairs.responses, RATIO)]
    for what, name, make, target in built:
        path = ROOT / f"build/bench/verify_{name}.jsonl"
        if verify_pairs.write(path, make(folder)):
            yield what, path, target


def verify(options):
    for what, path, target in _files(options.data):
        info, ours = _asked([BUILD / "bench_verify", path, "skip_text"], options.rounds + 1)
        pairs, ours = info["pairs"], ours[1:]  # the first round warms caches
        rates, last = [pairs / x["seconds"] for x in ours], ours[-1]
        note = f"p99 {last['p99_us']:.0f} us, {last['as_labelled']} of {pairs} as labelled"
        yield ratio_row(f"verification a core, {what}", "checks/s", rates, "target", [PER_SECOND], 1.0, note=note)
        yield bound_row(f"median of one check, {what}", "us", [x["median_us"] for x in ours], MEDIAN_MICROSECONDS)
        if not options.peers:
            continue
        try:
            info, theirs = _asked([options.python, ROOT / "bench/peers/verify.py", path], 1)
            options.note_version(info["version"])
        except Failed as error:
            yield failed_row(f"verification a core, {what}", "Math-Verify", error)
            continue
        note = f"its p99 {theirs[0]['p99_us']:.0f} us, {theirs[0]['as_labelled']} of {pairs} as labelled, {theirs[0]['false_equal']} falsely equal"
        yield ratio_row(f"verification a core, {what}", "checks/s", rates, "Math-Verify", [pairs / x["seconds"] for x in theirs], target, note=note)
