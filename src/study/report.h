// The report: one HTML file about runs, which opens without a network. What is known of the runs (collection.h) is written as
// JSON behind a page that was built into this program (src/study/report/, scripts/make_report_page.py); its script draws the
// rest. Called by `dsdr report` and `dsdr study`.
#ifndef DSDR_STUDY_REPORT_H
#define DSDR_STUDY_REPORT_H

#include <stddef.h>

#include "base/status.h"

enum { REPORT_ROLLOUTS = 1000 }; // responses kept where nothing else is asked for

typedef struct report_summary {
    size_t runs, recorded, kept; // recorded and kept: responses of training
    size_t bytes;                // of the file
} report_summary;

// Writes the report about the runs in `paths` to the file `output`, which is replaced in one step. At most about `rollouts`
// responses are kept, whole groups, shared evenly among the runs and evenly over the steps of each; groups whose tokens are
// recorded come first. The same records give the same bytes. On failure `output` is untouched.
status report_write(const char *output, const char *const *paths, size_t count, size_t rollouts, report_summary *done);

#endif
