// Every setting, declared once. settings.h makes the typed struct from this table; settings.c makes parsing, checking, printing,
// the reference page and the answer to an unknown key.
//
// X(M, KIND, field, key, default, range, verl, resume, help)
//   M        the member of settings that holds the section
//   KIND     BOOL, INT, REAL, PAIR (two numbers), TEXT, LIST (of texts) or WORD (one of a fixed set)
//   default  as a user would write it; "" of a TEXT or LIST is the empty one
//   range    INT, REAL, PAIR: an interval such as "(0, 1]"; WORD: the name of its word table; else NULL
//   verl     verl's default where it is another one or verl has the key under this name with another default; else NULL.
//            OWN marks a key that verl does not have.
//   resume   ALTERS: changing it on resume changes the results, FREE: it does not
//   help     one line
//
// Keys that share a prefix stand together, so that the table is written as nested YAML in one pass.
#ifndef DSDR_RUN_SETTINGS_TABLE_H
#define DSDR_RUN_SETTINGS_TABLE_H

#define OWN ""

// Word tables: W(constant, word, second spelling or NULL)
#define SETTINGS_WORDS_METHOD(W)                                                                                                 \
    W(SETTING_METHOD_GRPO, "grpo", NULL)                                                                                         \
    W(SETTING_METHOD_DAPO, "dapo", NULL)                                                                                         \
    W(SETTING_METHOD_DSDR, "dsdr", NULL)

#define SETTINGS_WORDS_ADV_ESTIMATOR(W) W(SETTING_ADV_ESTIMATOR_GRPO, "grpo", NULL)

#define SETTINGS_WORDS_ADV_STD(W)                                                                                                \
    W(SETTING_ADV_STD_POPULATION, "population", NULL)                                                                            \
    W(SETTING_ADV_STD_SAMPLE, "sample", NULL)

#define SETTINGS_WORDS_LOSS_AGG(W)                                                                                               \
    W(SETTING_LOSS_AGG_TOKEN_MEAN, "token-mean", NULL)                                                                           \
    W(SETTING_LOSS_AGG_SEQ_MEAN_TOKEN_SUM, "seq-mean-token-sum", NULL)                                                           \
    W(SETTING_LOSS_AGG_SEQ_MEAN_TOKEN_MEAN, "seq-mean-token-mean", NULL)                                                         \
    W(SETTING_LOSS_AGG_SEQ_MEAN_TOKEN_SUM_NORM, "seq-mean-token-sum-norm", NULL)

#define SETTINGS_WORDS_KL(W)                                                                                                     \
    W(SETTING_KL_K1, "kl", "k1")                                                                                                 \
    W(SETTING_KL_ABS, "abs", NULL)                                                                                               \
    W(SETTING_KL_K2, "mse", "k2")                                                                                                \
    W(SETTING_KL_K3, "low_var_kl", "k3")                                                                                         \
    W(SETTING_KL_K1_PLUS, "kl+", "k1+")                                                                                          \
    W(SETTING_KL_ABS_PLUS, "abs+", NULL)                                                                                         \
    W(SETTING_KL_K3_PLUS, "low_var_kl+", "k3+")

#define SETTINGS_WORDS_SCHEDULE(W)                                                                                               \
    W(SETTING_SCHEDULE_CONSTANT, "constant", NULL)                                                                               \
    W(SETTING_SCHEDULE_COSINE, "cosine", NULL)

#define SETTINGS_WORDS_ENTROPY(W)                                                                                                \
    W(SETTING_ENTROPY_SAMPLED, "sampled", NULL)                                                                                  \
    W(SETTING_ENTROPY_EXACT, "exact", NULL)

#define SETTINGS_WORDS_ENCODER_LONG(W)                                                                                           \
    W(SETTING_ENCODER_LONG_CUT, "cut", NULL)                                                                                     \
    W(SETTING_ENCODER_LONG_MEAN, "mean", NULL)

#define SETTINGS_WORDS_FORMULA(W)                                                                                                \
    W(SETTING_FORMULA_RAW, "raw", NULL)                                                                                          \
    W(SETTING_FORMULA_L1, "l1", NULL)                                                                                            \
    W(SETTING_FORMULA_L2, "l2", NULL)

#define SETTINGS_WORDS_FILTER(W)                                                                                                 \
    W(SETTING_FILTER_ACC, "acc", NULL)                                                                                           \
    W(SETTING_FILTER_SIGNAL, "signal", NULL)

#define SETTINGS_WORDS_TRUNCATION(W)                                                                                             \
    W(SETTING_TRUNCATION_ERROR, "error", NULL)                                                                                   \
    W(SETTING_TRUNCATION_LEFT, "left", NULL)                                                                                     \
    W(SETTING_TRUNCATION_RIGHT, "right", NULL)                                                                                   \
    W(SETTING_TRUNCATION_MIDDLE, "middle", NULL)

#define SETTINGS_WORDS_PROFILE(W)                                                                                                \
    W(SETTING_PROFILE_STRICT, "strict", NULL)                                                                                    \
    W(SETTING_PROFILE_GSM8K, "gsm8k", NULL)                                                                                      \
    W(SETTING_PROFILE_LENIENT, "lenient", NULL)

#define SETTINGS_WORDS_OVERLAP(W)                                                                                                \
    W(SETTING_OVERLAP_AUTO, "auto", NULL)                                                                                        \
    W(SETTING_OVERLAP_NONE, "none", NULL)                                                                                        \
    W(SETTING_OVERLAP_VERDICTS, "verdicts", NULL)                                                                                \
    W(SETTING_OVERLAP_ALL, "all", NULL)

#define SETTINGS_WORDS_RESUME(W)                                                                                                 \
    W(SETTING_RESUME_DISABLE, "disable", NULL)                                                                                   \
    W(SETTING_RESUME_AUTO, "auto", NULL)

#define SETTINGS_WORDS_PRECISION(W)                                                                                              \
    W(SETTING_PRECISION_AUTO, "auto", NULL)                                                                                      \
    W(SETTING_PRECISION_FLOAT32, "float32", NULL)                                                                                \
    W(SETTING_PRECISION_BFLOAT16, "bfloat16", NULL)

// T(enum name, word table name, macro)
#define SETTINGS_WORD_TABLES(T)                                                                                                  \
    T(setting_method, words_method, SETTINGS_WORDS_METHOD)                                                                       \
    T(setting_adv_estimator, words_adv_estimator, SETTINGS_WORDS_ADV_ESTIMATOR)                                                  \
    T(setting_adv_std, words_adv_std, SETTINGS_WORDS_ADV_STD)                                                                    \
    T(setting_loss_agg, words_loss_agg, SETTINGS_WORDS_LOSS_AGG)                                                                 \
    T(setting_kl, words_kl, SETTINGS_WORDS_KL)                                                                                   \
    T(setting_schedule, words_schedule, SETTINGS_WORDS_SCHEDULE)                                                                 \
    T(setting_entropy, words_entropy, SETTINGS_WORDS_ENTROPY)                                                                    \
    T(setting_encoder_long, words_encoder_long, SETTINGS_WORDS_ENCODER_LONG)                                                     \
    T(setting_formula, words_formula, SETTINGS_WORDS_FORMULA)                                                                    \
    T(setting_filter, words_filter, SETTINGS_WORDS_FILTER)                                                                       \
    T(setting_truncation, words_truncation, SETTINGS_WORDS_TRUNCATION)                                                           \
    T(setting_profile, words_profile, SETTINGS_WORDS_PROFILE)                                                                    \
    T(setting_overlap, words_overlap, SETTINGS_WORDS_OVERLAP)                                                                    \
    T(setting_resume, words_resume, SETTINGS_WORDS_RESUME)                                                                       \
    T(setting_precision, words_precision, SETTINGS_WORDS_PRECISION)

// clang-format off
#define SETTINGS_DATA(X, M) \
    X(M, LIST, train_files, "data.train_files", "", NULL, "~/data/rlhf/gsm8k/train.parquet", ALTERS, "Training problems: files of JSON lines, or built-in tasks such as builtin:word_arithmetic/train.") \
    X(M, LIST, val_files, "data.val_files", "", NULL, "~/data/rlhf/gsm8k/test.parquet", FREE, "Files of held-out problems for evaluation while training.") \
    X(M, TEXT, prompt_key, "data.prompt_key", "", NULL, "prompt", ALTERS, "Key of a row that holds the question (a text, or a list with one user message); empty: `problem`, `question`, `prompt` or `query`.") \
    X(M, TEXT, answer_key, "data.answer_key", "", NULL, OWN, ALTERS, "Key of a row that holds the gold answer; empty: `answer`, `final_answer`, `expected_answer`, `ground_truth`, `target`, verl's reward_model.ground_truth, or what a `solution` ends in.") \
    X(M, TEXT, response_key, "data.response_key", "", NULL, "answer", ALTERS, "Key of a row that holds the response to learn from (`dsdr sft`); empty: `response`.") \
    X(M, TEXT, prompt_template, "data.prompt_template", "chat", NULL, OWN, ALTERS, "`chat` for the model's own template, or a raw text that contains {problem}.") \
    X(M, TEXT, instruction, "data.instruction", "Please reason step by step, and put your final answer within \\boxed{}.", NULL, OWN, ALTERS, "Appended to the question under `chat`; empty for none.") \
    X(M, INT, train_batch_size, "data.train_batch_size", "16", "[1, 1000000]", "1024", ALTERS, "Prompts of a training step.") \
    X(M, INT, gen_batch_size, "data.gen_batch_size", "null", "[1, 1000000]", NULL, ALTERS, "Prompts generated at once under dynamic sampling; null: data.train_batch_size.") \
    X(M, INT, max_prompt_length, "data.max_prompt_length", "512", "[1, 1000000]", NULL, ALTERS, "Longest prompt, in tokens.") \
    X(M, INT, max_response_length, "data.max_response_length", "512", "[1, 1000000]", NULL, ALTERS, "Longest response, in tokens; one that reaches it is cut.") \
    X(M, BOOL, filter_overlong_prompts, "data.filter_overlong_prompts", "false", NULL, NULL, ALTERS, "Leave out problems whose prompt is longer than data.max_prompt_length.") \
    X(M, WORD, truncation, "data.truncation", "error", words_truncation, NULL, ALTERS, "What happens to a prompt that is too long.") \
    X(M, BOOL, shuffle, "data.shuffle", "true", NULL, NULL, ALTERS, "Visit the problems in a new order each epoch.") \
    X(M, INT, seed, "data.seed", "null", "[0, 9007199254740991]", NULL, ALTERS, "Seed of that order; null: trainer.seed.")

#define SETTINGS_MODEL(X, M) \
    X(M, TEXT, path, "actor_rollout_ref.model.path", "", NULL, "~/models/deepseek-llm-7b-chat", ALTERS, "The model: a Hugging Face folder or a GGUF file.") \
    X(M, BOOL, enable_gradient_checkpointing, "actor_rollout_ref.model.enable_gradient_checkpointing", "false", NULL, "true", FREE, "Keep only each layer's input in training and compute the rest again on the way back: less memory, more time, the same bits.")

#define SETTINGS_ACTOR(X, M) \
    X(M, INT, ppo_mini_batch_size, "actor_rollout_ref.actor.ppo_mini_batch_size", "null", "[1, 1000000]", "256", ALTERS, "Prompts of an optimizer step; null: data.train_batch_size, one optimizer step a training step.") \
    X(M, INT, ppo_micro_batch_size, "actor_rollout_ref.actor.ppo_micro_batch_size", "0", "[0, 1000000]", NULL, FREE, "Responses whose activations are in memory at once, at most; 0: as planned. Changes no result.") \
    X(M, INT, ppo_epochs, "actor_rollout_ref.actor.ppo_epochs", "1", "[1, 1000]", NULL, ALTERS, "Passes over a training step's rollouts.") \
    X(M, REAL, clip_ratio, "actor_rollout_ref.actor.clip_ratio", "0.2", "(0, 100]", NULL, ALTERS, "Clip range of the ratio: sets clip_ratio_low and clip_ratio_high where these are not given.") \
    X(M, REAL, clip_ratio_low, "actor_rollout_ref.actor.clip_ratio_low", "0.2", "(0, 1]", NULL, ALTERS, "The ratio is clipped below at 1 - clip_ratio_low.") \
    X(M, REAL, clip_ratio_high, "actor_rollout_ref.actor.clip_ratio_high", "0.2", "(0, 100]", NULL, ALTERS, "The ratio is clipped above at 1 + clip_ratio_high.") \
    X(M, REAL, clip_ratio_c, "actor_rollout_ref.actor.clip_ratio_c", "0", "[0, 1e6]", "3.0", ALTERS, "Dual clip: a negative advantage counts at most this often; 0: off, else above 1.") \
    X(M, WORD, loss_agg_mode, "actor_rollout_ref.actor.loss_agg_mode", "seq-mean-token-mean", words_loss_agg, "token-mean", ALTERS, "How the loss of tokens becomes the loss of a mini-batch.") \
    X(M, REAL, loss_scale_factor, "actor_rollout_ref.actor.loss_scale_factor", "null", "(0, 1e9]", NULL, ALTERS, "Divisor of seq-mean-token-sum-norm; null: data.max_response_length.") \
    X(M, REAL, entropy_coeff, "actor_rollout_ref.actor.entropy_coeff", "0", "[-100, 100]", NULL, ALTERS, "Weight of the plain entropy bonus over all tokens (not DSDR's local term).") \
    X(M, BOOL, use_kl_loss, "actor_rollout_ref.actor.use_kl_loss", "false", NULL, NULL, ALTERS, "Add the KL divergence from the starting model to the loss.") \
    X(M, REAL, kl_loss_coef, "actor_rollout_ref.actor.kl_loss_coef", "0.001", "[0, 1000]", NULL, ALTERS, "Its weight.") \
    X(M, WORD, kl_loss_type, "actor_rollout_ref.actor.kl_loss_type", "low_var_kl", words_kl, NULL, ALTERS, "Its estimator; with + the value is as named and the gradient that of mse (k2).") \
    X(M, REAL, grad_clip, "actor_rollout_ref.actor.grad_clip", "1.0", "[0, 1e9]", NULL, ALTERS, "Largest global norm of the gradient; 0: no clipping.")

#define SETTINGS_OPTIM(X, M) \
    X(M, REAL, lr, "actor_rollout_ref.actor.optim.lr", "1e-6", "[0, 1]", NULL, ALTERS, "Learning rate of AdamW.") \
    X(M, REAL, weight_decay, "actor_rollout_ref.actor.optim.weight_decay", "0.01", "[0, 10]", NULL, ALTERS, "Decoupled weight decay.") \
    X(M, PAIR, betas, "actor_rollout_ref.actor.optim.betas", "[0.9, 0.999]", "[0, 1)", NULL, ALTERS, "Decay of the first and second moment.") \
    X(M, REAL, eps, "actor_rollout_ref.actor.optim.eps", "1e-8", "(0, 1]", OWN, ALTERS, "Added to the root of the second moment.") \
    X(M, INT, lr_warmup_steps, "actor_rollout_ref.actor.optim.lr_warmup_steps", "-1", "[-1, 1000000000]", NULL, ALTERS, "Training steps of linear warm-up; negative: lr_warmup_steps_ratio decides.") \
    X(M, REAL, lr_warmup_steps_ratio, "actor_rollout_ref.actor.optim.lr_warmup_steps_ratio", "0", "[0, 1]", NULL, ALTERS, "Warm-up as a share of all training steps.") \
    X(M, WORD, lr_scheduler_type, "actor_rollout_ref.actor.optim.lr_scheduler_type", "constant", words_schedule, NULL, ALTERS, "Learning rate after warm-up.") \
    X(M, REAL, min_lr_ratio, "actor_rollout_ref.actor.optim.min_lr_ratio", "0", "[0, 1]", NULL, ALTERS, "Where cosine ends, as a share of lr.") \
    X(M, REAL, num_cycles, "actor_rollout_ref.actor.optim.num_cycles", "0.5", "(0, 1000]", NULL, ALTERS, "Cosine waves over the run; 0.5 falls once.")

#define SETTINGS_ROLLOUT(X, M) \
    X(M, INT, n, "actor_rollout_ref.rollout.n", "8", "[1, 4096]", "1", ALTERS, "G, rollouts of a prompt.") \
    X(M, REAL, temperature, "actor_rollout_ref.rollout.temperature", "1.0", "(0, 100]", NULL, ALTERS, "Temperature of sampling; the policy that is trained is the one at this temperature.") \
    X(M, REAL, top_p, "actor_rollout_ref.rollout.top_p", "1", "(0, 1]", NULL, ALTERS, "Must be 1 while training: the recorded log-prob would not be the behaviour policy's.") \
    X(M, INT, top_k, "actor_rollout_ref.rollout.top_k", "-1", "[-1, 1000000]", NULL, ALTERS, "Must be 0 or -1 (off) while training, for the same reason.") \
    X(M, LIST, stop, "actor_rollout_ref.rollout.stop", "", NULL, OWN, ALTERS, "Texts that end a response; matched on the decoded text and cut from it.") \
    X(M, BOOL, ignore_eos, "actor_rollout_ref.rollout.ignore_eos", "false", NULL, NULL, ALTERS, "While training, sample on behind the end token, up to data.max_response_length: responses of equal length, to measure speed.")

#define SETTINGS_VAL(X, M) \
    X(M, INT, n, "actor_rollout_ref.rollout.val_kwargs.n", "1", "[1, 65536]", NULL, FREE, "Samples of a problem in evaluation.") \
    X(M, REAL, temperature, "actor_rollout_ref.rollout.val_kwargs.temperature", "0", "[0, 100]", NULL, FREE, "Temperature in evaluation; 0 is greedy.") \
    X(M, REAL, top_p, "actor_rollout_ref.rollout.val_kwargs.top_p", "1.0", "(0, 1]", NULL, FREE, "Nucleus in evaluation.") \
    X(M, INT, top_k, "actor_rollout_ref.rollout.val_kwargs.top_k", "-1", "[-1, 1000000]", NULL, FREE, "Most probable tokens kept in evaluation; 0 or -1: all.") \
    X(M, BOOL, do_sample, "actor_rollout_ref.rollout.val_kwargs.do_sample", "false", NULL, NULL, FREE, "False: evaluation is greedy whatever its temperature.")

#define SETTINGS_ALGORITHM(X, M) \
    X(M, WORD, method, "algorithm.method", "dsdr", words_method, OWN, FREE, "Preset of other keys; each of them can be set beside it.") \
    X(M, WORD, adv_estimator, "algorithm.adv_estimator", "grpo", words_adv_estimator, "gae", ALTERS, "How advantages are estimated. Given without algorithm.method it selects method grpo.") \
    X(M, BOOL, norm_adv_by_std_in_grpo, "algorithm.norm_adv_by_std_in_grpo", "true", NULL, NULL, ALTERS, "Divide advantages by the group's standard deviation.") \
    X(M, REAL, adv_eps, "algorithm.adv_eps", "1e-6", "(0, 1000]", OWN, ALTERS, "Added to that standard deviation; decides how much a solve-all group counts.") \
    X(M, WORD, adv_std, "algorithm.adv_std", "population", words_adv_std, OWN, ALTERS, "Divisor of the variance: population (G) or sample (G - 1, as verl computes it).") \
    X(M, BOOL, mask_truncated, "algorithm.mask_truncated", "false", NULL, OWN, ALTERS, "Take responses that were cut at the length limit out of the loss (not out of the group's statistics).")

#define SETTINGS_FILTER(X, M) \
    X(M, BOOL, enable, "algorithm.filter_groups.enable", "false", NULL, NULL, ALTERS, "Dynamic sampling: drop groups without signal and generate others in their place.") \
    X(M, WORD, metric, "algorithm.filter_groups.metric", "acc", words_filter, "null", ALTERS, "acc: keep accuracy strictly between 0 and 1; signal: keep groups whose rewards differ.") \
    X(M, INT, max_num_gen_batches, "algorithm.filter_groups.max_num_gen_batches", "0", "[-1, 1000000]", NULL, ALTERS, "Give up after so many generated batches in one step; 0 or less: never.")

#define SETTINGS_DSDR(X, M) \
    X(M, REAL, lambda_d, "algorithm.dsdr.lambda_d", "0", "[0, 1000]", OWN, ALTERS, "Weight of the diversity reward on correct rollouts (equation 10).") \
    X(M, REAL, sigma_d, "algorithm.dsdr.sigma_d", "1.0", "(0, 1]", OWN, ALTERS, "Clip of the diversity score (equation 10).") \
    X(M, REAL, tau, "algorithm.dsdr.tau", "5", "[0, 1000]", OWN, ALTERS, "Temperature of the coupling (equation 11); 0: uniform over correct rollouts.") \
    X(M, REAL, lambda_l, "algorithm.dsdr.lambda_l", "0", "[0, 1000]", OWN, ALTERS, "Weight of the local entropy term (equations 15 and 16).") \
    X(M, WORD, entropy, "algorithm.dsdr.entropy", "sampled", words_entropy, OWN, ALTERS, "The local term: the paper's sampled estimate (equation 15), or the exact entropy.") \
    X(M, TEXT, encoder, "algorithm.dsdr.encoder", "models/all-MiniLM-L6-v2", NULL, OWN, ALTERS, "Folder of the sentence encoder (equation 4).") \
    X(M, WORD, encoder_long, "algorithm.dsdr.encoder_long", "cut", words_encoder_long, OWN, ALTERS, "Responses beyond 256 word pieces: cut there, or mean over windows of 256.") \
    X(M, WORD, formula_level, "algorithm.dsdr.formula_level", "l2", words_formula, OWN, ALTERS, "Normal form in which formulas are compared (equation 7).")

#define SETTINGS_REWARD(X, M) \
    X(M, WORD, profile, "reward_model.profile", "strict", words_profile, OWN, ALTERS, "Where the answer is looked for: strict (last box), gsm8k (after ####), lenient.") \
    X(M, REAL, random, "reward_model.random", "0", "[0, 1)", OWN, ALTERS, "Control experiment: reward a response with this probability whatever its answer; 0: off.") \
    X(M, WORD, overlap, "reward_model.overlap", "auto", words_overlap, OWN, FREE, "What is done of finished groups while others still decode: none; verdicts (and formulas); all, embeddings too, on one more thread; auto: all where this process has more CPUs than trainer.threads, else verdicts. Changes no result.")

#define SETTINGS_OVERLONG(X, M) \
    X(M, BOOL, enable, "reward_model.overlong_buffer.enable", "false", NULL, NULL, ALTERS, "Soft penalty on responses that come near the length limit.") \
    X(M, INT, len, "reward_model.overlong_buffer.len", "null", "[1, 1000000]", NULL, ALTERS, "Tokens before the limit over which the penalty grows; null: a fifth of data.max_response_length.") \
    X(M, REAL, penalty_factor, "reward_model.overlong_buffer.penalty_factor", "1.0", "[0, 1000]", NULL, ALTERS, "The penalty at the limit.")

#define SETTINGS_VERIFY(X, M) \
    X(M, INT, significant_digits, "verify.significant_digits", "6", "[1, 1000]", OWN, ALTERS, "A decimal written with at least so many significant digits may be a rounding of the other side.") \
    X(M, INT, decimals, "verify.decimals", "-1", "[-1, 1000]", OWN, ALTERS, "Compare numbers rounded to so many decimal places; -1: exactly.") \
    X(M, BOOL, gold_rounded, "verify.gold_rounded", "false", NULL, OWN, ALTERS, "A decimal gold accepts whatever rounds to it.") \
    X(M, INT, workers, "verify.workers", "0", "[0, 1024]", OWN, FREE, "Verification processes; 0: one a thread.") \
    X(M, INT, deadline_ms, "verify.deadline_ms", "5000", "[1, 3600000]", OWN, FREE, "Wall-clock backstop of one verification, in milliseconds; deterministic budgets come first.")

#define SETTINGS_TRAINER(X, M) \
    X(M, INT, total_training_steps, "trainer.total_training_steps", "null", "[1, 1000000000]", NULL, ALTERS, "Training steps; null: trainer.total_epochs decides.") \
    X(M, INT, total_epochs, "trainer.total_epochs", "30", "[1, 1000000000]", NULL, ALTERS, "Passes over the training problems, where the number of steps is not given.") \
    X(M, REAL, max_seconds, "trainer.max_seconds", "0", "[0, 1e9]", OWN, FREE, "Save and stop after the step in which all steps so far, those before a resume included, have taken so many seconds; 0: no limit.") \
    X(M, INT, test_freq, "trainer.test_freq", "-1", "[-1, 1000000000]", NULL, FREE, "Evaluate every so many steps; 0 or less: only after the last.") \
    X(M, BOOL, val_before_train, "trainer.val_before_train", "true", NULL, NULL, FREE, "Evaluate before the first step, where there are data.val_files.") \
    X(M, INT, save_freq, "trainer.save_freq", "20", "[-1, 1000000000]", "-1", FREE, "Save every so many steps; 0 or less: only after the last.") \
    X(M, INT, max_actor_ckpt_to_keep, "trainer.max_actor_ckpt_to_keep", "2", "[0, 1000000000]", "null", FREE, "Checkpoints kept; 0 or null: all.") \
    X(M, WORD, resume_mode, "trainer.resume_mode", "disable", words_resume, "auto", FREE, "auto: continue the run in trainer.default_local_dir if there is one, as --resume does.") \
    X(M, TEXT, default_local_dir, "trainer.default_local_dir", "", NULL, "checkpoints/PROJECT/EXPERIMENT", FREE, "Folder of the run; empty: runs/CONFIG-TIME.") \
    X(M, LIST, logger, "trainer.logger", "[console]", NULL, "[console, wandb]", FREE, "Where metrics go beside run.db: console, file (metrics.jsonl in the run's folder), tensorboard (event files there).") \
    X(M, INT, seed, "trainer.seed", "1", "[0, 9007199254740991]", OWN, ALTERS, "Seed of sampling.") \
    X(M, INT, probe_freq, "trainer.probe_freq", "10", "[0, 1000000000]", OWN, FREE, "Every so many steps also compare sampled and training log-probs of groups without gradient; 0: never.") \
    X(M, INT, record_tokens, "trainer.record_tokens", "2", "[0, 1000000]", OWN, FREE, "Groups of every trainer.probe_freq-th step whose tokens are recorded with log-prob, entropy and gradient; 0: none.") \
    X(M, INT, threads, "trainer.threads", "0", "[0, 1024]", OWN, FREE, "Threads; 0: one a core. Changes no result.") \
    X(M, WORD, precision, "trainer.precision", "auto", words_precision, OWN, ALTERS, "Arithmetic of matrix products; auto: bfloat16 where the CPU has it. Master weights are float32.") \
    X(M, INT, leaf_rows, "trainer.leaf_rows", "1024", "[1, 1000000]", OWN, ALTERS, "Rows of a leaf: gradients are summed over leaves in a fixed order.")

#define SETTINGS_JUDGE(X, M) \
    X(M, TEXT, base_url, "judge.base_url", "", NULL, OWN, FREE, "OpenAI-compatible endpoint of the judge; /chat/completions follows. Empty: no judge is asked.") \
    X(M, TEXT, model, "judge.model", "", NULL, OWN, FREE, "Model that the endpoint is asked for.") \
    X(M, TEXT, api_key_env, "judge.api_key_env", "OPENAI_API_KEY", NULL, OWN, FREE, "Environment variable that holds the endpoint's key; no key is sent where it is not set.") \
    X(M, INT, samples, "judge.samples", "32", "[0, 10000]", OWN, FREE, "Responses a problem that are compared, the first ones; 0: as many as every problem has.") \
    X(M, INT, response_limit, "judge.response_limit", "8000", "[100, 10000000]", OWN, FREE, "Bytes of a response that the judge is shown; longer ones are cut and counted.") \
    X(M, TEXT, prompt, "judge.prompt", "", NULL, OWN, FREE, "File of the judge's prompt, with {problem} and {responses}; empty: the one that dsdr judge --show-prompt shows.") \
    X(M, REAL, repeat_share, "judge.repeat_share", "0.05", "[0, 1]", OWN, FREE, "Share of the judgements that are made twice, for their agreement.") \
    X(M, INT, max_tokens, "judge.max_tokens", "256", "[1, 1000000]", OWN, FREE, "Limit of the judge's answer, in tokens.") \
    X(M, REAL, requests_per_minute, "judge.requests_per_minute", "60", "(0, 1e9]", OWN, FREE, "Requests started a minute, at most.") \
    X(M, INT, concurrency, "judge.concurrency", "4", "[1, 64]", OWN, FREE, "Requests under way at once, at most.") \
    X(M, REAL, timeout_s, "judge.timeout_s", "120", "(0, 86400]", OWN, FREE, "Seconds after which a try of a request has failed.") \
    X(M, INT, retries, "judge.retries", "6", "[0, 100]", OWN, FREE, "Further tries after 429, 5xx and failures of transport.") \
    X(M, REAL, retry_s, "judge.retry_s", "1", "[0, 600]", OWN, FREE, "Seconds before the second try; twice as many before each further one, up to a minute.") \
    X(M, REAL, input_price, "judge.input_price", "0", "[0, 1e9]", OWN, FREE, "Price of a million tokens that the judge reads, for the estimate.") \
    X(M, REAL, output_price, "judge.output_price", "0", "[0, 1e9]", OWN, FREE, "Price of a million tokens that the judge writes, for the estimate.") \
    X(M, REAL, max_cost, "judge.max_cost", "0", "[0, 1e9]", OWN, FREE, "Go on without asking where the estimate is at most this and a price is given; 0: ask.")

// S(member of settings, table). The order is that of printing; a prefix never comes back once left.
#define SETTINGS_SECTIONS(S) \
    S(data, SETTINGS_DATA) \
    S(model, SETTINGS_MODEL) \
    S(actor, SETTINGS_ACTOR) \
    S(optim, SETTINGS_OPTIM) \
    S(rollout, SETTINGS_ROLLOUT) \
    S(val, SETTINGS_VAL) \
    S(algorithm, SETTINGS_ALGORITHM) \
    S(filter, SETTINGS_FILTER) \
    S(dsdr, SETTINGS_DSDR) \
    S(reward, SETTINGS_REWARD) \
    S(overlong, SETTINGS_OVERLONG) \
    S(verify, SETTINGS_VERIFY) \
    S(trainer, SETTINGS_TRAINER) \
    S(judge, SETTINGS_JUDGE)

// What a method presets: P(key, grpo, dapo, dsdr).
#define SETTINGS_PRESETS(P) \
    P("actor_rollout_ref.actor.clip_ratio_low", "0.2", "0.2", "0.2") \
    P("actor_rollout_ref.actor.clip_ratio_high", "0.2", "0.28", "0.28") \
    P("actor_rollout_ref.actor.loss_agg_mode", "seq-mean-token-mean", "token-mean", "seq-mean-token-mean") \
    P("algorithm.filter_groups.enable", "false", "true", "false") \
    P("algorithm.filter_groups.metric", "acc", "acc", "signal") \
    P("algorithm.filter_groups.max_num_gen_batches", "0", "10", "0") \
    P("reward_model.overlong_buffer.enable", "false", "true", "false") \
    P("algorithm.dsdr.lambda_d", "0", "0", "0.001") \
    P("algorithm.dsdr.lambda_l", "0", "0", "0.001")
// clang-format on

#endif
