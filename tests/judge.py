"""`dsdr judge` against a local endpoint that behaves well, badly, and not at all.

usage: judge.py DSDR GOLDEN

GOLDEN is tests/golden, for its tiny models. Evaluations are made here, as run/record.h describes them, and some by `dsdr eval`; the
endpoint is Python's http.server in this process, told for each test how to answer. What is looked at: output, exit codes, messages, judge.db,
and every request that the endpoint saw.
"""
import contextlib, csv, hashlib, http.server, io, json, math, os, pathlib, pty, re, resource, signal, socket, sqlite3, subprocess, sys, threading, time

from checks import check, conclude, scratch

DSDR, GOLDEN = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
MODEL, ENCODER = GOLDEN / "model/tiny_lm", GOLDEN / "model/tiny_bert"
ROOT = scratch("judge")
KEY = "sk-a-secret-key"

# ---- evaluations ------------------------------------------------------------------------------------------------------------

def response(method, problem, sample):
    return f"Attempt {sample} of m{method}: \\(x_{{{sample % (method + 2)}}} = {problem}\\)."


def evaluation(name, method, problems=6, samples=4, passes=("pass@k",), version=2, text=response, state="finished"):
    """A record with the responses of a method."""
    folder = ROOT / name
    folder.mkdir(parents=True)
    db = sqlite3.connect(folder / "run.db")
    db.execute("create table run(key text primary key, value text) without rowid")
    db.execute("insert into run values('kind', 'eval'), ('state', ?)", (state,))
    db.execute("create table evaluations(step integer not null, pass text not null, source text, problem_id text, sample integer,"
               " response text, answer text, correct integer, status text, length integer, finish text)")
    for which in passes:
        for p in reversed(range(problems)):
            for s in range(samples):
                words = text(method, p, s) if which != "pass@1" else "one alone"
                db.execute("insert into evaluations values(3, ?, ?, ?, ?, ?, '1', 1, 'correct', 9, 'stop')",
                           (which, "second" if p >= 4 else "first", f"p{p}", s, words))
    db.execute(f"pragma user_version = {version}")
    db.commit()
    db.close()
    return folder


PROBLEMS = ROOT / "problems.jsonl"
PROBLEMS.write_text("".join(json.dumps({"problem": f"What is {p}? {{responses}}", "answer": str(p), "id": f"p{p}",
                                        "source": "second" if p >= 4 else "first"}) + "\n" for p in range(6)))
GRPO, DSDR_EVAL = evaluation("study/grpoarm/seed-1/eval", 0, passes=("pass@1", "pass@k", "custom")), evaluation("study/dsdrarm/seed-1/eval", 1)


# ---- the endpoint -----------------------------------------------------------------------------------------------------------

def completion(content, **more):
    return json.dumps({"id": "x", "model": "judge-2026-01-01", "choices": [{"index": 0, "finish_reason": "stop", **more,
                       "message": {"role": "assistant", "content": content}}], "usage": {"prompt_tokens": 100, "completion_tokens": 20}})


def scores(prompt):
    """What the judge finds: a function of the prompt alone."""
    h = hashlib.sha256(prompt.encode()).digest()
    return {"logic": h[0] % 11, "formula": h[1] % 11, "semantic": h[2] / 25.5}


def good(handler, number, prompt):
    handler.reply(200, completion(json.dumps(scores(prompt))))


class Endpoint(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.lock:
            number = len(self.server.seen)
            self.server.seen.append({"path": self.path, "time": time.monotonic(), "headers": dict(self.headers), "body": body})
            self.server.open += 1
            self.server.most_open = max(self.server.most_open, self.server.open)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.server.answer(self, number, json.loads(body)["messages"][0]["content"])
        with self.server.lock:
            self.server.open -= 1

    def reply(self, code, text, **headers):
        raw = text.encode()
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        with self.server.lock:
            self.server.answered += code == 200
        self.wfile.write(raw)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass  # a client that was killed


@contextlib.contextmanager
def endpoint(answer):
    server = Server(("127.0.0.1", 0), Endpoint)
    server.lock, server.seen, server.answer, server.open, server.most_open, server.answered = threading.Lock(), [], answer, 0, 0, 0
    server.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def prompts(server):
    return [json.loads(seen["body"])["messages"][0]["content"] for seen in server.seen]


# ---- the program ------------------------------------------------------------------------------------------------------------

folders = 0


def fresh():
    global folders
    folders += 1
    return ROOT / f"out-{folders}"


def command(out, url=None, *more, evaluations=(GRPO, DSDR_EVAL), **settings):
    values = {"algorithm.dsdr.encoder": ENCODER, "data.val_files": PROBLEMS, "judge.samples": 4, "judge.retry_s": 0.01, "judge.retries": 3,
              "judge.requests_per_minute": 1e6, "trainer.threads": 1}
    if url:
        values.update({"judge.base_url": url, "judge.model": "a-judge"})
    values.update({key.replace("__", "."): value for key, value in settings.items()})
    return [DSDR, "judge", *map(str, evaluations), "--folder", str(out), *more, *(f"{k}={v}" for k, v in values.items() if v is not None)]


ENVIRONMENT = {**{k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}, "OPENAI_API_KEY": KEY}


def run(out, url=None, *more, **settings):
    return subprocess.run(command(out, url, *more, **settings), capture_output=True, text=True, timeout=240, env=ENVIRONMENT, cwd=ROOT,
                          stdin=subprocess.DEVNULL)


def rows(out, query="select method, source, problem_id, repeat, status, logic, formula, semantic, overall from judge"):
    db = sqlite3.connect(out / "judge.db")
    result = db.execute(query).fetchall()
    db.close()
    return result


def cached(out):
    return rows(out, "select count(*) from cache")[0][0] if (out / "judge.db").exists() else 0


ALL, TWICE = 12, 1  # two methods, six problems; 5% of twelve, rounded up


def show(done):
    return f"exit {done.returncode}\n{done.stdout}{done.stderr}"


# ---- what a good endpoint is asked, and what is made of its answers ---------------------------------------------------------

def attempts(prompt):
    """The responses of a prompt in the order shown: (sample, method)."""
    return [(int(s), int(m)) for s, m in re.findall(r"Attempt (\d+) of m(\d+):", prompt)]


def test_good():
    out = fresh()
    with endpoint(good) as server:
        done = run(out, server.url, "--yes", "--json")
        check("a good endpoint", done.returncode == 0, show(done))
        check("requests are first judgements and repeats", len(server.seen) == ALL + TWICE, len(server.seen))
        bodies = [json.loads(seen["body"]) for seen in server.seen]
        check("temperature 0, model, limit", all(b["temperature"] == 0 and b["model"] == "a-judge" and b["max_tokens"] == 256 and b["stream"] is False and
                                                 len(b["messages"]) == 1 for b in bodies), bodies[0])
        check("path and key", all(s["path"] == "/v1/chat/completions" and s["headers"]["Authorization"] == f"Bearer {KEY}" for s in server.seen))
        texts = prompts(server)
        words = ("grpo", "dsdr", "seed-1", "study", "eval", "first", "second", "p1")
        check("no method, folder, source or id in a request", not any(w in s["body"].decode() for s in server.seen for w in words[:5]) and
              not any(re.search(rf"\b{w}\b", t) for t in texts for w in words[5:7]), texts[0])
        check("the problem is shown, its braces left alone", all(re.search(r"What is \d\? \{responses\}", t) for t in texts), texts[0])
        check("each prompt holds all responses of one method", all(sorted(s for s, _ in attempts(t)) == [0, 1, 2, 3] and
                                                                  len({m for _, m in attempts(t)}) == 1 for t in texts), texts[0])
        # Shuffling: problems differ in their orders, methods do not; the repeat has another; requests mix methods.
        orders = {}
        for t in texts:
            orders.setdefault(re.search(r"What is (\d)", t).group(1), []).append(attempts(t))
        firsts = {p: [tuple(s for s, _ in a) for a in shown] for p, shown in orders.items()}
        check("responses are shuffled, problem by problem", len({a[0] for a in firsts.values()}) > 2, firsts)
        check("methods are shown in the same order", all(len(a) == 3 or a[0] == a[1] for a in firsts.values()), firsts)
        check("a repeat has another order", [len(set(a)) for a in firsts.values() if len(a) == 3] == [2], firsts)
        methods = [attempts(t)[0][1] for t in texts]
        check("requests mix the methods", 1 < sum(a != b for a, b in zip(methods, methods[1:])), methods)
        check("concurrency is bounded", server.most_open <= 4, server.most_open)
        # Numbers: against the answers themselves.
        report = json.loads(done.stdout)
        by = {(attempts(t)[0][1], re.search(r"What is (\d)", t).group(1)): [] for t in texts}
        kept = rows(out)
        check("judge.db has every judgement", len(kept) == ALL + TWICE and all(r[4] == "scored" for r in kept), kept)
        for t in texts:
            by[attempts(t)[0][1], re.search(r"What is (\d)", t).group(1)].append(scores(t))
        for method, label in ((0, "grpoarm"), (1, "dsdrarm")):
            found = next(m for m in report["methods"] if m["method"] == label)
            for name in ("logic", "formula", "semantic", "overall"):
                stored = {r[2]: dict(zip(("logic", "formula", "semantic", "overall"), r[5:])) for r in kept if r[0] == label and r[3] == 0}
                for p, values in stored.items():
                    expected = [s if name != "overall" else {**s, "overall": sum(s.values()) / 3} for s in by[method, p[1:]]]
                    check(f"{label} {p} {name} is what was answered", any(abs(values[name] - e[name]) < 1e-9 for e in expected), (values, expected))
                means = [sum(stored[f"p{p}"][name] for p in part) / len(part) for part in (range(4), range(4, 6))]
                value = found["measures"][name]
                check(f"{label} {name} is the mean of the sources' means", abs(value["value"] - sum(means) / 2) < 1e-9, (value, means))
                check(f"{label} {name} has an interval", value["low"] <= value["value"] <= value["high"] and value["problems"] == 6, value)
        judge = report["judge"]
        prompt = subprocess.run([DSDR, "judge", "--show-prompt"], capture_output=True).stdout
        check("the prompt's hash is recorded", judge["prompt_sha256"] == hashlib.sha256(prompt).hexdigest() ==
              rows(out, "select value from facts where key = 'prompt_sha256'")[0][0], judge)
        check("the model is recorded as returned", judge["model_returned"] == ["judge-2026-01-01"] and
              rows(out, "select value from facts where key = 'model_returned'") == [("judge-2026-01-01",)], judge)
        twice = judge["repeats"]
        pair = next(r for r in kept if r[3] == 1)
        first = next(r for r in kept if r[:3] == pair[:3] and r[3] == 0)
        check("agreement is that of the two judgements", twice["scored_twice"] == 1 and
              all(abs(twice["mean_absolute_difference"][n] - abs(first[5 + i] - pair[5 + i])) < 1e-9 and
                  twice["equal_share"][n] == (first[5 + i] == pair[5 + i]) for i, n in enumerate(("logic", "formula", "semantic", "overall"))), twice)
        check("the key is nowhere", not any(KEY.encode() in f.read_bytes() for f in out.iterdir()) and KEY not in done.stdout + done.stderr)
        # Again: everything is known, so nothing is asked, and nobody has to agree.
        again = run(out, server.url, "--json")
        check("a repeated analysis asks nothing and says the same", again.returncode == 0 and len(server.seen) == ALL + TWICE and
              again.stdout == done.stdout, show(again))
        check("and replaces its rows", len(rows(out)) == ALL + TWICE)
        # Another method beside: only its own requests.
        third = evaluation("study/third/seed-1/eval", 2)
        more = run(out, server.url, "--yes", evaluations=(GRPO, DSDR_EVAL, third), judge__repeat_share=0)
        check("another method asks for itself alone", more.returncode == 0 and len(server.seen) == ALL + TWICE + 6, show(more))
        check("both analyses are there", len(rows(out)) == ALL + TWICE + 18 and more.stdout.count("minus grpoarm") == 4 and "6 problems of 2 sources" in more.stdout, more.stdout)
        other = run(out, server.url, "--yes", judge__model="another", judge__repeat_share=0)
        check("another model is asked anew", len(server.seen) == ALL + TWICE + 6 + 12, show(other))


def test_csv_and_rate():
    out = fresh()
    with endpoint(good) as server:
        done = run(out, server.url, "--yes", "--csv", judge__requests_per_minute=1200, judge__repeat_share=0.5)
        table = list(csv.DictReader(io.StringIO(done.stdout)))
        check("CSV", done.returncode == 0 and len(table) == 7 * 3 and {r["method"] for r in table} == {"grpoarm", "dsdrarm"}, show(done))
        times = [seen["time"] for seen in server.seen]
        check("the rate is kept", len(times) == ALL + 6 and times[-1] - times[0] >= 0.05 * (len(times) - 1) - 0.03, times[-1] - times[0])


# ---- endpoints in trouble ---------------------------------------------------------------------------------------------------

def sequence(*first):
    """Answers the first requests by the given functions, the others well."""
    def answer(handler, number, prompt):
        (first[number] if number < len(first) else good)(handler, number, prompt)
    return answer


def test_passing_trouble():
    error = lambda code, **headers: lambda h, n, p: h.reply(code, json.dumps({"error": {"message": "busy"}}), **headers)
    for name, answer, requests, more in (
            ("500 and 503 pass", sequence(error(500), error(503), error(502)), 3, {}),
            ("a body that is no completion passes", sequence(lambda h, n, p: h.reply(200, "<html>"), lambda h, n, p: h.reply(200, "{}"),
                                                             lambda h, n, p: h.reply(200, '{"choices": []}')), 3, {}),
            ("a dropped connection passes", sequence(drop), 1, {}),
            ("a reply cut short passes", sequence(cut_short), 1, {}),
            ("a connection that hangs is given up", sequence(lambda h, n, p: time.sleep(4)), 1, {"judge__timeout_s": 1.2}),
            ("a reply that trickles is given up", sequence(trickle), 1, {"judge__timeout_s": 1.2})):
        out = fresh()
        with endpoint(answer) as server:
            done = run(out, server.url, "--yes", **more)
            late = len(server.seen) - (ALL + TWICE + requests)  # on a machine that stands still, more than was meant runs out of time
            check(name, done.returncode == 0 and (late >= 0 if more else late == 0) and cached(out) == ALL + TWICE,
                  f"{len(server.seen)} requests, {show(done)}")
    out = fresh()
    with endpoint(sequence(error(429, Retry_After="1"))) as server:
        done = run(out, server.url, "--yes", judge__concurrency=1)
        times = [seen["time"] for seen in server.seen]
        check("Retry-After is kept", done.returncode == 0 and times[1] - times[0] >= 0.95 and len(times) == ALL + TWICE + 1, show(done))
    out = fresh()
    with endpoint(sequence(error(429, Retry_After="86400"))) as server:
        done = run(out, server.url, "--yes", judge__concurrency=1)
        check("a day is too long to wait", done.returncode == 1 and len(server.seen) == 1 and "wait 86400 s" in done.stderr, show(done))


def drop(h, n, p):
    h.connection.shutdown(socket.SHUT_RDWR)
    h.close_connection = True


def cut_short(h, n, p):
    h.send_response(200)
    h.send_header("Content-Length", "500")
    h.end_headers()
    h.wfile.write(b'{"choices": [')
    h.close_connection = True


def trickle(h, n, p):
    h.send_response(200)
    h.send_header("Content-Length", "5000")
    h.end_headers()
    for _ in range(80):
        h.wfile.write(b" ")
        h.wfile.flush()
        time.sleep(0.05)


def chunked(h, n, p):
    raw = completion(json.dumps(scores(p))).encode()
    h.send_response(200)
    h.send_header("Transfer-Encoding", "chunked")
    h.end_headers()
    for at in range(0, len(raw), 7):
        piece = raw[at:at + 7]
        h.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        h.wfile.flush()
    h.wfile.write(b"0\r\n\r\n")


def test_lasting_trouble():
    out = fresh()
    with endpoint(chunked) as server:
        done = run(out, server.url, "--yes")
        check("chunked replies", done.returncode == 0 and len(server.seen) == ALL + TWICE, show(done))
    for code, words in ((401, "judge.api_key_env"), (403, "judge.api_key_env"), (402, "HTTP 402"), (404, "judge.base_url"), (405, "HTTP 405")):
        out = fresh()
        with endpoint(lambda h, n, p: h.reply(code, json.dumps({"error": {"message": f"no: {h.headers['Authorization']}"}}))) as server:
            done = run(out, server.url, "--yes")
            check(f"{code} stops at once", done.returncode == 2 and len(server.seen) <= 4 and words in done.stderr and not done.stdout and
                  KEY not in done.stderr and cached(out) == 0, f"{len(server.seen)} requests, {show(done)}")
    with endpoint(good) as elsewhere, endpoint(lambda h, n, p: h.reply(302, "", Location=elsewhere.url + "/chat/completions")) as server:
        done = run(fresh(), server.url, "--yes")
        check("a redirect is not followed", done.returncode == 2 and "HTTP 302" in done.stderr and not elsewhere.seen, show(done))
    out = fresh()
    with endpoint(lambda h, n, p: h.reply(500, "oh\nno")) as server:
        done = run(out, server.url, "--yes", judge__retries=1)
        check("an endpoint that fails on and on is left", done.returncode == 1 and 10 <= len(server.seen) <= 16 and
              "in a row were not answered" in done.stderr and "oh no" in done.stderr and not done.stdout, f"{len(server.seen)}, {show(done)}")
        server.answer = good
        done = run(out, server.url, "--yes")
        check("and asked again later", done.returncode == 0 and cached(out) == ALL + TWICE, show(done))
    out, bad = fresh(), {}

    def some(h, n, p):  # refuses or fails for one problem, always
        if "What is 2" in p:
            return h.reply(400, json.dumps({"error": {"message": "context too long"}}))
        if "What is 4" in p:
            return h.reply(500, "")
        good(h, n, p)
    with endpoint(some) as server:
        done = run(out, server.url, "--yes", "--json", judge__retries=1, judge__repeat_share=0, judge__concurrency=1)
        report = json.loads(done.stdout) if done.stdout else {}
        statuses = report.get("judge", {}).get("statuses", {})
        check("what is not answered is missing and counted", done.returncode == 1 and statuses.get("refused") == 2 and statuses.get("unanswered") == 2 and
              statuses.get("scored") == 8 and all(m["measures"]["logic"]["problems"] == 4 for m in report["methods"]), show(done))
        check("and said", "4 requests were not answered" in done.stderr and cached(out) == 8, done.stderr)
        before, server.answer = len(server.seen), good
        done = run(out, server.url, "--yes", judge__repeat_share=0)
        check("only that is asked again", done.returncode == 0 and len(server.seen) - before == 4, show(done))
    out = fresh()
    with endpoint(sequence(lambda h, n, p: h.reply(200, completion("x" * (3 << 20))))) as server:
        done = run(out, server.url, "--yes")
        check("a huge reply is not taken", done.returncode == 1 and "longer than" in done.stderr and cached(out) == ALL + TWICE - 1, show(done))
    with endpoint(good) as server:
        url = server.url
    done = run(fresh(), url, "--yes", judge__retries=1)
    check("nobody listens", done.returncode == 1 and "127.0.0.1" in done.stderr, show(done))


# ---- what the judge says ----------------------------------------------------------------------------------------------------

CONTENTS = [
    ('{"logic": 1, "formula": 2, "semantic": 3}', (1, 2, 3)),
    ('Sure! Here it is:\n```json\n{"logic": 4.5,\n "formula": 0, "semantic": 10, "why": "{braces}"}\n```\nAnything else?', (4.5, 0, 10)),
    ('<think>{"logic": 1, "formula": 1, "semantic": 1} no...</think>{"logic": 2, "formula": 2, "semantic": 2}', (2, 2, 2)),
    ('{"scores": {"semantic": 7, "logic": 5, "formula": 6}}', (5, 6, 7)),
    ('{"logic": 11, "formula": 2, "semantic": 3}', "out_of_range"),
    ('{"logic": 1, "formula": -0.5, "semantic": 3}', "out_of_range"),
    ('{"logic": "7", "formula": 2, "semantic": 3}', "unparsed"),
    ('{"logic": 7, "formula": 2}', "unparsed"),
    ('I cannot judge this.', "unparsed"),
    ('{"logic": 7, "formula": 2, "semantic": ', "unparsed"),
    ('{"logic": NaN, "formula": 2, "semantic": 3}', "unparsed"),
    (None, "unparsed"),
]


def test_contents():
    """Each content once, by the problem's number and the method; what is not scored is missing, never 0."""
    def answer(h, n, p):
        h.reply(200, completion(CONTENTS[2 * int(re.search(r"What is (\d)", p).group(1)) + attempts(p)[0][1]][0]))
    out = fresh()
    with endpoint(answer) as server:
        done = run(out, server.url, "--yes", "--json", judge__repeat_share=0)
        check("contents of all kinds", done.returncode == 0, show(done))
        found = {(r[0], r[2]): r for r in rows(out)}
        for i, (content, expected) in enumerate(CONTENTS):
            r = found[("grpoarm", "dsdrarm")[i % 2], f"p{i // 2}"]
            if isinstance(expected, str):
                check(f"content {i}", r[4] == expected and r[5:] == (None,) * 4, (content, r))
            else:
                check(f"content {i}", r[4] == "scored" and r[5:8] == expected and abs(r[8] - sum(expected) / 3) < 1e-12, (content, r))
        report = json.loads(done.stdout)
        logic = report["methods"][0]["measures"]["logic"]
        check("the mean is over what was scored", logic["problems"] == 2 and abs(logic["value"] - 1.5) < 1e-12, logic)
        difference = report["methods"][1]["difference_to_first"]["logic"]
        check("differences are over problems scored for both", difference["problems"] == 2 and difference["p"] == 0.5, difference)
        check("unscored is counted", report["judge"]["statuses"]["unparsed"] == 6 and report["judge"]["statuses"]["out_of_range"] == 2, report["judge"])
        again = run(out, server.url, "--json", judge__repeat_share=0)
        check("and paid for once", again.returncode == 0 and len(server.seen) == ALL and again.stdout == done.stdout, show(again))
    out = fresh()
    with endpoint(lambda h, n, p: h.reply(200, completion("Let me think about", finish_reason="length"))) as server:
        done = run(out, server.url, "--yes", "--json")
        report = json.loads(done.stdout)
        check("an answer that ends at its limit is cut", done.returncode == 0 and report["judge"]["statuses"]["cut"] == ALL + TWICE, show(done))
        check("no score at all is no number", report["methods"][0]["measures"]["overall"]["value"] is None and
              report["judge"]["repeats"]["mean_absolute_difference"]["logic"] is None, report)


# ---- interruptions ----------------------------------------------------------------------------------------------------------

def slowly(h, n, p):
    time.sleep(0.05)
    good(h, n, p)


def interrupted(out, server, after, which, **settings):
    process = subprocess.Popen(command(out, server.url, "--yes", **settings), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=ENVIRONMENT,
                               cwd=ROOT, stdin=subprocess.DEVNULL, text=True)
    while server.answered < after and process.poll() is None:
        time.sleep(0.002)
    process.send_signal(which)
    return process, process.communicate()[1]


def test_interruptions():
    for after in (1, 5, 9):
        out = fresh()
        with endpoint(slowly) as server:
            process, _ = interrupted(out, server, after, signal.SIGKILL)
            time.sleep(0.15)  # what was under way is answered to nobody
            before, kept = len(server.seen), cached(out)
            check(f"killed after {after}: what was answered is kept", process.returncode == -signal.SIGKILL and after - 4 <= kept <= before and
                  not rows(out), f"{kept} of {before}")
            done = run(out, server.url, "--yes", "--json")
            check(f"killed after {after}: the rest is asked, no more", done.returncode == 0 and len(server.seen) - before == ALL + TWICE - kept, show(done))
            check(f"killed after {after}: never twice what was kept", cached(out) == ALL + TWICE)
            whole = run(fresh(), server.url, "--yes", "--json")
            check(f"killed after {after}: the same report", whole.stdout == done.stdout, whole.stdout)
    out = fresh()
    with endpoint(slowly) as server:
        process, words = interrupted(out, server, 4, signal.SIGINT)
        check("Ctrl-C: exit 3, what was asked is kept", process.returncode == 3 and cached(out) == len(server.seen) < ALL and "goes on" in words,
              f"{process.returncode} {cached(out)} {len(server.seen)} {words}")
        done = run(out, server.url, "--yes")
        check("Ctrl-C: every request was made once", done.returncode == 0 and len(server.seen) == ALL + TWICE, show(done))
    out = fresh()
    with endpoint(lambda h, n, p: time.sleep(0.4) or good(h, n, p)) as server:
        process = subprocess.Popen(command(out, server.url, "--yes"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=ENVIRONMENT,
                                   cwd=ROOT, stdin=subprocess.DEVNULL)
        while not server.seen and process.poll() is None:
            time.sleep(0.002)
        second = run(out, server.url, "--yes")
        check("two at once in a folder", second.returncode == 2 and f"process {process.pid}" in second.stderr, show(second))
        process.kill()
        process.wait()


def test_full_disk():
    """Files may not grow beyond a size: what was answered before is kept, and asked for no more."""
    out = fresh()
    with endpoint(good) as server:
        limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        done = subprocess.run(command(out, server.url, "--yes", judge__concurrency=1), capture_output=True, text=True, env=ENVIRONMENT, cwd=ROOT,
                              stdin=subprocess.DEVNULL, preexec_fn=limit)
        kept, before = cached(out), len(server.seen)
        check("a full disk", done.returncode == 1 and "judge.db" in done.stderr and 0 < kept < before < ALL, f"{kept} of {before}, {show(done)}")
        done = run(out, server.url, "--yes")
        check("and on when there is room", done.returncode == 0 and len(server.seen) - before == ALL + TWICE - kept, show(done))


# ---- before anything is asked -----------------------------------------------------------------------------------------------

def refused(name, done, *words, code=2):
    lines = done.stderr.splitlines()
    check(name, done.returncode == code and not done.stdout and lines and all(w in lines[-1] for w in words), f"{words}, {show(done)}")


def test_before():
    with endpoint(good) as server:
        u = server.url
        out = fresh()
        refused("no --yes and no terminal", run(out, u), "--yes")
        refused("too dear", run(out, u, judge__input_price=1e4, judge__max_cost=0.01), "judge.max_cost")
        refused("a cost limit without prices", run(out, u, judge__max_cost=5), "--yes")
        estimate = run(out, u, judge__input_price=2, judge__output_price=8)
        words = re.search(r"13 requests to make:\n  about (\d+) tokens in .* at most (\d+) out.*; about (\S+), by", estimate.stderr)
        check("the estimate", words and int(words.group(2)) == 13 * 256 and
              math.isclose(float(words.group(3)), (2 * int(words.group(1)) + 8 * 13 * 256) / 1e6, rel_tol=1e-3), estimate.stderr)
        twins = [evaluation(f"twin-{i}", 0) for i in (1, 2)]
        once = run(out, u, "--yes", "--json", evaluations=twins, judge__repeat_share=0)
        means = [m["measures"]["overall"] for m in json.loads(once.stdout)["methods"]]
        check("the same responses of two methods are judged once", once.returncode == 0 and len(server.seen) == 6 and means[0] == means[1] and
              "6 of the same responses as others, 6 requests" in once.stderr and len(rows(out)) == 12 and means[0]["problems"] == 6, show(once))
        server.seen.clear()
        out = fresh()
        refused("no model", run(out, u, judge__model=None), "judge.model")
        refused("no endpoint", run(out, judge__model="x"), "judge.base_url")
        refused("no such folder", run(out, u, evaluations=(ROOT / "none",)), "none", "run.db")
        refused("the same twice", run(out, u, evaluations=(GRPO, str(GRPO) + "/")), "given twice")
        refused("a record of training", run(out, u, evaluations=(evaluation("training", 0, passes=("validation",)),)), "dsdr eval")
        refused("more samples than there are", run(out, u, judge__samples=32), "judge.samples=4")
        refused("one sample", run(out, u, evaluations=(evaluation("one", 0, samples=1),), judge__samples=0), "one response")
        refused("nothing in common", run(out, u, evaluations=(GRPO, evaluation("nothing", 0, problems=0))), "dsdr eval")
        (ROOT / "prompt.txt").write_text("Score {problem}")
        refused("a prompt without responses", run(out, u, judge__prompt=ROOT / "prompt.txt"), "{responses}")
        refused("no such prompt", run(out, u, judge__prompt=ROOT / "none.txt"), "judge.prompt", "none.txt")
        refused("no such problems", run(out, u, data__val_files=ROOT / "none.jsonl"), "none.jsonl")
        refused("no encoder", run(out, u, algorithm__dsdr__encoder=ROOT / "none"), "algorithm.dsdr.encoder")
        refused("no http", run(out, "ftp://127.0.0.1/v1", "--yes"), "http")
        refused("a URL that is none", run(out, "http://[::1/v1", "--yes"), "http://[::1/v1")
        (ROOT / "bad").mkdir()
        (ROOT / "bad/judge.db").write_text("this is no database, and it is long enough to look at\n" * 30)
        refused("judge.db is something else", run(ROOT / "bad", u, "--yes"), "judge.db")
        (ROOT / "other").mkdir()
        sqlite3.connect(ROOT / "other/judge.db").execute("create table mine(x)").connection.commit()
        refused("judge.db is another database", run(ROOT / "other", u, "--yes"), "judge.db", "dsdr judge")
        check("nothing was asked", not server.seen, len(server.seen))
        # A price that is low enough, and a prompt of one's own.
        (ROOT / "prompt.txt").write_text("Mine: {responses} {other} {problem}")
        done = run(out, u, judge__input_price=1, judge__max_cost=1, judge__prompt=ROOT / "prompt.txt", judge__response_limit=100)
        check("a cost below the limit needs no word", done.returncode == 0 and len(server.seen) == ALL + TWICE, show(done))
        check("one's own prompt", all(t.startswith("Mine: [response 1]") and "{other}" in t for t in prompts(server)))
        before = len(server.seen)
        long = evaluation("long", 0, text=lambda m, p, s: "\u00e9" * 60 + f"Attempt {s} of m0:" + "x" * 200)
        done = run(fresh(), u, "--yes", evaluations=(long,), judge__response_limit=101, data__val_files=None)
        check("long responses are cut between characters and counted", done.returncode == 0 and "28 of 28 responses are longer" in done.stderr and
              all(t.count("\u00e9" * 50 + " [cut here]") == 4 for t in prompts(server)[before:]), show(done))
        check("problems that are not known are not shown", "the text of 6 of 6 problems" in done.stderr and
              all("(not given)" in t for t in prompts(server)[before:]), done.stderr)
        keyless = subprocess.run(command(fresh(), u, "--yes", judge__api_key_env="NO_SUCH_KEY"), capture_output=True, text=True, env=ENVIRONMENT, cwd=ROOT)
        check("no key, no header", keyless.returncode == 0 and "Authorization" not in server.seen[-1]["headers"] and "NO_SUCH_KEY" in keyless.stderr,
              show(keyless))


def on_a_terminal(answer, *arguments, **settings):
    """The exit code and what the terminal shows, for someone who types `answer`."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(command(*arguments, **settings), stdin=theirs, stderr=theirs, stdout=subprocess.DEVNULL, env=ENVIRONMENT, cwd=ROOT)
    os.close(theirs)
    os.write(ours, answer)
    shown = b""
    with contextlib.suppress(OSError):  # the terminal ends with the process
        while piece := os.read(ours, 4096):
            shown += piece
    os.close(ours)
    return process.wait(), shown.decode()


def test_terminal():
    out = fresh()
    with endpoint(good) as server:
        for answer in (b"n\n", b"\n", b"\x04"):
            code, shown = on_a_terminal(answer, out, server.url)
            check(f"asked on a terminal: {answer}", code == 2 and not server.seen and "go on? [y/N]" in shown and "nothing was asked" in shown, shown)
        code, shown = on_a_terminal(b"y\n", out, server.url)
        check("asked on a terminal: yes", code == 0 and len(server.seen) == ALL + TWICE and "the cost is unknown" in shown, shown)


def test_without_endpoint():
    same = evaluation("same", 0, text=lambda m, p, s: f"It is \\(a = {p}\\).")
    out = fresh()
    done = run(out, None, "--json", evaluations=(same, GRPO), judge__samples=0)
    report = json.loads(done.stdout) if done.returncode == 0 else {"methods": []}
    check("measures without a judge", done.returncode == 0 and "judge" not in report and len(report["methods"]) == 2, show(done))
    alike = report["methods"][0]["measures"]
    check("equal responses are alike", abs(alike["semantic_similarity"]["value"] - 1) < 1e-6 and alike["formula_similarity"]["value"] == 1 and
          alike["distinct_equation_share"]["value"] == 0.25, alike)
    other = report["methods"][1]["measures"]
    check("formula similarity by hand", abs(other["formula_similarity"]["value"] - 2 / 6) < 1e-12, other)  # two of six pairs are alike
    check("nothing to note", "note" not in done.stderr, done.stderr)
    begun = run(out, evaluations=(same, evaluation("begun", 0, problems=5, state="begun")))
    check("an unfinished evaluation is noted", begun.returncode == 0 and "1 of 2 evaluations are unfinished" in begun.stderr and
          "5 problems" in begun.stdout and "1 problem left out" in begun.stdout, show(begun))
    check("rows of similarity", len(rows(out, "select * from similarity where responses = 4")) == 22 and not rows(out))


def test_evaluations_by_dsdr():
    """From dsdr eval to the judge: measures are those of the evaluation itself, problems come from the files it names."""
    folders = [ROOT / f"eval-{seed}" for seed in (1, 2)]
    for seed, folder in enumerate(folders, 1):
        done = subprocess.run([DSDR, "eval", MODEL, MODEL / "test.jsonl", "--folder", folder, "--samples", "16", "--diversity", "data.prompt_key=prompt",
                               'data.prompt_template="{problem}\\n"', "data.max_prompt_length=64", "data.max_response_length=16", f"trainer.seed={seed}",
                               "trainer.threads=1", "verify.workers=1", f"algorithm.dsdr.encoder={ENCODER}"], capture_output=True, text=True, cwd=ROOT)
        check(f"dsdr eval, seed {seed}", done.returncode == 0, show(done))
    out = fresh()
    with endpoint(good) as server:
        done = run(out, server.url, "--yes", "--json", evaluations=folders, judge__samples=16, data__val_files=None)
        check("dsdr judge of dsdr eval", done.returncode == 0 and "note" not in done.stderr, show(done))
        report = json.loads(done.stdout)
        check("its problems are shown", len(server.seen) == 63 and all(re.search(r"What is \d+ \+ \d+\?", t) for t in prompts(server)), prompts(server)[0])
    for folder, method in zip(folders, report["methods"]):
        db = sqlite3.connect(folder / "run.db")
        for name in ("semantic_similarity", "formula_similarity", "distinct_equation_share"):
            expected, = db.execute("select value from evaluation_summary where pass = 'pass@k' and source = 'test' and metric = ?", (name,)).fetchone()
            check(f"{name} is that of the evaluation", abs(method["measures"][name]["value"] - expected) < 1e-6, (method, expected))
        db.close()


def main():
    for name, test in list(globals().items()):
        if name.startswith("test_"):
            start = time.monotonic()
            test()
            print(f"{name}: {time.monotonic() - start:.1f} s", flush=True)
    subprocess.run(["rm", "-rf", ROOT])
    conclude()


if __name__ == "__main__":
    main()
