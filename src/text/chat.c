// Chat templates: the variables of apply_chat_template around the template language. See chat.h and jinja.h.
#include "text/chat.h"

#include <stdlib.h>
#include <string.h>

#include "text/jinja.h"
#include "text/unicode.h"

struct chat_template {
    char *source;
    jinja_pool pool; // holds the tree
    jinja_node *root;
    char *bos, *eos;
};

// Line ends of other systems become \n before anything else, as Jinja has it; broken UTF-8 becomes U+FFFD.
static char *copy_source(const char *jinja) {
    buffer valid = {0};
    if (buffer_reserve(&valid, 1) != STATUS_OK || unicode_repair(&valid, jinja, strlen(jinja)) != STATUS_OK) {
        buffer_free(&valid);
        return NULL;
    }
    char *to = valid.data;
    for (const char *from = valid.data; *from; from++) {
        if (*from == '\r' && from[1] == '\n') continue;
        *to++ = *from == '\r' ? '\n' : *from;
    }
    *to = 0;
    return valid.data;
}

static status put(jinja_pool *pool, jinja_map *map, const char *name, jinja_value value) {
    return jinja_put(pool, map, (text_span){name, strlen(name)}, value);
}

// A text from outside; the template language relies on valid UTF-8.
static status put_text(jinja_pool *pool, jinja_map *map, const char *name, const char *text) {
    size_t length = strlen(text);
    if (unicode_is_valid(text, length)) return put(pool, map, name, jinja_text(text, length));
    buffer valid = {0};
    status code = unicode_repair(&valid, text, length);
    char *copy = code == STATUS_OK ? jinja_take(pool, valid.length + 1) : NULL;
    if (copy) memcpy(copy, valid.data, valid.length);
    if (code == STATUS_OK)
        code = copy ? put(pool, map, name, jinja_text(copy, valid.length))
                    : status_set(STATUS_NO_MEMORY, "no memory for the messages");
    buffer_free(&valid);
    return code;
}

static status describe_messages(jinja_pool *pool, const chat_message *messages, size_t count, jinja_value *out) {
    TRY(jinja_new_list(pool, count, out));
    for (size_t i = 0; i < count; i++) {
        jinja_value message = {.kind = JINJA_MAP, .map = jinja_new_map(pool)};
        if (!message.map) return status_set(STATUS_NO_MEMORY, "no memory for the messages");
        TRY(put_text(pool, message.map, "role", messages[i].role));
        TRY(put_text(pool, message.map, "content", messages[i].content));
        out->list->items[i] = message;
    }
    return STATUS_OK;
}

// A token that the tokenizer does not have is no variable either.
static status render(const chat_template *t, jinja_pool *pool, const chat_message *messages, size_t count,
                     bool add_generation_prompt, const chat_variable *variables, size_t variable_count, buffer *out) {
    jinja_map *map = jinja_new_map(pool);
    jinja_value list, none = {.kind = JINJA_NONE};
    if (!map) return status_set(STATUS_NO_MEMORY, "no memory for the messages");
    TRY(describe_messages(pool, messages, count, &list));
    TRY(put(pool, map, "messages", list));
    TRY(put(pool, map, "tools", none));
    TRY(put(pool, map, "documents", none));
    TRY(put(pool, map, "add_generation_prompt", jinja_bool(add_generation_prompt)));
    if (*t->bos) TRY(put_text(pool, map, "bos_token", t->bos));
    if (*t->eos) TRY(put_text(pool, map, "eos_token", t->eos));
    for (size_t i = 0; i < variable_count; i++) {
        const chat_variable *v = &variables[i];
        TRY(v->text ? put_text(pool, map, v->name, v->text) : put(pool, map, v->name, jinja_bool(v->truth)));
    }
    return jinja_run(t->root, pool, map, out);
}

status chat_render_with(const chat_template *t, const chat_message *messages, size_t count, bool add_generation_prompt,
                        const chat_variable *variables, size_t variable_count, buffer *out) {
    jinja_pool pool = {0};
    size_t before = out->length;
    status code = render(t, &pool, messages, count, add_generation_prompt, variables, variable_count, out);
    if (code != STATUS_OK && out->data) out->length = before, out->data[before] = 0;
    jinja_pool_free(&pool);
    return status_context(code, "chat template");
}

status chat_render(const chat_template *t, const chat_message *messages, size_t count, bool add_generation_prompt, buffer *out) {
    return chat_render_with(t, messages, count, add_generation_prompt, NULL, 0, out);
}

// A question alone and one behind a system message. A template may refuse either (some take no system message); what it must not
// do is reach for something that is not implemented.
static status try_out(const chat_template *t) {
    const chat_message messages[] = {{"system", "a"}, {"user", "b"}};
    for (int first = 0; first < 2; first++) {
        buffer out = {0};
        status code = chat_render(t, messages + first, 2 - (size_t)first, true, &out);
        buffer_free(&out);
        if (code == STATUS_UNSUPPORTED || code == STATUS_LIMIT || code == STATUS_NO_MEMORY || code == STATUS_FAILED) return code;
    }
    return STATUS_OK;
}

status chat_template_create(chat_template **out, const char *jinja, const char *bos, const char *eos) {
    *out = NULL;
    chat_template *t = calloc(1, sizeof *t);
    if (!t) return status_set(STATUS_NO_MEMORY, "no memory for a chat template");
    t->source = copy_source(jinja);
    t->bos = text_copy(bos, strlen(bos));
    t->eos = text_copy(eos, strlen(eos));
    status code = t->source && t->bos && t->eos ? STATUS_OK : status_set(STATUS_NO_MEMORY, "no memory for a chat template");
    if (code == STATUS_OK) code = jinja_parse(&t->pool, t->source, strlen(t->source), &t->root);
    if (code == STATUS_OK) code = try_out(t);
    if (code != STATUS_OK) {
        chat_template_free(t);
        size_t shown = strlen(jinja);
        return status_context(code, "the chat template that begins with \"%.*s\" is not supported",
                              (int)(shown < 80 ? shown : 80), jinja);
    }
    *out = t;
    return STATUS_OK;
}

void chat_template_free(chat_template *t) {
    if (!t) return;
    jinja_pool_free(&t->pool);
    free(t->source);
    free(t->bos);
    free(t->eos);
    free(t);
}
