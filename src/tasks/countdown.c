// Checker of countdown answers: a recursive-descent evaluator over exact fractions. See countdown.h.
#include "tasks/countdown.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define MAX_BYTES 256
#define MAX_DEPTH 32

bool countdown_read(const char *text, countdown_puzzle *puzzle) {
    static const char head[] = "Using the numbers ", tail[] = "equal to ";
    *puzzle = (countdown_puzzle){0};
    if (strncmp(text, head, sizeof head - 1) != 0) return false;
    const char *end = strstr(text, tail);
    if (!end) return false;
    for (const char *p = text + sizeof head - 1;;) {
        char *after;
        if (!isdigit((unsigned char)*p)) return false;
        long value = strtol(p, &after, 10);
        if (value > 1000000 || puzzle->count == COUNTDOWN_NUMBERS) return false;
        puzzle->number[puzzle->count++] = value;
        p = after;
        if (strncmp(p, ", each", 6) == 0) break;
        if (strncmp(p, ", ", 2) == 0)
            p += 2;
        else if (strncmp(p, " and ", 5) == 0)
            p += 5;
        else
            return false;
    }
    char *after;
    const char *number = end + sizeof tail - 1;
    puzzle->target = strtol(number, &after, 10);
    return puzzle->count > 0 && after > number && labs(puzzle->target) <= 1000000 && strcmp(after, ".") == 0;
}

bool countdown_applies(const problem *asked) {
    countdown_puzzle puzzle;
    return asked->source && strcmp(asked->source, "countdown") == 0 && countdown_read(asked->text, &puzzle);
}

// A fraction in lowest terms, denominator > 0.
typedef struct fraction {
    int64_t above, below;
} fraction;

typedef struct evaluation {
    const char *p, *end;
    const countdown_puzzle *puzzle;
    bool used[COUNTDOWN_NUMBERS];
    countdown_result result; // COUNTDOWN_RIGHT as long as nothing is wrong
} evaluation;

static fraction fail(evaluation *e, countdown_result result) {
    if (e->result != COUNTDOWN_UNPARSED) e->result = result;
    return (fraction){0, 1};
}

static fraction reduced(evaluation *e, __int128 above, __int128 below) {
    if (below < 0) above = -above, below = -below;
    __int128 a = above < 0 ? -above : above, b = below;
    while (b) {
        __int128 rest = a % b;
        a = b, b = rest;
    }
    if (a > 1) above /= a, below /= a;
    // 62 bits keep every product and sum of two fractions inside 128.
    if (above > INT64_MAX / 2 || above < -(INT64_MAX / 2) || below > INT64_MAX / 2) return fail(e, COUNTDOWN_UNPARSED);
    return (fraction){(int64_t)above, (int64_t)below};
}

// True and stepped over when the text goes on with `token`, white space and LaTeX spacing before it skipped.
static bool accept(evaluation *e, const char *token) {
    for (;;) {
        if (e->p < e->end && isspace((unsigned char)*e->p))
            e->p++;
        else if (e->end - e->p >= 2 && e->p[0] == '\\' && strchr(",;:! ", e->p[1]))
            e->p += 2;
        else
            break;
    }
    size_t length = strlen(token);
    if ((size_t)(e->end - e->p) < length || memcmp(e->p, token, length) != 0) return false;
    if (token[0] == '\\' && isalpha((unsigned char)token[length - 1]) && e->p + length < e->end &&
        isalpha((unsigned char)e->p[length]))
        return false; // \times, not the head of a longer name
    e->p += length;
    return true;
}

static fraction sum(evaluation *e, int depth);

static fraction closed_by(evaluation *e, const char *close, int depth) {
    fraction value = sum(e, depth + 1);
    accept(e, "\\right");
    if (!accept(e, close)) return fail(e, COUNTDOWN_UNPARSED);
    return value;
}

static fraction integer(evaluation *e) {
    int64_t value = 0;
    const char *start = e->p;
    while (e->p < e->end && isdigit((unsigned char)*e->p)) {
        value = value * 10 + (*e->p++ - '0');
        if (value > 1000000000) return fail(e, COUNTDOWN_UNPARSED);
    }
    if (e->p == start) return fail(e, COUNTDOWN_UNPARSED);
    for (size_t i = 0; i < e->puzzle->count; i++)
        if (!e->used[i] && e->puzzle->number[i] == value) {
            e->used[i] = true;
            return (fraction){value, 1};
        }
    fail(e, COUNTDOWN_WRONG);
    return (fraction){value, 1};
}

static fraction divide(evaluation *e, fraction a, fraction b) {
    if (b.above == 0) return fail(e, COUNTDOWN_WRONG);
    return reduced(e, (__int128)a.above * b.below, (__int128)a.below * b.above);
}

static fraction factor(evaluation *e, int depth) {
    if (depth > MAX_DEPTH || e->result == COUNTDOWN_UNPARSED) return fail(e, COUNTDOWN_UNPARSED);
    if (accept(e, "-") || accept(e, "\xE2\x88\x92")) {
        fraction value = factor(e, depth + 1);
        return (fraction){-value.above, value.below};
    }
    if (accept(e, "\\frac") || accept(e, "\\dfrac") || accept(e, "\\tfrac")) {
        if (!accept(e, "{")) return fail(e, COUNTDOWN_UNPARSED);
        fraction above = closed_by(e, "}", depth);
        if (!accept(e, "{")) return fail(e, COUNTDOWN_UNPARSED);
        return divide(e, above, closed_by(e, "}", depth));
    }
    accept(e, "\\left");
    if (accept(e, "(")) return closed_by(e, ")", depth);
    if (accept(e, "[")) return closed_by(e, "]", depth);
    if (accept(e, "{")) return closed_by(e, "}", depth);
    return integer(e);
}

static fraction product(evaluation *e, int depth) {
    fraction value = factor(e, depth);
    while (e->result != COUNTDOWN_UNPARSED) {
        if (accept(e, "*") || accept(e, "\\times") || accept(e, "\\cdot") || accept(e, "\xC3\x97") || accept(e, "\xC2\xB7") ||
            accept(e, "\xE2\x8B\x85")) {
            fraction right = factor(e, depth);
            value = reduced(e, (__int128)value.above * right.above, (__int128)value.below * right.below);
        } else if (accept(e, "/") || accept(e, "\\div") || accept(e, "\xC3\xB7")) {
            value = divide(e, value, factor(e, depth));
        } else {
            break;
        }
    }
    return value;
}

static fraction sum(evaluation *e, int depth) {
    if (depth > MAX_DEPTH) return fail(e, COUNTDOWN_UNPARSED);
    fraction value = product(e, depth);
    while (e->result != COUNTDOWN_UNPARSED) {
        bool minus = accept(e, "-") || accept(e, "\xE2\x88\x92");
        if (!minus && !accept(e, "+")) break;
        fraction right = product(e, depth);
        __int128 across = (__int128)right.above * value.below;
        value = reduced(e, (__int128)value.above * right.below + (minus ? -across : across), (__int128)value.below * right.below);
    }
    return value;
}

countdown_result countdown_check(const countdown_puzzle *puzzle, const char *answer, size_t length) {
    if (length > MAX_BYTES) return COUNTDOWN_UNPARSED;
    evaluation e = {.p = answer, .end = answer + length, .puzzle = puzzle, .result = COUNTDOWN_RIGHT};
    fraction value = sum(&e, 0);
    bool same = value.below == 1 && value.above == puzzle->target;
    if (e.result != COUNTDOWN_UNPARSED && accept(&e, "=")) {
        // The right side is a plain number; it does not draw on the given ones.
        countdown_puzzle free_number = {.number = {puzzle->target}, .target = puzzle->target, .count = 1};
        evaluation right = {.p = e.p, .end = e.end, .puzzle = &free_number, .result = COUNTDOWN_RIGHT};
        bool negative = accept(&right, "-") || accept(&right, "\xE2\x88\x92");
        if (negative) free_number.number[0] = -puzzle->target;
        accept(&right, "");
        integer(&right);
        if (right.result == COUNTDOWN_UNPARSED) return COUNTDOWN_UNPARSED;
        same = same && right.result == COUNTDOWN_RIGHT;
        e.p = right.p;
    }
    accept(&e, "");
    if (e.result == COUNTDOWN_UNPARSED || e.p != e.end) return COUNTDOWN_UNPARSED;
    return e.result == COUNTDOWN_RIGHT && same ? COUNTDOWN_RIGHT : COUNTDOWN_WRONG;
}
