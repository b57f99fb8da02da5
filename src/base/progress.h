// Progress: how library code reports it, and how the command line shows it.
#ifndef DSDR_BASE_PROGRESS_H
#define DSDR_BASE_PROGRESS_H

#include <stdbool.h>
#include <stdio.h>

// What library code reports: that `done` of `total` units of `phase` are done (total 0: unknown), with a few words beside it.
typedef struct progress_event {
    const char *phase; // "generate", "train", "verify", ...
    double done, total;
    const char *unit;   // "tok", "rows", ...; NULL for none: no rate is shown
    const char *detail; // such as "reward 0.31"; NULL for none
} progress_event;

// A receiver of events; called from one thread, possibly often. NULL where nobody listens.
typedef struct progress_sink {
    void (*report)(void *context, const progress_event *event);
    void *context;
} progress_sink;

static inline void progress_report(const progress_sink *sink, const char *phase, double done, double total, const char *unit,
                                   const char *detail) {
    if (sink && sink->report) sink->report(sink->context, &(progress_event){phase, done, total, unit, detail});
}

// Shows events on a stream: on a terminal one line, redrawn at most ten times a second and cut to its width; elsewhere a plain
// line at most every five seconds. Only cli/ makes one.
typedef struct progress_view {
    FILE *stream;
    bool terminal, line_open;
    double phase_start, last_drawn; // seconds of the monotonic clock
    char phase[48];
} progress_view;

void progress_view_open(progress_view *view, FILE *stream);
void progress_view_report(void *view, const progress_event *event); // fits progress_sink
// Takes the open line away, so that other text can be printed.
void progress_view_clear(progress_view *view);

// "3s", "4m05s", "2h07m" for a number of seconds, into `text` (at least 24 bytes), which is returned.
char *progress_duration(char *text, double seconds);

#endif
