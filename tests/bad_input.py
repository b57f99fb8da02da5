"""Bad input gets one message that says what and where, exit code 2, and leaves nothing behind; failures on the way leave a run that
goes on.

usage: bad_input.py DSDR GOLDEN

GOLDEN is tests/golden. Everything is made from its tiny models, whose runs take a fraction of a second.
"""
import fcntl, hashlib, json, os, pathlib, resource, select, shutil, signal, sqlite3, struct, subprocess, sys, time

from checks import check, conclude, scratch

DSDR, GOLDEN = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
MODEL, ENCODER = GOLDEN / "model/tiny_lm", GOLDEN / "model/tiny_bert"
ROOT = scratch("bad-input")
WORK = ROOT / "work"  # where the program runs: what it leaves here is partial output

def settings(**changed):
    """The settings of a small run as key=value, by the last parts of the keys or whole ones ("__" for a dot)."""
    values = {"actor_rollout_ref.model.path": MODEL, "data.train_files": MODEL / "train.jsonl", "data.prompt_template": '"{problem}\\n"',
              "data.train_batch_size": 4, "data.max_prompt_length": 64, "data.max_response_length": 8, "algorithm.method": "grpo",
              "actor_rollout_ref.actor.ppo_mini_batch_size": 2, "actor_rollout_ref.rollout.n": 4, "actor_rollout_ref.actor.optim.lr": 1e-3,
              "trainer.total_training_steps": 2, "trainer.threads": 1, "verify.workers": 1, "trainer.default_local_dir": "run",
              "algorithm.dsdr.encoder": ENCODER}
    values.update({key.replace("__", "."): value for key, value in changed.items()})
    return [f"{key}={value}" for key, value in values.items() if value is not None]


def run(*arguments, folder=WORK, **more):
    return subprocess.run([DSDR, *map(str, arguments)], capture_output=True, text=True, cwd=folder, timeout=60, **more)


def refused(name, arguments, *words, code=2):
    """One line on stderr with all the words, nothing on stdout, and no file made."""
    done = run(*arguments)
    lines, left = done.stderr.splitlines(), sorted(str(p.relative_to(WORK)) for p in WORK.rglob("*"))
    good = done.returncode == code and len(lines) == 1 and not done.stdout and not left and all(w in done.stderr for w in words)
    check(name, good, f"exit {done.returncode}, left {left}, expected {words}\n    {done.stdout}{done.stderr}")
    shutil.rmtree(WORK)
    WORK.mkdir()


def train(name, *words, **changed):
    refused(name, ["train", *settings(**changed)], *words)


# ---- models and files that are wrong in one place ---------------------------------------------------------------------------

def copy(name, source=MODEL):
    return pathlib.Path(shutil.copytree(source, ROOT / name))


def with_config(name, source=MODEL, **changed):
    """A copy of a model whose config.json differs; None takes a field out."""
    folder = copy(name, source)
    config = json.loads((folder / "config.json").read_text())
    config.update(changed)
    (folder / "config.json").write_text(json.dumps({k: v for k, v in config.items() if v is not None}))
    return folder


def edit_tensors(name, edit, source=MODEL):
    """A copy of a model whose safetensors went through edit(header, data), which changes them in place."""
    folder = copy(name, source)
    raw = (folder / "model.safetensors").read_bytes()
    length = struct.unpack("<Q", raw[:8])[0]
    header, data = json.loads(raw[8:8 + length]), bytearray(raw[8 + length:])
    edit(header, data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
    return folder


def put_number(tensor, value):
    def edit(header, data):
        entry = header[tensor]
        bits = struct.pack("<f", value)
        bits = bits[2:] if entry["dtype"] == "BF16" else bits
        at = entry["data_offsets"][0] + 5 * len(bits)
        data[at:at + len(bits)] = bits
    return edit


def add_tensor(header, data):
    header["model.layers.0.self_attn.surplus.weight"] = {"dtype": "F32", "shape": [2], "data_offsets": [len(data), len(data) + 8]}
    data += struct.pack("<ff", 1, 2)


def rename_tensor(old, new):
    def edit(header, data):
        header[new] = header.pop(old)
    return edit


def reshape_tensor(tensor, shape):
    def edit(header, data):
        header[tensor]["shape"] = shape
    return edit


def truncated(name, source, share):
    raw = source.read_bytes()
    path = ROOT / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(raw[:int(len(raw) * share)])
    return path


def rows(name, *lines):
    path = ROOT / name
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


GOOD = {"problem": "What is 1 + 1?", "answer": "2"}


def settings_cases():
    train("a wrong key", "actor_rollout_ref.rollout.temprature", "did you mean actor_rollout_ref.rollout.temperature?",
          actor_rollout_ref__rollout__temprature=1)
    yaml = rows("wrong.yaml", "data:", "  train_batch_size: 4", "  train_batchsize: 4")
    refused("a wrong key in a file", ["train", yaml], "wrong.yaml", "3", "data.train_batchsize", "did you mean data.train_batch_size?")
    refused("a file that is no YAML", ["train", rows("broken.yaml", "data: [1, 2", "trainer: }")], "broken.yaml:2")
    refused("a missing settings file", ["train", "nowhere.yaml"], "nowhere.yaml")
    refused("two settings files", ["train", yaml, "other.yaml"], "other.yaml")
    refused("an unknown option", ["train", "--resum"], "--resum", "did you mean --resume?")
    train("a word out of a fixed set", "algorithm.method", "ppo", "grpo", "dsdr", algorithm__method="ppo")
    train("an estimator that is not implemented", "algorithm.adv_estimator", "gae", algorithm__adv_estimator="gae")
    train("a number out of its range", "actor_rollout_ref.rollout.n", "-3", actor_rollout_ref__rollout__n=-3)
    train("no number", "data.train_batch_size", "many", data__train_batch_size="many")
    train("one rollout a prompt", "actor_rollout_ref.rollout.n", "at least 2", actor_rollout_ref__rollout__n=1)
    train("top_p in training", "actor_rollout_ref.rollout.top_p", "0.9", "val_kwargs.top_p", actor_rollout_ref__rollout__top_p=0.9)
    train("top_k in training", "actor_rollout_ref.rollout.top_k", "20", "val_kwargs.top_k", actor_rollout_ref__rollout__top_k=20)
    train("batch sizes that do not divide", "ppo_mini_batch_size is 3", "train_batch_size is 4", actor_rollout_ref__actor__ppo_mini_batch_size=3)
    train("a template without the problem", "data.prompt_template", "{problem}", data__prompt_template="Solve this.")
    train("no model", "actor_rollout_ref.model.path", actor_rollout_ref__model__path=None)
    train("no problems", "data.train_files", data__train_files=None)


def data_cases():
    train("a missing problem file", "nowhere.jsonl", data__train_files="nowhere.jsonl")
    train("a missing held-out file", "nowhere.jsonl", data__val_files="nowhere.jsonl")
    train("an unknown built-in task", "builtin:word_aritmetic/train", "did you mean word_arithmetic?", data__train_files="builtin:word_aritmetic/train")
    train("a row without an answer", "no_answer.jsonl line 2", "no answer", '"answer"', "data.answer_key", "problem, answer",
          data__train_files=rows("no_answer.jsonl", GOOD, {"problem": "What is 2 + 2?", "solution": "4"}))
    train("a row without a problem", "no_problem.jsonl line 1", "data.prompt_key", "task, answer",
          data__train_files=rows("no_problem.jsonl", {"task": "What is 2 + 2?", "answer": "4"}))
    train("an empty answer", "empty.jsonl line 1", "answer", data__train_files=rows("empty.jsonl", {"problem": "What is 2 + 2?", "answer": ""}))
    train("a row that is no JSON", "broken.jsonl line 2", data__train_files=rows("broken.jsonl", GOOD, '{"problem": "What'))
    train("a file without rows", "none.jsonl", data__train_files=rows("none.jsonl"))
    train("a Parquet file", "data.parquet", "to_json", data__train_files=rows("data.parquet", "PAR1"))
    train("a prompt that is too long", "long.jsonl:1", "data.max_prompt_length is 8", data__max_prompt_length=8,
          data__train_files=rows("long.jsonl", {"problem": "What is 1 + 1? " * 9, "answer": "2"}))
    train("a held-out prompt that is too long", "held_out.jsonl:1", "data.max_prompt_length is 64",
          data__val_files=rows("held_out.jsonl", {"problem": "What is 1 + 1? " * 9, "answer": "2"}), trainer__val_before_train="false")
    train("every prompt too long", "every prompt", "data.max_prompt_length", data__max_prompt_length=2, data__filter_overlong_prompts="true")
    train("more positions than the model has", "data.max_response_length", "128", data__max_response_length=500)


def model_cases():
    model = "actor_rollout_ref__model__path"
    train("a missing model", "nowhere", **{model: "nowhere"})
    train("a folder that is no model", "golden/run", "model.safetensors", **{model: GOLDEN / "run"})
    train("a file that is no model", "train.jsonl", "GGUF", **{model: MODEL / "train.jsonl"})
    for share in (0.001, 0.02, 0.3, 0.999):
        path = truncated(f"cut{share}.gguf", GOLDEN / "model/tiny_lm.gguf", share)
        train(f"a GGUF cut to {share}", path.name, **{model: path})
    for share in (0, 0.001, 0.3, 0.999):
        folder = copy(f"cut{share}")
        truncated(f"cut{share}/model.safetensors", MODEL / "model.safetensors", share)
        train(f"safetensors cut to {share}", f"cut{share}/model.safetensors", **{model: folder})
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        folder = copy(f"no_{name}")
        (folder / name).unlink()
        train(f"a model without {name}", str(folder), name.split(".")[0], **{model: folder})
        folder = copy(f"broken_{name}")
        (folder / name).write_text('{"broken": ')
        train(f"a model with a broken {name}", str(folder), name, **{model: folder})
    for word, value in (("nan", float("nan")), ("inf", float("inf"))):
        for tensor in ("model.layers.1.mlp.up_proj.weight", "model.embed_tokens.weight", "model.norm.weight"):
            folder = edit_tensors(f"{word}_{tensor}", put_number(tensor, value))
            train(f"{word} in {tensor}", tensor, str(folder), **{model: folder})
    train("a surplus tensor", "model.layers.0.self_attn.surplus.weight", **{model: edit_tensors("surplus", add_tensor)})
    old = "model.layers.1.self_attn.k_proj.weight"
    folder = edit_tensors("missing", rename_tensor(old, old + "s"))
    train("a missing tensor", "model.layers.1.self_attn.k_proj.weight", **{model: folder})
    train("a tensor of another shape", "model.norm.weight", "48", **{model: edit_tensors("shape", reshape_tensor("model.norm.weight", [6, 8]))})
    for field, value in (("sliding_window", 64), ("rope_scaling", {"rope_type": "yarn", "factor": 4.0}), ("hidden_act", "gelu"),
                         ("model_type", "mamba"), ("mlp_bias", True), ("rope_parameters", {"rope_type": "yarn", "factor": 4.0, "rope_theta": 10000.0}),
                         ("num_experts", 8), ("final_logit_softcapping", 30.0), ("attention_bias", True), ("layer_scale", 0.5),
                         ("quantization_config", {"quant_method": "gptq"})):
        folder = with_config(f"config_{field}_{len(str(value))}", **{field: value})
        train(f"config {field}", field, str(folder), **{model: folder})
    for field in ("hidden_size", "num_attention_heads"):
        folder = with_config(f"without_{field}", **{field: None})
        train(f"config without {field}", field, str(folder), **{model: folder})
    folder = with_config("heads", num_attention_heads=5)
    train("heads that do not divide", "5 attention heads", **{model: folder})
    folder = with_config("vocabulary", vocab_size=200)
    train("a vocabulary of another size than the embedding", "vocab", **{model: folder})
    folder = copy("tokens")
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    tokenizer["added_tokens"].append({"id": 300, "content": "<|surplus|>", "single_word": False, "lstrip": False, "rstrip": False,
                                      "normalized": False, "special": True})
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    train("a tokenizer with more ids than the model", str(folder), "301", "288", **{model: folder})
    for name, template in (("import", "{% import 'other' as other %}{{ other.go(messages) }}"), ("open", "{% for m in messages %}{{ m.content }}"),
                           ("filter", "{% for m in messages %}{{ m.content | frobnicate }}{% endfor %}")):
        folder = copy(f"template_{name}")
        (folder / "chat_template.jinja").write_text(template)
        train(f"a chat template with {name}", str(folder), "template", data__prompt_template="chat", **{model: folder})
    folder = copy("no_template")
    (folder / "chat_template.jinja").unlink()
    train("a model without a chat template", str(folder), "data.prompt_template", data__prompt_template="chat", **{model: folder})
    dsdr = {"algorithm__method": "dsdr"}
    train("a missing encoder", "algorithm.dsdr.encoder is nowhere", "scripts/fetch_models.sh", algorithm__dsdr__encoder="nowhere", **dsdr)
    folder = edit_tensors("encoder_nan", put_number("encoder.layer.0.output.dense.weight", float("nan")), ENCODER)
    train("an encoder with a NaN", "algorithm.dsdr.encoder", "encoder.layer.0.output.dense.weight", algorithm__dsdr__encoder=folder, **dsdr)
    train("an encoder that is a language model", "algorithm.dsdr.encoder", str(MODEL), algorithm__dsdr__encoder=MODEL, **dsdr)


def other_commands():
    for command in (["eval", MODEL], ["eval", MODEL, "nowhere.jsonl"], ["eval", "nowhere", MODEL / "test.jsonl"], ["generate", "nowhere", "--prompt", "x"],
                    ["generate"], ["logprobs"], ["logprobs", "nowhere"], ["logprobs", MODEL, "nowhere.jsonl"], ["tokenize", "nowhere"], ["inspect"],
                    ["inspect", "nowhere"], ["inspect", ROOT / "cut0.3.gguf"], ["score", "nowhere.jsonl"], ["score", "algorithm.dsdr.encoder=nowhere"],
                    ["verify", "nowhere.jsonl"], ["config", "nowhere.yaml"], ["eval", MODEL, MODEL / "test.jsonl", "k=9"]):
        refused(" ".join(str(word) for word in command), command, f"dsdr {command[0]}: ")
    refused("eval of a NaN", ["eval", ROOT / "nan_model.norm.weight", MODEL / "test.jsonl", "prompt_template={problem}"], "model.norm.weight")


# ---- runs that exist, end early or are disturbed ----------------------------------------------------------------------------

STEPS = 40
SLOW = {"data__train_batch_size": 64, "actor_rollout_ref__actor__ppo_mini_batch_size": 64, "actor_rollout_ref__rollout__n": 64,
        "data__max_response_length": 64}  # some seconds a step


def contents(folder):
    """What equal runs have in common: the files of the last checkpoint and the rows of run.db that no clock decides."""
    last = folder / f"global_step_{(folder / 'latest_checkpointed_iteration.txt').read_text().strip()}"
    files = {str(p.relative_to(last)): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(last.rglob("*")) if p.is_file()}
    queries = ("select step, name, value from metrics where name not like 'timing%' and name not like 'perf/%'", "select * from rollouts",
               "select * from evaluations", "select * from evaluation_summary")
    return last.name, files, rows_of(folder, *queries)


def rows_of(folder, *queries):
    db = sqlite3.connect(folder / "run.db")
    found = [db.execute(query).fetchall() for query in queries]
    db.close()
    return found


def long_run(folder, **changed):
    return settings(**{"trainer__total_training_steps": STEPS, "trainer__save_freq": 1, "trainer__test_freq": 1, "verify__deadline_ms": 60000,
                       "data__val_files": MODEL / "test.jsonl", "trainer__default_local_dir": folder, **changed})


def start(*arguments):
    """A process that waits for its reader after some 20 steps, so that it cannot be over before it is disturbed."""
    process = subprocess.Popen([DSDR, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0, cwd=WORK)
    fcntl.fcntl(process.stdout, 1031, 4096)  # F_SETPIPE_SZ
    return process


def wait_for(stream, text):
    for line in stream:
        if text in line.decode():
            return


def finish(process):
    out, err = process.communicate(timeout=60)
    return process.returncode, out.decode(), err.decode()


def goes_on(name, folder, whole, *extra):
    done = run("train", *long_run(folder), "--resume", *extra)
    check(name, done.returncode == 0 and contents(folder) == whole, f"exit {done.returncode}\n{done.stdout[-600:]}{done.stderr}")


def message_of(name, result, code, *words):
    returncode, out, err = result
    told = [line for line in err.splitlines() if line.startswith("dsdr train: ")]
    check(name, returncode == code and len(told) == 1 and all(w in told[0] for w in words), f"exit {returncode}, expected {words}\n{out[-600:]}{err}")


def resume_refused(name, folder, arguments, *words):
    before = {p: p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file() and p.name != "lock"}
    done = run("train", *arguments)
    after = {p: p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file() and p.name != "lock"}
    good = done.returncode == 2 and len(done.stderr.splitlines()) == 1 and before == after and all(w in done.stderr for w in words)
    check(name, good, f"exit {done.returncode}, same files: {before == after}, expected {words}\n{done.stdout[-600:]}{done.stderr}")


def existing_cases(whole):
    folder = ROOT / "existing"
    here, resume = f"trainer.default_local_dir={folder}", "--resume"
    first = run("train", *long_run(folder, trainer__total_training_steps=2))
    check("a run of two steps", first.returncode == 0, first.stderr)
    resume_refused("an existing run", folder, long_run(folder), str(folder), "--resume")
    resume_refused("a changed key", folder, [resume, here, "actor_rollout_ref.actor.optim.lr=1e-4"], "actor_rollout_ref.actor.optim.lr was 0.001 and is 0.0001",
                   "--allow-change")
    resume_refused("a wrong key on resume", folder, [resume, here, "trainer.save_frq=1"], "did you mean trainer.save_freq?")
    refused("nothing to resume", ["train", *settings(), resume], "run/config.yaml")
    refused("resume without a folder", ["train", *settings(trainer__default_local_dir=None), resume], "trainer.default_local_dir")
    refused("a folder that is a file", ["train", *settings(trainer__default_local_dir=MODEL / "config.json")], "config.json", "not a folder")
    changed = pathlib.Path(shutil.copytree(folder, ROOT / "changed"))
    done = run("train", resume, f"trainer.default_local_dir={changed}", "actor_rollout_ref.actor.optim.lr=1e-4", "trainer.total_training_steps=3", "--allow-change")
    check("a changed key that is allowed", done.returncode == 0 and contents(changed)[0] == "global_step_3", done.stderr)
    for name, damage, words in (("a cut optimizer state", lambda f: truncated_in_place(f / "global_step_2/trainer_state/optimizer.safetensors"), ["optimizer.safetensors"]),
                                ("cut weights", lambda f: truncated_in_place(f / "global_step_2/model.safetensors"), ["model.safetensors"]),
                                ("a broken state", lambda f: (f / "global_step_2/trainer_state/state.json").write_text("{}"), ["state.json"]),
                                ("a missing checkpoint", lambda f: shutil.rmtree(f / "global_step_2"), ["global_step_2"]),
                                ("a broken record", lambda f: (f / "run.db").write_text("no database" * 999), ["run.db"]),
                                ("missing settings", lambda f: (f / "config.yaml").unlink(), ["config.yaml"])):
        broken = pathlib.Path(shutil.copytree(folder, ROOT / name.replace(" ", "_")))
        damage(broken)
        resume_refused(f"resume with {name}", broken, [resume, f"trainer.default_local_dir={broken}"], *words)
    # The limit counts the steps before the resume.
    late = pathlib.Path(shutil.copytree(folder, ROOT / "late"))
    done = run("train", resume, f"trainer.default_local_dir={late}", "trainer.total_training_steps=3", "trainer.max_seconds=1e-9")
    check("no step after trainer.max_seconds", done.returncode == 0 and contents(late)[0] == "global_step_2", done.stdout + done.stderr)
    other = pathlib.Path(shutil.copytree(folder, ROOT / "other_products"))
    done = run("train", resume, f"trainer.default_local_dir={other}", "trainer.total_training_steps=3", env={**os.environ, "ONEDNN_MAX_CPU_ISA": "SSE41"})
    check("another instruction set is told", done.returncode == 0 and "warning: " in done.stdout and "its bits will not be those" in done.stdout, done.stdout + done.stderr)
    check("the same one is not", "warning: " not in run("train", *long_run(folder, trainer__total_training_steps=3), resume).stdout)
    goes_on("resume for more steps", folder, whole)

    empty = ROOT / "no_checkpoint"  # what a run leaves that was killed before its record, and before its first checkpoint
    empty.mkdir()
    shutil.copy(folder / "config.yaml", empty)
    goes_on("resume without a record", empty, whole)
    shutil.rmtree(empty)
    killed = start("train", *long_run(empty, trainer__save_freq=-1))
    wait_for(killed.stdout, "step 3/")
    killed.kill()
    finish(killed)
    check("no checkpoint yet", not (empty / "latest_checkpointed_iteration.txt").exists())
    goes_on("resume without a checkpoint", empty, whole)


def truncated_in_place(path):
    path.write_bytes(path.read_bytes()[:-100])


def signal_cases(whole):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        folder = ROOT / number.name
        process = start("train", *long_run(folder))
        wait_for(process.stdout, "step 4/")
        process.send_signal(number)
        message_of(f"{number.name} finishes the step and saves", finish(process), 3, "interrupted; saved step", "--resume")
        check(f"{number.name} left a checkpoint", 4 <= int((folder / "latest_checkpointed_iteration.txt").read_text()) < STEPS)
        goes_on(f"resume after {number.name}", folder, whole)

    folder = ROOT / "locked"
    process = start("train", *long_run(folder, **SLOW))
    wait_for(process.stdout, "its answer")
    message_of("a live run", finish(start("train", *long_run(folder, **SLOW), "--resume")), 2, str(folder), f"process {process.pid}")
    process.send_signal(signal.SIGINT)
    wait_for(process.stderr, "interrupted")
    process.send_signal(signal.SIGINT)
    started = time.monotonic()
    code, _, err = finish(process)
    check("a second SIGINT leaves at once", code == 1 and time.monotonic() - started < 2 and "again" in err, f"exit {code} {err}")


def workers_of(process):
    return [int(p) for p in pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


def worker_case():
    folder = ROOT / "worker"
    process = start("train", *long_run(folder))
    wait_for(process.stdout, "step 2/")
    worker = workers_of(process)[0]
    os.kill(worker, signal.SIGSTOP)  # it takes an answer and does not judge it
    while select.select([process.stdout], [], [], 0.5)[0] and os.read(process.stdout.fileno(), 4096):
        pass  # until the run waits for the worker
    os.kill(worker, signal.SIGKILL)
    code, out, err = finish(process)
    errors = len(sum(rows_of(folder, "select * from rollouts where status = 'error'", "select * from evaluations where status = 'error'"), []))
    counts = rows_of(folder, "select count(*), count(distinct step) from rollouts")[0]
    check("a killed worker costs one verdict", code == 0 and errors == 1 and counts == [(STEPS * 16, STEPS)], f"exit {code}, {errors} errors, {counts}\n{out[-600:]}{err}")


def limit_case():
    folder = ROOT / "dapo"
    done = run("train", *settings(algorithm__method="dapo", algorithm__filter_groups__max_num_gen_batches=3, trainer__default_local_dir=folder))
    message_of("dynamic sampling that finds nothing", (done.returncode, done.stdout, done.stderr), 1, "step 1", "after 3 generated batches",
               "algorithm.filter_groups.max_num_gen_batches")


def disk_cases(whole):
    folder = ROOT / "file_limit"
    run("train", *long_run(folder, trainer__total_training_steps=2))
    size = (folder / "global_step_2/trainer_state/optimizer.safetensors").stat().st_size - 1
    done = run("train", *long_run(folder), "--resume", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)))
    message_of("a file that may not grow", (done.returncode, done.stdout, done.stderr), 1, "saving step 3", "optimizer.safetensors", "File too large")
    check("the checkpoint before stays", contents(folder)[0] == "global_step_2" and not list(folder.glob("*.tmp")), sorted(os.listdir(folder)))
    goes_on("resume when there is room again", folder, whole)

    mount = ROOT / "disk"
    mount.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", mount], capture_output=True).returncode:
        print("a full disk: not tried, because mounting a small one needs root")
        return
    try:
        process = start("train", *long_run(mount / "run"))
        wait_for(process.stdout, "step 3/")
        with open(mount / "ballast", "wb", buffering=0) as ballast:
            try:
                while True:
                    ballast.write(bytes(1 << 16))
            except OSError:
                pass
        code, out, err = finish(process)
        message_of("a full disk", (code, out, err), 1, "disk is full" if "run.db" in err else "No space left on device")
        (mount / "ballast").unlink()
        goes_on("resume after a full disk", mount / "run", whole)
        with open(mount / "ballast", "wb") as ballast:
            ballast.write(bytes(80 << 20))
        done = run("train", *settings(trainer__default_local_dir=mount / "other"))
        message_of("too little room for checkpoints", (done.returncode, done.stdout, done.stderr), 1, "GB are free")
        check("nothing is left where there was too little room", not (mount / "other").exists())
    finally:
        subprocess.run(["umount", mount], check=True)


def closed_case(whole):
    """Without standard output no file of the run may take its number and receive what is printed."""
    folder = ROOT / "closed"
    done = run("train", *long_run(folder), preexec_fn=lambda: os.close(1))
    check("a closed standard output", done.returncode == 1 and done.stderr.endswith("dsdr: cannot write to standard output\n") and contents(folder) == whole,
          f"exit {done.returncode} {done.stderr[-300:]}")


def disturbed_runs():
    done = run("train", *long_run(ROOT / "whole"))
    check("an undisturbed run", done.returncode == 0, done.stderr)
    whole = contents(ROOT / "whole")
    for group in (lambda: existing_cases(whole), lambda: signal_cases(whole), lambda: closed_case(whole), worker_case, limit_case,
                  lambda: disk_cases(whole)):
        started = time.monotonic()
        group()
        print(f"    {time.monotonic() - started:.1f} s")


def main():
    WORK.mkdir()
    for group in (settings_cases, data_cases, model_cases, other_commands, disturbed_runs):
        started = time.monotonic()
        group()
        print(f"{group.__name__}: {time.monotonic() - started:.1f} s", flush=True)
    shutil.rmtree(ROOT)
    conclude()


main()
