// What the theory promises (docs/method.md, section 6), checked on problems small enough to enumerate.
//
// The policy of these problems is a table: sequences of LENGTH tokens over a vocabulary of VOCAB, each position with its own
// softmax that may depend on the first token. Every sequence can be enumerated, so expectations are sums without sampling error.
#include "learn_golden.h"

#include "base/random.h"
#include "learn/credit.h"
#include "learn/objective.h"

static double draw(uint32_t trial, uint32_t a, uint32_t b, double low, double high) {
    return low + (high - low) * random_uniform(2, RANDOM_TEST, trial, a, b);
}

static double entropy_of(const double *p, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        if (p[i] > 0) sum -= p[i] * log(p[i]);
    return sum;
}

static void softmax(const double *x, size_t count, double *p) {
    double largest = x[0], sum = 0;
    for (size_t i = 1; i < count; i++) largest = fmax(largest, x[i]);
    for (size_t i = 0; i < count; i++) sum += p[i] = exp(x[i] - largest);
    for (size_t i = 0; i < count; i++) p[i] /= sum;
}

// The couplings that credit_assign gives to a group of correct rollouts with these scores.
static void coupling_of(double tau, size_t count, const double *dbar, double *w) {
    credit_options options = credit_default_options();
    options.tau = tau;
    verdict_status verdicts[16];
    diversity diversities[16] = {{0}};
    credit credits[16];
    assert_true(count <= 16);
    for (size_t i = 0; i < count; i++) verdicts[i] = VERDICT_CORRECT, diversities[i].dbar = dbar[i];
    assert_int_equal(credit_assign(&options, count, verdicts, diversities, NULL, credits, NULL), STATUS_OK);
    for (size_t i = 0; i < count; i++) w[i] = credits[i].coupling;
}

// The enumerable policy.
enum { VOCAB = 3, LENGTH = 3, SEQUENCES = 27, STATES = 1 + VOCAB * (LENGTH - 1), PARAMETERS = STATES * VOCAB };

typedef struct bandit {
    double theta[PARAMETERS]; // logits: of position 0, then of each later position after each first token
    double dbar[SEQUENCES];
    int correct[SEQUENCES];
} bandit;

static size_t state_of(size_t sequence, size_t position) {
    size_t first = sequence / (VOCAB * VOCAB);
    return position == 0 ? 0 : 1 + (position - 1) * VOCAB + first;
}

static size_t token_of(size_t sequence, size_t position) {
    return sequence / (position == 0 ? VOCAB * VOCAB : position == 1 ? VOCAB : 1) % VOCAB;
}

static double logp_of(const double *theta, size_t sequence, size_t position) {
    double p[VOCAB];
    softmax(theta + state_of(sequence, position) * VOCAB, VOCAB, p);
    return log(p[token_of(sequence, position)]);
}

static double probability_of(const double *theta, size_t sequence) {
    double sum = 0;
    for (size_t t = 0; t < LENGTH; t++) sum += logp_of(theta, sequence, t);
    return exp(sum);
}

// gradient += factor * d log pi(token at position) / d theta
static void add_score(const double *theta, size_t sequence, size_t position, double factor, double *gradient) {
    double p[VOCAB];
    size_t row = state_of(sequence, position) * VOCAB;
    softmax(theta + row, VOCAB, p);
    for (size_t v = 0; v < VOCAB; v++) gradient[row + v] += factor * ((v == token_of(sequence, position)) - p[v]);
}

static bandit make_bandit(uint32_t trial) {
    bandit b;
    for (uint32_t i = 0; i < PARAMETERS; i++) b.theta[i] = draw(trial, 0, i, -1.5, 1.5);
    for (uint32_t o = 0; o < SEQUENCES; o++) b.dbar[o] = draw(trial, 1, o, 0, 1), b.correct[o] = draw(trial, 2, o, 0, 1) < 0.4;
    b.correct[trial % SEQUENCES] = 1;
    return b;
}

static double partition(const bandit *b, const double *theta, double tau) {
    double z = 0;
    for (size_t o = 0; o < SEQUENCES; o++)
        if (b->correct[o]) z += probability_of(theta, o) * exp(tau * b->dbar[o]);
    return z;
}

// Lemma C.1: H(O) = I(O;Z) + H(O|Z). The information is computed as a divergence, not as a difference of entropies.
static void entropy_splits_into_modes_and_within_modes(void **state) {
    (void)state;
    enum { OUTPUTS = 6, MODES = 3 };
    for (uint32_t trial = 0; trial < 200; trial++) {
        double logits[OUTPUTS * MODES], joint[OUTPUTS * MODES], output[OUTPUTS] = {0}, mode[MODES] = {0};
        for (uint32_t i = 0; i < OUTPUTS * MODES; i++) logits[i] = draw(trial, i, 0, -4, 4);
        softmax(logits, OUTPUTS * MODES, joint);
        for (int o = 0; o < OUTPUTS; o++)
            for (int z = 0; z < MODES; z++) output[o] += joint[o * MODES + z], mode[z] += joint[o * MODES + z];
        double information = 0, within = 0;
        for (int z = 0; z < MODES; z++) {
            double conditional[OUTPUTS];
            for (int o = 0; o < OUTPUTS; o++) {
                double p = joint[o * MODES + z];
                conditional[o] = p / mode[z];
                information += p * log(p / (output[o] * mode[z]));
            }
            within += mode[z] * entropy_of(conditional, OUTPUTS);
        }
        ASSERT_CLOSE(information + within, entropy_of(output, OUTPUTS), 1e-13, 1, "trial %u", trial);
        assert_true(information >= 0);
    }
}

// Lemma C.1 on the enumerable policy, with the first token as the mode Z: then I(O;Z) is the entropy of position 0 and H(O|Z)
// that of the later positions, both as the exact local term measures them (T times a mean over T tokens).
static void the_local_term_measures_entropy_within_modes(void **state) {
    (void)state;
    objective_options o = {.lambda_l = 1, .local = LOCAL_EXACT, .aggregation = LOSS_TOKEN_MEAN};
    const objective_scope scope = {1, 1, LENGTH, LENGTH};
    for (uint32_t trial = 0; trial < 20; trial++) {
        bandit b = make_bandit(trial);
        double all[SEQUENCES], mode[VOCAB] = {0}, information = 0, within = 0;
        for (size_t s = 0; s < SEQUENCES; s++) {
            all[s] = probability_of(b.theta, s);
            mode[token_of(s, 0)] += all[s];
            for (size_t t = 0; t < LENGTH; t++) {
                double p[VOCAB], logp = logp_of(b.theta, s, t);
                softmax(b.theta + state_of(s, t) * VOCAB, VOCAB, p);
                objective_rollout earned = {LENGTH, 0, 1};
                objective_token token = {.logp = logp, .logp_old = logp, .entropy = entropy_of(p, VOCAB)};
                objective_output out;
                objective_token_loss(&o, &scope, &earned, &token, &out);
                *(t == 0 ? &information : &within) -= LENGTH * all[s] * out.loss;
            }
        }
        ASSERT_CLOSE(information, entropy_of(mode, VOCAB), 1e-13, 1, "trial %u: I(O;Z)", trial);
        ASSERT_CLOSE(information + within, entropy_of(all, SEQUENCES), 1e-13, 1, "trial %u: H(O)", trial);
    }
}

// J_R + lambda J_H of a policy over single-token answers, as the objective computes it when every answer is sampled once.
static double objective_of(double lambda, size_t count, const double *p, size_t correct, double *reward) {
    objective_options o = {.clip_low = 0.2, .clip_high = 0.28, .lambda_l = lambda, .local = LOCAL_EXACT};
    const objective_scope scope = {1, 1, 1, 1};
    double value = 0;
    *reward = 0;
    for (size_t v = 0; v < count; v++) {
        objective_rollout earned = {1, v < correct, 1};
        objective_token token = {.logp = log(p[v]), .logp_old = log(p[v]), .entropy = entropy_of(p, count)};
        objective_output out;
        if (p[v] == 0) continue;
        objective_token_loss(&o, &scope, &earned, &token, &out);
        value -= p[v] * out.loss;
        *reward -= p[v] * out.pg_loss;
    }
    return value;
}

// Prop. C.2: in a family of policies whose best reward is ahead of the best of those that are not correctness-optimal by Delta,
// every maximizer of J_R + lambda J_H is correctness-optimal when lambda < Delta / log VOCAB. Beyond that bound many families
// fail.
static void a_small_entropy_weight_keeps_correct_policies_optimal(void **state) {
    (void)state;
    enum { ANSWERS = 8, POLICIES = 24 };
    size_t broken_beyond = 0;
    for (uint32_t trial = 0; trial < 300; trial++) {
        double p[POLICIES][ANSWERS], reward[POLICIES], best = 0, second = 0;
        size_t correct = 1 + trial % 3;
        for (uint32_t k = 0; k < POLICIES; k++) {
            double logits[ANSWERS];
            for (uint32_t v = 0; v < ANSWERS; v++) logits[v] = draw(trial, k, v, -3, 3);
            softmax(logits, ANSWERS, p[k]);
            if (k < 4) // correctness-optimal members, without any entropy: the hardest case
                for (uint32_t v = 0; v < ANSWERS; v++) p[k][v] = v == k % correct;
            objective_of(0, ANSWERS, p[k], correct, &reward[k]);
            best = fmax(best, reward[k]);
        }
        for (int k = 0; k < POLICIES; k++)
            if (reward[k] < best) second = fmax(second, reward[k]);
        assert_true(best == 1 && second < 1);
        for (int side = 0; side < 2; side++) {
            double lambda = (side ? 3 : 0.999) * (best - second) / log(ANSWERS), top = -1, ignored;
            int argmax = -1;
            for (int k = 0; k < POLICIES; k++) {
                double value = objective_of(lambda, ANSWERS, p[k], correct, &ignored);
                if (value > top) top = value, argmax = k;
            }
            if (side == 0)
                assert_true(reward[argmax] == best);
            else
                broken_beyond += reward[argmax] != best;
        }
    }
    assert_true(broken_beyond > 20);
}

// Lemma C.3: P(mixed) = 1 - p^G - (1-p)^G, by enumerating all 2^G groups and letting credit_assign name each.
static void mixed_groups_have_the_promised_probability(void **state) {
    (void)state;
    credit_options options = credit_default_options();
    for (size_t size = 1; size <= 8; size++)
        for (double p = 0.05; p < 1; p += 0.15) {
            double mixed = 0, none = 0, all = 0;
            for (unsigned set = 0; set < 1u << size; set++) {
                verdict_status verdicts[8];
                credit credits[8];
                credit_summary summary;
                double probability = 1;
                for (size_t i = 0; i < size; i++) {
                    int correct = set >> i & 1;
                    verdicts[i] = correct ? VERDICT_CORRECT : VERDICT_WRONG;
                    probability *= correct ? p : 1 - p;
                }
                assert_int_equal(credit_assign(&options, size, verdicts, NULL, NULL, credits, &summary), STATUS_OK);
                mixed += summary.kind == CREDIT_GROUP_MIXED ? probability : 0;
                none += summary.kind == CREDIT_GROUP_SOLVE_NONE ? probability : 0;
                all += summary.kind == CREDIT_GROUP_SOLVE_ALL ? probability : 0;
                int moves = 0; // without diversity, exactly the mixed groups carry a gradient
                for (size_t i = 0; i < size; i++) moves |= credits[i].advantage != 0;
                assert_int_equal(moves, summary.kind == CREDIT_GROUP_MIXED);
            }
            ASSERT_CLOSE(mixed, 1 - pow(p, (double)size) - pow(1 - p, (double)size), 1e-13, 1, "G %zu, p %g", size, p);
            ASSERT_CLOSE(none + all + mixed, 1, 1e-13, 1, "G %zu, p %g", size, p);
        }
}

// Prop. C.4: if some shaped rewards differ, not all advantages are 0; a group solved by all has that once its dbar differ.
static void differing_rewards_give_a_gradient(void **state) {
    (void)state;
    size_t solved = 0, silent = 0;
    for (uint32_t trial = 0; trial < 4000; trial++) {
        credit_options options = credit_default_options();
        options.adv_std = trial % 2 ? CREDIT_STD_SAMPLE : CREDIT_STD_POPULATION;
        options.norm_adv_by_std = trial % 3 != 0;
        options.lambda_d = trial % 5 ? 0.001 : 0.1;
        size_t size = 2 + trial % 7;
        double chance = (const double[]){1, 1, 0.5, 0}[trial % 4], spread = pow(10, -draw(trial, 0, 0, 0, 5));
        verdict_status verdicts[8];
        diversity diversities[8] = {{0}};
        credit credits[8];
        credit_summary summary;
        for (uint32_t i = 0; i < size; i++) {
            verdicts[i] = draw(trial, 1, i, 0, 1) < chance ? VERDICT_CORRECT : VERDICT_WRONG;
            diversities[i].dbar = trial % 11 ? 0.3 + spread * draw(trial, 2, i, 0, 1) : 0.3;
        }
        assert_int_equal(credit_assign(&options, size, verdicts, diversities, NULL, credits, &summary), STATUS_OK);
        double least = INFINITY, most = -INFINITY, sum = 0, squares = 0;
        for (size_t i = 0; i < size; i++) {
            least = fmin(least, credits[i].reward), most = fmax(most, credits[i].reward);
            sum += credits[i].advantage, squares += credits[i].advantage * credits[i].advantage;
        }
        int differ = summary.kind == CREDIT_GROUP_MIXED ||
                     (summary.kind == CREDIT_GROUP_SOLVE_ALL && summary.diversity_spread >= CREDIT_EQUAL_DIVERSITY);
        assert_int_equal(squares > 0, differ);
        assert_int_equal(summary.signal, differ);
        if (differ) assert_true(most > least);
        ASSERT_CLOSE(sum, 0, 1e-9, 1, "trial %u: advantages must sum to 0", trial);
        for (size_t i = 0; i < size; i++) // the order of advantages is the order of rewards
            for (size_t j = 0; j < size && differ; j++)
                if (credits[i].reward > credits[j].reward + options.lambda_d * CREDIT_EQUAL_DIVERSITY)
                    assert_true(credits[i].advantage > credits[j].advantage);
        if (differ && options.norm_adv_by_std && options.adv_std == CREDIT_STD_POPULATION) {
            double shrink = summary.reward_std / (summary.reward_std + options.adv_eps);
            ASSERT_CLOSE(squares / (double)size, shrink * shrink, 1e-9, 1e-3, "trial %u: mean square of the advantages", trial);
        }
        solved += summary.kind == CREDIT_GROUP_SOLVE_ALL && differ;
        silent += !differ;
    }
    assert_true(solved > 1000 && silent > 500);
}

// Prop. C.5: eq 11 is the unique maximizer of tau sum w dbar + H(w) over the simplex; the maximum is log sum exp(tau dbar).
static void the_coupling_maximizes_diversity_plus_entropy(void **state) {
    (void)state;
    for (uint32_t trial = 0; trial < 300; trial++) {
        size_t count = 2 + trial % 7;
        double tau = (const double[]){0.5, 1, 5, 10}[trial % 4], dbar[8], w[8], sum = 0, top = 0;
        for (uint32_t i = 0; i < count; i++) dbar[i] = draw(trial, 0, i, 0, 1);
        coupling_of(tau, count, dbar, w);
        for (size_t i = 0; i < count; i++) top += tau * w[i] * dbar[i], sum += exp(tau * dbar[i]);
        top += entropy_of(w, count);
        ASSERT_CLOSE(top, log(sum), 1e-13, 1, "trial %u: the value at the maximum", trial);
        for (uint32_t point = 0; point < 200; point++) {
            double other[8], total = 0, value = 0, distance = 0, step = point % 2 ? 1 : 0.02; // anywhere, and close by
            for (uint32_t i = 0; i < count; i++) total += other[i] = -log(1 - draw(trial, 10 + point, i, 0, 1));
            for (size_t i = 0; i < count; i++) {
                other[i] = (1 - step) * w[i] + step * other[i] / total;
                value += tau * other[i] * dbar[i];
                distance += fabs(other[i] - w[i]);
            }
            value += entropy_of(other, count);
            // Pinsker: the shortfall is KL(other || w), at least half the squared distance.
            assert_true(top - value >= distance * distance / 2 - 1e-13);
        }
    }
}

// Theorem 3.1: the gradient of J_tau = (1/tau) log E[exp(tau dbar) 1(R=1)] is E[A_tau grad log pi].
static void the_tilted_objective_has_the_promised_policy_gradient(void **state) {
    (void)state;
    for (uint32_t trial = 0; trial < 12; trial++) {
        bandit b = make_bandit(trial);
        double tau = (const double[]){0.5, 1, 5, 10}[trial % 4], z = partition(&b, b.theta, tau), gradient[PARAMETERS] = {0};
        for (size_t o = 0; o < SEQUENCES; o++) {
            double advantage = ((b.correct[o] ? exp(tau * b.dbar[o]) : 0) / z - 1) / tau;
            for (size_t t = 0; t < LENGTH; t++) add_score(b.theta, o, t, probability_of(b.theta, o) * advantage, gradient);
        }
        for (size_t i = 0; i < PARAMETERS; i++) {
            const double h = 1e-5;
            double moved[PARAMETERS];
            memcpy(moved, b.theta, sizeof moved);
            moved[i] += h;
            double up = log(partition(&b, moved, tau)) / tau;
            moved[i] -= 2 * h;
            double slope = (up - log(partition(&b, moved, tau)) / tau) / (2 * h);
            ASSERT_CLOSE(gradient[i], slope, 1e-7, 0.1, "trial %u, parameter %zu", trial, i);
        }
    }
}

// Theorem 3.1, second half: replacing Z_tau by its estimate from a group of samples turns the weights exp(tau dbar) 1(R=1) / (G
// Z) of the theorem into eq 11, for any group. The weights of the theorem are formed here without any normalization trick.
static void self_normalized_weights_are_the_couplings(void **state) {
    (void)state;
    for (uint32_t trial = 0; trial < 500; trial++) {
        bandit b = make_bandit(trial % 20);
        credit_options options = credit_default_options();
        options.tau = (const double[]){0.5, 1, 5, 10}[trial % 4];
        verdict_status verdicts[8];
        diversity diversities[8] = {{0}};
        credit credits[8];
        double tilted[8], z = 0;
        for (uint32_t i = 0; i < 8; i++) {
            size_t o = (size_t)draw(trial, 3, i, 0, SEQUENCES);
            verdicts[i] = b.correct[o] ? VERDICT_CORRECT : VERDICT_WRONG;
            diversities[i].dbar = b.dbar[o];
            z += tilted[i] = b.correct[o] ? exp(options.tau * b.dbar[o]) / 8 : 0;
        }
        assert_int_equal(credit_assign(&options, 8, verdicts, diversities, NULL, credits, NULL), STATUS_OK);
        for (int i = 0; i < 8; i++)
            ASSERT_CLOSE(credits[i].coupling, z > 0 ? tilted[i] / z : 0, 1e-13, 1e-3, "trial %u, rollout %d", trial, i);
    }
}

// Over all rollouts, at pi_theta = pi_old, the sampled local term has the gradient of the exact one in expectation (eq 12 against
// eq 15): E[(log pi + 1) grad log pi] = -grad H at every position. Both sides come from objective_token_loss.
static void sampled_and_exact_local_terms_agree_in_expectation(void **state) {
    (void)state;
    objective_options sampled = objective_default_options(), exact = sampled;
    sampled.lambda_l = exact.lambda_l = 0.5;
    exact.local = LOCAL_EXACT;
    const objective_scope scope = {1, 1, LENGTH, LENGTH};
    for (uint32_t trial = 0; trial < 20; trial++) {
        bandit b = make_bandit(trial);
        double by_sample[PARAMETERS] = {0}, by_entropy[PARAMETERS] = {0}, correct_only[2][PARAMETERS] = {{0}};
        for (size_t o = 0; o < SEQUENCES; o++)
            for (size_t t = 0; t < LENGTH; t++) {
                double p[VOCAB], logp = logp_of(b.theta, o, t), chance = probability_of(b.theta, o);
                size_t row = state_of(o, t) * VOCAB;
                softmax(b.theta + row, VOCAB, p);
                objective_rollout earned = {LENGTH, 0, 1};
                objective_token token = {.logp = logp, .logp_old = logp, .entropy = entropy_of(p, VOCAB)};
                objective_output a, e;
                objective_token_loss(&sampled, &scope, &earned, &token, &a);
                objective_token_loss(&exact, &scope, &earned, &token, &e);
                add_score(b.theta, o, t, chance * a.d_logp, by_sample);
                if (b.correct[o]) add_score(b.theta, o, t, chance * a.d_logp, correct_only[0]);
                for (size_t v = 0; v < VOCAB; v++) { // dH / dz_v = -p_v (log p_v + H)
                    double slope = chance * e.d_entropy * -p[v] * (log(p[v]) + token.entropy);
                    by_entropy[row + v] += slope;
                    if (b.correct[o]) correct_only[1][row + v] += slope;
                }
            }
        double apart = 0;
        for (size_t i = 0; i < PARAMETERS; i++) {
            ASSERT_CLOSE(by_sample[i], by_entropy[i], 1e-13, 1, "trial %u, parameter %zu", trial, i);
            apart = fmax(apart, fabs(correct_only[0][i] - correct_only[1][i]));
        }
        assert_true(apart > 1e-4); // over correct rollouts alone they are different terms
    }
}

// The surrogate's gradient at pi_theta = pi_old is the policy gradient E[A grad log pi]: the whole of GRPO's first update.
static void the_surrogate_starts_as_the_policy_gradient(void **state) {
    (void)state;
    objective_options o = objective_default_options();
    o.lambda_l = 0;
    const objective_scope scope = {1, 1, LENGTH, LENGTH};
    bandit b = make_bandit(3);
    double gradient[PARAMETERS] = {0};
    for (size_t s = 0; s < SEQUENCES; s++)
        for (size_t t = 0; t < LENGTH; t++) {
            double logp = logp_of(b.theta, s, t);
            objective_rollout earned = {LENGTH, b.correct[s], 0};
            objective_token token = {.logp = logp, .logp_old = logp};
            objective_output out;
            objective_token_loss(&o, &scope, &earned, &token, &out);
            add_score(b.theta, s, t, probability_of(b.theta, s) * out.d_logp, gradient);
        }
    for (size_t i = 0; i < PARAMETERS; i++) { // against the slope of the accuracy, divided by T as the mean over tokens does
        const double h = 1e-5;
        double moved[PARAMETERS], slope = 0;
        for (int side = 1; side >= -1; side -= 2) {
            memcpy(moved, b.theta, sizeof moved);
            moved[i] += side * h;
            for (size_t s = 0; s < SEQUENCES; s++) slope += side * b.correct[s] * probability_of(moved, s);
        }
        ASSERT_CLOSE(gradient[i], -slope / (2 * h) / LENGTH, 1e-8, 0.1, "parameter %zu", i);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entropy_splits_into_modes_and_within_modes),
        cmocka_unit_test(the_local_term_measures_entropy_within_modes),
        cmocka_unit_test(a_small_entropy_weight_keeps_correct_policies_optimal),
        cmocka_unit_test(mixed_groups_have_the_promised_probability),
        cmocka_unit_test(differing_rewards_give_a_gradient),
        cmocka_unit_test(the_coupling_maximizes_diversity_plus_entropy),
        cmocka_unit_test(the_tilted_objective_has_the_promised_policy_gradient),
        cmocka_unit_test(self_normalized_weights_are_the_couplings),
        cmocka_unit_test(sampled_and_exact_local_terms_agree_in_expectation),
        cmocka_unit_test(the_surrogate_starts_as_the_policy_gradient),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
