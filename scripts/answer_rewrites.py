"""Other spellings of an answer that keep its value, and near misses that should not. Used by check_data.py and bench/verify.py.

Everything here works on the text alone and touches only what it is sure of: a rewriting that might change the value is not made.
"""
import re

OPENING, CLOSING = "([{", ")]}"
WORDS = re.compile(r"\\(text|mbox|textbf|mathrm|operatorname|begin|mathbb|mathcal)\b|[A-Za-z]{4,}(?![A-Za-z]*[({_^])")
RELATIONS = re.compile(r"[=<>:|&]|\\(le|ge|leq|geq|ne|neq|in|notin|cup|cap|setminus|mid|to|equiv|approx|pm|mp|sim|subset|pmod|mod|bmod|ldots|dots|cdots|parallel|implies|iff|land|lor|circ|oplus|otimes|rtimes|forall|exists|Rightarrow|rightarrow)\b")
FUNCTIONS = re.compile(r"\\(sin|cos|tan|cot|sec|csc|ln|log|exp|arc\w+|sinh|cosh|tanh|sum|prod|int|lim|max|min|gcd|Re|Im|det|arg)\b")
NUMBER = re.compile(r"-?\d+(\.\d+)?$")
THOUSANDS = re.compile(r"-?\d{1,3}(,\\?!?\s*\d{3})+(\.\d+)?$")


def depth_walk(text):
    """(index, character, depth) of every character outside commands; depth counts brackets and braces."""
    depth, i = 0, 0
    while i < len(text):
        c = text[i]
        if c == "\\":
            if text[i + 1:i + 2] in ("{", "}"):
                depth += 1 if text[i + 1] == "{" else -1
                i += 2
                continue
            command = re.match(r"\\([A-Za-z]+|.)", text[i:], re.S)
            i += command.end() if command else 1
            continue
        if c in OPENING:
            depth += 1
        yield i, c, depth
        if c in CLOSING:
            depth -= 1
        i += 1


def group(text, at):
    """The argument that starts at `at`: (inside, end), of a brace group or of one token; None when there is none."""
    while at < len(text) and text[at] == " ":
        at += 1
    if at >= len(text):
        return None
    if text[at] != "{":
        token = re.match(r"\\[A-Za-z]+|[A-Za-z0-9]", text[at:])
        return (token.group(), at + token.end()) if token else None
    depth = 0
    for i in range(at, len(text)):
        if text[i] == "\\":
            continue
        if text[i] in "{}" and text[i - 1] != "\\":
            depth += 1 if text[i] == "{" else -1
            if depth == 0:
                return text[at + 1:i], i + 1
    return None


def fractions_as_slashes(text):
    found = re.search(r"\\[dt]?frac", text)
    if not found:
        return None
    top = group(text, found.end())
    bottom = top and group(text, top[1])
    before = text[:found.start()].rstrip()
    if not bottom or before[-1:] in ("^", "_") or before[-1:].isdigit() or before.endswith(("\\", "sqrt")) or re.search(r"\\[A-Za-z]+$", before):
        return None
    rest = text[bottom[1]:]
    again = fractions_as_slashes(rest) if "frac" in rest else rest
    return None if again is None else f"{text[:found.start()]}(({top[0]})/({bottom[0]})){again}"


def slashes_as_fractions(text):
    changed = re.sub(r"(?<![\w}/.)^_])(\d+)/(\d+)(?![\w/.^!({\\])", r"\\frac{\1}{\2}", text)
    return changed if changed != text and not WORDS.search(text) else None


def is_expression(text):
    """One value: no relation, no list, no words."""
    return not (WORDS.search(text) or RELATIONS.search(text) or "," in text or ";" in text or "\\\\" in text or "!" in text or "\\%" in text or "^\\circ" in text or text.startswith(("[", "(")) and text.endswith((")", "]")))


def terms(text):
    """Signed terms of a sum at depth 0, or None when it is no plain sum."""
    cuts = [i for i, c, d in depth_walk(text) if d == 0 and c in "+-" and i > 0 and not re.search(r"[*/^_+\-]\s*$|\\(cdot|times|div|frac)\s*$", text[:i])]
    if not cuts:
        return None
    pieces = [text[a:b].strip() for a, b in zip([0] + cuts, cuts + [len(text)])]
    return pieces if all(pieces) and not any(p in "+-" for p in pieces) else None


def sum_reordered(text):
    if not is_expression(text) or re.search(r"\\(sum|prod|int|lim)", text):
        return None
    pieces = terms(text)
    if not pieces:
        return None
    signed = [p if p[0] in "+-" else "+" + p for p in reversed(pieces)]
    return " ".join(signed).lstrip("+ ")


def product_reordered(text):
    if not is_expression(text) or terms(text):
        return None
    factors = re.split(r"\\cdot|\\times|\*", text)
    if len(factors) > 1:
        flat = all(f.count("{") == f.count("}") and f.count("(") == f.count(")") and f.strip() for f in factors)
        return r" \cdot ".join(f.strip() for f in reversed(factors)) if flat and "/" not in text and text[0] != "-" and not FUNCTIONS.search(text) else None
    found = re.fullmatch(r"(\d+)\s*((?:\\sqrt|\\pi|[a-zA-Z(]).*)", text)
    if not found or FUNCTIONS.search(text) or "/" in text or "_" in found.group(1):
        return None
    return f"{found.group(2)} \\cdot {found.group(1)}"


def members(text):
    """Members of \\{..\\} or of a bare list, with the brackets around them."""
    braces = re.fullmatch(r"\\(?:left\\)?\{(.*?)(?:\\right)?\\\}", text, re.S)
    inside = braces.group(1) if braces else text
    if THOUSANDS.match(inside) or "ldots" in text or "dots" in text or re.search(r"\\(text|mbox|mid|begin)|[:;|]", inside):
        return None
    cuts = [i for i, c, d in depth_walk(inside) if c == "," and d == 0]
    if not cuts or any(inside[i + 1:i + 3] == "\\!" for i in cuts):
        return None
    pieces = [inside[a:b].strip() for a, b in zip([0] + [c + 1 for c in cuts], cuts + [len(inside)])]
    if not all(pieces) or not braces and len(pieces) == 2 and all(re.fullmatch(r"\d+", p) for p in pieces) and " " not in inside:
        return None
    return ("\\{", pieces, "\\}") if braces else ("", pieces, "")


def set_reordered(text):
    found = members(text)
    return found and found[0] + ", ".join(reversed(found[1])) + found[2]


TOKEN = re.compile(r"\\(?:text|mbox|textbf|mathrm|operatorname|mathbb|mathcal)\s*\{[^}]*\}|\\(?:begin|end)\{[^}]*\}(?:\{[lcr|]*\})?|\\[A-Za-z]+|\\.|\.?\d[\d.,{}\\! ]*\d|\.?\d|[A-Za-z]+|\s+|.", re.S)


def spaced(text):
    if re.search(r"[A-Za-z]{2,}|\d?\.(\d*\\overline|\d*\()", re.sub(r"\\(?!overline)[A-Za-z]+(\{[^}]*\})?", "", text)) or '"' in text:
        return None
    return " ".join(t for t in TOKEN.findall(text) if t.strip())


def brackets_grown(text):
    changed = re.sub(r"(?<!\\left)(?<!\\right)(?<!\\big)(?<!\\Big)\(", r"\\left(", re.sub(r"(?<!\\right)(?<!\\left)(?<!\\big)(?<!\\Big)\)", r"\\right)", text))
    return changed if changed != text and "\\text" not in text else None


def with_unit(text):
    return text + r" \text{ cm}" if NUMBER.match(text) else None


def disguises(text):
    """The same value in forms that have to be computed: (kind, text). For expressions."""
    if not is_expression(text):
        return []
    return [("doubled and halved", f"\\frac{{2({text})}}{{2}}"), ("a root and its inverse", f"\\frac{{\\sqrt{{3}}({text})}}{{\\sqrt{{3}}}}"),
            ("a difference of squares", f"\\frac{{({text})^2-49}}{{({text})-7}}-7"), ("a root added and taken away", f"({text})+\\sqrt{{8}}-2\\sqrt{{2}}"),
            ("an identity", f"({text})(\\sin^2 1+\\cos^2 1)")]


REWRITINGS = {
    "fraction as slash": fractions_as_slashes,
    "slash as fraction": slashes_as_fractions,
    "terms reordered": sum_reordered,
    "factors reordered": product_reordered,
    "members reordered": set_reordered,
    "spacing": spaced,
    "brackets grown": brackets_grown,
    "unit added": with_unit,
}


def rewritings(gold):
    """(kind, text) of every rewriting that could be made and reads differently."""
    made = ((kind, make(gold)) for kind, make in REWRITINGS.items())
    return [(kind, text) for kind, text in made if text and text != gold]


def mutations(gold):
    """(kind, text): one token of the answer changed, so that it says something else (nearly always: the caller looks)."""
    out = []
    plain = re.sub(r"\\(text|mbox|begin|end|mathrm|textbf)\s*\{[^}]*\}", lambda m: "\0" * len(m.group()), gold)
    if not re.match(r"[-+]?0*\.?0*$|\\(mathbf\{0\}|pm|mp|boxed)", gold):  # -0 is 0
        out.append(("sign", gold[1:].lstrip() if gold.startswith("-") else "-" + gold))
    for i, c, _ in depth_walk(plain):
        if c in "+-" and i > 0:
            out.append(("sign", gold[:i] + ("-" if c == "+" else "+") + gold[i + 1:]))
            break
    digits = [i for i, c in enumerate(plain) if c.isdigit()]
    for i in dict.fromkeys([digits[0], digits[len(digits) // 2], digits[-1]] if digits else []):
        out.append(("digit", gold[:i] + str((int(gold[i]) + 1) % 10) + gold[i + 1:]))
    power = re.search(r"\^\{?(\d+)\}?", plain)
    if power:
        out.append(("exponent", gold[:power.start()] + "^{%d}" % (int(power.group(1)) + 1) + gold[power.end():]))
    elif re.fullmatch(r"-?\d+", gold) and int(gold) not in (-1, 0, 1):  # -1^2 is -1
        out.append(("exponent", gold + "^2"))
    for i, c, _ in depth_walk(plain):
        if c in "()[]" and "," in gold:
            out.append(("bracket", gold[:i] + {"(": "[", "[": "(", ")": "]", "]": ")"}[c] + gold[i + 1:]))
            break
    return [(kind, text) for kind, text in out if text and text != gold]
