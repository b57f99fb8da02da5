// Settings against each other, against what training needs, and against those of a run that is continued. See settings.h.
#include <stdio.h>
#include <string.h>

#include "run/settings_parts.h"

// Loggers of trainer.logger: those that exist here, and verl's others.
static const char *const loggers_here[] = {"console", "file", "tensorboard", NULL};
static const char *const loggers_verl[] = {"wandb",   "mlflow",  "swanlab",          "vemlp_wandb",
                                           "clearml", "trackio", "rl_logging_board", NULL};

static bool listed(const char *const *words, const char *text) {
    for (; *words; words++)
        if (!strcmp(*words, text)) return true;
    return false;
}

static status check_loggers(settings *s) {
    for (size_t i = 0; i < s->trainer.logger.count; i++) {
        const char *name = s->trainer.logger.items[i], *best = NULL;
        size_t distance = strlen(name) / 3 + 1;
        if (listed(loggers_here, name)) continue;
        if (listed(loggers_verl, name)) {
            TRY(text_list_printf(&s->notes,
                                 "trainer.logger: %s is not available here and changes no result; metrics are in run.db.", name));
            continue;
        }
        for (const char *const *word = loggers_here; *word; word++) text_consider(name, *word, &best, &distance);
        return status_set(STATUS_INVALID, "trainer.logger holds %s; %s%s%sit has to be console, file or tensorboard", name,
                          best ? "did you mean " : "", best ? best : "", best ? "? " : "");
    }
    return STATUS_OK;
}

// Values that contradict each other.
status settings_check_together(settings *s) {
    if (s->actor.ppo_mini_batch_size > s->data.train_batch_size || s->data.train_batch_size % s->actor.ppo_mini_batch_size)
        return status_set(
            STATUS_INVALID,
            "actor_rollout_ref.actor.ppo_mini_batch_size is %lld and data.train_batch_size is %lld (both count prompts): "
            "the second has to be a multiple of the first",
            s->actor.ppo_mini_batch_size, s->data.train_batch_size);
    if (!s->filter.enable && s->data.gen_batch_size != s->data.train_batch_size)
        return status_set(STATUS_INVALID,
                          "data.gen_batch_size is %lld and data.train_batch_size is %lld; they differ only with "
                          "algorithm.filter_groups.enable=true",
                          s->data.gen_batch_size, s->data.train_batch_size);
    if (s->actor.clip_ratio_c != 0 && !(s->actor.clip_ratio_c > 1))
        return status_set(STATUS_INVALID, "actor_rollout_ref.actor.clip_ratio_c is %g; it has to be above 1, or 0 for off",
                          s->actor.clip_ratio_c);
    if (s->overlong.enable && s->overlong.len > s->data.max_response_length)
        return status_set(
            STATUS_INVALID,
            "reward_model.overlong_buffer.len is %lld; it has to be at most data.max_response_length, which is %lld",
            s->overlong.len, s->data.max_response_length);
    if (strcmp(s->data.prompt_template, "chat") && !strstr(s->data.prompt_template, "{problem}"))
        return status_set(STATUS_INVALID, "data.prompt_template has to be chat, or a text that contains {problem}");
    for (size_t i = 0; i < s->rollout.stop.count; i++)
        if (!*s->rollout.stop.items[i])
            return status_set(STATUS_INVALID,
                              "actor_rollout_ref.rollout.stop holds an empty text, which would end every response at once");
    if (!s->val.do_sample && s->val.temperature > 0)
        TRY(text_list_printf(
            &s->notes,
            "Evaluation is greedy: actor_rollout_ref.rollout.val_kwargs.do_sample is false, so its temperature %g is not used.",
            s->val.temperature));
    return check_loggers(s);
}

// Before training ------------------------------------------------------------------------------------------------------------

status settings_check_sft(const settings *s) {
    if (!*s->model.path)
        return status_set(STATUS_INVALID, "no model: give actor_rollout_ref.model.path, a Hugging Face folder or a GGUF file");
    return s->data.train_files.count ? STATUS_OK : status_set(STATUS_INVALID, "no training problems: give data.train_files");
}

status settings_check_training(const settings *s) {
    TRY(settings_check_sft(s));
    if (s->rollout.top_p < 1)
        return status_set(
            STATUS_UNSUPPORTED,
            "actor_rollout_ref.rollout.top_p is %g; training needs 1, because the recorded log-prob would not be the "
            "behaviour policy's (evaluation has val_kwargs.top_p)",
            s->rollout.top_p);
    if (s->rollout.top_k > 0)
        return status_set(
            STATUS_UNSUPPORTED,
            "actor_rollout_ref.rollout.top_k is %lld; training needs -1 or 0, because the recorded log-prob would not be the "
            "behaviour policy's (evaluation has val_kwargs.top_k)",
            s->rollout.top_k);
    if (s->rollout.n < 2)
        return status_set(
            STATUS_INVALID,
            "actor_rollout_ref.rollout.n is %lld; advantages compare the rollouts of a prompt, so it has to be at least 2",
            s->rollout.n);
    return STATUS_OK;
}

// The length of a run changes none of its steps where the learning rate does not look at it: a run may be made longer.
static bool matters(const settings *now, size_t entry) {
    const char *key = settings_table[entry].key;
    bool length = !strcmp(key, "trainer.total_training_steps") || !strcmp(key, "trainer.total_epochs");
    bool scheduled = now->optim.lr_scheduler_type != SETTING_SCHEDULE_CONSTANT ||
                     (now->optim.lr_warmup_steps <= 0 && now->optim.lr_warmup_steps_ratio > 0);
    return settings_table[entry].alters_results && (scheduled || !length);
}

status settings_list_changes(buffer *changes, const settings *saved, const settings *now) {
    buffer before = {0}, after = {0};
    status code = STATUS_OK;
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (!matters(now, i)) continue;
        buffer_clear(&before), buffer_clear(&after);
        TRY_OR(code, settings_write_value(&before, saved, i), cleanup);
        TRY_OR(code, settings_write_value(&after, now, i), cleanup);
        if (!strcmp(buffer_text(&before), buffer_text(&after))) continue;
        TRY_OR(code,
               buffer_printf(changes, "%s%s was %s and is %s", changes->length ? "; " : "", settings_table[i].key,
                             buffer_text(&before), buffer_text(&after)),
               cleanup);
    }
cleanup:
    buffer_free(&before);
    buffer_free(&after);
    return code;
}

status settings_check_resume(const settings *saved, settings *now, bool allow_change) {
    buffer changes = {0};
    status code = settings_list_changes(&changes, saved, now);
    if (code == STATUS_OK && changes.length && !allow_change)
        code = status_set(
            STATUS_INVALID,
            "a resumed run keeps the settings that alter its results: %s; pass --allow-change to go on with the new ones",
            buffer_text(&changes));
    else if (code == STATUS_OK && changes.length)
        code = text_list_printf(&now->notes, "Changed for the continuation: %s.", buffer_text(&changes));
    buffer_free(&changes);
    return code;
}
