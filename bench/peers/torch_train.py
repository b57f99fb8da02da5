"""One policy-gradient step in PyTorch on [16, 256] tokens: forward, backward, clipping, AdamW, float32 or bfloat16 autocast.

usage: torch_train.py HF_FOLDER float32|bfloat16 THREADS          a request is any line
"""
import resource, sys, time

import torch, transformers
from serve import serve

folder, precision, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
torch.set_num_threads(threads)
torch.manual_seed(0)
model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).train()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6)
BATCH, LENGTH = 16, 256
ids = torch.randint(64, model.config.vocab_size, (BATCH, LENGTH))
advantage = torch.tensor([1.0, -1.0]).repeat(BATCH // 2)[:, None]


def answer(_):
    start = time.perf_counter()
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
        logits = model(input_ids=ids, use_cache=False).logits
    logp = torch.log_softmax(logits[:, :-1].float(), -1).gather(-1, ids[:, 1:, None]).squeeze(-1)
    ratio = (logp - logp.detach()).exp()
    loss = -torch.minimum(ratio * advantage, ratio.clamp(0.8, 1.28) * advantage).mean()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    seconds = time.perf_counter() - start
    return dict(seconds=seconds, tokens_per_second=BATCH * LENGTH / seconds, peak_gb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 2**30)


answer("")
serve(dict(version=f"transformers {transformers.__version__}, torch {torch.__version__}"), answer)
