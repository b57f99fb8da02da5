// What the functions of libdsdr share: checks of arguments and the way from the rooms' types to those of dsdr.h.
//
// The room api/ forwards and converts; it decides nothing. It stands beside cli/ above all other rooms: both are doors, and no
// room includes either.
#ifndef DSDR_API_API_H
#define DSDR_API_API_H

#include <string.h>

#include "base/status.h"
#include "dsdr.h"
#include "records/records.h"
#include "reward/verify.h"

// Enums of dsdr.h have the numbers of the rooms' own, so that a cast converts them.
#define API_SAME(a, b) _Static_assert((int)(a) == (int)(b), "dsdr.h numbers an enum differently")

static inline dsdr_status api_status(status code) { return (dsdr_status)code; }
static inline dsdr_status api_no_memory(void) { return api_status(status_set(STATUS_NO_MEMORY, "out of memory")); }

// Returns DSDR_INVALID from the calling function when a pointer it needs is NULL.
#define API_NEED(pointer)                                                                                                        \
    do {                                                                                                                         \
        if (!(pointer)) return api_status(status_set(STATUS_INVALID, "%s: `%s` is NULL", __func__, #pointer));                   \
    } while (0)

#define API_TRY(expression)                                                                                                      \
    do {                                                                                                                         \
        status api_status_ = (expression);                                                                                       \
        if (api_status_ != STATUS_OK) return api_status(api_status_);                                                            \
    } while (0)

// The bytes of a text argument; a NULL of no bytes is the empty text.
static inline size_t api_length(const char *text, size_t length) { return length == DSDR_STRING ? strlen(text) : length; }
#define API_TEXT(text, length)                                                                                                   \
    do {                                                                                                                         \
        if (!(text) && (length) == 0) (text) = "";                                                                               \
        API_NEED(text);                                                                                                          \
        (length) = api_length((text), (length));                                                                                 \
    } while (0)

// The lengths of `count` texts in a fresh array (free it); `lengths` NULL: of NUL-terminated ones. STATUS_INVALID for a text that
// is NULL.
status api_lengths(const char *const *texts, const size_t *lengths, size_t count, size_t **out);

// The options of verification. STATUS_INVALID for a profile that is none.
status api_verify_options(const dsdr_verify_options *given, verify_options *out);
// Takes over what `v` owns.
dsdr_verdict api_verdict(const verdict *v);

#endif
