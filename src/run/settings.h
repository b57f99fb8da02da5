// Settings: verl's key names in YAML and as key=value on the command line, resolved into one typed struct.
//
// Order: default < method preset < file < command line; every value remembers where it came from. A key is honoured
// (settings_table.h), known from verl but without meaning here (settings_verl.c: accepted, counted in one note; an error where it
// would change results), or unknown: an error with "did you mean".
//
// Used as s->actor.clip_ratio_low, s->optim.lr, s->dsdr.tau: members are the sections and fields of settings_table.h.
#ifndef DSDR_RUN_SETTINGS_H
#define DSDR_RUN_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/status.h"
#include "base/text_list.h"
#include "run/settings_table.h"

// One enum for each word table: setting_method { SETTING_METHOD_GRPO, ... }, setting_loss_agg { ... }, ...
#define W(constant, word, alias) constant,
#define T(name, table, macro) typedef enum name { macro(W) name##_count } name;
SETTINGS_WORD_TABLES(T)
#undef T
#undef W

typedef bool setting_BOOL;
typedef long long setting_INT;
typedef double setting_REAL;
typedef struct setting_PAIR {
    double value[2];
} setting_PAIR;
typedef char *setting_TEXT; // never NULL
typedef text_list setting_LIST;
typedef int setting_WORD; // a constant of the word table's enum

// Where a value came from, lowest precedence first.
typedef enum setting_origin {
    SETTING_FROM_DEFAULT,
    SETTING_FROM_METHOD,       // preset of algorithm.method
    SETTING_FROM_OTHER_KEY,    // its default is the value of another key, or a spelling of several keys at once
    SETTING_FROM_FILE,         // the YAML file
    SETTING_FROM_COMMAND_LINE, // key=value
} setting_origin;

#define X(member, kind, field, key, default_, range, verl, resume, help) +1
#define S(member, table) table(X, member)
enum { SETTING_COUNT = SETTINGS_SECTIONS(S) };
#undef S
#undef X

typedef struct settings {
#define X(member, kind, field, key, default_, range, verl, resume, help) setting_##kind field;
#define S(member, table)                                                                                                         \
    struct {                                                                                                                     \
        table(X, member)                                                                                                         \
    } member;
    SETTINGS_SECTIONS(S)
#undef S
#undef X
    struct {
        setting_origin origin;
        int line;            // of the file, 0 if none
        const char *because; // SETTING_FROM_OTHER_KEY: that key
    } source[SETTING_COUNT]; // in the order of the table
    text_list notes;         // sentences for the user: what was accepted without effect, what was removed
} settings;

typedef enum setting_kind {
    SETTING_BOOL,
    SETTING_INT,
    SETTING_REAL,
    SETTING_PAIR,
    SETTING_TEXT,
    SETTING_LIST,
    SETTING_WORD
} setting_kind;

typedef struct setting_word {
    const char *name, *alias; // alias: a second spelling or NULL; the last entry of a table has name NULL
} setting_word;

typedef struct setting_entry {
    setting_kind kind;
    const char *key;
    const char *standard; // the default as written in the table; "null" where another key decides
    const char *range;    // an interval, or NULL
    const setting_word *words;
    const char *verl;    // verl's default where it differs, "" where verl has no such key, else NULL
    bool alters_results; // changing it on resume changes the results
    const char *help;
    size_t offset; // in settings
} setting_entry;

extern const setting_entry settings_table[SETTING_COUNT];

// Fills *s from the defaults, the method's preset, the YAML file `path` (NULL for none) and `count` command-line assignments
// ("key=value", "+key=value", "++key=value", "~key"), in this order, then checks values against each other. Failure:
// STATUS_INVALID or STATUS_UNSUPPORTED with file, line and key in the message; *s is then empty (settings_free is harmless).
status settings_load(settings *s, const char *path, const char *const *assignments, size_t count);

// The same from YAML text; `name` stands for the file in messages.
status settings_load_text(settings *s, const char *yaml, size_t length, const char *name, const char *const *assignments,
                          size_t count);

void settings_free(settings *s);

// What training needs beyond a consistent set of values: data, model, no top-p or top-k, batch sizes that divide.
status settings_check_training(const settings *s);

// What supervised training needs: data and model.
status settings_check_sft(const settings *s);

// Sets a key that neither file nor command line gives to `text`, as the tables would write it; `because` is what it follows from,
// a static string.
status settings_take(settings *s, const char *key, const char *text, const char *because);

// Appends "KEY was A and is B; ..." for the keys that alter results and differ between a run's saved settings and others. The
// length of a run is one of them only where the learning rate looks at it.
status settings_list_changes(buffer *changes, const settings *saved, const settings *now);

// Refuses (STATUS_INVALID) when a key that alters results differs between a run's saved settings and those of its continuation,
// naming each key with both values; with `allow_change` it only adds a note for each to `now`.
status settings_check_resume(const settings *saved, settings *now, bool allow_change);

// Appends to `out`: one value as YAML writes it; all settings as YAML that loads back to the same values; a listing with origin,
// verl's default and help; the reference page (Markdown, values of the table only).
status settings_write_value(buffer *out, const settings *s, size_t entry);
status settings_write_yaml(buffer *out, const settings *s);
status settings_write_listing(buffer *out, const settings *s);
status settings_write_reference(buffer *out);

// Index of a key in the table, SETTING_COUNT if there is none.
size_t settings_find(const char *key);

#endif
