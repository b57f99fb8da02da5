// A tokenizer from the arrays of a GGUF file, GGUF names its pre-tokenizer; the
// parts of a tokenizer.json that belong to each name stand in the table below and are used both for reading and for saving.
#include "text/tokenizer_parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/jsonl.h"
#include "text/unicode.h"

#define BYTE_LEVEL(regex) "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":true,\"use_regex\":" regex "}"
#define SPLIT_THEN_BYTES(regex)                                                                                                  \
    "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{\"Regex\":\"" regex                              \
    "\"},\"behavior\":\"Isolated\",\"invert\":false}," BYTE_LEVEL("false") "]}"
#define REST_OF_LLAMA3 "| ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*|\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+"
#define START_OF_LLAMA3 "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|"

static const tokenizer_recipe recipes[] = {
    {"smollm", "null",
     "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Digits\",\"individual_digits\":true}," BYTE_LEVEL("true") "]}",
     false},
    {"gpt-2", "null", BYTE_LEVEL("true"), false},
    {"default", "null", BYTE_LEVEL("true"), false},
    {"llama-bpe", "null", SPLIT_THEN_BYTES(START_OF_LLAMA3 "\\\\p{N}{1,3}" REST_OF_LLAMA3), true},
    {"llama3", "null", SPLIT_THEN_BYTES(START_OF_LLAMA3 "\\\\p{N}{1,3}" REST_OF_LLAMA3), true},
    {"qwen2", "{\"type\":\"NFC\"}", SPLIT_THEN_BYTES(START_OF_LLAMA3 "\\\\p{N}" REST_OF_LLAMA3), false},
};
const char tokenizer_byte_level_json[] = BYTE_LEVEL("true");

const tokenizer_recipe *tokenizer_find_recipe(const char *name) {
    for (size_t i = 0; i < sizeof recipes / sizeof *recipes; i++)
        if (strcmp(recipes[i].name, name) == 0) return &recipes[i];
    return NULL;
}

static status read_part(tokenizer *t, const char *json, status (*read)(tokenizer *, const json_t *, const char *),
                        const char *where) {
    json_t *value = NULL;
    TRY(json_parse(json, strlen(json), where, &value));
    status code = read(t, value, where);
    json_decref(value);
    return code;
}

static status read_tokens(tokenizer *t, const tokenizer_bpe_source *source) {
    for (size_t i = 0; i < source->token_count; i++) {
        text_span token = source->tokens[i];
        if (!unicode_is_valid(token.bytes, token.length)) return status_set(STATUS_INVALID, "token %zu is not valid UTF-8", i);
        TRY(vocabulary_add(&t->vocabulary, token.bytes, token.length, (int64_t)i, source->token_count));
    }
    for (size_t i = 0; source->types && i < source->token_count; i++) {
        if (source->types[i] != TOKEN_CONTROL && source->types[i] != TOKEN_USER_DEFINED) continue;
        if (!source->tokens[i].length) continue;
        added_token token = {.text = (char *)source->tokens[i].bytes, .length = source->tokens[i].length, .id = (int32_t)i};
        token.special = source->types[i] == TOKEN_CONTROL;
        TRY(tokenizer_add_token(t, token));
    }
    return STATUS_OK;
}

static status read_merges(tokenizer *t, const tokenizer_bpe_source *source) {
    for (size_t i = 0; i < source->merge_count; i++) {
        text_span merge = source->merges[i];
        const char *space = merge.length ? memchr(merge.bytes, ' ', merge.length) : NULL;
        if (!space)
            return status_set(STATUS_INVALID, "merge %zu \"%.*s\" is not two tokens", i,
                              (int)(merge.length < 60 ? merge.length : 60), merge.bytes);
        size_t left = (size_t)(space - merge.bytes);
        TRY(bpe_add_merge(&t->bpe, (text_span){merge.bytes, left}, (text_span){space + 1, merge.length - left - 1}));
    }
    return STATUS_OK;
}

// Checks an id and makes its token a special one, as transformers does with every token that a configuration names.
static status name_token(tokenizer *t, const tokenizer_bpe_source *source, const char *what, int32_t id, int32_t *out,
                         char **text) {
    *out = -1;
    if (id < 0) return STATUS_OK;
    if ((size_t)id >= source->token_count)
        return status_set(STATUS_INVALID, "the %s token %d is outside the vocabulary of %zu", what, id, source->token_count);
    text_span token = source->tokens[id];
    if (!token.length) return status_set(STATUS_INVALID, "the %s token %d has no text", what, id);
    TRY(tokenizer_add_token(t, (added_token){.text = (char *)token.bytes, .length = token.length, .id = id, .special = true}));
    *out = id;
    if (!text) return STATUS_OK;
    *text = text_copy(token.bytes, token.length);
    return *text ? STATUS_OK : status_set(STATUS_NO_MEMORY, "no memory for a tokenizer");
}

static status create(tokenizer *t, const tokenizer_bpe_source *source) {
    const tokenizer_recipe *known = tokenizer_find_recipe(source->pre_tokenizer ? source->pre_tokenizer : "");
    if (!known)
        return status_set(STATUS_UNSUPPORTED,
                          "the pre-tokenizer \"%.60s\" is not known (known: smollm, gpt-2, default, llama-bpe, llama3, qwen2)",
                          source->pre_tokenizer ? source->pre_tokenizer : "");
    t->from_arrays = true;
    t->pre_tokenizer_name = text_copy(known->name, strlen(known->name));
    if (!t->pre_tokenizer_name) return status_set(STATUS_NO_MEMORY, "no memory for a tokenizer");
    t->bpe.vocabulary = &t->vocabulary;
    t->bpe.ignore_merges = known->ignore_merges;
    TRY(read_tokens(t, source));
    TRY(read_merges(t, source));
    TRY(read_part(t, known->normalizer, tokenizer_read_normalizer, "normalizer"));
    TRY(read_part(t, known->pre_tokenizer, tokenizer_read_pre_tokenizer, "pre_tokenizer"));
    TRY(read_part(t, tokenizer_byte_level_json, tokenizer_read_decoder, "decoder"));
    TRY(name_token(t, source, "BOS", source->bos, &t->bos, &t->bos_text));
    TRY(name_token(t, source, "EOS", source->eos, &t->eos, &t->eos_text));
    TRY(name_token(t, source, "padding", source->pad, &t->pad, NULL));
    TRY(name_token(t, source, "unknown", source->unk, &t->unk, NULL));
    if (source->add_bos && t->bos >= 0) TRY(token_list_append(&t->prefix, t->bos));
    if (source->add_eos && t->eos >= 0) TRY(token_list_append(&t->suffix, t->eos));
    if (t->eos >= 0) TRY(token_list_append(&t->stop, t->eos));
    if (source->chat_template) {
        t->chat_template = text_copy(source->chat_template, strlen(source->chat_template));
        if (!t->chat_template) return status_set(STATUS_NO_MEMORY, "no memory for a tokenizer");
    }
    return tokenizer_finish(t);
}

status tokenizer_create_bpe(tokenizer **out, const tokenizer_bpe_source *source) {
    *out = NULL;
    tokenizer *t = calloc(1, sizeof *t);
    if (!t) return status_set(STATUS_NO_MEMORY, "no memory for a tokenizer");
    t->bos = t->eos = t->pad = t->unk = t->bpe.unknown = -1;
    status code = status_context(create(t, source), "%s", source->name ? source->name : "tokenizer");
    if (code != STATUS_OK) {
        tokenizer_free(t);
        return code;
    }
    *out = t;
    return STATUS_OK;
}
