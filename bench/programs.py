"""Running what is measured: programs that stay and answer requests, programs that run once, and training runs of dsdr.

A failure of any of them is a Failed with one sentence, which becomes a row of the table.
"""
import json, os, pathlib, select, shutil, sqlite3, subprocess, tempfile, time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD, PEERS = ROOT / "build/release", ROOT / "build/peers"
MODEL, ENCODER = ROOT / "models/SmolLM2-135M-Instruct.Q4_1.gguf", ROOT / "models/all-MiniLM-L6-v2"
HOLD = []  # words put in front of what runs once: a program that waits for its turn on a shared machine, say (--hold)
ENVIRONMENT = {**os.environ, "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}


class Failed(Exception):
    pass


def _last_words(path):
    lines = [line.strip() for line in pathlib.Path(path).read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1][:200] if lines else "nothing on standard error"


class Program:
    """A program of bench/ or bench/peers: one line of JSON when it is ready, then one for each line that it is sent."""

    def __init__(self, command, first_line=None, patience=600):
        self.command, self.patience, self.errors = [str(c) for c in command], patience, tempfile.NamedTemporaryFile(suffix=".stderr")
        # Threads of the benchmarks wait as those of dsdr do (src/cli/main.c).
        waiting = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "1000"} if str(BUILD) in self.command[0] else {}
        try:
            self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, env={**ENVIRONMENT, **waiting}, cwd=ROOT)
        except OSError as error:
            raise Failed(f"{self.command[0]}: {error.strerror}") from None
        self.pending = b""
        try:
            if first_line is not None:
                self._send(first_line)
            self.info = self._answer()
        except Failed:
            self.close()
            raise

    def _send(self, text):
        try:
            self.process.stdin.write(text.encode() + b"\n")
            self.process.stdin.flush()
        except OSError:
            raise Failed(_last_words(self.errors.name)) from None

    def _answer(self):
        until = time.monotonic() + self.patience
        while b"\n" not in self.pending:
            if not select.select([self.process.stdout], [], [], max(0, until - time.monotonic()))[0]:
                raise Failed(f"no answer within {self.patience} s")
            more = os.read(self.process.stdout.fileno(), 1 << 16)
            if not more:
                self.process.wait()
                raise Failed(f"exit {self.process.returncode}: {_last_words(self.errors.name)}")
            self.pending += more
        line, self.pending = self.pending.split(b"\n", 1)
        return json.loads(line)

    def ask(self, request=""):
        self._send(str(request))
        return self._answer()

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def run(command, patience=1800):
    """Standard output of a program that ends by itself; its measurement begins when HOLD lets it."""
    with tempfile.NamedTemporaryFile(suffix=".stderr") as errors:
        try:
            done = subprocess.run([*HOLD, *(str(c) for c in command)], stdout=subprocess.PIPE, stderr=errors, text=True, timeout=patience, env=ENVIRONMENT, cwd=ROOT)
        except OSError as error:
            raise Failed(f"{command[0]}: {error.strerror}") from None
        except subprocess.TimeoutExpired:
            raise Failed(f"not done within {patience} s") from None
        if done.returncode:
            raise Failed(f"exit {done.returncode}: {_last_words(errors.name)}")
    return done.stdout


def train(*settings):
    """Metrics of each step, {step: {name: value}}, of a training run of dsdr whose folder is removed afterwards."""
    (ROOT / "build/bench").mkdir(parents=True, exist_ok=True)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="run-", dir=ROOT / "build/bench"))
    try:
        run([BUILD / "dsdr", "train", *settings, f"trainer.default_local_dir={folder}/run"])
        with sqlite3.connect(folder / "run/run.db") as database:
            steps = {}
            for step, name, value in database.execute("select step, name, value from metrics"):
                steps.setdefault(step, {})[name] = value
        database.close()
        return steps
    finally:
        shutil.rmtree(folder)
