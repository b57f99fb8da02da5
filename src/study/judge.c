// The analysis of diversity, from evaluations to a report. See judge.h.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/random.h"
#include "run/options.h"
#include "run/scoring.h"
#include "study/collection.h"
#include "study/endpoint.h"
#include "study/judge_parts.h"

enum { DRAW_ORDER = 0x10000, DRAW_REPEAT = 0x20000 }; // beside the draws of responses, whose second key is 0 or 1

static status no_memory(void) { return status_set(STATUS_NO_MEMORY, "out of memory for an analysis of diversity"); }

static bool asks(const judge *j) { return *j->options.settings->judge.base_url; }

static double *measures_of(const judge *j, size_t evaluation, size_t problem) {
    return j->measures + (evaluation * j->samples.problem_count + problem) * JUDGE_MEASURES;
}

// ---- opening -------------------------------------------------------------------------------------------------------------

static status check_settings(const settings *s) {
    if (*s->judge.base_url && !*s->judge.model)
        return status_set(STATUS_INVALID, "judge.base_url is given; judge.model has to name a model that it serves");
    if (*s->judge.model && !*s->judge.base_url)
        return status_set(STATUS_INVALID, "judge.model is given; judge.base_url has to name the endpoint that serves it");
    return scorer_check_encoder(s);
}

static status read_prompt(judge *j) {
    const char *path = j->options.settings->judge.prompt;
    if (*path) {
        file_map map;
        TRY(status_context(file_map_open(&map, path), "judge.prompt"));
        status code = buffer_append(&j->prompt, map.bytes, map.size);
        file_map_close(&map);
        TRY(code);
    } else {
        TRY(buffer_append_text(&j->prompt, judge_default_prompt()));
    }
    sha256_text(buffer_text(&j->prompt), j->prompt.length, j->prompt_hash);
    if (strlen(buffer_text(&j->prompt)) != j->prompt.length || !strstr(buffer_text(&j->prompt), "{responses}"))
        return status_set(STATUS_INVALID, "judge.prompt: %s has to be a text that contains {responses}", path);
    return STATUS_OK;
}

// The problems' texts: from data.val_files, or from the files that the first evaluation names, where they are still there.
static status find_texts(judge *j, size_t *found) {
    const settings *s = j->options.settings;
    *found = 0;
    if (s->data.val_files.count > 0) return judge_samples_find_texts(&j->samples, s, found);
    char *path = path_join(j->options.folders[0], "config.yaml");
    if (!path) return no_memory();
    settings saved;
    if (file_exists(path) && settings_load(&saved, path, NULL, 0) == STATUS_OK) {
        if (judge_samples_find_texts(&j->samples, &saved, found) != STATUS_OK) *found = 0;
        settings_free(&saved);
    }
    free(path);
    return STATUS_OK;
}

// The judgements made twice: those with the smallest draws.
typedef struct drawn {
    random_words key;
    size_t request;
} drawn;

static int compare_drawn(const void *a, const void *b) {
    const drawn *x = a, *y = b;
    int order = memcmp(&x->key, &y->key, sizeof x->key);
    return order ? order : (x->request > y->request) - (x->request < y->request);
}

static status list_requests(judge *j) {
    const settings *s = j->options.settings;
    size_t problems = j->samples.problem_count, first = j->samples.count * problems;
    size_t twice = (size_t)ceil(s->judge.repeat_share * (double)first);
    drawn *draws = calloc(first, sizeof *draws);
    j->requests = calloc(first + twice, sizeof *j->requests);
    if (!draws || !j->requests) {
        free(draws);
        return no_memory();
    }
    for (size_t i = 0; i < first; i++) {
        j->requests[i] = (judge_request){.evaluation = (uint32_t)(i / problems),
                                         .problem = (uint32_t)(i % problems),
                                         .reply = judge_no_reply(JUDGE_UNANSWERED)};
        draws[i] = (drawn){random_draw((uint64_t)s->trainer.seed, RANDOM_JUDGE, i, DRAW_REPEAT, 0), i};
    }
    qsort(draws, first, sizeof *draws, compare_drawn);
    for (size_t i = 0; i < twice; i++) {
        j->requests[first + i] = j->requests[draws[i].request];
        j->requests[first + i].repeat = 1;
    }
    free(draws);
    j->request_count = first + twice;
    return STATUS_OK;
}

// What is known already, what is left to ask, in which order, and what that would take.
static status plan_requests(judge *j, judge_plan *plan) {
    const settings *s = j->options.settings;
    buffer body = {0}, reply = {0};
    status code = STATUS_OK;
    TRY(list_requests(j));
    if (!(j->order = calloc(j->request_count, sizeof *j->order))) return no_memory();
    for (size_t i = 0; i < j->request_count; i++) {
        judge_request *r = &j->requests[i];
        TRY_OR(code, judge_write_request(j, r, &body, &plan->shown, &plan->cut), cleanup);
        TRY_OR(code, judge_name_request(j, r, &body), cleanup);
        TRY_OR(code, judge_store_get(j->store, r->key, &reply, &r->known), cleanup);
        if (r->known) {
            TRY_OR(code, judge_read_reply(buffer_text(&reply), reply.length, &r->reply), cleanup);
            continue;
        }
        for (size_t k = 0; k < j->order_count && !r->equal; k++)
            if (!strcmp(j->requests[j->order[k]].key, r->key)) r->equal = true, r->twin = j->order[k];
        if (r->equal) {
            plan->equal++;
            continue;
        }
        j->order[j->order_count++] = i;
        plan->input_tokens += ceil((double)body.length / 4);
        plan->output_tokens += (double)s->judge.max_tokens;
    }
    for (size_t i = j->order_count; i-- > 1;) {
        size_t k = (size_t)random_below((uint64_t)s->trainer.seed, RANDOM_JUDGE, 0, DRAW_ORDER, (uint32_t)i, i + 1),
               held = j->order[i];
        j->order[i] = j->order[k], j->order[k] = held;
    }
    plan->judgements = j->request_count, plan->repeats = j->request_count - j->samples.count * j->samples.problem_count;
    plan->requests = j->order_count, plan->cached = j->request_count - j->order_count - plan->equal;
    if (s->judge.input_price > 0 || s->judge.output_price > 0)
        plan->cost = 1e-6 * (plan->input_tokens * s->judge.input_price + plan->output_tokens * s->judge.output_price);
cleanup:
    buffer_free(&body), buffer_free(&reply);
    return code;
}

static status open_store(judge *j) {
    TRY(folder_create(j->options.output));
    TRY(run_lock_take(&j->lock, j->options.output));
    char *path = path_join(j->options.output, "judge.db");
    if (!path) return no_memory();
    status code = judge_store_open(&j->store, path);
    free(path);
    return code;
}

static status open_all(judge *j, judge_plan *plan) {
    TRY(check_settings(j->options.settings));
    TRY(read_prompt(j));
    TRY(judge_samples_open(&j->samples, j->options.folders, j->options.count, (size_t)j->options.settings->judge.samples));
    TRY(find_texts(j, &plan->texts));
    for (size_t e = 0; e < j->options.count; e++) {
        bool finished;
        TRY(study_is_finished(j->options.folders[e], &finished));
        plan->unfinished += !finished;
    }
    plan->methods = j->samples.count, plan->problems = j->samples.problem_count;
    plan->sources = j->samples.source_count, plan->left_out = j->samples.left_out, plan->n = j->samples.n;
    size_t cells = j->samples.count * j->samples.problem_count * JUDGE_MEASURES;
    j->measures = malloc(cells * sizeof *j->measures);
    j->shuffled = malloc(j->samples.n * sizeof *j->shuffled);
    if (!j->measures || !j->shuffled) return no_memory();
    for (size_t i = 0; i < cells; i++) j->measures[i] = NAN;
    TRY(open_store(j));
    return asks(j) ? plan_requests(j, plan) : STATUS_OK;
}

status judge_open(judge **result, const judge_options *options, judge_plan *plan) {
    *result = NULL;
    *plan = (judge_plan){.cost = NAN};
    judge *j = calloc(1, sizeof *j);
    if (!j) return no_memory();
    j->options = *options, j->lock.descriptor = -1;
    status code = open_all(j, plan);
    if (code == STATUS_OK)
        *result = j;
    else
        judge_close(j);
    return code;
}

void judge_close(judge *j) {
    if (!j) return;
    judge_store_close(j->store);
    run_lock_release(&j->lock);
    judge_samples_close(&j->samples);
    buffer_free(&j->prompt), buffer_free(&j->text), buffer_free(&j->filled);
    free(j->requests), free(j->order), free(j->measures), free(j->shuffled);
    free(j);
}

// ---- measures computed here ----------------------------------------------------------------------------------------------

static status measure_one(judge *j, scorer *scorer, rollout *rollouts, diversity *scores, formula_set *sets, size_t evaluation,
                          size_t problem) {
    size_t n = j->samples.n;
    for (size_t i = 0; i < n; i++) {
        TRY(judge_samples_read(&j->samples, evaluation, problem, i, &j->text));
        free(rollouts[i].text);
        rollouts[i].text = text_copy(buffer_text(&j->text), j->text.length), rollouts[i].text_length = j->text.length;
        if (!rollouts[i].text) return no_memory();
    }
    group one = {.size = n, .rollouts = rollouts};
    diversity_report report;
    TRY(scorer_diversity(scorer, &one, 1, scores, sets, &report));
    double *m = measures_of(j, evaluation, problem) + JUDGE_SIMILARITY;
    m[0] = report.semantic_similarity, m[1] = report.formula_similarity, m[2] = report.distinct_share;
    return STATUS_OK;
}

static bool asked_to_stop(const judge *j) { return j->options.stop && *j->options.stop; }

static status measure_all(judge *j) {
    const settings *s = j->options.settings;
    size_t n = j->samples.n, done = 0, total = j->samples.count * j->samples.problem_count;
    rollout *rollouts = calloc(n, sizeof *rollouts);
    diversity *scores = calloc(n, sizeof *scores);
    formula_set *sets = calloc(n, sizeof *sets);
    scorer scorer = {0};
    status code = rollouts && scores && sets ? scorer_open(&scorer, s, options_threads(s), true, NULL) : no_memory();
    for (size_t e = 0; e < j->samples.count && code == STATUS_OK; e++)
        for (size_t p = 0; p < j->samples.problem_count && code == STATUS_OK; p++) {
            code = measure_one(j, &scorer, rollouts, scores, sets, e, p);
            progress_report(&j->options.progress, "measure", (double)++done, (double)total, "problems", NULL);
            if (code == STATUS_OK && asked_to_stop(j))
                code = status_set(STATUS_INTERRUPTED, "interrupted before the judge was asked");
        }
    scorer_close(&scorer);
    for (size_t i = 0; rollouts && i < n; i++) free(rollouts[i].text);
    for (size_t i = 0; sets && i < n; i++) formula_set_free(&sets[i]);
    free(rollouts), free(scores), free(sets);
    return code;
}

// ---- asking --------------------------------------------------------------------------------------------------------------

static status write_body(void *context, size_t i, buffer *body) {
    judge *j = context;
    size_t shown = 0, cut = 0;
    return judge_write_request(j, &j->requests[j->order[i]], body, &shown, &cut);
}

static bool accept_body(void *context, const char *body, size_t length) {
    (void)context;
    return judge_is_completion(body, length);
}

static status take_answer(void *context, size_t i, endpoint_end end, const char *text, size_t length) {
    judge *j = context;
    judge_request *r = &j->requests[j->order[i]];
    progress_report(&j->options.progress, "judge", (double)++j->asked, (double)j->order_count, "requests", NULL);
    r->known = true;
    if (end == ENDPOINT_ANSWERED) {
        TRY(judge_store_put(j->store, r->key, text, length));
        return judge_read_reply(text, length, &r->reply);
    }
    snprintf(j->trouble, sizeof j->trouble, "%s", text);
    r->reply = judge_no_reply(end == ENDPOINT_REFUSED ? JUDGE_REFUSED : JUDGE_UNANSWERED);
    return STATUS_OK;
}

static status ask_all(judge *j) {
    const settings *s = j->options.settings;
    endpoint_options options = {.base_url = s->judge.base_url,
                                .api_key = j->options.api_key,
                                .timeout_seconds = s->judge.timeout_s,
                                .retry_seconds = s->judge.retry_s,
                                .requests_per_minute = s->judge.requests_per_minute,
                                .retries = (size_t)s->judge.retries,
                                .concurrency = (size_t)s->judge.concurrency,
                                .stop = j->options.stop};
    endpoint_work work = {
        .count = j->order_count, .context = j, .write = write_body, .accept = accept_body, .finish = take_answer};
    TRY(endpoint_run(&options, &work));
    for (size_t i = 0; i < j->request_count; i++)
        if (j->requests[i].equal) j->requests[i].reply = j->requests[j->requests[i].twin].reply;
    for (size_t i = 0; i < j->samples.count * j->samples.problem_count; i++)
        memcpy(measures_of(j, j->requests[i].evaluation, j->requests[i].problem), j->requests[i].reply.scores,
               sizeof j->requests[i].reply.scores);
    return STATUS_OK;
}

status judge_run(judge *j, judge_report *report) {
    *report = (judge_report){0};
    TRY(measure_all(j));
    if (asks(j)) TRY(ask_all(j));
    status code = judge_summarize(j, report);
    if (code == STATUS_OK) code = judge_record(j, report);
    if (code != STATUS_OK) judge_report_free(report);
    return code;
}
