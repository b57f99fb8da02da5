// `dsdr verify-worker`: the helper process that judges answers for training, score and verify. Started by reward/worker.c; not listed.
#include "cli/cli.h"
#include "reward/worker.h"

int command_verify_worker(int argc, char **argv) {
    (void)argc, (void)argv;
    return worker_main(WORKER_DESCRIPTOR);
}
