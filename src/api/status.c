// Status, messages and version of libdsdr, and what its functions share (api.h).
#include <stdlib.h>

#include "api/api.h"

API_SAME(DSDR_OK, STATUS_OK);
API_SAME(DSDR_INVALID, STATUS_INVALID);
API_SAME(DSDR_UNSUPPORTED, STATUS_UNSUPPORTED);
API_SAME(DSDR_IO, STATUS_IO);
API_SAME(DSDR_NO_MEMORY, STATUS_NO_MEMORY);
API_SAME(DSDR_LIMIT, STATUS_LIMIT);
API_SAME(DSDR_FAILED, STATUS_FAILED);
API_SAME(DSDR_INTERRUPTED, STATUS_INTERRUPTED);

const char *dsdr_message(void) { return status_message(); }

const char *dsdr_status_words(dsdr_status code) {
    return (unsigned)code <= DSDR_INTERRUPTED ? status_words((status)code) : "unknown status";
}

const char *dsdr_version(void) { return DSDR_VERSION; }

void dsdr_free(void *memory) { free(memory); }

status api_lengths(const char *const *texts, const size_t *lengths, size_t count, size_t **out) {
    *out = NULL;
    for (size_t i = 0; i < count; i++)
        if (!texts[i]) return status_set(STATUS_INVALID, "text %zu is NULL", i);
    size_t *own = calloc(count, sizeof *own);
    if (!own) return status_set(STATUS_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < count; i++) own[i] = api_length(texts[i], lengths ? lengths[i] : DSDR_STRING);
    *out = own;
    return STATUS_OK;
}
