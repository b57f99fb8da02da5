// dsdr generate: one answer, or a conversation line by line; the text appears as it is generated.
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "model/language.h"
#include "rollout/generator.h"
#include "rollout/group_set.h"
#include "run/open_model.h"

static const char detail[] =
    "MODEL is a Hugging Face folder or a GGUF file. With --prompt one answer is written and the program ends; without, each "
    "line\n"
    "of standard input is a message of one conversation, rendered with the model's chat template from its beginning every time;\n"
    "the line /new begins a new one. Standard output holds the text of answers alone, each followed by one newline.\n"
    "The default is greedy in float32. In --stop, \\n, \\t and \\\\ stand for newline, tab and backslash.\n";

typedef struct request {
    const char *model, *prompt, *system, *max_tokens, *temperature, *top_p, *top_k, *seed, *stop, *threads, *precision;
    bool raw;
} request;

// ---- options -------------------------------------------------------------------------------------------------------------

static status read_number(const char *option, const char *text, double low, double high, bool whole, double *value) {
    if (!text) return STATUS_OK;
    char *end;
    errno = 0;
    double x = strtod(text, &end);
    if (!*text || *end || errno || !(x >= low && x <= high) || (whole && x != floor(x)))
        return status_set(STATUS_INVALID, "%s is %s; it has to be a %snumber from %g to %g", option, text, whole ? "whole " : "",
                          low, high);
    *value = x;
    return STATUS_OK;
}

// Replaces \n, \t and \\ in place; anything else behind a backslash stays as it is.
static char *unescape(const char *text) {
    char *out = text_copy(text, strlen(text));
    if (!out) return NULL;
    char *to = out;
    for (const char *at = text; *at; at++) {
        const char *found = *at == '\\' && at[1] ? strchr("n\nt\t\\\\", at[1]) : NULL;
        if (found && (found[0] == 'n' || found[0] == 't' || found[0] == '\\')) {
            *to++ = found[1];
            at++;
        } else {
            *to++ = *at;
        }
    }
    *to = 0;
    return out;
}

static status read_options(const request *r, sampling *how) {
    double max_tokens = 512, temperature = 0, top_p = 1, top_k = 0, seed = 1;
    TRY(read_number("--max-tokens", r->max_tokens, 1, 1e6, true, &max_tokens));
    TRY(read_number("--temperature", r->temperature, 0, 100, false, &temperature));
    TRY(read_number("--top-p", r->top_p, 1e-6, 1, false, &top_p));
    TRY(read_number("--top-k", r->top_k, 0, 1e6, true, &top_k));
    TRY(read_number("--seed", r->seed, 0, 9007199254740991.0, true, &seed));
    if (r->stop && !*r->stop) return status_set(STATUS_INVALID, "--stop is empty, which would end every answer at once");
    if (r->raw && r->system) return status_set(STATUS_INVALID, "--system needs the chat template, which --raw leaves out");
    if (r->raw && !r->prompt) return status_set(STATUS_INVALID, "--raw completes one text: give --prompt TEXT");
    *how = (sampling){.seed = (uint64_t)seed,
                      .purpose = RANDOM_SAMPLE_EVAL,
                      .temperature = (float)temperature,
                      .top_p = top_p,
                      .top_k = (size_t)top_k,
                      .longest_response = (size_t)max_tokens};
    return STATUS_OK;
}

// Threads and precision in the form in which models are opened.
static status load_settings(settings *s, const request *r) {
    char threads[128], precision[128];
    snprintf(threads, sizeof threads, "trainer.threads=%s", r->threads ? r->threads : "0");
    snprintf(precision, sizeof precision, "trainer.precision=%s", r->precision ? r->precision : "float32");
    const char *assignments[] = {threads, precision};
    return settings_load(s, NULL, assignments, 2);
}

// ---- text as it comes ----------------------------------------------------------------------------------------------------

// What was generated and how much of it has been written. Bytes that may still become part of a character or of a stop text are
// held back.
typedef struct stream {
    buffer bytes;
    size_t taken;   // of `bytes`
    size_t written; // bytes of valid text
    const char *stop;
    bool failed;
} stream;

static size_t open_stop(const char *bytes, size_t length, const char *stop) {
    size_t longest = stop ? strlen(stop) - 1 : 0;
    for (size_t n = longest < length ? longest : length; n > 0; n--)
        if (!memcmp(bytes + length - n, stop, n)) return n;
    return 0;
}

static void write_bytes(void *context, const char *bytes, size_t length) {
    stream *out = context;
    if (buffer_append(&out->bytes, bytes, length) != STATUS_OK) {
        out->failed = true;
        return;
    }
    const char *from = out->bytes.data + out->taken;
    size_t ready = out->bytes.length - out->taken;
    ready -= open_stop(from, ready, out->stop);
    ready -= text_open_bytes(from, ready);
    buffer valid = {0};
    if (text_make_valid(&valid, from, ready) != STATUS_OK) out->failed = true;
    fwrite(buffer_text(&valid), 1, valid.length, stdout);
    fflush(stdout);
    out->taken += ready, out->written += valid.length;
    buffer_free(&valid);
}

// ---- one answer ----------------------------------------------------------------------------------------------------------

// The messages of a conversation, with what they cost to render again.
typedef struct conversation {
    chat_message *messages;
    char **owned; // [count] their texts
    size_t count, capacity;
} conversation;

static status say(conversation *c, const char *role, const char *content, size_t length) {
    if (c->count == c->capacity) {
        size_t grown = c->capacity ? 2 * c->capacity : 16;
        chat_message *messages = realloc(c->messages, grown * sizeof *messages);
        if (messages) c->messages = messages;
        char **owned = messages ? realloc(c->owned, grown * sizeof *owned) : NULL;
        if (!owned) return status_set(STATUS_NO_MEMORY, "out of memory");
        c->owned = owned, c->capacity = grown;
    }
    buffer valid = {0};
    TRY(text_make_valid(&valid, content, length));
    char *text = valid.data ? valid.data : text_copy("", 0);
    if (!text) return status_set(STATUS_NO_MEMORY, "out of memory");
    c->owned[c->count] = text;
    c->messages[c->count++] = (chat_message){role, text};
    return STATUS_OK;
}

static void forget(conversation *c, size_t keep) {
    while (c->count > keep) free(c->owned[--c->count]);
}

typedef struct chat {
    const request *request;
    language_model lm;
    chat_template *template; // NULL with --raw
    sampling how;
    conversation said;
    token_list prompt;
    uint64_t turns;
} chat;

static status render(chat *c) {
    buffer text = {0};
    c->prompt.count = 0;
    status code = chat_render(c->template, c->said.messages, c->said.count, true, &text);
    if (code == STATUS_OK) code = tokenizer_encode(c->lm.tokenizer, buffer_text(&text), text.length, true, false, &c->prompt);
    buffer_free(&text);
    return code;
}

// Generates behind c->prompt and writes what appears; *answer (fresh, of *length bytes) is the whole of it.
static status answer(chat *c, char **text, size_t *length) {
    size_t room = c->lm.model.config.max_positions, most = c->how.longest_response;
    *text = NULL;
    if (c->prompt.count == 0) return status_set(STATUS_INVALID, "the prompt has no tokens");
    if (room > 0 && c->prompt.count >= room)
        return status_set(STATUS_INVALID,
                          "the prompt has %zu tokens and the model was made for %zu positions; /new forgets a conversation",
                          c->prompt.count, room);
    sampling how = c->how;
    if (room > 0 && c->prompt.count + most > room) how.longest_response = room - c->prompt.count;
    generator_options options = {
        .rows = 1, .longest_prompt = c->prompt.count, .longest_response = how.longest_response, .prompt_tokens = 0};
    generator *g;
    group_set set = {0};
    stream out = {.stop = how.stop_count ? how.stop_strings[0] : NULL};
    TRY(generator_create(&g, &c->lm.model, c->lm.tokenizer, &options, NULL));
    status code = group_set_create(&set, 1, 1, c->prompt.count, how.longest_response);
    if (code == STATUS_OK) {
        group *one = set.groups;
        one->serial = c->turns++;
        one->prompt_length = c->prompt.count;
        memcpy(one->prompt_tokens, c->prompt.ids, c->prompt.count * sizeof *c->prompt.ids);
        code = generator_run_streaming(g, one, &how, write_bytes, &out);
        if (code == STATUS_OK) code = generator_write_texts(g, one, 1);
    }
    if (code == STATUS_OK) {
        rollout *response = &set.groups->rollouts[0];
        *length = response->text_length;
        *text = text_copy(response->text ? response->text : "", response->text_length);
        if (!*text || out.failed) code = status_set(STATUS_NO_MEMORY, "out of memory");
        if (code == STATUS_OK && out.written < *length) fwrite(*text + out.written, 1, *length - out.written, stdout);
        fputc('\n', stdout);
        if ((fflush(stdout) != 0 || ferror(stdout)) && code == STATUS_OK)
            code = status_set(STATUS_IO, "cannot write to standard output");
    }
    buffer_free(&out.bytes);
    group_set_free(&set);
    generator_free(g);
    return code;
}

static status begin(chat *c) {
    forget(&c->said, 0);
    return c->request->system ? say(&c->said, "system", c->request->system, strlen(c->request->system)) : STATUS_OK;
}

// One message of the user and the model's answer, both kept in the conversation.
static status turn(chat *c, const char *message, size_t length) {
    char *text = NULL;
    size_t size, before = c->said.count;
    status code = say(&c->said, "user", message, length);
    if (code == STATUS_OK) code = render(c);
    if (code == STATUS_OK) code = answer(c, &text, &size);
    if (code == STATUS_OK) code = say(&c->said, "assistant", text, size);
    if (code != STATUS_OK) forget(&c->said, before);
    free(text);
    return code;
}

static status complete(chat *c) {
    const prompt_options as_it_is = {.prompt_template = "{problem}"};
    char *text = NULL;
    size_t length;
    TRY(language_model_prompt(&c->lm, &as_it_is, c->request->prompt, &c->prompt, NULL, NULL));
    status code = answer(c, &text, &length);
    free(text);
    return code;
}

static status converse(chat *c) {
    bool terminal = isatty(STDIN_FILENO) == 1;
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length;
    status code = begin(c);
    while (code == STATUS_OK) {
        if (terminal) fputs("> ", stderr);
        if ((length = getline(&line, &capacity, stdin)) < 0) break;
        if (length > 0 && line[length - 1] == '\n') length--;
        if (length == 0) continue;
        if (length == 4 && !memcmp(line, "/new", 4)) {
            code = begin(c);
            continue;
        }
        code = turn(c, line, (size_t)length);
        if (code == STATUS_INVALID && terminal) { // such as a conversation that is too long: a person can go on
            cli_finish("generate", code);
            code = STATUS_OK;
        }
    }
    if (terminal) fputs("\n", stderr);
    free(line);
    return code;
}

static status run(const request *r, const settings *s, const sampling *how) {
    chat c = {.request = r, .how = *how};
    matmul *products = NULL;
    char *stop = NULL;
    const char *stops[1];
    status code = run_open_model(&products, &c.lm, s, r->model, false);
    if (code != STATUS_OK) return code;
    cli_print_products(products);
    if (r->stop) {
        stop = unescape(r->stop);
        stops[0] = stop;
        c.how.stop_strings = stops, c.how.stop_count = 1;
        if (!stop) TRY_OR(code, status_set(STATUS_NO_MEMORY, "out of memory"), cleanup);
    }
    c.how.end_tokens = c.lm.stop_tokens, c.how.end_count = c.lm.stop_count;
    if (!r->raw) {
        const char *jinja = tokenizer_chat_template(c.lm.tokenizer);
        if (!jinja)
            TRY_OR(
                code,
                status_set(STATUS_INVALID, "%s has no chat template; --raw --prompt TEXT completes a text without one", r->model),
                cleanup);
        TRY_OR(code,
               chat_template_create(&c.template, jinja, tokenizer_bos_text(c.lm.tokenizer), tokenizer_eos_text(c.lm.tokenizer)),
               cleanup);
    }
    if (r->raw) {
        code = complete(&c);
    } else if (r->prompt) {
        code = begin(&c);
        if (code == STATUS_OK) code = turn(&c, r->prompt, strlen(r->prompt));
    } else {
        code = converse(&c);
    }
cleanup:
    forget(&c.said, 0);
    free(c.said.messages), free(c.said.owned), free(stop);
    token_list_free(&c.prompt);
    chat_template_free(c.template);
    language_model_close(&c.lm);
    matmul_free(products);
    return code;
}

int command_generate(int argc, char **argv) {
    request r = {0};
    bool help;
    const cli_option options[] = {
        {"--prompt", "TEXT", "one message or text to answer; without it, a conversation on standard input", &r.prompt, NULL},
        {"--raw", NULL, "complete the prompt as it is, without the chat template", NULL, &r.raw},
        {"--system", "TEXT", "the system message", &r.system, NULL},
        {"--max-tokens", "N", "longest answer in tokens (512)", &r.max_tokens, NULL},
        {"--temperature", "T", "0: the most likely token each time (0)", &r.temperature, NULL},
        {"--top-p", "P", "sample from the most likely tokens with this much probability (1: all)", &r.top_p, NULL},
        {"--top-k", "K", "sample from so many most likely tokens (0: all)", &r.top_k, NULL},
        {"--seed", "S", "of sampling (1)", &r.seed, NULL},
        {"--stop", "TEXT", "ends an answer and is not part of it", &r.stop, NULL},
        {"--threads", "N", "threads (0: one a core)", &r.threads, NULL},
        {"--precision", "WORD", "float32, bfloat16 or auto (float32)", &r.precision, NULL},
    };
    const cli_usage usage = {.command = "generate",
                             .arguments = "MODEL [--prompt TEXT]",
                             .help = "Talks with a model, or lets it complete a text.",
                             .detail = detail,
                             .options = options,
                             .option_count = sizeof options / sizeof *options};
    const char **rest = calloc((size_t)argc + 1, sizeof *rest);
    if (!rest) return cli_finish("generate", status_set(STATUS_NO_MEMORY, "out of memory"));
    size_t rest_count;
    settings s = {0};
    sampling how;
    status code = cli_parse(&usage, argc, argv, rest, &rest_count, &help);
    if (code != STATUS_OK || help) goto cleanup;
    if (rest_count != 1)
        TRY_OR(code,
               status_set(STATUS_INVALID,
                          rest_count ? "one model, but there is also %s; a prompt is given with --prompt TEXT"
                                     : "no model: dsdr generate MODEL [--prompt TEXT]%s",
                          rest_count ? rest[1] : ""),
               cleanup);
    r.model = rest[0];
    TRY_OR(code, read_options(&r, &how), cleanup);
    TRY_OR(code, load_settings(&s, &r), cleanup);
    code = run(&r, &s, &how);
cleanup:
    settings_free(&s);
    free(rest);
    return cli_finish("generate", code);
}
