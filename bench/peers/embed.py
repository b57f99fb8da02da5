"""sentence-transformers: vectors of the texts on the first line of input, a JSON array; a request is any further line.

usage: embed.py FOLDER float32|bfloat16 THREADS TOKENS            every text must have TOKENS tokens, [CLS] and [SEP] included
"""
import json, sys, time

import sentence_transformers, torch
from serve import serve

folder, precision, threads, tokens = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
torch.set_num_threads(threads)
model = sentence_transformers.SentenceTransformer(folder, device="cpu", model_kwargs=dict(dtype=getattr(torch, precision)))
texts = json.loads(sys.stdin.readline())
lengths = {len(model.tokenizer(text)["input_ids"]) for text in texts}
assert lengths == {tokens}, lengths


def answer(_):
    start = time.perf_counter()
    model.encode(texts, batch_size=len(texts), normalize_embeddings=True)
    return dict(texts_per_second=len(texts) / (time.perf_counter() - start))


answer("")
serve(dict(version=f"sentence-transformers {sentence_transformers.__version__}, torch {torch.__version__}"), answer)
