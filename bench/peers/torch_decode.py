"""A bare decoder in PyTorch: preallocated key/value cache, fused q, k, v and gate, up, sampling; nothing of a framework around it.

usage: torch_decode.py HF_FOLDER float32|bfloat16 THREADS         a request is B; prompts of 100 tokens shared by 8, 128 new tokens

With bfloat16 the matrices and their operands are bfloat16, the rest float32: the faster of the arrangements tried.
"""
import sys, time

import torch, transformers
import torch.nn.functional as F
from serve import serve

folder, precision, threads = sys.argv[1], getattr(torch, sys.argv[2]), int(sys.argv[3])
torch.set_num_threads(threads)
torch.manual_seed(0)
model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
config, state = model.config, model.state_dict()
HEADS, KV, EPS = config.num_attention_heads, config.num_key_value_heads, config.rms_norm_eps
WIDTH, SHARE = config.hidden_size // HEADS, HEADS // KV
PROMPT, NEW, GROUP = 100, 128, 8


def layer_weights(i):
    get = lambda name: state[f"model.layers.{i}.{name}.weight"]
    matrix = lambda *names: torch.cat([get(n) for n in names]).to(precision)
    return dict(norm1=get("input_layernorm"), norm2=get("post_attention_layernorm"), qkv=matrix("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
                out=matrix("self_attn.o_proj"), gate_up=matrix("mlp.gate_proj", "mlp.up_proj"), down=matrix("mlp.down_proj"))


layers = [layer_weights(i) for i in range(config.num_hidden_layers)]
embedding, final_norm = state["model.embed_tokens.weight"], state["model.norm.weight"]
head = embedding.to(precision)
frequency = 1.0 / config.rope_parameters["rope_theta"] ** (torch.arange(0, WIDTH, 2).float() / WIDTH)
angle = torch.arange(PROMPT + NEW).float()[:, None] * frequency
COS, SIN = angle.cos()[:, None], angle.sin()[:, None]  # [T, 1, WIDTH / 2]


def rotate(x, first):
    """x [B, T, heads, WIDTH] at positions from `first` on, pairs (i, i + WIDTH / 2)."""
    cos, sin = COS[first:first + x.shape[1]], SIN[first:first + x.shape[1]]
    a, b = x.chunk(2, -1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


def linear(x, weight):
    return F.linear(x.to(weight.dtype), weight).float()


def norm(x, gain):
    return F.rms_norm(x, (x.shape[-1],), gain, EPS)


def forward(ids, first, keys, values):
    """Logits of the last position of ids [B, T]; their keys and values go to places first .. first + T of the cache."""
    batch, length = ids.shape
    x = embedding[ids]
    mask = torch.full((length, first + length), float("-inf")).triu(first + 1).repeat(SHARE, 1) if length > 1 else None
    for w, key, value in zip(layers, keys, values):
        q, k, v = linear(norm(x, w["norm1"]), w["qkv"]).view(batch, length, HEADS + 2 * KV, WIDTH).split([HEADS, KV, KV], 2)
        key[:, :, first:first + length] = rotate(k, first).transpose(1, 2)
        value[:, :, first:first + length] = v.transpose(1, 2)
        q = rotate(q, first).view(batch, length, KV, SHARE, WIDTH).permute(0, 2, 3, 1, 4).reshape(batch, KV, SHARE * length, WIDTH)
        scores = q @ key[:, :, :first + length].transpose(2, 3) * WIDTH**-0.5
        weights = (scores if mask is None else scores + mask).softmax(-1)
        y = (weights @ value[:, :, :first + length]).view(batch, KV, SHARE, length, WIDTH).permute(0, 3, 1, 2, 4).reshape(batch, length, HEADS * WIDTH)
        x = x + linear(y, w["out"])
        gate, up = linear(norm(x, w["norm2"]), w["gate_up"]).chunk(2, -1)
        x = x + linear(F.silu(gate) * up, w["down"])
    return linear(norm(x[:, -1], final_norm), head)


def sample(logits):
    cumulative = logits.softmax(-1).cumsum(-1)
    draw = torch.rand(len(logits), 1) * cumulative[:, -1:]
    return torch.searchsorted(cumulative, draw).clamp(max=logits.shape[1] - 1)


@torch.inference_mode()
def generate(batch, new):
    size = min(batch, GROUP)
    ids = torch.randint(64, config.vocab_size, (batch // size, PROMPT))
    room = lambda rows, tokens: [torch.zeros(rows, KV, tokens, WIDTH) for _ in layers]
    prompt_keys, prompt_values, keys, values = room(len(ids), PROMPT), room(len(ids), PROMPT), room(batch, PROMPT + new), room(batch, PROMPT + new)
    token = sample(forward(ids, 0, prompt_keys, prompt_values).repeat_interleave(size, 0))
    for all_rows, prompt in zip(keys + values, prompt_keys + prompt_values):
        all_rows[:, :, :PROMPT] = prompt.repeat_interleave(size, 0)
    start = time.perf_counter()
    for i in range(new - 1):
        token = sample(forward(token, PROMPT + i, keys, values))
    return time.perf_counter() - start


def answer(request):
    batch = int(request)
    return dict(tokens_per_second=batch * (NEW - 1) / generate(batch, NEW))


with torch.inference_mode():  # the same numbers as the library's own forward
    ids = torch.randint(64, config.vocab_size, (2, 12))
    cache = [torch.zeros(2, KV, 12, WIDTH) for _ in layers], [torch.zeros(2, KV, 12, WIDTH) for _ in layers]
    forward(ids[:, :7], 0, *cache)
    difference = (forward(ids[:, 7:], 7, *cache) - model(ids).logits[:, -1]).abs().max().item()
    assert difference < (1e-2 if precision == torch.float32 else 2.0), difference
generate(8, 4)
serve(dict(version=f"torch {torch.__version__}", difference=difference), answer)
