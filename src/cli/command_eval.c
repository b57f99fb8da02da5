// dsdr eval: accuracy of a model on files of problems, with intervals, recorded in a folder; see study/evaluation.h.
#include <ctype.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/jsonl.h"
#include "base/progress.h"
#include "cli/cli.h"
#include "cli/signals.h"
#include "run/folder.h"
#include "run/task_defaults.h"
#include "study/evaluation.h"

static const char detail[] =
    "MODEL is a Hugging Face folder or a GGUF file. DATA are files of JSON lines, or built-in tasks such as\n"
    "builtin:word_arithmetic/test. Rows hold the question under problem, question, prompt or query, and the answer under\n"
    "answer, final_answer, expected_answer, ground_truth, target or solution; rows that name no source belong to a benchmark\n"
    "called like their file.\n"
    "Without further settings the protocol is the paper's: Pass@1 from one sample at temperature 0.1; Avg@16, and Pass@k and\n"
    "Maj@k for k up to 64, from 64 samples at temperature 0.7; top-p 0.9. Where n, temperature, top_p, top_k, do_sample or\n"
    "--config are given, there is one pass as they say. Settings are the keys of `dsdr config`; of these matter here (with\n"
    "their defaults):\n"
    "  actor_rollout_ref.rollout.val_kwargs.n             samples of a problem (1)\n"
    "  actor_rollout_ref.rollout.val_kwargs.temperature   0 is greedy, which takes one sample whatever n (0)\n"
    "  actor_rollout_ref.rollout.val_kwargs.top_p, .top_k (1, -1: all); .do_sample is true here unless --config is given\n"
    "  actor_rollout_ref.rollout.stop                     texts that end a response (none)\n"
    "  data.prompt_template, data.instruction             chat, or a raw text with {problem}\n"
    "  data.max_prompt_length, data.max_response_length   tokens (4096, 512)\n"
    "  data.prompt_key, data.answer_key                   keys of a row, where they have other names\n"
    "  reward_model.profile                               where the answer is looked for: strict, gsm8k, lenient (strict)\n"
    "  trainer.seed, trainer.threads, trainer.precision   (1, one a core, auto)\n"
    "A key may be given by its last part, val_kwargs first: n=16 temperature=0.7 max_response_length=1024.\n"
    "A built-in task brings its own prompt, stop text, profile and response length where none are given.\n"
    "\n"
    "The folder receives run.db and config.yaml as the evaluation goes on. SIGINT and SIGTERM exit with 3. One that was\n"
    "interrupted or killed goes on, and ends with the same responses, by\n"
    "    dsdr eval --resume --folder EVAL\n"
    "Avg@n is the share of correct samples, Pass@k the unbiased estimator, Maj@k the majority's answer. Intervals are 95%,\n"
    "over problems, or with --interval sampling over responses to these problems. Overall is the mean of the benchmarks,\n"
    "pooled takes all problems as one. Rows of --output: "
    "{\"pass\",\"source\",\"id\",\"sample\",\"response\",\"answer\",\"gold\",\n"
    "\"correct\",\"status\",\"length\",\"finish\"}. Rows of --csv: model, pass, source, metric, value, low, high, problems.\n";

// ---- settings ------------------------------------------------------------------------------------------------------------

static const char sampling_section[] = "actor_rollout_ref.rollout.val_kwargs.";

static const char *last_part(const char *key) { return strrchr(key, '.') + 1; }

// The table's entry for a key given by its last part: of the sampling of evaluations, else where only one key ends so; NULL for
// none.
static const setting_entry *find_by_last_part(const char *given, size_t length) {
    char key[256];
    const setting_entry *found = NULL;
    size_t matches = 0;
    if (length >= 128) return NULL;
    snprintf(key, sizeof key, "%s%.*s", sampling_section, (int)length, given);
    if (settings_find(key) < SETTING_COUNT) return &settings_table[settings_find(key)];
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        size_t whole = strlen(settings_table[i].key);
        if (whole <= length || settings_table[i].key[whole - length - 1] != '.' ||
            strncmp(settings_table[i].key + whole - length, given, length))
            continue;
        found = &settings_table[i], matches++;
    }
    return matches == 1 ? found : NULL;
}

// Appends the assignment with its whole key. A word without dots that is no last part is an error with "did you mean"; everything
// else is left to the settings.
static status write_assignment(buffer *out, const char *given) {
    size_t length = strcspn(given, "="), distance = length / 3 + 1;
    const setting_entry *entry = given[length] == '=' ? find_by_last_part(given, length) : NULL;
    char word[128];
    const char *best = NULL;
    snprintf(word, sizeof word, "%.*s", (int)length, given);
    if (!entry && given[length] == '=' && isalpha((unsigned char)*given) && !strchr(word, '.') && length < sizeof word) {
        for (size_t i = 0; i < SETTING_COUNT; i++) text_consider(word, last_part(settings_table[i].key), &best, &distance);
        if (best) return status_set(STATUS_INVALID, "%s is not a setting; did you mean %s?", word, best);
    }
    TRY(buffer_append_text(out, entry ? entry->key : ""));
    return buffer_append_text(out, entry ? given + length : given);
}

static void free_assignments(buffer *texts, const char **whole, size_t count) {
    for (size_t i = 0; texts && i <= count; i++) buffer_free(&texts[i]);
    free(texts), free(whole);
}

// The assignments with whole keys, behind one that says that a temperature is meant: (*whole)[0 .. count].
static status whole_assignments(buffer **texts, const char ***whole, const char *const *given, size_t count) {
    *texts = calloc(count + 1, sizeof **texts);
    *whole = calloc(count + 1, sizeof **whole);
    status code = *texts && *whole ? STATUS_OK : status_set(STATUS_NO_MEMORY, "out of memory");
    for (size_t i = 0; i <= count && code == STATUS_OK; i++) {
        code = write_assignment(&(*texts)[i], i > 0 ? given[i - 1] : "do_sample=true");
        (*whole)[i] = buffer_text(&(*texts)[i]);
    }
    if (code != STATUS_OK) free_assignments(*texts, *whole, count);
    return code;
}

static bool says_how_to_sample(const char *assignment) { return strstr(assignment, sampling_section) != NULL; }

// Settings from --config and the command line. Where these sample without a configuration a temperature is meant, so do_sample is
// true. Prompts of benchmarks may be long: memory follows the longest that there is.
static status load_settings(settings *s, const char *config, const char *const *given, size_t count) {
    buffer *texts;
    const char **whole;
    TRY(whole_assignments(&texts, &whole, given, count));
    size_t first = 1;
    for (size_t i = 1; i <= count && !config; i++)
        if (says_how_to_sample(whole[i])) first = 0;
    status code = settings_load(s, config, whole + first, count + 1 - first);
    if (code == STATUS_OK) code = settings_take(s, "data.max_prompt_length", "4096", "dsdr eval");
    free_assignments(texts, whole, count);
    return code;
}

// ---- one row a response --------------------------------------------------------------------------------------------------

static status write_response(void *context, const char *pass, const evaluation_response *one) {
    const verdict *v = one->verdict;
    const problem *asked = one->problem;
    json_t *row = json_object();
    json_object_set_new(row, "pass", json_string(pass));
    json_object_set_new(row, "source", json_valid_text(asked->source, strlen(asked->source)));
    json_object_set_new(row, "id", json_valid_text(asked->id, strlen(asked->id)));
    json_object_set_new(row, "sample", json_integer((json_int_t)one->sample));
    json_object_set_new(row, "response", json_valid_text(one->rollout->text, one->rollout->text_length));
    json_object_set_new(row, "answer", v->extracted ? json_valid_text(v->extracted, strlen(v->extracted)) : json_null());
    json_object_set_new(row, "gold", json_valid_text(asked->answer, strlen(asked->answer)));
    json_object_set_new(row, "correct", verdict_known(v->status) ? json_boolean(v->status == VERDICT_CORRECT) : json_null());
    json_object_set_new(row, "status", json_string(verdict_name(v->status)));
    json_object_set_new(row, "length", json_integer((json_int_t)one->rollout->length));
    json_object_set_new(row, "finish", json_string(finish_name(one->rollout->finish)));
    buffer line = {0};
    status code = json_write(&line, row, 17);
    if (code == STATUS_OK) code = buffer_append_byte(&line, '\n');
    if (code == STATUS_OK) code = file_write(context, line.data, line.length);
    buffer_free(&line);
    json_decref(row);
    return code;
}

// ---- the command ---------------------------------------------------------------------------------------------------------

typedef struct request {
    const char *config, *output, *csv, *folder, *samples, *interval;
    const char *const *assignments;
    size_t assignment_count;
    const char *model;
    const char *const *data;
    size_t data_count;
    bool json, diversity, resume;
    settings settings;
    study_protocol protocol;
} request;

static void show_line(void *context, const char *line) {
    progress_view_clear(context);
    fprintf(stderr, "%s\n", line);
}

static status choose_interval(evaluation_interval *out, const char *word) {
    *out = word && !strcmp(word, "sampling") ? EVALUATION_OVER_RESPONSES : EVALUATION_OVER_PROBLEMS;
    if (!word || *out == EVALUATION_OVER_RESPONSES || !strcmp(word, "problems")) return STATUS_OK;
    return status_set(STATUS_INVALID, "--interval is %s; it has to be problems or sampling", word);
}

static status choose_protocol(request *r) {
    bool told = r->config || study_protocol_is_told(&r->settings);
    long long samples = STUDY_PAPER_SAMPLES;
    TRY(cli_read_number("--samples", r->samples, STUDY_LEAST_SAMPLES, STUDY_MOST_SAMPLES, &samples));
    if (r->samples && told && !r->config)
        return status_set(STATUS_INVALID,
                          "--samples belongs to the paper's protocol, whose temperatures are fixed; without it n=%s "
                          "takes so many samples",
                          r->samples);
    r->protocol = told && !r->samples ? study_protocol_custom(&r->settings) : study_protocol_paper((size_t)samples);
    return STATUS_OK;
}

// Model and problems as given become settings, so that config.yaml names them.
static status take_model_and_data(request *r) {
    settings *s = &r->settings;
    if (r->model) {
        free(s->model.path);
        if (!(s->model.path = strdup(r->model))) return status_set(STATUS_NO_MEMORY, "out of memory");
    }
    if (r->data_count > 0) {
        text_list_free(&s->data.val_files);
        for (size_t i = 0; i < r->data_count; i++) TRY(text_list_add(&s->data.val_files, r->data[i], strlen(r->data[i])));
    }
    if (!*s->model.path) return status_set(STATUS_INVALID, "no model: dsdr eval MODEL DATA..., see dsdr eval --help");
    if (s->data.val_files.count == 0)
        return status_set(STATUS_INVALID, "no problems: give files of JSON lines or builtin:TASK/test behind the model");
    return STATUS_OK;
}

// The settings, and the protocol that follows from them; of an evaluation that is continued, its own unless more is said.
static status prepare(request *r) {
    bool begun = false;
    if (r->resume && !r->folder) return status_set(STATUS_INVALID, "--resume needs --folder EVAL, the evaluation to continue");
    if (r->resume) {
        buffer *texts;
        const char **whole;
        TRY(whole_assignments(&texts, &whole, r->assignments, r->assignment_count));
        status code = study_evaluation_reload(&r->settings, &r->protocol, r->folder, r->config, whole + 1, r->assignment_count);
        begun = code == STATUS_OK && r->protocol.count > 0;
        if (code == STATUS_OK && !begun) settings_free(&r->settings);
        free_assignments(texts, whole, r->assignment_count);
        TRY(code);
    }
    if (!begun) TRY(load_settings(&r->settings, r->config, r->assignments, r->assignment_count));
    TRY(take_model_and_data(r));
    text_list *data = &r->settings.data.val_files;
    TRY(settings_adopt_task(&r->settings, (const char *const *)data->items, data->count, "data.val_files"));
    cli_print_notes(&r->settings);
    return begun ? STATUS_OK : choose_protocol(r);
}

static status print(const request *r, const study_evaluation *e) {
    buffer text = {0};
    status code = r->json ? study_evaluation_json(&text, e) : study_evaluation_table(&text, e);
    if (code == STATUS_OK) fwrite(text.data, 1, text.length, stdout);
    buffer_clear(&text);
    if (code == STATUS_OK && r->csv) {
        code = study_evaluation_csv(&text, e);
        if (code == STATUS_OK) code = file_replace(r->csv, text.data, text.length);
    }
    buffer_free(&text);
    return code;
}

static void print_speed(const request *r, const study_evaluation *e) {
    size_t responses = 0, tokens = 0, sampled = 0;
    double generating = 0, seconds = 0;
    for (size_t p = 0; p < e->protocol.count; p++) {
        const evaluation *pass = &e->passes[p];
        responses += pass->pooled.samples, tokens += pass->response_tokens, sampled += pass->sampled_tokens;
        generating += pass->generation_seconds, seconds += pass->seconds;
    }
    if (r->settings.val.n > 1 && e->protocol.passes[0].greedy)
        fprintf(stderr, "note: greedy, so one sample a problem was taken; n = %lld has a meaning with a temperature above 0\n",
                r->settings.val.n);
    fprintf(stderr, "%zu responses, %zu tokens in %.1f s", responses, tokens, seconds);
    if (sampled > 0) fprintf(stderr, " (%.0f tok/s)", (double)sampled / fmax(generating, 1e-9));
    fprintf(stderr, ", %s; folder: %s\n", e->arithmetic, r->folder);
}

static status evaluate(request *r, file_writer *writer, progress_view *view) {
    char self[4096];
    study_evaluation_options options = {.folder = r->folder,
                                        .resume = r->resume,
                                        .diversity = r->diversity,
                                        .helper = cli_own_path(self, sizeof self),
                                        .stop = &signals_stop,
                                        .progress = {progress_view_report, view},
                                        .line = show_line,
                                        .line_context = view,
                                        .response = writer ? write_response : NULL,
                                        .response_context = writer};
    TRY(choose_interval(&options.interval, r->interval));
    signals_catch("\ninterrupted: leaving after this token; once more leaves at once\n");
    study_evaluation e;
    TRY(study_evaluate(&e, &r->settings, &r->protocol, &options));
    progress_view_clear(view);
    status code = writer ? file_commit(writer) : STATUS_OK;
    if (code == STATUS_OK) code = print(r, &e);
    if (code == STATUS_OK) print_speed(r, &e);
    study_evaluation_free(&e);
    return code;
}

int command_eval(int argc, char **argv) {
    request r = {0};
    const cli_option options[] = {
        {"--folder", "EVAL", "folder of the evaluation (runs/eval-TIME)", &r.folder, NULL},
        {"--resume", NULL, "continue the evaluation in --folder", NULL, &r.resume},
        {"--samples", "N", "samples of a problem for Pass@k (64)", &r.samples, NULL},
        {"--diversity", NULL, "measure the diversity of samples too (needs the encoder of algorithm.dsdr.encoder)", NULL,
         &r.diversity},
        {"--interval", "KIND", "intervals over problems, or over their responses: sampling (problems)", &r.interval, NULL},
        {"--output", "FILE.jsonl", "write one row a response", &r.output, NULL},
        {"--csv", "FILE.csv", "write one row an estimate", &r.csv, NULL},
        {"--json", NULL, "print the estimates as JSON instead of a table", NULL, &r.json},
        {"--config", "CONFIG.yaml", "take settings from a file, data.val_files included", &r.config, NULL},
    };
    const cli_usage usage = {.command = "eval",
                             .arguments = "MODEL DATA... [key=value ...]",
                             .help = "Measures the accuracy of a model on problems with checkable answers.",
                             .detail = detail,
                             .options = options,
                             .option_count = sizeof options / sizeof *options};
    cli_arguments given;
    char *made = NULL;
    file_writer writer = {.descriptor = -1};
    bool writing = false;
    progress_view view;
    progress_view_open(&view, stderr);
    status code = cli_parse_arguments(&given, &usage, argc, argv);
    if (code != STATUS_OK || given.help) goto cleanup;
    r.assignments = given.assignments, r.assignment_count = given.assignment_count;
    if (given.rest_count > 0) r.model = given.rest[0], r.data = given.rest + 1, r.data_count = given.rest_count - 1;
    TRY_OR(code, prepare(&r), cleanup);
    if (!r.folder && !(r.folder = made = run_folder_default(NULL, "eval", time(NULL))))
        TRY_OR(code, status_set(STATUS_NO_MEMORY, "out of memory"), cleanup);
    if (r.output) {
        TRY_OR(code, file_create(&writer, r.output), cleanup);
        writing = true;
    }
    code = evaluate(&r, writing ? &writer : NULL, &view);
cleanup:
    progress_view_clear(&view);
    if (writing) file_discard(&writer);
    settings_free(&r.settings);
    cli_arguments_free(&given), free(made);
    return cli_finish("eval", code);
}
