// Status codes and messages: how every function of the project reports failure.
//
// A function that can fail returns `status`. On failure it has set this thread's message to one sentence that says what was
// wrong, where (file, line, key) and what would be right. Callers forward failures with TRY and may add context in front.
// Nothing below cli/ prints or exits.
#ifndef DSDR_BASE_STATUS_H
#define DSDR_BASE_STATUS_H

// X(code, exit code of the command line, words for a reader)
#define STATUS_TABLE(X)                                                                                                          \
    X(STATUS_OK, 0, "done")                                                                                                      \
    X(STATUS_INVALID, 2, "bad input")         /* the caller or the user gave something wrong */                                  \
    X(STATUS_UNSUPPORTED, 2, "not supported") /* understood, but not implemented here */                                         \
    X(STATUS_IO, 1, "input/output failed")    /* the system refused: disk full, permission, missing device */                    \
    X(STATUS_NO_MEMORY, 1, "out of memory")                                                                                      \
    X(STATUS_LIMIT, 1, "limit reached") /* a configured limit ended the work */                                                  \
    X(STATUS_FAILED, 1, "failed while running")                                                                                  \
    X(STATUS_INTERRUPTED, 3, "interrupted and saved")

typedef enum status {
#define X(code, exit_code, words) code,
    STATUS_TABLE(X)
#undef X
} status;

// Sets this thread's message (printf format) and returns `code`. A message longer than 2 KiB is cut.
status status_set(status code, const char *format, ...) __attribute__((format(printf, 2, 3)));

// Puts "context: " in front of this thread's message and returns `code` unchanged; does nothing for STATUS_OK.
status status_context(status code, const char *format, ...) __attribute__((format(printf, 2, 3)));

// This thread's last message; "" if there was none. Valid until the next failure in this thread.
const char *status_message(void);

int status_exit_code(status code);
const char *status_words(status code);

// Forwards a failure to the caller. Use only where there is nothing to clean up; else `goto cleanup` with TRY_OR.
#define TRY(expression)                                                                                                          \
    do {                                                                                                                         \
        status try_status_ = (expression);                                                                                       \
        if (try_status_ != STATUS_OK) return try_status_;                                                                        \
    } while (0)

// Stores a failure in `variable` and jumps to `label`.
#define TRY_OR(variable, expression, label)                                                                                      \
    do {                                                                                                                         \
        (variable) = (expression);                                                                                               \
        if ((variable) != STATUS_OK) goto label;                                                                                 \
    } while (0)

#endif
