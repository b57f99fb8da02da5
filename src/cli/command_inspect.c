// `dsdr inspect MODEL`: what a model is, without loading it: configuration, tensors, tokenizer, template, the memory that it
// needs, and whether it can be trained on this machine. A folder of a sentence encoder is described as such.
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/jsonl.h"
#include "base/machine.h"
#include "cli/cli.h"
#include "model/encoder.h"
#include "model/language.h"
#include "run/options.h"
#include "run/plan.h"
#include "run/settings.h"

static const char detail[] =
    "MODEL is a Hugging Face folder, a GGUF file, or a folder of a sentence encoder. Memory is that of "
    "the default lengths\n(data.max_prompt_length, data.max_response_length, actor_rollout_ref.rollout.n).\n";

// What is told: an object of objects, in order; texts, numbers and lists of texts.
typedef struct report {
    json_t *root;
} report;

static json_t *section(report *r, const char *name) {
    json_t *object = json_object_get(r->root, name);
    if (object) return object;
    json_object_set_new(r->root, name, json_object());
    return json_object_get(r->root, name);
}

static void put_text(json_t *o, const char *key, const char *text) {
    json_object_set_new(o, key, text ? json_string(text) : json_null());
}
static void put_count(json_t *o, const char *key, size_t count) { json_object_set_new(o, key, json_integer((json_int_t)count)); }

// ---- what is told --------------------------------------------------------------------------------------------------------

static void tell_config(report *r, const model_config *c) {
    json_t *o = section(r, "config");
    put_text(o, "architecture", c->architecture);
    put_count(o, "layers", c->layers);
    put_count(o, "hidden", c->hidden);
    put_count(o, "heads", c->heads);
    put_count(o, "kv_heads", c->kv_heads);
    put_count(o, "head_width", c->head_width);
    put_count(o, "feed_forward", c->feed_forward);
    put_count(o, "vocabulary", c->vocabulary);
    put_count(o, "positions", c->max_positions);
    json_object_set_new(o, "rope_theta", json_number(c->rope_theta));
    put_text(o, "rope_scaling",
             c->rope_scaling.kind == ROPE_PLAIN    ? "none"
             : c->rope_scaling.kind == ROPE_LINEAR ? "linear"
                                                   : "llama3");
    json_object_set_new(o, "norm_eps", json_number(c->norm_eps));
    json_object_set_new(o, "tied_head", json_boolean(c->tied));
    json_object_set_new(o, "qkv_bias", json_boolean(c->qkv_bias));
    json_object_set_new(o, "qk_norm", json_boolean(c->qk_norm));
}

static void tell_tensors(report *r, const weights_file *file, const parameter_table *table) {
    json_t *o = section(r, "tensors"), *types = json_object();
    size_t bytes = 0;
    for (size_t i = 0; i < weights_count(file); i++) {
        const weights_tensor *t = weights_at(file, i);
        json_int_t before = json_integer_value(json_object_get(types, t->dtype_name));
        json_object_set_new(types, t->dtype_name, json_integer(before + 1));
        bytes += t->bytes;
    }
    put_text(o, "format", weights_file_format(file) == WEIGHTS_GGUF ? "GGUF" : "safetensors");
    put_count(o, "count", weights_count(file));
    json_object_set_new(o, "types", types);
    put_count(o, "bytes", bytes);
    if (table) put_count(o, "parameters", parameter_table_numbers(table));
}

// A token as it is written, with its id.
static void put_token(json_t *o, const char *key, const tokenizer *t, int32_t id) {
    size_t length = 0;
    const char *bytes = id >= 0 ? tokenizer_token_bytes(t, id, &length) : NULL;
    buffer text = {0};
    if (bytes && text_make_valid(&text, bytes, length) == STATUS_OK && buffer_printf(&text, " (%d)", (int)id) == STATUS_OK)
        put_text(o, key, text.data);
    else
        put_text(o, key, NULL);
    buffer_free(&text);
}

static void cannot_train(report *r, const char *reason) {
    json_t *verdict = section(r, "training");
    json_object_set_new(verdict, "possible", json_false());
    put_text(verdict, "reason", reason);
}

static void tell_tokenizer(report *r, const char *path, const model_config *c) {
    json_t *o = section(r, "tokenizer");
    tokenizer *t;
    if (language_tokenizer_open(&t, path) != STATUS_OK) {
        put_text(o, "error", status_message());
        cannot_train(r, status_message());
        return;
    }
    put_count(o, "tokens", tokenizer_vocabulary_size(t));
    if (tokenizer_vocabulary_size(t) > c->vocabulary) cannot_train(r, "the tokenizer has more tokens than the model");
    put_token(o, "bos", t, tokenizer_bos(t));
    put_token(o, "eos", t, tokenizer_eos(t));
    put_token(o, "pad", t, tokenizer_pad(t));
    size_t count;
    const int32_t *stops = tokenizer_stop_tokens(t, &count);
    json_t *list = json_array(), *own = json_object();
    for (size_t i = 0; i < c->stop_count + count; i++) {
        int32_t id = i < c->stop_count ? c->stop[i] : stops[i - c->stop_count];
        char key[16];
        snprintf(key, sizeof key, "%d", (int)id);
        if (json_object_get(own, key)) continue;
        put_token(own, key, t, id);
        json_array_append(list, json_object_get(own, key));
    }
    json_decref(own);
    json_object_set_new(o, "end_tokens", list);
    const char *jinja = tokenizer_chat_template(t);
    chat_template *chat = NULL;
    if (!jinja)
        put_text(o, "chat_template", NULL);
    else if (chat_template_create(&chat, jinja, tokenizer_bos_text(t), tokenizer_eos_text(t)) == STATUS_OK)
        put_text(o, "chat_template", "understood");
    else
        put_text(o, "chat_template", status_message());
    chat_template_free(chat);
    tokenizer_free(t);
}

// As a run of the default settings would have it.
static status tell_memory(report *r, const model_config *c, const parameter_table *table) {
    static const char *const without_encoder[] = {"algorithm.method=grpo"};
    json_t *o = section(r, "memory");
    settings s;
    matmul *products = NULL;
    memory_plan plan;
    TRY(settings_load(&s, NULL, without_encoder, 1));
    status code = matmul_create(&products, options_precision(&s), options_threads(&s), false);
    if (code == STATUS_OK) {
        const language_model lm = {.model = {.config = *c, .table = *table, .products = products}};
        const plan_subject subject = {.settings = &s, .lm = &lm, .longest_prompt = (size_t)s.data.max_prompt_length};
        code = memory_plan_make(&plan, &subject);
    }
    if (code == STATUS_OK) {
        size_t model = model_bytes(c, table, products, false);
        put_text(o, "precision", precision_name(matmul_precision(products)));
        put_count(o, "model_bytes", model);
        put_count(o, "generation_bytes", model + plan.sampling_bytes);
        put_count(o, "training_bytes", memory_plan_peak(&plan));
        put_count(o, "machine_bytes", machine_memory());
        if (memory_plan_peak(&plan) > machine_memory()) cannot_train(r, "training needs more memory than this machine has");
    }
    matmul_free(products);
    settings_free(&s);
    return code;
}

static status inspect_language_model(report *r, const char *path) {
    weights_file *file;
    model_config c;
    parameter_table table;
    TRY(weights_open(&file, path));
    status code = model_check(file, path, &c, &table);
    if (code == STATUS_OK) {
        tell_config(r, &c);
        tell_tensors(r, file, &table);
        tell_tokenizer(r, path, &c);
        code = tell_memory(r, &c, &table);
        if (code == STATUS_OK && !json_object_get(r->root, "training"))
            json_object_set_new(section(r, "training"), "possible", json_true());
        parameter_table_free(&table);
    } else {
        tell_tensors(r, file, NULL);
        cannot_train(r, status_message());
    }
    weights_close(file);
    return code;
}

// ---- sentence encoders ---------------------------------------------------------------------------------------------------

static bool is_encoder(const char *path) {
    char *name = path_join(path, "config.json");
    file_map map = {0};
    json_t *config = NULL;
    if (name && file_exists(name) && file_map_open(&map, name) == STATUS_OK) {
        json_parse((const char *)map.bytes, map.size, name, &config);
        file_map_close(&map);
    }
    const char *type = json_string_value(json_object_get(config, "model_type"));
    bool is = type && strcmp(type, "bert") == 0;
    json_decref(config);
    free(name);
    return is;
}

static status inspect_encoder(report *r, const char *path) {
    matmul *products;
    encoder *e;
    TRY(matmul_create(&products, PRECISION_FLOAT32, 1, false));
    status code = encoder_open(&e, products, path, 1);
    if (code == STATUS_OK) {
        json_t *o = section(r, "encoder");
        put_count(o, "width", encoder_width(e));
        put_count(o, "word_pieces", encoder_limit(e));
        put_count(o, "memory_bytes", encoder_memory(e));
        encoder_close(e);
    }
    matmul_free(products);
    return code;
}

// ---- showing -------------------------------------------------------------------------------------------------------------

// 134,515,008, and for bytes "(0.8 GiB)" or "(97 MiB)" behind it.
static void print_number(const char *key, json_int_t number) {
    char digits[32], text[48] = "";
    int length = snprintf(digits, sizeof digits, "%lld", (long long)number);
    for (int i = 0, at = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0) text[at++] = ',';
        text[at++] = digits[i], text[at] = 0;
    }
    printf("%s", text);
    size_t name = strlen(key);
    if (name < 5 || strcmp(key + name - 5, "bytes") != 0) return;
    if (number >= 1 << 30)
        printf(" (%.1f GiB)", (double)number / (1 << 30));
    else
        printf(" (%.1f MiB)", (double)number / (1 << 20));
}

static void print_value(const char *key, const json_t *value) {
    size_t i;
    const json_t *item;
    const char *name;
    json_t *inner;
    bool first = true;
    if (json_is_string(value)) {
        printf("%s", json_string_value(value));
    } else if (json_is_integer(value)) {
        print_number(key, json_integer_value(value));
    } else if (json_is_real(value)) {
        printf("%g", json_real_value(value));
    } else if (json_is_boolean(value)) {
        printf("%s", json_is_true(value) ? "yes" : "no");
    } else if (json_is_array(value)) {
        json_array_foreach(value, i, item) printf("%s%s", i ? ", " : "", json_string_value(item) ? json_string_value(item) : "?");
    } else if (json_is_object(value)) {
        json_object_foreach((json_t *)value, name, inner) {
            printf("%s%s %lld", first ? "" : ", ", name, (long long)json_integer_value(inner));
            first = false;
        }
    } else {
        printf("none");
    }
}

static status show(const report *r, bool json) {
    if (json) {
        buffer line = {0};
        status code = json_write(&line, r->root, 17);
        if (code == STATUS_OK) printf("%s\n", line.data);
        buffer_free(&line);
        return code;
    }
    const char *name, *key;
    json_t *object, *value;
    json_object_foreach(r->root, name, object) {
        printf("%s\n", name);
        json_object_foreach(object, key, value) {
            printf("  %-18s ", key);
            print_value(key, value);
            printf("\n");
        }
    }
    return STATUS_OK;
}

int command_inspect(int argc, char **argv) {
    bool help, json = false;
    const cli_option options[] = {{"--json", NULL, "one JSON object", NULL, &json}};
    const cli_usage usage = {.command = "inspect",
                             .arguments = "MODEL [--json]",
                             .help = "Describes a model and says whether it can be trained here.",
                             .detail = detail,
                             .options = options,
                             .option_count = sizeof options / sizeof *options};
    const char **rest = calloc((size_t)argc + 1, sizeof *rest);
    report r = {.root = json_object()};
    size_t rest_count;
    status code = rest && r.root ? STATUS_OK : status_set(STATUS_NO_MEMORY, "out of memory");
    if (code != STATUS_OK) goto cleanup;
    TRY_OR(code, cli_parse(&usage, argc, argv, rest, &rest_count, &help), cleanup);
    if (help) goto cleanup;
    if (rest_count != 1) TRY_OR(code, status_set(STATUS_INVALID, "one model, as in: dsdr inspect MODEL"), cleanup);
    code = is_encoder(rest[0]) ? inspect_encoder(&r, rest[0]) : inspect_language_model(&r, rest[0]);
    // What was found out before a failure is told as well. Showing it must not change the message.
    if (json_object_size(r.root) > 0) {
        status shown = show(&r, json);
        if (code == STATUS_OK) code = shown;
    }
cleanup:
    json_decref(r.root);
    free(rest);
    return cli_finish("inspect", code);
}
