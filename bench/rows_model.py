"""Rows of the model alone: decoding by batch size, a training step, sentence embedding; each beside its ceiling and its peers."""
import contextlib, json, re

from programs import BUILD, ENCODER, MODEL, PEERS, ROOT, Failed, Program, run
from table import failed_row, ratio_row

# At batch 64: share of the ceiling; advantage over llama.cpp (float32: over its F32, bfloat16: over its best).
DECODE_CEILING, DECODE_LLAMA, DECODE_TORCH = 0.75, {"float32": 1.7, "bfloat16": 2.5}, 2.0
TRAIN_CEILING, TRAIN_TORCH = {"float32": 0.85, "bfloat16": 0.78}, {"float32": 1.7, "bfloat16": 2.2}
EMBED_CEILING, EMBED_PEER = 0.75, 1.7
LLAMA_FORMATS = {"float32": ["F32"], "bfloat16": ["F32", "BF16", "Q4_1"]}


def ours(name, options, precision, first_line=None):
    return Program([BUILD / name, f"actor_rollout_ref.model.path={MODEL}", f"algorithm.dsdr.encoder={ENCODER}", f"trainer.precision={precision}",
                    f"trainer.threads={options.threads}"], first_line)


def peer(script, options, *arguments, first_line=None):
    return Program([options.python, ROOT / "bench/peers" / script, *arguments], first_line)


class Peers:
    """Peers of a group of rows: each is opened once; one that fails is asked no more, and its rows say why."""

    def __init__(self, options, stack):
        self.options, self.stack, self.open, self.failed = options, stack, {}, {}

    def ask(self, name, opener, request=""):
        if not self.options.peers or name in self.failed:
            return None
        try:
            if name not in self.open:
                self.open[name] = self.stack.enter_context(opener())
                self.options.note_version(self.open[name].info["version"])
            return self.open[name].ask(request)
        except Failed as error:
            self.failed[name] = error
            return None


def llama(options, form, batch):
    """Tokens a second of llama.cpp's own batched benchmark: one shared prompt of 100 tokens, 128 new ones; it draws no tokens."""
    model = MODEL if form == "Q4_1" else PEERS / f"models/{form}.gguf"
    text = run([options.llama / "llama-batched-bench", "-m", model, "-c", max(4096, 100 + 128 * batch + 512), "-b", 2048, "-ub", 512, "-npp", 100, "-ntg", 128,
                "-npl", batch, "-pps", "-t", options.threads, "-tb", options.threads])
    lines = [re.split(r"\s*\|\s*", line.strip("| ")) for line in text.splitlines() if line.startswith("|")]
    head, figures = lines[0], lines[-1]
    return float(figures[head.index("S_TG t/s")])


def decode(options):
    """Rounds: three at batch 64, where the targets are, else one."""
    for precision in options.precisions:
        with contextlib.ExitStack() as stack:
            peers = Peers(options, stack)
            mine = stack.enter_context(ours("bench_decode", options, precision))
            options.note_version(mine.info["products"])
            arguments = (PEERS / "models/hf", precision, options.threads)
            opened = {"PyTorch, bare decoder": lambda: peer("torch_decode.py", options, *arguments), "transformers": lambda: peer("torch_generate.py", options, *arguments)}
            for batch in options.batches:
                rounds = options.rounds if batch == 64 else 1
                wanted = [name for name in opened if batch == 64 or (batch == 128 and "bare" in name)]
                yield from decode_batch(options, precision, batch, rounds, mine, peers, {name: opened[name] for name in wanted})


def decode_batch(options, precision, batch, rounds, mine, peers, opened):
    answers, theirs = [], {}
    for i in range(rounds):
        answers.append(mine.ask(batch))
        for form in LLAMA_FORMATS[precision] if options.peers and i < 2 else []:
            name = f"llama.cpp {form}"
            if name not in peers.failed:
                try:
                    theirs.setdefault(name, []).append(llama(options, form, batch))
                except Failed as error:
                    peers.failed[name] = error
        for name, opener in opened.items() if i == 0 else ():
            answer = peers.ask(name, opener, batch)
            if answer:
                theirs.setdefault(name, []).append(answer["tokens_per_second"])
    rates = [a["tokens_per_second"] for a in answers]
    what = f"decode, batch {batch}, {precision}"
    yield ratio_row(what, "tok/s", rates, "products alone", [a["ceiling"] for a in answers], DECODE_CEILING if batch == 64 else None, percent=True)
    best = max((name for name in theirs if "llama" in name), key=lambda name: max(theirs[name]), default=None)
    for name in [f"llama.cpp {form}" for form in LLAMA_FORMATS[precision]] + list(opened):
        target = None
        if batch == 64 and (name == "llama.cpp F32" if precision == "float32" else name == best):
            target = DECODE_LLAMA[precision]
        if batch == 128 and "bare" in name:
            target = DECODE_TORCH
        if name in theirs:
            yield ratio_row(what, "tok/s", rates, name, theirs[name], target, note="its best" if name == best and precision == "bfloat16" else "")
        elif name in peers.failed:
            yield failed_row(what, name, peers.failed[name])


def train(options):
    for precision in options.precisions:
        with contextlib.ExitStack() as stack:
            peers, theirs, answers = Peers(options, stack), [], []
            mine = stack.enter_context(ours("bench_train", options, precision))
            options.note_version(mine.info["products"])
            name = "PyTorch eager" if precision == "float32" else "PyTorch bf16 autocast"
            for _ in range(options.rounds):
                answers.append(mine.ask())
                answer = peers.ask(name, lambda: peer("torch_train.py", options, PEERS / "models/hf", precision, options.threads))
                if answer:
                    theirs.append(answer["tokens_per_second"])
            rates = [a["tokens_per_second"] for a in answers]
            what = f"training step [16, 256], {precision}"
            yield ratio_row(what, "tok/s", rates, "products alone", [a["ceiling"] for a in answers], TRAIN_CEILING[precision], percent=True)
            if theirs:
                yield ratio_row(what, "tok/s", rates, name, theirs, TRAIN_TORCH[precision])
            elif name in peers.failed:
                yield failed_row(what, name, peers.failed[name])


def embed_texts():
    """64 texts of 98 words of one word piece each, which makes 100 tokens."""
    words = ("first we add the two numbers together then take away the third one and after that we divide the result by seven so that in the end the "
             "total is what was asked for and nothing more is left to do").split()
    return [" ".join(words[(i * 7 + k) % len(words)] for k in range(98)) for i in range(64)]


def embed(options):
    texts = json.dumps(embed_texts())
    for precision in options.precisions:
        with contextlib.ExitStack() as stack:
            peers, theirs, answers, name = Peers(options, stack), [], [], "sentence-transformers"
            mine = stack.enter_context(ours("bench_embed", options, precision, texts))
            for _ in range(3 * options.rounds):
                answers.append(mine.ask())
                answer = peers.ask(name, lambda: peer("embed.py", options, ENCODER, precision, options.threads, 100, first_line=texts))
                if answer:
                    theirs.append(answer["texts_per_second"])
            rates = [a["texts_per_second"] for a in answers]
            what = f"embedding, 64 texts of 100 tokens, {precision}"
            yield ratio_row(what, "texts/s", rates, "products alone", [a["ceiling"] for a in answers], EMBED_CEILING, percent=True)
            if theirs:
                yield ratio_row(what, "texts/s", rates, name, theirs, EMBED_PEER)
            elif name in peers.failed:
                yield failed_row(what, name, peers.failed[name])
