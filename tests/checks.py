"""What the tests that are written in Python share: checks that are counted, and a folder to work in."""
import os, pathlib, shutil, sys, tempfile

MEMORY = "/dev/shm"
counts = {True: 0, False: 0}


def check(name, condition, detail=""):
    """Counts a check, and says which one failed; the others are made all the same."""
    counts[bool(condition)] += 1
    if not condition:
        print(f"FAILED {name}: {str(detail)[:4000]}", flush=True)


def conclude():
    """Ends the program: its last line says how many checks there were."""
    print(f"{counts[True]} passed, {counts[False]} failed")
    sys.exit(1 if counts[False] else 0)


def scratch(name):
    """A new folder; in memory where that has room, because runs sync their files again and again."""
    room = os.path.isdir(MEMORY) and shutil.disk_usage(MEMORY).free > 300 << 20
    return pathlib.Path(tempfile.mkdtemp(prefix=f"dsdr-{name}-", dir=MEMORY if room else None))
