// Loading a tokenizer from a Hugging Face folder, as transformers' AutoTokenizer puts its files together: tokenizer.json holds
// the tokenizer, tokenizer_config.json and special_tokens_map.json name its special tokens, chat_template.jinja or a member of
// the configuration is the chat template, generation_config.json says which tokens end a response. BERT folders may hold
// vocab.txt alone.
#include "text/tokenizer_parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/jsonl.h"
#include "text/unicode.h"

// Everything that tokenizer_save writes again.
static const char *const kept_files[] = {"tokenizer.json",
                                         "tokenizer_config.json",
                                         "special_tokens_map.json",
                                         "added_tokens.json",
                                         "chat_template.jinja",
                                         "vocab.json",
                                         "merges.txt",
                                         "vocab.txt"};

static status keep_file(tokenizer *t, const char *folder, const char *name) {
    char *path = path_join(folder, name);
    if (!path) return status_set(STATUS_NO_MEMORY, "no memory for a path");
    file_map map = {0};
    status code = STATUS_OK;
    if (!file_exists(path)) goto cleanup;
    TRY_OR(code, file_map_open(&map, path), cleanup);
    saved_file *files = realloc(t->files, (t->file_count + 1) * sizeof *files);
    if (files) t->files = files;
    saved_file file = {
        .name = text_copy(name, strlen(name)), .bytes = text_copy((const char *)map.bytes, map.size), .length = map.size};
    if (!files || !file.name || !file.bytes) {
        free(file.name);
        free(file.bytes);
        code = status_set(STATUS_NO_MEMORY, "no memory for %s of %zu bytes", path, map.size);
        goto cleanup;
    }
    t->files[t->file_count++] = file;
cleanup:
    file_map_close(&map);
    free(path);
    return code;
}

static const saved_file *find_file(const tokenizer *t, const char *name) {
    for (size_t i = 0; i < t->file_count; i++)
        if (strcmp(t->files[i].name, name) == 0) return &t->files[i];
    return NULL;
}

// The JSON object in a kept file; NULL if there is no such file.
static status read_object(const tokenizer *t, const char *folder, const char *name, json_t **value) {
    const saved_file *file = find_file(t, name);
    *value = NULL;
    if (!file) return STATUS_OK;
    TRY(status_context(json_parse(file->bytes, file->length, name, value), "%s", folder));
    if (json_is_object(*value)) return STATUS_OK;
    json_decref(*value);
    *value = NULL;
    return status_set(STATUS_INVALID, "%s/%s: not a JSON object", folder, name);
}

// The text of a special token, "<s>" or {"content": "<s>", ...}; NULL if it is not named.
static const char *named_token(const json_t *object, const char *name) {
    const json_t *value = json_object_get(object, name);
    return json_string_value(json_is_object(value) ? json_object_get(value, "content") : value);
}

// transformers makes every named special token an added one. A name that is no token of this vocabulary is left aside: the model
// has no row for it.
static status add_named_token(tokenizer *t, const json_t *value) {
    const char *text = json_string_value(json_is_object(value) ? json_object_get(value, "content") : value);
    if (!text || !*text) return STATUS_OK;
    size_t length = strlen(text);
    for (size_t i = 0; i < t->added_count; i++)
        if (t->added[i].length == length && memcmp(t->added[i].text, text, length) == 0) return STATUS_OK;
    int32_t id = vocabulary_find(&t->vocabulary, text, length);
    if (id < 0) return STATUS_OK;
    added_token token = {.text = (char *)text, .length = length, .id = id, .special = true};
    if (json_is_object(value)) {
        TRY(tokenizer_get_bool(value, "lstrip", false, &token.left_strip, text));
        TRY(tokenizer_get_bool(value, "rstrip", false, &token.right_strip, text));
        TRY(tokenizer_get_bool(value, "single_word", false, &token.single_word, text));
        TRY(tokenizer_get_bool(value, "normalized", false, &token.normalized, text));
    }
    return tokenizer_add_token(t, token);
}

static const char *const special_names[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                            "pad_token", "cls_token", "mask_token"};
static const char *const special_lists[] = {"additional_special_tokens", "extra_special_tokens"};

// "added_tokens_decoder": {"0": {"content": ..., flags}}. It repeats the added tokens of tokenizer.json; where it differs, it
// wins.
static status read_added_decoder(tokenizer *t, const json_t *config) {
    const char *key;
    json_t *value;
    json_t *tokens = json_object_get(config, "added_tokens_decoder");
    json_object_foreach(tokens, key, value) {
        const char *text = json_string_value(json_object_get(value, "content"));
        char *end;
        long id = strtol(key, &end, 10);
        if (!text || *end || id < 0 || id > INT32_MAX)
            return status_set(STATUS_INVALID, "added_tokens_decoder: \"%.40s\" is no added token", key);
        added_token token = {.text = (char *)text, .length = strlen(text), .id = (int32_t)id};
        TRY(tokenizer_get_bool(value, "special", false, &token.special, key));
        TRY(tokenizer_get_bool(value, "single_word", false, &token.single_word, key));
        TRY(tokenizer_get_bool(value, "lstrip", false, &token.left_strip, key));
        TRY(tokenizer_get_bool(value, "rstrip", false, &token.right_strip, key));
        TRY(tokenizer_get_bool(value, "normalized", !token.special, &token.normalized, key));
        TRY(tokenizer_add_token(t, token));
    }
    return STATUS_OK;
}

static status set_text(char **out, const char *text) {
    free(*out);
    *out = text_copy(text, strlen(text));
    return *out ? STATUS_OK : status_set(STATUS_NO_MEMORY, "no memory for a tokenizer");
}

static status read_special_tokens(tokenizer *t, const json_t *config, const json_t *map) {
    TRY(read_added_decoder(t, config));
    for (size_t i = 0; i < sizeof special_names / sizeof *special_names; i++)
        TRY(add_named_token(t, json_object_get(named_token(config, special_names[i]) ? config : map, special_names[i])));
    for (size_t i = 0; i < sizeof special_lists / sizeof *special_lists; i++) {
        const json_t *list = json_object_get(config, special_lists[i]);
        if (!list) list = json_object_get(map, special_lists[i]);
        for (size_t k = 0; k < json_array_size(list); k++) TRY(add_named_token(t, json_array_get(list, k)));
    }
    const struct {
        const char *name;
        int32_t *id;
        char **text;
    } wanted[] = {{"bos_token", &t->bos, &t->bos_text},
                  {"eos_token", &t->eos, &t->eos_text},
                  {"pad_token", &t->pad, NULL},
                  {"unk_token", &t->unk, NULL}};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        const char *text = named_token(config, wanted[i].name);
        if (!text) text = named_token(map, wanted[i].name);
        if (!text) continue;
        *wanted[i].id = tokenizer_token_id(t, text, strlen(text));
        if (wanted[i].text) TRY(set_text(wanted[i].text, text));
    }
    // transformers builds the post-processor anew from these two where one of them is given.
    if (!json_object_get(config, "add_bos_token") && !json_object_get(config, "add_eos_token")) return STATUS_OK;
    bool add_bos, add_eos;
    TRY(tokenizer_get_bool(config, "add_bos_token", false, &add_bos, "tokenizer_config.json"));
    TRY(tokenizer_get_bool(config, "add_eos_token", false, &add_eos, "tokenizer_config.json"));
    t->prefix.count = t->suffix.count = 0;
    if (add_bos && t->bos >= 0) TRY(token_list_append(&t->prefix, t->bos));
    if (add_eos && t->eos >= 0) TRY(token_list_append(&t->suffix, t->eos));
    return STATUS_OK;
}

// The file wins over the member; of a list of named templates the one called "default" is taken.
static status read_chat_template(tokenizer *t, const json_t *config) {
    const saved_file *file = find_file(t, "chat_template.jinja");
    if (file) return set_text(&t->chat_template, file->bytes);
    const json_t *member = json_object_get(config, "chat_template");
    if (json_is_string(member)) return set_text(&t->chat_template, json_string_value(member));
    for (size_t i = 0; i < json_array_size(member); i++) {
        const char *name = json_string_value(json_object_get(json_array_get(member, i), "name"));
        const char *text = json_string_value(json_object_get(json_array_get(member, i), "template"));
        if (name && text && strcmp(name, "default") == 0) return set_text(&t->chat_template, text);
    }
    return STATUS_OK;
}

static status add_stop(tokenizer *t, const json_t *id) {
    if (!json_is_integer(id)) return STATUS_OK;
    if (json_integer_value(id) < 0 || (uint64_t)json_integer_value(id) >= t->id_count)
        return status_set(STATUS_INVALID, "generation_config.json: eos_token_id %lld is no token",
                          (long long)json_integer_value(id));
    for (size_t i = 0; i < t->stop.count; i++)
        if (t->stop.ids[i] == json_integer_value(id)) return STATUS_OK;
    return token_list_append(&t->stop, (int32_t)json_integer_value(id));
}

static status read_stop_tokens(tokenizer *t, const char *folder) {
    char *path = path_join(folder, "generation_config.json");
    if (!path) return status_set(STATUS_NO_MEMORY, "no memory for a path");
    file_map map = {0};
    json_t *root = NULL;
    status code = STATUS_OK;
    if (file_exists(path)) {
        TRY_OR(code, file_map_open(&map, path), cleanup);
        TRY_OR(code, json_parse((const char *)map.bytes, map.size, path, &root), cleanup);
        const json_t *ids = json_object_get(root, "eos_token_id");
        for (size_t i = 0; i < json_array_size(ids); i++) TRY_OR(code, add_stop(t, json_array_get(ids, i)), cleanup);
        TRY_OR(code, add_stop(t, ids), cleanup);
    }
    if (t->eos >= 0) {
        json_t *eos = json_integer(t->eos);
        code = add_stop(t, eos);
        json_decref(eos);
    }
cleanup:
    json_decref(root);
    file_map_close(&map);
    free(path);
    return code;
}

// vocab.txt: one token a line, its number is its id. Everything else is BERT's own, as transformers' BertTokenizer sets it up.
static status read_vocabulary_lines(tokenizer *t, const saved_file *file) {
    size_t lines = 0;
    for (size_t i = 0; i < file->length; i++) lines += file->bytes[i] == '\n';
    if (!unicode_is_valid(file->bytes, file->length)) return status_set(STATUS_INVALID, "vocab.txt: not UTF-8");
    int64_t id = 0;
    for (size_t at = 0; at < file->length; id++) {
        const char *end = memchr(file->bytes + at, '\n', file->length - at);
        size_t to = end ? (size_t)(end - file->bytes) : file->length, length = to - at;
        if (length && file->bytes[to - 1] == '\r') length--;
        TRY(status_context(vocabulary_add(&t->vocabulary, file->bytes + at, length, id, lines + 1), "vocab.txt line %lld",
                           (long long)id + 1));
        at = to + 1;
    }
    return STATUS_OK;
}

static status read_bert(tokenizer *t, const saved_file *file, const json_t *config) {
    bool lower, chinese;
    TRY(read_vocabulary_lines(t, file));
    TRY(tokenizer_get_bool(config, "do_lower_case", true, &lower, "tokenizer_config.json"));
    TRY(tokenizer_get_bool(config, "tokenize_chinese_chars", true, &chinese, "tokenizer_config.json"));
    const char *names[] = {"unk_token", "sep_token", "pad_token", "cls_token", "mask_token"};
    const char *texts[] = {"[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"};
    int32_t ids[5];
    for (size_t i = 0; i < 5; i++) {
        const char *named = named_token(config, names[i]);
        if (named) texts[i] = named;
        ids[i] = vocabulary_find(&t->vocabulary, texts[i], strlen(texts[i]));
        if (ids[i] < 0) return status_set(STATUS_INVALID, "vocab.txt: the special token \"%.60s\" is not in it", texts[i]);
        TRY(tokenizer_add_token(
            t, (added_token){.text = (char *)texts[i], .length = strlen(texts[i]), .id = ids[i], .special = true}));
    }
    json_t *strip = json_object_get(config, "strip_accents");
    json_t *parts =
        json_pack("{s:{s:s, s:b, s:b, s:O?, s:b}, s:{s:s}, s:{s:s, s:s, s:b}}", "normalizer", "type", "BertNormalizer",
                  "clean_text", 1, "handle_chinese_chars", (int)chinese, "strip_accents", strip, "lowercase", (int)lower,
                  "pre_tokenizer", "type", "BertPreTokenizer", "decoder", "type", "WordPiece", "prefix", "##", "cleanup", 1);
    status code = parts ? STATUS_OK : status_set(STATUS_NO_MEMORY, "no memory for a tokenizer");
    if (code == STATUS_OK) code = tokenizer_read_normalizer(t, json_object_get(parts, "normalizer"), "tokenizer_config.json");
    if (code == STATUS_OK)
        code = tokenizer_read_pre_tokenizer(t, json_object_get(parts, "pre_tokenizer"), "tokenizer_config.json");
    if (code == STATUS_OK) code = tokenizer_read_decoder(t, json_object_get(parts, "decoder"), "tokenizer_config.json");
    json_decref(parts);
    TRY(code);
    TRY(token_list_append(&t->prefix, ids[3]));
    TRY(token_list_append(&t->suffix, ids[1]));
    t->is_wordpiece = true, t->pad = ids[2], t->unk = ids[0];
    t->wordpiece = (wordpiece){
        .vocabulary = &t->vocabulary, .prefix = text_copy("##", 2), .prefix_length = 2, .unknown = ids[0], .longest_word = 100};
    return t->wordpiece.prefix ? STATUS_OK : status_set(STATUS_NO_MEMORY, "no memory for a tokenizer");
}

static tokenizer *new_tokenizer(void) {
    tokenizer *t = calloc(1, sizeof *t);
    if (t) t->bos = t->eos = t->pad = t->unk = t->bpe.unknown = -1;
    return t;
}

static status load(tokenizer *t, const char *folder) {
    json_t *config = NULL, *map = NULL, *root = NULL;
    status code = STATUS_OK;
    if (!folder_exists(folder)) return status_set(STATUS_INVALID, "%s is not a folder", folder);
    for (size_t i = 0; i < sizeof kept_files / sizeof *kept_files; i++) TRY(keep_file(t, folder, kept_files[i]));
    const saved_file *lines = find_file(t, "vocab.txt");
    if (!find_file(t, "tokenizer.json") && !lines)
        return status_set(STATUS_INVALID, "%s: has neither tokenizer.json nor vocab.txt, so there is no tokenizer to load",
                          folder);
    TRY_OR(code, read_object(t, folder, "tokenizer_config.json", &config), cleanup);
    TRY_OR(code, read_object(t, folder, "special_tokens_map.json", &map), cleanup);
    TRY_OR(code, read_object(t, folder, "tokenizer.json", &root), cleanup);
    if (root)
        TRY_OR(code, status_context(tokenizer_read_json(t, root, "tokenizer.json"), "%s", folder), cleanup);
    else
        TRY_OR(code, status_context(read_bert(t, lines, config), "%s", folder), cleanup);
    TRY_OR(code, status_context(read_special_tokens(t, config, map), "%s", folder), cleanup);
    TRY_OR(code, read_chat_template(t, config), cleanup);
    TRY_OR(code, tokenizer_finish(t), cleanup);
    code = read_stop_tokens(t, folder);
cleanup:
    json_decref(config);
    json_decref(map);
    json_decref(root);
    return code;
}

static status hand_over(tokenizer *t, status code, tokenizer **out) {
    if (code != STATUS_OK) {
        tokenizer_free(t);
        return code;
    }
    *out = t;
    return STATUS_OK;
}

status tokenizer_load(tokenizer **out, const char *folder) {
    *out = NULL;
    tokenizer *t = new_tokenizer();
    if (!t) return status_set(STATUS_NO_MEMORY, "no memory for a tokenizer");
    return hand_over(t, load(t, folder), out);
}

static status create_json(tokenizer *t, const char *json, size_t length, const char *name) {
    json_t *root = NULL;
    TRY(json_parse(json, length, name, &root));
    status code = tokenizer_read_json(t, root, name);
    json_decref(root);
    TRY(code);
    saved_file *files = calloc(1, sizeof *files);
    if (!files) return status_set(STATUS_NO_MEMORY, "no memory for a tokenizer");
    *files = (saved_file){.name = text_copy("tokenizer.json", 14), .bytes = text_copy(json, length), .length = length};
    t->files = files, t->file_count = 1;
    if (!files->name || !files->bytes) return status_set(STATUS_NO_MEMORY, "no memory for a tokenizer");
    return tokenizer_finish(t);
}

status tokenizer_create_json(tokenizer **out, const char *json, size_t length, const char *name) {
    *out = NULL;
    tokenizer *t = new_tokenizer();
    if (!t) return status_set(STATUS_NO_MEMORY, "no memory for a tokenizer");
    return hand_over(t, create_json(t, json, length, name), out);
}
