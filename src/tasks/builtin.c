// Built-in tasks: problems made from keyed draws. See tasks.h.
//
// Train and test are disjoint in numbers, not only in texts: whether a set of numbers belongs to test is a hash of the sorted
// numbers alone, independent of seed and generator, and a draw that falls into the other split is thrown away. A word problem is
// kept only if every pair of its numbers, and the pair that it adds or subtracts, belongs to the split.
#include "tasks/tasks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"

enum { TASK_WORD_ARITHMETIC, TASK_ADDITION, TASK_CHAINED_SUMS, TASK_COUNTDOWN, TASK_COUNT };

// Every example in a template holds a number or a sum beyond those of its task, so that no problem is answered by copying.
static const task_builtin builtins[TASK_COUNT] = {
    [TASK_WORD_ARITHMETIC] = {.name = "word_arithmetic",
                              .summary = "one-step word problems with numbers up to 20",
                              .prompt_template = "Question: Ann has 30 pens and buys 14 more. How many pens does Ann have now?\n"
                                                 "Answer: 30 + 14 = 44. \\boxed{44}\n\n"
                                                 "Question: Bob has 45 cards and loses 21. How many cards are left?\n"
                                                 "Answer: 45 - 21 = 24. \\boxed{24}\n\n"
                                                 "Question: {problem}\nAnswer:",
                              .stop = "\n",
                              .profile = "strict",
                              .response_tokens = 32,
                              .train_count = 512,
                              .test_count = 480},
    [TASK_ADDITION] = {.name = "addition",
                       .summary = "sums of two numbers up to 20, completed as plain text",
                       .prompt_template = "12 + 25 = 37\n61 + 34 = 95\n48 + 17 = 65\n{problem} =",
                       .stop = "\n",
                       .profile = "lenient",
                       .response_tokens = 8,
                       .train_count = 160,
                       .test_count = 160},
    [TASK_CHAINED_SUMS] = {.name = "chained_sums",
                           .summary = "sums and differences of three to five numbers up to 20",
                           .prompt_template =
                               "Question: What is 9 + 30 - 5?\nAnswer: 9 + 30 = 39, 39 - 5 = \\boxed{34}\n\n"
                               "Question: What is 40 - 8 + 2 + 1?\nAnswer: 40 - 8 = 32, 32 + 2 = 34, 34 + 1 = \\boxed{35}\n\n"
                               "Question: {problem}\nAnswer:",
                           .stop = "\n",
                           .profile = "strict",
                           .response_tokens = 64,
                           .train_count = 512,
                           .test_count = 480},
    [TASK_COUNTDOWN] = {.name = "countdown",
                        .summary = "reach a target from three or four numbers with + - * /",
                        .prompt_template =
                            "Question: Using the numbers 30, 2 and 5, each at most once, and the operations +, -, *, /, "
                            "write an expression equal to 55.\nAnswer: \\boxed{30 * 2 - 5}\n\n"
                            "Question: Using the numbers 40, 8 and 3, each at most once, and the operations +, -, *, /, "
                            "write an expression equal to 15.\nAnswer: \\boxed{(40 / 8) * 3}\n\n"
                            "Question: {problem}\nAnswer:",
                        .stop = "\n",
                        .profile = "strict",
                        .response_tokens = 48,
                        .train_count = 512,
                        .test_count = 480},
};

const task_builtin *tasks_builtins(size_t *count) {
    *count = TASK_COUNT;
    return builtins;
}

const task_builtin *tasks_find_builtin(const char *spec) {
    if (strncmp(spec, "builtin:", 8) == 0) spec += 8;
    size_t length = strcspn(spec, "/?");
    for (size_t i = 0; i < TASK_COUNT; i++)
        if (strlen(builtins[i].name) == length && memcmp(builtins[i].name, spec, length) == 0) return &builtins[i];
    return NULL;
}

// ---- draws and splits ------------------------------------------------------------------------------------------------------

typedef struct task_draws {
    uint64_t seed, generator; // generator: 2 * task + split
    uint32_t problem, next;   // next: number of the draw within the problem
} task_draws;

static int draw(task_draws *d, int low, int high) { // uniform in low .. high
    return low + (int)random_below(d->seed, RANDOM_TASK, d->generator, d->problem, d->next++, (uint64_t)(high - low + 1));
}

// Generator number of the split hash, apart from those of the tasks; chosen among 20,000 so that the two splits of
// word_arithmetic have equally many numbers to draw and equally large results.
#define SPLIT_KEY 1339

// 1 when these numbers belong to test, 0 for train, whatever their order.
static int split_of(const int *numbers, int count) {
    int sorted[8];
    for (int i = 0; i < count; i++) {
        int j = i;
        for (; j > 0 && sorted[j - 1] > numbers[i]; j--) sorted[j] = sorted[j - 1];
        sorted[j] = numbers[i];
    }
    uint64_t hash = (uint64_t)count;
    for (int i = 0; i < count; i++) hash = random_draw(hash, RANDOM_TASK, SPLIT_KEY, (uint32_t)sorted[i], (uint32_t)i).word[0];
    return (int)(hash & 1);
}

static int pair_in(int split, int a, int b) { return split_of((int[]){a, b}, 2) == split; }

// ---- generators: each writes text and answer of one problem; the numbers already belong to the split -------------------------

typedef struct made_problem {
    char text[320], answer[64];
} made_problem;

static const char *const names[] = {"Tom", "Anna", "Sam", "Mia", "Ben", "Lily", "Jack", "Emma", "Leo", "Kate", "Max", "Lucy"};
static const char *const things[] = {"apples", "books",  "pencils", "marbles", "stickers", "cookies",
                                     "coins",  "shells", "cards",   "buttons", "stamps",   "balls"};

static void make_word_arithmetic(task_draws *d, int split, made_problem *out) {
    int kind = draw(d, 0, 3), phrasing = draw(d, 0, 2), a, b, c;
    const char *n = names[draw(d, 0, sizeof names / sizeof *names - 1)],
               *t = things[draw(d, 0, sizeof things / sizeof *things - 1)];
    switch (kind) {
    case 0: // more
        do a = draw(d, 2, 20), b = draw(d, 2, 20);
        while (!pair_in(split, a, b));
        snprintf(out->text, sizeof out->text,
                 phrasing == 0   ? "%s has %d %s and buys %d more. How many %s does %s have now?"
                 : phrasing == 1 ? "%s has %d %s and finds %d more. How many %s does %s have now?"
                                 : "%s has %d %s and gets %d more from a friend. How many %s does %s have now?",
                 n, a, t, b, t, n);
        c = a + b;
        break;
    case 1: // fewer: the difference, not the whole, is drawn
        do a = draw(d, 2, 20), b = draw(d, 2, 20);
        while (!pair_in(split, a, b) || !pair_in(split, a + b, b));
        snprintf(out->text, sizeof out->text,
                 phrasing == 0   ? "%s has %d %s and gives %d to a friend. How many %s does %s have left?"
                 : phrasing == 1 ? "%s has %d %s and loses %d. How many %s does %s have left?"
                                 : "%s has %d %s and sells %d. How many %s does %s have left?",
                 n, a + b, t, b, t, n);
        c = a;
        break;
    case 2: // groups
        do a = draw(d, 2, 9), b = draw(d, 2, 9);
        while (!pair_in(split, a, b));
        snprintf(out->text, sizeof out->text,
                 phrasing == 0   ? "%s has %d boxes with %d %s in each box. How many %s does %s have in total?"
                 : phrasing == 1 ? "%s has %d bags with %d %s in each bag. How many %s does %s have in total?"
                                 : "%s buys %d packs with %d %s in each pack. How many %s does %s buy in total?",
                 n, a, b, t, t, n);
        c = a * b;
        break;
    default: { // three terms
        int third;
        do a = draw(d, 2, 12), b = draw(d, 2, 12), third = draw(d, 2, 12);
        while (!pair_in(split, a, b) || !pair_in(split, a, third) || !pair_in(split, b, third));
        snprintf(out->text, sizeof out->text,
                 phrasing == 0   ? "%s has %d %s, finds %d more and then gets %d more. How many %s does %s have now?"
                 : phrasing == 1 ? "%s has %d %s, buys %d more and then finds %d more. How many %s does %s have now?"
                                 : "%s has %d %s, gets %d more and then buys %d more. How many %s does %s have now?",
                 n, a, t, b, third, t, n);
        c = a + b + third;
    }
    }
    snprintf(out->answer, sizeof out->answer, "%d", c);
}

static void make_addition(task_draws *d, int split, made_problem *out) {
    int a, b;
    do a = draw(d, 2, 20), b = draw(d, 2, 20);
    while (!pair_in(split, a, b));
    snprintf(out->text, sizeof out->text, "%d + %d", a, b);
    snprintf(out->answer, sizeof out->answer, "%d", a + b);
}

static void make_chained_sums(task_draws *d, int split, made_problem *out) {
    int count = draw(d, 3, 5), numbers[5], minus[5], total;
    do {
        total = 0;
        for (int i = 0; i < count; i++) {
            numbers[i] = draw(d, 2, 20), minus[i] = i > 0 && draw(d, 0, 1);
            total += minus[i] ? -numbers[i] : numbers[i];
        }
    } while (split_of(numbers, count) != split);
    int length = snprintf(out->text, sizeof out->text, "What is %d", numbers[0]);
    for (int i = 1; i < count; i++)
        length += snprintf(out->text + length, sizeof out->text - (size_t)length, " %c %d", minus[i] ? '-' : '+', numbers[i]);
    snprintf(out->text + length, sizeof out->text - (size_t)length, "?");
    snprintf(out->answer, sizeof out->answer, "%d", total);
}

// Builds the gold expression left to right: (((a op b) op c) op d), with parentheses only where a product follows a sum. Every
// intermediate value is a positive integer and the target lies in 5 .. 60.
static void make_countdown(task_draws *d, int split, made_problem *out) {
    for (;;) {
        int count = draw(d, 3, 4), numbers[4], shown[4];
        for (int i = 0; i < count; i++) numbers[i] = draw(d, 2, 20);
        if (split_of(numbers, count) != split) continue;
        int value = numbers[0], usable = 1, is_sum = 0;
        char expression[64];
        snprintf(expression, sizeof expression, "%d", numbers[0]);
        for (int i = 1; i < count && usable; i++) {
            int operation = draw(d, 0, 3), n = numbers[i];
            char longer[64];
            switch (operation) {
            case 0:
                value += n;
                break;
            case 1:
                usable = value > n, value -= n;
                break;
            case 2:
                usable = value * n <= 1000, value *= n;
                break;
            default:
                usable = value % n == 0 && value > n, value /= n;
                break;
            }
            int wrap = operation >= 2 && is_sum;
            snprintf(longer, sizeof longer, "%s%.40s%s %c %d", wrap ? "(" : "", expression, wrap ? ")" : "", "+-*/"[operation],
                     n);
            memcpy(expression, longer, sizeof expression);
            is_sum = operation < 2;
        }
        if (!usable || value < 5 || value > 60) continue;
        for (int i = 0; i < count; i++) shown[i] = numbers[i];
        for (int i = count - 1; i > 0; i--) { // shown in another order than used
            int j = draw(d, 0, i), kept = shown[i];
            shown[i] = shown[j], shown[j] = kept;
        }
        int length = snprintf(out->text, sizeof out->text, "Using the numbers %d", shown[0]);
        for (int i = 1; i < count; i++)
            length +=
                snprintf(out->text + length, sizeof out->text - (size_t)length, i + 1 < count ? ", %d" : " and %d", shown[i]);
        snprintf(out->text + length, sizeof out->text - (size_t)length,
                 ", each at most once, and the operations +, -, *, /, write an expression equal to %d.", value);
        memcpy(out->answer, expression, sizeof out->answer);
        return;
    }
}

static void make_problem(int task, task_draws *d, int split, made_problem *out) {
    switch (task) {
    case TASK_WORD_ARITHMETIC:
        make_word_arithmetic(d, split, out);
        break;
    case TASK_ADDITION:
        make_addition(d, split, out);
        break;
    case TASK_CHAINED_SUMS:
        make_chained_sums(d, split, out);
        break;
    default:
        make_countdown(d, split, out);
    }
}

// ---- a whole split ---------------------------------------------------------------------------------------------------------

typedef struct task_request {
    int task, split;
    uint64_t seed, count;
} task_request;

static status read_number(const char *text, size_t length, const char *spec, uint64_t *value) {
    char digits[24], *end;
    if (length == 0 || length >= sizeof digits || strspn(text, "0123456789") < length)
        return status_set(STATUS_INVALID, "builtin:%s: \"%.*s\" is not a whole number", spec, (int)length, text);
    memcpy(digits, text, length);
    digits[length] = 0;
    errno = 0;
    *value = strtoull(digits, &end, 10);
    if (errno) return status_set(STATUS_INVALID, "builtin:%s: %s is too large", spec, digits);
    return STATUS_OK;
}

static status read_request(const char *spec, task_request *request) {
    const task_builtin *builtin = tasks_find_builtin(spec);
    size_t name = strcspn(spec, "/?");
    if (!builtin) {
        const char *nearest = NULL;
        size_t distance = SIZE_MAX;
        char given[64];
        snprintf(given, sizeof given, "%.*s", (int)(name < 60 ? name : 60), spec);
        for (size_t i = 0; i < TASK_COUNT; i++) text_consider(given, builtins[i].name, &nearest, &distance);
        return status_set(
            STATUS_INVALID,
            "builtin:%s: there is no built-in task %s; did you mean %s? There are word_arithmetic, addition, chained_sums "
            "and countdown",
            spec, given, nearest);
    }
    const char *rest = spec + name;
    size_t part = *rest == '/' ? strcspn(rest + 1, "?") : 0;
    bool train = part == 5 && memcmp(rest + 1, "train", 5) == 0, test = part == 4 && memcmp(rest + 1, "test", 4) == 0;
    if (!train && !test)
        return status_set(STATUS_INVALID, "builtin:%s: name a split: builtin:%s/train or builtin:%s/test", spec, builtin->name,
                          builtin->name);
    *request = (task_request){
        .task = (int)(builtin - builtins), .split = test, .count = train ? builtin->train_count : builtin->test_count};
    rest += 1 + part;
    while (*rest) {
        rest++; // ? or &
        size_t length = strcspn(rest, "&");
        if (length > 5 && strncmp(rest, "seed=", 5) == 0)
            TRY(read_number(rest + 5, length - 5, spec, &request->seed));
        else if (length > 6 && strncmp(rest, "count=", 6) == 0)
            TRY(read_number(rest + 6, length - 6, spec, &request->count));
        else
            return status_set(STATUS_INVALID,
                              "builtin:%s: \"%.*s\" is not understood; options are ?seed=S, ?count=N, ?seed=S&count=N", spec,
                              (int)length, rest);
        rest += length;
    }
    if (request->count < 1 || request->count > 1000000)
        return status_set(STATUS_INVALID, "builtin:%s: the count must lie between 1 and 1000000", spec);
    return STATUS_OK;
}

// Texts made so far, as an open-addressing table of their offsets + 1.
typedef struct text_table {
    size_t *slots, size;
} text_table;

static bool seen_before(text_table *table, const buffer *strings, const char *text, size_t offset) {
    size_t place = tasks_hash_text(text) & (table->size - 1);
    for (; table->slots[place]; place = (place + 1) & (table->size - 1))
        if (strcmp(strings->data + table->slots[place] - 1, text) == 0) return true;
    table->slots[place] = offset + 1;
    return false;
}

#define MAX_REPEATS 20000 // draws without a new problem before the task counts as used up

status tasks_generate(const char *spec, buffer *strings, status (*add)(void *context, problem_draft draft), void *context) {
    task_request request;
    TRY(read_request(spec, &request));
    const char *name = builtins[request.task].name, *part = request.split ? "test" : "train";
    text_table table = {.size = 16};
    while (table.size < 2 * request.count) table.size *= 2;
    table.slots = calloc(table.size, sizeof *table.slots);
    if (!table.slots) return status_set(STATUS_NO_MEMORY, "cannot make %llu problems", (unsigned long long)request.count);
    status code = STATUS_OK;
    for (uint64_t i = 0; i < request.count; i++) {
        task_draws d = {.seed = request.seed, .generator = (uint64_t)(2 * request.task + request.split), .problem = (uint32_t)i};
        made_problem made;
        problem_draft draft = {.text = strings->length};
        int repeats = 0;
        do make_problem(request.task, &d, request.split, &made);
        while (seen_before(&table, strings, made.text, draft.text) && ++repeats < MAX_REPEATS);
        if (repeats == MAX_REPEATS) {
            code = status_set(STATUS_INVALID, "builtin:%s: there are only about %llu different problems", spec,
                              (unsigned long long)i);
            break;
        }
        TRY_OR(code, buffer_append(strings, made.text, strlen(made.text) + 1), cleanup);
        draft.answer = strings->length;
        TRY_OR(code, buffer_append(strings, made.answer, strlen(made.answer) + 1), cleanup);
        draft.source = strings->length;
        TRY_OR(code, buffer_append(strings, name, strlen(name) + 1), cleanup);
        draft.id = strings->length;
        TRY_OR(code,
               buffer_printf(strings, request.seed ? "%s/%s/%llu?seed=%llu" : "%s/%s/%llu", name, part, (unsigned long long)i,
                             (unsigned long long)request.seed),
               cleanup);
        TRY_OR(code, buffer_append_byte(strings, 0), cleanup);
        TRY_OR(code, add(context, draft), cleanup);
    }
cleanup:
    free(table.slots);
    return code;
}
