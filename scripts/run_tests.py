#!/usr/bin/env python3
"""Runs the tests of a build folder through CTest and counts them one by one.

usage: scripts/run_tests.py BUILD_FOLDER [ctest arguments, as -R text]
The last line is "N passed, N failed" (", N skipped" when there are any). A cmocka program counts as many tests as it holds, any
other program as one; one that crashes or runs out of time counts as a failure. A skipped test must print "skip: REASON" before it
skips, else it counts as failed; another program that prints such a line and succeeds was skipped. Exit 0 when at least one test ran and none failed, else 1.
"""
import os, re, subprocess, sys, tempfile
import xml.etree.ElementTree as xml


def counts(text):
    """(passed, failed names, skipped names) of a cmocka run, or None when the text is not a finished cmocka run."""
    if not re.search(r"^\[==========\] .*\d+ test\(s\) run\.", text, re.M):
        return None
    passed = sum(int(n) for n in re.findall(r"^\[  PASSED  \] (\d+) test\(s\)\.", text, re.M))
    failed = set(re.findall(r"^\[  FAILED  \] ([A-Za-z_]\w*)\s*$", text, re.M))
    skipped = set(re.findall(r"^\[  SKIPPED \] ([A-Za-z_]\w*)\s*$", text, re.M))
    return passed, failed, skipped


def main():
    build, extra = sys.argv[1], sys.argv[2:]
    with tempfile.NamedTemporaryFile(suffix=".xml") as report:
        run = subprocess.run(["ctest", "--test-dir", build, "-j", str(os.cpu_count()), "--timeout", "300", "--output-on-failure",
                              "--test-output-size-passed", "4000000", "--test-output-size-failed", "4000000", "--output-junit", report.name, *extra],
                             env={**os.environ, "CTEST_OUTPUT_ON_FAILURE": "1", "UBSAN_OPTIONS": "print_stacktrace=1"})
        try:
            cases = list(xml.parse(report.name).getroot().iter("testcase"))
        except xml.ParseError:
            cases = []
    passed, failed, skipped, problems = 0, 0, 0, []
    for case in cases:
        name, text, ok = case.get("name"), case.findtext("system-out") or "", case.get("status") == "run"
        result = counts(text)
        if result is None:
            cut = "[==========] Running" in text
            ok = ok and not cut
            if ok and (reason := re.search(r"^skip: (.+)$", text, re.M)):
                skipped += 1
                print(f"skipped {name}: {reason.group(1)}")
                continue
            passed, failed = passed + ok, failed + (not ok)
            problems += [] if ok else [name + (": ended before its last test" if cut else "")]
            continue
        passed += result[0]
        problems += [f"{name}: {test}" for test in sorted(result[1])]
        failed += len(result[1])
        if not ok and not result[1]:
            failed += 1
            problems.append(f"{name}: failed outside its tests (crash, leak or exit code)")
        reasons = re.findall(r"^.*skip: (.+)$", text, re.M)
        for i, test in enumerate(sorted(result[2])):
            if i < len(reasons):
                skipped += 1
                print(f"skipped {name}: {test}: {reasons[i]}")
            else:
                failed += 1
                problems.append(f"{name}: {test}: skipped without a reason")
    if not cases:
        failed += 1
        problems.append(f"no test was found in {build}" if run.returncode == 0 else f"ctest failed with exit code {run.returncode}")
    for problem in problems:
        print("failed", problem)
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
