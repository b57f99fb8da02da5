"""Rows of the table: what is measured, beside what, the ratio and whether it reaches its target.

A row is a dict, so that results can be kept as JSON. Figures are lists, one a round, in the order in which they were taken; a ratio is
formed in each round, since both sides of a round saw the same state of the machine, and the median is shown with the range.
"""
import datetime, json, statistics


def _median(figures):
    return statistics.median(figures)


def ratio_row(what, unit, ours, beside, theirs, target=None, less_is_better=False, percent=False, note=""):
    """`theirs` may be shorter than `ours` (a slow peer runs in fewer rounds): then the last of it stands for the rest. The ratio is
    dsdr's advantage (or its share of a ceiling, percent)."""
    pairs = [(o, theirs[min(i, len(theirs) - 1)]) for i, o in enumerate(ours)]
    ratios = [t / o if less_is_better else o / t for o, t in pairs]
    return dict(what=what, unit=unit, ours=ours, beside=beside, theirs=theirs, ratios=ratios, target=target, percent=percent, note=note,
                met=None if target is None else _median(ratios) >= target)


def bound_row(what, unit, ours, bound=None, beside="", theirs=(), note="", share_of_peer=False):
    """A figure that has to stay at or below a bound: its own, or with share_of_peer its share of the peer's."""
    ratios = [o / t for o, t in zip(ours, theirs)] if theirs else []
    figure = _median(ratios) if share_of_peer and ratios else _median(ours)
    return dict(what=what, unit=unit, ours=ours, beside=beside, theirs=list(theirs), ratios=ratios, bound=bound, percent=share_of_peer, note=note,
                met=None if bound is None or (share_of_peer and not ratios) else figure <= bound)


def failed_row(what, beside, why):
    return dict(what=what, beside=beside, failed=str(why))


def _figure(x):
    return "0" if x == 0 else f"{x:,.0f}" if x >= 100 else f"{x:.3g}" if x >= 0.01 else f"{x:.1e}"


def _spread(figures, form):
    middle = form(_median(figures))
    low, high = form(min(figures)), form(max(figures))
    return middle if low == high else f"{middle} ({low}-{high})"


def _cells(row):
    if "failed" in row:
        return [row["what"], "", row["beside"], "", f"failed: {row['failed']}", "", ""]
    form = (lambda x: f"{100 * x:.0f}%") if row["percent"] else (lambda x: f"{x:.2f}x")
    if row.get("target") is not None:
        target = f"at least {form(row['target'])}"
    elif row.get("bound") is not None:
        target = f"at most {form(row['bound']) if row['percent'] else (_figure(row['bound']) + ' ' + row['unit']).rstrip()}"
    else:
        target = ""
    mark = {True: "met", False: "MISSED", None: ""}[row["met"]]
    ours, theirs = (f"{_spread(row[side], _figure)} {row['unit']}".rstrip() if row[side] else "" for side in ("ours", "theirs"))
    return [row["what"], ours, row["beside"], theirs, _spread(row["ratios"], form) if row["ratios"] else "", target,
            ", ".join(x for x in (mark, row["note"]) if x)]


HEAD = ["what", "dsdr", "beside", "its figure", "ratio", "target", ""]


def show(groups):
    """The table as text, also Markdown. groups: {name: {"rows": [...], "when": ..., "machine": {...}}}"""
    cells = [[row_cells for row_cells in map(_cells, group["rows"])] for group in groups.values()]
    lines = [HEAD] + [c for group in cells for c in group]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEAD))]
    form = lambda line: "| " + " | ".join(c.ljust(w) for c, w in zip(line, widths)) + " |"
    text = [form(HEAD), "|" + "|".join("-" * (w + 2) for w in widths) + "|"] + [form(line) for line in lines[1:]]
    return "\n".join(line.rstrip() for line in text)


def summary(groups):
    rows = [row for group in groups.values() for row in group["rows"]]
    count = lambda test: sum(1 for row in rows if test(row))
    return (f"{count(lambda r: r.get('met') is True)} targets met, {count(lambda r: r.get('met') is False)} missed, "
            f"{count(lambda r: 'failed' in r)} rows failed")


def keep(path, groups):
    """Merges what was measured into the results of earlier runs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = load(path)
    for name, group in groups.items():
        former = {(r["what"], r["beside"]): r for r in kept.get(name, {"rows": []})["rows"]}
        former.update({(r["what"], r["beside"]): r for r in group["rows"]})
        versions = sorted({*kept.get(name, group)["versions"], *group["versions"]})
        kept[name] = {**group, "rows": list(former.values()), "versions": versions}
    path.write_text(json.dumps(kept, indent=1) + "\n")


def load(path):
    return json.loads(path.read_text()) if path.exists() else {}


def now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%MZ")
