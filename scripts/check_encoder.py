"""Compares the sentence encoder with sentence-transformers on real texts, and their speed.

usage: python scripts/check_encoder.py ENCODER_FOLDER DATA_FOLDER [BUILD_FOLDER] [--speed]
needs: torch, sentence-transformers; BUILD_FOLDER (build/release) with check_model_encoder

Texts: 200 problems and solutions from the *.jsonl files of DATA_FOLDER (rows with "question", "problem", "solution" or "answer"),
short and long. Exit 1 unless the cosine of every pair of embeddings is at least 0.99999 in float32 (0.999 in bfloat16). --speed
times 64 texts of 100 tokens with 2 threads in both.
"""
import json, pathlib, subprocess, sys, time

import numpy as np
import torch
from sentence_transformers import SentenceTransformer

arguments = [a for a in sys.argv[1:] if not a.startswith("--")]
folder, data = arguments[:2]
program = pathlib.Path(arguments[2] if len(arguments) > 2 else "build/release") / "check_model_encoder"


def run(texts, *options):
    rows = "".join(json.dumps({"text": t}) + "\n" for t in texts)
    return subprocess.run([program, folder, *options], input=rows, capture_output=True, text=True, check=True).stdout.splitlines()


def texts_of_data():
    found = []
    for path in sorted(pathlib.Path(data).glob("*.jsonl")):
        for line in path.open(encoding="utf-8"):
            row = json.loads(line)
            found += [v for k, v in row.items() if isinstance(v, str) and k in ("question", "problem", "solution", "answer", "text", "r1_solution_1") and v.strip()]
    step = max(1, len(found) // 196)
    chosen = found[::step][:194]
    return chosen + [" ".join(found[:3]), "é中文 ＡＢＣ \u0301x\u200b", "", " \n\t", "\\frac{1}{2} " * 80, "word " * 300]


def main():
    model = SentenceTransformer(folder, device="cpu")
    texts, failed = texts_of_data(), False
    expected = model.encode(texts, batch_size=16, normalize_embeddings=True)
    limit = model.max_seq_length
    for precision, bound in (("float32", 0.99999), ("bfloat16", 0.999)):
        rows = [json.loads(line) for line in run(texts, precision, "2", "2048")]
        got = np.array([r["embedding"] for r in rows])
        cosine = (got * expected).sum(1) / np.linalg.norm(got, axis=1) / np.linalg.norm(expected, axis=1)
        cuts = [len(model.tokenizer(t, truncation=False)["input_ids"]) > limit for t in texts]
        wrong = sum(a != r["cut"] for a, r in zip(cuts, rows))
        good = len(rows) == len(texts) and bool((cosine >= bound).all()) and wrong == 0
        failed |= not good
        print(f"{precision}: {len(texts)} texts, {sum(cuts)} cut at {limit} ({wrong} told otherwise), worst cosine {cosine.min():.9f} at least {bound}, "
              f"largest difference {np.abs(got - expected).max():.1e}: {'good' if good else 'WRONG'}")
    if "--speed" in sys.argv:
        speed(model)
    sys.exit(failed)


def speed(model):
    torch.set_num_threads(2)
    base = "First we add the two numbers together, then subtract the third one and finally multiply the result by seven to get the total. "
    texts = [f"Problem {i}: with {i * 37} and {i * 91 + 5}. " + base * 6 for i in range(64)]
    texts = [model.tokenizer.decode(model.tokenizer(t, add_special_tokens=False)["input_ids"][:98]) for t in texts]
    for precision in ("float32", "bfloat16"):
        theirs = model.to(getattr(torch, precision))
        times = []
        for _ in range(6):
            start = time.perf_counter()
            theirs.encode(texts, batch_size=64, normalize_embeddings=True)
            times.append(time.perf_counter() - start)
        ours = min(float(t) for t in run(texts, precision, "2", "2048", "5"))
        print(f"{precision}: {64 / ours:.0f} texts/s here, {64 / min(times[1:]):.0f} with sentence-transformers (64 texts of 100 tokens, 2 threads, best of 5)")


if __name__ == "__main__":
    main()
