// Prompts as tokens. See prompts.h.
#include "run/prompts.h"

#include <stdlib.h>
#include <string.h>

void prompt_set_free(prompt_set *p) {
    for (size_t i = 0; p->tokens && i < p->count; i++) token_list_free(&p->tokens[i]);
    free(p->tokens), free(p->think_open);
    *p = (prompt_set){0};
}

// Takes tokens away until `most` are left.
static void cut_tokens(token_list *list, size_t most, int how) {
    size_t front = how == SETTING_TRUNCATION_RIGHT ? most : how == SETTING_TRUNCATION_MIDDLE ? most / 2 : 0, back = most - front;
    memmove(list->ids + front, list->ids + list->count - back, back * sizeof *list->ids);
    list->count = most;
}

static status fit(prompt_set *p, const settings *s, const problem *asked, size_t i) {
    token_list *list = &p->tokens[i];
    size_t most = (size_t)s->data.max_prompt_length;
    if (list->count == 0)
        return status_set(STATUS_INVALID, "problem %s: its prompt has no tokens; see data.prompt_template", asked->id);
    if (list->count > most && s->data.filter_overlong_prompts) {
        token_list_free(list);
        p->left_out++;
        return STATUS_OK;
    }
    if (list->count > most && s->data.truncation == SETTING_TRUNCATION_ERROR)
        return status_set(STATUS_INVALID,
                          "problem %s: its prompt has %zu tokens and data.max_prompt_length is %zu; raise it, or set "
                          "data.filter_overlong_prompts or data.truncation",
                          asked->id, list->count, most);
    if (list->count > most) {
        cut_tokens(list, most, s->data.truncation);
        p->cut++;
    }
    if (list->count > p->longest) p->longest = list->count;
    return STATUS_OK;
}

static status check_room(const prompt_set *p, const language_model *lm, const settings *s) {
    size_t room = lm->model.config.max_positions, response = (size_t)s->data.max_response_length;
    if (p->left_out == p->count)
        return status_set(STATUS_INVALID, "every prompt is longer than data.max_prompt_length, which is %lld; raise it",
                          s->data.max_prompt_length);
    if (room > 0 && p->longest >= room)
        return status_set(STATUS_INVALID,
                          "the longest prompt has %zu tokens, but the model was made for %zu positions, response included; set "
                          "data.max_prompt_length lower, with data.filter_overlong_prompts or data.truncation",
                          p->longest, room);
    if (room > 0 && p->longest + response > room)
        return status_set(STATUS_INVALID,
                          "the longest prompt has %zu tokens and data.max_response_length is %zu, but the model was made for %zu "
                          "positions; set data.max_response_length to at most %zu",
                          p->longest, response, room, room - p->longest);
    return STATUS_OK;
}

status prompt_set_create(prompt_set *p, language_model *lm, const settings *s, const problem_set *problems) {
    const prompt_options options = {.prompt_template = s->data.prompt_template, .instruction = s->data.instruction};
    *p = (prompt_set){.count = problems->count};
    p->tokens = calloc(p->count + 1, sizeof *p->tokens);
    p->think_open = calloc(p->count + 1, sizeof *p->think_open);
    status code = p->tokens && p->think_open ? STATUS_OK : status_set(STATUS_NO_MEMORY, "out of memory for prompts");
    for (size_t i = 0; i < p->count && code == STATUS_OK; i++) {
        code = language_model_prompt(lm, &options, problems->problems[i].text, &p->tokens[i], NULL, &p->think_open[i]);
        if (code == STATUS_OK) code = fit(p, s, &problems->problems[i], i);
    }
    if (code == STATUS_OK) code = check_room(p, lm, s);
    if (code != STATUS_OK) prompt_set_free(p);
    return code;
}

status prompt_order_create(prompt_order *o, const prompt_set *p) {
    *o = (prompt_order){.kept = calloc(p->count + 1, sizeof *o->kept), .order = calloc(p->count + 1, sizeof *o->order)};
    if (!o->kept || !o->order) return status_set(STATUS_NO_MEMORY, "out of memory for the order of %zu problems", p->count);
    for (size_t i = 0; i < p->count; i++)
        if (p->tokens[i].count > 0) o->kept[o->count++] = (uint32_t)i;
    return STATUS_OK;
}

void prompt_order_free(prompt_order *o) {
    free(o->kept), free(o->order);
    *o = (prompt_order){0};
}

size_t prompt_order_at(prompt_order *o, const settings *s, uint64_t position) {
    uint64_t epoch = position / o->count;
    size_t index = (size_t)(position % o->count);
    if (!s->data.shuffle) return o->kept[index];
    if (!o->known || o->epoch != epoch) {
        tasks_order((uint64_t)s->data.seed, epoch, (uint32_t)o->count, o->order);
        o->epoch = epoch, o->known = true;
    }
    return o->kept[o->order[index]];
}
