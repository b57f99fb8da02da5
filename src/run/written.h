// Options as they are written, in YAML or as key=value, before they have a type; and what gives them one. Used by settings, new
// models and studies.
#ifndef DSDR_RUN_WRITTEN_H
#define DSDR_RUN_WRITTEN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "base/text_list.h"
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

// Adds an empty entry for `key` (of `length` bytes); NULL when memory is out.
written *written_add(written_list *list, const char *key, size_t length);

// Refuses a key that is no setting, with "did you mean".
status written_check_key(const written *w);

// "FILE:LINE: " or "command line: " for messages.
const char *written_place(const written *w, char *text, size_t size);

// The value as a person would write it, for messages; cut where it is long.
const char *written_value(const written *w, char *text, size_t size);

// Gives *value, of the entry's kind and with a former value or zero, what was written; gives back what a former value owns. The
// message of a failure names place, key, value, and what would be right. The entry need not be one of settings_table.
status setting_read(const setting_entry *e, void *value, const written *w);

#endif
