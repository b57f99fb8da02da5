// Worked solutions of the problems of built-in tasks, for supervised training. See tasks_solution in tasks.h.
//
// A solution is read off the problem's text, in the form of the task's prompt template. Countdown is the task with many: its
// solutions are all ways to reach the target by steps of two numbers with positive whole results, one of which is drawn.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "tasks/countdown.h"
#include "tasks/tasks.h"

// ---- tasks with one solution ---------------------------------------------------------------------------------------------

// The whole numbers of a text in order, at most `most`; returns how many there are.
static size_t numbers_in(const char *text, long *number, size_t most) {
    size_t count = 0;
    for (const char *p = text + strcspn(text, "0123456789"); *p; p += strcspn(p, "0123456789")) {
        char *end;
        long value = strtol(p, &end, 10);
        if (count < most) number[count] = value;
        count++;
        p = end;
    }
    return count;
}

static status word_arithmetic(const problem *asked, buffer *out) {
    long n[3], answer = strtol(asked->answer, NULL, 10);
    size_t count = numbers_in(asked->text, n, 3);
    if (count == 3 && n[0] + n[1] + n[2] == answer)
        return buffer_printf(out, "%ld + %ld + %ld = %ld. \\boxed{%ld}", n[0], n[1], n[2], answer, answer);
    bool groups = strstr(asked->text, " in each ") != NULL; // 2 times 2 is 2 plus 2 too
    if (count == 2 && groups && n[0] * n[1] == answer)
        return buffer_printf(out, "%ld * %ld = %ld. \\boxed{%ld}", n[0], n[1], answer, answer);
    if (count == 2 && !groups && (n[0] + n[1] == answer || n[0] - n[1] == answer))
        return buffer_printf(out, "%ld %c %ld = %ld. \\boxed{%ld}", n[0], n[0] + n[1] == answer ? '+' : '-', n[1], answer,
                             answer);
    return status_set(STATUS_INVALID, "problem %s is not worded as word_arithmetic's are", asked->id);
}

static status chained_sums(const problem *asked, buffer *out) {
    const char *p = asked->text + strcspn(asked->text, "0123456789");
    char *end;
    long total = strtol(p, &end, 10);
    if (end == p || *end != ' ') return status_set(STATUS_INVALID, "problem %s is not worded as chained_sums' are", asked->id);
    for (p = end; *p == ' ';) {
        char sign = p[1];
        long next = strtol(p + 2, &end, 10), sum = sign == '-' ? total - next : total + next;
        bool last = *end != ' ';
        TRY(buffer_printf(out, last ? "%ld %c %ld = \\boxed{%ld}" : "%ld %c %ld = %ld, ", total, sign, next, sum));
        total = sum, p = end;
    }
    return STATUS_OK;
}

// ---- countdown -----------------------------------------------------------------------------------------------------------

enum { MOST_NUMBERS = 5, LARGEST = 10000 };

typedef struct step {
    int first, second; // places in the row of values; the result takes the first's, the second is taken out
    char operation;
    int64_t left, right, result;
} step;

// A walk over all derivations: sequences of steps, each of which replaces two values by one; a derivation ends as soon as it
// reaches the target.
typedef struct walk {
    int64_t target;
    uint64_t found, wanted; // derivations so far; the one that is looked for, counted from 1
    step steps[MOST_NUMBERS];
    int depth;
} walk;

// The result of an operation in whole positive numbers, 0 where there is none. Factors and divisors of 1 change nothing and are
// left out.
static int64_t apply(char operation, int64_t a, int64_t b) {
    int64_t result = operation == '+'   ? a + b
                     : operation == '-' ? a - b
                     : a == 1 || b == 1 ? 0
                     : operation == '*' ? a * b
                     : a % b == 0       ? a / b
                                        : 0;
    return result > 0 && result <= LARGEST ? result : 0;
}

// True once the wanted derivation is in w->steps.
static bool explore(walk *w, const int64_t *value, int count) {
    for (int i = 0; i < count; i++)
        for (int j = 0; j < count; j++)
            for (const char *operation = "+*-/"; *operation; operation++) {
                bool commutes = *operation == '+' || *operation == '*';
                int64_t result = i == j || (commutes && j < i) ? 0 : apply(*operation, value[i], value[j]);
                if (result == 0) continue;
                w->steps[w->depth++] = (step){i, j, *operation, value[i], value[j], result};
                if (result == w->target) {
                    if (++w->found == w->wanted) return true;
                } else if (count > 2) {
                    int64_t rest[MOST_NUMBERS];
                    int left = 0;
                    for (int k = 0; k < count; k++)
                        if (k != j) rest[left++] = k == i ? result : value[k];
                    if (explore(w, rest, left)) return true;
                }
                w->depth--;
            }
    return false;
}

// An expression and what it is on the outside, which decides about parentheses around it.
typedef struct term {
    char text[160]; // five numbers of seven digits, four signs, eight parentheses: 55 bytes a side
    enum { TERM_SUM, TERM_PRODUCT, TERM_NUMBER } kind;
} term;

static void join(term *out, const term *a, const term *b, char operation) {
    bool product = operation == '*' || operation == '/';
    bool wrap_a = product && a->kind == TERM_SUM;
    bool wrap_b = b->kind == TERM_SUM ? operation != '+' : b->kind == TERM_PRODUCT && operation == '/';
    term made = {.kind = product ? TERM_PRODUCT : TERM_SUM};
    snprintf(made.text, sizeof made.text, "%s%.70s%s %c %s%.70s%s", wrap_a ? "(" : "", a->text, wrap_a ? ")" : "", operation,
             wrap_b ? "(" : "", b->text, wrap_b ? ")" : "");
    *out = made;
}

// "25 - 5 = 20, 20 * 3 = 60, \boxed{(25 - 5) * 3}"; the two sides of + and * stand in an order that is drawn too.
static status write_derivation(const walk *w, const countdown_puzzle *puzzle, uint64_t seed, uint64_t key, uint32_t draw,
                               buffer *out) {
    term terms[MOST_NUMBERS];
    int count = (int)puzzle->count;
    for (int i = 0; i < count; i++) {
        snprintf(terms[i].text, sizeof terms[i].text, "%lld", (long long)puzzle->number[i]);
        terms[i].kind = TERM_NUMBER;
    }
    for (int i = 0; i < w->depth; i++) {
        const step *s = &w->steps[i];
        bool commutes = s->operation == '+' || s->operation == '*';
        bool swap = commutes && random_below(seed, RANDOM_SOLUTION, key, draw, (uint32_t)i + 1, 2);
        TRY(buffer_printf(out, "%lld %c %lld = %lld, ", (long long)(swap ? s->right : s->left), s->operation,
                          (long long)(swap ? s->left : s->right), (long long)s->result));
        const term *left = &terms[swap ? s->second : s->first], *right = &terms[swap ? s->first : s->second];
        join(&terms[s->first], left, right, s->operation);
        if (i + 1 == w->depth) TRY(buffer_printf(out, "\\boxed{%s}", terms[s->first].text));
        memmove(terms + s->second, terms + s->second + 1, (size_t)(count - s->second - 1) * sizeof *terms);
        count--;
    }
    return STATUS_OK;
}

static status countdown(const problem *asked, uint64_t seed, uint32_t draw, buffer *out) {
    countdown_puzzle puzzle;
    if (!countdown_read(asked->text, &puzzle) || puzzle.count > MOST_NUMBERS)
        return status_set(STATUS_INVALID, "problem %s is not worded as countdown's are, or has more than %d numbers", asked->id,
                          MOST_NUMBERS);
    walk w = {.target = puzzle.target};
    explore(&w, puzzle.number, (int)puzzle.count);
    if (w.found == 0) return buffer_printf(out, "\\boxed{%s}", asked->answer); // it takes a factor of 1
    uint64_t key = tasks_hash_text(asked->text);
    w = (walk){.target = puzzle.target, .wanted = 1 + random_below(seed, RANDOM_SOLUTION, key, draw, 0, w.found)};
    explore(&w, puzzle.number, (int)puzzle.count);
    return write_derivation(&w, &puzzle, seed, key, draw, out);
}

// ---- all tasks -----------------------------------------------------------------------------------------------------------

status tasks_solution(const problem *asked, uint64_t seed, uint32_t draw, buffer *out) {
    if (!strcmp(asked->source, "countdown")) return countdown(asked, seed, draw, out);
    if (!strcmp(asked->source, "word_arithmetic")) return word_arithmetic(asked, out);
    if (!strcmp(asked->source, "chained_sums")) return chained_sums(asked, out);
    if (!strcmp(asked->source, "addition")) return buffer_append_text(out, asked->answer);
    return status_set(STATUS_INVALID, "problem %s is of no built-in task", asked->id);
}
