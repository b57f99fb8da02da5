// Settings that follow from a built-in task. See task_defaults.h.
#include "run/task_defaults.h"

#include <string.h>

#include "run/settings_parts.h"
#include "tasks/tasks.h"

static bool is_open(const settings *s, const char *key) { return s->source[settings_find(key)].origin < SETTING_FROM_FILE; }

status settings_take(settings *s, const char *key, const char *text, const char *because) {
    if (!is_open(s, key)) return STATUS_OK;
    return setting_assign_standard(s, settings_find(key), text, SETTING_FROM_OTHER_KEY, because);
}

static void mark(settings *s, const char *key, const char *because) {
    size_t entry = settings_find(key);
    s->source[entry].origin = SETTING_FROM_OTHER_KEY, s->source[entry].because = because;
}

static status take_stop(settings *s, const char *stop, const char *because) {
    static const char key[] = "actor_rollout_ref.rollout.stop";
    if (!is_open(s, key) || !stop) return STATUS_OK;
    text_list_free(&s->rollout.stop);
    TRY(text_list_add(&s->rollout.stop, stop, strlen(stop)));
    mark(s, key, because);
    return STATUS_OK;
}

// The response length, and the defaults that are its value.
static void take_length(settings *s, size_t tokens, const char *because) {
    static const char key[] = "data.max_response_length";
    if (!is_open(s, key)) return;
    s->data.max_response_length = (setting_INT)tokens;
    mark(s, key, because);
    if (is_open(s, "reward_model.overlong_buffer.len")) s->overlong.len = (setting_INT)(tokens + 4) / 5;
    if (is_open(s, "actor_rollout_ref.actor.loss_scale_factor")) s->actor.loss_scale_factor = (setting_REAL)tokens;
}

status settings_adopt_task(settings *s, const char *const *specs, size_t count, const char *because) {
    const task_builtin *task = NULL;
    bool mixed = false;
    for (size_t i = 0; i < count; i++) {
        const task_builtin *one = strncmp(specs[i], "builtin:", 8) ? NULL : tasks_find_builtin(specs[i]);
        if (i == 0) task = one;
        mixed |= one != task;
    }
    if (mixed)
        return text_list_printf(
            &s->notes, "%s names different tasks, so none of them decides data.prompt_template, stop and length.", because);
    if (!task) return STATUS_OK;
    bool raw = is_open(s, "data.prompt_template");
    TRY(settings_take(s, "data.prompt_template", task->prompt_template, because));
    TRY(settings_take(s, "reward_model.profile", task->profile, because));
    if (!raw) return settings_check_together(s);
    TRY(take_stop(s, task->stop, because));
    take_length(s, task->response_tokens, because);
    return settings_check_together(s);
}
