// judge.db: what an endpoint has answered, so that nothing is paid for twice, and what analyses of diversity found.
//
//   cache(key, time, reply)      a chat completion as it came; key: the SHA-256 of what was asked (judge.c). Written when it
//   comes. facts(analysis, key, value)  what is true of a whole analysis: settings, prompt, evaluations, agreement
//   similarity(analysis, method, source, problem_id, responses, semantic_similarity, formula_similarity, distinct_equation_share)
//   judge(analysis, method, source, problem_id, repeat, status, logic, formula, semantic, overall, model, input_tokens,
//         output_tokens, key)    a judgement; repeat 1 is the second one of those that are judged twice. Without scores where the
//                                status is not "scored".
//
// An analysis is written in one transaction when it is complete; one with the same evaluations and settings replaces it.
#ifndef DSDR_STUDY_JUDGE_STORE_H
#define DSDR_STUDY_JUDGE_STORE_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/status.h"
#include "study/judge_reply.h"

typedef struct judge_store judge_store;

// Opens `path`, made where it does not exist. On failure *s is NULL. STATUS_INVALID for a file that is something else.
status judge_store_open(judge_store **s, const char *path);
void judge_store_close(judge_store *s); // an analysis that was begun is not kept; harmless for NULL

// *reply = what was answered, where *found. judge_store_put is on disk when it returns.
status judge_store_get(judge_store *s, const char *key, buffer *reply, bool *found);
status judge_store_put(judge_store *s, const char *key, const char *reply, size_t length);

// Begins an analysis, dropping a former one of this name; rows; commit.
status judge_store_begin(judge_store *s, const char *analysis);
status judge_store_fact(judge_store *s, const char *key, const char *value);
status judge_store_similarity(judge_store *s, const char *method, const char *source, const char *id, size_t responses,
                              const double values[3]);
status judge_store_judgement(judge_store *s, const char *method, const char *source, const char *id, int repeat,
                             const judge_reply *reply, const char *key);
status judge_store_commit(judge_store *s);

#endif
