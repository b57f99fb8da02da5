// The passes of an evaluation. See protocol.h.
#include "study/protocol.h"

#include <stdlib.h>
#include <string.h>

#include "run/evaluate.h"

study_protocol study_protocol_paper(size_t samples) {
    study_pass once = {
        .name = "pass@1", .samples = 1, .average = 1, .diversity = 1, .temperature = 0.1, .top_p = 0.9, .top_k = -1};
    study_pass often = {
        .name = "pass@k", .samples = samples, .average = 16, .diversity = 32, .temperature = 0.7, .top_p = 0.9, .top_k = -1};
    if (often.average > samples) often.average = samples;
    if (often.diversity > samples) often.diversity = samples;
    return (study_protocol){.passes = {once, often}, .count = 2};
}

study_protocol study_protocol_custom(const settings *s) {
    size_t n = evaluation_samples(s);
    study_pass only = {.name = "custom",
                       .samples = n,
                       .average = n,
                       .diversity = n,
                       .temperature = s->val.temperature,
                       .top_p = s->val.top_p,
                       .top_k = s->val.top_k,
                       .greedy = !s->val.do_sample || !(s->val.temperature > 0)};
    return (study_protocol){.passes = {only}, .count = 1};
}

bool study_protocol_is_told(const settings *s) {
    static const char *const keys[] = {"n", "temperature", "top_p", "top_k", "do_sample"};
    char key[96];
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        snprintf(key, sizeof key, "actor_rollout_ref.rollout.val_kwargs.%s", keys[i]);
        if (s->source[settings_find(key)].origin >= SETTING_FROM_FILE) return true;
    }
    return false;
}

settings study_pass_settings(const settings *s, const study_pass *pass) {
    settings one = *s;
    one.val.n = (setting_INT)pass->samples, one.val.temperature = pass->temperature;
    one.val.top_p = pass->top_p, one.val.top_k = pass->top_k, one.val.do_sample = !pass->greedy;
    return one;
}

status study_pass_describe(buffer *out, const study_pass *pass) {
    if (pass->greedy) return buffer_append_text(out, "greedy");
    TRY(buffer_printf(out, "temperature %g", pass->temperature));
    if (pass->top_p < 1) TRY(buffer_printf(out, ", top-p %g", pass->top_p));
    if (pass->top_k > 0) TRY(buffer_printf(out, ", top-k %lld", pass->top_k));
    return STATUS_OK;
}

status study_protocol_name(buffer *out, const study_protocol *p) {
    if (p->count == 1) return buffer_append_text(out, "custom");
    return buffer_printf(out, "paper %zu", p->passes[1].samples);
}

status study_protocol_of_name(study_protocol *p, const char *name, const settings *s) {
    if (!strcmp(name, "custom")) {
        *p = study_protocol_custom(s);
        return STATUS_OK;
    }
    unsigned long samples = strncmp(name, "paper ", 6) ? 0 : strtoul(name + 6, NULL, 10);
    if (samples < STUDY_LEAST_SAMPLES || samples > STUDY_MOST_SAMPLES)
        return status_set(STATUS_INVALID, "\"%s\" is no protocol of an evaluation", name);
    *p = study_protocol_paper(samples);
    return STATUS_OK;
}
