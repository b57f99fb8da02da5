// Sums, products, multiples and powers of matrices and vectors, worked out entry by entry. See matrix_fold in judge.h; called by
// accept.c, so that \frac12 times a matrix is the matrix with halved entries.
#include <string.h>

#include "math/judge.h"
#include "math/number.h"

#define SIDE_MAX 8
#define POWER_MAX 64
#define ENTRIES_MAX 20000 // nodes of a product with letters in it, all of its entries together

typedef struct folding {
    judge *j;
    bool over; // something was refused for its size
} folding;

typedef enum fold_state { FOLD_MATRIX, FOLD_SCALAR, FOLD_REFUSED } fold_state;

static uint32_t rows_of(const math_node *m) { return m->kind != MATH_MATRIX ? 1 : (uint32_t)m->integer; }
static uint32_t columns_of(const math_node *m) { return m->count / rows_of(m); }

static math_node *shaped(folding *f, math_kind kind, uint32_t rows, uint32_t columns) {
    math_node *m = tree_node(f->j->memory, kind, (size_t)rows * columns);
    if (m && kind == MATH_MATRIX) m->integer = (int)rows;
    return m;
}

static fold_state fold(folding *f, math_node *n, math_node **out);

// Entry by entry: a + b.
static math_node *sum_of(folding *f, const math_node *a, const math_node *b) {
    if (a->kind != b->kind || a->count != b->count || rows_of(a) != rows_of(b)) return NULL;
    math_node *m = shaped(f, a->kind, rows_of(a), columns_of(a));
    for (uint32_t i = 0; m && i < m->count; i++)
        if (!(m->children[i] = tree_binary(f->j->memory, MATH_SUM, a->children[i], b->children[i]))) return NULL;
    return m;
}

// Every entry e as e KIND scalar, or negated for a NULL scalar.
static math_node *scaled(folding *f, const math_node *a, math_kind kind, math_node *scalar) {
    math_node *m = shaped(f, a->kind, rows_of(a), columns_of(a));
    for (uint32_t i = 0; m && i < m->count; i++) {
        m->children[i] = scalar ? tree_binary(f->j->memory, kind, a->children[i], scalar)
                                : tree_unary(f->j->memory, MATH_NEGATE, a->children[i]);
        if (!m->children[i]) return NULL;
    }
    return m;
}

// The number of nodes of a tree, what stands at two places counted twice; counted down from *left, false when that is not enough.
static bool fits(const math_node *n, size_t *left) {
    if (*left == 0) return false;
    --*left;
    for (uint32_t i = 0; i < n->count; i++)
        if (!fits(n->children[i], left)) return false;
    return true;
}

// An entry as a number where it is one, so that products of products do not grow. NULL beyond the limits.
static math_node *worked_out(folding *f, math_node *entry) {
    fmpq_t value;
    fmpq_init(value);
    value_state state = number_evaluate(entry, NULL, &f->j->steps, value);
    if (state == VALUE_KNOWN) entry = tree_number(f->j->memory, value);
    fmpq_clear(value);
    f->over |= state == VALUE_OVER;
    return state == VALUE_OVER ? NULL : entry;
}

static math_node *product_of(folding *f, const math_node *a, const math_node *b) {
    uint32_t rows = rows_of(a), inner = columns_of(a), columns = columns_of(b);
    if (a->kind != MATH_MATRIX || b->kind != MATH_MATRIX || inner != rows_of(b)) return NULL;
    math_node *m = shaped(f, MATH_MATRIX, rows, columns);
    size_t left = ENTRIES_MAX;
    for (uint32_t r = 0; m && r < rows; r++) {
        for (uint32_t c = 0; c < columns; c++) {
            math_node *entry = NULL;
            for (uint32_t k = 0; k < inner; k++) {
                math_node *term =
                    tree_binary(f->j->memory, MATH_PRODUCT, a->children[r * inner + k], b->children[k * columns + c]);
                entry = k ? tree_binary(f->j->memory, MATH_SUM, entry, term) : term;
            }
            entry = entry ? worked_out(f, entry) : NULL;
            if (!entry) return NULL;
            f->over = f->over || !fits(entry, &left);
            if (f->over) return NULL;
            m->children[r * columns + c] = entry;
        }
    }
    return m;
}

static math_node *transposed(folding *f, const math_node *a) {
    uint32_t rows = rows_of(a), columns = columns_of(a);
    math_node *m = shaped(f, MATH_MATRIX, columns, rows);
    for (uint32_t r = 0; m && r < rows; r++)
        for (uint32_t c = 0; c < columns; c++) m->children[c * rows + r] = a->children[r * columns + c];
    return m;
}

static fold_state fold_power(folding *f, math_node *n, math_node **out) {
    math_node *base, *exponent = n->children[1];
    fold_state state = fold(f, n->children[0], &base);
    long power;
    if (state != FOLD_MATRIX) return state;
    if (node_is_symbol(exponent, "T"))
        *out = transposed(f, base);
    else if (node_small_integer(exponent, &power) && power >= 1 && power <= POWER_MAX) {
        *out = NULL;
        for (; base && power > 0; power /= 2) { // by squaring
            if (power % 2 && !(*out = *out ? product_of(f, *out, base) : base)) return FOLD_REFUSED;
            if (power > 1) base = product_of(f, base, base);
        }
        if (!base) *out = NULL;
    } else
        return FOLD_REFUSED;
    return *out ? FOLD_MATRIX : FOLD_REFUSED;
}

// (1,2) + t(3,4): there t is a factor and no function of two arguments.
static math_node *as_multiple(folding *f, math_node *n) {
    if (n->kind != MATH_FUNCTION || n->count < 2 || name_is_function(n->name) || n->name[1] || strchr("fghFGHP", n->name[0]))
        return n;
    math_node *tuple = tree_node(f->j->memory, MATH_TUPLE, n->count), *name = tree_named(f->j->memory, MATH_SYMBOL, n->name);
    if (tuple) memcpy(tuple->children, n->children, n->count * sizeof *n->children);
    math_node *product = tree_binary(f->j->memory, MATH_PRODUCT, name, tuple);
    return product ? product : n;
}

// *out is the matrix for FOLD_MATRIX, else `n`.
static fold_state fold(folding *f, math_node *n, math_node **out) {
    *out = n;
    if (n->kind == MATH_TUPLE || n->kind == MATH_BRACKETS || (n->kind == MATH_MATRIX && !n->name)) {
        bool small = n->count > 0 && rows_of(n) <= SIDE_MAX && columns_of(n) <= SIDE_MAX;
        return small ? FOLD_MATRIX : FOLD_REFUSED;
    }
    if (n->kind == MATH_POWER) return fold_power(f, n, out);
    if (n->kind != MATH_SUM && n->kind != MATH_PRODUCT && n->kind != MATH_QUOTIENT && n->kind != MATH_NEGATE) return FOLD_SCALAR;
    math_node *total = NULL;
    fold_state kind = FOLD_SCALAR;
    for (uint32_t i = 0; i < n->count; i++) {
        math_node *part;
        fold_state state = fold(f, n->kind == MATH_SUM ? as_multiple(f, n->children[i]) : n->children[i], &part);
        if (state == FOLD_REFUSED) return state;
        if (i == 0) {
            total = part, kind = state;
            continue;
        }
        bool both = kind == FOLD_MATRIX && state == FOLD_MATRIX;
        if (kind == FOLD_SCALAR && state == FOLD_SCALAR)
            total = tree_binary(f->j->memory, n->kind, total, part);
        else if (n->kind == MATH_SUM)
            total = both ? sum_of(f, total, part) : NULL;
        else if (n->kind == MATH_PRODUCT && both)
            total = product_of(f, total, part);
        else if (n->kind == MATH_PRODUCT || state == FOLD_SCALAR)
            total = kind == FOLD_MATRIX ? scaled(f, total, n->kind, part) : scaled(f, part, n->kind, total);
        else
            total = NULL; // divided by a matrix
        if (!total) return FOLD_REFUSED;
        if (state == FOLD_MATRIX) kind = FOLD_MATRIX;
    }
    if (kind == FOLD_SCALAR) return kind;
    if (n->kind == MATH_NEGATE) total = scaled(f, total, MATH_NEGATE, NULL);
    *out = total;
    return total ? FOLD_MATRIX : FOLD_REFUSED;
}

math_node *matrix_fold(judge *j, math_node *n) {
    folding f = {.j = j};
    math_node *out;
    fold_state state = fold(&f, n, &out);
    if (f.over || j->memory->failure != STATUS_OK) return NULL;
    return state == FOLD_MATRIX ? out : n;
}
