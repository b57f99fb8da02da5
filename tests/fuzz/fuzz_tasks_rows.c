// Any bytes as one row of a problem file, and any text as a countdown answer and as the name of a built-in task.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsonl.h"
#include "tasks/countdown.h"
#include "tasks/tasks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static status count_problem(void *context, problem_draft draft) {
    (void)draft;
    return ++*(int *)context < 50 ? STATUS_OK : status_set(STATUS_LIMIT, "enough");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    buffer strings = {0};
    json_t *row;
    if (json_parse((const char *)data, size, "fuzz", &row) == STATUS_OK) {
        problem_draft draft;
        problem_options options = {.prompt_key = "q.text", .answer_key = "a.b"};
        if (json_is_object(row) &&
            problem_from_row(row, (const char *)data, size, "fuzz", 1, NULL, &strings, &draft) == STATUS_OK)
            if (strlen(strings.data + draft.text) == 0 || strlen(strings.data + draft.answer) == 0) abort();
        if (json_is_object(row)) problem_from_row(row, (const char *)data, size, "fuzz", 1, &options, &strings, &draft);
        json_decref(row);
    }
    countdown_puzzle puzzle = {.number = {3, 7, 25}, .count = 3, .target = 46};
    countdown_check(&puzzle, (const char *)data, size);
    char *text = text_copy((const char *)data, size);
    if (text) {
        int made = 0;
        countdown_read(text, &puzzle);
        tasks_generate(text, &strings, count_problem, &made);
    }
    free(text);
    buffer_free(&strings);
    return 0;
}
