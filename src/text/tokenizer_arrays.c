// A tokenizer from the arrays of a GGUF file, and the files that transformers reads for one. GGUF names its pre-tokenizer; the
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

static const struct pre_tokenizer {
    const char *name, *normalizer, *pre_tokenizer;
    bool ignore_merges;
} pre_tokenizers[] = {
    {"smollm", "null",
     "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Digits\",\"individual_digits\":true}," BYTE_LEVEL("true") "]}",
     false},
    {"gpt-2", "null", BYTE_LEVEL("true"), false},
    {"default", "null", BYTE_LEVEL("true"), false},
    {"llama-bpe", "null", SPLIT_THEN_BYTES(START_OF_LLAMA3 "\\\\p{N}{1,3}" REST_OF_LLAMA3), true},
    {"llama3", "null", SPLIT_THEN_BYTES(START_OF_LLAMA3 "\\\\p{N}{1,3}" REST_OF_LLAMA3), true},
    {"qwen2", "{\"type\":\"NFC\"}", SPLIT_THEN_BYTES(START_OF_LLAMA3 "\\\\p{N}" REST_OF_LLAMA3), false},
};
static const char decoder_json[] = BYTE_LEVEL("true");

static const struct pre_tokenizer *find_pre_tokenizer(const char *name) {
    for (size_t i = 0; i < sizeof pre_tokenizers / sizeof *pre_tokenizers; i++)
        if (strcmp(pre_tokenizers[i].name, name) == 0) return &pre_tokenizers[i];
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
    const struct pre_tokenizer *known = find_pre_tokenizer(source->pre_tokenizer ? source->pre_tokenizer : "");
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
    TRY(read_part(t, decoder_json, tokenizer_read_decoder, "decoder"));
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

// Saving -----------------------------------------------------------------------------------------------------------------------

static status write_string(buffer *out, const char *text, size_t length) {
    TRY(buffer_append_byte(out, '"'));
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\')
            TRY(buffer_printf(out, "\\%c", c));
        else if (c < 0x20 || c == 0x7F)
            TRY(buffer_printf(out, "\\u%04x", c));
        else
            TRY(buffer_append_byte(out, text[i]));
    }
    return buffer_append_byte(out, '"');
}

static status write_token(buffer *out, const tokenizer *t, int32_t id) {
    text_span text = vocabulary_text(&t->vocabulary, id);
    return write_string(out, text.bytes, text.length);
}

static int compare_added(const void *a, const void *b) {
    const added_token *left = *(const added_token *const *)a, *right = *(const added_token *const *)b;
    return left->id < right->id ? -1 : left->id > right->id;
}

static int compare_ranks(const void *a, const void *b) {
    const bpe_merge *left = *(const bpe_merge *const *)a, *right = *(const bpe_merge *const *)b;
    return left->rank < right->rank ? -1 : left->rank > right->rank;
}

static status write_added(buffer *out, const tokenizer *t) {
    const added_token **sorted = malloc((t->added_count + 1) * sizeof *sorted);
    if (!sorted) return status_set(STATUS_NO_MEMORY, "no memory for saving a tokenizer");
    for (size_t i = 0; i < t->added_count; i++) sorted[i] = &t->added[i];
    qsort(sorted, t->added_count, sizeof *sorted, compare_added);
    status code = STATUS_OK;
    for (size_t i = 0; i < t->added_count; i++) {
        TRY_OR(code, buffer_printf(out, "%s\n    {\"id\": %d, \"content\": ", i ? "," : "", sorted[i]->id), cleanup);
        TRY_OR(code, write_string(out, sorted[i]->text, sorted[i]->length), cleanup);
        TRY_OR(code,
               buffer_printf(
                   out, ", \"single_word\": false, \"lstrip\": false, \"rstrip\": false, \"normalized\": false, \"special\": %s}",
                   sorted[i]->special ? "true" : "false"),
               cleanup);
    }
cleanup:
    free(sorted);
    return code;
}

static status write_merges(buffer *out, const tokenizer *t) {
    const bpe_merge **sorted = malloc((t->bpe.merge_count + 1) * sizeof *sorted);
    if (!sorted) return status_set(STATUS_NO_MEMORY, "no memory for saving a tokenizer");
    size_t count = 0;
    for (size_t i = 0; i < t->bpe.slot_count; i++)
        if (t->bpe.merges[i].left >= 0) sorted[count++] = &t->bpe.merges[i];
    qsort(sorted, count, sizeof *sorted, compare_ranks);
    status code = STATUS_OK;
    for (size_t i = 0; i < count; i++) {
        TRY_OR(code, buffer_append_text(out, i ? ",\n      [" : "\n      ["), cleanup);
        TRY_OR(code, write_token(out, t, sorted[i]->left), cleanup);
        TRY_OR(code, buffer_append_text(out, ", "), cleanup);
        TRY_OR(code, write_token(out, t, sorted[i]->right), cleanup);
        TRY_OR(code, buffer_append_byte(out, ']'), cleanup);
    }
cleanup:
    free(sorted);
    return code;
}

// BOS and EOS around the text as a template; without either, ByteLevel, which leaves the ids alone.
static status write_post_processor(buffer *out, const tokenizer *t) {
    if (!t->prefix.count && !t->suffix.count) return buffer_append_text(out, BYTE_LEVEL("true"));
    struct {
        const token_list *list;
        const char *front, *back;
    } sides[] = {{&t->prefix, "", ", "}, {&t->suffix, ", ", ""}};
    for (int part = 0; part < 2; part++) { // "single" and "pair": the second text stands behind the first in the same way
        TRY(buffer_append_text(out, part ? "], \"pair\": [" : "{\"type\": \"TemplateProcessing\", \"single\": ["));
        for (int text = 0; text <= part; text++) {
            if (text) TRY(buffer_append_text(out, ", "));
            for (size_t side = 0; side < 2; side++) {
                for (size_t i = 0; i < sides[side].list->count; i++) {
                    TRY(buffer_append_text(out, sides[side].front));
                    TRY(buffer_append_text(out, "{\"SpecialToken\": {\"id\": "));
                    TRY(write_token(out, t, sides[side].list->ids[i]));
                    TRY(buffer_printf(out, ", \"type_id\": %d}}%s", text, sides[side].back));
                }
                if (side == 0) TRY(buffer_printf(out, "{\"Sequence\": {\"id\": \"%c\", \"type_id\": %d}}", 'A' + text, text));
            }
        }
    }
    TRY(buffer_append_text(out, "], \"special_tokens\": {"));
    bool both = t->prefix.count && t->suffix.count && t->prefix.ids[0] != t->suffix.ids[0];
    for (int side = 0; side < 2; side++) {
        const token_list *list = sides[side].list;
        if (!list->count || (side == 1 && t->prefix.count && !both)) continue;
        if (side == 1 && both) TRY(buffer_append_text(out, ", "));
        TRY(write_token(out, t, list->ids[0]));
        TRY(buffer_append_text(out, ": {\"id\": "));
        TRY(write_token(out, t, list->ids[0]));
        TRY(buffer_printf(out, ", \"ids\": [%d], \"tokens\": [", list->ids[0]));
        TRY(write_token(out, t, list->ids[0]));
        TRY(buffer_append_text(out, "]}"));
    }
    return buffer_append_text(out, "}}");
}

static status write_tokenizer(buffer *out, const tokenizer *t) {
    const struct pre_tokenizer *known = find_pre_tokenizer(t->pre_tokenizer_name);
    TRY(buffer_append_text(out,
                           "{\n  \"version\": \"1.0\",\n  \"truncation\": null,\n  \"padding\": null,\n  \"added_tokens\": ["));
    TRY(write_added(out, t));
    TRY(buffer_printf(out, "\n  ],\n  \"normalizer\": %s,\n  \"pre_tokenizer\": %s,\n  \"post_processor\": ", known->normalizer,
                      known->pre_tokenizer));
    TRY(write_post_processor(out, t));
    TRY(buffer_printf(
        out,
        ",\n  \"decoder\": %s,\n  \"model\": {\n    \"type\": \"BPE\",\n    \"dropout\": null,\n    \"unk_token\": null,\n"
        "    \"continuing_subword_prefix\": null,\n    \"end_of_word_suffix\": null,\n    \"fuse_unk\": false,\n    "
        "\"byte_fallback\": false,\n"
        "    \"ignore_merges\": %s,\n    \"vocab\": {",
        decoder_json, known->ignore_merges ? "true" : "false"));
    for (size_t id = 0; id < t->vocabulary.id_count; id++) {
        TRY(buffer_append_text(out, id ? ",\n      " : "\n      "));
        TRY(write_token(out, t, (int32_t)id));
        TRY(buffer_printf(out, ": %zu", id));
    }
    TRY(buffer_append_text(out, "\n    },\n    \"merges\": ["));
    TRY(write_merges(out, t));
    return buffer_append_text(out, "\n    ]\n  }\n}\n");
}

// The members that name special tokens, for both configuration files.
static status write_names(buffer *out, const tokenizer *t) {
    const struct {
        const char *name;
        int32_t id;
    } names[] = {{"bos_token", t->bos}, {"eos_token", t->eos}, {"pad_token", t->pad}, {"unk_token", t->unk}};
    bool first = true;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (names[i].id < 0) continue;
        TRY(buffer_printf(out, "%s\n  \"%s\": ", first ? "" : ",", names[i].name));
        TRY(write_token(out, t, names[i].id));
        first = false;
    }
    return STATUS_OK;
}

static status write_config(buffer *out, const tokenizer *t) {
    TRY(buffer_append_byte(out, '{'));
    TRY(write_names(out, t));
    if (out->length > 1) TRY(buffer_append_byte(out, ','));
    TRY(buffer_append_text(out,
                           "\n  \"clean_up_tokenization_spaces\": false,\n  \"tokenizer_class\": \"PreTrainedTokenizerFast\""));
    if (t->chat_template) {
        TRY(buffer_append_text(out, ",\n  \"chat_template\": "));
        TRY(write_string(out, t->chat_template, strlen(t->chat_template)));
    }
    return buffer_append_text(out, "\n}\n");
}

static status write_map(buffer *out, const tokenizer *t) {
    TRY(buffer_append_byte(out, '{'));
    TRY(write_names(out, t));
    return buffer_append_text(out, "\n}\n");
}

static status save_bytes(const char *folder, const char *name, const char *bytes, size_t length) {
    char *path = path_join(folder, name);
    if (!path) return status_set(STATUS_NO_MEMORY, "no memory for a path");
    status code = file_replace(path, bytes, length);
    free(path);
    return code;
}

status tokenizer_save(const tokenizer *t, const char *folder) {
    if (!t->from_arrays) {
        for (size_t i = 0; i < t->file_count; i++)
            TRY(save_bytes(folder, t->files[i].name, t->files[i].bytes, t->files[i].length));
        return STATUS_OK;
    }
    const struct {
        const char *name;
        status (*write)(buffer *, const tokenizer *);
    } files[] = {
        {"tokenizer.json", write_tokenizer}, {"tokenizer_config.json", write_config}, {"special_tokens_map.json", write_map}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        buffer out = {0};
        status code = files[i].write(&out, t);
        if (code == STATUS_OK) code = save_bytes(folder, files[i].name, out.data, out.length);
        buffer_free(&out);
        TRY(code);
    }
    return STATUS_OK;
}
