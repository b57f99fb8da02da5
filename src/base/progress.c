// Progress on a terminal and in a pipe. See progress.h.
#include "base/progress.h"

#include <math.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

static const double terminal_interval = 0.1, pipe_interval = 5.0; // seconds between two drawings

static double now_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

char *progress_duration(char *text, double seconds) {
    if (!(seconds >= 0 && seconds < 1e9)) seconds = 0;
    long whole = lround(seconds);
    if (whole < 60)
        snprintf(text, 24, "%lds", whole);
    else if (whole < 3600)
        snprintf(text, 24, "%ldm%02lds", whole / 60, whole % 60);
    else
        snprintf(text, 24, "%ldh%02ldm", whole / 3600, whole / 60 % 60);
    return text;
}

void progress_view_open(progress_view *view, FILE *stream) {
    *view = (progress_view){.stream = stream, .terminal = isatty(fileno(stream)) == 1, .last_drawn = -1e9};
}

void progress_view_clear(progress_view *view) {
    if (view->line_open) fputs("\r\033[K", view->stream);
    view->line_open = false;
    fflush(view->stream);
}

static size_t line_width(const progress_view *view) {
    struct winsize size;
    if (ioctl(fileno(view->stream), TIOCGWINSZ, &size) != 0 || size.ws_col < 20) return 80;
    return size.ws_col;
}

// "train [#####-----] 12/64 rows  3.2 rows/s  left 16s  reward 0.31"
static void compose(const progress_view *view, const progress_event *event, double now, char *line, size_t size) {
    double elapsed = now - view->phase_start, share = event->total > 0 ? fmin(1, event->done / event->total) : 0;
    size_t used = (size_t)snprintf(line, size, "%s", event->phase);
    char duration[24];
#define ADD(...)                                                                                                                 \
    do {                                                                                                                         \
        if (used < size) used += (size_t)snprintf(line + used, size - used, __VA_ARGS__);                                        \
    } while (0)
    if (event->total > 0 && view->terminal) {
        char bar[21] = "--------------------";
        memset(bar, '#', (size_t)(share * 20));
        ADD(" [%s]", bar);
    }
    ADD(" %.0f", event->done);
    if (event->total > 0) ADD("/%.0f", event->total);
    if (event->unit) ADD(" %s", event->unit);
    if (event->unit && elapsed > 0.2 && event->done > 0) ADD("  %.3g %s/s", event->done / elapsed, event->unit);
    if (event->total > 0 && event->done > 0 && event->done < event->total && elapsed > 0.5)
        ADD("  left %s", progress_duration(duration, elapsed * (event->total / event->done - 1)));
    if (event->detail) ADD("  %s", event->detail);
#undef ADD
}

void progress_view_report(void *context, const progress_event *event) {
    progress_view *view = context;
    double now = now_seconds();
    bool fresh = strncmp(view->phase, event->phase, sizeof view->phase - 1) != 0;
    if (fresh) {
        snprintf(view->phase, sizeof view->phase, "%s", event->phase);
        view->phase_start = now;
    }
    // The last event of a phase is always shown on a terminal; a pipe gets no line for phases that end within the interval.
    bool last = event->total > 0 && event->done >= event->total;
    if (!(now - view->last_drawn >= (view->terminal ? terminal_interval : pipe_interval)) && !(last && view->terminal)) return;
    if (!view->terminal && fresh && view->last_drawn < 0) {
        view->last_drawn = now; // the first line of a pipe comes after one interval
        return;
    }
    char line[512];
    compose(view, event, now, line, sizeof line);
    if (view->terminal) {
        // Cut to the width, not inside a UTF-8 sequence, so that the line does not wrap.
        size_t width = line_width(view) - 1, length = strlen(line);
        if (length > width) {
            while (width > 0 && ((unsigned char)line[width] & 0xC0) == 0x80) width--;
            line[width] = 0;
        }
        fprintf(view->stream, "\r\033[K%s", line);
        view->line_open = true;
    } else {
        fprintf(view->stream, "%s\n", line);
    }
    fflush(view->stream);
    view->last_drawn = now;
}
