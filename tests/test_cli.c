// The binary from outside: arguments and standard input in; exit code, standard output and messages out.
//
// A case is one line of the table. `stdout_has` and `stderr_has` are texts that have to occur (NULL: anything goes; "" for
// stdout: it has to be empty). "{GOLDEN}" in an argument stands for tests/golden, "{TMP}" for an empty folder of this test.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/jsonl.h"
#include "rollout/generator.h"
#include "rollout/group_set.h"
#include "run/open_model.h"

extern char **environ;

enum { ARGUMENTS = 12 };

typedef struct cli_case {
    const char *arguments[ARGUMENTS];
    const char *input;
    int exit_code;
    const char *stdout_has, *stderr_has;
} cli_case;

// clang-format off
static const cli_case cases[] = {
    // The program itself.
    {{NULL}, "", 2, "", "usage: dsdr COMMAND"},
    {{"--help"}, "", 0, "config", ""},
    {{"help"}, "", 0, "usage: dsdr COMMAND", ""},
    {{"--version"}, "", 0, "dsdr 0.", ""},
    {{"confg"}, "", 2, "", "unknown command confg; did you mean config?"},
    {{"zzzzzzzz"}, "", 2, "", "unknown command zzzzzzzz; dsdr --help"},
    {{"--verbose"}, "", 2, "", "unknown command --verbose"},
    // config
    {{"config", "--help"}, "", 0, "usage: dsdr config [CONFIG.yaml]", ""},
    {{"config"}, "", 0, "algorithm.method: dsdr", ""},
    {{"config", "algorithm.method=grpo"}, "", 0, "algorithm.method: grpo                                        # command line", ""},
    {{"config", "--yaml", "actor_rollout_ref.rollout.n=4"}, "", 0, "    \"n\": 4\n", ""},
    {{"config", "--reference"}, "", 0, "# Settings\n", ""},
    {{"config", "{GOLDEN}/run/verl_grpo.yaml"}, "", 0, "data.train_batch_size: 1024", "have no meaning here"},
    {{"config", "{GOLDEN}/run/verl_grpo.yaml", "~data.train_batch_size", "actor_rollout_ref.actor.ppo_mini_batch_size=8"}, "", 0, "data.train_batch_size: 16 ", "removed what the file says"},
    {{"config", "missing.yaml"}, "", 2, "", "missing.yaml"},
    {{"config", "{GOLDEN}/run/verl_grpo.yaml", "other.yaml"}, "", 2, "", "more than one configuration"},
    {{"config", "{TMP}"}, "", 2, "", "not a regular file"},
    {{"config", "actor_rollout_ref.rollout.temprature=1"}, "", 2, "", "did you mean actor_rollout_ref.rollout.temperature?"},
    {{"config", "--yml"}, "", 2, "", "did you mean --yaml?"},
    {{"config", "--yaml=1"}, "", 2, "", "--yaml takes no value"},
    // tokenize; the ids are those of Hugging Face tokenizers
    {{"tokenize"}, "", 2, "", "no model: dsdr tokenize MODEL"},
    {{"tokenize", "{TMP}/nowhere"}, "", 2, "", "nowhere"},
    {{"tokenize", "{GOLDEN}/text/bert", "-", "more"}, "", 2, "", "more is a second one"},
    {{"tokenize", "{GOLDEN}/text/bert"}, "{\"text\":\"Hello [MASK] world\",\"k\":1}\n", 0, "{\"text\":\"Hello [MASK] world\",\"k\":1,\"ids\":[2,544,4,565,3]}\n", "1 texts"},
    {{"tokenize", "{GOLDEN}/text/bert", "--bare"}, "{\"text\":\"Hello world\"}\n", 0, "\"ids\":[544,565]}\n", ""},
    {{"tokenize", "{GOLDEN}/text/llama3"}, "{\"text\":\"Hello world\"}\n", 0, "\"ids\":[0,42,71,318,81,223,89,287,78,70]}\n", ""},
    {{"tokenize", "--decode", "{GOLDEN}/text/bert"}, "{\"ids\":[2,544,4,565,3]}\n", 0, "\"text\":\"[CLS] hello [MASK] world [SEP]\"}\n", ""},
    {{"tokenize", "--decode", "--skip-special", "{GOLDEN}/text/bert"}, "{\"ids\":[2,544,565,3]}\n", 0, "\"text\":\"hello world\"}\n", ""},
    {{"tokenize", "{GOLDEN}/text/bert"}, "{\"text\":5}\n{\"text\":\"world\"}\n", 1, "{\"text\":5,\"status\":\"error\",\"error\":\"the row has no \\\"text\\\"\"}\n{\"text\":\"world\",\"ids\":[2,565,3]}", "2 texts"},
    {{"tokenize", "--decode", "{GOLDEN}/text/bert"}, "{\"ids\":[9999999]}\n{\"ids\":[-1]}\n{\"ids\":[\"a\"]}\n{}\n", 1, "vocabulary", "4 of them with an error"},
    // logprobs; the numbers are those of transformers in float64
    {{"logprobs"}, "", 2, "", "no model: dsdr logprobs MODEL"},
    {{"logprobs", "{TMP}/nowhere"}, "", 2, "", "nowhere"},
    {{"logprobs", "{GOLDEN}/model/tiny_lm.gguf", "-", "more"}, "", 2, "", "more is a second one"},
    {{"logprobs", "{GOLDEN}/model/tiny_lm.gguf", "trainer.lr=1"}, "", 2, "", "trainer.lr=1 has no meaning here"},
    {{"logprobs", "{GOLDEN}/model/tiny_lm.gguf", "precision=float8"}, "", 2, "", "float8"},
    {{"logprobs", "{GOLDEN}/model/tiny_lm", "--threads", "1"}, "{\"prompt\":\"What is 6 + 6?\",\"response\":\" It is 12.\",\"k\":[1]}\n", 0, "\"k\":[1],\"ids\":[223,43,86,262,223,19,20,16],\"logp\":[-6.8579", "1 responses"},
    {{"logprobs", "{GOLDEN}/model/tiny_lm.gguf", "precision=bfloat16", "threads=2"}, "{\"prompt\":\"What is 6 + 6?\",\"response\":\" It is 12.\"}\n", 0, "\"ids\":[223,43,86,262,223,19,20,16],\"logp\":[-6.8", ""},
    {{"logprobs", "{GOLDEN}/model/tiny_lm"}, "{\"prompt\":\"a\",\"response\":\"\"}\n{\"prompt\":\"\",\"response\":\"a\"}\n{\"prompt\":\"a\"}\n", 1, "{\"prompt\":\"a\",\"response\":\"\",\"ids\":[],\"logp\":[],\"entropy\":[]}\n{\"prompt\":\"\",\"response\":\"a\",\"status\":\"error\",\"error\":\"the prompt is empty; a prompt needs at least one token\"}\n", "2 of them with an error"},
    // plan
    {{"plan", "--help"}, "", 0, "usage: dsdr plan [CONFIG.yaml]", ""},
    {{"plan", "a.yaml", "b.yaml"}, "", 2, "", "more than one configuration"},
    {{"plan", "--mean-response-length=0"}, "", 2, "", "--mean-response-length is 0; it has to be a number from 1 to"},
    {{"plan", "--mean-response-length=9x"}, "", 2, "", "--mean-response-length is 9x; it has to be a number from 1 to"},
    {{"plan", "--mean-response-length=33", "data.max_response_length=32", "data.train_files=builtin:addition/train", "algorithm.method=grpo", "actor_rollout_ref.model.path={GOLDEN}/model/tiny_lm", "data.prompt_template=\"{problem}\\n\""}, "", 2, "", "responses of 33 tokens on average, and data.max_response_length is 32"},
    {{"plan", "--mean-response-length=9", "--no-timing"}, "", 2, "", "--mean-response-length is about time, which --no-timing leaves out"},
    // init and sft
    {{"init", "--help"}, "", 0, "usage: dsdr init DIR [MODEL.yaml]", ""},
    {{"init"}, "", 2, "", "no folder: dsdr init DIR"},
    {{"init", "{TMP}"}, "", 2, "", "exists already"},
    {{"init", "{TMP}/new", "a.yaml", "b.yaml"}, "", 2, "", "b.yaml is too many"},
    {{"init", "{TMP}/new", "missing.yaml"}, "", 2, "", "missing.yaml"},
    {{"init", "{TMP}/new", "wdth=8"}, "", 2, "", "wdth is no key of a model; did you mean width?"},
    {{"init", "{TMP}/new", "layers=1", "width=16", "heads=2", "feed_forward=32", "context=64", "words=[\"\\\\boxed{\"]"}, "", 0, "/new: 0.01M parameters, 1 layers, width 16, 2 heads, vocabulary 260, context 64\n", ""},
    {{"tokenize", "{TMP}/new"}, "{\"text\":\"a \\\\boxed{1}\"}\n", 0, "\"ids\":[97,32,259,49,125]}\n", ""},
    {{"sft", "--help"}, "", 0, "usage: dsdr sft [CONFIG.yaml]", ""},
    {{"sft", "a.yaml", "b.yaml"}, "", 2, "", "more than one configuration"},
    {{"sft", "--resume"}, "", 2, "", "--resume needs trainer.default_local_dir"},
    {{"sft", "data.response_ky=x"}, "", 2, "", "did you mean data.response_key?"},
    {{"sft", "data.train_files=builtin:addition/train", "model.partial_pretrain={TMP}/nowhere", "trainer.default_local_dir={TMP}/run"}, "", 2, "", "nowhere"},
    {{"sft", "data.train_files=builtin:addition/train", "model.path={TMP}/new", "data.max_length=64", "trainer.default_local_dir={TMP}/run"}, "", 2, "", "one limit for prompt and response together"},
    {{"sft", "data.train_files=builtin:addition/train", "model.path={TMP}/new", "data.prompt_template=\"{problem}\\n\"", "data.max_response_length=8", "trainer.total_training_steps=2", "optim.lr=1e-3", "trainer.default_local_dir={TMP}/run"}, "", 0, "step 2/2  loss ", ""},
    {{"train", "--resume", "trainer.default_local_dir={TMP}/run"}, "", 2, "", "was begun by dsdr sft"},
    {{"generate", "{TMP}/run/global_step_2", "--raw", "--prompt", "1 + 1\n", "--max-tokens", "1"}, "", 0, NULL, ""},
    // eval; tiny_lm adds rightly when greedy, as transformers says too
    {{"eval", "--help"}, "", 0, "usage: dsdr eval MODEL DATA", ""},
    {{"eval"}, "", 2, "", "no model: dsdr eval MODEL"},
    {{"eval", "{GOLDEN}/model/tiny_lm"}, "", 2, "", "no problems"},
    {{"eval", "{GOLDEN}/model/tiny_lm", "missing.jsonl"}, "", 2, "", "missing.jsonl"},
    {{"eval", "{TMP}/nowhere", "{GOLDEN}/model/tiny_lm/test.jsonl", "prompt_key=prompt"}, "", 2, "", "nowhere"},
    {{"eval", "{GOLDEN}/model/tiny_lm", "builtin:additon/test"}, "", 2, "", "did you mean addition?"},
    {{"eval", "{GOLDEN}/model/tiny_lm", "{GOLDEN}/model/tiny_lm/test.jsonl", "temprature=1"}, "", 2, "", "did you mean temperature?"},
    {{"eval", "{GOLDEN}/model/tiny_lm", "{GOLDEN}/model/tiny_lm/test.jsonl", "n=0"}, "", 2, "", "actor_rollout_ref.rollout.val_kwargs.n is 0"},
    {{"eval", "{GOLDEN}/model/tiny_lm", "{GOLDEN}/model/tiny_lm/test.jsonl", "--otput=x"}, "", 2, "", "did you mean --output?"},
    {{"eval", "{GOLDEN}/model/tiny_lm", "builtin:word_arithmetic/test?count=2"}, "", 2, "", "the model was made for 128 positions"},
    {{"eval", "{GOLDEN}/model/tiny_lm", "{GOLDEN}/model/tiny_lm/test.jsonl", "prompt_key=prompt", "max_response_length=500"}, "", 2, "", "set data.max_response_length to at most"},
    {{"eval", "{GOLDEN}/model/tiny_lm", "{GOLDEN}/model/tiny_lm/test.jsonl", "prompt_key=prompt", "prompt_template=\"{problem}\\n\"", "max_response_length=12", "precision=float32", "temperature=0", "--folder={TMP}/e1"}, "", 0, "test                    30     100.0 [88.4, 100.0]\n", "30 responses"},
    {{"eval", "{GOLDEN}/model/tiny_lm", "{GOLDEN}/model/tiny_lm/test.jsonl", "prompt_key=prompt", "prompt_template=\"{problem}\\n\"", "max_response_length=12", "threads=1", "--json", "--samples=4", "--folder={TMP}/e2"}, "", 0, "\"accuracy\":{\"value\":1.0,\"low\":0.8842966917", "pass@k: 30 problems x 4 samples, temperature 0.7, top-p 0.9"},
    {{"eval", "{GOLDEN}/model/tiny_lm", "{GOLDEN}/model/tiny_lm/test.jsonl", "prompt_key=prompt", "prompt_template=\"{problem}\\n\"", "max_response_length=12", "n=3", "temperature=1", "--folder={TMP}/e3"}, "", 0, " Maj@3\n", "90 responses of at most 12 tokens, at most 1080 tokens in all"},
    {{"eval", "{GOLDEN}/model/tiny_lm", "{GOLDEN}/model/tiny_lm/test.jsonl", "prompt_key=prompt", "--folder={TMP}/e3"}, "", 2, "", "e3 already holds a run; give --resume"},
    {{"eval", "--resume", "--folder={TMP}/e3"}, "", 0, " Maj@3\n", "continuing"},
    {{"eval", "--resume", "--folder={TMP}/nowhere"}, "", 2, "", "holds no evaluation to continue"},
    {{"eval", "--resume"}, "", 2, "", "--resume needs --folder EVAL"},
    {{"eval", "{GOLDEN}/model/tiny_lm", "{GOLDEN}/model/tiny_lm/test.jsonl", "--samples=1"}, "", 2, "", "--samples is 1; it has to be a number from 2"},
    {{"eval", "{GOLDEN}/model/tiny_lm", "{GOLDEN}/model/tiny_lm/test.jsonl", "--samples=8", "n=8"}, "", 2, "", "without it n=8"},
    {{"eval", "{GOLDEN}/model/tiny_lm", "{GOLDEN}/model/tiny_lm/test.jsonl", "--interval=wide"}, "", 2, "", "it has to be problems or sampling"},
    {{"eval", "{GOLDEN}/model/tiny_lm", "builtin:addition/test?count=3", "n=2", "--folder={TMP}/e4"}, "", 0, "addition                 3 ", "one sample a problem was taken"},
    // generate; the texts are those of transformers
    {{"generate", "--help"}, "", 0, "usage: dsdr generate MODEL", ""},
    {{"generate"}, "", 2, "", "no model: dsdr generate MODEL"},
    {{"generate", "{GOLDEN}/model/tiny_lm", "hello"}, "", 2, "", "there is also hello"},
    {{"generate", "{TMP}/nowhere", "--prompt", "hi"}, "", 2, "", "nowhere"},
    {{"generate", "{GOLDEN}/model/tiny_lm", "--raw"}, "", 2, "", "--raw completes one text"},
    {{"generate", "{GOLDEN}/model/tiny_lm", "--prompt", "hi", "--temperature", "hot"}, "", 2, "", "--temperature is hot"},
    {{"generate", "{GOLDEN}/model/tiny_lm", "--prompt", "hi", "--max-tokens", "0"}, "", 2, "", "--max-tokens is 0"},
    {{"generate", "{GOLDEN}/model/tiny_lm", "--prompt", "hi", "--precision", "float8"}, "", 2, "", "float8"},
    {{"generate", "{GOLDEN}/model/tiny_lm", "--raw", "--prompt", "What is 8 + 6?\n", "--max-tokens", "20"}, "", 0, "8 + 6 = \\boxed{14}\n", ""},
    {{"generate", "{GOLDEN}/model/tiny_lm", "--raw", "--prompt", "What is 8 + 6?\n", "--stop", "6 = "}, "", 0, "8 + \n", ""},
    {{"generate", "{GOLDEN}/model/tiny_lm", "--prompt", "What is 3 + 5?", "--max-tokens", "20"}, "", 0, " + 5 + 6 = \\boxed{11}\n", ""},
    {{"generate", "{GOLDEN}/model/tiny_lm", "--system", "Add.", "--prompt", "What is 3 + 5?", "--max-tokens", "20"}, "", 0, " + 6 + 6 + 6 + 6 + 6 + 6 + \n", ""},
    {{"generate", "{GOLDEN}/model/tiny_lm", "--max-tokens", "20"}, "What is 3 + 5?\nhello\n/new\nhello", 0, " + 5 + 6 = \\boxed{11}\n1 + 6 + 9 + 6 + 6 = \\boxed{111\n + 6 + 6 + 6 + 6 + 6 + 6 + \n", ""},
    // inspect
    {{"inspect"}, "", 2, "", "one model, as in"},
    {{"inspect", "{TMP}/nowhere"}, "", 2, "", "nowhere"},
    {{"inspect", "{GOLDEN}/model/tiny_lm.gguf"}, "", 0, "  types              BF16 15, F32 5\n", ""},
    {{"inspect", "--json", "{GOLDEN}/model/tiny_lm"}, "", 0, "\"training\":{\"possible\":true}", ""},
    {{"inspect", "--json", "{GOLDEN}/model/tiny_llama"}, "", 0, "\"training\":{\"possible\":false,\"reason\":", ""},
    {{"inspect", "{GOLDEN}/weights/types.gguf"}, "", 2, "  possible           no\n", "general.architecture"},
    {{"inspect", "{GOLDEN}/model/tiny_bert"}, "", 0, "encoder\n  width              32\n", ""},
    // verify
    {{"verify", "--help"}, "", 0, "usage: dsdr verify", ""},
    {{"verify", "--gold", "1/2", "--answer", "0.5"}, "", 0, "\"correct\":true,\"status\":\"correct\",\"extracted\":\"0.5\",\"tier\":", ""},
    {{"verify", "--gold=1/2", "--response", "so \\boxed{0.6}"}, "", 0, "\"correct\":false,\"status\":\"wrong\",\"extracted\":\"0.6\"", ""},
    {{"verify", "--gold", "7", "--response", "it is 7"}, "", 0, "\"correct\":false,\"status\":\"no_answer\",\"extracted\":null", ""},
    {{"verify", "--gold", "7", "--response", "it is 7", "--profile", "lenient"}, "", 0, "\"correct\":true", ""},
    {{"verify", "--gold", "3.14", "--answer", "3.1412", "verify.decimals=2"}, "", 0, "\"correct\":true", ""},
    {{"verify", "--gold", "3.14", "--answer", "3.1412"}, "", 0, "\"correct\":false", ""},
    {{"verify", "--gold", "1/2", "--answer", "0.5", "--quiet"}, "", 0, "", ""},
    {{"verify", "--gold", "1/2", "--answer", "0.6", "--quiet"}, "", 1, "", ""},
    {{"verify", "--gold", "1/2"}, "", 2, "", "--gold G --answer A"},
    {{"verify", "--gold"}, "", 2, "", "--gold needs a value"},
    {{"verify", "--quiet"}, "", 2, "", "--quiet belongs to one pair"},
    {{"verify", "--profile", "loose"}, "", 2, "", "strict, gsm8k, lenient"},
    {{"verify", "missing.jsonl"}, "", 2, "", "missing.jsonl"},
    {{"verify", "a.jsonl", "b.jsonl"}, "", 2, "", "b.jsonl is a second one"},
    {{"verify"}, "", 0, "", "0 pairs"},
    {{"verify", "-"}, "{\"gold\":\"1\",\"answer\":\"1\",\"id\":[7]}\n\n{\"gold\":2,\"answer\":2}\n", 0, "{\"gold\":\"1\",\"answer\":\"1\",\"id\":[7],\"correct\":true,", "2 pairs"},
    {{"verify"}, "{\"gold\":\"1\",\"answer\":\"1\"}\nnot json\n{\"gold\":\"1\",\"answer\":\"2\"}\n", 1, "{\"status\":\"error\",\"error\":\"standard input line 2", "3 pairs"},
    {{"verify"}, "{\"answer\":\"1\"}\n", 1, "{\"answer\":\"1\",\"status\":\"error\",\"error\":\"the row has no \\\"gold\\\"", "1 of them with an error"},
    {{"verify"}, "{\"gold\":\"1\"}\n", 1, "no \\\"answer\\\" and no \\\"response\\\"", ""},
    {{"verify"}, "{\"gold\":\"1\",\"answer\":[1]}\n[1]\n", 1, "\"status\":\"error\"", "2 of them with an error"},
    // score
    {{"score", "--help"}, "", 0, "usage: dsdr score", ""},
    {{"score", "algorithm.dsdr.encoder={GOLDEN}/model/tiny_bert"},
     "{\"gold\":4,\"responses\":[\"$x = 2$, \\\\boxed{4}\",\"\\\\boxed{4.0}\",\"\\\\boxed{5}\",\"\"],\"id\":7}\n", 0,
     "{\"gold\":4,\"responses\":[{\"correct\":true,\"status\":\"correct\",\"answer\":\"4\",\"formulas\":[\"", "1 groups"},
    {{"score", "algorithm.dsdr.encoder={GOLDEN}/model/tiny_bert"}, "{\"gold\":\"4\",\"responses\":[\"\\\\boxed{4}\"]}\n", 0, "\"reward\":1.0,\"advantage\":0.0,\"coupling\":1.0}", ""},
    {{"score", "algorithm.dsdr.encoder={GOLDEN}/model/tiny_bert"}, "{\"gold\":\"\\\\frac{\",\"responses\":[\"\\\\boxed{4}\",\"5\"]}\n", 0, "{\"correct\":null,\"status\":\"error\",", ""},
    {{"score", "algorithm.dsdr.encoder={GOLDEN}/model/tiny_bert"}, "{\"responses\":[\"a\"]}\n{\"gold\":\"4\",\"responses\":[]}\n{\"gold\":\"4\",\"responses\":[\"a\",3]}\n", 1,
     "\"error\":\"\\\"responses\\\" must hold texts only; entry 1 is none\"}", "3 of them with an error"},
    {{"score", "algorithm.dsdr.encoder=missing"}, "", 2, "", "algorithm.dsdr.encoder is missing"},
    {{"score", "a.jsonl", "b.jsonl"}, "", 2, "", "more than one file"},
};
// clang-format on

static char temporary[64];

static int make_folder(void **state) {
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    strcpy(temporary, "/tmp/dsdr-cli-XXXXXX");
    return mkdtemp(temporary) ? 0 : -1;
}

static int remove_folder(void **state) {
    (void)state;
    return folder_remove(temporary) == STATUS_OK ? 0 : -1;
}

static char *expand(const char *argument) {
    static const struct { const char *mark, *path; } marks[] = {{"{GOLDEN}", TEST_SOURCE_DIR "/golden"}, {"{TMP}", temporary}};
    buffer out = {0};
    for (const char *at = argument; *at;) {
        size_t i = 0;
        while (i < 2 && strncmp(at, marks[i].mark, strlen(marks[i].mark))) i++;
        if (i < 2) {
            assert_int_equal(buffer_append_text(&out, marks[i].path), STATUS_OK);
            at += strlen(marks[i].mark);
        } else {
            assert_int_equal(buffer_append_byte(&out, *at++), STATUS_OK);
        }
    }
    assert_int_equal(buffer_append_text(&out, ""), STATUS_OK);
    return out.data ? out.data : strdup("");
}

// Starts the binary on three pipes; in[1], out[0] and err[0] are the caller's ends.
static pid_t start_binary(char **argv, int in[2], int out[2], int err[2]) {
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    assert_int_equal(pipe2(err, O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    posix_spawn_file_actions_adddup2(&actions, err[1], 2);
    // This program ignores SIGPIPE, the binary shall not inherit that.
    posix_spawnattr_t attributes;
    sigset_t pipe_signal;
    posix_spawnattr_init(&attributes);
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    posix_spawnattr_setsigdefault(&attributes, &pipe_signal);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    pid_t child;
    int failure = posix_spawn(&child, TEST_BINARY_DIR "/dsdr", &actions, &attributes, argv, environ);
    if (failure) fail_msg("cannot start %s: %s", TEST_BINARY_DIR "/dsdr", strerror(failure));
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    close(in[0]), close(out[1]), close(err[1]);
    return child;
}

static int wait_for(pid_t child) {
    int result;
    assert_int_equal(waitpid(child, &result, 0), child);
    return WIFEXITED(result) ? WEXITSTATUS(result) : 128 + WTERMSIG(result);
}

// Runs the binary, feeding `input` and collecting both outputs at once, so that no pipe can fill up.
static int run_binary(const cli_case *c, buffer *output, buffer *errors) {
    char *argv[ARGUMENTS + 2] = {(char *)"dsdr"};
    for (size_t i = 0; i < ARGUMENTS && c->arguments[i]; i++) argv[i + 1] = expand(c->arguments[i]);
    int in[2], out[2], err[2];
    pid_t child = start_binary(argv, in, out, err);
    const char *at = c->input;
    struct pollfd polls[3] = {{out[0], POLLIN, 0}, {err[0], POLLIN, 0}, {in[1], POLLOUT, 0}};
    fcntl(in[1], F_SETFL, O_NONBLOCK);
    for (int open_count = 2; open_count > 0;) {
        if (polls[2].fd >= 0 && !*at) close(in[1]), polls[2].fd = -1;
        assert_true(poll(polls, 3, 60000) > 0);
        for (int i = 0; i < 2; i++) {
            if (polls[i].fd < 0 || !polls[i].revents) continue;
            char bytes[4096];
            ssize_t count = read(polls[i].fd, bytes, sizeof bytes);
            assert_true(count >= 0);
            if (!count)
                polls[i].fd = -1, open_count--;
            else
                assert_int_equal(buffer_append(i ? errors : output, bytes, (size_t)count), STATUS_OK);
        }
        if (polls[2].fd >= 0 && polls[2].revents) {
            ssize_t count = write(in[1], at, strlen(at));
            if (count > 0)
                at += count;
            else if (errno != EAGAIN) // the program does not read its input
                close(in[1]), polls[2].fd = -1;
        }
    }
    if (polls[2].fd >= 0) close(in[1]);
    close(out[0]), close(err[0]);
    for (size_t i = 1; argv[i]; i++) free(argv[i]);
    return wait_for(child);
}

static void each_case_exits_and_answers_as_the_table_says(void **state) {
    (void)state;
    size_t failures = 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const cli_case *c = &cases[i];
        buffer output = {0}, errors = {0};
        int exit_code = run_binary(c, &output, &errors);
        bool good = exit_code == c->exit_code;
        if (c->stdout_has)
            good = good && (*c->stdout_has ? strstr(buffer_text(&output), c->stdout_has) != NULL : output.length == 0);
        if (c->stderr_has) good = good && strstr(buffer_text(&errors), c->stderr_has);
        if (!good) {
            failures++;
            print_error("case %zu: dsdr", i);
            for (size_t j = 0; j < ARGUMENTS && c->arguments[j]; j++) print_error(" '%s'", c->arguments[j]);
            print_error("\n  exit code %d, expected %d\n  stdout: %.300s\n  expected: %s\n  stderr: %.300s\n  expected: %s\n",
                        exit_code, c->exit_code, buffer_text(&output), c->stdout_has ? c->stdout_has : "anything",
                        buffer_text(&errors), c->stderr_has ? c->stderr_has : "anything");
        }
        buffer_free(&output);
        buffer_free(&errors);
    }
    assert_int_equal(failures, 0);
}

static void rows_come_back_one_for_one_and_in_order(void **state) {
    (void)state;
    buffer input = {0}, output = {0}, errors = {0};
    for (int i = 0; i < 1000; i++)
        assert_int_equal(buffer_printf(&input, i % 10 == 3 ? "broken %d\n" : "{\"gold\":\"%d\",\"answer\":\"7\"}\n", i),
                         STATUS_OK);
    const cli_case c = {{"verify"}, input.data, 1, NULL, NULL};
    assert_int_equal(run_binary(&c, &output, &errors), 1);
    const char *at = output.data;
    for (int i = 0; i < 1000; i++) {
        char expected[64];
        snprintf(expected, sizeof expected,
                 i % 10 == 3 ? "{\"status\":\"error\",\"error\":\"standard input line %d:" : "{\"gold\":\"%d\",",
                 i % 10 == 3 ? i + 1 : i);
        assert_int_equal(strncmp(at, expected, strlen(expected)), 0);
        const char *right = strstr(at, "\"correct\":true");
        assert_int_equal(right && right < strchr(at, '\n'), i == 7);
        at = strchr(at, '\n') + 1;
    }
    assert_int_equal(*at, 0);
    assert_non_null(strstr(errors.data, "1000 pairs"));
    buffer_free(&input);
    buffer_free(&output);
    buffer_free(&errors);
}

static void a_row_is_answered_before_the_next_one_is_sent(void **state) {
    (void)state;
    char *argv[] = {(char *)"dsdr", (char *)"verify", NULL};
    int in[2], out[2], err[2];
    pid_t child = start_binary(argv, in, out, err);
    const char *row = "{\"gold\":\"1\",\"answer\":\"1\"}\n";
    for (int i = 0; i < 3; i++) {
        assert_int_equal(write(in[1], row, strlen(row)), strlen(row));
        struct pollfd answer = {out[0], POLLIN, 0};
        assert_int_equal(poll(&answer, 1, 20000), 1);
        char line[512] = "";
        assert_true(read(out[0], line, sizeof line - 1) > 0);
        assert_non_null(strstr(line, "\"correct\":true"));
    }
    close(in[1]);
    assert_int_equal(wait_for(child), 0);
    close(out[0]), close(err[0]);
}

static void printed_settings_are_a_file_that_loads(void **state) {
    (void)state;
    const cli_case print = {
        {"config", "--yaml", "algorithm.method=dapo", "actor_rollout_ref.rollout.stop=[\"\\n\"]"}, "", 0, NULL, NULL};
    buffer yaml = {0}, again = {0}, errors = {0};
    assert_int_equal(run_binary(&print, &yaml, &errors), 0);
    char path[128];
    snprintf(path, sizeof path, "%s/config.yaml", temporary);
    assert_int_equal(file_replace(path, yaml.data, yaml.length), STATUS_OK);
    const cli_case reprint = {{"config", "--yaml", "{TMP}/config.yaml"}, "", 0, NULL, NULL};
    assert_int_equal(run_binary(&reprint, &again, &errors), 0);
    assert_string_equal(yaml.data, again.data);
    buffer_free(&yaml);
    buffer_free(&again);
    buffer_free(&errors);
}

static void an_evaluation_writes_one_row_a_response_or_nothing(void **state) {
    (void)state;
#define ROWS                                                                                                                     \
    "{GOLDEN}/model/tiny_lm", "{GOLDEN}/model/tiny_lm/test.jsonl", "prompt_key=prompt", "--output={TMP}/rows.jsonl",             \
        "--folder={TMP}/eval"
    static const cli_case whole = {
        {"eval", ROWS, "prompt_template=\"{problem}\\n\"", "max_response_length=12", "n=2", "temperature=1"}, "", 0, NULL, NULL};
    static const cli_case failing = {{"eval", ROWS, "max_response_length=500"}, "", 2, NULL, NULL};
#undef ROWS
    buffer output = {0}, errors = {0};
    char path[128], unfinished[160];
    snprintf(path, sizeof path, "%s/rows.jsonl", temporary);
    snprintf(unfinished, sizeof unfinished, "%s.tmp", path);
    assert_int_equal(run_binary(&failing, &output, &errors), 2);
    assert_false(file_exists(path) || file_exists(unfinished));
    assert_int_equal(run_binary(&whole, &output, &errors), 0);
    jsonl_reader reader;
    assert_int_equal(jsonl_open(&reader, path), STATUS_OK);
    json_t *row;
    for (long long i = 0; i < 60; i++) {
        assert_int_equal(jsonl_next(&reader, &row), STATUS_OK);
        assert_non_null(row);
        const char *id, *response, *gold, *verdict;
        json_int_t sample, length;
        int correct;
        char expected[32];
        assert_int_equal(json_unpack(row, "{s:s, s:I, s:s, s:s, s:b, s:s, s:I}", "id", &id, "sample", &sample, "response",
                                     &response, "gold", &gold, "correct", &correct, "status", &verdict, "length", &length),
                         0);
        snprintf(expected, sizeof expected, "test-%lld", i / 2);
        assert_string_equal(id, expected);
        assert_int_equal(sample, i % 2);
        snprintf(expected, sizeof expected, "\\boxed{%s}", gold);
        assert_int_equal(correct, strstr(response, expected) != NULL);
        assert_string_equal(verdict, correct ? "correct" : strstr(response, "\\boxed{") ? "wrong" : "no_answer");
        assert_true(length > 0 && length <= 12);
        json_decref(row);
    }
    assert_int_equal(jsonl_next(&reader, &row), STATUS_OK);
    assert_null(row);
    jsonl_close(&reader);
    buffer_free(&output);
    buffer_free(&errors);
}

// Responses sampled by this program, a few rows at a time, and measured by `dsdr logprobs` on another number of threads: the
// printed digits are those of the recorded numbers. Responses whose text is made of other tokens are left out.
static void measured_log_probs_are_the_sampled_ones(void **state) {
    (void)state;
    enum { PROMPTS = 5, EACH = 6, LONGEST = 20 };
    static const char *const prompts[PROMPTS] = {"What is 3 + 5?", "What is 7 + 7?", "a", "What is 9 + 0? Say it.", "3"};
    static const char *const precisions[] = {"float32", "bfloat16"};
    for (int p = 0; p < 2; p++) {
        char precision[64];
        snprintf(precision, sizeof precision, "trainer.precision=%s", precisions[p]);
        settings s;
        matmul *products;
        language_model lm;
        group_set set;
        generator *g;
        generator_options room = {.rows = 7, .longest_prompt = 64, .longest_response = LONGEST};
        assert_int_equal(settings_load(&s, NULL, (const char *const[]){precision, "trainer.threads=1"}, 2), STATUS_OK);
        assert_int_equal(run_open_model(&products, &lm, &s, TEST_SOURCE_DIR "/golden/model/tiny_lm", false), STATUS_OK);
        assert_int_equal(group_set_create(&set, PROMPTS, EACH, 64, LONGEST), STATUS_OK);
        assert_int_equal(generator_create(&g, &lm.model, lm.tokenizer, &room, NULL), STATUS_OK);
        for (size_t i = 0; i < PROMPTS; i++) {
            token_list tokens = {0};
            assert_int_equal(tokenizer_encode(lm.tokenizer, prompts[i], strlen(prompts[i]), true, false, &tokens), STATUS_OK);
            set.groups[i].serial = i, set.groups[i].prompt_length = tokens.count;
            memcpy(set.groups[i].prompt_tokens, tokens.ids, tokens.count * sizeof *tokens.ids);
            token_list_free(&tokens);
        }
        sampling how = {.seed = 2, .purpose = RANDOM_SAMPLE_EVAL, .temperature = 1, .top_p = 1, .longest_response = LONGEST};
        how.end_tokens = lm.stop_tokens, how.end_count = lm.stop_count;
        assert_int_equal(generator_run(g, set.groups, PROMPTS, &how, NULL), STATUS_OK);

        buffer input = {0}, output = {0}, errors = {0};
        const rollout *sent[PROMPTS * EACH];
        size_t count = 0;
        for (size_t i = 0; i < PROMPTS * EACH; i++) {
            const rollout *one = &set.groups[i / EACH].rollouts[i % EACH];
            buffer text = {0};
            token_list again = {0};
            assert_int_equal(tokenizer_decode(lm.tokenizer, one->tokens, one->length, false, &text), STATUS_OK);
            assert_int_equal(tokenizer_encode(lm.tokenizer, text.data, text.length, true, false, &again), STATUS_OK);
            json_t *row = json_pack("{s:s, s:s%}", "prompt", prompts[i / EACH], "response", text.data, text.length);
            bool same = again.count == one->length && !memcmp(again.ids, one->tokens, again.count * sizeof *again.ids);
            if (row && same) { // a text that is no UTF-8 makes no row
                char *line = json_dumps(row, JSON_COMPACT);
                assert_int_equal(buffer_printf(&input, "%s\n", line), STATUS_OK);
                free(line);
                sent[count++] = one;
            }
            json_decref(row), token_list_free(&again), buffer_free(&text);
        }
        assert_true(count > PROMPTS * EACH / 2);
        const cli_case measure = {
            {"logprobs", "{GOLDEN}/model/tiny_lm", "--precision", precisions[p], "--threads", "3"}, input.data, 0, NULL, NULL};
        assert_int_equal(run_binary(&measure, &output, &errors), 0);
        const char *at = output.data;
        for (size_t i = 0; i < count; i++) {
            const char *end = strchr(at, '\n');
            assert_non_null(end);
            json_t *row = json_loadb(at, (size_t)(end - at), 0, NULL);
            const json_t *logp = json_object_get(row, "logp"), *entropy = json_object_get(row, "entropy");
            assert_int_equal(json_array_size(logp), sent[i]->length);
            for (size_t k = 0; k < sent[i]->length; k++) {
                float measured[2] = {(float)json_number_value(json_array_get(logp, k)),
                                     (float)json_number_value(json_array_get(entropy, k))};
                assert_memory_equal(&measured[0], &sent[i]->logp[k], sizeof(float));
                assert_memory_equal(&measured[1], &sent[i]->entropy[k], sizeof(float));
            }
            json_decref(row);
            at = end + 1;
        }
        buffer_free(&input), buffer_free(&output), buffer_free(&errors);
        generator_free(g);
        group_set_clear(&set), group_set_free(&set);
        language_model_close(&lm), matmul_free(products);
        settings_free(&s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_case_exits_and_answers_as_the_table_says),
        cmocka_unit_test(rows_come_back_one_for_one_and_in_order),
        cmocka_unit_test(a_row_is_answered_before_the_next_one_is_sent),
        cmocka_unit_test(printed_settings_are_a_file_that_loads),
        cmocka_unit_test(an_evaluation_writes_one_row_a_response_or_nothing),
        cmocka_unit_test(measured_log_probs_are_the_sampled_ones),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
