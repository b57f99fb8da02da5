// Writing the files from which transformers makes an equal tokenizer: those of the folder it came from, or new ones for GGUF
// arrays. See tokenizer_save in tokenizer.h. What is written depends on the tokenizer alone, so equal tokenizers have equal
// files.
#include "text/tokenizer_parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"

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
    if (!t->prefix.count && !t->suffix.count) return buffer_append_text(out, tokenizer_byte_level_json);
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
    const tokenizer_recipe *known = tokenizer_find_recipe(t->pre_tokenizer_name);
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
        tokenizer_byte_level_json, known->ignore_merges ? "true" : "false"));
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
