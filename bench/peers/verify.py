"""Math-Verify on the pairs of a file, one process: parse both, verify. bench/peers/verify.py FILE.jsonl

The first line of output tells how many pairs; each request judges them all once and is answered by one line, as bench_verify.c does.
"""
import importlib.metadata, json, sys, time

from math_verify import parse, verify


def judge(row):
    gold = parse("$" + row["gold"] + "$")
    return verify(gold, parse(row["response"] if "response" in row else "$\\boxed{" + row["answer"] + "}$"))


rows = [json.loads(line) for line in open(sys.argv[1])]
judge(rows[0])
print(json.dumps(dict(pairs=len(rows), version=f"math-verify {importlib.metadata.version('math-verify')}")), flush=True)
for _ in sys.stdin:
    times, correct, labelled, false_equal = [], 0, 0, 0
    start = time.perf_counter()
    for row in rows:
        begin = time.perf_counter()
        said = judge(row)
        times.append((time.perf_counter() - begin) * 1e6)
        correct += said
        if "equal" in row:
            labelled += said == row["equal"]
            false_equal += said and not row["equal"]
    seconds = time.perf_counter() - start
    times.sort()
    n = len(times)
    print(json.dumps(dict(seconds=seconds, median_us=times[n // 2], p90_us=times[n * 9 // 10], p99_us=times[n * 99 // 100], max_us=times[-1],
                          correct=correct, as_labelled=labelled, false_equal=false_equal)), flush=True)
