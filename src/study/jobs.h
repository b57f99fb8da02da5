// The commands of a study, in the order in which they run. Between jobs.c and runner.c.
#ifndef DSDR_STUDY_JOBS_H
#define DSDR_STUDY_JOBS_H

#include <stdbool.h>
#include <stdint.h>

#include "study/definition.h"

typedef enum study_job_kind { JOB_INIT, JOB_SFT, JOB_EVAL_START, JOB_TRAIN, JOB_EVAL, JOB_KIND_COUNT } study_job_kind;

typedef enum study_job_state { JOB_NEW, JOB_BEGUN, JOB_DONE, JOB_FAILED } study_job_state;

typedef struct study_job {
    study_job_kind kind;
    study_job_state state;
    size_t arm;   // JOB_TRAIN, JOB_EVAL
    int64_t seed; // the same
    char *name;   // for a person: "grpo seed 1"
    char *run;    // folder of the run, or what stands for it: the log is there
    char *folder; // what the command makes: the run's, its evaluation's, the model's
} study_job;

typedef struct study_jobs {
    study_job *items;
    size_t count;
} study_jobs;

// Lists the commands with their states. STATUS_INVALID where a run that is there has other settings, naming run and key.
status study_jobs_list(study_jobs *jobs, const study_definition *d);
void study_jobs_free(study_jobs *jobs);

// The command line, ended by NULL (text_list_free with `out` and free the array). What a command needs of another's result has to
// be there.
typedef struct study_command {
    text_list texts;
    const char **arguments;
} study_command;
status study_job_command(study_command *command, const study_definition *d, const study_job *job, const char *program);
void study_command_free(study_command *command);

#endif
