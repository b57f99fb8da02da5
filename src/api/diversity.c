// Formulas and diversity scores: reward/formula.h and diversity.h as dsdr.h offers them.
#include <math.h>
#include <stdlib.h>

#include "api/api.h"
#include "api/formulas.h"
#include "reward/diversity.h"

API_SAME(DSDR_FORMULA_RAW, FORMULA_RAW);
API_SAME(DSDR_FORMULA_L1, FORMULA_L1);
API_SAME(DSDR_FORMULA_L2, FORMULA_L2);

dsdr_status dsdr_formulas_create(dsdr_formulas **out) {
    API_NEED(out);
    *out = calloc(1, sizeof **out);
    return *out ? DSDR_OK : api_no_memory();
}

dsdr_status dsdr_formulas_scan(dsdr_formulas **out, const char *text, size_t length, dsdr_formula_level level) {
    API_NEED(out);
    *out = NULL;
    API_TEXT(text, length);
    if ((unsigned)level > DSDR_FORMULA_L2)
        return api_status(status_set(STATUS_INVALID, "formula level %d does not exist", (int)level));
    dsdr_formulas *made;
    dsdr_status code = dsdr_formulas_create(&made);
    if (code == DSDR_OK) code = api_status(formula_set_scan(text, length, (formula_level)level, &made->set));
    if (code == DSDR_OK)
        *out = made;
    else
        dsdr_formulas_free(made);
    return code;
}

dsdr_status dsdr_formulas_add(dsdr_formulas *set, const char *formula, size_t length) {
    API_NEED(set);
    API_TEXT(formula, length);
    return api_status(formula_set_add(&set->set, formula, length));
}

size_t dsdr_formulas_count(const dsdr_formulas *set) { return set ? set->set.count : 0; }

const char *dsdr_formulas_text(const dsdr_formulas *set, size_t i) {
    return set && i < set->set.count ? formula_text(&set->set, i) : NULL;
}

void dsdr_formulas_free(dsdr_formulas *set) {
    if (!set) return;
    formula_set_free(&set->set);
    free(set);
}

// ---- scores --------------------------------------------------------------------------------------------------------------

// The sets of a group side by side, as the room compares them; what they own stays with the handles.
static status gather(const dsdr_formulas *const *formulas, size_t G, formula_set **out) {
    *out = NULL;
    if (!formulas) return STATUS_OK;
    formula_set *sets = calloc(G, sizeof *sets);
    if (!sets) return status_set(STATUS_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < G; i++) {
        if (!formulas[i]) {
            free(sets);
            return status_set(STATUS_INVALID, "the formulas of response %zu are NULL", i);
        }
        sets[i] = formulas[i]->set;
    }
    *out = sets;
    return STATUS_OK;
}

static status check_group(size_t G, const float *embeddings, size_t width) {
    if (G == 0) return status_set(STATUS_INVALID, "a group has at least one response");
    if (embeddings && width == 0) return status_set(STATUS_INVALID, "the width of embeddings is 0");
    return STATUS_OK;
}

dsdr_status dsdr_diversity_scores(size_t G, const float *embeddings, size_t width, const dsdr_formulas *const *formulas,
                                  double sigma_d, dsdr_diversity *out) {
    API_NEED(out);
    API_TRY(check_group(G, embeddings, width));
    if (!(sigma_d >= 0)) return api_status(status_set(STATUS_INVALID, "sigma_d is %g; it must be at least 0", sigma_d));
    formula_set *sets;
    API_TRY(gather(formulas, G, &sets));
    double *d_emb = calloc(2 * G, sizeof *d_emb), *d_eq = d_emb + G;
    status code = d_emb ? STATUS_OK : status_set(STATUS_NO_MEMORY, "out of memory");
    if (code == STATUS_OK && embeddings) code = diversity_semantic(embeddings, G, width, d_emb);
    if (code == STATUS_OK && sets) code = diversity_formula(sets, G, d_eq);
    for (size_t i = 0; i < G && code == STATUS_OK; i++) {
        diversity d;
        diversity_combine(d_emb[i], d_eq[i], sigma_d, &d);
        out[i] = api_diversity(&d);
    }
    free(d_emb), free(sets);
    return api_status(code);
}

dsdr_status dsdr_diversity_similarity(size_t G, const float *embeddings, size_t width, const dsdr_formulas *const *formulas,
                                      dsdr_similarity *out) {
    API_NEED(out);
    *out = (dsdr_similarity){0};
    API_TRY(check_group(G, embeddings, width));
    formula_set *sets;
    API_TRY(gather(formulas, G, &sets));
    diversity_pairs semantic = {0}, jaccard = {0};
    double distinct = 0;
    status code = STATUS_OK;
    if (embeddings) code = diversity_similarity(embeddings, G, width, &semantic);
    if (code == STATUS_OK && sets) code = diversity_jaccard(sets, G, &jaccard);
    if (code == STATUS_OK && sets) code = diversity_distinct_share(sets, G, &distinct);
    if (code == STATUS_OK)
        *out = (dsdr_similarity){.semantic = semantic.mean,
                                 .formula = jaccard.mean,
                                 .distinct_share = distinct,
                                 .pairs = G * (G - 1) / 2,
                                 .formula_pairs = jaccard.pairs};
    free(sets);
    return api_status(code);
}
