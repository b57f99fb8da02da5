// Settings as the options of the rooms below. See options.h.
#include "run/options.h"

#include <unistd.h>

#include "base/machine.h"

// Words of the table stand in the order of the enums that they become.
#define SAME(a, b) _Static_assert((int)(a) == (int)(b), "settings_table.h lists the words of this setting in another order")
SAME(SETTING_LOSS_AGG_TOKEN_MEAN, LOSS_TOKEN_MEAN);
SAME(SETTING_LOSS_AGG_SEQ_MEAN_TOKEN_SUM, LOSS_SEQ_MEAN_TOKEN_SUM);
SAME(SETTING_LOSS_AGG_SEQ_MEAN_TOKEN_MEAN, LOSS_SEQ_MEAN_TOKEN_MEAN);
SAME(SETTING_LOSS_AGG_SEQ_MEAN_TOKEN_SUM_NORM, LOSS_SEQ_MEAN_TOKEN_SUM_NORM);
SAME(setting_loss_agg_count, LOSS_AGG_MODE_COUNT);
SAME(SETTING_KL_K1, KL_K1);
SAME(SETTING_KL_ABS, KL_ABS);
SAME(SETTING_KL_K2, KL_K2);
SAME(SETTING_KL_K3, KL_K3);
SAME(SETTING_KL_K1_PLUS, KL_K1_PLUS);
SAME(SETTING_KL_ABS_PLUS, KL_ABS_PLUS);
SAME(SETTING_KL_K3_PLUS, KL_K3_PLUS);
SAME(setting_kl_count, KL_TYPE_COUNT);
SAME(SETTING_ADV_STD_POPULATION, CREDIT_STD_POPULATION);
SAME(SETTING_ADV_STD_SAMPLE, CREDIT_STD_SAMPLE);
SAME(SETTING_ENTROPY_SAMPLED, LOCAL_SAMPLED);
SAME(SETTING_ENTROPY_EXACT, LOCAL_EXACT);
SAME(SETTING_SCHEDULE_CONSTANT, SCHEDULE_CONSTANT);
SAME(SETTING_SCHEDULE_COSINE, SCHEDULE_COSINE);
SAME(SETTING_PROFILE_STRICT, PROFILE_STRICT);
SAME(SETTING_PROFILE_GSM8K, PROFILE_GSM8K);
SAME(SETTING_PROFILE_LENIENT, PROFILE_LENIENT);
SAME(setting_profile_count, PROFILE_COUNT);
SAME(SETTING_FORMULA_RAW, FORMULA_RAW);
SAME(SETTING_FORMULA_L1, FORMULA_L1);
SAME(SETTING_FORMULA_L2, FORMULA_L2);

const char *options_method(const settings *s) {
    return s->algorithm.method == SETTING_METHOD_GRPO ? "grpo" : s->algorithm.method == SETTING_METHOD_DAPO ? "dapo" : "dsdr";
}

problem_options options_problems(const settings *s) {
    return (problem_options){.prompt_key = *s->data.prompt_key ? s->data.prompt_key : NULL,
                             .answer_key = *s->data.answer_key ? s->data.answer_key : NULL,
                             .response_key = *s->data.response_key ? s->data.response_key : NULL};
}

verify_options options_verify(const settings *s) {
    return (verify_options){.profile = (answer_profile)s->reward.profile,
                            .significant_digits = (int)s->verify.significant_digits,
                            .decimals = (int)s->verify.decimals,
                            .gold_rounded = s->verify.gold_rounded,
                            .seed = (uint64_t)s->trainer.seed};
}

formula_level options_formula_level(const settings *s) { return (formula_level)s->dsdr.formula_level; }

credit_options options_credit(const settings *s) {
    return (credit_options){.lambda_d = s->dsdr.lambda_d,
                            .tau = s->dsdr.tau,
                            .adv_eps = s->algorithm.adv_eps,
                            .adv_std = (credit_std)s->algorithm.adv_std,
                            .norm_adv_by_std = s->algorithm.norm_adv_by_std_in_grpo};
}

objective_options options_objective(const settings *s) {
    return (objective_options){.clip_low = s->actor.clip_ratio_low,
                               .clip_high = s->actor.clip_ratio_high,
                               .clip_c = s->actor.clip_ratio_c,
                               .aggregation = (loss_agg_mode)s->actor.loss_agg_mode,
                               .loss_scale_factor = s->actor.loss_scale_factor,
                               .kl = (kl_type)s->actor.kl_loss_type,
                               .kl_coef = s->actor.use_kl_loss ? s->actor.kl_loss_coef : 0,
                               .entropy_coeff = s->actor.entropy_coeff,
                               .lambda_l = s->dsdr.lambda_l,
                               .local = (local_entropy)s->dsdr.entropy};
}

optimizer_options options_optimizer(const settings *s) {
    return (optimizer_options){.beta1 = s->optim.betas.value[0],
                               .beta2 = s->optim.betas.value[1],
                               .eps = s->optim.eps,
                               .weight_decay = s->optim.weight_decay,
                               .clip_grad = s->actor.grad_clip};
}

schedule_options options_schedule(const settings *s, int64_t total_training_steps) {
    return (schedule_options){.lr = s->optim.lr,
                              .type = (schedule_type)s->optim.lr_scheduler_type,
                              .lr_warmup_steps = s->optim.lr_warmup_steps,
                              .lr_warmup_steps_ratio = s->optim.lr_warmup_steps_ratio,
                              .min_lr_ratio = s->optim.min_lr_ratio,
                              .num_cycles = s->optim.num_cycles,
                              .total_training_steps = total_training_steps};
}

bool options_need_diversity(const settings *s) { return s->dsdr.lambda_d > 0 || (s->dsdr.lambda_l > 0 && s->dsdr.tau > 0); }

size_t options_traced_groups(const settings *s) {
    long long wanted = s->trainer.probe_freq > 0 ? s->trainer.record_tokens : 0;
    return (size_t)(wanted < s->data.train_batch_size ? wanted : s->data.train_batch_size);
}

bool options_need_reference(const settings *s) { return s->actor.use_kl_loss && s->actor.kl_loss_coef != 0; }

int options_threads(const settings *s) {
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return s->trainer.threads > 0 ? (int)s->trainer.threads : cores > 0 ? (int)cores : 1;
}

setting_overlap options_overlap(const settings *s) {
    if (s->reward.overlap != SETTING_OVERLAP_AUTO) return s->reward.overlap;
    return machine_processors() > (size_t)options_threads(s) ? SETTING_OVERLAP_ALL : SETTING_OVERLAP_VERDICTS;
}

precision options_precision(const settings *s) {
    if (s->trainer.precision == SETTING_PRECISION_AUTO) return matmul_has_bfloat16() ? PRECISION_BFLOAT16 : PRECISION_FLOAT32;
    return s->trainer.precision == SETTING_PRECISION_BFLOAT16 ? PRECISION_BFLOAT16 : PRECISION_FLOAT32;
}
