// Resolving settings: from what was written to the typed struct. See settings.h for the order and settings_table.h for the keys.
#include "run/settings.h"

#include <stdarg.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "run/settings_internal.h"

// The table ------------------------------------------------------------------------------------------------------------------

#define W(constant, word, alias) {word, alias},
#define T(name, table, macro) static const setting_word table[] = {macro(W){NULL, NULL}};
SETTINGS_WORD_TABLES(T)
#undef T
#undef W

#define RANGE_BOOL(r) NULL, NULL
#define RANGE_INT(r) r, NULL
#define RANGE_REAL(r) r, NULL
#define RANGE_PAIR(r) r, NULL
#define RANGE_TEXT(r) NULL, NULL
#define RANGE_LIST(r) NULL, NULL
#define RANGE_WORD(r) NULL, r
#define ALTERS true
#define FREE false
#define X(member, kind, field, key, default_, range, verl, resume, help)                                                         \
    {SETTING_##kind, key, default_, RANGE_##kind(range), verl, resume, help, offsetof(settings, member.field)},
#define S(member, table) table(X, member)
const setting_entry settings_table[SETTING_COUNT] = {SETTINGS_SECTIONS(S)};
#undef S
#undef X

static const struct preset {
    const char *key, *value[setting_method_count];
} presets[] = {
#define P(key, grpo, dapo, dsdr)                                                                                                 \
    {key, {[SETTING_METHOD_GRPO] = grpo, [SETTING_METHOD_DAPO] = dapo, [SETTING_METHOD_DSDR] = dsdr}},
    SETTINGS_PRESETS(P)
#undef P
};

// Loggers of trainer.logger: those that exist here, and verl's others.
static const char *const loggers_here[] = {"console", "file", NULL};
static const char *const loggers_verl[] = {"wandb",   "mlflow",  "swanlab",          "vemlp_wandb", "tensorboard",
                                           "clearml", "trackio", "rl_logging_board", NULL};

size_t settings_find(const char *key) {
    size_t i = 0;
    while (i < SETTING_COUNT && strcmp(settings_table[i].key, key)) i++;
    return i;
}

static void *value_at(settings *s, size_t entry) { return (char *)s + settings_table[entry].offset; }

static status no_memory(void) { return status_set(STATUS_NO_MEMORY, "out of memory while reading settings"); }

static void clear_value(settings *s, size_t entry) {
    void *value = value_at(s, entry);
    if (settings_table[entry].kind == SETTING_TEXT) {
        free(*(setting_TEXT *)value);
        *(setting_TEXT *)value = NULL;
    } else if (settings_table[entry].kind == SETTING_LIST) {
        text_list_free(value);
    }
}

void settings_free(settings *s) {
    for (size_t i = 0; i < SETTING_COUNT; i++) clear_value(s, i);
    text_list_free(&s->notes);
    *s = (settings){0};
}

static status add_note(settings *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
static status add_note(settings *s, const char *format, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return text_list_add(&s->notes, text, strlen(text));
}

// One value ------------------------------------------------------------------------------------------------------------------

static bool read_bool(const char *text, bool *value) {
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strcasecmp(text, words[i])) {
            *value = i % 2;
            return true;
        }
    return false;
}

// A finite decimal number and nothing else: no hexadecimal, no "inf", no blanks.
static bool read_real(const char *text, double *value) {
    if (!*text || strspn(text, "0123456789+-.eE") != strlen(text)) return false;
    char *end;
    *value = strtod(text, &end);
    return !*end && isfinite(*value);
}

static bool read_int(const char *text, long long *value) {
    double x;
    if (!read_real(text, &x) || x != floor(x) || !(fabs(x) <= 9007199254740991.0)) return false;
    *value = (long long)x;
    return true;
}

static bool in_range(const char *range, double x) {
    char open = range[0], close = range[strlen(range) - 1];
    char *comma;
    double low = strtod(range + 1, &comma), high = strtod(comma + 1, NULL);
    return (open == '[' ? x >= low : x > low) && (close == ']' ? x <= high : x < high);
}

static bool read_word(const setting_word *words, const char *text, int *value) {
    for (int i = 0; words[i].name; i++)
        if (!strcmp(words[i].name, text) || (words[i].alias && !strcmp(words[i].alias, text))) {
            *value = i;
            return true;
        }
    return false;
}

// Paths as a shell would have expanded them.
static char *expand_home(const char *text) {
    const char *home = text[0] == '~' && text[1] == '/' ? getenv("HOME") : NULL;
    return home ? path_join(home, text + 2) : strdup(text);
}

static bool holds_path(const char *key) {
    static const char *const keys[] = {"data.train_files", "data.val_files", "actor_rollout_ref.model.path",
                                       "algorithm.dsdr.encoder", "trainer.default_local_dir"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (!strcmp(keys[i], key)) return true;
    return false;
}

static status set_texts(settings *s, size_t entry, const written *w) {
    const setting_entry *e = &settings_table[entry];
    text_list *list = value_at(s, entry);
    size_t count = w->shape == WRITTEN_LIST ? w->items.count : *w->text != 0;
    for (size_t i = 0; i < count; i++) {
        const char *text = w->shape == WRITTEN_LIST ? w->items.items[i] : w->text;
        char *copy = holds_path(e->key) ? expand_home(text) : strdup(text);
        if (!copy) return no_memory();
        status code = text_list_add(list, copy, strlen(copy));
        free(copy);
        TRY(code);
    }
    return STATUS_OK;
}

// Gives entry the value that was written. On failure the message names place, key, value, and what would be right.
static status set_value(settings *s, size_t entry, const written *w) {
    static const char *const shapes[] = {"true or false", "a whole number",  "a number", "two numbers [a, b]",
                                         "a text",        "a list of texts", "a word"};
    const setting_entry *e = &settings_table[entry];
    char place[512], shown[160];
    written_place(w, place, sizeof place);
    written_value(w, shown, sizeof shown);
    bool scalar = w->shape == WRITTEN_TEXT, good = scalar;
    // A text of this program's own may hold "${" (a dollar before a brace in mathematics); in verl's keys it is an interpolation.
    bool own = e->verl && !*e->verl;
    for (size_t i = 0; !own && i < (scalar ? 1 : w->shape == WRITTEN_LIST ? w->items.count : 0); i++)
        if (strstr(scalar ? w->text : w->items.items[i], "${"))
            return status_set(STATUS_UNSUPPORTED, "%s%s is %s; interpolations (${...}) are not supported, write the value itself",
                              place, e->key, shown);
    clear_value(s, entry);
    void *value = value_at(s, entry);
    double numbers[2] = {0, 0};
    size_t number_count = 0;
    switch (e->kind) {
    case SETTING_BOOL:
        good = scalar && read_bool(w->text, value);
        break;
    case SETTING_INT:
        good = scalar && read_int(w->text, value);
        if (good) numbers[0] = (double)*(setting_INT *)value, number_count = 1;
        break;
    case SETTING_REAL:
        good = scalar && read_real(w->text, value);
        if (good) numbers[0] = *(setting_REAL *)value, number_count = 1;
        break;
    case SETTING_PAIR:
        good = w->shape == WRITTEN_LIST && w->items.count == 2 && read_real(w->items.items[0], &numbers[0]) &&
               read_real(w->items.items[1], &numbers[1]);
        if (good) *(setting_PAIR *)value = (setting_PAIR){{numbers[0], numbers[1]}}, number_count = 2;
        break;
    case SETTING_TEXT:
        if (!scalar) break;
        *(setting_TEXT *)value = holds_path(e->key) ? expand_home(w->text) : strdup(w->text);
        if (!*(setting_TEXT *)value) return no_memory();
        break;
    case SETTING_LIST:
        good = scalar || (w->shape == WRITTEN_LIST && !w->nested);
        if (good) TRY(set_texts(s, entry, w));
        break;
    case SETTING_WORD:
        if (scalar && read_word(e->words, w->text, value)) break;
        buffer list = {0};
        for (const setting_word *word = e->words; word->name; word++)
            TRY(buffer_printf(&list, "%s%s", word == e->words ? "" : ", ", word->name));
        status code = status_set(STATUS_INVALID, "%s%s is %s; %s: %s", place, e->key, shown,
                                 e->words[1].name ? "it has to be one of" : "this program has only", buffer_text(&list));
        buffer_free(&list);
        return code;
    }
    if (!good) return status_set(STATUS_INVALID, "%s%s is %s; it has to be %s", place, e->key, shown, shapes[e->kind]);
    for (size_t i = 0; i < number_count; i++)
        if (!in_range(e->range, numbers[i]))
            return status_set(STATUS_INVALID, "%s%s is %s; it has to be in %s", place, e->key, shown, e->range);
    s->source[entry].origin = w->origin, s->source[entry].line = w->line;
    return STATUS_OK;
}

// Sets a value of the tables above.
static status set_standard(settings *s, size_t entry, const char *text, setting_origin origin, const char *because) {
    written_list list = {0};
    buffer assignment = {0};
    bool is_text = settings_table[entry].kind == SETTING_TEXT;
    status code = buffer_printf(&assignment, "%s=%s", settings_table[entry].key, is_text || strcmp(text, "null") ? text : "0");
    // A text goes in as it stands; other kinds use the grammar of the command line.
    if (code == STATUS_OK && is_text) {
        written *w = written_add(&list, settings_table[entry].key, strlen(settings_table[entry].key));
        if (!w || !(w->text = strdup(text))) code = no_memory();
        if (w) w->shape = WRITTEN_TEXT, w->name = "default";
    } else if (code == STATUS_OK) {
        code = written_read_assignment(&list, buffer_text(&assignment));
    }
    if (code == STATUS_OK && strcmp(text, "null")) {
        list.items[0].origin = origin;
        code = set_value(s, entry, &list.items[0]);
    } else if (code == STATUS_OK) {
        memset(value_at(s, entry), 0, settings_table[entry].kind == SETTING_INT ? sizeof(setting_INT) : sizeof(setting_REAL));
    }
    s->source[entry].origin = origin, s->source[entry].because = because;
    buffer_free(&assignment);
    written_free(&list);
    return code;
}

// Unknown keys ---------------------------------------------------------------------------------------------------------------

static void consider(const char *key, const char *candidate, const char **best, size_t *distance) {
    size_t d = text_distance(key, candidate);
    if (d < *distance) *distance = d, *best = candidate;
}

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
    for (size_t i = 0; i < SETTING_COUNT; i++) consider(w->key, settings_table[i].key, &best, &distance);
    for (const verl_alias_entry *a = verl_aliases; a->alias; a++) consider(w->key, a->alias, &best, &distance);
    for (size_t i = 0; i < verl_key_count; i++)
        if (!strchr(verl_keys[i].key, '*')) consider(w->key, verl_keys[i].key, &best, &distance);
    if (best) return status_set(STATUS_INVALID, "%s%s is not a setting; did you mean %s?", place, w->key, best);
    return status_set(STATUS_INVALID, "%s%s is not a setting; `dsdr config` lists them all", place, w->key);
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
            TRY(add_note(s, found ? "~%s: removed what the file says." : "~%s: it was not given, so there is nothing to remove.",
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
            return status_set(STATUS_UNSUPPORTED, "%s%s is %s; %s is not implemented here, the key can only be %s",
                              written_place(w, place, sizeof place), w->key, written_value(w, shown, sizeof shown), known->reason,
                              known->values);
        }
        if (accepted++ < 3) TRY_OR(code, buffer_printf(&names, "%s%s", accepted > 1 ? ", " : "", w->key), cleanup);
    }
    if (accepted > 3) TRY_OR(code, buffer_printf(&names, " and %zu more", accepted - 3), cleanup);
    if (accepted)
        code = add_note(s, "%zu %s no meaning here and %s accepted: %s.", accepted,
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
                TRY(add_note(s, "%s is not used, because %s is given.", w->key, settings_table[entry].key));
            continue;
        }
        decides[entry] = (int)i;
    }
    return STATUS_OK;
}

static setting_INT *int_at(settings *s, size_t entry) { return value_at(s, entry); }

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
            *(setting_REAL *)value_at(s, entry) = (setting_REAL)value;
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
        if (!in_range(settings_table[entry].range, value))
            return status_set(STATUS_INVALID, "%s is %g, which %s would take over; that has to be in %s",
                              settings_table[both].key, value, sides[i], settings_table[entry].range);
        *(setting_REAL *)value_at(s, entry) = value;
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
            TRY(add_note(s, "trainer.logger: %s is not available here and changes no result; metrics are in run.db.", name));
            continue;
        }
        for (const char *const *word = loggers_here; *word; word++) consider(name, *word, &best, &distance);
        return status_set(STATUS_INVALID, "trainer.logger holds %s; %s%s%sit has to be console or file", name,
                          best ? "did you mean " : "", best ? best : "", best ? "? " : "");
    }
    return STATUS_OK;
}

// Values that contradict each other.
static status check_together(settings *s) {
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
        TRY(add_note(
            s,
            "Evaluation is greedy: actor_rollout_ref.rollout.val_kwargs.do_sample is false, so its temperature %g is not used.",
            s->val.temperature));
    return check_loggers(s);
}

static status resolve(settings *s, written_list *list) {
    bool *counts = calloc(list->count + 1, sizeof *counts);
    if (!counts) return no_memory();
    int decides[SETTING_COUNT];
    status code = STATUS_OK;
    TRY_OR(code, settle(s, list, counts), cleanup);
    TRY_OR(code, bind(s, list, counts, decides), cleanup);
    TRY_OR(code, accept_verl(s, list, counts), cleanup);
    for (size_t i = 0; i < SETTING_COUNT; i++)
        TRY_OR(code, set_standard(s, i, settings_table[i].standard, SETTING_FROM_DEFAULT, NULL), cleanup);
    size_t method = settings_find("algorithm.method"), estimator = settings_find("algorithm.adv_estimator");
    if (decides[method] != NONE)
        TRY_OR(code, set_value(s, method, &list->items[decides[method]]), cleanup);
    else if (decides[estimator] != NONE) // verl's way of asking for GRPO
        TRY_OR(code, set_standard(s, method, "grpo", SETTING_FROM_OTHER_KEY, settings_table[estimator].key), cleanup);
    for (size_t i = 0; i < sizeof presets / sizeof *presets; i++)
        TRY_OR(code,
               set_standard(s, settings_find(presets[i].key), presets[i].value[s->algorithm.method], SETTING_FROM_METHOD, NULL),
               cleanup);
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (decides[i] == NONE) continue;
        const written *w = &list->items[decides[i]];
        if (w->shape == WRITTEN_NULL) { // trainer.max_actor_ckpt_to_keep: all
            TRY_OR(code, set_standard(s, i, "0", w->origin, NULL), cleanup);
            s->source[i].line = w->line;
        } else {
            TRY_OR(code, set_value(s, i, w), cleanup);
        }
    }
    TRY_OR(code, derive(s), cleanup);
    TRY_OR(code, check_same(s, list, counts), cleanup);
    TRY_OR(code, check_together(s), cleanup);
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

// Before training ------------------------------------------------------------------------------------------------------------

status settings_check_training(const settings *s) {
    if (!*s->model.path)
        return status_set(STATUS_INVALID, "no model: give actor_rollout_ref.model.path, a Hugging Face folder or a GGUF file");
    if (!s->data.train_files.count) return status_set(STATUS_INVALID, "no training problems: give data.train_files");
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

status settings_check_resume(const settings *saved, settings *now, bool allow_change) {
    buffer before = {0}, after = {0}, changes = {0};
    status code = STATUS_OK;
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (!settings_table[i].alters_results) continue;
        buffer_clear(&before), buffer_clear(&after);
        TRY_OR(code, settings_write_value(&before, saved, i), cleanup);
        TRY_OR(code, settings_write_value(&after, now, i), cleanup);
        if (!strcmp(buffer_text(&before), buffer_text(&after))) continue;
        TRY_OR(code,
               buffer_printf(&changes, "%s%s was %s and is %s", changes.length ? "; " : "", settings_table[i].key,
                             buffer_text(&before), buffer_text(&after)),
               cleanup);
    }
    if (changes.length && !allow_change)
        code = status_set(
            STATUS_INVALID,
            "a resumed run keeps the settings that alter its results: %s; pass --allow-change to go on with the new ones",
            buffer_text(&changes));
    else if (changes.length)
        code = add_note(now, "Changed for the continuation: %s.", buffer_text(&changes));
cleanup:
    buffer_free(&before);
    buffer_free(&after);
    buffer_free(&changes);
    return code;
}
