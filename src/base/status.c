// Status messages, one per thread. See status.h.
#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char message[2048];

status status_set(status code, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    return code;
}

status status_context(status code, const char *format, ...) {
    if (code == STATUS_OK) return code;
    char context[1024], before[sizeof message];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(context, sizeof context, format, arguments);
    va_end(arguments);
    memcpy(before, message, sizeof before);
    size_t used = (size_t)snprintf(message, sizeof message, "%s: ", context);
    if (used < sizeof message) {
        size_t room = sizeof message - used - 1, length = strlen(before);
        if (length > room) length = room;
        memcpy(message + used, before, length);
        message[used + length] = 0;
    }
    return code;
}

const char *status_message(void) { return message; }

static const struct {
    int exit_code;
    const char *words;
} table[] = {
#define X(code, exit_code, words) [code] = {exit_code, words},
    STATUS_TABLE(X)
#undef X
};

int status_exit_code(status code) { return table[code].exit_code; }
const char *status_words(status code) { return table[code].words; }
