// TensorBoard's event files: a step's metrics as scalars, in the run's folder.
//
// A file is a run of TFRecords, each: length (uint64), masked CRC-32C of these 8 bytes (uint32), that many bytes, masked CRC-32C
// of them; all little endian. A record holds one Event of TensorFlow's event.proto in protobuf's wire format. Of it are written:
//
//   Event        wall_time = 1 (double), step = 2 (int64), file_version = 3 (string), summary = 5 (Summary), session_log = 7
//   Summary      value = 1 (repeated): tag = 1 (string), simple_value = 2 (float)
//   SessionLog   status = 1 (START = 1)
#ifndef DSDR_RUN_TENSORBOARD_H
#define DSDR_RUN_TENSORBOARD_H

#include <stdint.h>

#include "base/buffer.h"
#include "base/status.h"
#include "run/logger.h"

// Append one record to `out`: the first of every file; the one that makes a running TensorBoard forget steps from `step` on; the
// metrics of a step. `wall_time` is in seconds since 1970. A metric that is not a number is written as such.
status tensorboard_put_version(buffer *out, double wall_time);
status tensorboard_put_start(buffer *out, double wall_time, int64_t step);
status tensorboard_put_step(buffer *out, double wall_time, int64_t step, const run_metrics *metrics);

typedef struct tensorboard tensorboard;

// Starts a new file FOLDER/events.out.tfevents.SECONDS.HOST.PID, whose name sorts behind those of the folder's other event files.
// Events of steps greater than `step` are first cut out of these, and what an interruption has left half written; a file that
// then holds no step is removed. On failure *t is NULL.
status tensorboard_open(tensorboard **t, const char *folder, int64_t step);
status tensorboard_step(tensorboard *t, int64_t step, const run_metrics *metrics); // on its way to the disk when it returns
void tensorboard_close(tensorboard *t);                                            // harmless for NULL

#endif
