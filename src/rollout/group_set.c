// Groups with room for their tokens. See group_set.h.
#include "rollout/group_set.h"

#include <stdlib.h>

size_t group_set_bytes(size_t capacity, size_t size, size_t longest_prompt, size_t longest_response) {
    size_t rollout_bytes = sizeof(rollout) + 3 * arena_size(longest_response * 4);
    return arena_size(capacity * sizeof(group)) +
           capacity * (arena_size(longest_prompt * 4) + arena_size(size * sizeof(rollout)) + size * rollout_bytes);
}

status group_set_create(group_set *set, size_t capacity, size_t size, size_t longest_prompt, size_t longest_response) {
    *set =
        (group_set){.capacity = capacity, .size = size, .longest_prompt = longest_prompt, .longest_response = longest_response};
    TRY(arena_create(&set->memory, group_set_bytes(capacity, size, longest_prompt, longest_response), "the rollouts"));
    arena *a = &set->memory;
    set->groups = arena_take(a, capacity * sizeof(group));
    for (size_t g = 0; g < capacity; g++) {
        group *one = &set->groups[g];
        one->size = size;
        one->prompt_tokens = arena_take(a, longest_prompt * 4);
        one->rollouts = arena_take(a, size * sizeof(rollout));
        for (size_t r = 0; r < size; r++) {
            one->rollouts[r].tokens = arena_take(a, longest_response * 4);
            one->rollouts[r].logp = arena_take(a, longest_response * 4);
            one->rollouts[r].entropy = arena_take(a, longest_response * 4);
        }
    }
    return STATUS_OK;
}

void group_set_clear(group_set *set) {
    for (size_t g = 0; g < set->capacity && set->groups; g++)
        for (size_t r = 0; r < set->size; r++) {
            rollout *one = &set->groups[g].rollouts[r];
            free(one->text);
            one->text = NULL, one->text_length = 0, one->length = 0;
        }
}

void group_set_free(group_set *set) {
    group_set_clear(set);
    arena_free(&set->memory);
    *set = (group_set){0};
}
