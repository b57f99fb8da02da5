// From text to tree: reads all tokens, runs the parser over them, and says what became of it. See math_parse in expression.h.
#include <stdlib.h>
#include <string.h>

#include "math/parser.h"
#include "math/units.h"

static bool expects_operand(const token *t) {
    return t->kind == TOKEN_OPEN || t->kind == TOKEN_RELATION || t->kind == TOKEN_CUP || t->kind == TOKEN_CAP ||
           t->kind == TOKEN_SETMINUS || t->kind == TOKEN_AND || t->kind == TOKEN_OR;
}

// ]0,1] and [0,1[: a square bracket that looks outward is a round one.
static void turn_outward_brackets(parser *p) {
    for (size_t i = 0; i < p->count; i++) {
        token *t = &p->tokens[i];
        if (t->code != '[') continue;
        if (t->kind == TOKEN_CLOSE && (i == 0 || expects_operand(t - 1)))
            t->kind = TOKEN_OPEN, t->code = '(';
        else if (t->kind == TOKEN_OPEN && i > 0 && !expects_operand(t - 1) && parser_ends_operand(t + 1))
            t->kind = TOKEN_CLOSE, t->code = '(';
    }
}

// 5\ \mu\text{m/s}, 5\text{ k}\Omega, 5 \mu m: behind a number a prefix and the unit behind it are one word, where the unit
// stands in a font of its own or ends the operand. Plain letters are likelier factors (2\mu g), but for some behind a space.
static status join_prefixes(parser *p) {
    for (size_t i = 1; i + 1 < p->count; i++) {
        token *t = &p->tokens[i], *unit = t + 1;
        bool micro = t->kind == TOKEN_NAME && token_is(t, "mu"), ohm = unit->kind == TOKEN_NAME && token_is(unit, "Omega");
        bool letter = t->length == 1 && (t->kind == TOKEN_NAME || t->kind == TOKEN_WORD);
        if (t[-1].kind != TOKEN_NUMBER && !is_close(t - 1, '{')) continue;
        if (!(micro || (letter && ohm))) continue;
        bool upright = unit->kind == TOKEN_WORD || unit->code == TOKEN_UPRIGHT;
        bool plain = unit->kind == TOKEN_NAME && unit->length == 1 && memchr("msLA", unit->text[0], 4) && t->space;
        if (!upright && !((ohm || plain) && parser_ends_operand(unit + 1))) continue;
        char *name = tree_take(p->e, unit->length + 2u);
        if (!name) return STATUS_NO_MEMORY;
        name[0] = micro ? 'u' : t->text[0], memcpy(name + 1, unit->text, unit->length);
        if (!unit_is_symbol(name, strcspn(name, " /^.-"))) continue;
        t->kind = TOKEN_WORD, t->code = 0, t->text = name, t->length = unit->length + 1, t->end = unit->end;
        memmove(unit, unit + 1, (--p->count - i - 1) * sizeof *unit);
    }
    return STATUS_OK;
}

// Whether a relation stands beside the sign of logic at `at`, before the next separator or the bracket around both.
static bool relation_beside(const parser *p, size_t at, bool behind) {
    long depth = 0;
    for (size_t i = at; behind ? ++i < p->count : i-- > 0;) {
        const token *t = &p->tokens[i];
        if (t->kind == TOKEN_RELATION) return true;
        depth += t->kind == (behind ? TOKEN_OPEN : TOKEN_CLOSE), depth -= t->kind == (behind ? TOKEN_CLOSE : TOKEN_OPEN);
        bool separator = t->kind == TOKEN_COMMA || t->kind == TOKEN_SEMICOLON || t->kind == TOKEN_AND || t->kind == TOKEN_OR ||
                         (t->kind == TOKEN_BINARY && t->code);
        if (depth < 0 || (depth == 0 && separator)) break;
    }
    return false;
}

// x = 1 \lor x = 2: between relations the signs of logic are "and" and "or". Elsewhere they are operators: p \land q, dx \wedge
// dy.
static void separate_statements(parser *p) {
    for (size_t i = 1; i + 1 < p->count; i++) {
        token *t = &p->tokens[i];
        if (t->kind == TOKEN_BINARY && t->code && relation_beside(p, i, false) && relation_beside(p, i, true))
            t->kind = t->code == 'a' ? TOKEN_AND : TOKEN_OR;
    }
}

// Reads all tokens; drops column marks of aligned equations and the full stop behind everything.
static status read_tokens(parser *p, lexer *lx) {
    size_t capacity = 0;
    bool aligned = false;
    for (;;) {
        token t = lexer_next(lx);
        if (t.kind == TOKEN_BEGIN) aligned = parser_is_aligned(&t);
        if (t.kind == TOKEN_FINISH) aligned = aligned && !parser_is_aligned(&t);
        if (t.kind == TOKEN_AMPERSAND && aligned) continue;
        if (p->count == capacity) {
            capacity = capacity ? 2 * capacity : 64;
            token *grown = realloc(p->tokens, capacity * sizeof *grown);
            if (!grown) return status_set(STATUS_NO_MEMORY, "no memory for %zu tokens", capacity);
            p->tokens = grown;
        }
        p->tokens[p->count++] = t;
        if (t.kind == TOKEN_END) break;
    }
    separate_statements(p);
    turn_outward_brackets(p);
    while (p->count > 2) {
        token *last = &p->tokens[p->count - 2];
        bool stop = last->kind == TOKEN_BAD && last->end == last->start + 1 && lx->text[last->start] == '.';
        if (!stop && last->kind != TOKEN_COMMA && last->kind != TOKEN_SEMICOLON && last->kind != TOKEN_ROW) break;
        last[0] = last[1];
        p->count--;
    }
    return join_prefixes(p);
}

status math_parse(const char *text, size_t length, const math_limits *limits, math_expression **out) {
    *out = NULL;
    math_limits bound = limits ? *limits : MATH_LIMITS_DEFAULT;
    if (length > bound.bytes)
        return status_set(STATUS_LIMIT, "%zu bytes of mathematics; at most %zu are read", length, bound.bytes);
    parser p = {.e = tree_create(&bound)};
    if (!p.e) return status_set(STATUS_NO_MEMORY, "no memory for an expression");
    lexer lx;
    status code = lexer_open(&lx, text, length);
    if (code == STATUS_OK) code = read_tokens(&p, &lx);
    if (code == STATUS_OK) {
        int sign = at_kind(&p, TOKEN_RELATION) ? here(&p)->code : 0;
        if (sign == MATH_EQ || sign == MATH_APPROX || sign == MATH_IMPLIES) p.at++; // "= 5"
        math_node *root = parser_list(&p);
        if (root && !at_kind(&p, TOKEN_END)) root = parser_refuse(&p, "something unexpected");
        p.e->root = root;
        if (!root) code = p.e->failure != STATUS_OK ? p.e->failure : STATUS_UNSUPPORTED;
    }
    lexer_close(&lx);
    free(p.tokens);
    if (code != STATUS_OK) {
        math_free(p.e);
        return code;
    }
    *out = p.e;
    return STATUS_OK;
}
