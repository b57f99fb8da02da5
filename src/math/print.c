// Canonical text of a tree: fully marked products, as few parentheses as the binding powers allow, and nothing that parser.c
// would not read back as the same tree. See math_print in expression.h.
#include <string.h>

#include "math/lexer.h"
#include "math/tree.h"
#include "math/words.h"

enum {
    LEVEL_LIST,
    LEVEL_MODULUS,
    LEVEL_RELATION,
    LEVEL_UNIT,
    LEVEL_RATIO,
    LEVEL_UNION,
    LEVEL_SUM,
    LEVEL_PRODUCT,
    LEVEL_MINUS,
    LEVEL_POWER,
    LEVEL_POSTFIX,
    LEVEL_ATOM
};

static bool named(const math_node *n, const char *name) { return n->name && strcmp(n->name, name) == 0; }

static bool is_operator(const math_node *n) { // a \circ b, a \oplus b
    const char *canonical;
    int code;
    return n->kind == MATH_FUNCTION && n->count == 2 &&
           word_lookup(n->name, strlen(n->name), true, &canonical, &code) == TOKEN_BINARY;
}

static bool is_infix(const math_node *n) { return is_operator(n) || node_is_call(n, "mod"); }

// Between relations these signs would be read as "and" and "or": in a side of one they stand in parentheses.
static bool is_logic(const math_node *n) { return named(n, "vee") || named(n, "wedge"); }

static bool is_piecewise(const math_node *n) { // all members are rows of `cases`
    for (uint32_t i = 0; i < n->count; i++)
        if (n->children[i]->kind != MATH_WHERE || n->children[i]->children[0]->kind == MATH_LIST) return false;
    return true;
}

static int level(const math_node *n) {
    switch (n->kind) {
    case MATH_LIST:
        return is_piecewise(n) ? LEVEL_ATOM : LEVEL_LIST;
    case MATH_WHERE:
        return n->children[0]->kind == MATH_LIST ? LEVEL_LIST : LEVEL_ATOM;
    case MATH_RELATION:
        return LEVEL_RELATION;
    case MATH_WITH_UNIT:
        return LEVEL_UNIT;
    case MATH_RATIO:
        return LEVEL_RATIO;
    case MATH_UNION:
    case MATH_INTERSECTION:
    case MATH_DIFFERENCE:
        return LEVEL_UNION;
    case MATH_SUM:
    case MATH_PLUS_MINUS:
        return LEVEL_SUM;
    case MATH_PRODUCT:
    case MATH_QUOTIENT:
    case MATH_BIG:
        return LEVEL_PRODUCT;
    case MATH_NEGATE:
        return LEVEL_MINUS;
    case MATH_POWER:
        return LEVEL_POWER;
    case MATH_BINOMIAL: // the empty braces of {}_{n}P_{k} would be an exponent
        return n->integer ? LEVEL_POWER : LEVEL_ATOM;
    case MATH_FACTORIAL:
    case MATH_PERCENT:
    case MATH_DEGREE:
        return LEVEL_POSTFIX;
    case MATH_VECTOR:
        return named(n, "star") || named(n, "plus") || named(n, "minus") || named(n, "prime") ? LEVEL_POSTFIX : LEVEL_ATOM;
    case MATH_FUNCTION:
        if (named(n, NAME_RESIDUE)) return LEVEL_MODULUS;
        return !is_infix(n) ? LEVEL_ATOM : is_logic(n) ? LEVEL_RELATION : LEVEL_PRODUCT;
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

static status put_around(const char *open, const math_node *n, int at_least, const char *close, buffer *out) {
    TRY(buffer_append_text(out, open));
    TRY(put(n, at_least, out));
    return buffer_append_text(out, close);
}

// In braces a ratio would be a set, {a : b}, and so would a | b.
static status put_braced(const math_node *n, int at_least, buffer *out) {
    bool set = n->kind == MATH_RATIO || (n->kind == MATH_RELATION && memchr(n->operators, '|', n->count - 1));
    for (uint32_t i = 0; i < n->count && n->kind == MATH_RELATION; i++) set |= n->children[i]->kind == MATH_RATIO;
    return put_around("{", n, set ? LEVEL_UNION : at_least, "}", out);
}

// Members with commas; a space behind one that would make a number of two, 1,234.
static status put_members(const math_node *n, buffer *out) {
    for (uint32_t i = 0; i < n->count; i++) {
        if (i) TRY(buffer_append_byte(out, ','));
        size_t begin = out->length, digits = 0;
        TRY(put(n->children[i], LEVEL_MODULUS, out));
        while (begin + digits < out->length && lexer_is_digit(out->data[begin + digits])) digits++;
        if (i == 0 || digits != 3 || !lexer_is_digit(out->data[begin - 2])) continue;
        TRY(buffer_append_byte(out, ' '));
        memmove(out->data + begin + 1, out->data + begin, out->length - begin - 1);
        out->data[begin] = ' ';
    }
    return STATUS_OK;
}

static status put_bracketed(const math_node *n, const char *open, const char *close, buffer *out) {
    TRY(buffer_append_text(out, open));
    TRY(put_members(n, out));
    return buffer_append_text(out, close);
}

static status put_number(const fmpq_t value, buffer *out) {
    char *text = fmpq_get_str(NULL, 10, value);
    if (!text) return status_set(STATUS_NO_MEMORY, "no memory to print a number");
    status code = buffer_append_text(out, text);
    flint_free(text);
    return code;
}

// ---- names ------------------------------------------------------------

// A name without its subscripts: x, \zeta, \mathbb{R}, \angle ABC, \operatorname{Gal}, \text{the area}.
static status put_stem(const char *name, size_t length, buffer *out) {
    const char *canonical, *space = memchr(name, ' ', length);
    int code;
    if (length <= 1) return buffer_append(out, name, length);
    for (int command = 0; command < 2; command++) {
        token_kind kind = word_lookup(name, length, command, &canonical, &code);
        if ((kind != TOKEN_NAME && kind != TOKEN_FUNCTION) || strlen(canonical) != length || memcmp(canonical, name, length) != 0)
            continue;
        if (command) TRY(buffer_append_byte(out, '\\'));
        return buffer_append(out, name, length);
    }
    size_t first = space ? (size_t)(space - name) : 0;
    if (space && word_font(name, first) == FONT_ALPHABET)
        return buffer_printf(out, "\\%.*s{%.*s}", (int)first, name, (int)(length - first - 1), space + 1);
    if (space && word_lookup(name, first, true, &canonical, &code) == TOKEN_NAME)
        return buffer_printf(out, "\\%.*s", (int)length, name);
    return buffer_printf(out, space ? "\\text{%.*s}" : "\\operatorname{%.*s}", (int)length, name);
}

static status put_subscript(const char *text, size_t length, buffer *out) {
    const char *canonical;
    int code;
    TRY(buffer_append_text(out, length == 1 ? "_" : "_{"));
    bool words = length > 1;
    for (size_t i = 0; i < length; i++) words = words && (lexer_is_letter(text[i]) || text[i] == ' ');
    size_t first = words ? strcspn(text, " ") : 0; // of one of another alphabet, its name
    bool symbol = words && (word_lookup(text, length, true, &canonical, &code) == TOKEN_NAME ||
                            (first < length && word_font(text, first) == FONT_ALPHABET));
    if (symbol)
        TRY(put_stem(text, length, out));
    else
        TRY(buffer_printf(out, words ? "\\text{%.*s}" : "%.*s", (int)length, text));
    return buffer_append_text(out, length == 1 ? "" : "}");
}

// A name as parser_name and parser_subscript have put it together: stem, _subscript or _{subscript}, primes, ^-1. What stands
// behind the stem, from byte `at` on:
static status put_name_behind(const char *name, size_t at, buffer *out) {
    while (name[at]) {
        if (name[at] == '\'') {
            TRY(buffer_append_byte(out, '\''));
            at++;
        } else if (name[at] == '^') {
            TRY(buffer_append_text(out, "^{-1}"));
            at += strlen("^-1");
        } else if (name[at + 1] == '{') { // was printed when the name was made
            size_t depth = 0, end = at + 1;
            do depth += (name[end] == '{') - (name[end] == '}');
            while (name[++end] && depth);
            TRY(buffer_append(out, name + at, end - at));
            at = end;
        } else {
            size_t length = strcspn(name + at + 1, "_'^");
            TRY(put_subscript(name + at + 1, length, out));
            at += 1 + length;
        }
    }
    return STATUS_OK;
}

static status put_name(const char *name, buffer *out) {
    size_t stem = strcspn(name, "_'^");
    TRY(put_stem(name, stem, out));
    return put_name_behind(name, stem, out);
}

// ---- relations ------------------------------------------------------------

static status put_relation_sign(int code, buffer *out) {
    switch (code) {
    case MATH_EQ:
    case MATH_LT:
    case MATH_GT:
        return buffer_append_byte(out, (char)code);
    case MATH_LE:
        return buffer_append_text(out, "<=");
    case MATH_GE:
        return buffer_append_text(out, ">=");
    case MATH_APPROX:
        return buffer_append_text(out, "~=");
    case MATH_TO:
        return buffer_append_text(out, "->");
    case MATH_IMPLIES:
        return buffer_append_text(out, "=>");
    case '|':
        return buffer_append_text(out, "\\mid ");
    default:
        return buffer_printf(out, "\\%s ", word_of_relation(code));
    }
}

// ---- trees ------------------------------------------------------------

static bool is_barred(const math_node *n) { return n->kind == MATH_ABSOLUTE || named(n, "norm"); }

static status put_sum(const math_node *n, buffer *out) {
    for (uint32_t i = 0; i < n->count; i++) {
        const math_node *term = n->children[i];
        bool negative = i && (term->kind == MATH_NEGATE || (term->kind == MATH_NUMBER && fmpq_sgn(term->value) < 0));
        if (i && !negative) TRY(buffer_append_byte(out, '+'));
        if (negative && term->kind == MATH_NEGATE) // a minus sign binds a product here: a-b*c
            TRY(put_around("-", term->children[0], LEVEL_PRODUCT, "", out));
        else
            TRY(put(term, negative ? LEVEL_MINUS : LEVEL_PRODUCT, out));
    }
    return STATUS_OK;
}

static status put_relation(const math_node *n, buffer *out) {
    for (uint32_t i = 0; i < n->count; i++) {
        if (i) TRY(put_relation_sign(n->operators[i - 1], out));
        TRY(put(n->children[i], LEVEL_UNIT, out));
    }
    return STATUS_OK;
}

static status put_matrix(const math_node *n, buffer *out) {
    const char *environment = n->name ? n->name : "matrix";
    uint32_t columns = n->integer > 0 ? n->count / (uint32_t)n->integer : 1;
    TRY(buffer_printf(out, "\\begin{%s}", environment));
    for (uint32_t i = 0; i < n->count; i++) {
        if (i) TRY(buffer_append_text(out, i % columns ? "&" : "\\\\"));
        TRY(put(n->children[i], LEVEL_MODULUS, out));
    }
    return buffer_printf(out, "\\end{%s}", environment);
}

// A row of `cases`; solutions whose letter is from some set, a,b,k \in \mathbb{Z}, as they are written.
static status put_where(const math_node *n, buffer *out) {
    if (n->children[0]->kind == MATH_LIST) {
        TRY(put(n->children[0], LEVEL_LIST, out));
        return put_around(",", n->children[1], LEVEL_MODULUS, "", out);
    }
    TRY(put_around("\\begin{cases}", n->children[0], LEVEL_MODULUS, "&", out));
    return put_around("", n->children[1], LEVEL_MODULUS, "\\end{cases}", out);
}

static status put_piecewise(const math_node *n, buffer *out) {
    for (uint32_t i = 0; i < n->count; i++) {
        TRY(put_around(i ? "\\\\" : "\\begin{cases}", n->children[i]->children[0], LEVEL_MODULUS, "&", out));
        TRY(put(n->children[i]->children[1], LEVEL_MODULUS, out));
    }
    return buffer_append_text(out, "\\end{cases}");
}

static status put_decorated(const math_node *n, buffer *out) {
    static const char *const raised[][2] = {{"star", "^{*}"}, {"plus", "^{+}"}, {"minus", "^{-}"}, {"prime", "'"}};
    if (named(n, "norm")) return put_around("\\|", n->children[0], LEVEL_MODULUS, "\\|", out);
    for (size_t i = 0; i < 4; i++)
        if (named(n, raised[i][0])) return put_around("", n->children[0], LEVEL_ATOM, raised[i][1], out);
    TRY(buffer_printf(out, "\\%s", n->name));
    return put_braced(n->children[0], LEVEL_LIST, out);
}

// Whether only its argument tells the parser that a letter or a Greek one is called here, and this argument does not: a sum is
// that of a product.
static bool is_told_by_its_argument(const math_node *n) {
    static const char *const always[] = {"f", "g", "h", "F", "G", "H", "E", NULL};
    size_t stem = strcspn(n->name, "_'^");
    if (n->count != 1 || strchr(n->name, '\'') || strchr(n->name, '^') || word_in(always, n->name, stem)) return false;
    if (!(stem == 1 && lexer_is_letter(n->name[0])) && !word_in(words_greek, n->name, stem)) return false;
    switch (n->children[0]->kind) {
    case MATH_SYMBOL:
    case MATH_NUMBER:
    case MATH_TEXT:
    case MATH_RELATION:
    case MATH_UNION:
    case MATH_INTERSECTION:
    case MATH_SET:
    case MATH_TUPLE:
        return false;
    default:
        return true;
    }
}

// \operatorname{C}_1
static status put_operator(const char *name, buffer *out) {
    size_t stem = strcspn(name, "_'^");
    TRY(buffer_printf(out, "\\operatorname{%.*s}", (int)stem, name));
    return name[stem] ? put_name_behind(name, stem, out) : STATUS_OK;
}

static status put_function(const math_node *n, buffer *out) {
    if (is_operator(n)) {
        TRY(put(n->children[0], LEVEL_POWER, out));
        TRY(buffer_printf(out, "\\%s ", n->name));
        return put(n->children[1], LEVEL_POWER, out);
    }
    if (named(n, "mod")) {
        TRY(put(n->children[0], LEVEL_POWER, out));
        return put_around("\\bmod ", n->children[1], LEVEL_POWER, "", out);
    }
    if (named(n, NAME_RESIDUE)) {
        TRY(put(n->children[0], LEVEL_RELATION, out));
        TRY(buffer_append_text(out, "\\pmod"));
        return put_braced(n->children[1], LEVEL_LIST, out);
    }
    if (named(n, NAME_SUBSCRIPT)) {
        TRY(put_around("(", n->children[0], LEVEL_LIST, ")", out));
        return put_name(n->children[1]->name, out);
    }
    TRY(is_told_by_its_argument(n) ? put_operator(n->name, out) : put_name(n->name, out));
    return put_bracketed(n, "(", ")", out);
}

static status put_big(const math_node *n, buffer *out) {
    TRY(buffer_printf(out, "\\%s", n->name));
    for (int i = 0; i < 2; i++) {
        if (n->children[i]->kind == MATH_NONE) continue;
        TRY(buffer_append_byte(out, i ? '^' : '_'));
        TRY(put_braced(n->children[i], LEVEL_LIST, out));
    }
    return put_around(" ", n->children[2], LEVEL_PRODUCT, "", out);
}

status math_print_node(const math_node *n, buffer *out) {
    long index;
    switch (n->kind) {
    case MATH_NUMBER:
        return put_number(n->value, out);
    case MATH_SYMBOL:
        return strcmp(n->name, "dots") == 0 ? buffer_append_text(out, "\\dots ") : put_name(n->name, out);
    case MATH_TEXT:
        return buffer_printf(out, "\\text{%s}", n->name);
    case MATH_BASED:
        return buffer_printf(out, "%s_{%d}", n->name, n->integer);
    case MATH_SUM:
        return put_sum(n, out);
    case MATH_PRODUCT:
        return put_all(n, "*", LEVEL_POWER, out);
    case MATH_QUOTIENT:
        TRY(put(n->children[0], n->children[0]->kind == MATH_PRODUCT ? LEVEL_PRODUCT : LEVEL_POWER, out));
        return put_around("/", n->children[1], LEVEL_POWER, "", out);
    case MATH_NEGATE: // -a \bmod b would be (-a) \bmod b
        return put_around("-", n->children[0], is_infix(n->children[0]) ? LEVEL_ATOM : LEVEL_PRODUCT, "", out);
    case MATH_PLUS_MINUS:
        if (n->count == 2) TRY(put(n->children[0], LEVEL_PRODUCT, out));
        return put_around(n->integer ? "\\mp " : "+-", n->children[n->count - 1], LEVEL_PRODUCT, "", out);
    case MATH_POWER:
        TRY(put(n->children[0], LEVEL_POSTFIX, out));
        return put_around("^", n->children[1], LEVEL_POSTFIX, "", out);
    case MATH_ROOT:
        if (node_small_integer(n->children[1], &index) && index == 2)
            return put_around("sqrt(", n->children[0], LEVEL_MODULUS, ")", out);
        TRY(put_around("\\sqrt[", n->children[1], LEVEL_MODULUS, "]", out));
        return put_braced(n->children[0], LEVEL_MODULUS, out);
    case MATH_FACTORIAL: // \dots !=1 would be an inequation
        TRY(put(n->children[0], node_is_symbol(n->children[0], "dots") ? LEVEL_ATOM + 1 : LEVEL_ATOM, out));
        for (int i = 0; i < n->integer; i++) TRY(buffer_append_byte(out, '!'));
        return STATUS_OK;
    case MATH_PERCENT:
        return put_around("", n->children[0], LEVEL_ATOM, "%", out);
    case MATH_DEGREE:
        return put_around("", n->children[0], LEVEL_ATOM, "^\\circ", out);
    case MATH_ABSOLUTE: // bars within bars are hard to tell apart
        return node_any(n->children[0], is_barred) ? put_bracketed(n, "abs(", ")", out) : put_bracketed(n, "|", "|", out);
    case MATH_FLOOR:
        return put_bracketed(n, "floor(", ")", out);
    case MATH_CEILING:
        return put_bracketed(n, "ceil(", ")", out);
    case MATH_BINOMIAL:
        TRY(buffer_append_text(out, n->integer ? "{}_" : "\\binom"));
        TRY(put_braced(n->children[0], LEVEL_MODULUS, out));
        TRY(buffer_append_text(out, n->integer ? "P_" : ""));
        return put_braced(n->children[1], LEVEL_MODULUS, out);
    case MATH_FUNCTION:
        return put_function(n, out);
    case MATH_BIG:
        return put_big(n, out);
    case MATH_VECTOR:
        return put_decorated(n, out);
    case MATH_RELATION:
        return put_relation(n, out);
    case MATH_RATIO:
        return put_all(n, ":", LEVEL_UNION, out);
    case MATH_LIST:
        if (is_piecewise(n)) return put_piecewise(n, out);
        if (n->integer == 'a' || n->integer == 'o') return put_all(n, n->integer == 'a' ? " and " : " or ", LEVEL_MODULUS, out);
        return put_members(n, out);
    case MATH_TUPLE:
        return n->count == 1 ? put_bracketed(n, "\\langle ", "\\rangle ", out) : put_bracketed(n, "(", ")", out);
    case MATH_BRACKETS:
        return put_bracketed(n, "[", "]", out);
    case MATH_INTERVAL:
        return put_bracketed(n, n->open_left ? "(" : "[", n->open_right ? ")" : "]", out);
    case MATH_SET: // plain braces around one member are mere braces
        return n->count > 1 ? put_bracketed(n, "{", "}", out) : put_bracketed(n, "\\{", "\\}", out);
    case MATH_SUCH_THAT:
        TRY(put_around("\\{", n->children[0], LEVEL_LIST, "\\mid ", out));
        return put_around("", n->children[1], LEVEL_LIST, "\\}", out);
    case MATH_WHERE:
        return put_where(n, out);
    case MATH_UNION:
        return put_all(n, "\\cup ", LEVEL_SUM, out);
    case MATH_INTERSECTION:
        return put_all(n, "\\cap ", LEVEL_SUM, out);
    case MATH_DIFFERENCE:
        return put_all(n, "\\setminus ", LEVEL_SUM, out);
    case MATH_MATRIX:
        return put_matrix(n, out);
    case MATH_WITH_UNIT:
        TRY(put(n->children[0], LEVEL_RATIO, out));
        return buffer_printf(out, "\\text{ %s}", n->name);
    case MATH_NONE:
        return STATUS_OK;
    }
    return STATUS_OK;
}

static status put(const math_node *n, int at_least, buffer *out) {
    bool parentheses = level(n) < at_least;
    if (parentheses && n->kind == MATH_LIST && !is_piecewise(n)) return put_bracketed(n, "(", ")", out); // read as a tuple
    if (parentheses) TRY(buffer_append_byte(out, '('));
    TRY(math_print_node(n, out));
    return parentheses ? buffer_append_byte(out, ')') : STATUS_OK;
}
