"""transformers' generate: B rollouts, prompts of 100 tokens shared by 8, 128 new tokens at temperature 1.

usage: torch_generate.py HF_FOLDER float32|bfloat16 THREADS        a request is B; the answer counts the steps after the first token
"""
import sys, time

import torch, transformers
from serve import serve

folder, precision, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
torch.set_num_threads(threads)
torch.manual_seed(0)
model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, precision)).eval()
PROMPT, NEW, GROUP = 100, 128, 8


class Clock(transformers.StoppingCriteria):
    """Never stops; remembers when the first token was there."""

    def __init__(self):
        self.first = None

    def __call__(self, ids, scores, **_):
        self.first = self.first or time.perf_counter()
        return torch.zeros(len(ids), dtype=torch.bool)


def generate(batch, new):
    size = min(batch, GROUP)
    ids = torch.randint(64, model.config.vocab_size, (batch // size, PROMPT)).repeat_interleave(size, 0)
    clock = Clock()
    with torch.inference_mode():
        out = model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=True, temperature=1.0, top_k=0, top_p=1.0, min_new_tokens=new,
                             max_new_tokens=new, pad_token_id=2, stopping_criteria=transformers.StoppingCriteriaList([clock]))
    assert out.shape == (batch, PROMPT + new)
    return time.perf_counter() - clock.first


def answer(request):
    batch = int(request)
    return dict(tokens_per_second=batch * (NEW - 1) / generate(batch, NEW))


generate(8, 4)
serve(dict(version=f"transformers {transformers.__version__}, torch {torch.__version__}"), answer)
