// The tokens of a few groups as a step of training saw them: log-prob, entropy, and the gradient that each of them got. Called by
// run/update.c while it learns and by run/trainer.c when it records the step; dsdr report shows them.
//
// Of the derivatives of the loss L by a token's log-prob and by the entropy at its position, numbers of different kinds, one
// number is made: the derivative of -L by the logit z of that token (over the temperature), which is what raises or lowers the
// token itself. With p = exp(logp) and H the entropy, d logp / dz = 1 - p and dH / dz = -p (logp + H), so
//   gradient = -dL/dlogp (1 - p) + dL/dH p (logp + H).
// Terms that a token gets in several epochs of a step add up. A rollout that adds nothing to the loss has gradients of 0.
#include <math.h>
#include <string.h>

#include "base/buffer.h"
#include "base/jsonl.h"
#include "run/options.h"
#include "run/trainer_parts.h"

void trace_begin(trainer *t, int64_t step) {
    step_batch *b = &t->batch;
    const settings *s = t->run.s;
    size_t groups = options_traced_groups(s), longest = (size_t)s->data.max_response_length;
    b->traced = groups > 0 && step % s->trainer.probe_freq == 0 ? (groups < b->count ? groups : b->count) * b->size : 0;
    if (b->traced) memset(b->gradients, 0, b->traced * longest * sizeof *b->gradients);
}

void trace_add(trainer *t, size_t i, size_t position, const objective_token *token, const objective_output *output) {
    step_batch *b = &t->batch;
    if (i >= b->traced) return;
    double p = exp(token->logp);
    double gradient = -output->d_logp * (1 - p);
    if (output->d_entropy != 0) gradient += output->d_entropy * p * (token->logp + token->entropy);
    b->gradients[i * (size_t)t->run.s->data.max_response_length + position] += (float)gradient;
}

// A character that several tokens make together is shown with the last of them.
static status token_texts(const tokenizer *tokenizer, const rollout *one, const float *gradients, json_t *rows, buffer *bytes,
                          buffer *valid) {
    buffer_clear(bytes);
    for (size_t k = 0; k < one->length; k++) {
        size_t length = 0;
        const char *own = tokenizer_token_bytes(tokenizer, one->tokens[k], &length);
        if (own) TRY(buffer_append(bytes, own, length));
        size_t open = k + 1 < one->length ? text_open_bytes(buffer_text(bytes), bytes->length) : 0, whole = bytes->length - open;
        buffer_clear(valid);
        TRY(text_make_valid(valid, buffer_text(bytes), whole));
        json_t *row = json_pack("[s#ooo]", buffer_text(valid), valid->length, json_number((double)one->logp[k]),
                                json_number((double)one->entropy[k]), json_number((double)gradients[k]));
        if (!row || json_array_append_new(rows, row) != 0) return status_set(STATUS_NO_MEMORY, "out of memory");
        if (open) memmove(bytes->data, bytes->data + whole, open);
        bytes->length = open;
    }
    return STATUS_OK;
}

status trace_record(trainer *t, size_t i) {
    const step_batch *b = &t->batch;
    if (i >= b->traced) return STATUS_OK;
    const rollout *one = &b->set.groups[i / b->size].rollouts[i % b->size];
    buffer bytes = {0}, valid = {0}, line = {0};
    json_t *rows = json_array();
    status code = rows ? STATUS_OK : status_set(STATUS_NO_MEMORY, "out of memory");
    if (code == STATUS_OK)
        code = token_texts(t->run.lm.tokenizer, one, b->gradients + i * (size_t)t->run.s->data.max_response_length, rows, &bytes,
                           &valid);
    if (code == STATUS_OK) code = json_write(&line, rows, 6);
    if (code == STATUS_OK) code = record_tokens(t->run.record, buffer_text(&line));
    json_decref(rows);
    buffer_free(&bytes), buffer_free(&valid), buffer_free(&line);
    return code;
}
