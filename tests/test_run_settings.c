// Settings: what loads, what is refused and how it says so, and that what is printed loads back.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "run/options.h"
#include "run/settings.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void load(settings *s, const char *yaml, size_t count, const char *const *assignments) {
    status code = settings_load_text(s, yaml, yaml ? strlen(yaml) : 0, "test.yaml", assignments, count);
    if (code != STATUS_OK) print_error("%s\n", status_message());
    assert_int_equal(code, STATUS_OK);
}

static void defaults_come_from_the_table_and_the_preset_of_dsdr(void **state) {
    (void)state;
    settings s;
    load(&s, NULL, 0, NULL);
    assert_int_equal(s.algorithm.method, SETTING_METHOD_DSDR);
    assert_true(s.dsdr.lambda_d == 0.001 && s.dsdr.lambda_l == 0.001 && s.dsdr.tau == 5 && s.dsdr.sigma_d == 1);
    assert_true(s.actor.clip_ratio_low == 0.2 && s.actor.clip_ratio_high == 0.28);
    assert_int_equal(s.actor.loss_agg_mode, SETTING_LOSS_AGG_SEQ_MEAN_TOKEN_MEAN);
    assert_true(s.actor.clip_ratio_c == 0 && !s.filter.enable && !s.actor.use_kl_loss);
    assert_true(s.optim.betas.value[0] == 0.9 && s.optim.betas.value[1] == 0.999);
    assert_int_equal(s.trainer.save_freq, 20);
    assert_int_equal(s.trainer.max_actor_ckpt_to_keep, 2);
    assert_int_equal(s.actor.ppo_mini_batch_size, s.data.train_batch_size);
    assert_int_equal(s.data.seed, s.trainer.seed);
    assert_int_equal(s.trainer.logger.count, 1);
    assert_string_equal(s.trainer.logger.items[0], "console");
    assert_string_equal(s.data.prompt_template, "chat");
    assert_int_equal(s.source[settings_find("algorithm.dsdr.lambda_d")].origin, SETTING_FROM_METHOD);
    assert_int_equal(s.source[settings_find("actor_rollout_ref.actor.optim.lr")].origin, SETTING_FROM_DEFAULT);
    settings_free(&s);
}

static void each_method_presets_its_column(void **state) {
    (void)state;
    settings s;
    load(&s, NULL, 1, (const char *const[]){"algorithm.method=grpo"});
    assert_true(s.dsdr.lambda_d == 0 && s.dsdr.lambda_l == 0 && s.actor.clip_ratio_high == 0.2 && !s.filter.enable);
    settings_free(&s);
    load(&s, NULL, 1, (const char *const[]){"algorithm.method=dapo"});
    assert_true(s.actor.clip_ratio_high == 0.28 && s.filter.enable && s.filter.max_num_gen_batches == 10 && s.overlong.enable);
    assert_int_equal(s.actor.loss_agg_mode, SETTING_LOSS_AGG_TOKEN_MEAN);
    assert_int_equal(s.overlong.len, 103); // a fifth of 512, rounded up
    settings_free(&s);
}

static void the_order_is_default_preset_file_command_line(void **state) {
    (void)state;
    settings s;
    load(&s, "algorithm: {method: dapo, dsdr: {tau: 2, lambda_d: 0.5}}\nactor_rollout_ref:\n  actor:\n    clip_ratio_high: 0.3\n",
         2, (const char *const[]){"algorithm.dsdr.tau=7", "++actor_rollout_ref.actor.optim.lr=2e-6"});
    assert_true(s.dsdr.tau == 7 && s.dsdr.lambda_d == 0.5 && s.actor.clip_ratio_high == 0.3 && s.actor.clip_ratio_low == 0.2);
    assert_true(s.optim.lr == 2e-6 && s.filter.enable);
    size_t high = settings_find("actor_rollout_ref.actor.clip_ratio_high");
    assert_int_equal(s.source[high].origin, SETTING_FROM_FILE);
    assert_int_equal(s.source[high].line, 4);
    assert_int_equal(s.source[settings_find("algorithm.dsdr.tau")].origin, SETTING_FROM_COMMAND_LINE);
    assert_int_equal(s.source[settings_find("algorithm.filter_groups.enable")].origin, SETTING_FROM_METHOD);
    settings_free(&s);
}

static void one_clip_ratio_sets_the_sides_that_are_not_given(void **state) {
    (void)state;
    settings s;
    load(&s, "actor_rollout_ref: {actor: {clip_ratio: 0.1, clip_ratio_high: 0.4}}", 0, NULL);
    assert_true(s.actor.clip_ratio_low == 0.1 && s.actor.clip_ratio_high == 0.4);
    settings_free(&s);
}

static void null_means_as_if_not_given_but_keeps_all_checkpoints(void **state) {
    (void)state;
    settings s;
    load(&s,
         "trainer: {max_actor_ckpt_to_keep: null, total_training_steps: null}\ndata: {seed: }\nactor_rollout_ref: {actor: "
         "{clip_ratio_high: ~}}",
         1, (const char *const[]){"actor_rollout_ref.rollout.n=null"});
    assert_int_equal(s.trainer.max_actor_ckpt_to_keep, 0);
    assert_int_equal(s.trainer.total_training_steps, 0);
    assert_int_equal(s.data.seed, 1);
    assert_true(s.actor.clip_ratio_high == 0.28);
    assert_int_equal(s.rollout.n, 8);
    settings_free(&s);
}

static void hydra_forms_of_the_command_line_are_understood(void **state) {
    (void)state;
    settings s;
    load(&s, "trainer: {save_freq: 7}\nactor_rollout_ref: {rollout: {stop: [x]}}", 8,
         (const char *const[]){"data.train_files=['a b.jsonl', \"c,d.jsonl\",e.jsonl]",
                               "+actor_rollout_ref.rollout.stop=[\"\\n\",'\\n']", "~trainer.save_freq",
                               "actor_rollout_ref.actor.use_kl_loss=True", "data.instruction=\"two\\nlines\"",
                               "data.prompt_template=Q: {problem}=? A:", "actor_rollout_ref.actor.optim.betas=[0.8,0.9]",
                               "trainer.logger=[\"console\",\"wandb\"]"});
    assert_int_equal(s.data.train_files.count, 3);
    assert_string_equal(s.data.train_files.items[0], "a b.jsonl");
    assert_string_equal(s.data.train_files.items[1], "c,d.jsonl");
    assert_string_equal(s.data.train_files.items[2], "e.jsonl");
    assert_int_equal(s.rollout.stop.count, 2);
    assert_string_equal(s.rollout.stop.items[0], "\n");
    assert_string_equal(s.rollout.stop.items[1], "\\n");
    assert_int_equal(s.trainer.save_freq, 20);
    assert_true(s.actor.use_kl_loss && s.optim.betas.value[0] == 0.8);
    assert_string_equal(s.data.instruction, "two\nlines");
    assert_string_equal(s.data.prompt_template, "Q: {problem}=? A:");
    settings_free(&s);
}

// Every refusal: YAML, one assignment or NULL, status, and what the message has to hold.
static const struct {
    const char *yaml, *assignment;
    status code;
    const char *message;
} refusals[] = {
    {"a: 1\nalgorithm:\n  metod: grpo\n", NULL, STATUS_INVALID, "test.yaml:1: a is not a setting"},
    {"algorithm:\n  metod: grpo\n", NULL, STATUS_INVALID,
     "test.yaml:2: algorithm.metod is not a setting; did you mean algorithm.method?"},
    {NULL, "actor_rollout_ref.rollout.temprature=1", STATUS_INVALID, "did you mean actor_rollout_ref.rollout.temperature?"},
    {NULL, "lr=1", STATUS_INVALID, "command line: lr is not a setting; did you mean actor_rollout_ref.actor.optim.lr?"},
    {NULL, "trainer.nnode=1", STATUS_INVALID, "did you mean trainer.nnodes?"},
    {NULL, "~trainer.savefreq", STATUS_INVALID, "did you mean trainer.save_freq?"},
    {NULL, "qwertyuiop=1", STATUS_INVALID, "dsdr config"},
    {NULL, "novalue", STATUS_INVALID, "key=value"},
    {NULL, "=3", STATUS_INVALID, "key=value"},
    {NULL, "trainer.seed=\xff", STATUS_INVALID, "UTF-8"},
    {"data: {shuffle: maybe}", NULL, STATUS_INVALID, "test.yaml:1: data.shuffle is maybe; it has to be true or false"},
    {"data: {train_batch_size: 2.5}", NULL, STATUS_INVALID, "it has to be a whole number"},
    {"data: {train_batch_size: 0}", NULL, STATUS_INVALID, "it has to be in [1, 1000000]"},
    {"data: {train_batch_size: [4]}", NULL, STATUS_INVALID, "data.train_batch_size is [4]; it has to be a whole number"},
    {"data: {train_batch_size: {}}", NULL, STATUS_INVALID, "it has to be a whole number"},
    {NULL, "actor_rollout_ref.actor.optim.lr=nan", STATUS_INVALID, "it has to be a number"},
    {NULL, "actor_rollout_ref.actor.optim.lr=inf", STATUS_INVALID, "it has to be a number"},
    {NULL, "actor_rollout_ref.actor.optim.lr=1e999", STATUS_INVALID, "it has to be a number"},
    {NULL, "actor_rollout_ref.actor.optim.lr=0x10", STATUS_INVALID, "it has to be a number"},
    {NULL, "actor_rollout_ref.actor.optim.lr=-1", STATUS_INVALID, "it has to be in [0, 1]"},
    {NULL, "actor_rollout_ref.actor.optim.betas=[0.9]", STATUS_INVALID, "two numbers"},
    {NULL, "actor_rollout_ref.actor.optim.betas=[0.9,1]", STATUS_INVALID, "[0, 1)"},
    {NULL, "actor_rollout_ref.rollout.temperature=0", STATUS_INVALID, "(0, 100]"},
    {NULL, "actor_rollout_ref.actor.clip_ratio=1.5", STATUS_INVALID, "clip_ratio_low"},
    {NULL, "data.train_files=[[a]]", STATUS_INVALID, "a list of texts"},
    {NULL, "data.train_files=[a", STATUS_INVALID, "closing ]"},
    {NULL, "data.train_files=[a]b", STATUS_INVALID, "after the closing ]"},
    {NULL, "data.train_files='a", STATUS_INVALID, "closing '"},
    {NULL, "algorithm.method=gspo", STATUS_INVALID, "it has to be one of: grpo, dapo, dsdr"},
    {NULL, "algorithm.adv_estimator=gae", STATUS_INVALID, "algorithm.adv_estimator is gae; this program has only: grpo"},
    {NULL, "algorithm.filter_groups.metric=score", STATUS_INVALID, "acc, signal"},
    {NULL, "actor_rollout_ref.actor.policy_loss.loss_mode=gspo", STATUS_UNSUPPORTED,
     "actor_rollout_ref.actor.policy_loss.loss_mode is gspo; not implemented here: this policy loss; the key can only be "
     "vanilla"},
    {"algorithm:\n  use_kl_in_reward: True\n", NULL, STATUS_UNSUPPORTED,
     "test.yaml:2: algorithm.use_kl_in_reward is True; not implemented here: KL in the reward"},
    {NULL, "actor_rollout_ref.model.lora_rank=8", STATUS_UNSUPPORTED, "low-rank adapters"},
    {NULL, "custom_reward_function.path=x.py", STATUS_UNSUPPORTED, "rewards in Python"},
    {NULL, "actor_rollout_ref.rollout.multi_turn.enable=True", STATUS_UNSUPPORTED, "several turns"},
    {NULL, "critic.enable=True", STATUS_UNSUPPORTED, "a critic"},
    {NULL, "trainer.critic_warmup=3", STATUS_UNSUPPORTED, "trainer.critic_warmup"},
    {"defaults: [ppo_trainer, my_file]", NULL, STATUS_UNSUPPORTED, "composing configuration files"},
    {"actor_rollout_ref: {model: {override_config: {rope_theta: 1}}}", NULL, STATUS_UNSUPPORTED, "the model's configuration"},
    {"actor_rollout_ref: {rollout: {response_length: 5}}", NULL, STATUS_INVALID, "data.max_response_length is 512"},
    {"trainer: {default_local_dir: 'x/${trainer.project_name}'}", NULL, STATUS_INVALID,
     "test.yaml:1: trainer.default_local_dir is x/${trainer.project_name}; there is no value for trainer.project_name"},
    {"data: {train_files: ['${oc.env:HOME}/a']}", NULL, STATUS_UNSUPPORTED, "${oc.select:KEY,DEFAULT}, not oc.env:HOME"},
    {"data: {seed: '${data.val_batch_size}', val_batch_size: '${.seed}'}", NULL, STATUS_INVALID, "round in a circle"},
    {"data: {seed: '${trainer}'}\ntrainer: {seed: 1}", NULL, STATUS_UNSUPPORTED, "not the section trainer"},
    {"data: {seed: '${trainer.seed'}\ntrainer: {seed: 1}", NULL, STATUS_INVALID, "a closing brace is missing"},
    {"data: {seed: '1${data.val_files}', val_files: [a]}", NULL, STATUS_INVALID, "no list fits into a text at ${data.val_files}"},
    {"data: {seed: '${trainer.seed}'}\ntrainer: {seed: x}", NULL, STATUS_INVALID, "data.seed is x; it has to be a whole number"},
    {"data: {tool_config_path: '${oc.select:data.use_shm,null}', use_shm: a.yaml}", NULL, STATUS_UNSUPPORTED,
     "data.tool_config_path is a.yaml; not implemented here: tools"},
    {"data: 5", NULL, STATUS_INVALID, "test.yaml:1: data is a section"},
    {NULL, "algorithm.dsdr={tau: 1}", STATUS_INVALID, "algorithm.dsdr is a section"},
    {"data:\n  seed: 1\n  seed: 2\n", NULL, STATUS_INVALID, "test.yaml:3: data.seed is given twice, first on line 2"},
    {"data: {seed: 1}\ntrainer: {}\ndata: {shuffle: 1}\n", NULL, STATUS_INVALID,
     "test.yaml:3: data is given twice, first on line 1"},
    {"data: {seed: 1}\ndata.seed: 2\n", NULL, STATUS_INVALID, "data.seed is given twice"},
    {"data: &d {seed: 1}\n", NULL, STATUS_UNSUPPORTED, "test.yaml:1: YAML anchors"},
    {"data: {seed: 1}\ntrainer: *d\n", NULL, STATUS_UNSUPPORTED, "test.yaml:2: YAML anchors and aliases (d)"},
    {"data: &a\n  seed: 1\ntrainer:\n  <<: *a\n", NULL, STATUS_UNSUPPORTED, "anchors"},
    {"data: {<<: {seed: 1}}\n", NULL, STATUS_UNSUPPORTED, "merge keys"},
    {"data: {seed: !!int 1}\n", NULL, STATUS_UNSUPPORTED, "test.yaml:1: the YAML tag"},
    {"a: 1\n---\nb: 1\n", NULL, STATUS_UNSUPPORTED, "test.yaml:2: a second YAML document"},
    {"- a\n- b\n", NULL, STATUS_INVALID, "\"key: value\""},
    {"just words\n", NULL, STATUS_INVALID, "\"key: value\""},
    {"data: {seed: [1\n", NULL, STATUS_INVALID, "this is not YAML"},
    {"data: \"\xff\"\n", NULL, STATUS_INVALID, "not YAML text"},
    {"data: {instruction: \"a\\0b\"}\n", NULL, STATUS_INVALID, "NUL"},
    {"? [a]\n: 1\n", NULL, STATUS_INVALID, "plain word"},
    {NULL, "actor_rollout_ref.actor.ppo_mini_batch_size=5", STATUS_INVALID, "multiple"},
    {NULL, "actor_rollout_ref.actor.ppo_mini_batch_size=32", STATUS_INVALID, "both count prompts"},
    {NULL, "data.gen_batch_size=32", STATUS_INVALID, "filter_groups.enable=true"},
    {NULL, "actor_rollout_ref.actor.clip_ratio_c=0.5", STATUS_INVALID, "above 1"},
    {"reward_model: {overlong_buffer: {enable: True, len: 600}}", NULL, STATUS_INVALID, "at most data.max_response_length"},
    {NULL, "data.prompt_template=Question:", STATUS_INVALID, "{problem}"},
    {NULL, "actor_rollout_ref.rollout.stop=['']", STATUS_INVALID, "empty text"},
    {NULL, "trainer.logger=[consol]", STATUS_INVALID, "did you mean console?"},
    {NULL, "trainer.logger=[tensorbord]", STATUS_INVALID, "did you mean tensorboard?"},
    {NULL, "trainer.resume_mode=resume_path", STATUS_INVALID, "disable, auto"},
};

static void what_is_wrong_is_refused_with_place_key_and_remedy(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(refusals); i++) {
        settings s;
        status code = settings_load_text(&s, refusals[i].yaml, refusals[i].yaml ? strlen(refusals[i].yaml) : 0, "test.yaml",
                                         &refusals[i].assignment, refusals[i].assignment ? 1 : 0);
        if (code != refusals[i].code || !strstr(status_message(), refusals[i].message))
            fail_msg("case %zu: status %d, message \"%s\", expected %d and \"%s\"", i, (int)code, code ? status_message() : "",
                     (int)refusals[i].code, refusals[i].message);
        settings_free(&s);
    }
}

static const char *find_note(const settings *s, const char *part) {
    for (size_t i = 0; i < s->notes.count; i++)
        if (strstr(s->notes.items[i], part)) return s->notes.items[i];
    return NULL;
}

static void a_grpo_configuration_of_verl_loads_unchanged(void **state) {
    (void)state;
    settings s;
    status code = settings_load(&s, TEST_SOURCE_DIR "/golden/run/verl_grpo.yaml", NULL, 0);
    if (code != STATUS_OK) fail_msg("%s", status_message());
    assert_int_equal(s.algorithm.method, SETTING_METHOD_GRPO);
    assert_int_equal(s.source[settings_find("algorithm.method")].origin, SETTING_FROM_OTHER_KEY);
    assert_true(s.dsdr.lambda_d == 0 && s.dsdr.lambda_l == 0);
    assert_int_equal(s.data.train_batch_size, 1024);
    assert_int_equal(s.actor.ppo_mini_batch_size, 256);
    assert_int_equal(s.rollout.n, 5);
    assert_true(s.actor.use_kl_loss && s.actor.kl_loss_coef == 0.001);
    assert_int_equal(s.actor.kl_loss_type, SETTING_KL_K3);
    assert_int_equal(s.trainer.max_actor_ckpt_to_keep, 0);
    assert_int_equal(s.trainer.total_epochs, 15);
    assert_non_null(find_note(&s, "settings of verl have no meaning here"));
    assert_non_null(find_note(&s, "wandb is not available here"));
    assert_int_equal(settings_check_training(&s), STATUS_OK);
    settings_free(&s);
}

static void interpolations_point_at_other_keys(void **state) {
    (void)state;
    settings s;
    load(&s,
         "data:\n"
         "  train_batch_size: 8\n"
         "  gen_batch_size: ${.train_batch_size}\n"
         "  val_files: ${oc.select:data.train_files,null}\n"
         "  train_files: ['${trainer.project_name}/a.jsonl', 'b.jsonl']\n"
         "  tool_config_path: ${oc.select:actor_rollout_ref.rollout.multi_turn.tool_config_path, null}\n"
         "  prompt_template: 'a ${problem} {problem}'\n"
         "  use_shm: ${nowhere}\n"
         "actor_rollout_ref:\n"
         "  actor:\n"
         "    ppo_mini_batch_size: ${data.gen_batch_size}\n"
         "    ppo_epochs: ${oc.select:..ref.ppo_epochs, 3}\n"
         "    loss_agg_mode: ${oc.select:nowhere,\"token-mean\"}\n"
         "trainer:\n"
         "  project_name: verl\n"
         "  experiment_name: ${trainer.project_name}_x\n"
         "  default_local_dir: "
         "checkpoints/${trainer.project_name}/${.experiment_name}/${oc.select:data.none,${trainer.project_name}}\n",
         1, (const char *const[]){"trainer.project_name=mine"});
    assert_int_equal(s.data.gen_batch_size, 8);
    assert_int_equal(s.actor.ppo_mini_batch_size, 8);
    assert_int_equal(s.actor.ppo_epochs, 3);
    assert_int_equal(s.actor.loss_agg_mode, SETTING_LOSS_AGG_TOKEN_MEAN);
    assert_int_equal(s.data.val_files.count, 2);
    assert_string_equal(s.data.val_files.items[0], "mine/a.jsonl");
    assert_string_equal(s.data.train_files.items[1], "b.jsonl");
    assert_string_equal(s.data.prompt_template, "a ${problem} {problem}"); // this program's own key: a text
    assert_string_equal(s.trainer.default_local_dir, "checkpoints/mine/mine_x/mine");
    settings_free(&s);
}

static void printed_yaml_loads_back_to_the_same_settings(void **state) {
    (void)state;
    settings first, second;
    load(&first, "algorithm: {method: dapo}\nactor_rollout_ref: {rollout: {stop: [\"\\n\", \"\\e\\\"\\\\\", 'é$']}}", 4,
         (const char *const[]){"actor_rollout_ref.actor.optim.lr=1.2345678901234567e-06", "data.train_files=[a: b, '#c']",
                               "data.prompt_template=\"Q ${problem}$\\n{problem}\"", "data.seed=0"});
    buffer one = {0}, two = {0};
    assert_int_equal(settings_write_yaml(&one, &first), STATUS_OK);
    status code = settings_load_text(&second, one.data, one.length, "printed", NULL, 0);
    if (code != STATUS_OK) fail_msg("%s\n%s", status_message(), one.data);
    assert_int_equal(settings_write_yaml(&two, &second), STATUS_OK);
    assert_string_equal(one.data, two.data);
    assert_true(second.optim.lr == 1.2345678901234567e-06);
    assert_string_equal(second.rollout.stop.items[1], "\033\"\\");
    assert_string_equal(second.data.prompt_template, "Q ${problem}$\n{problem}");
    assert_int_equal(second.data.seed, 0);
    assert_non_null(strstr(one.data, "lr: 1.2345678901234567e-06\n"));
    assert_non_null(strstr(one.data, "eps: 1.0e-08\n")); // a number to YAML 1.1 as well
    buffer_free(&one);
    buffer_free(&two);
    settings_free(&first);
    settings_free(&second);
}

static void resume_refuses_a_changed_key_that_alters_results(void **state) {
    (void)state;
    settings saved, now;
    load(&saved, NULL, 0, NULL);
    load(&now, NULL, 2, (const char *const[]){"trainer.save_freq=3", "trainer.threads=1"});
    assert_int_equal(settings_check_resume(&saved, &now, false), STATUS_OK);
    settings_free(&now);
    load(&now, NULL, 2, (const char *const[]){"algorithm.dsdr.tau=6", "data.seed=9"});
    assert_int_equal(settings_check_resume(&saved, &now, false), STATUS_INVALID);
    assert_non_null(strstr(status_message(), "algorithm.dsdr.tau was 5 and is 6"));
    assert_non_null(strstr(status_message(), "data.seed was 1 and is 9"));
    assert_non_null(strstr(status_message(), "--allow-change"));
    assert_int_equal(settings_check_resume(&saved, &now, true), STATUS_OK);
    assert_non_null(find_note(&now, "algorithm.dsdr.tau was 5 and is 6"));
    settings_free(&now);
    settings_free(&saved);
}

static void a_run_may_be_made_longer_where_the_schedule_does_not_look_at_its_length(void **state) {
    (void)state;
    static const char *const schedules[] = {"actor_rollout_ref.actor.optim.lr_warmup_steps=3",
                                            "actor_rollout_ref.actor.optim.lr_scheduler_type=cosine",
                                            "actor_rollout_ref.actor.optim.lr_warmup_steps_ratio=0.1"};
    for (size_t i = 0; i < 3; i++) {
        settings saved, now;
        load(&saved, NULL, 2, (const char *const[]){schedules[i], "trainer.total_training_steps=10"});
        load(&now, NULL, 2, (const char *const[]){schedules[i], "trainer.total_training_steps=20"});
        assert_int_equal(settings_check_resume(&saved, &now, false), i ? STATUS_INVALID : STATUS_OK);
        settings_free(&saved);
        settings_free(&now);
    }
}

static void training_needs_model_data_and_the_whole_distribution(void **state) {
    (void)state;
    static const struct {
        const char *assignment;
        status code;
        const char *message;
    } cases[] = {
        {"actor_rollout_ref.model.path=", STATUS_INVALID, "no model"},
        {"data.train_files=[]", STATUS_INVALID, "no training problems"},
        {"actor_rollout_ref.rollout.top_p=0.9", STATUS_UNSUPPORTED, "top_p is 0.9"},
        {"actor_rollout_ref.rollout.top_k=5", STATUS_UNSUPPORTED, "top_k is 5"},
        {"actor_rollout_ref.rollout.n=1", STATUS_INVALID, "at least 2"},
        {"actor_rollout_ref.rollout.top_k=0", STATUS_OK, ""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        settings s;
        load(&s, "actor_rollout_ref: {model: {path: m}}\ndata: {train_files: t.jsonl}", 1, &cases[i].assignment);
        assert_int_equal(settings_check_training(&s), cases[i].code);
        if (cases[i].code) assert_non_null(strstr(status_message(), cases[i].message));
        settings_free(&s);
    }
}

static void the_table_is_sound(void **state) {
    (void)state;
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const setting_entry *e = &settings_table[i];
        assert_int_equal(settings_find(e->key), i);
        assert_true(strlen(e->help) > 3 && e->help[strlen(e->help) - 1] == '.');
        // A section that has been left does not come back, so that nested YAML can be written in one pass.
        for (const char *dot = strchr(e->key, '.'); dot; dot = strchr(dot + 1, '.')) {
            size_t length = (size_t)(dot - e->key) + 1;
            bool left = false;
            for (size_t j = i; j-- > 0;) {
                bool inside = !strncmp(settings_table[j].key, e->key, length);
                assert_false(inside && left);
                left |= !inside;
            }
        }
    }
}

static void the_reference_page_is_current(void **state) {
    (void)state;
    buffer page = {0};
    assert_int_equal(settings_write_reference(&page), STATUS_OK);
    file_map map;
    assert_int_equal(file_map_open(&map, TEST_SOURCE_DIR "/../docs/settings.md"), STATUS_OK);
    if (map.size != page.length || memcmp(map.bytes, page.data, page.length))
        fail_msg("docs/settings.md is not what `dsdr config --reference` writes; run it again");
    file_map_close(&map);
    buffer_free(&page);
}

static void the_listing_names_origin_and_default_of_verl(void **state) {
    (void)state;
    settings s;
    load(&s, "data: {train_batch_size: 4}", 0, NULL);
    buffer listing = {0};
    assert_int_equal(settings_write_listing(&listing, &s), STATUS_OK);
    const char *line = strstr(listing.data, "data.train_batch_size: 4 ");
    assert_non_null(line);
    const char *end = strchr(line, '\n');
    const char *origin = strstr(line, "# file, line 1; verl's default: 1024");
    assert_true(origin && origin < end);
    assert_non_null(strstr(listing.data, "# method dsdr"));
    assert_non_null(strstr(listing.data, "# from data.train_batch_size"));
    buffer_free(&listing);
    settings_free(&s);
}

static void settings_become_the_options_of_the_rooms_below(void **state) {
    (void)state;
    settings s;
    load(&s,
         "actor_rollout_ref: {actor: {use_kl_loss: true, kl_loss_coef: 0.25, kl_loss_type: k1+, loss_agg_mode: "
         "seq-mean-token-sum-norm}}",
         5,
         (const char *const[]){"algorithm.dsdr.entropy=exact", "verify.decimals=2",
                               "actor_rollout_ref.actor.optim.lr_scheduler_type=cosine", "algorithm.adv_std=sample",
                               "data.answer_key=gold"});
    objective_options objective = options_objective(&s);
    assert_true(objective.kl == KL_K1_PLUS && objective.kl_coef == 0.25 && objective.clip_low == 0.2 &&
                objective.clip_high == 0.28);
    assert_true(objective.aggregation == LOSS_SEQ_MEAN_TOKEN_SUM_NORM && objective.loss_scale_factor == 512);
    assert_true(objective.local == LOCAL_EXACT && objective.lambda_l == 0.001 && objective.clip_c == 0);
    credit_options credits = options_credit(&s);
    assert_true(credits.lambda_d == 0.001 && credits.tau == 5 && credits.adv_eps == 1e-6 && credits.adv_std == CREDIT_STD_SAMPLE);
    optimizer_options adamw = options_optimizer(&s);
    assert_true(adamw.beta2 == 0.999 && adamw.eps == 1e-8 && adamw.clip_grad == 1);
    schedule_options schedule = options_schedule(&s, 40);
    assert_true(schedule.type == SCHEDULE_COSINE && schedule.total_training_steps == 40 && schedule.lr == 1e-6);
    verify_options verify = options_verify(&s);
    assert_true(verify.profile == PROFILE_STRICT && verify.decimals == 2 && verify.significant_digits == 6);
    problem_options problems = options_problems(&s);
    assert_null(problems.prompt_key);
    assert_string_equal(problems.answer_key, "gold");
    assert_true(options_need_diversity(&s) && options_formula_level(&s) == FORMULA_L2);
    settings_free(&s);
    load(&s, NULL, 1, (const char *const[]){"algorithm.method=grpo"});
    assert_false(options_need_diversity(&s));
    assert_true(options_objective(&s).kl_coef == 0); // use_kl_loss is off
    settings_free(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_come_from_the_table_and_the_preset_of_dsdr),
        cmocka_unit_test(each_method_presets_its_column),
        cmocka_unit_test(the_order_is_default_preset_file_command_line),
        cmocka_unit_test(one_clip_ratio_sets_the_sides_that_are_not_given),
        cmocka_unit_test(null_means_as_if_not_given_but_keeps_all_checkpoints),
        cmocka_unit_test(hydra_forms_of_the_command_line_are_understood),
        cmocka_unit_test(what_is_wrong_is_refused_with_place_key_and_remedy),
        cmocka_unit_test(a_grpo_configuration_of_verl_loads_unchanged),
        cmocka_unit_test(interpolations_point_at_other_keys),
        cmocka_unit_test(printed_yaml_loads_back_to_the_same_settings),
        cmocka_unit_test(resume_refuses_a_changed_key_that_alters_results),
        cmocka_unit_test(a_run_may_be_made_longer_where_the_schedule_does_not_look_at_its_length),
        cmocka_unit_test(training_needs_model_data_and_the_whole_distribution),
        cmocka_unit_test(the_table_is_sound),
        cmocka_unit_test(the_reference_page_is_current),
        cmocka_unit_test(settings_become_the_options_of_the_rooms_below),
        cmocka_unit_test(the_listing_names_origin_and_default_of_verl),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
