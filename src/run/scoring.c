// Verdicts and diversity of groups. See scoring.h.
#include "run/scoring.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/random.h"
#include "run/open_model.h"
#include "run/options.h"
#include "tasks/countdown.h"

enum { ENCODER_ROWS = 2048 };
static const size_t worker_memory = (size_t)1 << 30;

status scorer_check_encoder(const settings *settings) {
    if (folder_exists(settings->dsdr.encoder)) return STATUS_OK;
    return status_set(STATUS_INVALID,
                      "algorithm.dsdr.encoder is %s, and there is no such folder; scripts/fetch_models.sh brings the default "
                      "one, algorithm.method=grpo or dapo needs none",
                      settings->dsdr.encoder);
}

status scorer_measure(size_t *bytes, const settings *given, int threads) {
    matmul *products;
    TRY(matmul_create(&products, PRECISION_FLOAT32, threads, false));
    status code = encoder_measure(bytes, products, given->dsdr.encoder, ENCODER_ROWS);
    matmul_free(products);
    return status_context(code, "algorithm.dsdr.encoder");
}

status scorer_open(scorer *s, const settings *given, int threads, bool with_diversity, const char *helper) {
    *s = (scorer){.settings = given, .verify = options_verify(given)};
    if (helper) {
        const char *argv[] = {helper, "verify-worker", NULL};
        verify_pool_options options = {.argv = argv,
                                       .workers = given->verify.workers > 0 ? (size_t)given->verify.workers : (size_t)threads,
                                       .deadline_seconds = (double)given->verify.deadline_ms / 1000.0,
                                       .memory_bytes = worker_memory};
        TRY(verify_pool_create(&options, &s->pool));
    }
    if (!with_diversity) return STATUS_OK;
    status code = scorer_check_encoder(given);
    if (code == STATUS_OK)
        code = status_context(run_open_encoder(&s->products, &s->encoder, given->dsdr.encoder, threads, ENCODER_ROWS),
                              "algorithm.dsdr.encoder");
    if (code != STATUS_OK) {
        scorer_close(s);
        return code;
    }
    encoder_set_long(s->encoder, given->dsdr.encoder_long == SETTING_ENCODER_LONG_MEAN ? ENCODER_LONG_MEAN : ENCODER_LONG_CUT);
    return STATUS_OK;
}

void scorer_close(scorer *s) {
    verify_pool_free(s->pool);
    encoder_close(s->encoder);
    matmul_free(s->products);
    free(s->embeddings);
    *s = (scorer){0};
}

static size_t rollouts_of(const group *groups, size_t count) {
    size_t total = 0;
    for (size_t g = 0; g < count; g++) total += groups[g].size;
    return total;
}

// ---- verdicts ------------------------------------------------------------------------------------------------------------

// A countdown answer is extracted as any other and then evaluated: many formulas are right.
static status judge_countdown(const scorer *s, const problem *asked, const rollout *r, bool think_open, verdict *out) {
    countdown_puzzle puzzle;
    buffer answer = {0};
    bool found = false;
    *out = (verdict){.status = VERDICT_ERROR, .tier = "countdown"};
    if (!countdown_read(asked->text, &puzzle)) return STATUS_OK;
    status code = answer_extract(s->verify.profile, r->text, r->text_length, think_open, &answer, &found);
    if (code == STATUS_OK && !found) {
        out->status = VERDICT_NO_ANSWER;
    } else if (code == STATUS_OK) {
        static const verdict_status meaning[] = {
            [COUNTDOWN_RIGHT] = VERDICT_CORRECT, [COUNTDOWN_WRONG] = VERDICT_WRONG, [COUNTDOWN_UNPARSED] = VERDICT_UNPARSED};
        out->status = meaning[countdown_check(&puzzle, buffer_text(&answer), answer.length)];
        out->extracted = text_copy(buffer_text(&answer), answer.length);
        if (!out->extracted) code = status_set(STATUS_NO_MEMORY, "out of memory");
    }
    buffer_free(&answer);
    return code;
}

status scorer_judge(scorer *s, const group *groups, size_t count, bool think_open, verdict *verdicts) {
    size_t total = rollouts_of(groups, count), at = 0, items = 0;
    verify_item *item = calloc(total + 1, sizeof *item);
    size_t *place = calloc(total + 1, sizeof *place);
    status code = item && place ? STATUS_OK : status_set(STATUS_NO_MEMORY, "out of memory");
    for (size_t g = 0; g < count && code == STATUS_OK; g++)
        for (size_t r = 0; r < groups[g].size && code == STATUS_OK; r++, at++) {
            const problem *asked = groups[g].problem;
            const rollout *one = &groups[g].rollouts[r];
            if (countdown_applies(asked)) {
                code = judge_countdown(s, asked, one, think_open, &verdicts[at]);
                continue;
            }
            item[items] = (verify_item){
                .gold = asked->answer, .gold_length = strlen(asked->answer), .text = one->text, .text_length = one->text_length};
            place[items++] = at;
        }
    if (code == STATUS_OK && items > 0) {
        verify_options options = s->verify;
        options.think_open = think_open;
        code = verify_batch(s->pool, &options, item, items);
        for (size_t i = 0; i < items; i++) verdicts[place[i]] = item[i].out;
    }
    free(item), free(place);
    return code;
}

void scorer_randomize(const scorer *s, const group *groups, size_t count, verdict *verdicts) {
    double share = s->settings->reward.random;
    if (!(share > 0)) return;
    size_t at = 0;
    for (size_t g = 0; g < count; g++)
        for (size_t r = 0; r < groups[g].size; r++, at++)
            if (verdict_known(verdicts[at].status)) {
                double u = random_uniform((uint64_t)s->settings->trainer.seed, RANDOM_CONTROL, groups[g].serial, (uint32_t)r, 0);
                verdicts[at].status = u < share ? VERDICT_CORRECT : VERDICT_WRONG;
            }
}

// ---- diversity -----------------------------------------------------------------------------------------------------------

static status embed(scorer *s, const group *groups, size_t count, size_t total, diversity_report *report) {
    size_t width = encoder_width(s->encoder), at = 0, cut_count = 0;
    if (total > s->embedding_capacity) {
        float *grown = realloc(s->embeddings, total * width * sizeof *grown);
        if (!grown) return status_set(STATUS_NO_MEMORY, "out of memory");
        s->embeddings = grown, s->embedding_capacity = total;
    }
    const char **texts = malloc((total + 1) * sizeof *texts);
    size_t *lengths = malloc((total + 1) * sizeof *lengths);
    bool *cut = malloc((total + 1) * sizeof *cut);
    status code = texts && lengths && cut ? STATUS_OK : status_set(STATUS_NO_MEMORY, "out of memory");
    if (code == STATUS_OK) {
        for (size_t g = 0; g < count; g++)
            for (size_t r = 0; r < groups[g].size; r++, at++)
                texts[at] = groups[g].rollouts[r].text, lengths[at] = groups[g].rollouts[r].text_length;
        code = encoder_embed(s->encoder, texts, lengths, total, s->embeddings, cut);
    }
    for (size_t i = 0; i < total && code == STATUS_OK; i++) {
        cut_count += cut[i];
        // An empty response has no meaning to compare: its distances are 0 (docs/method.md, section 2): a zero row.
        if (lengths[i] == 0) memset(s->embeddings + i * width, 0, width * sizeof(float));
    }
    report->encoder_cut_share = total ? (double)cut_count / (double)total : 0;
    free(texts), free(lengths), free(cut);
    return code;
}

status scorer_diversity(scorer *s, const group *groups, size_t count, diversity *scores, formula_set *sets,
                        diversity_report *report) {
    *report = (diversity_report){0};
    size_t total = rollouts_of(groups, count), at = 0, largest = 1;
    if (!s->encoder) return status_set(STATUS_FAILED, "diversity was asked for without an encoder");
    TRY(embed(s, groups, count, total, report));
    for (size_t g = 0; g < count; g++)
        if (groups[g].size > largest) largest = groups[g].size;
    double *d_emb = malloc(2 * largest * sizeof *d_emb), *d_eq = d_emb + largest;
    if (!d_emb) return status_set(STATUS_NO_MEMORY, "out of memory");
    status code = STATUS_OK;
    for (size_t g = 0; g < count && code == STATUS_OK; g++) {
        size_t size = groups[g].size, width = encoder_width(s->encoder);
        const float *embeddings = s->embeddings + at * width;
        diversity_pairs semantic, jaccard;
        double distinct;
        for (size_t r = 0; r < size && code == STATUS_OK; r++)
            code = formula_set_scan(groups[g].rollouts[r].text, groups[g].rollouts[r].text_length,
                                    options_formula_level(s->settings), &sets[at + r]);
        if (code == STATUS_OK) code = diversity_semantic(embeddings, size, width, d_emb);
        if (code == STATUS_OK) code = diversity_formula(&sets[at], size, d_eq);
        if (code == STATUS_OK) code = diversity_similarity(embeddings, size, width, &semantic);
        if (code == STATUS_OK) code = diversity_jaccard(&sets[at], size, &jaccard);
        if (code == STATUS_OK) code = diversity_distinct_share(&sets[at], size, &distinct);
        if (code != STATUS_OK) break;
        for (size_t r = 0; r < size; r++) diversity_combine(d_emb[r], d_eq[r], s->settings->dsdr.sigma_d, &scores[at + r]);
        report->semantic_similarity += semantic.mean / (double)count;
        size_t formulas = 0;
        for (size_t r = 0; r < size; r++) formulas += sets[at + r].count;
        if (jaccard.pairs > 0) report->formula_similarity += jaccard.mean, report->formula_groups++;
        if (formulas > 0) report->distinct_share += distinct, report->distinct_groups++;
        at += size;
    }
    report->formula_similarity /= (double)report->formula_groups; // 0 / 0 is NAN: there is nothing to say
    report->distinct_share /= (double)report->distinct_groups;
    free(d_emb);
    return code;
}
