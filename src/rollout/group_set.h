// Groups with room for their tokens: what the generator fills and the trainer reads.
#ifndef DSDR_ROLLOUT_GROUP_SET_H
#define DSDR_ROLLOUT_GROUP_SET_H

#include "base/arena.h"
#include "records/records.h"

// `capacity` groups of `size` rollouts; every prompt and response has room for the longest. One arena, taken once.
typedef struct group_set {
    arena memory;
    group *groups; // [capacity]
    size_t capacity, size, longest_prompt, longest_response;
} group_set;

status group_set_create(group_set *set, size_t capacity, size_t size, size_t longest_prompt, size_t longest_response);
size_t group_set_bytes(size_t capacity, size_t size, size_t longest_prompt, size_t longest_response);

// Frees the texts of all rollouts and forgets their tokens; the room stays.
void group_set_clear(group_set *set);
void group_set_free(group_set *set);

#endif
