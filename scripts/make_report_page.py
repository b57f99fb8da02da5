#!/usr/bin/env python3
"""Puts the page of `dsdr report` together: one HTML file that needs no other, up to the data that the program writes behind it.

usage: scripts/make_report_page.py SOURCE JAVASCRIPT OUTPUT

SOURCE is the root of the repository; the page is src/study/report/report.html, in which {{styles}}, {{scripts}} and {{notice}} are
filled in. JAVASCRIPT is the folder where Debian's libjs-chart.js and libjs-katex lie. KaTeX's fonts become data URIs; of them the
faces that answers and formulas need are kept. The build calls this (CMakeLists.txt).
"""
import base64, html, pathlib, re, sys

FACES = ("AMS-Regular", "Main-Regular", "Main-Bold", "Main-Italic", "Math-Italic", "Size1-Regular", "Size2-Regular", "Size3-Regular", "Size4-Regular")
SCRIPTS = ("data.js", "metrics.js", "charts.js", "overview.js", "compare.js", "rollouts.js", "report.js")


def katex_style(folder):
    """KaTeX's style sheet with the kept faces inside; a face that is not kept is left out, and its letters fall back to another."""
    def face(match):
        name = re.search(r"KaTeX_([\w-]+)\.woff2", match.group()).group(1)
        if name not in FACES:
            return ""
        data = base64.b64encode((folder / f"fonts/KaTeX_{name}.woff2").read_bytes()).decode()
        return re.sub(r"src:[^;}]*", f"src:url(data:font/woff2;base64,{data}) format('woff2')", match.group(), count=1)
    return re.sub(r"@font-face\{[^}]*\}", face, (folder / "katex.min.css").read_text())


def main():
    source, javascript, output = map(pathlib.Path, sys.argv[1:])
    own = source / "src/study/report"
    scripts = [(javascript / "chart.js/chart.min.js").read_text(), (javascript / "katex/katex.min.js").read_text()]
    scripts += ["'use strict';\n" + (own / name).read_text() for name in SCRIPTS]
    for script in scripts:
        assert "</script" not in script.lower() and "<!--" not in script, "a script would end its element"
    fill = {"styles": "\n".join(f"<style>\n{text}\n</style>" for text in (katex_style(javascript / "katex"), (own / "report.css").read_text())),
            "scripts": "\n".join(f"<script>\n{text}\n</script>" for text in scripts),
            "notice": html.escape((source / "NOTICE").read_text())}
    page = re.sub(r"\{\{(\w+)\}\}", lambda m: fill[m.group(1)], (own / "report.html").read_text())
    output.write_text(page.rstrip("\n"))


if __name__ == "__main__":
    main()
