// Responses of several evaluations to the same problems. See judge_samples.h.
#include "study/judge_samples.h"

#include <stdlib.h>
#include <string.h>

#include "run/options.h"
#include "tasks/tasks.h"

static status no_memory(void) { return status_set(STATUS_NO_MEMORY, "out of memory while reading evaluations"); }

// ---- labels --------------------------------------------------------------------------------------------------------------

// Length of a folder's path without slashes at its end.
static size_t path_length(const char *path) {
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/') length--;
    return length;
}

// Bytes that all paths share at their beginning, or at their end, in whole components with their slash. At least one byte of each
// is left beside these and `taken` others.
static size_t shared_bytes(const judge_evaluation *e, size_t count, bool at_end, size_t taken) {
    const char *first = e[0].folder;
    size_t first_length = path_length(first), shared = first_length;
    for (size_t i = 0; i < count; i++) {
        const char *path = e[i].folder;
        size_t length = path_length(path), same = 0;
        while (same < shared && same + taken + 1 < length &&
               (at_end ? path[length - 1 - same] == first[first_length - 1 - same] : path[same] == first[same]))
            same++;
        shared = same;
    }
    while (shared > 0 && first[at_end ? first_length - shared : shared - 1] != '/') shared--;
    return shared;
}

static status make_labels(judge_samples *s) {
    size_t front = 0, back = 0;
    if (s->count > 1) front = shared_bytes(s->evaluations, s->count, false, 0);
    if (s->count > 1) back = shared_bytes(s->evaluations, s->count, true, front);
    for (size_t i = 0; i < s->count; i++) {
        judge_evaluation *e = &s->evaluations[i];
        e->label = text_copy(e->folder + front, path_length(e->folder) - front - back);
        if (!e->label) return no_memory();
        for (size_t j = 0; j < i; j++)
            if (!strcmp(e->label, s->evaluations[j].label)) return status_set(STATUS_INVALID, "%s is given twice", e->folder);
    }
    return STATUS_OK;
}

// ---- one evaluation ------------------------------------------------------------------------------------------------------

static status refuse(const judge_evaluation *e) {
    return status_set(STATUS_IO, "%s/run.db cannot be read: %s", e->folder, sqlite3_errmsg(e->record.database));
}

// The pass with several samples a problem, and its last step.
static status choose_pass(judge_evaluation *e) {
    static const char sql[] = "SELECT pass, max(step) FROM evaluations WHERE pass IN ('pass@k', 'custom') GROUP BY pass "
                              "ORDER BY pass = 'custom'";
    if (e->record.version >= 2) {
        sqlite3_stmt *statement = NULL;
        if (sqlite3_prepare_v2(e->record.database, sql, -1, &statement, NULL) != SQLITE_OK) return refuse(e);
        int result = sqlite3_step(statement);
        if (result == SQLITE_ROW) {
            e->pass = text_copy((const char *)sqlite3_column_text(statement, 0), (size_t)sqlite3_column_bytes(statement, 0));
            e->step = sqlite3_column_int64(statement, 1);
        }
        sqlite3_finalize(statement);
        if (result != SQLITE_ROW && result != SQLITE_DONE) return refuse(e);
        if (result == SQLITE_ROW) return e->pass ? STATUS_OK : no_memory();
    }
    return status_set(STATUS_INVALID, "%s/run.db holds no evaluation by dsdr eval with several samples a problem", e->folder);
}

static status open_evaluation(judge_evaluation *e) {
    TRY(study_record_open(&e->record, e->folder));
    TRY(choose_pass(e));
    static const char sql[] = "SELECT response FROM evaluations WHERE rowid = ?1";
    return sqlite3_prepare_v2(e->record.database, sql, -1, &e->response, NULL) == SQLITE_OK ? STATUS_OK : refuse(e);
}

// What an evaluation holds: rows of responses in order of problem and sample, and the problems that they belong to.
typedef struct listing {
    int64_t *rows;
    size_t row_count, row_capacity;
    struct listed {
        char *source, *id;
        size_t first, count; // rows
    } * problems;
    size_t count, capacity;
} listing;

static void listing_free(listing *l) {
    for (size_t i = 0; i < l->count; i++) free(l->problems[i].source), free(l->problems[i].id);
    free(l->rows), free(l->problems);
}

static status list_row(listing *l, const char *source, const char *id, int64_t row) {
    struct listed *last = l->count ? &l->problems[l->count - 1] : NULL;
    if (!last || strcmp(last->source, source) != 0 || strcmp(last->id, id) != 0) {
        if (l->count == l->capacity) {
            size_t capacity = l->capacity ? 2 * l->capacity : 256;
            struct listed *grown = realloc(l->problems, capacity * sizeof *grown);
            if (!grown) return no_memory();
            l->problems = grown, l->capacity = capacity;
        }
        last = &l->problems[l->count++];
        *last = (struct listed){text_copy(source, strlen(source)), text_copy(id, strlen(id)), l->row_count, 0};
        if (!last->source || !last->id) return no_memory();
    }
    if (l->row_count == l->row_capacity) {
        size_t capacity = l->row_capacity ? 2 * l->row_capacity : 4096;
        int64_t *grown = realloc(l->rows, capacity * sizeof *grown);
        if (!grown) return no_memory();
        l->rows = grown, l->row_capacity = capacity;
    }
    l->rows[l->row_count++] = row, last->count++;
    return STATUS_OK;
}

static status list_responses(listing *l, const judge_evaluation *e) {
    static const char sql[] =
        "SELECT source, problem_id, rowid FROM evaluations WHERE step = ?1 AND pass = ?2 AND source IS NOT NULL "
        "AND problem_id IS NOT NULL ORDER BY source, problem_id, sample";
    sqlite3_stmt *statement = NULL;
    bool good = sqlite3_prepare_v2(e->record.database, sql, -1, &statement, NULL) == SQLITE_OK &&
                sqlite3_bind_int64(statement, 1, e->step) == SQLITE_OK &&
                sqlite3_bind_text(statement, 2, e->pass, -1, SQLITE_STATIC) == SQLITE_OK;
    status code = STATUS_OK;
    while (good && code == STATUS_OK) {
        int result = sqlite3_step(statement);
        if (result == SQLITE_DONE) break;
        good = result == SQLITE_ROW;
        if (good)
            code = list_row(l, (const char *)sqlite3_column_text(statement, 0), (const char *)sqlite3_column_text(statement, 1),
                            sqlite3_column_int64(statement, 2));
    }
    if (!good) code = refuse(e);
    sqlite3_finalize(statement);
    return code;
}

// ---- problems of all evaluations -----------------------------------------------------------------------------------------

static int compare_listed(const void *a, const void *b) {
    const struct listed *x = a, *y = b;
    int order = strcmp(x->source, y->source);
    return order ? order : strcmp(x->id, y->id);
}

// SQLite sorts by bytes, as strcmp does.
static const struct listed *find(const listing *l, const struct listed *which) {
    return bsearch(which, l->problems, l->count, sizeof *l->problems, compare_listed);
}

// The least number of responses that an evaluation has to this problem; 0 where one lacks it.
static size_t least(const listing *l, size_t count, const struct listed *which) {
    size_t n = which->count;
    for (size_t e = 1; e < count; e++) {
        const struct listed *other = find(&l[e], which);
        size_t here = other ? other->count : 0;
        if (here < n) n = here;
    }
    return n;
}

static status match(judge_samples *s, const listing *l, size_t wanted) {
    size_t kept = 0, longest = 0, most = 0;
    s->n = wanted;
    for (size_t i = 0; i < l[0].count; i++) {
        size_t n = least(l, s->count, &l[0].problems[i]);
        if (n > most) most = n;
        if (n > 0 && (s->n == 0 || (wanted == 0 && n < s->n))) s->n = n;
    }
    for (size_t i = 0; i < l[0].count; i++) kept += s->n > 0 && least(l, s->count, &l[0].problems[i]) >= s->n;
    for (size_t e = 0; e < s->count; e++)
        if (l[e].count > longest) longest = l[e].count;
    if (kept == 0 && most > 0)
        return status_set(STATUS_INVALID, "no problem has %zu responses in every evaluation; judge.samples=%zu would find some",
                          wanted, most);
    if (kept == 0) return status_set(STATUS_INVALID, "these evaluations have no problem in common");
    if (s->n < 2) return status_set(STATUS_INVALID, "there is only one response a problem: nothing to compare");
    s->left_out = longest - kept;
    s->problems = calloc(kept, sizeof *s->problems);
    s->rows = malloc(s->count * kept * s->n * sizeof *s->rows);
    if (!s->problems || !s->rows) return no_memory();
    for (size_t i = 0; i < l[0].count; i++) {
        const struct listed *one = &l[0].problems[i];
        if (least(l, s->count, one) < s->n) continue;
        judge_problem *p = &s->problems[s->problem_count];
        p->source = text_copy(one->source, strlen(one->source)), p->id = text_copy(one->id, strlen(one->id));
        for (size_t e = 0; e < s->count; e++)
            memcpy(s->rows + (e * kept + s->problem_count) * s->n, l[e].rows + find(&l[e], one)->first, s->n * sizeof *s->rows);
        s->problem_count++;
        if (!p->source || !p->id) return no_memory();
        s->source_count += s->problem_count == 1 || strcmp(p->source, p[-1].source) != 0;
    }
    return STATUS_OK;
}

status judge_samples_open(judge_samples *s, const char *const *folders, size_t count, size_t n) {
    *s = (judge_samples){.evaluations = calloc(count, sizeof *s->evaluations), .count = count};
    listing *listings = calloc(count, sizeof *listings);
    status code = s->evaluations && listings ? STATUS_OK : no_memory();
    for (size_t i = 0; i < count && code == STATUS_OK; i++) s->evaluations[i].folder = folders[i];
    if (code == STATUS_OK) code = make_labels(s);
    for (size_t i = 0; i < count && code == STATUS_OK; i++) {
        code = open_evaluation(&s->evaluations[i]);
        if (code == STATUS_OK) code = list_responses(&listings[i], &s->evaluations[i]);
    }
    if (code == STATUS_OK) code = match(s, listings, n);
    for (size_t i = 0; listings && i < count; i++) listing_free(&listings[i]);
    free(listings);
    if (code != STATUS_OK) judge_samples_close(s);
    return code;
}

void judge_samples_close(judge_samples *s) {
    for (size_t i = 0; s->evaluations && i < s->count; i++) {
        judge_evaluation *e = &s->evaluations[i];
        sqlite3_finalize(e->response);
        study_record_close(&e->record);
        free(e->label), free(e->pass);
    }
    for (size_t i = 0; s->problems && i < s->problem_count; i++)
        free(s->problems[i].source), free(s->problems[i].id), free(s->problems[i].text);
    free(s->evaluations), free(s->problems), free(s->rows);
    *s = (judge_samples){0};
}

status judge_samples_read(judge_samples *s, size_t evaluation, size_t problem, size_t i, buffer *out) {
    judge_evaluation *e = &s->evaluations[evaluation];
    buffer_clear(out);
    sqlite3_bind_int64(e->response, 1, s->rows[(evaluation * s->problem_count + problem) * s->n + i]);
    status code = sqlite3_step(e->response) == SQLITE_ROW ? STATUS_OK : refuse(e);
    if (code == STATUS_OK) {
        const char *text = (const char *)sqlite3_column_text(e->response, 0);
        code = buffer_append(out, text ? text : "", text ? (size_t)sqlite3_column_bytes(e->response, 0) : 0);
    }
    sqlite3_reset(e->response);
    return code;
}

status judge_samples_find_texts(judge_samples *s, const settings *with_files, size_t *found) {
    *found = 0;
    const text_list *files = &with_files->data.val_files;
    if (files->count == 0) return STATUS_OK;
    problem_set set;
    problem_options options = options_problems(with_files);
    TRY(problem_set_open(&set, (const char *const *)files->items, files->count, &options));
    status code = STATUS_OK;
    for (size_t i = 0; i < set.count && code == STATUS_OK; i++) {
        const problem *one = &set.problems[i];
        size_t low = 0, high = s->problem_count;
        while (low < high) {
            size_t middle = (low + high) / 2;
            int order = strcmp(s->problems[middle].source, one->source);
            if (order == 0) order = strcmp(s->problems[middle].id, one->id);
            if (order < 0)
                low = middle + 1;
            else
                high = middle;
        }
        judge_problem *p = &s->problems[low];
        if (low == s->problem_count || strcmp(p->source, one->source) != 0 || strcmp(p->id, one->id) != 0 || p->text) continue;
        if (!(p->text = text_copy(one->text, strlen(one->text)))) code = no_memory();
        (*found)++;
    }
    problem_set_free(&set);
    return code;
}
