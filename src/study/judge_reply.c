// Scores from a chat completion. See judge_reply.h.
#include "study/judge_reply.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#include "base/jsonl.h"

const char *const judge_score_names[JUDGE_SCORES] = {"logic", "formula", "semantic", "overall"};

const char *judge_status_name(judge_status which) {
    static const char *const names[] = {
#define X(constant, name) [constant] = name,
        JUDGE_STATUS_TABLE(X)
#undef X
    };
    return names[which];
}

judge_reply judge_no_reply(judge_status why) {
    return (judge_reply){.status = why, .scores = {NAN, NAN, NAN, NAN}, .input_tokens = -1, .output_tokens = -1};
}

static const json_t *first_choice(const json_t *root) { return json_array_get(json_object_get(root, "choices"), 0); }

bool judge_is_completion(const char *body, size_t length) {
    json_t *root = NULL;
    bool is =
        json_parse(body, length, "reply", &root) == STATUS_OK && json_is_object(json_object_get(first_choice(root), "message"));
    json_decref(root);
    return is;
}

// Whether an object holds the three scores; *status says whether they are in range.
static bool take_scores(const json_t *object, judge_reply *out) {
    double sum = 0, scores[JUDGE_SCORES];
    bool good = true;
    for (int i = 0; i < JUDGE_OVERALL; i++) {
        const json_t *value = json_object_get(object, judge_score_names[i]);
        if (!json_is_number(value)) return false;
        scores[i] = json_number_value(value);
        good = good && scores[i] >= 0 && scores[i] <= 10;
        sum += scores[i];
    }
    scores[JUDGE_OVERALL] = sum / JUDGE_OVERALL;
    out->status = good ? JUDGE_SCORED : JUDGE_OUT_OF_RANGE;
    if (good) memcpy(out->scores, scores, sizeof scores);
    return true;
}

static void find_scores(const char *content, size_t length, judge_reply *out) {
    size_t from = length > JUDGE_CONTENT_LIMIT ? length - JUDGE_CONTENT_LIMIT : 0;
    int tried = 0;
    for (size_t at = length; at-- > from && tried < JUDGE_OBJECT_LIMIT;) {
        if (content[at] != '{') continue;
        tried++;
        json_t *object = json_loadb(content + at, length - at, JSON_DISABLE_EOF_CHECK, NULL);
        bool found = take_scores(object, out);
        json_decref(object);
        if (found) return;
    }
}

static int64_t count_of(const json_t *usage, const char *key) {
    const json_t *value = json_object_get(usage, key);
    return json_is_integer(value) && json_integer_value(value) >= 0 ? (int64_t)json_integer_value(value) : -1;
}

status judge_read_reply(const char *body, size_t length, judge_reply *out) {
    *out = judge_no_reply(JUDGE_UNPARSED);
    json_t *root = NULL;
    status code = json_parse(body, length, "reply", &root);
    if (code != STATUS_OK) return code == STATUS_NO_MEMORY ? code : STATUS_OK;
    const json_t *choice = first_choice(root), *content = json_object_get(json_object_get(choice, "message"), "content");
    const char *finish = json_string_value(json_object_get(choice, "finish_reason"));
    const char *model = json_string_value(json_object_get(root, "model"));
    const json_t *usage = json_object_get(root, "usage");
    out->input_tokens = count_of(usage, "prompt_tokens"), out->output_tokens = count_of(usage, "completion_tokens");
    size_t name = model ? strlen(model) : 0;
    if (name >= sizeof out->model) // a character is whole or not there
        for (name = sizeof out->model - 1; name > 0 && ((unsigned char)model[name] & 0xC0) == 0x80;) name--;
    if (name) memcpy(out->model, model, name);
    if (json_is_string(content)) find_scores(json_string_value(content), json_string_length(content), out);
    if (out->status == JUDGE_UNPARSED && finish && !strcmp(finish, "length")) out->status = JUDGE_CUT;
    json_decref(root);
    return STATUS_OK;
}
