// Supervised training on given responses: a warm start for a model that knows nothing of a task yet. Same engine, optimizer,
// folder, record and promises as reinforcement learning (run/trainer.h); what a step learns from is rows of prompt and response.
//
// Rows come from data.train_files: JSON lines with a prompt (data.prompt_key) and a response (data.response_key), or a built-in
// task, which writes worked solutions; of countdown's many another one is drawn in each epoch. A prompt is rendered as everywhere
// (data.prompt_template, data.instruction). A response is tokenized apart from it and ends with the tokenizer's end token, or
// with the first text of actor_rollout_ref.rollout.stop where there is one. The loss is the mean of -log p over the tokens of all
// responses of a step (data.train_batch_size rows, one update), at temperature 1; prompts are no part of it.
#ifndef DSDR_RUN_SFT_H
#define DSDR_RUN_SFT_H

#include "run/training.h"

// Trains as the settings say, from the start or from the last complete checkpoint, as trainer_run does. Settings that neither
// file nor command line give take the defaults of verl's supervised trainer instead of those of reinforcement learning: lr 1e-5,
// betas 0.9 and 0.95, cosine after a warm-up of a tenth, 4 epochs.
status sft_run(settings *s, const training_options *options, training_result *result);

// What sft_run does to settings first, as trainer_settle.
status sft_settle(settings *s);

#endif
