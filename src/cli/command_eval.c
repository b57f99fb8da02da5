// dsdr eval: accuracy of a model on files of problems, with intervals; see run/evaluate.h for the estimates.
#include <ctype.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/jsonl.h"
#include "base/progress.h"
#include "cli/cli.h"
#include "cli/signals.h"
#include "run/evaluate.h"
#include "run/open_model.h"
#include "run/options.h"
#include "run/task_defaults.h"
#include "tasks/countdown.h"

static const char detail[] =
    "MODEL is a Hugging Face folder or a GGUF file. DATA are files of JSON lines, or built-in tasks such as\n"
    "builtin:word_arithmetic/test. Settings are the keys of `dsdr config`; of these matter here (with their defaults):\n"
    "  actor_rollout_ref.rollout.val_kwargs.n             samples of a problem (1)\n"
    "  actor_rollout_ref.rollout.val_kwargs.temperature   0 is greedy, which takes one sample whatever n (0)\n"
    "  actor_rollout_ref.rollout.val_kwargs.top_p, .top_k (1, -1: all); .do_sample is true here unless --config is given\n"
    "  actor_rollout_ref.rollout.stop                     texts that end a response (none)\n"
    "  data.prompt_template, data.instruction             chat, or a raw text with {problem}\n"
    "  data.max_prompt_length, data.max_response_length   tokens (512, 512)\n"
    "  data.prompt_key, data.answer_key                   keys of a row (problem or prompt; answer)\n"
    "  reward_model.profile                               where the answer is looked for: strict, gsm8k, lenient (strict)\n"
    "  trainer.seed, trainer.threads, trainer.precision   (1, one a core, auto)\n"
    "A key may be given by its last part, val_kwargs first: n=16 temperature=0.7 max_response_length=1024.\n"
    "A built-in task brings its own prompt, stop text, profile and response length where none are given.\n"
    "Avg@n is the share of correct samples (Pass@1 for n = 1), Pass@k the unbiased estimator, Maj@k the majority's answer;\n"
    "intervals are 95%, over problems. overall is the mean of the sources, pooled takes all problems as one.\n"
    "--output rows: "
    "{\"source\",\"id\",\"sample\",\"response\",\"answer\",\"gold\",\"correct\",\"status\",\"length\",\"finish\"}.\n";

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
        for (size_t i = 0; i < SETTING_COUNT; i++) {
            size_t d = text_distance(word, last_part(settings_table[i].key));
            if (d < distance) distance = d, best = last_part(settings_table[i].key);
        }
        if (best) return status_set(STATUS_INVALID, "%s is not a setting; did you mean %s?", word, best);
    }
    TRY(buffer_append_text(out, entry ? entry->key : ""));
    return buffer_append_text(out, entry ? given + length : given);
}

// Settings from --config and the command line. Without a configuration a temperature is meant, so do_sample is true.
static status load_settings(settings *s, const char *config, const char *const *given, size_t count) {
    buffer *texts = calloc(count + 1, sizeof *texts);
    const char **assignments = calloc(count + 1, sizeof *assignments);
    status code = texts && assignments ? STATUS_OK : status_set(STATUS_NO_MEMORY, "out of memory");
    for (size_t i = 0; i <= count && code == STATUS_OK; i++) {
        code = write_assignment(&texts[i], i > 0 ? given[i - 1] : "do_sample=true");
        assignments[i] = buffer_text(&texts[i]);
    }
    size_t first = config ? 1 : 0;
    if (code == STATUS_OK) code = settings_load(s, config, assignments + first, count + 1 - first);
    for (size_t i = 0; texts && i <= count; i++) buffer_free(&texts[i]);
    free(texts), free(assignments);
    return code;
}

// ---- one row a response --------------------------------------------------------------------------------------------------

static json_t *json_text(const char *text, size_t length) {
    buffer valid = {0};
    json_t *value = NULL;
    if (text_make_valid(&valid, text, length) == STATUS_OK) value = json_stringn(buffer_text(&valid), valid.length);
    buffer_free(&valid);
    return value ? value : json_null();
}

static status write_response(void *context, const evaluation_response *one) {
    const verdict *v = one->verdict;
    const problem *asked = one->problem;
    json_t *row = json_object();
    json_object_set_new(row, "source", json_text(asked->source, strlen(asked->source)));
    json_object_set_new(row, "id", json_text(asked->id, strlen(asked->id)));
    json_object_set_new(row, "sample", json_integer((json_int_t)one->sample));
    json_object_set_new(row, "response", json_text(one->rollout->text, one->rollout->text_length));
    json_object_set_new(row, "answer", v->extracted ? json_text(v->extracted, strlen(v->extracted)) : json_null());
    json_object_set_new(row, "gold", json_text(asked->answer, strlen(asked->answer)));
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

// ---- what is printed -----------------------------------------------------------------------------------------------------

static void print_estimate(const char *name, const evaluation_estimate *x) {
    char label[32];
    snprintf(label, sizeof label, "%s@%zu", name, x->k);
    if (isnan(x->value))
        printf("  %-10s    -       not computed for so many samples\n", label);
    else
        printf("  %-10s %6.2f%%   %.2f%% to %.2f%%\n", label, 100 * x->value, 100 * x->interval.low, 100 * x->interval.high);
}

static void print_summary(const evaluation *e, const evaluation_summary *s, long long limit) {
    printf("\n%s, %zu problem%s\n", s->source, s->problems, s->problems == 1 ? "" : "s");
    print_estimate(e->n == 1 ? "Pass" : "Avg", &s->accuracy);
    for (size_t i = 0; i < e->k_count; i++)
        if (s->pass[i].k > 1) print_estimate("Pass", &s->pass[i]);
    for (size_t i = 0; i < e->k_count; i++)
        if (s->pass[i].k > 1) print_estimate("Maj", &s->majority[i]);
    printf("  verdicts  ");
    const char *comma = "";
    for (size_t v = 0; v < VERDICT_STATUS_COUNT; v++)
        if (s->verdicts[v]) {
            printf("%s %s %zu", comma, verdict_name((verdict_status)v), s->verdicts[v]);
            comma = ",";
        }
    printf(" of %zu\n", s->samples);
    printf("  length     %.1f tokens, %.1f%% cut at %lld\n", s->mean_length, 100 * s->cut_share, limit);
    if (s->has_diversity)
        printf("  diversity  semantic similarity %.4f, formula similarity %.4f, distinct equations %.1f%%\n",
               s->semantic_similarity, s->formula_similarity, 100 * s->distinct_share);
}

static void print_table(const evaluation *e, const settings *s, const char *model) {
    printf("%s: %zu problems, %zu sample%s each", model, e->problems, e->n, e->n == 1 ? "" : "s");
    if (s->val.do_sample && s->val.temperature > 0)
        printf(" at temperature %g", s->val.temperature);
    else
        printf(", greedy");
    if (s->val.top_p < 1) printf(", top-p %g", s->val.top_p);
    if (s->val.top_k > 0) printf(", top-k %lld", s->val.top_k);
    if (e->left_out) printf("; %zu left out for their length", e->left_out);
    printf("\n");
    for (size_t i = 0; i < e->source_count; i++) print_summary(e, &e->sources[i], s->data.max_response_length);
    if (e->source_count == 1) return;
    print_summary(e, &e->overall, s->data.max_response_length);
    print_summary(e, &e->pooled, s->data.max_response_length);
}

static json_t *json_estimate(const evaluation_estimate *x) {
    return json_pack("{s:o, s:o, s:o}", "value", json_number(x->value), "low", json_number(x->interval.low), "high",
                     json_number(x->interval.high));
}

static json_t *json_summary(const evaluation *e, const evaluation_summary *s) {
    json_t *row = json_object(), *pass = json_object(), *majority = json_object(), *verdicts = json_object();
    char k[32];
    json_object_set_new(row, "source", json_text(s->source, strlen(s->source)));
    json_object_set_new(row, "problems", json_integer((json_int_t)s->problems));
    json_object_set_new(row, "samples", json_integer((json_int_t)s->samples));
    json_object_set_new(row, "accuracy", json_estimate(&s->accuracy));
    for (size_t i = 0; i < e->k_count; i++) {
        snprintf(k, sizeof k, "%zu", s->pass[i].k);
        json_object_set_new(pass, k, json_estimate(&s->pass[i]));
        json_object_set_new(majority, k, json_estimate(&s->majority[i]));
    }
    json_object_set_new(row, "pass", pass);
    json_object_set_new(row, "maj", majority);
    for (size_t v = 0; v < VERDICT_STATUS_COUNT; v++)
        json_object_set_new(verdicts, verdict_name((verdict_status)v), json_integer((json_int_t)s->verdicts[v]));
    json_object_set_new(row, "verdicts", verdicts);
    json_object_set_new(row, "mean_length", json_number(s->mean_length));
    json_object_set_new(row, "cut_share", json_number(s->cut_share));
    if (s->has_diversity) {
        json_object_set_new(row, "semantic_similarity", json_number(s->semantic_similarity));
        json_object_set_new(row, "formula_similarity", json_number(s->formula_similarity));
        json_object_set_new(row, "distinct_equation_share", json_number(s->distinct_share));
    }
    return row;
}

static status print_json(const evaluation *e, const settings *s, const char *model) {
    bool sampled = s->val.do_sample && s->val.temperature > 0;
    json_t *root = json_object(), *sources = json_array();
    json_object_set_new(root, "model", json_text(model, strlen(model)));
    json_object_set_new(root, "n", json_integer((json_int_t)e->n));
    json_object_set_new(root, "temperature", json_number(sampled ? s->val.temperature : 0));
    json_object_set_new(root, "problems", json_integer((json_int_t)e->problems));
    json_object_set_new(root, "left_out", json_integer((json_int_t)e->left_out));
    for (size_t i = 0; i < e->source_count; i++) json_array_append_new(sources, json_summary(e, &e->sources[i]));
    json_object_set_new(root, "sources", sources);
    json_object_set_new(root, "overall", json_summary(e, &e->overall));
    json_object_set_new(root, "pooled", json_summary(e, &e->pooled));
    buffer text = {0};
    status code = json_write(&text, root, 17);
    if (code == STATUS_OK) printf("%s\n", text.data);
    buffer_free(&text);
    json_decref(root);
    return code;
}

// ---- the command ---------------------------------------------------------------------------------------------------------

static void tell_golds(const problem_set *problems) {
    size_t bad = 0;
    for (size_t i = 0; i < problems->count; i++) {
        const problem *p = &problems->problems[i];
        if (countdown_applies(p) || verify_gold(p->answer, strlen(p->answer)) == STATUS_OK) continue;
        if (bad++ < 3)
            fprintf(stderr, "note: the answer of problem %s can only be compared as text: %.80s (%s)\n", p->id, p->answer,
                    status_message());
    }
    if (bad > 3) fprintf(stderr, "note: and %zu more such answers\n", bad - 3);
}

typedef struct request {
    const char *config, *output, *model;
    const char *const *data;
    size_t data_count;
    bool json, diversity;
} request;

// Opens everything, evaluates and prints. `writer` is open where rows are wanted.
static status evaluate(const request *r, settings *s, file_writer *writer, progress_view *view) {
    problem_set problems = {0};
    matmul *products = NULL;
    language_model lm = {0};
    scorer judge = {0};
    evaluation e = {0};
    char self[4096];
    problem_options keys = options_problems(s);
    status code = problem_set_open(&problems, r->data, r->data_count, &keys);
    if (code != STATUS_OK) goto cleanup;
    TRY_OR(code, run_open_model(&products, &lm, s, r->model, false), cleanup);
    cli_print_products(products);
    tell_golds(&problems);
    TRY_OR(code, scorer_open(&judge, s, matmul_threads(products), r->diversity, cli_own_path(self, sizeof self)), cleanup);
    cli_print_products(judge.products);
    signals_catch("\ninterrupted: leaving after this token; once more leaves at once\n");
    evaluation_options options = {.settings = s,
                                  .lm = &lm,
                                  .scorer = &judge,
                                  .problems = &problems,
                                  .stop = &signals_stop,
                                  .progress = {progress_view_report, view},
                                  .response = writer ? write_response : NULL,
                                  .response_context = writer};
    code = evaluation_run(&e, &options);
    if (code == STATUS_INTERRUPTED) // nothing was saved, which exit code 3 would say
        code = status_set(STATUS_FAILED, "interrupted; nothing was written");
    if (code != STATUS_OK) goto cleanup;
    if (writer) TRY_OR(code, file_commit(writer), cleanup);
    progress_view_clear(view);
    if (r->json)
        code = print_json(&e, s, r->model);
    else
        print_table(&e, s, r->model);
    if (s->val.n > 1 && e.n == 1)
        fprintf(stderr, "note: greedy, so one sample a problem was taken; n = %lld has a meaning with a temperature above 0\n",
                s->val.n);
    fprintf(stderr, "%zu responses, %zu tokens in %.1f s (%.0f tok/s), %s, %s\n", e.pooled.samples, e.response_tokens, e.seconds,
            (double)e.response_tokens / fmax(e.generation_seconds, 1e-9), precision_name(matmul_precision(products)),
            matmul_description(products));
cleanup:
    evaluation_free(&e);
    scorer_close(&judge);
    if (products) language_model_close(&lm);
    matmul_free(products);
    problem_set_free(&problems);
    return code;
}

int command_eval(int argc, char **argv) {
    request r = {0};
    bool help;
    const cli_option options[] = {
        {"--output", "FILE.jsonl", "write one row a response", &r.output, NULL},
        {"--json", NULL, "print the summary as JSON", NULL, &r.json},
        {"--diversity", NULL, "measure the diversity of samples too (needs the encoder of algorithm.dsdr.encoder)", NULL,
         &r.diversity},
        {"--config", "CONFIG.yaml", "take settings from a file, data.val_files included", &r.config, NULL},
    };
    const cli_usage usage = {.command = "eval",
                             .arguments = "MODEL DATA... [key=value ...]",
                             .help = "Measures the accuracy of a model on problems with checkable answers.",
                             .detail = detail,
                             .options = options,
                             .option_count = sizeof options / sizeof *options};
    const char **rest = calloc((size_t)argc * 2, sizeof *rest);
    if (!rest) return cli_finish("eval", status_set(STATUS_NO_MEMORY, "out of memory"));
    const char **assignments = rest + argc;
    size_t rest_count, assignment_count;
    settings s = {0};
    file_writer writer = {.descriptor = -1};
    bool writing = false;
    progress_view view;
    progress_view_open(&view, stderr);
    status code = cli_parse(&usage, argc, argv, rest, &rest_count, &help);
    if (code != STATUS_OK || help) goto cleanup;
    rest_count = cli_take_assignments(rest, rest_count, assignments, &assignment_count);
    if (rest_count == 0)
        TRY_OR(code, status_set(STATUS_INVALID, "no model: dsdr eval MODEL DATA..., see dsdr eval --help"), cleanup);
    TRY_OR(code, load_settings(&s, r.config, assignments, assignment_count), cleanup);
    r.model = rest[0], r.data = rest + 1, r.data_count = rest_count - 1;
    if (r.data_count == 0) r.data = (const char *const *)s.data.val_files.items, r.data_count = s.data.val_files.count;
    if (r.data_count == 0)
        TRY_OR(code, status_set(STATUS_INVALID, "no problems: give files of JSON lines or builtin:TASK/test behind the model"),
               cleanup);
    TRY_OR(code, settings_adopt_task(&s, r.data, r.data_count, "data.val_files"), cleanup);
    cli_print_notes(&s);
    if (r.output) {
        TRY_OR(code, file_create(&writer, r.output), cleanup);
        writing = true;
    }
    code = evaluate(&r, &s, writing ? &writer : NULL, &view);
cleanup:
    progress_view_clear(&view);
    if (writing) file_discard(&writer);
    settings_free(&s);
    free(rest);
    return cli_finish("eval", code);
}
