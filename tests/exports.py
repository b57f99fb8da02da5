#!/usr/bin/env python3
"""Checks that the shared library shows exactly the functions that its header declares.

usage: tests/exports.py HEADER LIBRARY            exit 0 when they agree, 1 with one line for each difference
"""
import re, subprocess, sys


def main():
    header, library = sys.argv[1:3]
    text = re.sub(r"//[^\n]*|/\*.*?\*/", "", open(header).read(), flags=re.S)
    declared = set(re.findall(r"\b(dsdr_\w+)\s*\([^;{]*\)\s*;", text)) - set(re.findall(r"\(\s*\*\s*(dsdr_\w+)\s*\)", text))
    listed = subprocess.run(["nm", "-D", "--defined-only", library], check=True, capture_output=True, text=True).stdout
    # The version node itself is listed as an absolute symbol.
    shown = {line.split()[-1].split("@")[0] for line in listed.splitlines() if line.split()[-2] != "A"}
    for name in sorted(shown - declared):
        print(f"{name} is visible in {library} but not declared in {header}")
    for name in sorted(declared - shown):
        print(f"{name} is declared in {header} but not visible in {library}")
    print(f"{len(declared)} declared, {len(shown)} visible")
    sys.exit(0 if declared and declared == shown else 1)


if __name__ == "__main__":
    main()
