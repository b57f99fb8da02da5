#!/usr/bin/env python3
"""Converts SmolLM2-135M-Instruct from GGUF to a Hugging Face folder in float32 by peers' code alone, to compare dsdr with.

usage: python scripts/gguf_to_hf.py FILE.gguf OUT_FOLDER
needs: gguf, numpy, torch, transformers, tokenizers

Weights are dequantized by the gguf package; the rows of q and k, which GGUF stores for interleaved rotary pairs, are put back into
the half-split order. The tokenizer splits every digit, as the file's pre-tokenizer `smollm` says.
"""
import sys

import gguf
import numpy as np
import torch
from gguf.quants import dequantize
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

NAMES = {"attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
         "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
         "ffn_down": "mlp.down_proj"}


def reader_value(reader, key):
    return reader.fields[key].contents()


def tokenizer_of(reader):
    tokens = reader_value(reader, "tokenizer.ggml.tokens")
    merges = [tuple(m.split(" ")) for m in reader_value(reader, "tokenizer.ggml.merges")]
    kinds = reader_value(reader, "tokenizer.ggml.token_type")
    tokenizer = Tokenizer(models.BPE({t: i for i, t in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t, k in zip(tokens, kinds) if k in (3, 4)])
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<|im_start|>", eos_token="<|im_end|>", pad_token="<|im_end|>",
                                   clean_up_tokenization_spaces=False)
    fast.chat_template = reader_value(reader, "tokenizer.chat_template")
    return fast


def model_of(reader):
    get = lambda key: reader_value(reader, "llama." + key)
    heads, kv_heads = get("attention.head_count"), get("attention.head_count_kv")
    config = LlamaConfig(vocab_size=len(reader_value(reader, "tokenizer.ggml.tokens")), hidden_size=get("embedding_length"),
                         intermediate_size=get("feed_forward_length"), num_hidden_layers=get("block_count"), num_attention_heads=heads,
                         num_key_value_heads=kv_heads, max_position_embeddings=get("context_length"),
                         rope_parameters=dict(rope_type="default", rope_theta=get("rope.freq_base")),
                         rms_norm_eps=round(get("attention.layer_norm_rms_epsilon"), 9), tie_word_embeddings=True, bos_token_id=1, eos_token_id=2, pad_token_id=2)
    state = {}
    for tensor in reader.tensors:
        value = torch.from_numpy(np.array(dequantize(tensor.data, tensor.tensor_type), dtype=np.float32))
        parts = tensor.name.split(".")
        if parts[0] == "blk":
            key = f"model.layers.{parts[1]}.{NAMES[parts[2]]}.weight"
            if parts[2] in ("attn_q", "attn_k"):
                n = heads if parts[2] == "attn_q" else kv_heads
                value = value.view(n, value.shape[0] // n // 2, 2, -1).transpose(1, 2).reshape(value.shape)
        else:
            key = {"token_embd": "model.embed_tokens.weight", "output_norm": "model.norm.weight", "output": "lm_head.weight"}[parts[0]]
        state[key] = value
    model = LlamaForCausalLM(config)
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert not unexpected and missing in ([], ["lm_head.weight"]), (missing, unexpected)
    model.tie_weights()
    model.generation_config = GenerationConfig(bos_token_id=1, eos_token_id=2, pad_token_id=2)
    return model.float().eval()


def main():
    reader = gguf.GGUFReader(sys.argv[1])
    tokenizer_of(reader).save_pretrained(sys.argv[2])
    model_of(reader).save_pretrained(sys.argv[2])


if __name__ == "__main__":
    main()
