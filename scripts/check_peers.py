#!/usr/bin/env python3
"""Compares a built dsdr with Hugging Face transformers, tokenizers and sentence-transformers on real models and many texts.

usage: python scripts/check_peers.py [--data FOLDER] [--checkpoint RUN/global_step_N] [--texts 10000] [CHECK...]
  checks: tokenize  token ids of texts from FOLDER/*.jsonl, and of Unicode, code, whitespace and special tokens, for both models
          score     d_emb against sentence-transformers; d_eq, d, dbar, reward, advantage, coupling against NumPy from what is printed
          logprobs  log-probs and entropies of 40 prompts and responses, the GGUF file and (with --checkpoint) a saved checkpoint
          greedy    greedy text of 64 tokens on 20 prompts
needs: torch, transformers, tokenizers, sentence-transformers, gguf, numpy; build/release/dsdr and models/ (make build; scripts/fetch_models.sh)
The last line is "N passed, N failed"; exit 1 when a check failed.
"""
import argparse, json, pathlib, random, subprocess, sys, tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
DSDR = ROOT / "build/release/dsdr"
GGUF = ROOT / "models/SmolLM2-135M-Instruct.Q4_1.gguf"
ENCODER = ROOT / "models/all-MiniLM-L6-v2"
results = []


def verdict(name, ok, detail):
    results.append(bool(ok))
    print(f"{'ok    ' if ok else 'FAILED'} {name}: {detail}", flush=True)


def dsdr(arguments, rows=None):
    """Runs a command; rows go in as JSON lines and come out parsed, else the text of standard output."""
    text = None if rows is None else "".join(json.dumps(r) + "\n" for r in rows)
    run = subprocess.run([str(DSDR), *map(str, arguments)], input=text, capture_output=True, text=True)
    if run.returncode != 0:
        sys.exit(f"dsdr {' '.join(map(str, arguments))}: exit {run.returncode}: {run.stderr[-800:]}")
    if rows is None:
        return run.stdout
    out = [json.loads(line) for line in run.stdout.split("\n")[:-1]]  # not splitlines(): texts hold U+2028
    assert len(out) == len(rows), (len(out), len(rows))
    return out


ODD = ["", " ", "  ", "\n", "\n\n\n", "\t\t x", " \n \n", "a  b   c    d", "1 2  3   45 678", "x12y 3.14159e-10 1,000,000", "naïve café Ångström", "e\u0301 vs é",
       "日本語のテキスト 中文字符 한국어", "Привет, мир", "مرحبا بالعالم", "שלום", "हिन्दी देवनागरी", "👍🏽 👨‍👩‍👧‍👦 🇩🇪 ☃️", "∑_{i=1}^{∞} 1/i² = π²/6 ≤ √2", "don't I'll we've it's THEY'RE",
       "def f(x):\n    return x**2  # square\n\n\tif True:\n\t\tpass", "for (int i = 0; i < n; ++i) { a[i] += b[i]; }", "https://example.org/a?b=c&d=%20#e",
       "<|im_start|>user\nhi<|im_end|>\n", "<|im_start|><|im_end|>", "<|endoftext|> text <|endoftext|>", "<|im_start", "[CLS] [SEP] [MASK] [PAD] [UNK]", "\u00a0\u2003\u3000wide",
       "\u200bzero\u200dwidth\ufeff", "\\boxed{\\frac{1}{2}} $x^2$ \\[ y \\]", "a" * 500, "ab " * 300, "\r\nwindows\r\n", "x\u0007bell\u001f", "ﬁ ﬂ ½ ² Ⅷ ㎏", "İstanbul ſ ß ẞ", "_under__score_ --dash—en–", "0" * 64]


def texts(folder, count, seed=1):
    """Texts of the data files, parts of them glued with odd ones, and odd ones alone."""
    draw = random.Random(seed)
    pool = [row[key] for path in sorted(pathlib.Path(folder).glob("*.jsonl")) if folder for row in map(json.loads, path.open())
            for key in ("problem", "solution") if row.get(key)] if folder else []
    out = list(ODD)
    if pool:
        out += draw.sample(pool, min(len(pool), count * 7 // 10))
    space = ["", " ", "  ", "\n", "\t", "\n\n  ", " 7", "7 ", "\u00a0"]
    while len(out) < count:
        parts = [draw.choice(ODD) if not pool or draw.random() < 0.5 else draw.choice(pool)[draw.randrange(20):][:draw.randrange(1, 80)] for _ in range(draw.randrange(1, 5))]
        out.append(draw.choice(space).join(parts))
    return out


def check_tokenize(options):
    import gguf
    from tokenizers import Tokenizer
    sys.path.insert(0, str(ROOT / "scripts"))
    from gguf_to_hf import tokenizer_of
    rows = texts(options.data, options.texts)
    peers = {GGUF: tokenizer_of(gguf.GGUFReader(str(GGUF))).backend_tokenizer, ENCODER: Tokenizer.from_file(str(ENCODER / "tokenizer.json"))}
    if options.checkpoint:
        peers[options.checkpoint] = Tokenizer.from_file(str(pathlib.Path(options.checkpoint) / "tokenizer.json"))
    for model, peer in peers.items():
        peer.no_truncation()
        peer.no_padding()
        ours = [r["ids"] for r in dsdr(["tokenize", model], [dict(text=t) for t in rows])]
        theirs = [e.ids for e in peer.encode_batch(rows, add_special_tokens=False)]
        wrong = [i for i in range(len(rows)) if ours[i] != theirs[i]]
        special = 0
        if wrong:  # an encoder frames its input
            framed = [e.ids for e in peer.encode_batch(rows)]
            if sum(ours[i] != framed[i] for i in range(len(rows))) < len(wrong):
                wrong, special = [i for i in range(len(rows)) if ours[i] != framed[i]], 1
        verdict(f"tokenize {pathlib.Path(model).name}", not wrong, f"{len(rows)} texts{' with framing tokens' if special else ''}, {len(wrong)} differ"
                + (f", first {rows[wrong[0]][:80]!r}" if wrong else ""))


def groups(folder, seed=2):
    draw = random.Random(seed)
    rows = []
    pool = [r for r in map(json.loads, (pathlib.Path(folder) / "gsm8k_train.jsonl").open())][:2000] if folder else []
    for size in list(range(2, 33)) + [8] * 9:
        gold = str(draw.randrange(2, 50))
        responses = []
        for _ in range(size):
            body = (draw.choice(pool)["solution"] if pool else " ".join(draw.choice(ODD) for _ in range(3)))[:draw.choice([0, 40, 200, 2000])]
            answer = gold if size % 3 == 0 or draw.random() < 0.5 else str(draw.randrange(50))
            responses.append(body + draw.choice([" so $x^2 + 1 = 5$ and ", " hence 3 + 4 = 7, ", " ", "\n\\[ a = b + 2 \\] "]) + f"\\boxed{{{answer}}}")
        rows.append(dict(gold=gold, responses=responses))
    return rows


def check_score(options):
    import numpy as np
    from sentence_transformers import SentenceTransformer
    rows = groups(options.data)
    out = dsdr(["score"], rows)
    encoder = SentenceTransformer(str(ENCODER), device="cpu")
    worst = dict(d_emb=0.0, d_eq=0.0, d=0.0, dbar=0.0, reward=0.0, advantage=0.0, coupling=0.0)
    solved = 0

    def note(key, ours, theirs):
        difference = np.abs(np.array(ours, float) - np.array(theirs, float)).max()
        worst[key] = max(worst[key], difference if difference == difference else np.inf)
    for row, result in zip(rows, out):
        r = result["responses"]
        size = len(r)
        z = encoder.encode(row["responses"], normalize_embeddings=True).astype(np.float64)
        distance = (1 - z @ z.T) / 2
        np.fill_diagonal(distance, 0)
        note("d_emb", [x["d_emb"] for x in r], distance.sum(1) / (size - 1))
        sets = [set(x["formulas"]) for x in r]
        d_eq = [np.mean([all(f not in sets[j] for j in range(size) if j != i) for f in s]) if s else 0.0 for i, s in enumerate(sets)]
        note("d_eq", [x["d_eq"] for x in r], d_eq)
        d = (np.array([x["d_emb"] for x in r]) + d_eq) / 2
        note("d", [x["d"] for x in r], d)
        dbar = np.clip(d, 0, 1)
        note("dbar", [x["dbar"] for x in r], dbar)
        correct = np.array([x["correct"] is True for x in r])
        solved += correct.all()
        reward = correct + 0.001 * dbar * correct
        note("reward", [x["reward"] for x in r], reward)
        term = dbar * correct
        if correct.any() and np.ptp(dbar[correct]) < 1e-6:
            term[correct] = dbar[correct].min()
        centred = (correct - correct.mean()) + 0.001 * (term - term.mean())
        note("advantage", [x["advantage"] for x in r], centred / (np.sqrt((centred ** 2).mean()) + 1e-6))
        e = np.exp(5 * dbar) * correct
        note("coupling", [x["coupling"] for x in r], e / e.sum() if correct.any() else e)
    for key, value in worst.items():
        verdict(f"score {key}", value <= (1e-5 if key == "d_emb" else 1e-9), f"{len(rows)} groups, {solved} solved by all, largest difference {value:.1e}")


def prompts(folder, count, seed=4):
    draw = random.Random(seed)
    if not folder:
        return [(f"Question: What is {i} + {i * 3}?\nAnswer:", f" {i} + {i * 3} = {i * 4}. So the answer is \\boxed{{{i * 4}}}.\n") for i in range(count)]
    rows = [json.loads(line) for line in (pathlib.Path(folder) / "gsm8k_test.jsonl").open()]
    return [("Question: " + r["problem"] + "\nAnswer:", " " + r["solution"]) for r in draw.sample(rows, count)]


def reference(model):
    """A peer's model and tokenizer for the GGUF file or a checkpoint folder."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    if str(model).endswith(".gguf"):
        import gguf
        sys.path.insert(0, str(ROOT / "scripts"))
        from gguf_to_hf import model_of, tokenizer_of
        reader = gguf.GGUFReader(str(model))
        return model_of(reader), tokenizer_of(reader)
    return AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).eval(), AutoTokenizer.from_pretrained(model)


def check_logprobs(options):
    import torch
    for model in [GGUF] + ([options.checkpoint] if options.checkpoint else []):
        peer, tokenizer = reference(model)
        rows = prompts(options.data, 40)
        out = dsdr(["logprobs", model, "--precision", "float32"], [dict(prompt=p, response=r) for p, r in rows])
        worst_logp = worst_entropy = 0.0
        same, tokens = True, 0
        for (prompt, response), ours in zip(rows, out):
            head, tail = (tokenizer(x, add_special_tokens=False)["input_ids"] for x in (prompt, response))
            same = same and tail == ours["ids"]
            with torch.no_grad():
                logp = torch.log_softmax(peer(torch.tensor([head + tail])).logits[0, len(head) - 1:-1].double(), -1)
            theirs = logp.gather(1, torch.tensor(tail)[:, None])[:, 0]
            entropy = -(logp.exp() * logp).sum(-1)
            worst_logp = max(worst_logp, (torch.tensor(ours["logp"], dtype=torch.float64) - theirs).abs().max().item())
            worst_entropy = max(worst_entropy, (torch.tensor(ours["entropy"], dtype=torch.float64) - entropy).abs().max().item())
            tokens += len(tail)
        verdict(f"logprobs {pathlib.Path(model).name}", same and worst_logp <= 1e-3 and worst_entropy <= 1e-3,
                f"{tokens} tokens, largest difference {worst_logp:.1e} in logp, {worst_entropy:.1e} in entropy" + ("" if same else ", token ids differ"))


def check_greedy(options):
    import torch
    for model in [GGUF] + ([options.checkpoint] if options.checkpoint else []):
        peer, tokenizer = reference(model)
        same, total, first = 0, 20, ""
        for prompt, _ in prompts(options.data, total, seed=9):
            question = prompt.removeprefix("Question: ").removesuffix("\nAnswer:")
            chat = tokenizer.apply_chat_template([dict(role="user", content=question)], tokenize=False, add_generation_prompt=True)
            ids = tokenizer(chat, return_tensors="pt", add_special_tokens=False)
            with torch.no_grad():
                row = peer.generate(**ids, max_new_tokens=64, do_sample=False)[0, ids.input_ids.shape[1]:]
            theirs = tokenizer.decode(row, skip_special_tokens=True)
            ours = dsdr(["generate", model, "--prompt", question, "--max-tokens", "64", "--temperature", "0", "--precision", "float32"])
            if ours.strip() == theirs.strip():
                same += 1
            elif not first:
                first = f"; first difference: {ours[:120]!r} against {theirs[:120]!r}"
        verdict(f"greedy {pathlib.Path(model).name}", same >= 19, f"{same} of {total} texts equal{first}")


CHECKS = dict(tokenize=check_tokenize, score=check_score, logprobs=check_logprobs, greedy=check_greedy)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="")
    parser.add_argument("--checkpoint")
    parser.add_argument("--texts", type=int, default=10000)
    parser.add_argument("checks", nargs="*")
    options = parser.parse_args()
    for name in options.checks or CHECKS:
        CHECKS[name](options)
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
