// Canonical text of a tree: fully marked products, as few parentheses as the binding powers allow. See math_print in
// expression.h.
#include <string.h>

#include "math/tree.h"

enum {
    LEVEL_LIST,
    LEVEL_RELATION,
    LEVEL_RATIO,
    LEVEL_UNION,
    LEVEL_UNIT,
    LEVEL_SUM,
    LEVEL_PRODUCT,
    LEVEL_MINUS,
    LEVEL_POWER,
    LEVEL_POSTFIX,
    LEVEL_ATOM
};

static int level(const math_node *n) {
    switch (n->kind) {
    case MATH_LIST:
        return LEVEL_LIST;
    case MATH_RELATION:
        return LEVEL_RELATION;
    case MATH_RATIO:
        return LEVEL_RATIO;
    case MATH_UNION:
    case MATH_INTERSECTION:
    case MATH_DIFFERENCE:
        return LEVEL_UNION;
    case MATH_WITH_UNIT:
        return LEVEL_UNIT;
    case MATH_SUM:
    case MATH_PLUS_MINUS:
        return LEVEL_SUM;
    case MATH_PRODUCT:
    case MATH_QUOTIENT:
        return LEVEL_PRODUCT;
    case MATH_NEGATE:
        return LEVEL_MINUS;
    case MATH_POWER:
        return LEVEL_POWER;
    case MATH_FACTORIAL:
    case MATH_PERCENT:
    case MATH_DEGREE:
        return LEVEL_POSTFIX;
    case MATH_NUMBER:
        if (fmpq_sgn(n->value) < 0) return LEVEL_MINUS;
        return fmpz_is_one(fmpq_denref(n->value)) ? LEVEL_ATOM : LEVEL_PRODUCT;
    default:
        return LEVEL_ATOM;
    }
}

static status put(const math_node *n, int at_least, buffer *out);

static status put_all(const math_node *n, const char *separator, int at_least, buffer *out) {
    for (uint32_t i = 0; i < n->count; i++) {
        if (i) TRY(buffer_append_text(out, separator));
        TRY(put(n->children[i], at_least, out));
    }
    return STATUS_OK;
}

static status put_number(const fmpq_t value, buffer *out) {
    char *text = fmpq_get_str(NULL, 10, value);
    if (!text) return status_set(STATUS_NO_MEMORY, "no memory to print a number");
    status code = buffer_append_text(out, text);
    flint_free(text);
    return code;
}

static const char *relation_text(int code) {
    switch (code) {
    case MATH_NE:
        return "!=";
    case MATH_LE:
        return "<=";
    case MATH_GE:
        return ">=";
    case MATH_APPROX:
        return "~=";
    case MATH_IN:
        return " in ";
    case MATH_NOT_IN:
        return " notin ";
    case MATH_SUBSET:
        return " subset ";
    case MATH_CONGRUENT:
        return "==";
    case MATH_TO:
        return "->";
    case MATH_IMPLIES:
        return "=>";
    case MATH_LT:
        return "<";
    case MATH_GT:
        return ">";
    case MATH_EQ:
        return "=";
    default:
        return NULL; // a relation without a sign of its own
    }
}

static status put_bracketed(const math_node *n, const char *open, const char *close, buffer *out) {
    TRY(buffer_append_text(out, open));
    TRY(put_all(n, ",", LEVEL_RELATION, out));
    return buffer_append_text(out, close);
}

status math_print_node(const math_node *n, buffer *out) {
    switch (n->kind) {
    case MATH_NUMBER:
        return put_number(n->value, out);
    case MATH_SYMBOL:
        return buffer_append_text(out, n->name);
    case MATH_TEXT:
        return buffer_printf(out, "\"%s\"", n->name);
    case MATH_BASED:
        return buffer_printf(out, "%s_base%d", n->name, n->integer);
    case MATH_SUM:
        for (uint32_t i = 0; i < n->count; i++) {
            const math_node *term = n->children[i];
            bool negative = i && (term->kind == MATH_NEGATE || (term->kind == MATH_NUMBER && fmpq_sgn(term->value) < 0));
            if (i && !negative) TRY(buffer_append_byte(out, '+'));
            // A minus sign binds a product here: a-b*c.
            if (negative && term->kind == MATH_NEGATE) {
                TRY(buffer_append_byte(out, '-'));
                TRY(put(term->children[0], LEVEL_PRODUCT, out));
            } else
                TRY(put(term, negative ? LEVEL_MINUS : i ? LEVEL_PRODUCT : LEVEL_PRODUCT, out));
        }
        return STATUS_OK;
    case MATH_PRODUCT:
        for (uint32_t i = 0; i < n->count; i++) {
            if (i) TRY(buffer_append_byte(out, '*'));
            TRY(put(n->children[i], LEVEL_POWER, out));
        }
        return STATUS_OK;
    case MATH_QUOTIENT:
        TRY(put(n->children[0], n->children[0]->kind == MATH_PRODUCT ? LEVEL_PRODUCT : LEVEL_POWER, out));
        TRY(buffer_append_byte(out, '/'));
        return put(n->children[1], LEVEL_POWER, out);
    case MATH_NEGATE:
        TRY(buffer_append_byte(out, '-'));
        return put(n->children[0], LEVEL_PRODUCT, out);
    case MATH_PLUS_MINUS:
        if (n->count == 2) TRY(put(n->children[0], LEVEL_PRODUCT, out));
        TRY(buffer_append_text(out, n->integer ? "\\mp " : "+-"));
        return put(n->children[n->count - 1], LEVEL_PRODUCT, out);
    case MATH_POWER:
        TRY(put(n->children[0], LEVEL_POSTFIX, out));
        TRY(buffer_append_byte(out, '^'));
        return put(n->children[1], LEVEL_POSTFIX, out);
    case MATH_ROOT: {
        long index;
        bool square = node_small_integer(n->children[1], &index) && index == 2;
        TRY(buffer_append_text(out, square ? "sqrt(" : "root("));
        TRY(put(n->children[0], LEVEL_RELATION, out));
        if (!square) {
            TRY(buffer_append_byte(out, ','));
            TRY(put(n->children[1], LEVEL_RELATION, out));
        }
        return buffer_append_byte(out, ')');
    }
    case MATH_FACTORIAL:
        TRY(put(n->children[0], LEVEL_ATOM, out));
        for (int i = 0; i < n->integer && i < 8; i++) TRY(buffer_append_byte(out, '!'));
        return STATUS_OK;
    case MATH_PERCENT:
        TRY(put(n->children[0], LEVEL_ATOM, out));
        return buffer_append_byte(out, '%');
    case MATH_DEGREE:
        TRY(put(n->children[0], LEVEL_ATOM, out));
        return buffer_append_text(out, "deg");
    case MATH_ABSOLUTE:
        return put_bracketed(n, "|", "|", out);
    case MATH_FLOOR:
        return put_bracketed(n, "floor(", ")", out);
    case MATH_CEILING:
        return put_bracketed(n, "ceil(", ")", out);
    case MATH_BINOMIAL:
        return put_bracketed(n, "binom(", ")", out);
    case MATH_FUNCTION:
    case MATH_BIG:
        TRY(buffer_append_text(out, n->name));
        return put_bracketed(n, "(", ")", out);
    case MATH_VECTOR:
        TRY(buffer_append_text(out, n->name));
        return put_bracketed(n, "{", "}", out);
    case MATH_RELATION:
        for (uint32_t i = 0; i < n->count; i++) {
            const char *sign = i ? relation_text(n->operators[i - 1]) : "";
            if (sign)
                TRY(buffer_append_text(out, sign));
            else
                TRY(buffer_printf(out, " rel%c ", n->operators[i - 1]));
            TRY(put(n->children[i], LEVEL_RATIO, out));
        }
        return STATUS_OK;
    case MATH_RATIO:
        return put_all(n, ":", LEVEL_UNION, out);
    case MATH_LIST:
        return put_all(n, ",", LEVEL_RELATION, out);
    case MATH_TUPLE:
        return put_bracketed(n, "(", n->count == 1 ? ",)" : ")", out);
    case MATH_BRACKETS:
        return put_bracketed(n, "[", "]", out);
    case MATH_INTERVAL:
        return put_bracketed(n, n->open_left ? "(" : "[", n->open_right ? ")" : "]", out);
    case MATH_SET:
        return put_bracketed(n, "{", "}", out);
    case MATH_SUCH_THAT:
        TRY(buffer_append_byte(out, '{'));
        TRY(put(n->children[0], LEVEL_RATIO, out));
        TRY(buffer_append_byte(out, '|'));
        TRY(put(n->children[1], LEVEL_LIST, out));
        return buffer_append_byte(out, '}');
    case MATH_UNION:
        return put_all(n, " cup ", LEVEL_UNIT, out);
    case MATH_INTERSECTION:
        return put_all(n, " cap ", LEVEL_UNIT, out);
    case MATH_DIFFERENCE:
        return put_all(n, " minus ", LEVEL_UNIT, out);
    case MATH_MATRIX: {
        uint32_t columns = n->integer > 0 ? n->count / (uint32_t)n->integer : 1;
        TRY(buffer_append_text(out, n->name ? "cases[" : "matrix["));
        for (uint32_t i = 0; i < n->count; i++) {
            if (i) TRY(buffer_append_byte(out, i % columns ? ',' : ';'));
            TRY(put(n->children[i], LEVEL_RELATION, out));
        }
        return buffer_append_byte(out, ']');
    }
    case MATH_WITH_UNIT:
        TRY(put(n->children[0], LEVEL_SUM, out));
        return buffer_printf(out, " \"%s\"", n->name);
    case MATH_NONE:
        return buffer_append_byte(out, '_');
    }
    return STATUS_OK;
}

static status put(const math_node *n, int at_least, buffer *out) {
    bool parentheses = level(n) < at_least;
    if (parentheses) TRY(buffer_append_byte(out, '('));
    TRY(math_print_node(n, out));
    return parentheses ? buffer_append_byte(out, ')') : STATUS_OK;
}
