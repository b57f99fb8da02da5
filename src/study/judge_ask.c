// What the judge is asked: the prompt with a problem and its responses, as a request. See judge.h.
#include <jansson.h>
#include <string.h>

#include "base/jsonl.h"
#include "base/random.h"
#include "study/judge_parts.h"
#include "tasks/tasks.h"

// The order in which the responses to a problem are shown: the same for every method.
static void shuffle(judge *j, const judge_problem *p, int repeat) {
    uint64_t seed = (uint64_t)j->options.settings->trainer.seed, which = tasks_hash_text(p->source) * 31 + tasks_hash_text(p->id);
    size_t n = j->samples.n;
    for (size_t i = 0; i < n; i++) j->shuffled[i] = i;
    for (size_t i = n; i-- > 1;) {
        size_t k = (size_t)random_below(seed, RANDOM_JUDGE, which, (uint32_t)repeat, (uint32_t)i, i + 1), held = j->shuffled[i];
        j->shuffled[i] = j->shuffled[k], j->shuffled[k] = held;
    }
}

static status put_responses(judge *j, const judge_request *r, size_t *shown, size_t *cut) {
    size_t limit = (size_t)j->options.settings->judge.response_limit;
    shuffle(j, &j->samples.problems[r->problem], r->repeat);
    for (size_t i = 0; i < j->samples.n; i++) {
        TRY(judge_samples_read(&j->samples, r->evaluation, r->problem, j->shuffled[i], &j->text));
        size_t length = j->text.length;
        if (length > limit)
            for (length = limit; length > 0 && ((unsigned char)j->text.data[length] & 0xC0) == 0x80;) length--;
        TRY(buffer_printf(&j->filled, "%s[response %zu]\n", i ? "\n\n" : "", i + 1));
        TRY(buffer_append(&j->filled, buffer_text(&j->text), length));
        if (length < j->text.length) TRY(buffer_append_text(&j->filled, " [cut here]"));
        *shown += 1, *cut += length < j->text.length;
    }
    return STATUS_OK;
}

// The prompt with its places filled; what is filled in is not looked at again.
static status fill(judge *j, const judge_request *r, size_t *shown, size_t *cut) {
    static const char problem[] = "{problem}", responses[] = "{responses}";
    const char *text = j->samples.problems[r->problem].text, *at = buffer_text(&j->prompt);
    buffer_clear(&j->filled);
    for (const char *brace; (brace = strchr(at, '{'));) {
        TRY(buffer_append(&j->filled, at, (size_t)(brace - at)));
        if (!strncmp(brace, problem, strlen(problem))) {
            TRY(buffer_append_text(&j->filled, text ? text : "(not given)"));
            at = brace + strlen(problem);
        } else if (!strncmp(brace, responses, strlen(responses))) {
            TRY(put_responses(j, r, shown, cut));
            at = brace + strlen(responses);
        } else {
            TRY(buffer_append_byte(&j->filled, '{'));
            at = brace + 1;
        }
    }
    return buffer_append_text(&j->filled, at);
}

status judge_write_request(judge *j, const judge_request *r, buffer *body, size_t *shown, size_t *cut) {
    const settings *s = j->options.settings;
    TRY(fill(j, r, shown, cut));
    buffer valid = {0};
    TRY(text_make_valid(&valid, buffer_text(&j->filled), j->filled.length));
    json_t *root = json_pack("{s:s, s:[{s:s, s:s%}], s:i, s:I, s:b}", "model", s->judge.model, "messages", "role", "user",
                             "content", buffer_text(&valid), valid.length, "temperature", 0, "max_tokens",
                             (json_int_t)s->judge.max_tokens, "stream", 0);
    buffer_free(&valid);
    if (!root) return status_set(STATUS_INVALID, "judge.model %s is no text that JSON can hold", s->judge.model);
    buffer_clear(body);
    status code = json_write(body, root, 17);
    json_decref(root);
    return code;
}

status judge_name_request(judge *j, judge_request *r, const buffer *body) {
    const char *url = j->options.settings->judge.base_url;
    size_t length = strlen(url);
    while (length > 0 && url[length - 1] == '/') length--;
    buffer_clear(&j->filled);
    TRY(buffer_printf(&j->filled, "dsdr judge 1\n%.*s\n%d\n", (int)length, url, r->repeat));
    TRY(buffer_append(&j->filled, buffer_text(body), body->length));
    sha256_text(buffer_text(&j->filled), j->filled.length, r->key);
    return STATUS_OK;
}
