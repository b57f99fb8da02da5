// One setting: its entry in the table, and how a written value becomes a typed one. See settings.h.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "run/settings_parts.h"

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

size_t settings_find(const char *key) {
    size_t i = 0;
    while (i < SETTING_COUNT && strcmp(settings_table[i].key, key)) i++;
    return i;
}

void *setting_at(settings *s, size_t entry) { return (char *)s + settings_table[entry].offset; }

static status no_memory(void) { return status_set(STATUS_NO_MEMORY, "out of memory while reading settings"); }

static void clear_value(const setting_entry *e, void *value) {
    if (e->kind == SETTING_TEXT) {
        free(*(setting_TEXT *)value);
        *(setting_TEXT *)value = NULL;
    } else if (e->kind == SETTING_LIST) {
        text_list_free(value);
    }
}

void setting_clear(settings *s, size_t entry) { clear_value(&settings_table[entry], setting_at(s, entry)); }

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

bool setting_in_range(const char *range, double x) {
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

static status set_texts(const setting_entry *e, text_list *list, const written *w) {
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

status setting_read(const setting_entry *e, void *value, const written *w) {
    static const char *const shapes[] = {"true or false", "a whole number",  "a number", "two numbers [a, b]",
                                         "a text",        "a list of texts", "a word"};
    char place[512], shown[160];
    written_place(w, place, sizeof place);
    written_value(w, shown, sizeof shown);
    bool scalar = w->shape == WRITTEN_TEXT, good = scalar;
    clear_value(e, value);
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
        good = scalar || (w->shape == WRITTEN_MAP && w->text);
        if (!good) break;
        *(setting_TEXT *)value = holds_path(e->key) ? expand_home(w->text) : strdup(w->text);
        if (!*(setting_TEXT *)value) return no_memory();
        break;
    case SETTING_LIST:
        good = scalar || (w->shape == WRITTEN_LIST && !w->nested);
        if (good) TRY(set_texts(e, value, w));
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
        if (!setting_in_range(e->range, numbers[i]))
            return status_set(STATUS_INVALID, "%s%s is %s; it has to be in %s", place, e->key, shown, e->range);
    return STATUS_OK;
}

status setting_assign(settings *s, size_t entry, const written *w) {
    TRY(setting_read(&settings_table[entry], setting_at(s, entry), w));
    s->source[entry].origin = w->origin, s->source[entry].line = w->line;
    return STATUS_OK;
}

// Sets a value of the tables above.
status setting_assign_standard(settings *s, size_t entry, const char *text, setting_origin origin, const char *because) {
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
        code = setting_assign(s, entry, &list.items[0]);
    } else if (code == STATUS_OK) {
        memset(setting_at(s, entry), 0, settings_table[entry].kind == SETTING_INT ? sizeof(setting_INT) : sizeof(setting_REAL));
    }
    s->source[entry].origin = origin, s->source[entry].because = because;
    buffer_free(&assignment);
    written_free(&list);
    return code;
}
