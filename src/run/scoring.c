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
                      "one; training with algorithm.method=grpo or dapo needs none",
                      settings->dsdr.encoder);
}

status scorer_measure(size_t *bytes, const settings *given, int threads) {
    matmul *products;
    TRY(matmul_create(&products, PRECISION_FLOAT32, threads, false));
    size_t engines = options_overlap(given) == SETTING_OVERLAP_ALL ? 2 : 1;
    status code = encoder_measure(bytes, products, given->dsdr.encoder, ENCODER_ROWS, engines);
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

status scorer_open_beside(scorer *s) {
    if (!s->encoder) return STATUS_OK;
    status code = matmul_create(&s->single, PRECISION_FLOAT32, 1, matmul_is_fixed_order(s->products));
    if (code == STATUS_OK) {
        encoder_use(s->encoder, s->single);
        code = encoder_prepare(s->encoder);
    }
    encoder_use(s->encoder, s->products);
    return code;
}

void scorer_close(scorer *s) {
    verify_pool_free(s->pool);
    encoder_close(s->encoder);
    matmul_free(s->products), matmul_free(s->single);
    free(s->embeddings), free(s->cut);
    *s = (scorer){0};
}

static size_t nth(const size_t *which, size_t i) { return which ? which[i] : i; }

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

status scorer_judge(scorer *s, const group *groups, const size_t *which, size_t count, bool think_open, verdict *verdicts) {
    size_t size = groups[0].size, items = 0;
    verify_item *item = calloc(count * size + 1, sizeof *item);
    verdict **place = calloc(count * size + 1, sizeof *place);
    status code = item && place ? STATUS_OK : status_set(STATUS_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < count * size && code == STATUS_OK; i++) {
        size_t g = nth(which, i / size), r = i % size;
        const problem *asked = groups[g].problem;
        const rollout *one = &groups[g].rollouts[r];
        if (countdown_applies(asked)) {
            code = judge_countdown(s, asked, one, think_open, &verdicts[g * size + r]);
            continue;
        }
        item[items] = (verify_item){
            .gold = asked->answer, .gold_length = strlen(asked->answer), .text = one->text, .text_length = one->text_length};
        place[items++] = &verdicts[g * size + r];
    }
    if (code == STATUS_OK && items > 0) {
        verify_options options = s->verify;
        options.think_open = think_open;
        code = verify_batch(s->pool, &options, item, items);
        for (size_t i = 0; i < items; i++) *place[i] = item[i].out;
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

status scorer_reserve(scorer *s, size_t rollouts) {
    if (!s->encoder) return status_set(STATUS_FAILED, "diversity was asked for without an encoder");
    if (rollouts <= s->capacity) return STATUS_OK;
    free(s->embeddings), free(s->cut);
    s->embeddings = calloc(rollouts * encoder_width(s->encoder), sizeof *s->embeddings);
    s->cut = calloc(rollouts, sizeof *s->cut);
    s->capacity = s->embeddings && s->cut ? rollouts : 0;
    return s->capacity ? STATUS_OK : status_set(STATUS_NO_MEMORY, "out of memory for the embeddings of %zu responses", rollouts);
}

status scorer_scan(const scorer *s, const group *groups, const size_t *which, size_t count, formula_set *sets) {
    for (size_t i = 0; i < count; i++) {
        size_t g = nth(which, i), size = groups[g].size;
        for (size_t r = 0; r < size; r++) {
            const rollout *one = &groups[g].rollouts[r];
            TRY(formula_set_scan(one->text, one->text_length, options_formula_level(s->settings), &sets[g * size + r]));
        }
    }
    return STATUS_OK;
}

// The responses of one run of neighbouring groups, whose embeddings stand one behind the other.
static status embed_run(scorer *s, const group *groups, size_t first, size_t count) {
    size_t size = groups[first].size, total = count * size, width = encoder_width(s->encoder);
    if (total == 0) return STATUS_OK;
    float *embeddings = s->embeddings + first * size * width;
    const char **texts = malloc(total * sizeof *texts);
    size_t *lengths = malloc(total * sizeof *lengths);
    status code = texts && lengths ? STATUS_OK : status_set(STATUS_NO_MEMORY, "out of memory");
    if (code == STATUS_OK) {
        for (size_t i = 0; i < total; i++) {
            const rollout *one = &groups[first + i / size].rollouts[i % size];
            texts[i] = one->text, lengths[i] = one->text_length;
        }
        code = encoder_embed(s->encoder, texts, lengths, total, embeddings, s->cut + first * size);
    }
    for (size_t i = 0; i < total && code == STATUS_OK; i++) // An empty response has no meaning to compare: its distances are 0
        if (lengths[i] == 0) memset(embeddings + i * width, 0, width * sizeof(float)); // (docs/method.md, section 2): a zero row.
    free(texts), free(lengths);
    return code;
}

status scorer_embed(scorer *s, const group *groups, const size_t *which, size_t count, bool beside) {
    encoder_use(s->encoder, beside ? s->single : s->products);
    for (size_t i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && nth(which, end) == nth(which, i) + end - i;) end++;
        TRY(embed_run(s, groups, nth(which, i), end - i));
    }
    return STATUS_OK;
}

status scorer_compare(const scorer *s, const group *groups, size_t count, const formula_set *sets, diversity *scores,
                      diversity_report *report) {
    size_t size = groups[0].size, width = encoder_width(s->encoder), cut = 0;
    *report = (diversity_report){0};
    double *d_emb = malloc((2 * size + 1) * sizeof *d_emb), *d_eq = d_emb + size;
    if (!d_emb) return status_set(STATUS_NO_MEMORY, "out of memory");
    status code = STATUS_OK;
    for (size_t g = 0, at = 0; g < count; g++, at += size) {
        const float *embeddings = s->embeddings + at * width;
        diversity_pairs semantic, jaccard;
        double distinct;
        code = diversity_semantic(embeddings, size, width, d_emb);
        if (code == STATUS_OK) code = diversity_formula(&sets[at], size, d_eq);
        if (code == STATUS_OK) code = diversity_similarity(embeddings, size, width, &semantic);
        if (code == STATUS_OK) code = diversity_jaccard(&sets[at], size, &jaccard);
        if (code == STATUS_OK) code = diversity_distinct_share(&sets[at], size, &distinct);
        if (code != STATUS_OK) break;
        size_t formulas = 0;
        for (size_t r = 0; r < size; r++) {
            diversity_combine(d_emb[r], d_eq[r], s->settings->dsdr.sigma_d, &scores[at + r]);
            formulas += sets[at + r].count, cut += s->cut[at + r];
        }
        report->semantic_similarity += semantic.mean / (double)count;
        if (jaccard.pairs > 0) report->formula_similarity += jaccard.mean, report->formula_groups++;
        if (formulas > 0) report->distinct_share += distinct, report->distinct_groups++;
    }
    report->encoder_cut_share = size > 0 ? (double)cut / (double)(count * size) : 0;
    report->formula_similarity /= (double)report->formula_groups; // 0 / 0 is NAN: there is nothing to say
    report->distinct_share /= (double)report->distinct_groups;
    free(d_emb);
    return code;
}

status scorer_diversity(scorer *s, const group *groups, size_t count, diversity *scores, formula_set *sets,
                        diversity_report *report) {
    TRY(scorer_reserve(s, count * groups[0].size));
    TRY(scorer_scan(s, groups, NULL, count, sets));
    TRY(scorer_embed(s, groups, NULL, count, false));
    return scorer_compare(s, groups, count, sets, scores, report);
}
