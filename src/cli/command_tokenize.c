// dsdr tokenize: texts to token ids and back, as the model's own tokenizer has it.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "cli/cli.h"
#include "cli/rows.h"
#include "model/language.h"

typedef struct converter {
    tokenizer *tokenizer;
    bool special, add, skip_special;
    token_list ids;
    buffer text, valid;
} converter;

static status encode_row(converter *c, json_t *row) {
    const json_t *text = json_object_get(row, "text");
    if (!json_is_string(text)) {
        rows_fail(row, "the row has no \"text\"");
        return STATUS_OK;
    }
    c->ids.count = 0;
    TRY(tokenizer_encode(c->tokenizer, json_string_value(text), json_string_length(text), c->special, c->add, &c->ids));
    json_t *ids = json_array();
    for (size_t i = 0; i < c->ids.count; i++) json_array_append_new(ids, json_integer(c->ids.ids[i]));
    if (json_object_set_new(row, "ids", ids) != 0) return status_set(STATUS_NO_MEMORY, "out of memory while writing token ids");
    return STATUS_OK;
}

static status decode_row(converter *c, json_t *row) {
    const json_t *ids = json_object_get(row, "ids");
    c->ids.count = 0;
    for (size_t i = 0; i < json_array_size(ids); i++) {
        const json_t *id = json_array_get(ids, i);
        if (!json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) > INT32_MAX) {
            rows_fail(row, "an entry of \"ids\" is no token id");
            return STATUS_OK;
        }
        TRY(token_list_append(&c->ids, (int32_t)json_integer_value(id)));
    }
    if (!json_is_array(ids)) {
        rows_fail(row, "the row has no \"ids\" (a list of token ids)");
        return STATUS_OK;
    }
    buffer_clear(&c->text), buffer_clear(&c->valid);
    status code = tokenizer_decode(c->tokenizer, c->ids.ids, c->ids.count, c->skip_special, &c->text);
    if (code == STATUS_INVALID) {
        rows_fail(row, NULL);
        return STATUS_OK;
    }
    TRY(code);
    TRY(text_make_valid(&c->valid, buffer_text(&c->text), c->text.length));
    if (json_object_set_new(row, "text", json_stringn(buffer_text(&c->valid), c->valid.length)) != 0)
        return status_set(STATUS_NO_MEMORY, "out of memory while writing a text");
    return STATUS_OK;
}

static status encode_rows(void *context, json_t **rows, size_t count) {
    for (size_t i = 0; i < count; i++) TRY(encode_row(context, rows[i]));
    return STATUS_OK;
}

static status decode_rows(void *context, json_t **rows, size_t count) {
    for (size_t i = 0; i < count; i++) TRY(decode_row(context, rows[i]));
    return STATUS_OK;
}

int command_tokenize(int argc, char **argv) {
    bool decode = false, plain = false, bare = false, skip_special = false, help;
    const cli_option options[] = {
        {"--decode", NULL, "the other way: rows with \"ids\" come back with \"text\"", NULL, &decode},
        {"--plain", NULL, "special tokens written out in a text are ordinary text", NULL, &plain},
        {"--bare", NULL, "add no tokens around a text (such as BOS, [CLS], [SEP])", NULL, &bare},
        {"--skip-special", NULL, "with --decode: leave special tokens out", NULL, &skip_special},
    };
    const cli_usage usage = {
        .command = "tokenize",
        .arguments = "MODEL [FILE.jsonl]",
        .help = "Turns texts into the token ids of a model, or ids into texts.",
        .detail = "MODEL is a Hugging Face folder or a GGUF file. Rows of FILE (none or -: standard input) hold \"text\" and "
                  "come back with\n"
                  "\"ids\", as transformers' tokenizer(text) gives them.\n",
        .options = options,
        .option_count = sizeof options / sizeof *options,
    };
    const char **rest = calloc((size_t)argc, sizeof *rest);
    if (!rest) return cli_finish("tokenize", status_set(STATUS_NO_MEMORY, "out of memory"));
    size_t rest_count;
    converter c = {0};
    status code = STATUS_OK;
    int exit_code = 0;
    TRY_OR(code, cli_parse(&usage, argc, argv, rest, &rest_count, &help), cleanup);
    if (help) goto cleanup;
    if (!rest_count) TRY_OR(code, status_set(STATUS_INVALID, "no model: dsdr tokenize MODEL [FILE.jsonl]"), cleanup);
    if (rest_count > 2) TRY_OR(code, status_set(STATUS_INVALID, "one file at most; %s is a second one", rest[2]), cleanup);
    c.special = !plain, c.add = !bare, c.skip_special = skip_special;
    TRY_OR(code, language_tokenizer_open(&c.tokenizer, rest[0]), cleanup);
    const rows_command rows = {.name = "tokenize",
                               .unit = "texts",
                               .digits = 17,
                               .batch = 64,
                               .work = decode ? decode_rows : encode_rows,
                               .context = &c};
    exit_code = rows_run(&rows, rest_count > 1 ? rest[1] : NULL);
cleanup:
    tokenizer_free(c.tokenizer);
    token_list_free(&c.ids);
    buffer_free(&c.text);
    buffer_free(&c.valid);
    free(rest);
    return code == STATUS_OK ? exit_code : cli_finish("tokenize", code);
}
