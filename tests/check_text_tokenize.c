// A line-by-line tokenizer for comparisons with other programs; scripts/check_tokenizer.py drives it. Not a test by itself.
//
//   check_text_tokenize TOKENIZER encode [special] [add] [limit=N]  rows {"text"} -> {"ids"[, "cut"]}
//   check_text_tokenize TOKENIZER decode [skip]                     rows {"ids"} -> {"hex"}
//   check_text_tokenize TOKENIZER chat [generate] [NAME=TEXT ...]   rows {"messages"} -> {"text"} or {"error"}; NAME=true and
//   =false are truths check_text_tokenize TOKENIZER save FOLDER check_text_tokenize TOKENIZER time encodes standard input as one
//   text; prints tokens and seconds
//
// TOKENIZER is a Hugging Face folder, a tokenizer.json, or a file with the arrays of a GGUF as JSON (name ending in
// .arrays.json).
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/jsonl.h"
#include "text/chat.h"
#include "text/tokenizer.h"

static void stop_on(status code) {
    if (code == STATUS_OK) return;
    fprintf(stderr, "%s\n", status_message());
    exit(status_exit_code(code));
}

static text_span *read_spans(const json_t *list, size_t *count) {
    *count = json_array_size(list);
    text_span *spans = malloc((*count + 1) * sizeof *spans);
    if (!spans) exit(1);
    for (size_t i = 0; i < *count; i++)
        spans[i] = (text_span){json_string_value(json_array_get(list, i)), json_string_length(json_array_get(list, i))};
    return spans;
}

static int32_t read_id(const json_t *root, const char *key) {
    const json_t *value = json_object_get(root, key);
    return json_is_integer(value) ? (int32_t)json_integer_value(value) : -1;
}

static tokenizer *create_from_arrays(const char *path, const json_t *root) {
    tokenizer_bpe_source source = {.name = path,
                                   .pre_tokenizer = json_string_value(json_object_get(root, "pre")),
                                   .bos = read_id(root, "bos"),
                                   .eos = read_id(root, "eos"),
                                   .pad = read_id(root, "pad"),
                                   .unk = read_id(root, "unk"),
                                   .add_bos = json_is_true(json_object_get(root, "add_bos")),
                                   .add_eos = json_is_true(json_object_get(root, "add_eos")),
                                   .chat_template = json_string_value(json_object_get(root, "chat_template"))};
    const json_t *types = json_object_get(root, "types");
    text_span *tokens = read_spans(json_object_get(root, "tokens"), &source.token_count);
    text_span *merges = read_spans(json_object_get(root, "merges"), &source.merge_count);
    int32_t *type_list = malloc((json_array_size(types) + 1) * sizeof *type_list);
    if (!type_list) exit(1);
    for (size_t i = 0; i < json_array_size(types); i++) type_list[i] = (int32_t)json_integer_value(json_array_get(types, i));
    source.tokens = tokens, source.merges = merges, source.types = json_array_size(types) ? type_list : NULL;
    tokenizer *t;
    stop_on(tokenizer_create_bpe(&t, &source));
    free(tokens), free(merges), free(type_list);
    return t;
}

static tokenizer *open_tokenizer(const char *path) {
    tokenizer *t;
    if (folder_exists(path)) {
        stop_on(tokenizer_load(&t, path));
        return t;
    }
    file_map map;
    stop_on(file_map_open(&map, path));
    size_t length = strlen(path);
    if (length > 12 && strcmp(path + length - 12, ".arrays.json") == 0) {
        json_t *root;
        stop_on(json_parse((const char *)map.bytes, map.size, path, &root));
        t = create_from_arrays(path, root);
        json_decref(root);
    } else {
        stop_on(tokenizer_create_json(&t, (const char *)map.bytes, map.size, path));
    }
    file_map_close(&map);
    return t;
}

static bool has_word(int count, char **words, const char *word) {
    for (int i = 0; i < count; i++)
        if (strcmp(words[i], word) == 0) return true;
    return false;
}

static void write_row(json_t *row) {
    buffer out = {0};
    stop_on(json_write(&out, row, 17));
    puts(buffer_text(&out));
    buffer_free(&out);
    json_decref(row);
}

static void encode_row(const tokenizer *t, const json_t *row, int count, char **words) {
    const json_t *text = json_object_get(row, "text");
    token_list ids = {0};
    size_t limit = SIZE_MAX;
    bool cut;
    for (int i = 0; i < count; i++)
        if (strncmp(words[i], "limit=", 6) == 0) limit = strtoul(words[i] + 6, NULL, 10);
    stop_on(tokenizer_encode_limited(t, json_string_value(text), json_string_length(text), has_word(count, words, "special"),
                                     has_word(count, words, "add"), limit, &ids, &cut));
    json_t *list = json_array();
    for (size_t i = 0; i < ids.count; i++) json_array_append_new(list, json_integer(ids.ids[i]));
    write_row(limit == SIZE_MAX ? json_pack("{s:o}", "ids", list) : json_pack("{s:o, s:b}", "ids", list, "cut", (int)cut));
    token_list_free(&ids);
}

static void decode_row(const tokenizer *t, const json_t *row, int count, char **words) {
    const json_t *list = json_object_get(row, "ids");
    token_list ids = {0};
    buffer text = {0}, hex = {0};
    for (size_t i = 0; i < json_array_size(list); i++)
        stop_on(token_list_append(&ids, (int32_t)json_integer_value(json_array_get(list, i))));
    stop_on(tokenizer_decode(t, ids.ids, ids.count, has_word(count, words, "skip"), &text));
    for (size_t i = 0; i < text.length; i++) stop_on(buffer_printf(&hex, "%02x", (unsigned char)text.data[i]));
    write_row(json_pack("{s:s}", "hex", buffer_text(&hex)));
    token_list_free(&ids);
    buffer_free(&text);
    buffer_free(&hex);
}

static void chat_row(const chat_template *chat, const json_t *row, int count, char **words) {
    const json_t *list = json_object_get(row, "messages");
    chat_message messages[64];
    chat_variable variables[16];
    size_t message_count = 0, variable_count = 0;
    for (; message_count < json_array_size(list) && message_count < 64; message_count++) {
        const json_t *message = json_array_get(list, message_count);
        messages[message_count] = (chat_message){json_string_value(json_object_get(message, "role")),
                                                 json_string_value(json_object_get(message, "content"))};
    }
    for (int i = 0; i < count && variable_count < 16; i++) {
        char *equals = strchr(words[i], '=');
        if (!equals) continue;
        *equals = 0;
        bool is_truth = strcmp(equals + 1, "true") == 0 || strcmp(equals + 1, "false") == 0;
        variables[variable_count++] = (chat_variable){words[i], is_truth ? NULL : equals + 1, strcmp(equals + 1, "true") == 0};
    }
    buffer out = {0};
    status code =
        chat_render_with(chat, messages, message_count, has_word(count, words, "generate"), variables, variable_count, &out);
    for (size_t i = 0; i < variable_count; i++) ((char *)variables[i].name)[strlen(variables[i].name)] = '=';
    write_row(code == STATUS_OK ? json_pack("{s:s}", "text", buffer_text(&out)) : json_pack("{s:s}", "error", status_message()));
    buffer_free(&out);
}

static void time_input(const tokenizer *t) {
    buffer text = {0};
    char chunk[65536];
    for (size_t got; (got = fread(chunk, 1, sizeof chunk, stdin)) > 0;) stop_on(buffer_append(&text, chunk, got));
    token_list ids = {0};
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    stop_on(tokenizer_encode(t, text.data, text.length, true, false, &ids));
    clock_gettime(CLOCK_MONOTONIC, &end);
    double seconds = (double)(end.tv_sec - start.tv_sec) + 1e-9 * (double)(end.tv_nsec - start.tv_nsec);
    printf("%zu bytes, %zu tokens, %.3f s, %.1f MB/s\n", text.length, ids.count, seconds, (double)text.length / 1e6 / seconds);
    token_list_free(&ids);
    buffer_free(&text);
}

int main(int count, char **words) {
    if (count < 3) {
        fprintf(stderr, "usage: %s TOKENIZER encode|decode|chat|save|time ...\n", words[0]);
        return 2;
    }
    tokenizer *t = open_tokenizer(words[1]);
    const char *what = words[2];
    if (strcmp(what, "save") == 0 && count == 4) {
        stop_on(folder_create(words[3]));
        stop_on(tokenizer_save(t, words[3]));
    } else if (strcmp(what, "time") == 0) {
        time_input(t);
    } else {
        chat_template *chat = NULL;
        if (strcmp(what, "chat") == 0 && tokenizer_chat_template(t))
            stop_on(chat_template_create(&chat, tokenizer_chat_template(t), tokenizer_bos_text(t), tokenizer_eos_text(t)));
        jsonl_reader reader;
        stop_on(jsonl_open(&reader, NULL));
        for (json_t *row;;) {
            stop_on(jsonl_next(&reader, &row));
            if (!row) break;
            if (strcmp(what, "encode") == 0) encode_row(t, row, count - 3, words + 3);
            if (strcmp(what, "decode") == 0) decode_row(t, row, count - 3, words + 3);
            if (chat) chat_row(chat, row, count - 3, words + 3);
            json_decref(row);
        }
        jsonl_close(&reader);
        chat_template_free(chat);
    }
    tokenizer_free(t);
    return 0;
}
