// libdsdr: the parts of dsdr that another program can use. Reinforcement learning with verifiable rewards: GRPO, DAPO and DSDR.
//
//   judge       dsdr_verify, dsdr_verify_batch, dsdr_extract       is this response correct?
//   compare     dsdr_formulas_*, dsdr_diversity_*                  how different is it from the rest of its group?
//   credit      dsdr_credit_assign                                 reward, advantage and coupling of each rollout
//   objective   dsdr_objective_token_loss, dsdr_objective_rollout  loss of each token, derivatives by log-prob and entropy
//   score       dsdr_scorer_*                                      the first three at once, as training does them
//   models      dsdr_model_*, dsdr_encoder_*                       tokens, log-probs, generation; sentence embeddings
//
// Judging, comparing, credit and objective are pure functions of what is passed to them: they suit any other engine.
// "Eq n" means equation n of "DSDR: Dual-Scale Diversity Regularization for Exploration in LLM Reasoning" (arXiv 2602.19895).
//
// Conventions
//   G       rollouts of a group: responses to one prompt            width   numbers of an embedding
//   P, T    tokens of a prompt, of a response (its ending token included)
//   [G][n]  row-major: the n numbers of rollout 0, then of rollout 1, ...
//   logp    natural logarithm of a probability under softmax(logits / temperature); entropies are in nats
//   text    UTF-8 bytes and their number; DSDR_STRING as the number means NUL-terminated. Bytes that are not valid UTF-8 count
//           as U+FFFD.
//
// Errors: a function that can fail returns a dsdr_status. On failure dsdr_message() is one sentence that says what was wrong and
// what would be right, handles and texts that would have been made are NULL, and other outputs hold nothing of use. Settings are
// named in messages as dsdr's configuration names them ("algorithm.dsdr.tau"). A pointer that is needed and NULL is DSDR_INVALID.
//
// Ownership: handles (dsdr_model *, ...) are freed by their close or free function, for which NULL is fine; structs that own
// something have a clear function. Texts and arrays returned through ** are the caller's: dsdr_free. Inputs are only read
// during the call.
//
// Threads: functions without a handle may be called from any number of threads at once. A handle is for one call at a time,
// unless its function says otherwise; different handles are independent. dsdr_message() belongs to the calling thread.
// The library prints nothing, never ends the process, and reads no environment variable but HOME (for "~" in paths of settings)
// and those of OpenMP and oneDNN.
//
// Fill option structs from their defaults function and change fields after: later versions may add some. While the major
// version is 0, programs have to be compiled again for each minor version.
#ifndef DSDR_H
#define DSDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define DSDR_API __attribute__((visibility("default")))
#else
#define DSDR_API
#endif

#define DSDR_VERSION "0.1.0"
#define DSDR_STRING ((size_t)-1) // the length of a NUL-terminated text

// ---- status ----------------------------------------------------------------------------------------------------------------

typedef enum dsdr_status {
    DSDR_OK,
    DSDR_INVALID,     // wrong arguments, a missing or malformed file
    DSDR_UNSUPPORTED, // understood, but not implemented; the message names it
    DSDR_IO,          // the system refused
    DSDR_NO_MEMORY,
    DSDR_LIMIT, // a limit ended the work
    DSDR_FAILED,
    DSDR_INTERRUPTED, // a callback asked to stop
} dsdr_status;

// What went wrong in this thread's last failing call; "" if nothing did. Valid until the next failure in this thread.
DSDR_API const char *dsdr_message(void);
DSDR_API const char *dsdr_status_words(dsdr_status code); // "bad input"; static
DSDR_API const char *dsdr_version(void);                  // of the library in use, to compare with DSDR_VERSION; static
DSDR_API void dsdr_free(void *memory);                    // what a function returned through **; NULL is fine

// ---- judging: is a response correct? ---------------------------------------------------------------------------------------

// The answer is extracted from the response by a profile and compared with the gold answer exactly: numbers, expressions, sets,
// tuples, intervals, equations, units, text. Work is bounded by deterministic budgets. A verdict depends on its inputs alone.
typedef enum dsdr_verdict_status {
    DSDR_CORRECT,
    DSDR_WRONG,
    DSDR_NO_ANSWER,  // nothing to judge was found in the response
    DSDR_UNPARSED,   // the answer is not understood
    DSDR_OVER_LIMIT, // the answer exceeds a budget
    DSDR_UNDECIDED,  // understood, but equality could not be decided within budget
    DSDR_TIMEOUT,    // the wall clock of a verify pool: unknown
    DSDR_ERROR,      // a worker crashed or the gold is unreadable: unknown
} dsdr_verdict_status;

DSDR_API const char *dsdr_verdict_name(dsdr_verdict_status which); // "no_answer"; static; "" for a value that is none

typedef enum dsdr_profile {
    DSDR_PROFILE_STRICT,  // the last \boxed behind the last </think>; for training
    DSDR_PROFILE_GSM8K,   // the last "####"
    DSDR_PROFILE_LENIENT, // a box, else "the answer is", else the last mathematics or number; for evaluation
} dsdr_profile;

typedef struct dsdr_verify_options {
    dsdr_profile profile;
    bool think_open;        // the prompt ended inside an opened <think>
    int significant_digits; // to which a decimal answer has to agree with an inexact gold
    int decimals;           // agreement to so many decimals suffices; -1: off
    bool gold_rounded;      // golds are rounded: an answer that rounds to one is accepted
    uint64_t seed;          // of probabilistic comparisons
    bool skip_text;         // equal texts do not decide: to measure what else does
    bool explain;           // fill the verdict's gold_form, answer_form and reason
} dsdr_verify_options;

DSDR_API dsdr_verify_options dsdr_verify_defaults(void); // strict, 6 significant digits

typedef struct dsdr_verdict {
    dsdr_verdict_status status;
    const char *tier;              // which rule decided ("text", "rational", ...); static; "" if none
    char *answer;                  // what was found in the response, NUL-terminated, at most 4096 bytes; NULL if nothing; owned
    double microseconds;           // spent
    char *gold_form, *answer_form; // with `explain`: what the two are read as; NULL where they are not understood; owned
    char *reason;                  // with `explain`: why this verdict, "" where its tier says it; owned
} dsdr_verdict;

DSDR_API void dsdr_verdict_clear(dsdr_verdict *verdict); // frees its texts

// Judges a response (the answer is extracted), or an answer given as such (extracted only if it holds a \boxed).
// options NULL: the defaults. *out is overwritten; clear it. An unreadable gold is DSDR_ERROR in *out, not a failure, unless
// answer and gold are the same text, which is correct.
DSDR_API dsdr_status dsdr_verify(const dsdr_verify_options *options, const char *gold, size_t gold_length, const char *response,
                                 size_t response_length, dsdr_verdict *out);
DSDR_API dsdr_status dsdr_verify_answer(const dsdr_verify_options *options, const char *gold, size_t gold_length,
                                        const char *answer, size_t answer_length, dsdr_verdict *out);

// DSDR_OK when a gold can be compared by value; else the reason (DSDR_UNSUPPORTED not understood, DSDR_LIMIT too large,
// DSDR_INVALID empty). Worth doing for a whole data set before training.
DSDR_API dsdr_status dsdr_check_gold(const char *gold, size_t gold_length);

// The answer in a response, without judging it: *answer is NUL-terminated and the caller's, NULL where there is none. Linear
// time.
DSDR_API dsdr_status dsdr_extract(dsdr_profile profile, bool think_open, const char *response, size_t response_length,
                                  char **answer, size_t *answer_length);

// A key that is the same for equal answers to one problem, for majority votes (maj@k): *key is the caller's and may hold any
// bytes, NULL where the response has no answer.
DSDR_API dsdr_status dsdr_answer_key(const dsdr_verify_options *options, const char *response, size_t response_length, char **key,
                                     size_t *key_length);

// Worker processes that judge in parallel and can be killed: budgets bound the work, a deadline promises its end.
typedef struct dsdr_verify_pool dsdr_verify_pool;

typedef struct dsdr_verify_item {
    const char *gold, *text;
    size_t gold_length, text_length;
    bool is_answer;       // judged as by dsdr_verify_answer, else as by dsdr_verify
    dsdr_verdict verdict; // = filled; clear it
} dsdr_verify_item;

// `program` is the path of the dsdr binary, started `workers` times as `program verify-worker`. A judgement that takes longer
// than `deadline_seconds` is DSDR_TIMEOUT. memory_bytes limits the address space of each worker; 0: no limit.
DSDR_API dsdr_status dsdr_verify_pool_open(dsdr_verify_pool **out, const char *program, size_t workers, double deadline_seconds,
                                           size_t memory_bytes);
DSDR_API void dsdr_verify_pool_close(dsdr_verify_pool *pool);

// Judges all items; pool NULL: in this process, one after the other. On failure (DSDR_NO_MEMORY, DSDR_IO) the items that were not
// judged are DSDR_ERROR.
DSDR_API dsdr_status dsdr_verify_batch(dsdr_verify_pool *pool, const dsdr_verify_options *options, dsdr_verify_item *items,
                                       size_t count);

// ---- comparing: how different is a response from the rest of its group? ----------------------------------------------------

// S(o), the set of mathematical expressions in a response (eq 7).
typedef struct dsdr_formulas dsdr_formulas;

typedef enum dsdr_formula_level {
    DSDR_FORMULA_RAW, // as written
    DSDR_FORMULA_L1,  // spelling normalized
    DSDR_FORMULA_L2,  // normal form: sums and products sorted, a/b as \frac{a}{b}; level 1 where that does not parse; the default
} dsdr_formula_level;

// Makes the set of `length` bytes of text, in linear time.
DSDR_API dsdr_status dsdr_formulas_scan(dsdr_formulas **out, const char *text, size_t length, dsdr_formula_level level);
// An empty set, and adding one formula by its text, compared byte by byte: for formulas found by other means.
DSDR_API dsdr_status dsdr_formulas_create(dsdr_formulas **out);
DSDR_API dsdr_status dsdr_formulas_add(dsdr_formulas *set, const char *formula, size_t length);
DSDR_API size_t dsdr_formulas_count(const dsdr_formulas *set);               // without duplicates
DSDR_API const char *dsdr_formulas_text(const dsdr_formulas *set, size_t i); // valid until the set changes; NULL beyond the count
DSDR_API void dsdr_formulas_free(dsdr_formulas *set);

typedef struct dsdr_diversity {
    double d_emb; // eq 6: mean over the others of (1 - cosine) / 2, in [0, 1]
    double d_eq;  // eq 8: share of its formulas that no other response has, in [0, 1]; 0 without formulas
    double d;     // eq 9: (d_emb + d_eq) / 2
    double dbar;  // eq 10: min(d, sigma_d)
} dsdr_diversity;

// Eqs 4 to 10 for one group, in double.
//   embeddings [G][width], of any length but zero; a zero row, due to an empty response, has distance 0 to every other.
//              NULL: every d_emb is 0
//   formulas   [G]; NULL: every d_eq is 0
//   sigma_d    >= 0; dsdr's default is 1
//   out        [G] =
// G = 1 gives zeros. DSDR_FAILED for an embedding that is not finite.
DSDR_API dsdr_status dsdr_diversity_scores(size_t G, const float *embeddings, size_t width, const dsdr_formulas *const *formulas,
                                           double sigma_d, dsdr_diversity *out);

// A group as a whole: means over its pairs.
typedef struct dsdr_similarity {
    double semantic;       // mean cosine
    double formula;        // mean Jaccard index |A and B| / |A or B| over pairs that are not both empty; 0 without any
    double distinct_share; // different formulas over all occurrences; 0 without any
    size_t pairs;          // G (G - 1) / 2
    size_t formula_pairs;  // those that `formula` averages
} dsdr_similarity;

// Inputs as above; what is NULL leaves its figures 0.
DSDR_API dsdr_status dsdr_diversity_similarity(size_t G, const float *embeddings, size_t width,
                                               const dsdr_formulas *const *formulas, dsdr_similarity *out);

// ---- credit: what each rollout of a group earns ----------------------------------------------------------------------------

typedef enum dsdr_std {
    DSDR_STD_POPULATION, // divide by n, the paper's
    DSDR_STD_SAMPLE,     // divide by n - 1, as verl and TRL
} dsdr_std;

typedef struct dsdr_credit_options {
    double lambda_d; // >= 0: weight of the diversity reward; 0 for GRPO and DAPO
    double tau;      // >= 0: temperature of the coupling softmax; 0 spreads it evenly
    double adv_eps;  // > 0: added to the standard deviation
    dsdr_std adv_std;
    bool norm_adv_by_std; // false: A = reward - mean (Dr. GRPO)
} dsdr_credit_options;

DSDR_API dsdr_credit_options dsdr_credit_defaults(void); // DSDR: 0.001, 5, 1e-6, population, true

typedef struct dsdr_credit {
    double reward;    // eq 10: 1[correct] (1 + lambda_d dbar) + penalty; NaN where the verdict is unknown
    double advantage; // eqs 2, 23, 24: (reward - mean) / (std + adv_eps) over the known rewards
    double coupling;  // eq 11: softmax of tau dbar over the correct rollouts; 0 elsewhere
} dsdr_credit;

typedef enum dsdr_group_kind {
    DSDR_GROUP_UNKNOWN,
    DSDR_GROUP_SOLVE_NONE,
    DSDR_GROUP_MIXED,
    DSDR_GROUP_SOLVE_ALL
} dsdr_group_kind;

typedef struct dsdr_credit_summary {
    dsdr_group_kind kind;    // by its known verdicts
    size_t known, correct;   // rollouts
    double reward_mean;      // over known rollouts; NaN when there is none
    double reward_std;       // as it was used, before adv_eps
    double advantage_abs;    // mean |A| over known rollouts
    double coupling_entropy; // -sum w log w
    double diversity_spread; // largest minus smallest dbar of correct rollouts
    bool signal;             // correctness or diversity terms of the rewards differ
} dsdr_credit_summary;

// Assigns credit to one group.
//   options    NULL: the defaults
//   verdicts   [G]; DSDR_TIMEOUT and DSDR_ERROR are unknown: A = w = 0, left out of mean and std
//   diversity  [G], of which dbar of correct rollouts is read; NULL: every dbar is 0
//   penalties  [G], <= 0, added to the reward (dsdr_overlong_penalty); NULL: none
//   credits    [G] =
//   summary    =; NULL if not wanted
// Advantages are exactly 0 where all rewards are equal (dbar within 1e-6) or fewer than 2 verdicts are known; computed from
// deviations, so that differences of 1e-5 on rewards of 1 lose nothing. Couplings sum to 1 over the correct rollouts.
// DSDR_INVALID for an option out of range and for a dbar or penalty that is not finite; the outputs are then untouched.
DSDR_API dsdr_status dsdr_credit_assign(const dsdr_credit_options *options, size_t G, const dsdr_verdict_status *verdicts,
                                        const dsdr_diversity *diversity, const double *penalties, dsdr_credit *credits,
                                        dsdr_credit_summary *summary);

// DAPO's soft overlong penalty: 0 up to max_length - buffer tokens, falling linearly to -factor at max_length. 0 when buffer is
// 0.
DSDR_API double dsdr_overlong_penalty(size_t length, size_t max_length, size_t buffer, double factor);

// ---- objective: the loss of each token and its derivatives -----------------------------------------------------------------
//
// L = pg_loss + kl_coef kl_loss - entropy_coeff entropy_bonus + lambda_l local_loss, to be lowered (eqs 3, 13 to 16):
//   pg_loss        -min(rho A, clip(rho, 1 - clip_low, 1 + clip_high) A), rho = exp(logp - logp_old), aggregated
//   kl_loss        an estimate of KL(pi || pi_ref), aggregated;   entropy_bonus: the entropy, aggregated
//   local_loss     sum over correct rollouts of w / T times the sum over tokens of rho logp (eq 15) or of -entropy, divided by
//   the
//                  prompts of the mini-batch whatever the aggregation
// Every denominator is in the scope, so tokens may be computed in any order, on any machine, in any micro-batches: the loss and
// its gradient are the sums of what the tokens give.

typedef enum dsdr_loss_agg {     // verl's loss_agg_mode; N rollouts in the mini-batch
    DSDR_TOKEN_MEAN,             // a token weighs 1 / tokens of the mini-batch
    DSDR_SEQ_MEAN_TOKEN_SUM,     // 1 / N
    DSDR_SEQ_MEAN_TOKEN_MEAN,    // 1 / (N T)
    DSDR_SEQ_MEAN_TOKEN_SUM_NORM // 1 / (N loss_scale_factor)
} dsdr_loss_agg;

// With d = logp - logp_ref: value and gradient as named; _PLUS: the value as named, the gradient of k2.
typedef enum dsdr_kl {
    DSDR_KL_K1,  // d
    DSDR_KL_ABS, // |d|
    DSDR_KL_K2,  // d^2 / 2
    DSDR_KL_K3,  // exp(-d) + d - 1
    DSDR_KL_K1_PLUS,
    DSDR_KL_ABS_PLUS,
    DSDR_KL_K3_PLUS
} dsdr_kl;

typedef enum dsdr_local {
    DSDR_LOCAL_SAMPLED, // eq 15: rho logp of the sampled token; its derivative is rho (logp + 1)
    DSDR_LOCAL_EXACT,   // the entropy of the whole distribution
} dsdr_local;

typedef struct dsdr_objective_options {
    double clip_low, clip_high;
    double clip_c; // dual clip: the loss is at most -A clip_c where A < 0; above 1; 0: off
    dsdr_loss_agg aggregation;
    double loss_scale_factor; // of seq-mean-token-sum-norm; 0: the scope's max_length
    dsdr_kl kl;
    double kl_coef;       // 0: logp_ref is not read
    double entropy_coeff; // 0: off
    double lambda_l;      // 0: off
    dsdr_local local;
} dsdr_objective_options;

DSDR_API dsdr_objective_options
dsdr_objective_defaults(void); // DSDR: 0.2, 0.28, seq-mean-token-mean, no KL, lambda_l 0.001 sampled

// The counts of one mini-batch (one optimizer step), rollouts without gradient included.
typedef struct dsdr_objective_scope {
    size_t prompts, rollouts, tokens; // groups, all their rollouts, all response tokens; at least 1 each
    size_t max_length;                // the limit of response tokens; read by seq-mean-token-sum-norm alone
} dsdr_objective_scope;

typedef struct dsdr_objective_token {
    double logp;     // under the policy being trained
    double logp_old; // under the policy that sampled
    double logp_ref; // under the reference; read only with kl_coef
    double entropy;  // of the policy being trained, at this position
} dsdr_objective_token;

typedef struct dsdr_objective_output {
    double loss;                                        // the token's share of L
    double d_logp, d_entropy;                           // dL / d logp, dL / d entropy
    double pg_loss, kl_loss, entropy_bonus, local_loss; // shares of the terms, without their coefficients
    double ratio, ppo_kl;                               // rho; logp_old - logp
    bool clipped_high, clipped_low, clipped;            // the clip decided: above, below, either
    bool clipped_lower;                                 // the dual clip decided
} dsdr_objective_output;

// DSDR_INVALID, naming the option, when one is out of its range.
DSDR_API dsdr_status dsdr_objective_check(const dsdr_objective_options *options);

// *output = what one token of a rollout of T = `length` tokens with this advantage and coupling adds. options NULL: the
// defaults. At ties the derivative is PyTorch's: on an edge of the clip range half passes, at a ratio of 1 all of it. A NaN among
// the numbers that are read gives NaN.
DSDR_API dsdr_status dsdr_objective_token_loss(const dsdr_objective_options *options, const dsdr_objective_scope *scope,
                                               size_t length, double advantage, double coupling,
                                               const dsdr_objective_token *token, dsdr_objective_output *output);

// False exactly when a rollout adds 0 to loss and gradient: A = 0, lambda_l w = 0, kl_coef = 0, entropy_coeff = 0.
DSDR_API bool dsdr_objective_needs_gradient(const dsdr_objective_options *options, double advantage, double coupling);

// Sums over tokens; all zero is the empty sum. dsdr_objective_report makes means of them.
typedef struct dsdr_objective_sums {
    double loss, pg_loss, kl_loss, entropy_bonus, local_loss, ppo_kl, entropy, ratio;
    double ratio_min, ratio_max; // meaningful when tokens > 0
    size_t tokens, clipped, clipped_high, clipped_low, clipped_lower;
} dsdr_objective_sums;

// All tokens of one rollout: d_logp[T] = and d_entropy[T] = the derivatives (either may be NULL), *sums += (NULL if not wanted).
// logp, logp_old, logp_ref (NULL without kl_coef), entropy (NULL without an entropy term: it is then taken as 0): [T].
DSDR_API dsdr_status dsdr_objective_rollout(const dsdr_objective_options *options, const dsdr_objective_scope *scope,
                                            size_t length, double advantage, double coupling, const float *logp,
                                            const float *logp_old, const float *logp_ref, const float *entropy, double *d_logp,
                                            double *d_entropy, dsdr_objective_sums *sums);

// The figures of a mini-batch, by verl's names for them: loss terms, shares of clipped tokens among all tokens of the scope,
// means over the tokens that were computed (NaN when there was none).
typedef struct dsdr_objective_figures {
    double loss, pg_loss, kl_loss, entropy_bonus, local_loss;
    double pg_clipfrac, pg_clipfrac_lower, clipfrac_high, clipfrac_low;
    double ppo_kl, entropy, ratio_mean, ratio_min, ratio_max;
} dsdr_objective_figures;

DSDR_API dsdr_status dsdr_objective_report(const dsdr_objective_sums *sums, const dsdr_objective_scope *scope,
                                           dsdr_objective_figures *out);

// ---- sentence embeddings ---------------------------------------------------------------------------------------------------

// A frozen sentence encoder (eq 4): a BertModel folder of sentence-transformers with mean pooling, such as all-MiniLM-L6-v2.
typedef struct dsdr_encoder dsdr_encoder;

// threads: 0 for one a core. The encoder computes in float32.
DSDR_API dsdr_status dsdr_encoder_open(dsdr_encoder **out, const char *folder, int threads);
DSDR_API void dsdr_encoder_close(dsdr_encoder *encoder);
DSDR_API size_t dsdr_encoder_width(const dsdr_encoder *encoder); // numbers of an embedding; 0 for NULL
DSDR_API size_t dsdr_encoder_limit(const dsdr_encoder *encoder); // word pieces of a text, [CLS] and [SEP] included; 0 for NULL

// Longer texts are cut, as sentence-transformers does (the start value); or, with windows, consecutive windows of the limit are
// averaged.
DSDR_API dsdr_status dsdr_encoder_set_windows(dsdr_encoder *encoder, bool windows);

// embeddings[count][width] = the texts' embeddings, each the same bits alone and in any company; of length 1 where the folder's
// modules.json says Normalize. lengths[count] in bytes, NULL: all texts are NUL-terminated. cut[count] = whether a text was
// longer than the limit; NULL if not wanted. For eqs 4 to 6 replace the row of an empty response by zeros.
DSDR_API dsdr_status dsdr_encoder_embed(dsdr_encoder *encoder, const char *const *texts, const size_t *lengths, size_t count,
                                        float *embeddings, bool *cut);

// ---- scoring: verdicts, diversity and credit of a group at once ------------------------------------------------------------

// What training does with the responses to one problem, and `dsdr score` with a row.
typedef struct dsdr_scorer dsdr_scorer;

typedef struct dsdr_scored {
    dsdr_verdict verdict;
    dsdr_formulas *formulas; // S(o); owned
    dsdr_diversity diversity;
    dsdr_credit credit;
} dsdr_scored;

// settings[count] are texts "key=value" with the keys of dsdr's configuration (`dsdr config` lists them): algorithm.dsdr.encoder
// (a folder), .lambda_d, .sigma_d, .tau, .formula_level, algorithm.adv_eps, reward_model.profile, verify.*, trainer.threads.
// program: the dsdr binary for verify workers, NULL: judge in this process. An unknown key is DSDR_INVALID ("did you mean").
DSDR_API dsdr_status dsdr_scorer_open(dsdr_scorer **out, const char *const *settings, size_t count, const char *program);
DSDR_API void dsdr_scorer_close(dsdr_scorer *scorer);

// scored[G] = the group's rollouts, to be cleared; *summary = (NULL if not wanted). lengths[G] in bytes, NULL: all responses are
// NUL-terminated. gold is NUL-terminated. There is no overlong penalty: it is a matter of tokens.
DSDR_API dsdr_status dsdr_scorer_score(dsdr_scorer *scorer, const char *gold, const char *const *responses, const size_t *lengths,
                                       size_t G, dsdr_scored *scored, dsdr_credit_summary *summary);
DSDR_API void dsdr_scored_clear(dsdr_scored *scored, size_t G);

// ---- language models -------------------------------------------------------------------------------------------------------

// A causal language model with its tokenizer: Llama, SmolLM2, Qwen2, Qwen3, Mistral without sliding window. What a log-prob is
// does not depend on how it is computed: a rollout's recorded log-probs and those that dsdr_model_logprobs gives for its tokens
// are the same bits, in any batch and with any number of threads.
typedef struct dsdr_model dsdr_model;

typedef enum dsdr_precision {
    DSDR_PRECISION_AUTO, // bfloat16 where the CPU multiplies it natively
    DSDR_PRECISION_FLOAT32,
    DSDR_PRECISION_BFLOAT16, // products in bfloat16, sums in float32
} dsdr_precision;

typedef struct dsdr_model_options {
    int threads; // 0: one a core
    dsdr_precision precision;
} dsdr_model_options;

DSDR_API dsdr_model_options dsdr_model_defaults(void); // 0, float32

// Opens a Hugging Face folder (config.json, safetensors, tokenizer) or a GGUF file. What its configuration asks for and is not
// implemented is DSDR_UNSUPPORTED, naming it; a missing, surplus, misshapen or non-finite tensor is refused by name. options
// NULL: the defaults.
DSDR_API dsdr_status dsdr_model_open(dsdr_model **out, const char *path, const dsdr_model_options *options);
DSDR_API void dsdr_model_close(dsdr_model *model);

typedef struct dsdr_model_info {
    const char *architecture; // as in config.json; it and stop_tokens belong to the model
    size_t layers, hidden, vocabulary, max_positions;
    size_t parameters;          // numbers
    const int32_t *stop_tokens; // [stop_count] end a response
    size_t stop_count;
    int32_t bos;        // -1: none
    bool chat_template; // the model has one
} dsdr_model_info;

DSDR_API dsdr_status dsdr_model_describe(const dsdr_model *model, dsdr_model_info *out);

// Text to tokens and back, equal to Hugging Face's. Any number of threads may use these two with one model at once.
//   special       special tokens written out in the text become those tokens
//   add           what the tokenizer puts around a text (BOS, EOS) is added
//   skip_special  special tokens are left out of the text
// *tokens and *text are the caller's. *text is NUL-terminated and exactly the tokens' bytes: a character cut in half stays cut.
DSDR_API dsdr_status dsdr_model_encode(const dsdr_model *model, const char *text, size_t length, bool special, bool add,
                                       int32_t **tokens, size_t *count);
DSDR_API dsdr_status dsdr_model_decode(const dsdr_model *model, const int32_t *tokens, size_t count, bool skip_special,
                                       char **text, size_t *length);

// The prompt of a problem as training makes it. prompt_template: "chat" or NULL for the model's own chat template, to which
// `instruction` (NULL: none) goes behind the problem after a newline; or a raw text that contains {problem}. All are
// NUL-terminated. *think_open (NULL if not wanted) = the prompt ends inside an opened <think>.
DSDR_API dsdr_status dsdr_model_prompt(dsdr_model *model, const char *prompt_template, const char *instruction,
                                       const char *problem, int32_t **tokens, size_t *count, bool *think_open);

// A response and room for what the model says of it.
typedef struct dsdr_sequence {
    const int32_t *tokens; // [length]
    size_t length;         // T, at least 1
    float *logp;           // [length] = log-prob of each token given the prompt and the tokens before
    float *entropy;        // [length] = entropy of the distribution it was drawn from; NULL if not wanted
} dsdr_sequence;

// Log-probs and entropies of G responses to one prompt, which is computed once. P at least 1; temperature above 0. Working memory
// grows to the largest call and is kept until the model is closed.
DSDR_API dsdr_status dsdr_model_logprobs(dsdr_model *model, const int32_t *prompt, size_t prompt_length, dsdr_sequence *responses,
                                         size_t G, float temperature);

typedef enum dsdr_finish {
    DSDR_FINISH_STOP,   // an end token or a stop string
    DSDR_FINISH_LENGTH, // cut at max_tokens
} dsdr_finish;

typedef struct dsdr_rollout {
    size_t length;         // T, the ending token included
    int32_t *tokens;       // [T]
    float *logp, *entropy; // [T], of the whole distribution at this temperature, whatever top_k and top_p
    dsdr_finish finish;
    char *text;         // without special tokens, cut before a stop string; NUL-terminated, valid UTF-8
    size_t text_length; // bytes
} dsdr_rollout;

typedef struct dsdr_sampling {
    uint64_t seed,
        serial; // draws are keyed by (seed, serial + number of the prompt, rollout, position): the same call, the same bits
    float temperature;         // 0: the most likely token; logp and entropy are then those at temperature 1
    size_t top_k;              // 0: all
    double top_p;              // 1: all
    size_t max_tokens;         // of a response
    const int32_t *end_tokens; // [end_count]; NULL: the model's stop_tokens
    size_t end_count;
    const char *const *stop_strings; // [stop_count], NUL-terminated
    size_t stop_count;
    size_t rows; // rollouts computed at once: memory and speed, no bit of the result
    // Called between tokens with the numbers of finished rollouts and of tokens; true stops (DSDR_INTERRUPTED). NULL: none.
    bool (*watch)(void *context, size_t finished, size_t tokens);
    void *watch_context;
} dsdr_sampling;

DSDR_API dsdr_sampling dsdr_sampling_defaults(void); // seed 1, temperature 1, everything else open, 256 tokens, 32 rows

// rollouts[count][G] = G responses to each of `count` prompts, to be cleared; on failure they are empty. A prompt is computed
// once. how NULL: the defaults. Prompt and max_tokens together have to fit the positions that the model was made for.
DSDR_API dsdr_status dsdr_model_generate(dsdr_model *model, const int32_t *const *prompts, const size_t *prompt_lengths,
                                         size_t count, size_t G, const dsdr_sampling *how, dsdr_rollout *rollouts);
DSDR_API void dsdr_rollouts_clear(dsdr_rollout *rollouts, size_t count); // frees what `count` rollouts own

#ifdef __cplusplus
}
#endif

#endif
