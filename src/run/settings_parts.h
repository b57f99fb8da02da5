// Between the files that make up settings: what was written (YAML or command line), before it has a type. Also for others that
// read options written in this way: new models and studies.
#ifndef DSDR_RUN_SETTINGS_INTERNAL_H
#define DSDR_RUN_SETTINGS_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "run/settings.h"

typedef enum written_shape { WRITTEN_NULL, WRITTEN_TEXT, WRITTEN_LIST, WRITTEN_MAP } written_shape;

// One "key: value" as written. A mapping appears here only when it is empty; others are flattened to dotted keys.
typedef struct written {
    char *key;
    written_shape shape;
    char *text;      // WRITTEN_TEXT
    text_list items; // WRITTEN_LIST
    bool nested;     // a list that holds lists or mappings
    bool removal;    // "~key"
    setting_origin origin;
    const char *name; // the file, or "command line"; borrowed
    int line;         // of the file; 0 on the command line
} written;

typedef struct written_list {
    written *items;
    size_t count, capacity;
} written_list;

// Appends what the YAML text holds. Refused, with line: duplicate keys, anchors and aliases, tags, several documents.
status written_read_yaml(written_list *list, const char *yaml, size_t length, const char *name);
// The same of a file.
status written_read_file(written_list *list, const char *path);
// Appends one command-line assignment.
status written_read_assignment(written_list *list, const char *text);
void written_free(written_list *list);

// Resolves interpolations (${...}) in the values of verl's keys; counts[i] says whether item i is still valid. A failure names
// the value, and why it cannot be resolved.
status written_interpolate(written_list *list, const bool *counts);

// Adds an empty entry for `key` (of `length` bytes); NULL when memory is out.
written *written_add(written_list *list, const char *key, size_t length);

status text_list_add(text_list *list, const char *text, size_t length);
void text_list_free(text_list *list);

// Refuses a key that is no setting, with "did you mean".
status written_check_key(const written *w);

// "FILE:LINE: " or "command line: " for messages.
const char *written_place(const written *w, char *text, size_t size);

// The value as a person would write it, for messages; cut where it is long.
const char *written_value(const written *w, char *text, size_t size);

// Gives *value, of the entry's kind and with a former value or zero, what was written; gives back what a former value owns. The
// message of a failure names place, key, value, and what would be right. The entry need not be one of settings_table.
status setting_read(const setting_entry *e, void *value, const written *w);

// One value: where it lies; giving back what it owns; setting it from what was written (the message of a failure names place, key
// and value); setting it from a text of the tables.
void *setting_at(settings *s, size_t entry);
void setting_clear(settings *s, size_t entry);
status setting_assign(settings *s, size_t entry, const written *w);
status setting_assign_standard(settings *s, size_t entry, const char *text, setting_origin origin, const char *because);
bool setting_in_range(const char *range, double x);

// Adds a sentence to the notes.
status settings_note(settings *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

// Refuses values that contradict each other.
status settings_check_together(settings *s);

// Keeps the candidate that is nearest to `key` in *best, if it is nearer than *distance.
void text_consider(const char *key, const char *candidate, const char **best, size_t *distance);

// Keys of verl that this program does not honour.
typedef enum verl_class {
    VERL_IGNORED, // no meaning here, whatever its value
    VERL_NEUTRAL, // would change results: only these values, separated by '|', are accepted
    VERL_SAME,    // has to equal another key
} verl_class;

typedef struct verl_key {
    const char *key; // "a.b", or "a.b.*" for a.b and everything below it
    verl_class class;
    const char *values; // VERL_NEUTRAL: accepted values; VERL_SAME: the other key
    const char *reason; // VERL_NEUTRAL: what is not implemented
} verl_key;

extern const verl_key verl_keys[];
extern const size_t verl_key_count;

// NULL where verl has no such key, as far as this program knows.
const verl_key *verl_find(const char *key);

// Whether `w` holds one of the '|'-separated values (numbers and booleans compared as such; each item of a list).
bool verl_value_accepted(const written *w, const char *values);

// Another spelling of a honoured key: the honoured one, or NULL.
const char *verl_alias(const char *key);

// "k1|alias1" pairs for the reference page; the last has `alias` NULL.
typedef struct verl_alias_entry {
    const char *alias, *key;
} verl_alias_entry;
extern const verl_alias_entry verl_aliases[];

#endif
