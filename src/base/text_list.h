// A growable list of texts.
#ifndef DSDR_BASE_TEXT_LIST_H
#define DSDR_BASE_TEXT_LIST_H

#include <stddef.h>

#include "base/status.h"

typedef struct text_list {
    char **items; // owned, NUL-terminated
    size_t count;
} text_list;

// Append a copy of `length` bytes, or a text that is printed. They leave the list unchanged on failure (STATUS_NO_MEMORY).
status text_list_add(text_list *list, const char *text, size_t length);
status text_list_printf(text_list *list, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_list_free(text_list *list);

#endif
