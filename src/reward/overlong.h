// DAPO's soft overlong penalty (Yu et al., "DAPO: an open-source LLM reinforcement learning system at scale", 2025, eq 13; verl's
// reward_model.overlong_buffer): zero up to max_length - buffer_length tokens, then falling linearly.
#ifndef DSDR_REWARD_OVERLONG_H
#define DSDR_REWARD_OVERLONG_H

#include <stddef.h>

// min(-(length - (max_length - buffer_length)) / buffer_length * factor, 0): between -factor (at max_length) and 0, to be added
// to the shaped reward. `length` counts the ending token. 0 when buffer_length is 0; buffer_length <= max_length.
double overlong_penalty(size_t length, size_t max_length, size_t buffer_length, double factor);

#endif
