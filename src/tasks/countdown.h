// The countdown task: reach a target from given numbers with + - * /, each number at most once. Many answers are right, so they
// are checked by evaluation, not by comparison with the gold answer. Problems that need this have the source "countdown".
#ifndef DSDR_TASKS_COUNTDOWN_H
#define DSDR_TASKS_COUNTDOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "records/records.h"

#define COUNTDOWN_NUMBERS 8

typedef struct countdown_puzzle {
    int64_t number[COUNTDOWN_NUMBERS], target;
    size_t count;
} countdown_puzzle;

// Reads the puzzle out of a problem's text as the generator words it ("Using the numbers 3, 7 and 25, ... equal to 46."). False
// when the text is worded otherwise.
bool countdown_read(const char *text, countdown_puzzle *puzzle);

// True when `asked` comes from the countdown task, so that countdown_check decides its answers.
bool countdown_applies(const problem *asked);

typedef enum countdown_result {
    COUNTDOWN_RIGHT,
    COUNTDOWN_WRONG,    // another value, a number that is not given or used too often, a division by zero
    COUNTDOWN_UNPARSED, // no arithmetic expression, or one beyond the limits (256 bytes, depth 32, 64-bit fractions)
} countdown_result;

// Evaluates `length` bytes of `answer` in exact fractions. Understood: integers, + - * /, parentheses, LaTeX's \times \cdot \div
// \frac{}{} \left \right and the signs × · ÷ −; one "= n" behind the expression, where n must be the target.
countdown_result countdown_check(const countdown_puzzle *puzzle, const char *answer, size_t length);

#endif
