// What the files share that make up settings: values by their place in the table, and verl's keys. Private to run/.
#ifndef DSDR_RUN_SETTINGS_PARTS_H
#define DSDR_RUN_SETTINGS_PARTS_H

#include "run/settings.h"
#include "run/written.h"

// Resolves interpolations (${...}) in the values of verl's keys; counts[i] says whether item i is still valid. A failure names
// the value, and why it cannot be resolved.
status written_interpolate(written_list *list, const bool *counts);

// One value: where it lies; giving back what it owns; setting it from what was written (the message of a failure names place, key
// and value); setting it from a text of the tables.
void *setting_at(settings *s, size_t entry);
void setting_clear(settings *s, size_t entry);
status setting_assign(settings *s, size_t entry, const written *w);
status setting_assign_standard(settings *s, size_t entry, const char *text, setting_origin origin, const char *because);
bool setting_in_range(const char *range, double x);

// Refuses values that contradict each other.
status settings_check_together(settings *s);

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
