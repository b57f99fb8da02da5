// Credit as dsdr.h gives it.
#ifndef DSDR_API_CREDIT_H
#define DSDR_API_CREDIT_H

#include "dsdr.h"
#include "learn/credit.h"

static inline dsdr_credit api_credit(const credit *c) {
    return (dsdr_credit){.reward = c->reward, .advantage = c->advantage, .coupling = c->coupling};
}

dsdr_credit_summary api_credit_summary(const credit_summary *s);

#endif
