// Going on with an evaluation: the responses that its record holds are counted as if they had just been sampled. See evaluate.h.
//
// A transaction holds whole problems, so the record holds the first problems of the set, each with all of its samples.
#include <string.h>

#include "run/evaluate_parts.h"

static status mismatch(const evaluation_work *w, const record_evaluation_row *row) {
    return status_set(
        STATUS_INVALID,
        "the record holds other responses than this evaluation would give: sample %zu of problem %s of %s in pass %s; "
        "the problems or their number of samples have changed",
        row->sample, row->problem_id, row->source, w->o->pass);
}

// One row: it has to be the sample that comes next. The last of a problem completes it.
static status take_row(void *context, const record_evaluation_row *row) {
    evaluation_work *w = context;
    evaluation *e = w->tally.e;
    size_t n = e->n, sample = w->done % n;
    if (e->restored >= e->problems) return mismatch(w, row);
    const problem *asked = &w->o->problems->problems[e->index[e->restored]];
    if (row->sample != sample || strcmp(row->problem_id, asked->id) != 0 || strcmp(row->source, asked->source) != 0)
        return mismatch(w, row);
    group *one = &w->set.groups[0];
    rollout *response = &one->rollouts[sample];
    verdict *v = &w->verdicts[sample];
    one->problem = asked;
    response->length = row->rollout->length, response->finish = row->rollout->finish;
    response->text = text_copy(row->rollout->text, row->rollout->text_length);
    response->text_length = row->rollout->text_length;
    *v = (verdict){.status = row->verdict->status, .tier = ""};
    if (row->verdict->extracted) v->extracted = text_copy(row->verdict->extracted, strlen(row->verdict->extracted));
    if (!response->text || (row->verdict->extracted && !v->extracted))
        return status_set(STATUS_NO_MEMORY, "out of memory while reading an evaluation");
    w->done++;
    if (sample + 1 < n) return STATUS_OK;
    TRY(evaluation_count(w, e->restored, one, w->verdicts));
    evaluation_forget(w, 1);
    e->restored++;
    progress_report(&w->o->progress, w->o->pass, (double)w->done, (double)(e->problems * n), NULL, "from the record");
    return w->o->stop && *w->o->stop ? status_set(STATUS_INTERRUPTED, "the evaluation was interrupted") : STATUS_OK;
}

status evaluation_restore(evaluation_work *w) {
    w->restoring = true;
    TRY(record_each_evaluation(w->o->record, w->o->step, w->o->pass, take_row, w));
    w->restoring = false;
    if (w->done % w->tally.e->n == 0) return STATUS_OK;
    return status_set(STATUS_INVALID, "the record ends within problem %s of pass %s; it was not written by this program",
                      w->o->problems->problems[w->tally.e->index[w->tally.e->restored]].id, w->o->pass);
}
