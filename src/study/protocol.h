// How `dsdr eval` samples: the protocol of the method's paper, or what the settings say.
//
//   pass      samples of a problem    temperature   top-p    gives
//   pass@1    1                       0.1           0.9      Pass@1
//   pass@k    64, or as asked         0.7           0.9      Avg@16 of the first 16, Pass@k and Maj@k, diversity of the first 32
//   custom    actor_rollout_ref.rollout.val_kwargs           Avg@n, Pass@k and Maj@k, diversity
//
// Both passes draw with the same keys (run/evaluate.h).
#ifndef DSDR_STUDY_PROTOCOL_H
#define DSDR_STUDY_PROTOCOL_H

#include "base/buffer.h"
#include "run/settings.h"

enum { STUDY_MOST_PASSES = 2, STUDY_PAPER_SAMPLES = 64, STUDY_LEAST_SAMPLES = 2, STUDY_MOST_SAMPLES = 65536 };

typedef struct study_pass {
    const char *name;                   // of the record's rows
    size_t samples, average, diversity; // of a problem; the first ones that Avg@ and diversity look at
    double temperature, top_p;
    long long top_k;
    bool greedy;
} study_pass;

typedef struct study_protocol {
    study_pass passes[STUDY_MOST_PASSES];
    size_t count;
} study_protocol;

// The paper's, with so many samples of a problem in its second pass.
study_protocol study_protocol_paper(size_t samples);

// One pass as the settings say.
study_protocol study_protocol_custom(const settings *s);

// Whether file or command line say anything about how evaluations sample.
bool study_protocol_is_told(const settings *s);

// What a pass changes in the settings: a copy that owns nothing.
settings study_pass_settings(const settings *s, const study_pass *pass);

// "temperature 0.7, top-p 0.9", or "greedy".
status study_pass_describe(buffer *out, const study_pass *pass);

// The protocol as one word and a number, "paper 64" or "custom", for the record; and back, with the settings of the evaluation
// (STATUS_INVALID for a text that is none).
status study_protocol_name(buffer *out, const study_protocol *p);
status study_protocol_of_name(study_protocol *p, const char *name, const settings *s);

#endif
