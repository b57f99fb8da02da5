// Expressions in matrices that are named by letters: A^T A x, (AB)^{-1}, AB = BA. Products keep their order here. Two of them are
// equal when they agree where the letters are random 3 x 3 matrices modulo a prime. See judge.h; called by value.c and
// functions.c.
#include <string.h>

#include <flint/nmod_mat.h>

#include "base/random.h"
#include "math/judge.h"
#include "math/modular.h"

#define SIDE 3
#define DRAWS 2
#define CAPITALS_MAX 8

typedef struct letters { // what is read on the way
    judge *j;
    modular_point point;
    const math_node *gold, *answer;
    uint32_t attempt;
    bool vectors;  // or other shapes are there: that x^T A x is a number is not seen here, and a difference proves nothing
    bool capitals; // they alone are matrices
} letters;

static bool is_capital(const math_node *n) { return n->kind == MATH_SYMBOL && n->name[0] >= 'A' && n->name[0] <= 'Z'; }

static bool is_transpose(const math_node *n) { return n->kind == MATH_POWER && node_is_symbol(n->children[1], "T"); }

static uint32_t count_symbol(const math_node *n, const char *name) {
    uint32_t count = node_is_symbol(n, name);
    for (uint32_t i = 0; i < n->count; i++) count += count_symbol(n->children[i], name);
    return count;
}

static uint32_t count_transposes(const math_node *n) { // of letters and of what has a matrix in it: not of (1+r)^T
    uint32_t count = is_transpose(n) && (n->children[0]->kind == MATH_SYMBOL || node_any(n->children[0], is_capital));
    for (uint32_t i = 0; i < n->count; i++) count += count_transposes(n->children[i]);
    return count;
}

bool speaks_of_matrices(const math_node *n) {
    uint32_t transposes = count_transposes(n);
    return transposes > 0 && transposes == count_symbol(n, "T");
}

static bool is_transposed(const math_node *n, const char *name) {
    if (is_transpose(n) && node_is_symbol(n->children[0], name)) return true;
    for (uint32_t i = 0; i < n->count; i++)
        if (is_transposed(n->children[i], name)) return true;
    return false;
}

// Capital letters, the usual vectors and what is transposed somewhere; other letters are numbers.
static bool is_matrix(letters *l, const math_node *symbol) {
    if (is_capital(symbol) || l->capitals) return is_capital(symbol);
    bool vector = (strchr("bpquvwxyz", symbol->name[0]) && (!symbol->name[1] || symbol->name[1] == '_')) ||
                  is_transposed(l->gold, symbol->name) || is_transposed(l->answer, symbol->name);
    l->vectors |= vector;
    return vector;
}

static ulong random_entry(const letters *l, const char *name, uint32_t at) {
    uint64_t h = 0xCBF29CE484222325u;
    for (; *name; name++) h = (h ^ (unsigned char)*name) * 0x100000001B3u;
    random_words w = random_draw(l->j->options->seed, RANDOM_VERIFY, h, 500 + l->attempt, at);
    return ((ulong)w.word[0] << 32 | w.word[1]) % l->point.prime;
}

static void set_scalar(nmod_mat_t out, ulong value) {
    nmod_mat_one(out);
    nmod_mat_scalar_mul(out, out, value);
}

static bool is_scalar(const nmod_mat_t m) {
    for (slong r = 0; r < SIDE; r++)
        for (slong c = 0; c < SIDE; c++)
            if (nmod_mat_entry(m, r, c) != (r == c ? nmod_mat_entry(m, 0, 0) : 0)) return false;
    return true;
}

static bool is_gram_product(const math_node *n) { return n->kind == MATH_PRODUCT && count_transposes(n); } // A^T A

// What stands for the inverse of B B^T: a function of its entries without the laws of an inverse. B need not be square, and then
// B^T (B B^T)^{-1} is not (B^T B)^{-1} B^T.
static void replace_by_unknown(const letters *l, nmod_mat_t m) {
    uint64_t h = 0xCBF29CE484222325u;
    for (slong i = 0; i < SIDE * SIDE; i++) h = (h ^ nmod_mat_entry(m, i / SIDE, i % SIDE)) * 0x100000001B3u;
    for (uint32_t i = 0; i < SIDE * SIDE; i++) {
        random_words w = random_draw(l->j->options->seed, RANDOM_VERIFY, h, 600, i);
        nmod_mat_entry(m, i / SIDE, i % SIDE) = ((ulong)w.word[0] << 32 | w.word[1]) % l->point.prime;
    }
}

static value_state read_matrix(letters *l, const math_node *n, nmod_mat_t out);

static value_state read_power(letters *l, const math_node *n, nmod_mat_t out) {
    long exponent;
    value_state state = read_matrix(l, n->children[0], out);
    if (state != VALUE_KNOWN) return state;
    if (is_transpose(n)) {
        nmod_mat_transpose(out, out);
        return VALUE_KNOWN;
    }
    if (!node_small_integer(n->children[1], &exponent) || exponent < -64 || exponent > 64) return VALUE_OTHER;
    if (exponent < 0 && node_any(n->children[0], is_gram_product)) {
        l->vectors = true;
        replace_by_unknown(l, out);
    } else if (exponent < 0 && !nmod_mat_inv(out, out))
        return VALUE_UNDEFINED;
    nmod_mat_pow(out, out, (ulong)(exponent < 0 ? -exponent : exponent));
    return VALUE_KNOWN;
}

// The value of a tree; VALUE_OTHER where something else than matrices and numbers is in it.
static value_state read_matrix(letters *l, const math_node *n, nmod_mat_t out) {
    if (l->j->steps < SIDE * SIDE * SIDE) return VALUE_OVER;
    l->j->steps -= SIDE * SIDE * SIDE;
    switch (n->kind) {
    case MATH_SYMBOL:
        if (node_is_symbol(n, "I"))
            nmod_mat_one(out);
        else if (is_matrix(l, n))
            for (uint32_t i = 0; i < SIDE * SIDE; i++) nmod_mat_entry(out, i / SIDE, i % SIDE) = random_entry(l, n->name, i);
        else if (strcmp(n->name, "infinity") == 0)
            return VALUE_OTHER;
        else
            set_scalar(out, strcmp(n->name, "i") == 0 ? l->point.root : random_entry(l, n->name, 0));
        return VALUE_KNOWN;
    case MATH_NEGATE: {
        value_state state = read_matrix(l, n->children[0], out);
        if (state == VALUE_KNOWN) nmod_mat_neg(out, out);
        return state;
    }
    case MATH_POWER:
        return read_power(l, n, out);
    case MATH_SUM:
    case MATH_PRODUCT:
    case MATH_QUOTIENT: {
        nmod_mat_t next;
        nmod_mat_init(next, SIDE, SIDE, l->point.prime);
        value_state state = read_matrix(l, n->children[0], out);
        for (uint32_t i = 1; i < n->count && state == VALUE_KNOWN; i++) {
            state = read_matrix(l, n->children[i], next);
            if (state != VALUE_KNOWN) break;
            if (n->kind == MATH_QUOTIENT && !is_scalar(next))
                state = VALUE_OTHER;
            else if (n->kind == MATH_QUOTIENT && !nmod_mat_inv(next, next))
                state = VALUE_UNDEFINED;
            else if (n->kind == MATH_SUM)
                nmod_mat_add(out, out, next);
            else
                nmod_mat_mul(out, out, next);
        }
        nmod_mat_clear(next);
        return state;
    }
    default: {
        ulong number;
        value_state state = modular_evaluate(n, &l->point, &l->j->steps, &number);
        if (state == VALUE_KNOWN) set_scalar(out, number);
        return state;
    }
    }
}

typedef struct draws {
    uint32_t equal, zero, different;
} draws;

// Compares the two at DRAWS random places, fewer where something else than matrices and numbers is in them.
static draws draw_matrices(letters *l) {
    static const bindings none = {.count = 0};
    draws found = {0};
    modular_prime(&l->point, l->j->options->seed, l->j->pair, 0);
    modular_draw(&l->point, &none, l->j->options->seed, l->j->pair, 0);
    nmod_mat_t g, a;
    nmod_mat_init(g, SIDE, SIDE, l->point.prime), nmod_mat_init(a, SIDE, SIDE, l->point.prime);
    for (; l->attempt < DRAWS; l->attempt++) {
        if (read_matrix(l, l->gold, g) != VALUE_KNOWN || read_matrix(l, l->answer, a) != VALUE_KNOWN) break;
        bool equal = nmod_mat_equal(g, a);
        found.equal += equal, found.different += !equal, found.zero += equal && nmod_mat_is_zero(g);
    }
    nmod_mat_clear(g), nmod_mat_clear(a);
    return found;
}

math_outcome matrices_compare(judge *j, math_node *gold, math_node *answer, bool nonzero) {
    letters l = {.j = j, .gold = gold, .answer = answer};
    draws found = draw_matrices(&l);
    if (found.different && !l.vectors) return judge_says(j, MATH_DIFFERENT, "modular", "the matrices differ at a random place");
    if (found.equal < DRAWS || (nonzero && found.zero))
        return judge_says(j, MATH_UNDECIDED, "modular", "products of matrices that are not always the same");
    j->probabilistic = true;
    return judge_says(j, MATH_EQUAL, "probabilistic", "matrices that agree at %d random places modulo a 62-bit prime", DRAWS);
}

// ---- products whose order is told ---------------------------------------------------------------------------------------------

// Whether a factor X^k stands before a factor Y^k in one product; *behind: X has been seen.
static bool stands_before(const math_node *n, const char *x, const char *y, bool *behind) {
    const math_node *base = n->kind == MATH_POWER ? n->children[0] : n;
    if (*behind && node_is_symbol(base, y)) return true;
    *behind |= node_is_symbol(base, x);
    for (uint32_t i = 0; i < n->count; i++) {
        bool apart = false;
        if (stands_before(n->children[i], x, y, n->kind == MATH_PRODUCT ? behind : &apart)) return true;
    }
    return false;
}

static size_t list_capitals(const math_node *n, const char *names[CAPITALS_MAX], size_t count) {
    size_t i = 0;
    while (i < count && strcmp(names[i], n->name ? n->name : "") != 0) i++;
    if (i == count && is_capital(n) && count < CAPITALS_MAX) names[count++] = n->name;
    for (i = 0; i < n->count; i++) count = list_capitals(n->children[i], names, count);
    return count;
}

// A whole power of a product with several capitals, (AB)^2; the inverse of something with a capital, P^{-1}.
static bool is_matrix_power(const math_node *n) {
    long exponent;
    const char *names[CAPITALS_MAX];
    if (n->kind != MATH_POWER || !node_small_integer(n->children[1], &exponent)) return false;
    size_t capitals = list_capitals(n->children[0], names, 0);
    return capitals && (exponent < 0 || (capitals > 1 && n->children[0]->kind == MATH_PRODUCT));
}

// Whether capitals in it are written as matrices are: with inverses or powers of products, or two of them in both orders.
static bool tells_order(const math_node *n) {
    const char *names[CAPITALS_MAX];
    size_t count = list_capitals(n, names, 0);
    if (count < 2) return false;
    if (node_any(n, is_matrix_power)) return true;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < i; k++) {
            bool first = false, second = false;
            if (stands_before(n, names[i], names[k], &first) && stands_before(n, names[k], names[i], &second)) return true;
        }
    return false;
}

bool order_forbids(judge *j, const math_node *gold, const math_node *answer) {
    if (!tells_order(gold) && !tells_order(answer)) return false;
    letters l = {.j = j, .gold = gold, .answer = answer, .capitals = true};
    return draw_matrices(&l).different > 0;
}
