// A growable list of texts. See text_list.h.
#include "base/text_list.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"

// Takes `text` over.
static status append(text_list *list, char *text) {
    char **items = text ? realloc(list->items, (list->count + 1) * sizeof *items) : NULL;
    if (!items) {
        free(text);
        return status_set(STATUS_NO_MEMORY, "out of memory");
    }
    list->items = items;
    items[list->count++] = text;
    return STATUS_OK;
}

status text_list_add(text_list *list, const char *text, size_t length) { return append(list, text_copy(text, length)); }

status text_list_printf(text_list *list, const char *format, ...) {
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    return append(list, length < 0 ? NULL : text);
}

void text_list_free(text_list *list) {
    for (size_t i = 0; i < list->count; i++) free(list->items[i]);
    free(list->items);
    *list = (text_list){0};
}
