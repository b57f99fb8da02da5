"""How far log-probs while sampling are from those that training computes in transformers: same weights, same tokens.

usage: logprobs.py HF_FOLDER float32|bfloat16 THREADS PROBLEMS.jsonl      64 rollouts of 128 tokens at most; one line of JSON

Sampling is generate with its cache and left padding; training is one forward of 16 sequences, padded on the right.
"""
import json, sys

import torch, transformers

folder, precision, threads, problems = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
torch.set_num_threads(threads)
torch.manual_seed(0)
tokenizer = transformers.AutoTokenizer.from_pretrained(folder, padding_side="left")
model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, precision)).eval()
GROUPS, SIZE, NEW, TOGETHER, END = 8, 8, 128, 16, 2
rows = [json.loads(line) for line in open(problems)][:GROUPS]
chats = [tokenizer.apply_chat_template([dict(role="user", content=row["problem"])], tokenize=False, add_generation_prompt=True) for row in rows]
prompts = tokenizer([chat for chat in chats for _ in range(SIZE)], return_tensors="pt", padding=True, add_special_tokens=False)

largest, total, tokens = 0.0, 0.0, 0
with torch.inference_mode():
    out = model.generate(**prompts, do_sample=True, temperature=1.0, top_k=0, top_p=1.0, max_new_tokens=NEW, eos_token_id=END, pad_token_id=END,
                         output_logits=True, return_dict_in_generate=True)
    start = prompts.input_ids.shape[1]
    sampled = torch.stack([z.float().log_softmax(-1) for z in out.logits], 1).gather(-1, out.sequences[:, start:, None]).squeeze(-1)
    for first in range(0, GROUPS * SIZE, TOGETHER):
        kept = []
        for i in range(first, first + TOGETHER):
            response = out.sequences[i, start:]
            ends = (response == END).nonzero()
            kept.append((prompts.input_ids[i][prompts.attention_mask[i].bool()], response[:ends[0] + 1] if len(ends) else response))
        longest = max(len(p) + len(r) for p, r in kept)
        ids, mask = torch.full((TOGETHER, longest), END), torch.zeros(TOGETHER, longest, dtype=torch.long)
        for k, (p, r) in enumerate(kept):
            ids[k, :len(p) + len(r)], mask[k, :len(p) + len(r)] = torch.cat([p, r]), 1
        logp = model(input_ids=ids, attention_mask=mask).logits.float().log_softmax(-1)
        for k, (p, r) in enumerate(kept):
            trained = logp[k, len(p) - 1:len(p) - 1 + len(r)].gather(-1, r[:, None]).squeeze(-1)
            difference = (trained - sampled[first + k, :len(r)]).abs()
            largest, total, tokens = max(largest, difference.max().item()), total + difference.sum().item(), tokens + len(r)
print(json.dumps(dict(largest=largest, mean=total / tokens, tokens=tokens, version=f"transformers {transformers.__version__}, torch {torch.__version__}")))
