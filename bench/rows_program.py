"""Rows of the program as a program: how long it takes to begin, and what has to be installed."""
import os, pathlib, re, signal, subprocess, time

from programs import BUILD, ENVIRONMENT, MODEL, ROOT, Failed, run
from rows_step import trl
from table import bound_row, failed_row

START_SECONDS, INSTALL_MEGABYTES = 1.0, 100


def first_token_seconds(options):
    """From the start of `dsdr generate` to the first byte of its answer."""
    began = time.monotonic()
    process = subprocess.Popen([BUILD / "dsdr", "generate", MODEL, "--prompt", "What is the capital of France?", "--max-tokens", "4", "--precision", "auto", "--threads",
                                str(options.threads)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=ENVIRONMENT)
    byte = os.read(process.stdout.fileno(), 1)
    seconds = time.monotonic() - began
    process.stdout.read()
    if process.wait() or not byte:
        raise Failed(f"dsdr generate: exit {process.returncode}")
    return seconds


def start(options):
    first_token_seconds(options)  # the model comes into the page cache
    what = "start to the first sampled token"
    ours = [first_token_seconds(options) for _ in range(5)]
    theirs = []
    if options.peers:
        try:
            theirs = [trl(options, "float32", 0)["first_token_seconds"]]
        except Failed as error:
            yield failed_row(what, "TRL", error)
    row = bound_row(what, "s", ours, START_SECONDS, "TRL" if theirs else "", theirs)
    row["ratios"] = [t / o for o in ours for t in theirs]
    yield row


def owners(files):
    """Debian packages that own the files; a file may be known under /usr or without it."""
    found, unknown = set(), []
    for file in files:
        names = {file, os.path.realpath(file)}
        names |= {name[4:] for name in names if name.startswith("/usr/lib")} | {"/usr" + name for name in names if name.startswith("/lib")}
        for name in sorted(names):
            answer = subprocess.run(["dpkg-query", "-S", name], capture_output=True, text=True)
            if answer.returncode == 0:
                found.add(answer.stdout.split(": ")[0].split(",")[0].split(":")[0])
                break
        else:
            unknown.append(file)
    if unknown:
        raise Failed(f"no package owns {', '.join(unknown)}")
    return sorted(found)


def install(options):
    """The binary and every package that owns one of its libraries, the C library's too."""
    libraries = re.findall(r"(/\S+) \(0x", run(["ldd", BUILD / "dsdr"]))
    packages = owners(libraries)
    kilobytes = sum(int(size) for size in run(["dpkg-query", "-W", "-f=${Installed-Size}\n", *packages]).split())
    ours = (kilobytes * 1024 + (BUILD / "dsdr").stat().st_size) / 1e6
    what, note = "installed size, run-time packages", f"{len(packages)} packages and the binary"
    theirs, beside = [], ""
    if options.peers:
        try:
            megabytes, count = run([options.python, ROOT / "bench/peers/installed.py", "trl"]).split()
            theirs, beside, note = [float(megabytes)], "TRL and what it needs", note + f"; its {count} packages"
        except Failed as error:
            yield failed_row(what, "TRL", error)
    row = bound_row(what, "MB", [ours], INSTALL_MEGABYTES, beside, theirs, note)
    row["ratios"] = [t / o for o in [ours] for t in theirs]
    yield row
