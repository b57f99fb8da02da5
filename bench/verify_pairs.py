"""Pairs of a gold and an answer for measuring verification, rows {"gold", "answer" or "response", "equal"}.

usage: bench/verify_pairs.py OUT.jsonl [--data FOLDER] [--kind pairs|itself|responses]
pairs      half positives in another spelling, half negatives that look alike. A third of both are about golds with radicals, constants,
           functions or variables and have to be computed: the answer is disguised
itself     golds against themselves
responses  written solutions that end in a boxed answer, rewritten or wrong
Golds come from the .jsonl files of FOLDER ("answer", "solution"), without one from the case list of the tests. The same call writes the
same file.
"""
import argparse, json, pathlib, random, re, sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
import answer_rewrites

BEYOND_RATIONALS = re.compile(r"\\(sqrt|pi|ln|log|sin|cos|tan|arc\w+|alpha|beta|theta|phi|gamma|lambda)\b|(?<![\\A-Za-z])[a-zA-Z](?![A-Za-z])")


def golds_of(folder):
    if folder:
        texts = [str(json.loads(line).get("answer", "")) for path in sorted(folder.glob("*.jsonl")) for line in path.open()]
    else:
        lines = (ROOT / "tests/golden/math/cases.tsv").read_text().splitlines()
        texts = [line.split("\t")[1] for line in lines if line.startswith("equal\t")]
        texts = [text for text in texts if not re.match(r"\(?[A-J][).] ?", text)]  # a choice with its text is no expression to rewrite
    return [text for text in texts if 0 < len(text) <= 200]


def pairs(folder=None, count=3000, seed=1):
    draw, golds, rows = random.Random(seed), golds_of(folder), []
    draw.shuffle(golds)

    def one_of(made):
        return draw.sample([text for _, text in made], min(1, len(made)))

    exact = [g for g in golds if BEYOND_RATIONALS.search(g) and answer_rewrites.is_expression(g)]
    plain = [g for g in golds if not BEYOND_RATIONALS.search(g)]
    for part, share in ((exact, count // 3), (plain, count - count // 3)):
        make = answer_rewrites.disguises if part is exact else answer_rewrites.rewritings
        equal = [dict(gold=g, answer=text, equal=True) for g in part for text in one_of(make(g))]
        different = []  # every second one is another gold, the others differ from their gold by one token
        for k, g in enumerate(part):
            wrong = one_of(answer_rewrites.mutations(g)) if k % 2 else [part[k - 1]]
            if part is exact:  # disguised too, so that its text tells nothing
                wrong = [one_of(answer_rewrites.disguises(text))[0] for text in wrong if answer_rewrites.is_expression(text)]
            different += [dict(gold=g, answer=text, equal=False) for text in wrong if text != g]
        draw.shuffle(different)
        for made, wanted in ((equal, share // 2), (different, share - share // 2)):
            rows += (made * (wanted // max(1, len(made)) + 1))[:wanted]
    draw.shuffle(rows)
    return rows


def itself(folder=None, count=1000, seed=1):
    golds = golds_of(folder)
    random.Random(seed).shuffle(golds)
    return [dict(gold=g, answer=g, equal=True) for g in golds[:count]]


def responses(folder=None, count=1000, seed=1):
    rows = [json.loads(line) for path in sorted(folder.glob("*.jsonl")) for line in path.open()] if folder else []
    rows = [row for row in rows if row.get("solution") and row.get("answer")]
    draw, out = random.Random(seed), []
    draw.shuffle(rows)
    for k, row in enumerate(rows[:count]):
        gold = str(row["answer"])
        made = (answer_rewrites.mutations if k % 2 else answer_rewrites.rewritings)(gold)
        if made:
            answer = draw.choice(made)[1]
            out.append(dict(gold=gold, response=f"{row['solution']}\nSo the answer is $\\boxed{{{answer}}}$.", equal=k % 2 == 0))
    return out


def write(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return len(rows)


if __name__ == "__main__":
    kinds = dict(pairs=pairs, itself=itself, responses=responses)
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1].split("\npairs")[0])
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--data", type=pathlib.Path)
    parser.add_argument("--kind", choices=kinds, default="pairs")
    given = parser.parse_args()
    print(f"{write(given.out, kinds[given.kind](given.data))} rows")
