"""TRL's GRPOTrainer: seconds of whole optimization steps, every response as long as the limit. One line of JSON.

usage: trl_step.py HF_FOLDER float32|bfloat16 THREADS PROBLEMS.jsonl STEPS     STEPS 0: ends with the first token

8 prompts x 8 rollouts x 128 tokens in one batch, temperature 1, no KL term, AdamW; bfloat16 is the trainer's own autocast. The first step
warms up and counts only where it is the only one.
"""
import json, os, resource, sys, tempfile, time


def process_age():
    ticks = float(open("/proc/self/stat").read().rsplit(")", 1)[1].split()[19])
    return float(open("/proc/uptime").read().split()[0]) - ticks / os.sysconf("SC_CLK_TCK")


BORN = time.monotonic() - process_age()
folder, precision, threads, problems, steps = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], int(sys.argv[5])
import datasets, torch, transformers, trl

PROMPTS, SIZE, NEW = 8, 8, 128
torch.set_num_threads(threads)
rows = [json.loads(line) for line in open(problems)]
data = datasets.Dataset.from_list([dict(prompt=[dict(role="user", content=row["problem"])]) for row in rows])
ends, first_token = [], []


def reward(completions, **_):
    return [float(i % 2) for i, _ in enumerate(completions)]  # every group has a gradient


class Marks(transformers.TrainerCallback):
    def on_train_begin(self, *_, **__):
        ends.append(time.monotonic())

    def on_step_end(self, *_, **__):
        ends.append(time.monotonic())


class Enough(Exception):
    pass


def mark_first_token(*_):
    if not first_token:
        first_token.append(time.monotonic())
        if steps == 0:
            raise Enough


with tempfile.TemporaryDirectory() as output:
    config = trl.GRPOConfig(output_dir=output, per_device_train_batch_size=PROMPTS * SIZE, gradient_accumulation_steps=1, num_generations=SIZE,
                            max_completion_length=NEW, generation_kwargs=dict(min_new_tokens=NEW), max_steps=max(steps, 1), learning_rate=1e-6, temperature=1.0,
                            top_k=0, top_p=1.0, beta=0.0, bf16=precision == "bfloat16", use_cpu=True, gradient_checkpointing=False, logging_steps=1,
                            save_strategy="no", report_to=[], disable_tqdm=True, model_init_kwargs=dict(dtype="float32"))
    trainer = trl.GRPOTrainer(model=folder, reward_funcs=reward, args=config, train_dataset=data, processing_class=transformers.AutoTokenizer.from_pretrained(folder),
                              callbacks=[Marks()])
    trainer.model.register_forward_hook(mark_first_token)
    out, sys.stdout = sys.stdout, sys.stderr  # its log is no part of the answer
    try:
        trainer.train()
    except Enough:
        pass
    sys.stdout = out
lengths = [log["completions/mean_length"] for log in trainer.state.log_history if "completions/mean_length" in log]
assert all(length == NEW for length in lengths), lengths
print(json.dumps(dict(first_token_seconds=first_token[0] - BORN, first_step_seconds=ends[1] - BORN if steps else None,
                      seconds=[b - a for a, b in zip(ends, ends[1:])][1 if steps > 1 else 0:], peak_gb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 2**30,
                      version=f"trl {trl.__version__}, transformers {transformers.__version__}, torch {torch.__version__}")))
