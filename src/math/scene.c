// The variables of two expressions that are compared at points, and the points: sizes that hide nothing from each other, whole
// numbers, places where one formula takes over from another. See scene.h; called by functions.c.
#include "math/scene.h"

#include <string.h>

#include "base/random.h"
#include "math/ball.h"
#include "math/words.h"

#define MODULUS_MAX 1000        // remainders that are tried one after the other
#define CONSTANT_BITS_MAX 20000 // of a constant near which points are laid

// Letters that stand for whole numbers by custom.
static bool is_whole_letter(const char *name) {
    return strchr("jklmnpqKMN", name[0]) && (name[1] == 0 || name[1] == '_' || name[1] == '\'');
}

// An answer does not decide that the x of the gold is a whole number: \lfloor x\rfloor + 0x! is not x.
static void add_variable(scene *s, const char *name, math_node *node, bool integer) {
    integer = integer && (!s->answer || (name && is_whole_letter(name)));
    s->whole |= integer;
    for (size_t i = 0; i < s->given.count; i++) {
        const binding *b = &s->given.items[i];
        if ((name && b->name && strcmp(name, b->name) == 0) || (node && b->node && tree_compare(node, b->node) == 0)) {
            s->integer[i] |= integer;
            return;
        }
    }
    if (s->given.count >= VARIABLES_MAX) {
        s->crowded = true;
        return;
    }
    s->integer[s->given.count] = integer;
    binding *b = &s->given.items[s->given.count++];
    b->name = name, b->node = node;
    fmpq_init(b->value);
}

// The size of a constant, from a rational or a ball. False where it is 0, or too large to be a point.
static bool size_of_constant(judge *j, const math_node *n, fmpq_t out) {
    bool known = number_evaluate(n, NULL, &j->steps, out) == VALUE_KNOWN;
    if (!known) {
        acb_t x;
        arb_t size;
        acb_init(x), arb_init(size);
        known = ball_evaluate(n, NULL, 64, &j->steps, x) == VALUE_KNOWN && acb_is_finite(x);
        acb_abs(size, x, 64);
        arf_ptr middle = arb_midref(size);
        known = known && arf_cmpabs_2exp_si(middle, CONSTANT_BITS_MAX) < 0 && arf_cmpabs_2exp_si(middle, -CONSTANT_BITS_MAX) > 0;
        arf_set_round(middle, middle, 16, ARF_RND_NEAR);
        if (known) arf_get_fmpq(out, middle);
        acb_clear(x), arb_clear(size);
    }
    fmpq_abs(out, out);
    return known && fmpz_bits(fmpq_numref(out)) + fmpz_bits(fmpq_denref(out)) <= CONSTANT_BITS_MAX;
}

// The remainders by c are tried one after the other; those by several numbers together.
static void add_modulus(scene *s, const fmpz_t c) {
    fmpz_t all;
    fmpz_init(all);
    fmpz_lcm(all, c, (fmpz[]){s->modulus});
    if (fmpz_cmp_si(all, MODULUS_MAX) > 0)
        s->many_remainders = true;
    else if (!fmpz_is_zero(all))
        s->modulus = (uint32_t)fmpz_get_ui(all);
    fmpz_clear(all);
}

// Of a whole number a part may ask for its remainder by a constant: \gcd(n, n + 6) by each in it, \lfloor n/6\rfloor by what it
// divides by.
typedef enum remainders { NO_REMAINDERS, BY_DIVISORS, BY_ALL } remainders;

static void add_landmark(judge *j, scene *s, const math_node *constant, remainders by) {
    fmpq_t size;
    fmpq_init(size);
    bool rational = number_evaluate(constant, NULL, &j->steps, size) == VALUE_KNOWN;
    if (rational && by == BY_ALL) add_modulus(s, fmpq_numref(size));
    if (rational && by != NO_REMAINDERS) add_modulus(s, fmpq_denref(size));
    bool known = size_of_constant(j, constant, size), seen = fmpq_is_zero(size);
    for (uint32_t i = 0; i < s->landmark_count && !seen; i++) seen = fmpq_equal(&s->landmarks[i], size);
    if (!known || (!seen && s->landmark_count == LANDMARKS_MAX))
        s->unseen = true;
    else if (!seen) {
        fmpq_init(&s->landmarks[s->landmark_count]);
        fmpq_set(&s->landmarks[s->landmark_count++], size);
    }
    fmpq_clear(size);
}

// The constants of a part that is one formula here and another there, largest subtrees first; of powers and roots the e of e^x
// and the 2 of x^2 tell no places.
static void add_landmarks(judge *j, scene *s, const math_node *n, remainders by) {
    if (j->steps == 0) return;
    j->steps--;
    if (!node_has_variables(n)) {
        add_landmark(j, s, n, by);
        return;
    }
    bool power = n->kind == MATH_POWER || n->kind == MATH_ROOT;
    for (uint32_t i = 0; i < n->count; i++) {
        bool divisor = n->kind == MATH_QUOTIENT && i == 1 && by == BY_DIVISORS;
        if (!power || node_has_variables(n->children[i])) add_landmarks(j, s, n->children[i], divisor ? BY_ALL : by);
    }
}

// f(\sqrt{n}) and f(n^{1/2}) are one value: a call whose arguments equal those of an earlier one becomes the same tree.
static void unify_call(judge *j, const scene *s, math_node *n) {
    for (size_t i = 0; i < s->given.count; i++) {
        const math_node *other = s->given.items[i].node;
        if (!other || other->kind != MATH_FUNCTION || other->count != n->count || strcmp(other->name, n->name) != 0) continue;
        bool same = n->count > 0, saved = j->exact;
        j->exact = true;
        for (uint32_t k = 0; k < n->count && same; k++) same = value_compare(j, other->children[k], n->children[k]) == MATH_EQUAL;
        j->exact = saved;
        if (!same) continue;
        memcpy(n->children, other->children, n->count * sizeof *n->children);
        return;
    }
}

// \sum_{j=1}^n j and \sum_{k=1}^n k are one value: the index takes the name that it has in an earlier sum.
static void unify_index(const scene *s, math_node *n) {
    const char *index = node_index(n);
    for (size_t i = 0; index && i < s->given.count; i++) {
        const math_node *other = s->given.items[i].node;
        const char *name = other && other->kind == MATH_BIG && strcmp(other->name, n->name) == 0 ? node_index(other) : NULL;
        if (!name || strcmp(name, index) == 0 || node_mentions(n, name)) continue;
        node_rename(n, index, name);
        return;
    }
}

// A call of a function that can be computed: what it says of its variables. True where it asks for whole numbers.
static bool note_function(judge *j, scene *s, const math_node *n) {
    bool remainder = word_in((const char *const[]){"gcd", "lcm", "mod", NULL}, n->name, strlen(n->name));
    bool choice = word_in((const char *const[]){"max", "min", "arg", NULL}, n->name, strlen(n->name));
    s->divisors |= remainder;
    s->piecewise |= choice || strncmp(n->name, "arc", 3) == 0;
    if ((remainder || choice) && node_has_variables(n))
        s->pieces = true, add_landmarks(j, s, n, remainder ? BY_ALL : NO_REMAINDERS);
    return remainder;
}

// A call of an unknown function: a variable of its own.
static void note_call(judge *j, scene *s, math_node *n, bool integer) {
    for (uint32_t i = 0; i < n->count; i++) {
        math_node *argument = normal_form(j->memory, n->children[i]); // f(1+x) and f(x+1) are one value
        if (argument) n->children[i] = argument;
    }
    unify_call(j, s, n);
    s->computed |= node_is_call(n, "vectimes"); // a \times b is -b \times a
    add_variable(s, NULL, n, integer);
}

// Something that is not computed: a variable of its own, unless it is a number.
static void note_opaque(judge *j, scene *s, math_node *n, bool integer) {
    fmpq_t q;
    fmpq_init(q);
    bool value = n->kind == MATH_BIG && number_evaluate(n, NULL, &j->steps, q) == VALUE_KNOWN;
    fmpq_clear(q);
    if (value) return;
    s->computed |= n->kind != MATH_TEXT && n->kind != MATH_VECTOR;
    if (n->kind == MATH_BIG) unify_index(s, n);
    add_variable(s, NULL, n, integer);
}

static void note_symbol(scene *s, const char *name, bool integer) {
    if (strcmp(name, "pi") == 0)
        s->has_pi = true;
    else if (strcmp(name, "e") == 0)
        s->has_e = true;
    else if (strcmp(name, "dots") == 0) // what they leave out is not known
        s->computed = true, add_variable(s, name, NULL, integer);
    else if (!name_is_constant(name))
        add_variable(s, name, NULL, integer);
}

// `integer`: inside something that asks for whole numbers.
static void find_variables(judge *j, scene *s, math_node *n, bool integer) {
    if (j->steps == 0) return;
    j->steps--;
    long base, exponent;
    bool jumps = (n->kind == MATH_FLOOR || n->kind == MATH_CEILING) && node_has_variables(n);
    switch (n->kind) {
    case MATH_SYMBOL:
        note_symbol(s, n->name, integer);
        return;
    case MATH_FUNCTION:
        if (name_is_function(n->name) && n->count >= 1 && n->count <= 2) {
            integer |= note_function(j, s, n);
            break;
        }
        note_call(j, s, n, integer);
        return;
    case MATH_NUMBER:
    case MATH_BASED:
        return;
    case MATH_FACTORIAL:
    case MATH_BINOMIAL:
        integer = true;
        break;
    case MATH_POWER:
        if (!node_small_integer(n->children[1], &exponent) && node_has_variables(n->children[0])) {
            s->piecewise = true;
            add_landmarks(j, s, n->children[0], NO_REMAINDERS);
        }
        find_variables(j, s, n->children[0], integer);
        integer |= node_small_integer(n->children[0], &base) && base < 0;
        find_variables(j, s, n->children[1], integer);
        return;
    case MATH_FLOOR:
    case MATH_CEILING: // \lceil n/2 \rceil: these letters are whole numbers there
        for (const char *const *letter = (const char *const[]){"n", "m", "k", NULL}; *letter; letter++)
            if (node_mentions(n, *letter)) add_variable(s, *letter, NULL, true);
        s->jumps |= jumps;
        __attribute__((fallthrough));
    case MATH_ABSOLUTE:
        s->pieces |= node_has_variables(n);
        __attribute__((fallthrough));
    case MATH_ROOT:
        s->piecewise |= node_has_variables(n);
        if (node_has_variables(n)) add_landmarks(j, s, n, jumps ? BY_DIVISORS : NO_REMAINDERS);
        break;
    case MATH_SUM:
    case MATH_PRODUCT:
    case MATH_QUOTIENT:
    case MATH_NEGATE:
    case MATH_PERCENT:
    case MATH_DEGREE:
        break;
    default:
        note_opaque(j, s, n, integer);
        return;
    }
    for (uint32_t i = 0; i < n->count; i++) find_variables(j, s, n->children[i], integer);
}

void scene_read(judge *j, scene *s, math_node *gold, math_node *answer) {
    s->modulus = 1;
    find_variables(j, s, gold, false);
    s->answer = true;
    find_variables(j, s, answer, false);
    s->row = s->modulus > 12 ? s->modulus : 12;
    s->unseen |= s->whole && s->many_remainders;
}

void scene_clear(scene *s) {
    for (size_t i = 0; i < s->given.count; i++) fmpq_clear(s->given.items[i].value);
    for (uint32_t i = 0; i < s->landmark_count; i++) fmpq_clear(&s->landmarks[i]);
}

bool scene_all_whole(const scene *s) { return s->whole && memchr(s->integer, false, s->given.count) == NULL; }

// ---- points -------------------------------------------------------------------------------------------------------------------

// Whole numbers: `row` in a row, so that every remainder occurs, two farther out, and 9 at which one variable after the other
// is even and the rest odd, as in the row of 12 n and k could be even together.
#define WHOLE_MORE 11
#define DIVISOR_POINTS 96   // behind these: numbers up to 36, any with any, for \gcd(m, n) and \gcd(m^2, n)
#define NEAR_POINTS 3       // about 1
#define POSITIVE_POINTS 6   // the others much smaller or larger
#define REAL_POINTS 10      // the others negative
#define PIECEWISE_POINTS 28 // the others of any size and sign
#define JUMP_POINTS 24      // where there are jumps: whole numbers and twelfths in turn, 0 among them
#define LANDMARK_POINTS 240 // at most
#define RESCUE_POINTS 16    // near ones times 2^-4, 2^4, 2^-8, .., 2^32

// For a constant c the points c, c + 1, c - 1, 2c, 1/c, c + 1/2, c - 1/2 with both signs; for all of them a size beyond them all.
#define PLACES 14
#define FAR_PLACES 4

// With more variables there are more ways of being larger and smaller than each other.
static uint32_t piecewise_points(const scene *s) {
    return PIECEWISE_POINTS * (s->given.count < 4 ? (uint32_t)s->given.count : 4);
}

static uint32_t basic_points(const scene *s) {
    uint32_t more = WHOLE_MORE + (s->divisors && s->given.count > 1 ? DIVISOR_POINTS : 0);
    return s->whole ? s->row + more : s->piecewise ? piecewise_points(s) : REAL_POINTS;
}

// One variable after the other is at a landmark, then all of them at once.
static uint32_t landmark_rounds(const scene *s) { return (uint32_t)s->given.count + (s->given.count > 1); }

static uint32_t landmark_places(const scene *s) {
    return s->landmark_count ? landmark_rounds(s) * (PLACES * s->landmark_count + FAR_PLACES) : 0;
}

static uint32_t landmark_points(const scene *s) {
    uint32_t places = landmark_places(s);
    return places < LANDMARK_POINTS ? places : LANDMARK_POINTS;
}

static uint32_t jump_points(const scene *s) { return s->jumps ? JUMP_POINTS : 0; }

static uint32_t points_before_rescue(const scene *s) { return basic_points(s) + jump_points(s) + landmark_points(s); }

uint32_t scene_points(const scene *s) { return points_before_rescue(s) + (scene_all_whole(s) ? 0 : RESCUE_POINTS); }

point_kind scene_kind(const scene *s, uint32_t k) {
    if (k < POSITIVE_POINTS) return POINT_POSITIVE;
    return k < basic_points(s) ? POINT_ANY : k < points_before_rescue(s) ? POINT_SINGLE : POINT_RESCUE;
}

static random_words draw(const judge *j, uint32_t key, uint32_t variable) {
    return random_draw(j->options->seed, RANDOM_VERIFY, j->pair, key, variable);
}

// Step of the rows of whole numbers and twelfths: no divisor in common with their lengths; 1, 5, 7 and 11 in rows of 12.
static long step_of(random_words w) { return (const long[]){1009, 1013, 1039, 1019}[w.word[0] % 4]; }

static void place_whole(const judge *j, const scene *s, uint32_t k, uint32_t i, fmpq_t value) {
    uint32_t row = s->row;
    random_words w = draw(j, 1000 + (k < row + 2 ? 0 : k), i); // of one row
    long step = i ? step_of(w) : 1, start = (long)(w.word[1] % row), number;
    if (k < row)
        number = 1 + (step * (long)k + start) % row;
    else if (k < row + 2)
        number = (k == row ? 20 : 1000) + start;
    else if (k < row + WHOLE_MORE)
        number = 1 + 2 * (long)(w.word[0] % 12) + (k - row - 2 == i);
    else
        number = 1 + (long)(w.word[0] % 36);
    fmpq_set_si(value, number, 1);
}

// Numbers with an odd denominator of their own, so that no sine of a multiple of \pi vanishes at all of them: 2^-2 to 2^2 for the
// near points, otherwise up to 2^14 and down to 2^-14: what one size of numbers hides, another shows.
static void place_real(const judge *j, uint32_t k, uint32_t i, fmpq_t value) {
    random_words w = draw(j, 1000 + k, i);
    fmpq_set_si(value, 4096 + (long)(w.word[0] % 65536), 16383 - 2 * (w.word[3] >> 8) % 1024);
    fmpq_canonicalise(value);
    bool near = k < NEAR_POINTS || k == POSITIVE_POINTS || (k >= REAL_POINTS && k % 2);
    bool small = k == 3 || (k != 4 && w.word[1] % 2);
    mp_bitcnt_t shift = near ? 0 : k >= REAL_POINTS ? w.word[2] % 13 : 6 + w.word[2] % 7;
    if (small)
        fmpq_div_2exp(value, value, shift);
    else
        fmpq_mul_2exp(value, value, shift);
    bool mixed = k == POSITIVE_POINTS + 1 || k == POSITIVE_POINTS + 2 || (k >= REAL_POINTS && k % 4 != 1);
    if (k == POSITIVE_POINTS || k == POSITIVE_POINTS + 3 || (mixed && w.word[3] % 2)) fmpq_neg(value, value);
}

static void place_basic(const judge *j, const scene *s, uint32_t k, uint32_t i, fmpq_t value) {
    if (s->integer[i])
        place_whole(j, s, k, i, value);
    else
        place_real(j, k, i, value);
}

static void place_at_jump(const judge *j, const scene *s, uint32_t k, uint32_t i, fmpq_t value) {
    if (s->integer[i]) {
        place_whole(j, s, basic_points(s) + k, i, value);
        return;
    }
    random_words w = draw(j, 900, i);
    fmpq_set_si(value, (step_of(w) * (long)k + w.word[1] % 24) % 24 - 8, k % 2 ? 12 : 1);
    fmpq_canonicalise(value);
}

// Place number `place` of the landmarks.
static void place_at_constant(const scene *s, uint32_t place, bool whole, fmpq_t value) {
    bool negative = place % 2;
    if (place < FAR_PLACES) {
        mp_bitcnt_t bits = 2;
        for (uint32_t i = 0; i < s->landmark_count; i++)
            bits += fmpz_bits(fmpq_numref(&s->landmarks[i])) + fmpz_bits(fmpq_denref(&s->landmarks[i])) - 1;
        fmpq_one(value);
        if (place < 2)
            fmpq_mul_2exp(value, value, bits);
        else
            fmpq_div_2exp(value, value, bits);
    } else {
        const fmpq *c = &s->landmarks[(place - FAR_PLACES) / PLACES];
        uint32_t which = (place - FAR_PLACES) % PLACES / 2;
        fmpq_set(value, c);
        if (which == 1 || which == 2) fmpq_add_si(value, value, which == 1 ? 1 : -1);
        if (which == 3) fmpq_mul_2exp(value, value, 1);
        if (which == 4) fmpq_inv(value, value);
        if (which == 5 || which == 6) { // between c and c + 1, c - 1
            fmpq_t half;
            fmpq_init(half);
            fmpq_set_si(half, which == 5 ? 1 : -1, 2);
            fmpq_add(value, value, half);
            fmpq_clear(half);
        }
    }
    if (negative) fmpq_neg(value, value);
    if (!whole) return;
    fmpq_abs(value, value); // a whole number from 1 on
    fmpz_cdiv_q(fmpq_numref(value), fmpq_numref(value), fmpq_denref(value));
    fmpz_one(fmpq_denref(value));
    if (fmpq_is_zero(value)) fmpq_one(value);
}

// One variable at a landmark, the others near 1, whole ones small; or all of them there, each a little farther out.
static void place_at_landmark(const judge *j, const scene *s, uint32_t k, uint32_t i, fmpq_t value) {
    uint32_t rounds = landmark_rounds(s), at = (uint32_t)((uint64_t)k * landmark_places(s) / landmark_points(s));
    bool all = rounds > 1 && at % rounds == s->given.count;
    if (!all && at % rounds != i) {
        place_basic(j, s, k % NEAR_POINTS, i, value);
        return;
    }
    place_at_constant(s, at / rounds, s->integer[i], value);
    if (!all || s->integer[i]) return;
    fmpq_t farther;
    fmpq_init(farther);
    fmpq_set_si(farther, 16 + (long)i, 16);
    fmpq_mul(value, value, farther);
    fmpq_clear(farther);
}

static void place_rescue(const judge *j, const scene *s, uint32_t k, uint32_t i, fmpq_t value) {
    place_basic(j, s, k % NEAR_POINTS, i, value);
    if (s->integer[i]) return;
    mp_bitcnt_t shift = 4 * (k / 2 + 1);
    if (k % 2)
        fmpq_mul_2exp(value, value, shift);
    else
        fmpq_div_2exp(value, value, shift);
}

void scene_place(const judge *j, scene *s, uint32_t k) {
    uint32_t basic = basic_points(s), jumps = jump_points(s), landmarks = landmark_points(s);
    for (uint32_t i = 0; i < s->given.count; i++) {
        fmpq *value = s->given.items[i].value;
        if (k < basic)
            place_basic(j, s, k, i, value);
        else if (k < basic + jumps)
            place_at_jump(j, s, k - basic, i, value);
        else if (k < basic + jumps + landmarks)
            place_at_landmark(j, s, k - basic - jumps, i, value);
        else
            place_rescue(j, s, k - basic - jumps - landmarks, i, value);
    }
}
