"""What the peers' scripts share: one line of JSON when ready, then one for each line of standard input (bench/programs.py)."""
import json, sys


def serve(info, answer):
    print(json.dumps(info), flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(line.strip())), flush=True)
