// Asking an OpenAI-compatible endpoint: POST {base_url}/chat/completions, for many requests, a few at a time.
//
// libcurl carries the requests; it is loaded when the first is made, because loading it with the program would cost each start of
// `dsdr` more than all its other libraries. One thread, one loop.
//
// A request ends in one of these ways:
//   answered    200, and the caller accepts the body
//   refused     another 4xx: this request is wrong for the endpoint (too long, say); it is not repeated
//   unanswered  transport failures, timeouts, 408, 425, 429, 5xx or bodies that the caller does not accept, more often than is
//               retried. Between two tries lies retry_seconds, then twice that, and so on up to a minute, times a keyed factor in
//               [0.5, 1], or what Retry-After asks for where that is longer.
// What no repeating can mend ends everything at once: 401, 402, 403, 404, 405, redirects, an unusable URL, a certificate that
// does not hold, a Retry-After beyond ENDPOINT_LONGEST_WAIT, and ENDPOINT_FAILURES requests in a row that were not answered.
#ifndef DSDR_STUDY_ENDPOINT_H
#define DSDR_STUDY_ENDPOINT_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/status.h"

enum {
    ENDPOINT_REPLY_LIMIT = 1 << 20, // bytes of a reply; a longer one counts as refused
    ENDPOINT_LONGEST_WAIT = 600,    // seconds
    ENDPOINT_FAILURES = 5,
};

typedef struct endpoint_options {
    const char *base_url; // http:// or https://
    const char *api_key;  // sent as a bearer token; NULL: none. Appears in no message.
    double timeout_seconds, retry_seconds, requests_per_minute;
    size_t retries, concurrency;       // concurrency at least 1
    const volatile sig_atomic_t *stop; // nonzero: start nothing more, wait for what is under way; NULL: never
} endpoint_options;

typedef enum endpoint_end { ENDPOINT_ANSWERED, ENDPOINT_REFUSED, ENDPOINT_UNANSWERED } endpoint_end;

typedef struct endpoint_work {
    size_t count; // requests, started in the order 0, 1, ...
    void *context;
    // Writes the JSON body of a request; the same each time it is tried.
    status (*write)(void *context, size_t request, buffer *body);
    // Whether a body that came with 200 is a reply at all; NULL: every one.
    bool (*accept)(void *context, const char *body, size_t length);
    // A request has ended. `text` is the body of an answered one, else a sentence that says why not. Called once a request, as
    // soon as it ends.
    status (*finish)(void *context, size_t request, endpoint_end end, const char *text, size_t length);
} endpoint_work;

// Makes all requests. STATUS_INTERRUPTED after a stop, when nothing is under way any more; other failures as above, or from the
// functions of `work`. Requests that did not end are not reported.
status endpoint_run(const endpoint_options *options, const endpoint_work *work);

#endif
