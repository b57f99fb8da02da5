#!/usr/bin/env python3
"""The report in a browser: drawn whole, in both themes, on a wide and on a narrow screen, without a network and without an error.

usage: report.py DSDR SOURCE file|page         the file as it is written; the page as it is drawn
       report.py --pictures FOLDER PAGE.html        screenshots of each section, to be looked at

Makes a little study with the tiny model of SOURCE/tests/golden (two arms of two seeds, one run that failed, a warm start), writes its
report and those of single runs, and opens them in headless Chromium, which is driven through its debugging pipe. What the page shows
is compared with what run.db says. Without Chromium the page is not opened and the test is skipped.
"""
import base64, html.parser, json, os, pathlib, re, shutil, sqlite3, subprocess, sys, tempfile, time

from checks import check, conclude, scratch


def chromium():
    return next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)


class Browser:
    """Headless Chromium by its debugging pipe: messages are JSON, each ended by a zero byte, on descriptors 3 and 4."""

    def __init__(self):
        self.profile = tempfile.mkdtemp(prefix="dsdr-chromium-")
        to_read, self.to_write = os.pipe()
        self.to_read, from_write = os.pipe()
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
                 "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--force-color-profile=srgb", f"--user-data-dir={self.profile}",
                 "--remote-debugging-pipe", "about:blank"]
        self.process = subprocess.Popen(["bash", "-c", f'exec "$0" "$@" 3<&{to_read} 4>&{from_write}', chromium(), *flags], pass_fds=(to_read, from_write),
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        os.close(to_read), os.close(from_write)
        self.pending, self.number, self.events, self.session = b"", 0, [], None
        target = next(t for t in self.call("Target.getTargets")["targetInfos"] if t["type"] == "page")
        self.session = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def receive(self):
        while b"\0" not in self.pending:
            data = os.read(self.to_read, 1 << 20)
            if not data:
                raise RuntimeError("chromium has ended")
            self.pending += data
        message, self.pending = self.pending.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.to_write, data):]
        while (answer := self.receive()).get("id") != self.number:
            self.events.append(answer)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def run(self, script):
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(f"{script}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def open(self, page, width, height, theme):
        """Opens a file; what went wrong and which addresses were asked for, while it was drawn."""
        self.events.clear()
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}])
        self.call("Page.navigate", url=page.resolve().as_uri())
        until = time.monotonic() + 60
        while not self.run("document.documentElement?.dataset.ready === 'true'") and time.monotonic() < until:
            time.sleep(0.1)
        return self.problems()

    def settle(self):
        self.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def problems(self):
        self.settle()
        wrong, asked = [], []
        for event in self.events:
            name, what = event["method"], event.get("params", {})
            if name == "Runtime.exceptionThrown" or name == "Log.entryAdded" or (name == "Runtime.consoleAPICalled" and what["type"] in ("error", "warning", "assert")):
                wrong.append(what)
            if name == "Network.requestWillBeSent" and not what["request"]["url"].startswith("data:"):
                asked.append(what["request"]["url"])
        return wrong, asked

    def picture(self, path, selector=None, height=None):
        self.settle()
        box = self.run(f"(() => {{ const b = document.querySelector({json.dumps(selector or 'body')}).getBoundingClientRect(); return [b.x + scrollX, b.y + scrollY, b.width, b.height] }})()")
        clip = {"x": max(0, box[0] - 12), "y": max(0, box[1]), "width": box[2] + 24, "height": min(box[3], height or box[3]), "scale": 1}
        data = self.call("Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True)["data"]
        pathlib.Path(path).write_bytes(base64.b64decode(data))

    def close(self):
        try:
            self.session = None
            self.call("Browser.close")
        except (RuntimeError, OSError):
            pass
        self.process.wait(timeout=20)
        os.close(self.to_write), os.close(self.to_read)
        shutil.rmtree(self.profile, ignore_errors=True)


def pictures(folder, page):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    browser = Browser()
    for theme in ("light", "dark"):
        for width in (1280, 375):
            wrong, asked = browser.open(pathlib.Path(page), width, 900, theme)
            print(theme, width, "problems:", wrong, "asked:", [url for url in asked if not url.startswith("file:")])
            for section in ("overview", "curves", "comparison", "rollouts"):
                browser.picture(folder / f"{section}-{theme}-{width}.png", f"#{section}", 3600)
            browser.picture(folder / f"top-{theme}-{width}.png", None, 900)
            for view in ("Entropy", "Gradient"):
                if browser.run(f"[...document.querySelectorAll('#rollouts .toggle button')].filter(b => b.textContent === '{view}' && !b.disabled).map(b => b.click()).length"):
                    browser.picture(folder / f"rollouts-{view.lower()}-{theme}-{width}.png", "#rollouts", 1500)
    browser.close()


if __name__ == "__main__" and sys.argv[1] == "--pictures":
    pictures(*sys.argv[2:])
    sys.exit()


# ---- what is reported on ------------------------------------------------------------------------------------------------------

HOSTILE = "</script><script>window.pwned = 1</script><!-- <b>bold</b> \\(x^2\\) $\\frac{1}{2}$"


def run(dsdr, *arguments, cwd=None, code=0):
    done = subprocess.run([dsdr, *map(str, arguments)], capture_output=True, text=True, cwd=cwd)
    check(f"dsdr {arguments[0]} exits with {code}", done.returncode == code, f"{done.returncode} {done.stdout[-800:]} {done.stderr[-800:]}")
    return done


def make_study(dsdr, source, root):
    """Two arms of two seeds, an evaluation beside one run, a failed seed, a warm start; and what no model would write so soon."""
    model, encoder = source / "tests/golden/model/tiny_lm", source / "tests/golden/model/tiny_bert"
    common = [f"actor_rollout_ref.model.path={model}", 'data.prompt_template="{problem}\\n"', "data.max_prompt_length=64", "verify.workers=1", "trainer.save_freq=-1"]
    for arm in ("dsdr", "grpo"):
        for seed in (1, 2):
            run(dsdr, "train", *common, f"data.train_files={model}/train.jsonl", f"data.val_files={model}/test.jsonl", f"algorithm.method={arm}", f"algorithm.dsdr.encoder={encoder}",
                "data.max_response_length=16", "data.train_batch_size=4", "actor_rollout_ref.rollout.n=4", "actor_rollout_ref.rollout.temperature=1", "actor_rollout_ref.rollout.val_kwargs.n=4",
                "actor_rollout_ref.rollout.val_kwargs.temperature=1", "actor_rollout_ref.rollout.val_kwargs.do_sample=true", "trainer.total_training_steps=6", "trainer.test_freq=3",
                "trainer.probe_freq=2", f"trainer.seed={seed}", f"trainer.default_local_dir={root}/study/{arm}/seed-{seed}")
    for folder in ("dsdr/seed-1", "dsdr/seed-2", "grpo/seed-1"):
        run(dsdr, "eval", root / f"study/{folder}/global_step_6", model / "test.jsonl", model / "train.jsonl", "--folder", root / f"study/{folder}/eval", "--samples", 6, *common[1:4],
            "data.max_response_length=16", "data.prompt_key=prompt", "data.answer_key=answer")
    failed_run = root / "study/grpo/seed-3"
    failed_run.mkdir(parents=True)
    (failed_run / "outcome.json").write_text('{"failed": "train", "reason": "the disk was full"}\n')
    run(dsdr, "sft", *common, "data.train_files=builtin:chained_sums/train?count=10", "data.val_files=builtin:chained_sums/test?count=6", "data.train_batch_size=4", "data.max_response_length=64",
        "trainer.total_training_steps=4", "trainer.test_freq=2", f"trainer.default_local_dir={root}/warm")
    for path in (root / "study").glob("*/seed-*/run.db"):
        with sqlite3.connect(path) as db:
            db.execute("update metrics set value = null where name = 'dsdr/coupling_entropy'")
            db.execute("update rollouts set response = cast(? as text) where step = 6 and sample = 0", (HOSTILE.encode() + b"\xff\xfe",))
            db.execute("update groups set problem = ? || problem", (HOSTILE,))
        db.close()


# ---- the file ------------------------------------------------------------------------------------------------------------------

def data_of(page):
    return json.loads(page.read_text().rsplit('<script type="application/json" id="data">', 1)[1].split("</script>")[0])


class Outside(html.parser.HTMLParser):
    """Addresses that elements and style sheets name, beside places in the page itself and data."""

    def __init__(self):
        super().__init__()
        self.addresses, self.in_style = [], False

    def handle_starttag(self, tag, attributes):
        self.in_style = tag == "style"
        self.addresses += [value for name, value in attributes if name in ("src", "href", "srcset", "action", "poster") and not value.startswith(("#", "data:"))]

    def handle_data(self, data):
        if self.in_style:
            self.addresses += re.findall(r"url\((?!data:)[^)]*\)|@import[^;]*", data)


def check_file(dsdr, root):
    done = run(dsdr, "report", "study", cwd=root)
    page = root / "study/report.html"
    check("where it is", "study/report.html: 5 runs, 384 of 384 responses" in done.stdout, done.stdout)
    run(dsdr, "report", "study", "--output", "again.html", cwd=root)
    check("the same records, the same bytes", page.read_bytes() == (root / "again.html").read_bytes())
    text = page.read_text()
    seen = Outside()
    seen.feed(text)
    outside = seen.addresses + re.findall(r"(?<![.\w])(?:fetch|XMLHttpRequest|WebSocket|EventSource|importScripts|sendBeacon|import)\s*\(", text)
    check("nothing outside is asked for", not outside, outside)
    check("licences are told", "Permission is hereby granted, free of charge" in text and "Khan Academy" in text)
    data = data_of(page)
    check("quantiles of t", all(abs(data["t"][n - 1] - value) <= 1e-3 for n, value in ((1, 12.706), (2, 4.303), (10, 2.228), (100, 1.984))), data["t"])
    for one in data["runs"]:
        if one["done"] < 0:
            check("a failed run is told", one["state"] == "failed" and one["reason"] == "the disk was full", one)
            continue
        with sqlite3.connect(root / one["folder"] / "run.db") as db:
            curve = [value for value, in db.execute("select value from metrics where name = 'critic/score/mean' and step > 0 order by step")]
            rows = db.execute("select count(*) from rollouts").fetchone()[0]
            final = db.execute("select value, low, high from evaluation_summary where source = 'overall' and metric = 'acc/mean@4' order by step desc").fetchone()
            formulas = [f for f, in db.execute("select formula from formulas where step = 3 order by rowid")]
        db.close()
        close = lambda a, b: all((x is None) == (y is None) and (x is None or abs(x - y) <= 1e-5 * max(1, abs(y))) for x, y in zip(a, b))
        check("a curve is the record's", len(one["curves"]["critic/score/mean"]) == len(curve) == 6 and close(one["curves"]["critic/score/mean"], curve), (one["curves"]["critic/score/mean"], curve))
        check("an estimate is the record's", close([row[4:7] for row in one["evaluations"] if row[1:4] == ["validation", "overall", "acc/mean@4"]][-1], final), final)
        beside = root / one["folder"] / "eval/run.db"
        if beside.exists():
            with sqlite3.connect(beside) as db:
                measured = db.execute("select value, low, high from evaluation_summary where pass = 'pass@k' and source = 'train' and metric = 'acc/pass@4'").fetchone()
            db.close()
            check("an evaluation belongs to its run", close([row[4:7] for row in one["evaluations"] if row[1:4] == ["pass@k", "train", "acc/pass@4"]][-1], measured), measured)
        check("every response is kept", one["recorded"] == rows == sum(len(group["rollouts"]) for group in one["groups"]))
        kept = [response for group in one["groups"] if group["step"] == 3 for response in group["rollouts"]]
        if one["label"] == "dsdr":
            check("formulas are those that training compared", [f for response in kept for f in response["formulas"]] == formulas and formulas, formulas[:3])
        pieces = ["".join(p if isinstance(p, str) else p[0] for p in response["text"]) for group in one["groups"] for response in group["rollouts"] if group["step"] == 6 and response["sample"] == 0]
        check("text is kept as it is, but for bytes that are none", pieces == [HOSTILE + "\ufffd\ufffd"] * 4, pieces[:1])
    check("tokens of two groups of every second step", [sum("tokens" in response for group in one["groups"] for response in group["rollouts"]) for one in data["runs"] if one["done"] > 0] == [24] * 4)
    few = data_of_run(dsdr, root, "study", "--rollouts", 64)
    steps = [sorted({group["step"] for group in one["groups"]}) for one in few["runs"] if one["done"] > 0]
    check("few responses: steps with tokens first", few["rollouts"]["kept"] <= 64 and all(s == [2, 6] for s in steps), (few["rollouts"], steps))
    check("no response", data_of_run(dsdr, root, "study", "--rollouts", 0)["rollouts"] == {"kept": 0, "recorded": 384})


def data_of_run(dsdr, root, *arguments):
    run(dsdr, "report", *arguments, "--output", root / "part.html", cwd=root)
    return data_of(root / "part.html")


def check_refusals(dsdr, root):
    for arguments, words in ((["nothing"], "nothing"), ([], "no run"), (["study", "--rollouts", "many"], "--rollouts"), (["study", "study/dsdr"], "twice"), (["study", "--outptu", "x"], "did you mean")):
        done = run(dsdr, "report", *arguments, cwd=root, code=2)
        check(f"a clear message for {arguments}", words in done.stderr, done.stderr)
    before = (root / "study/report.html").read_bytes()
    done = run(dsdr, "report", "study", "--output", "no/such/folder/page.html", cwd=root, code=1)
    check("the file that cannot be written is named", "no/such/folder/page.html" in done.stderr, done.stderr)
    broken = shutil.copytree(root / "study/dsdr/seed-1", root / "broken")
    (broken / "run.db").write_bytes((broken / "run.db").read_bytes()[:9000])
    done = subprocess.run([dsdr, "report", "broken"], capture_output=True, text=True, cwd=root)
    check("a broken record", done.returncode in (1, 2) and "broken/run.db" in done.stderr and not (broken / "report.html").exists(), done.stderr)
    small = subprocess.run(["bash", "-c", 'ulimit -f 400; exec "$0" report study', dsdr], capture_output=True, text=True, cwd=root)
    check("a full disk", small.returncode == 1 and "report.html" in small.stderr, (small.returncode, small.stderr))
    check("what was there stays", (root / "study/report.html").read_bytes() == before and not list(root.glob("study/*.tmp*")), list((root / "study").iterdir()))


# ---- the page ------------------------------------------------------------------------------------------------------------------

CHARTS = """[...document.querySelectorAll('figure.chart')].map(f => { const c = f.querySelector('canvas'), empty = f.querySelector('.empty');
  const copy = new OffscreenCanvas(Math.max(1, c.width), Math.max(1, c.height)).getContext('2d', {willReadFrequently: true}), colours = new Set();
  if (!c.hidden && c.width) copy.drawImage(c, 0, 0);
  const data = copy.getImageData(0, 0, copy.canvas.width, copy.canvas.height).data;
  for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 128) colours.add(data[i] << 16 | data[i + 1] << 8 | data[i + 2]);
  return {id: f.dataset.chart, state: f.dataset.state, points: Number(f.dataset.points), colours: colours.size, says: empty.hidden ? '' : empty.textContent} })"""


def check_drawn(name, browser, missing):
    browser.settle()
    charts = browser.run(CHARTS)
    undrawn = [c for c in charts if c["id"] not in missing and not (c["state"] == "drawn" and c["points"] > 0 and c["colours"] > 3)]
    check(f"{name}: every chart is drawn", charts and not undrawn, undrawn)
    wrong = [c for c in charts if c["id"] in missing and not (c["state"] == "not-recorded" and c["says"] == "not recorded")]
    check(f"{name}: what was not recorded says so", not wrong and set(missing) <= {c["id"] for c in charts}, wrong)
    check(f"{name}: every section is filled", browser.run("[...document.querySelectorAll('main > section')].every(s => s.innerText.length > 60 && s.children.length > 1)"))
    check(f"{name}: nothing is wider than the screen", browser.run("document.documentElement.scrollWidth <= innerWidth"), browser.run("[document.documentElement.scrollWidth, innerWidth]"))
    return {c["id"] for c in charts}


def check_study(browser, page, root):
    drawn = set()
    for theme in ("light", "dark"):
        for width in (1280, 375):
            name = f"{theme}, {width} wide"
            wrong, asked = browser.open(page, width, 900, theme)
            check(f"{name}: no errors", not wrong, wrong)
            check(f"{name}: no network", [url for url in asked if url != page.resolve().as_uri()] == [], asked)
            drawn |= check_drawn(name, browser, ["coupling"])
            back = browser.run("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).reduce((s, x) => s + Number(x), 0)")
            check(f"{name}: the theme asked for", back < 150 if theme == "dark" else back > 600, back)
    check("all charts", {"reward", "accuracy", "validation", "pass", "entropy", "length", "clipped", "semantic", "formula", "dbar", "coupling", "groups", "statuses", "phases", "kernels"} <= drawn and
          any(c.startswith("dots ") for c in drawn) and any(c.startswith("pass-k ") for c in drawn), drawn)
    browser.open(page, 1280, 900, "light")
    titles = browser.run("[...document.querySelectorAll('#curves figcaption strong')].map(s => s.textContent)")
    check("held-out metrics have the names of validation", "Avg@4 on held-out problems" in titles and "Pass@4 on held-out problems" in titles, titles)
    check("hostile text is text", browser.run("window.pwned === undefined && !document.querySelector('.statement b, .response b') && document.querySelector('.statement').textContent.startsWith('</script><script>window.pwned')"))
    check("mathematics is set", browser.run("document.querySelectorAll('.statement .katex').length") == 2 and browser.run("document.fonts.check('16px KaTeX_Main')"))
    for control, values in (("Evaluation", browser.run("passesOf(report.runs)")), ("Metric", browser.run("metricsOf(comparison.pass)"))):
        check(f"something to choose: {control}", len(values) >= 2, values)
        for value in values[::-1]:
            browser.run(f"(() => {{ const s = [...document.querySelectorAll('#comparison .choice')].find(c => c.innerText.startsWith('{control}')).querySelector('select'); s.value = '{value}'; s.dispatchEvent(new Event('change')) }})()")
            check_drawn(f"{control} {value}", browser, ["coupling"])
    check("beside formula similarity", "dsdr is trained on this" in browser.run("document.querySelector('[data-chart=formula]').innerText"))
    check("a failed seed stays in the table", "the disk was full" in browser.run("document.querySelector('#overview table').innerText"))
    check_browser(browser, root)
    browser.run("document.getElementById('theme').click()")
    check("the other theme", browser.run("document.documentElement.dataset.theme") == "dark")
    check_drawn("switched", browser, ["coupling"])
    before = browser.run("figures.find(f => f.id === 'reward').chart.data.datasets.length")
    browser.run("document.querySelector('#legend button').click()")
    after = browser.run("figures.find(f => f.id === 'reward').chart.data.datasets.length")
    check("an arm is hidden", 0 < after < before, (before, after))
    browser.run("document.querySelector('#legend button').click()")
    for label, value in (("Along", "tokens"), ("Along", "hours"), ("Seeds", "lines"), ("Smoothing", "5")):
        browser.run(f"(() => {{ const s = [...document.querySelectorAll('#curves .choice')].find(c => c.innerText.startsWith('{label}')).querySelector('select'); s.value = '{value}'; s.dispatchEvent(new Event('change')) }})()")
        check_drawn(f"{label} {value}", browser, ["coupling"])
    wrong, asked = browser.problems()
    check("no errors in use", not wrong and len(asked) <= 1, (wrong, asked))


def check_browser(browser, root):
    """The group that is shown, against the record."""
    step, serial = map(int, browser.run("document.querySelector('.group').dataset.group").split("/"))
    with sqlite3.connect(root / "study/dsdr/seed-1/run.db") as db:
        rows = db.execute("select sample, status, d_emb, d_eq, dbar, coupling, advantage, length from rollouts where step = ? and serial = ? order by sample", (step, serial)).fetchall()
        tokens = {sample: json.loads(text) for sample, text in db.execute("select sample, tokens from tokens where step = ? and serial = ?", (step, serial))}
    db.close()
    check("the responses of a group stand side by side", browser.run("document.querySelectorAll('.card').length") == len(rows) == 4)
    check("their verdicts", browser.run("[...document.querySelectorAll('.card .badge:first-of-type')].map(b => b.innerText.slice(2).replace(' ', '_'))") == [row[1] for row in rows])
    shown = browser.run("[...document.querySelectorAll('.card')].map(c => [...c.querySelectorAll('dd')].map(d => Number(d.textContent.replace('−', '-').replace('+', ''))))")
    wrong = [(a, b) for a, b in zip(shown, rows) if not all(abs(x - y) <= 6e-3 * max(abs(y), 1e-9) for x, y in zip([a[3], a[4], a[5], a[2], a[1], a[6]], b[2:]))]
    check("d_emb, d_eq, dbar, weight, advantage, length", not wrong, wrong)
    unique = browser.run("[...document.querySelectorAll('.card')].map(c => [...c.querySelectorAll('.chips li')].map(l => [l.className, l.title.match(/in (\\d+) of/)[1]]))")
    check("formulas are unique or shared", any(unique) and all((name == "unique") == (count == "1") for one in unique for name, count in one), unique)
    for view in ("Entropy", "Gradient"):
        browser.run(f"[...document.querySelectorAll('#rollouts .toggle button')].find(b => b.textContent === '{view}').click()")
        spans = browser.run("[...document.querySelectorAll('.card')].map(c => [...c.querySelectorAll('.token')].map(t => [t.textContent, Number((t.style.background.match(/([\\d.]+)\\)$/) || [0, 1])[1])]))")
        check(f"{view} of every token", [[text for text, _ in one] for one in spans] == [[t[0].replace("\n", "⏎\n") or "▯" for t in tokens[row[0]]] for row in rows], spans[:1])
        value = 2 if view == "Entropy" else 3
        pairs = [(share, abs(t[value])) for one, row in zip(spans, rows) for (_, share), t in zip(one, tokens[row[0]])]
        most = max(v for _, v in pairs)
        check(f"{view} is the colour", most > 0 and all(abs(share - 0.72 * (v / most) ** 0.5) <= 2e-3 for share, v in pairs), pairs[:5])
    browser.run("document.querySelector('.card').focus()")
    for key in ("ArrowLeft", "ArrowRight"):
        browser.call("Input.dispatchKeyEvent", type="keyDown", key=key, code=key)
        moved = browser.run("document.querySelector('.group').dataset.group")
        check(f"{key} goes to another group", (moved == f"{step}/{serial}") == (key == "ArrowRight"), moved)


def check_single(dsdr, browser, root):
    for folder, missing in (("study/grpo/seed-1", ["semantic", "formula", "distinct", "dbar", "coupling"]), ("warm", [])):
        page = root / f"{folder.replace('/', '-')}.html"
        run(dsdr, "report", folder, "--output", page, cwd=root)
        wrong, asked = browser.open(page, 1280, 900, "light")
        check(f"{folder} alone: no errors, no network", not wrong and len(asked) <= 1, (wrong, asked))
        charts = check_drawn(f"{folder} alone", browser, missing)
        check(f"{folder} alone: its charts", ("sft-loss" in charts) == (folder == "warm") == ("reward" not in charts), charts)


def main():
    dsdr, source, part = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve(), sys.argv[3]
    if part == "page" and not chromium():
        print("skip: the report's page is opened in Chromium, which is not installed (scripts/setup.sh --developer)")
        return
    root = scratch("report")
    make_study(dsdr, source, root)
    if part == "file":
        check_file(dsdr, root)
        check_refusals(dsdr, root)
    else:
        run(dsdr, "report", "study", cwd=root)
        browser = Browser()
        check_study(browser, root / "study/report.html", root)
        check_single(dsdr, browser, root)
        browser.close()
    shutil.rmtree(root)
    conclude()


if __name__ == "__main__":
    main()
