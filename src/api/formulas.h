// The handle of a set of formulas, and scores of diversity as dsdr.h gives them.
#ifndef DSDR_API_FORMULAS_H
#define DSDR_API_FORMULAS_H

#include "dsdr.h"
#include "records/records.h"
#include "reward/formula.h"

struct dsdr_formulas {
    formula_set set;
};

static inline dsdr_diversity api_diversity(const diversity *d) {
    return (dsdr_diversity){.d_emb = d->d_emb, .d_eq = d->d_eq, .d = d->d, .dbar = d->dbar};
}

#endif
