"""Compares log-probabilities, entropies and token ids with transformers in float32 on real problems.

usage: python scripts/check_logprobs.py MODEL PEER_FOLDER DATA_FOLDER [BUILD_FOLDER]
needs: torch, transformers; BUILD_FOLDER (build/release) with dsdr and check_model_save

MODEL is a GGUF file or a folder; PEER_FOLDER the same model as transformers reads it (scripts/gguf_to_hf.py). MODEL is first saved
as a Hugging Face folder of our own, which transformers must load; both folders give 40 prompt and response pairs their
log-probabilities. Exit 1 unless all ids are equal and no log-probability or entropy differs by more than 1e-3.
"""
import json, pathlib, subprocess, sys, tempfile

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

model, peer, data = sys.argv[1:4]
build = pathlib.Path(sys.argv[4] if len(sys.argv) > 4 else "build/release")
BOUND = 1e-3
torch.set_num_threads(1)


def pairs():
    found = []
    for path in sorted(pathlib.Path(data).glob("*.jsonl")):
        rows = [json.loads(line) for line in path.open(encoding="utf-8")][:400]
        for row in rows[:: max(1, len(rows) // 8)]:
            texts = [v for v in row.values() if isinstance(v, str) and v.strip()]
            if len(texts) >= 2:
                question, answer = sorted(texts, key=len)[-2:]
                found.append((question[:400], answer[:400]))
    found = found[:36] if len(found) > 36 else found
    chat = "<|im_start|>user\nWhat is 37 + 58?<|im_end|>\n<|im_start|>assistant\n"
    return found + [(chat, "37 + 58 = 95<|im_end|>"), ("1", "2"), ("The", " café 中文 \n\n  12345 7.5%"), ("x" * 300, "\\boxed{\\frac{1}{2}}")]


def run(command, rows):
    text = "".join(json.dumps(r) + "\n" for r in rows)
    return [json.loads(line) for line in subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout.splitlines()]


def peer_rows(folder, rows):
    tokenizer, network = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    out = []
    for prompt, response in rows:
        a, b = (tokenizer(t, add_special_tokens=False)["input_ids"] for t in (prompt, response))
        with torch.no_grad():
            z = network(torch.tensor([a + b])).logits[0, len(a) - 1 : -1].double().log_softmax(-1)
        out.append(dict(ids=b, logp=z.gather(1, torch.tensor(b)[:, None])[:, 0].tolist(), entropy=(-(z.exp() * z).sum(-1)).tolist()))
    return out


def main():
    rows, failed = pairs(), False
    ours = {p: run([build / "dsdr", "logprobs", model, "precision=" + p], [dict(prompt=a, response=b) for a, b in rows]) for p in ("float32", "bfloat16")}
    with tempfile.TemporaryDirectory() as saved:
        subprocess.run([build / "check_model_save", model, saved], check=True)
        folders = {"our saved folder": peer_rows(saved, rows), "the peer's conversion": peer_rows(peer, rows)}
    for name, theirs in folders.items():
        wrong, worst, worst_entropy, tokens = 0, 0.0, 0.0, 0
        for a, b in zip(ours["float32"], theirs, strict=True):
            if a["ids"] != b["ids"]:
                wrong += 1
                continue
            tokens += len(a["ids"])
            worst = max([worst] + [abs(x - y) for x, y in zip(a["logp"], b["logp"], strict=True)])
            worst_entropy = max([worst_entropy] + [abs(x - y) for x, y in zip(a["entropy"], b["entropy"], strict=True)])
        good = wrong == 0 and worst <= BOUND and worst_entropy <= BOUND and tokens > 1000
        failed |= not good
        print(f"transformers with {name}: {len(rows)} pairs, {tokens} tokens, {wrong} with other ids, largest difference of log-probability {worst:.1e}, "
              f"of entropy {worst_entropy:.1e}: {'good' if good else 'WRONG'}")
    low = [abs(x - y) for a, b in zip(ours["bfloat16"], ours["float32"]) for x, y in zip(a["logp"], b["logp"])]
    print(f"bfloat16 against float32: largest difference {max(low):.2e}, mean {sum(low) / len(low):.1e}")
    sys.exit(failed)


if __name__ == "__main__":
    main()
