// Status, messages and version of libdsdr.
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
