// Counting the judged responses of a problem: correct ones, classes of equal answers for Maj@k, lengths, diversity. See
// evaluate.h.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "run/evaluate_parts.h"

// Maj@k of one problem costs n k^2 log k steps; beyond this much it is left out.
static const double majority_budget = 1 << 23;

static int compare_keys(const void *a, const void *b) {
    const struct answer_key *x = a, *y = b;
    size_t length = x->length < y->length ? x->length : y->length;
    int order = memcmp(x->text, y->text, length);
    return order ? order : x->length < y->length ? -1 : x->length > y->length;
}

// The classes of equal answers among the samples of one problem.
static status classify(evaluation_work *w, const group *one, const verdict *verdicts, bool think_open, size_t *classes,
                       size_t *answered) {
    verify_options options = w->o->scorer->verify;
    options.think_open = think_open;
    buffer_clear(&w->keys);
    *classes = *answered = 0;
    for (size_t r = 0; r < one->size; r++) {
        struct answer_key *key = &w->answers[*answered];
        *key = (struct answer_key){.offset = w->keys.length, .accepted = verdicts[r].status == VERDICT_CORRECT};
        bool found = false;
        TRY(verify_answer_key(&options, one->rollouts[r].text, one->rollouts[r].text_length, &w->keys, &found));
        key->length = w->keys.length - key->offset;
        *answered += found;
    }
    for (size_t i = 0; i < *answered; i++) w->answers[i].text = buffer_text(&w->keys) + w->answers[i].offset;
    qsort(w->answers, *answered, sizeof *w->answers, compare_keys);
    for (size_t i = 0; i < *answered; i++) {
        if (i == 0 || compare_keys(&w->answers[i], &w->answers[i - 1])) {
            w->class_size[*classes] = 0;
            w->class_accepted[(*classes)++] = false;
        }
        w->class_size[*classes - 1]++;
        // Equal answers have equal verdicts, but for one whose judgement did not come back.
        w->class_accepted[*classes - 1] |= w->answers[i].accepted;
    }
    return STATUS_OK;
}

static status score_problem(evaluation_work *w, size_t place, const group *one, const verdict *verdicts) {
    evaluation *e = w->tally.e;
    size_t ks[72], classes, answered, n = e->n;
    evaluation_ks(n, ks);
    uint32_t correct = 0;
    for (size_t r = 0; r < n; r++) {
        correct += verdicts[r].status == VERDICT_CORRECT;
        if (r + 1 == e->average) e->first[place] = correct;
    }
    e->correct[place] = correct;
    w->tally.average[place] = (double)e->first[place] / (double)e->average;
    w->tally.pass[place] = w->tally.majority[place] = (double)correct / (double)n;
    if (n == 1) return STATUS_OK;
    TRY(classify(w, one, verdicts, w->prompts->think_open[e->index[place]], &classes, &answered));
    for (size_t i = 1; i < e->k_count; i++) {
        double *majority = &w->tally.majority[i * e->problems + place];
        TRY(stats_pass_at_k((uint32_t)n, correct, (uint32_t)ks[i], &w->tally.pass[i * e->problems + place]));
        *majority = NAN;
        if (!((double)n * (double)ks[i] * (double)ks[i] <= majority_budget)) continue;
        TRY(stats_majority_at_k(w->class_size, w->class_accepted, classes, (uint32_t)(n - answered), (uint32_t)ks[i], majority));
    }
    return STATUS_OK;
}

static status measure_diversity(evaluation_work *w, const group *one, source_tally *sum) {
    diversity_report report;
    group first = *one;
    first.size = w->tally.e->diversity_samples;
    TRY(scorer_diversity(w->o->scorer, &first, 1, w->diversities, w->formulas, &report));
    sum->semantic += report.semantic_similarity;
    if (report.formula_groups > 0) sum->formula += report.formula_similarity, sum->formula_problems++;
    if (report.distinct_groups > 0) sum->distinct += report.distinct_share, sum->distinct_problems++;
    return STATUS_OK;
}

static status hand_out(const evaluation_work *w, size_t index, const group *one, size_t r, const verdict *v) {
    if (w->o->record && !w->restoring) {
        record_evaluation_row row = {.pass = w->o->pass,
                                     .source = one->problem->source,
                                     .problem_id = one->problem->id,
                                     .sample = r,
                                     .rollout = &one->rollouts[r],
                                     .verdict = v};
        TRY(record_evaluation(w->o->record, &row));
    }
    if (!w->o->response) return STATUS_OK;
    evaluation_response response = {
        .problem = one->problem, .index = index, .sample = r, .rollout = &one->rollouts[r], .verdict = v};
    return w->o->response(w->o->response_context, &response);
}

status evaluation_count(evaluation_work *w, size_t place, const group *one, const verdict *verdicts) {
    evaluation *e = w->tally.e;
    source_tally *sum = &w->tally.sources[e->source_of[place]];
    sum->problems++;
    for (size_t r = 0; r < one->size; r++) {
        const rollout *response = &one->rollouts[r];
        sum->samples++;
        sum->verdicts[verdicts[r].status]++;
        sum->length += (double)response->length;
        sum->cut += response->finish == FINISH_LENGTH;
        e->response_tokens += response->length;
        if (!w->restoring) e->sampled_tokens += response->length;
        TRY(hand_out(w, e->index[place], one, r, &verdicts[r]));
    }
    TRY(score_problem(w, place, one, verdicts));
    return w->tally.diversity ? measure_diversity(w, one, sum) : STATUS_OK;
}

void evaluation_forget(evaluation_work *w, size_t count) {
    for (size_t i = 0; i < count * w->tally.e->n; i++) {
        verdict_clear(&w->verdicts[i]);
        w->verdicts[i] = (verdict){0};
    }
    group_set_clear(&w->set);
}
