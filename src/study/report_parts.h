// What the files of the report share. Private to study/.
#ifndef DSDR_STUDY_REPORT_PARTS_H
#define DSDR_STUDY_REPORT_PARTS_H

#include <jansson.h>

#include "study/collection.h"
#include "study/collection_parts.h"
#include "study/report.h"

// The page up to its data, which is JSON and closes the page with report_page_tail (report_page.c).
extern const char report_page[], report_page_end[];
#define REPORT_PAGE_TAIL "</script></body></html>\n"

status report_no_memory(void);

// A query on a record: rows until *more is false, parameters are integers bound in order.
typedef struct report_query {
    sqlite3_stmt *statement;
    const char *folder;
} report_query;
status report_query_open(report_query *q, const study_record *r, const char *folder, const char *sql, const int64_t *parameters,
                         int count);
status report_query_next(report_query *q, bool *more);
void report_query_close(report_query *q);
// A column as JSON: number, valid text, or null.
json_t *report_query_json(const report_query *q, int column);
// All rows as arrays.
status report_query_rows(json_t **rows, const study_record *r, const char *folder, const char *sql, const int64_t *parameters,
                         int count);
// Whether the record has that table: older ones do not have all.
status report_has_table(bool *has, const study_record *r, const char *folder, const char *table);

// Steps that one point of a curve stands for, so that a curve has at most REPORT_POINTS points.
enum { REPORT_POINTS = 500 };

// report_run.c: adds "facts", "settings", "stride", "steps", "curves", "evaluations" to `out`.
status report_add_run(json_t *out, const study_run *run);

// report_rollouts.c: adds "groups", of about `rollouts` responses, and "recorded".
status report_add_rollouts(json_t *out, const study_run *run, size_t rollouts, report_summary *done);

#endif
