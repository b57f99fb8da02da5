// Keys of verl that this program knows without honouring them, so that a verl configuration loads unchanged but for paths.
//
// Names are those of verl's configuration files and example scripts (0.3 to 0.8). What only says how verl spreads the work over
// GPUs, engines and processes is accepted; what would change results is accepted only with the value that changes nothing.
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "run/settings_parts.h"

#define ACTOR "actor_rollout_ref.actor."
#define MODEL "actor_rollout_ref.model."
#define ROLLOUT "actor_rollout_ref.rollout."
#define NEUTRAL(key, values, reason)                                                                                             \
    { key, VERL_NEUTRAL, values, reason }
#define IGNORED(key)                                                                                                             \
    { key, VERL_IGNORED, NULL, NULL }
#define SAME(key, other)                                                                                                         \
    { key, VERL_SAME, other, NULL }

const verl_key verl_keys[] = {
    // Hydra
    NEUTRAL("defaults", "ppo_trainer|_self_", "composing configuration files"),
    IGNORED("hydra.*"),
    // data
    IGNORED("data.use_shm"),
    IGNORED("data.val_batch_size"),
    IGNORED("data.return_raw_input_ids"),
    IGNORED("data.return_raw_chat"),
    IGNORED("data.return_full_prompt"),
    IGNORED("data.return_multi_modal_inputs"),
    IGNORED("data.dataloader_num_workers"),
    IGNORED("data.filter_overlong_prompts_workers"),
    IGNORED("data.validation_shuffle"),
    IGNORED("data.trust_remote_code"),
    IGNORED("data.image_key"),
    IGNORED("data.video_key"),
    IGNORED("data.image_patch_size"),
    IGNORED("data.custom_cls.name"),
    IGNORED("data.sampler.class_name"),
    IGNORED("data.datagen.name"),
    NEUTRAL("data.tokenizer", "null", "a tokenizer other than the model's own"),
    NEUTRAL("data.reward_fn_key", "data_source", "reward functions chosen by a column"),
    NEUTRAL("data.train_max_samples", "-1|null", "a cut of the training file"),
    NEUTRAL("data.val_max_samples", "-1|null", "a cut of the validation file"),
    NEUTRAL("data.tool_config_path", "null", "tools"),
    NEUTRAL("data.custom_cls.path", "null", "data classes in Python"),
    NEUTRAL("data.sampler.class_path", "null", "samplers in Python"),
    NEUTRAL("data.datagen.path", "null", "data generators in Python"),
    NEUTRAL("data.apply_chat_template_kwargs.*", "{}|null", "arguments of the chat template"),
    // the supervised trainer's
    IGNORED("data.micro_batch_size"),
    IGNORED("data.micro_batch_size_per_gpu"),
    IGNORED("data.max_token_len_per_gpu"),
    IGNORED("data.use_dynamic_bsz"),
    IGNORED("data.balance_dp_token"),
    IGNORED("data.pad_mode"),
    IGNORED("data.tools_key"),
    IGNORED("data.messages_key"),
    IGNORED("data.enable_thinking_key"),
    IGNORED("data.ignore_input_ids_mismatch"),
    NEUTRAL("data.max_length", "null",
            "one limit for prompt and response together (data.max_prompt_length and data.max_response_length are)"),
    NEUTRAL("data.prompt_dict_keys", "null", "keys inside a value (data.prompt_key takes a path, as extra_info.question)"),
    NEUTRAL("data.response_dict_keys", "null", "keys inside a value (data.response_key takes a path, as extra_info.answer)"),
    NEUTRAL("data.chat_template", "null", "a chat template other than the model's own"),
    NEUTRAL("data.multiturn.enable", "false", "conversations of several turns"),
    IGNORED("data.multiturn.*"),
    NEUTRAL("model.lora_rank", "0", "low-rank adapters"),
    NEUTRAL("model.external_lib", "null", "models in Python"),
    IGNORED("model.*"),
    IGNORED("engine.*"),
    IGNORED("checkpoint.*"),
    IGNORED("ulysses_sequence_parallel_size"),
    IGNORED("use_remove_padding"),
    NEUTRAL("optim.optimizer", "AdamW", "another optimizer"),
    IGNORED("optim.optimizer_impl"),
    NEUTRAL("trainer.resume_path", "null", "resuming from another folder than trainer.default_local_dir (with --resume)"),
    // actor_rollout_ref
    IGNORED("actor_rollout_ref.hybrid_engine"),
    IGNORED("actor_rollout_ref.nccl_timeout"),
    IGNORED("actor_rollout_ref.profiler.*"),
    IGNORED("actor_rollout_ref.ref.*"),
    // model
    IGNORED(MODEL "use_shm"),
    IGNORED(MODEL "trust_remote_code"),
    IGNORED(MODEL "enable_activation_offload"),
    IGNORED(MODEL "use_remove_padding"),
    IGNORED(MODEL "use_liger"),
    IGNORED(MODEL "use_fused_kernels"),
    IGNORED(MODEL "fused_kernel_options.*"),
    IGNORED(MODEL "tiled_mlp.*"),
    IGNORED(MODEL "lora_alpha"),
    IGNORED(MODEL "target_modules"),
    IGNORED(MODEL "exclude_modules"),
    IGNORED(MODEL "override_config.attn_implementation"),
    NEUTRAL(MODEL "override_config.*", "{}|null", "changes to the model's configuration"),
    NEUTRAL(MODEL "hf_config_path", "null", "a configuration beside the model's own"),
    NEUTRAL(MODEL "tokenizer_path", "null", "a tokenizer other than the model's own"),
    NEUTRAL(MODEL "custom_chat_template", "null", "a chat template other than the model's own"),
    NEUTRAL(MODEL "external_lib", "null", "models in Python"),
    NEUTRAL(MODEL "lora_rank", "0", "low-rank adapters"),
    NEUTRAL(MODEL "lora.rank", "0", "low-rank adapters"),
    NEUTRAL(MODEL "lora_adapter_path", "null", "low-rank adapters"),
    IGNORED(MODEL "lora.*"),
    NEUTRAL(MODEL "mtp.enable", "false", "multi-token prediction"),
    IGNORED(MODEL "mtp.*"),
    // actor
    IGNORED(ACTOR "strategy"),
    IGNORED(ACTOR "rollout_n"),
    IGNORED(ACTOR "ppo_micro_batch_size_per_gpu"),
    IGNORED(ACTOR "use_dynamic_bsz"),
    IGNORED(ACTOR "ppo_max_token_len_per_gpu"),
    IGNORED(ACTOR "tis_imp_ratio_cap"), // its weights are 1 here
    IGNORED(ACTOR "tau_pos"),
    IGNORED(ACTOR "tau_neg"),
    IGNORED(ACTOR "freeze_vision_tower"),
    IGNORED(ACTOR "calculate_entropy"),
    IGNORED(ACTOR "calculate_sum_pi_squared"),
    IGNORED(ACTOR "sum_pi_squared_checkpointing"),
    IGNORED(ACTOR "use_prefix_grouper"),
    IGNORED(ACTOR "use_torch_compile"),
    IGNORED(ACTOR "use_fused_kernels"),
    IGNORED(ACTOR "use_remove_padding"),
    IGNORED(ACTOR "data_loader_seed"),
    IGNORED(ACTOR "entropy_from_logits_with_chunking"),
    IGNORED(ACTOR "entropy_checkpointing"),
    IGNORED(ACTOR "ulysses_sequence_parallel_size"),
    IGNORED(ACTOR "load_weight"),
    IGNORED(ACTOR "checkpoint.*"),
    IGNORED(ACTOR "profiler.*"),
    IGNORED(ACTOR "profile.*"),
    IGNORED(ACTOR "router_replay.*"),
    IGNORED(ACTOR "fsdp_config.*"),
    IGNORED(ACTOR "megatron.*"),
    IGNORED(ACTOR "veomni.*"),
    NEUTRAL(ACTOR "shuffle", "false", "shuffling rollouts over mini-batches"),
    NEUTRAL(ACTOR "policy_loss.loss_mode", "vanilla", "this policy loss"),
    IGNORED(ACTOR "policy_loss.*"),
    NEUTRAL(ACTOR "optim.optimizer", "AdamW|adam", "another optimizer"),
    NEUTRAL(ACTOR "optim.lr_decay_style", "constant",
            "this key for a schedule (actor_rollout_ref.actor.optim.lr_scheduler_type is)"),
    NEUTRAL(ACTOR "optim.lr_warmup_init", "0", "warm-up that starts above 0"),
    NEUTRAL(ACTOR "optim.total_training_steps", "-1|null", "a schedule of another length than the run"),
    IGNORED(ACTOR "optim.optimizer_impl"),
    IGNORED(ACTOR "optim.lr_decay_steps"),
    IGNORED(ACTOR "optim.override_optimizer_config.optimizer_cpu_offload"),
    IGNORED(ACTOR "optim.override_optimizer_config.optimizer_offload_fraction"),
    IGNORED(ACTOR "optim.override_optimizer_config.overlap_cpu_optimizer_d2h_h2d"),
    IGNORED(ACTOR "optim.override_optimizer_config.use_precision_aware_optimizer"),
    NEUTRAL(ACTOR "optim.override_optimizer_config.*", "{}|null", "other arguments of the optimizer"),
    // rollout
    IGNORED(ROLLOUT "name"),
    IGNORED(ROLLOUT "mode"),
    IGNORED(ROLLOUT "dtype"),
    SAME(ROLLOUT "prompt_length", "data.max_prompt_length"),
    SAME(ROLLOUT "response_length", "data.max_response_length"),
    IGNORED(ROLLOUT "gpu_memory_utilization"),
    IGNORED(ROLLOUT "enforce_eager"),
    IGNORED(ROLLOUT "cudagraph_capture_sizes"),
    IGNORED(ROLLOUT "free_cache_engine"),
    IGNORED(ROLLOUT "tensor_model_parallel_size"),
    IGNORED(ROLLOUT "data_parallel_size"),
    IGNORED(ROLLOUT "expert_parallel_size"),
    IGNORED(ROLLOUT "pipeline_model_parallel_size"),
    IGNORED(ROLLOUT "max_num_batched_tokens"),
    IGNORED(ROLLOUT "max_model_len"),
    IGNORED(ROLLOUT "max_num_seqs"),
    IGNORED(ROLLOUT "enable_chunked_prefill"),
    IGNORED(ROLLOUT "enable_prefix_caching"),
    IGNORED(ROLLOUT "logprobs_mode"),
    IGNORED(ROLLOUT "scheduling_policy"),
    IGNORED(ROLLOUT "load_format"),
    IGNORED(ROLLOUT "layered_summon"),
    IGNORED(ROLLOUT "log_prob_micro_batch_size"),
    IGNORED(ROLLOUT "log_prob_micro_batch_size_per_gpu"),
    IGNORED(ROLLOUT "log_prob_use_dynamic_bsz"),
    IGNORED(ROLLOUT "log_prob_max_token_len_per_gpu"),
    IGNORED(ROLLOUT "micro_batch_size"),
    IGNORED(ROLLOUT "disable_log_stats"),
    IGNORED(ROLLOUT "multi_stage_wake_up"),
    IGNORED(ROLLOUT "engine_kwargs.*"),
    IGNORED(ROLLOUT "agent.*"),
    IGNORED(ROLLOUT "checkpoint_engine.*"),
    IGNORED(ROLLOUT "update_weights_bucket_megabytes"),
    IGNORED(ROLLOUT "trace.*"),
    IGNORED(ROLLOUT "profiler.*"),
    IGNORED(ROLLOUT "prometheus.*"),
    IGNORED(ROLLOUT "skip_tokenizer_init"),
    IGNORED(ROLLOUT "skip_dump_dir"),
    IGNORED(ROLLOUT "enable_rollout_routing_replay"),
    IGNORED(ROLLOUT "calculate_log_probs"), // the log-prob of sampling is the one of training
    IGNORED(ROLLOUT "mtp.*"),
    NEUTRAL(ROLLOUT "do_sample", "true", "greedy rollouts in training"),
    NEUTRAL(ROLLOUT "use_fire_sampling", "false", "a higher temperature for the first token"),
    NEUTRAL(ROLLOUT "chat_scheduler", "null", "conversations of several turns"),
    NEUTRAL(ROLLOUT "over_sample_rate", "0", "over-sampling of rollouts"),
    NEUTRAL(ROLLOUT "skip_rollout", "false", "replayed rollouts"),
    NEUTRAL(ROLLOUT "quantization", "null", "quantized rollouts"),
    NEUTRAL(ROLLOUT "quantization_config_file", "null", "quantized rollouts"),
    NEUTRAL(ROLLOUT "multi_turn.enable", "false", "conversations of several turns"),
    IGNORED(ROLLOUT "multi_turn.*"),
    // rewards
    NEUTRAL("reward_model.enable", "false", "a learned reward model"),
    NEUTRAL("reward_model.reward_manager", "naive|dapo|batch|prime", "another reward manager"),
    NEUTRAL("reward_model.sandbox_fusion.url", "null", "a remote sandbox"),
    NEUTRAL("reward_model.reward_loop_class_name", "null", "rewards in Python"),
    NEUTRAL("reward_model.reward_loop_module_path", "null", "rewards in Python"),
    SAME("reward_model.reward_kwargs.max_resp_len", "data.max_response_length"),
    IGNORED("reward_model.reward_kwargs.overlong_buffer_cfg.log"),
    IGNORED("reward_model.overlong_buffer.log"),
    IGNORED("reward_model.enable_resource_pool"),
    IGNORED("reward_model.n_gpus_per_node"),
    IGNORED("reward_model.nnodes"),
    IGNORED("reward_model.strategy"),
    IGNORED("reward_model.model.*"),
    IGNORED("reward_model.rollout.*"),
    IGNORED("reward_model.profiler.*"),
    IGNORED("reward_model.sandbox_fusion.*"),
    IGNORED("reward_model.micro_batch_size"),
    IGNORED("reward_model.micro_batch_size_per_gpu"),
    IGNORED("reward_model.max_length"),
    IGNORED("reward_model.use_dynamic_bsz"),
    IGNORED("reward_model.forward_max_token_len_per_gpu"),
    IGNORED("reward_model.ulysses_sequence_parallel_size"),
    IGNORED("reward_model.launch_reward_fn_async"),
    IGNORED("reward_model.use_reward_loop"),
    IGNORED("reward_model.reward_loop_source"),
    IGNORED("reward_model.num_workers"),
    NEUTRAL("reward_manager.name", "naive|dapo|batch|prime", "another reward manager"),
    NEUTRAL("reward_manager.source", "register", "rewards in Python"),
    NEUTRAL("reward_manager.module.path", "null", "rewards in Python"),
    IGNORED("reward_manager.module.name"),
    NEUTRAL("reward.custom_reward_function.path", "null", "rewards in Python"),
    IGNORED("reward.custom_reward_function.name"),
    NEUTRAL("reward.reward_model.enable", "false", "a learned reward model"),
    IGNORED("reward.reward_model.*"),
    NEUTRAL("reward.reward_manager.name", "naive|dapo|batch|prime", "another reward manager"),
    NEUTRAL("reward.reward_manager.source", "register", "rewards in Python"),
    NEUTRAL("reward.sandbox_fusion.url", "null", "a remote sandbox"),
    IGNORED("reward.sandbox_fusion.*"),
    IGNORED("reward.num_workers"),
    NEUTRAL("custom_reward_function.path", "null", "rewards in Python"),
    IGNORED("custom_reward_function.name"),
    // algorithm
    NEUTRAL("algorithm.use_kl_in_reward", "false", "KL in the reward (actor_rollout_ref.actor.use_kl_loss is)"),
    IGNORED("algorithm.kl_penalty"), // of use_kl_in_reward
    IGNORED("algorithm.kl_ctrl.*"),
    IGNORED("algorithm.gamma"), // of other estimators
    IGNORED("algorithm.lam"),
    NEUTRAL("algorithm.use_pf_ppo", "false", "reweighted samples"),
    IGNORED("algorithm.pf_ppo.*"),
    NEUTRAL("algorithm.rollout_correction.loss_type", "ppo_clip", "another policy loss"),
    IGNORED("algorithm.rollout_correction.*"), // its weights are 1 here
    IGNORED("algorithm.rollout_is"),
    IGNORED("algorithm.rollout_is_level"),
    IGNORED("algorithm.rollout_is_mode"),
    IGNORED("algorithm.rollout_is_threshold"),
    IGNORED("algorithm.rollout_is_threshold_lower"),
    IGNORED("algorithm.rollout_is_veto_threshold"),
    // trainer
    IGNORED("trainer.balance_batch"),
    IGNORED("trainer.project_name"),
    IGNORED("trainer.experiment_name"),
    IGNORED("trainer.log_val_generations"),
    IGNORED("trainer.val_generations_to_log_to_wandb"),
    IGNORED("trainer.rollout_data_dir"), // rollouts are in run.db
    IGNORED("trainer.validation_data_dir"),
    IGNORED("trainer.nnodes"),
    IGNORED("trainer.n_gpus_per_node"),
    IGNORED("trainer.esi_redundant_time"),
    IGNORED("trainer.default_hdfs_dir"),
    IGNORED("trainer.del_local_ckpt_after_load"),
    IGNORED("trainer.remove_previous_ckpt_in_save"),
    IGNORED("trainer.max_critic_ckpt_to_keep"),
    IGNORED("trainer.ray_wait_register_center_timeout"),
    IGNORED("trainer.device"),
    IGNORED("trainer.use_legacy_worker_impl"),
    IGNORED("trainer.profile_steps"),
    IGNORED("trainer.worker_nsight_options.*"),
    IGNORED("trainer.controller_nsight_options.*"),
    IGNORED("trainer.npu_profile.*"),
    NEUTRAL("trainer.critic_warmup", "0", "steps without an update of the policy"),
    NEUTRAL("trainer.resume_from_path", "null|false",
            "resuming from another folder than trainer.default_local_dir (with --resume)"),
    NEUTRAL("trainer.val_only", "false", "evaluation without training (dsdr eval is)"),
    // the rest
    NEUTRAL("critic.enable", "null|false", "a critic"),
    IGNORED("critic.*"),
    IGNORED("global_profiler.*"),
    IGNORED("ray_kwargs.*"),
    IGNORED("ray_init.*"),
    NEUTRAL("transfer_queue.enable", "false", "asynchronous training"),
    IGNORED("transfer_queue.*"),
};
const size_t verl_key_count = sizeof verl_keys / sizeof *verl_keys;

const verl_alias_entry verl_aliases[] = {
    // the supervised trainer's
    {"model.partial_pretrain", MODEL "path"},
    {"model.path", MODEL "path"},
    {"model.enable_gradient_checkpointing", MODEL "enable_gradient_checkpointing"},
    {"optim.lr", ACTOR "optim.lr"},
    {"optim.betas", ACTOR "optim.betas"},
    {"optim.weight_decay", ACTOR "optim.weight_decay"},
    {"optim.clip_grad", ACTOR "grad_clip"},
    {"optim.lr_scheduler", ACTOR "optim.lr_scheduler_type"},
    {"optim.lr_scheduler_type", ACTOR "optim.lr_scheduler_type"},
    {"optim.warmup_steps_ratio", ACTOR "optim.lr_warmup_steps_ratio"},
    {"optim.lr_warmup_steps_ratio", ACTOR "optim.lr_warmup_steps_ratio"},
    {"optim.lr_warmup_steps", ACTOR "optim.lr_warmup_steps"},
    {"optim.min_lr_ratio", ACTOR "optim.min_lr_ratio"},
    {"optim.num_cycles", ACTOR "optim.num_cycles"},
    {"trainer.max_ckpt_to_keep", "trainer.max_actor_ckpt_to_keep"},
    // the other one's
    {ACTOR "optim.warmup_style", ACTOR "optim.lr_scheduler_type"},
    {ACTOR "optim.clip_grad", ACTOR "grad_clip"},
    {"reward_model.reward_kwargs.overlong_buffer_cfg.enable", "reward_model.overlong_buffer.enable"},
    {"reward_model.reward_kwargs.overlong_buffer_cfg.len", "reward_model.overlong_buffer.len"},
    {"reward_model.reward_kwargs.overlong_buffer_cfg.penalty_factor", "reward_model.overlong_buffer.penalty_factor"},
    {NULL, NULL},
};

const char *verl_alias(const char *key) {
    for (const verl_alias_entry *a = verl_aliases; a->alias; a++)
        if (!strcmp(a->alias, key)) return a->key;
    return NULL;
}

static bool ends_with(const char *text, const char *end) {
    size_t length = strlen(text), tail = strlen(end);
    return length >= tail && !strcmp(text + length - tail, end);
}

const verl_key *verl_find(const char *key) {
    static const verl_key target = IGNORED("*._target_"); // names a Python class, in any section
    if (ends_with(key, "._target_")) return &target;
    for (size_t i = 0; i < verl_key_count; i++) {
        const char *pattern = verl_keys[i].key;
        size_t length = strlen(pattern);
        if (!strcmp(pattern, key)) return &verl_keys[i];
        if (length > 2 && !strcmp(pattern + length - 2, ".*") && !strncmp(key, pattern, length - 2) &&
            (key[length - 2] == '.' || !key[length - 2]))
            return &verl_keys[i];
    }
    return NULL;
}

static bool equals_one(const char *text, const char *values) {
    for (const char *at = values; *at;) {
        size_t length = strcspn(at, "|");
        char word[64];
        if (length < sizeof word) {
            memcpy(word, at, length), word[length] = 0;
            char *end, *word_end;
            double a = strtod(text, &end), b = strtod(word, &word_end);
            bool numbers = *text && !*end && *word && !*word_end;
            if (numbers ? a == b : !strcasecmp(text, word)) return true;
        }
        at += length + (at[length] == '|');
    }
    return false;
}

bool verl_value_accepted(const written *w, const char *values) {
    switch (w->shape) {
    case WRITTEN_NULL:
        return equals_one("null", values);
    case WRITTEN_MAP:
        return equals_one("{}", values);
    case WRITTEN_TEXT:
        return equals_one(w->text, values);
    case WRITTEN_LIST:
        for (size_t i = 0; i < w->items.count; i++)
            if (!equals_one(w->items.items[i], values)) return false;
        return !w->nested;
    }
    return false;
}
