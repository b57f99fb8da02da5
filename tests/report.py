#!/usr/bin/env python3
"""The report in a browser: drawn whole, in both themes, on a wide and on a narrow screen, without a network and without an error.

usage: report.py DSDR SOURCE
       report.py --pictures FOLDER PAGE.html        screenshots of each section, to be looked at

Makes a little study with the tiny model of SOURCE/tests/golden (two arms, two seeds, one evaluated by `dsdr eval`, one run that failed),
writes its report and that of one run alone, and opens them in headless Chromium, which is driven through its debugging pipe. What
the page shows is compared with what run.db says. Without Chromium the tests of the page are skipped; those of the file are not.
"""
import base64, json, os, pathlib, re, shutil, sqlite3, subprocess, sys, tempfile, time

passed, failed = 0, 0


def check(name, condition, detail=""):
    global passed, failed
    passed, failed = passed + bool(condition), failed + (not condition)
    if not condition:
        print(f"FAILED {name}: {str(detail)[:2000]}", flush=True)


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

    def problems(self):
        self.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        wrong, asked = [], []
        for event in self.events:
            name, what = event["method"], event.get("params", {})
            if name == "Runtime.exceptionThrown" or name == "Log.entryAdded" or (name == "Runtime.consoleAPICalled" and what["type"] in ("error", "warning", "assert")):
                wrong.append(what)
            if name == "Network.requestWillBeSent" and not what["request"]["url"].startswith("data:"):
                asked.append(what["request"]["url"])
        return wrong, asked

    def picture(self, path, selector=None, height=None):
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
