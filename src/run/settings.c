// Resolving settings: from what was written to the typed struct. See settings.h for the order and settings_table.h for the keys.
#include "run/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "run/settings_parts.h"

static const struct preset {
    const char *key, *value[setting_method_count];
} presets[] = {
#define P(key, grpo, dapo, dsdr)                                                                                                 \
    {key, {[SETTING_METHOD_GRPO] = grpo, [SETTING_METHOD_DAPO] = dapo, [SETTING_METHOD_DSDR] = dsdr}},
    SETTINGS_PRESETS(P)
#undef P
};

static status no_memory(void) { return status_set(STATUS_NO_MEMORY, "out of memory while reading settings"); }

void settings_free(settings *s) {
    for (size_t i = 0; i < SETTING_COUNT; i++) setting_clear(s, i);
    text_list_free(&s->notes);
    *s = (settings){0};
}

// Unknown keys ---------------------------------------------------------------------------------------------------------------

static status unknown_key(const written *w) {
    char place[512];
    written_place(w, place, sizeof place);
    const char *endings[3];
    size_t ending_count = 0, length = strlen(w->key);
    for (size_t i = 0; i < SETTING_COUNT && ending_count < 3; i++) {
        const char *key = settings_table[i].key;
        size_t whole = strlen(key);
        if (whole > length && key[whole - length - 1] == '.' && !strcmp(key + whole - length, w->key))
            endings[ending_count++] = key;
    }
    if (ending_count)
        return status_set(STATUS_INVALID, "%s%s is not a setting; did you mean %s%s%s%s%s?", place, w->key, endings[0],
                          ending_count > 1 ? " or " : "", ending_count > 1 ? endings[1] : "", ending_count > 2 ? " or " : "",
                          ending_count > 2 ? endings[2] : "");
    const char *best = NULL;
    size_t distance = length / 3 + 1;
    for (size_t i = 0; i < SETTING_COUNT; i++) text_consider(w->key, settings_table[i].key, &best, &distance);
    for (const verl_alias_entry *a = verl_aliases; a->alias; a++) text_consider(w->key, a->alias, &best, &distance);
    for (size_t i = 0; i < verl_key_count; i++)
        if (!strchr(verl_keys[i].key, '*')) text_consider(w->key, verl_keys[i].key, &best, &distance);
    if (best) return status_set(STATUS_INVALID, "%s%s is not a setting; did you mean %s?", place, w->key, best);
    return status_set(STATUS_INVALID, "%s%s is not a setting; `dsdr config` lists them all", place, w->key);
}

status written_check_key(const written *w) {
    bool known = settings_find(w->key) < SETTING_COUNT || verl_find(w->key) || verl_alias(w->key);
    return known ? STATUS_OK : unknown_key(w);
}

static bool is_section(const char *key) {
    size_t length = strlen(key);
    for (size_t i = 0; i < SETTING_COUNT; i++)
        if (!strncmp(settings_table[i].key, key, length) && settings_table[i].key[length] == '.') return true;
    return false;
}

// Resolution -----------------------------------------------------------------------------------------------------------------

// What decides each key in the end: an index into the written values, or NONE.
enum { NONE = -1 };

// Whether an earlier written value of the same key counts no more because of written value i.
static bool supersedes(const written_list *list, size_t i, size_t earlier) {
    return !strcmp(list->items[i].key, list->items[earlier].key);
}

// Drops what later assignments override and what "~key" removes; null means "as if not given" (verl's null keeps all
// checkpoints).
static status settle(settings *s, written_list *list, bool *counts) {
    for (size_t i = 0; i < list->count; i++) {
        written *w = &list->items[i];
        counts[i] = true;
        bool found = false;
        // Within a file keys are unique, so only the command line overrides.
        for (size_t j = 0; w->origin == SETTING_FROM_COMMAND_LINE && j < i; j++)
            if (supersedes(list, i, j)) found |= counts[j], counts[j] = false;
        if (w->removal) {
            counts[i] = false;
            if (settings_find(w->key) == SETTING_COUNT && !verl_find(w->key) && !verl_alias(w->key)) return unknown_key(w);
            TRY(text_list_printf(
                &s->notes, found ? "~%s: removed what the file says." : "~%s: it was not given, so there is nothing to remove.",
                w->key));
        }
    }
    return STATUS_OK;
}

static status accept_verl(settings *s, const written_list *list, const bool *counts) {
    size_t accepted = 0;
    char place[512], shown[160];
    buffer names = {0};
    status code = STATUS_OK;
    for (size_t i = 0; i < list->count; i++) {
        const written *w = &list->items[i];
        const verl_key *known =
            counts[i] && settings_find(w->key) == SETTING_COUNT && !verl_alias(w->key) ? verl_find(w->key) : NULL;
        if (!known || known->class == VERL_SAME) continue;
        if (known->class == VERL_NEUTRAL && !verl_value_accepted(w, known->values)) {
            buffer_free(&names);
            return status_set(STATUS_UNSUPPORTED, "%s%s is %s; not implemented here: %s; the key can only be %s",
                              written_place(w, place, sizeof place), w->key, written_value(w, shown, sizeof shown), known->reason,
                              known->values);
        }
        if (accepted++ < 3) TRY_OR(code, buffer_printf(&names, "%s%s", accepted > 1 ? ", " : "", w->key), cleanup);
    }
    if (accepted > 3) TRY_OR(code, buffer_printf(&names, " and %zu more", accepted - 3), cleanup);
    if (accepted)
        code = text_list_printf(&s->notes, "%zu %s no meaning here and %s accepted: %s.", accepted,
                                accepted > 1 ? "settings of verl have" : "setting of verl has", accepted > 1 ? "were" : "was",
                                buffer_text(&names));
cleanup:
    buffer_free(&names);
    return code;
}

// Finds for each honoured key the written value that decides it.
static status bind(settings *s, const written_list *list, bool *counts, int *decides) {
    char place[512];
    for (size_t i = 0; i < SETTING_COUNT; i++) decides[i] = NONE;
    for (size_t i = 0; i < list->count; i++) {
        const written *w = &list->items[i];
        if (!counts[i]) continue;
        const char *alias = verl_alias(w->key);
        size_t entry = settings_find(alias ? alias : w->key);
        if (entry == SETTING_COUNT) {
            if (verl_find(w->key)) continue;
            if (!is_section(w->key)) return unknown_key(w);
            if (w->shape != WRITTEN_NULL && !(w->shape == WRITTEN_MAP && w->line))
                return status_set(STATUS_INVALID, "%s%s is a section; give the keys in it one by one (%s.KEY)",
                                  written_place(w, place, sizeof place), w->key, w->key);
            continue;
        }
        if (w->shape == WRITTEN_NULL && strcmp(w->key, "trainer.max_actor_ckpt_to_keep")) continue;
        int before = decides[entry];
        // Two spellings of one key at the same place: the honoured one decides.
        if (before != NONE && alias && list->items[before].origin == w->origin) {
            char shown[160];
            if (!verl_value_accepted(w, written_value(&list->items[before], shown, sizeof shown)))
                TRY(text_list_printf(&s->notes, "%s is not used, because %s is given.", w->key, settings_table[entry].key));
            continue;
        }
        decides[entry] = (int)i;
    }
    return STATUS_OK;
}

static setting_INT *int_at(settings *s, size_t entry) { return setting_at(s, entry); }

// Defaults that are the value of another key.
static status derive(settings *s) {
    static const struct {
        const char *key, *from;
    } links[] = {
        {"data.gen_batch_size", "data.train_batch_size"},
        {"actor_rollout_ref.actor.ppo_mini_batch_size", "data.train_batch_size"},
        {"data.seed", "trainer.seed"},
        {"actor_rollout_ref.actor.loss_scale_factor", "data.max_response_length"},
        {"reward_model.overlong_buffer.len", "data.max_response_length"},
    };
    for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
        size_t entry = settings_find(links[i].key), from = settings_find(links[i].from);
        if (s->source[entry].origin != SETTING_FROM_DEFAULT) continue;
        setting_INT value = *int_at(s, from);
        if (!strcmp(links[i].key, "reward_model.overlong_buffer.len")) value = (value + 4) / 5;
        if (settings_table[entry].kind == SETTING_REAL)
            *(setting_REAL *)setting_at(s, entry) = (setting_REAL)value;
        else
            *int_at(s, entry) = value;
        s->source[entry].origin = SETTING_FROM_OTHER_KEY, s->source[entry].because = settings_table[from].key;
    }
    // One range for both sides, where a side is not given itself.
    size_t both = settings_find("actor_rollout_ref.actor.clip_ratio");
    const char *const sides[] = {"actor_rollout_ref.actor.clip_ratio_low", "actor_rollout_ref.actor.clip_ratio_high"};
    for (size_t i = 0; i < 2 && s->source[both].origin >= SETTING_FROM_FILE; i++) {
        size_t entry = settings_find(sides[i]);
        if (s->source[entry].origin >= SETTING_FROM_FILE) continue;
        double value = s->actor.clip_ratio;
        if (!setting_in_range(settings_table[entry].range, value))
            return status_set(STATUS_INVALID, "%s is %g, which %s would take over; that has to be in %s",
                              settings_table[both].key, value, sides[i], settings_table[entry].range);
        *(setting_REAL *)setting_at(s, entry) = value;
        s->source[entry].origin = SETTING_FROM_OTHER_KEY, s->source[entry].because = settings_table[both].key;
    }
    return STATUS_OK;
}

static status check_same(const settings *s, const written_list *list, const bool *counts) {
    char place[512], shown[160], digits[32];
    for (size_t i = 0; i < list->count; i++) {
        const written *w = &list->items[i];
        const verl_key *known = counts[i] ? verl_find(w->key) : NULL;
        if (!known || known->class != VERL_SAME || w->shape == WRITTEN_NULL) continue;
        if (w->shape == WRITTEN_TEXT && strstr(w->text, "${")) continue; // verl's own default: it points at that key
        const setting_INT *other = (const setting_INT *)((const char *)s + settings_table[settings_find(known->values)].offset);
        snprintf(digits, sizeof digits, "%lld", *other);
        if (!verl_value_accepted(w, digits))
            return status_set(STATUS_INVALID, "%s%s is %s, but %s is %s; they mean the same, so give one value",
                              written_place(w, place, sizeof place), w->key, written_value(w, shown, sizeof shown), known->values,
                              digits);
    }
    return STATUS_OK;
}

static status resolve(settings *s, written_list *list) {
    bool *counts = calloc(list->count + 1, sizeof *counts);
    if (!counts) return no_memory();
    int decides[SETTING_COUNT];
    status code = STATUS_OK;
    TRY_OR(code, settle(s, list, counts), cleanup);
    TRY_OR(code, written_interpolate(list, counts), cleanup);
    TRY_OR(code, bind(s, list, counts, decides), cleanup);
    TRY_OR(code, accept_verl(s, list, counts), cleanup);
    for (size_t i = 0; i < SETTING_COUNT; i++)
        TRY_OR(code, setting_assign_standard(s, i, settings_table[i].standard, SETTING_FROM_DEFAULT, NULL), cleanup);
    size_t method = settings_find("algorithm.method"), estimator = settings_find("algorithm.adv_estimator");
    if (decides[method] != NONE)
        TRY_OR(code, setting_assign(s, method, &list->items[decides[method]]), cleanup);
    else if (decides[estimator] != NONE) // verl's way of asking for GRPO
        TRY_OR(code, setting_assign_standard(s, method, "grpo", SETTING_FROM_OTHER_KEY, settings_table[estimator].key), cleanup);
    for (size_t i = 0; i < sizeof presets / sizeof *presets; i++)
        TRY_OR(code,
               setting_assign_standard(s, settings_find(presets[i].key), presets[i].value[s->algorithm.method],
                                       SETTING_FROM_METHOD, NULL),
               cleanup);
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (decides[i] == NONE) continue;
        const written *w = &list->items[decides[i]];
        if (w->shape == WRITTEN_NULL) { // trainer.max_actor_ckpt_to_keep: all
            TRY_OR(code, setting_assign_standard(s, i, "0", w->origin, NULL), cleanup);
            s->source[i].line = w->line;
        } else {
            TRY_OR(code, setting_assign(s, i, w), cleanup);
        }
    }
    TRY_OR(code, derive(s), cleanup);
    TRY_OR(code, check_same(s, list, counts), cleanup);
    TRY_OR(code, settings_check_together(s), cleanup);
cleanup:
    free(counts);
    return code;
}

status settings_load_text(settings *s, const char *yaml, size_t length, const char *name, const char *const *assignments,
                          size_t count) {
    *s = (settings){0};
    written_list list = {0};
    status code = yaml ? written_read_yaml(&list, yaml, length, name) : STATUS_OK;
    for (size_t i = 0; i < count && code == STATUS_OK; i++) code = written_read_assignment(&list, assignments[i]);
    if (code == STATUS_OK) code = resolve(s, &list);
    written_free(&list);
    if (code != STATUS_OK) settings_free(s);
    return code;
}

status settings_load(settings *s, const char *path, const char *const *assignments, size_t count) {
    *s = (settings){0};
    if (!path) return settings_load_text(s, NULL, 0, NULL, assignments, count);
    file_map map;
    TRY(file_map_open(&map, path));
    status code = settings_load_text(s, map.bytes ? (const char *)map.bytes : "", map.size, path, assignments, count);
    file_map_close(&map);
    return code;
}
