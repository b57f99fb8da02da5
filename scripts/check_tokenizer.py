"""Compares tokenizers with Hugging Face's on many texts: encoding with and without special and added tokens, decoding, truncation, saving.

usage: check_tokenizer.py PROGRAM DATA_FOLDER [--gguf FILE.gguf] [--bert FOLDER] [--folder FOLDER ...] [--count 10000] [--characters]

PROGRAM is build/.../check_text_tokenize. DATA_FOLDER holds *.jsonl whose text values are used; generated texts are added up to --count.
--gguf: the tokenizer of that file, against transformers' conversion of it with the pre-tokenizer that the file names (transformers loses the
digit split of "smollm"). --bert and --folder: a Hugging Face folder, against AutoTokenizer's backend. --characters: also every single code
point, alone and between letters; differences there are counted by Unicode category. Exit status 1 if any text differs.
"""
import argparse, glob, json, os, subprocess, sys, tempfile, unicodedata
from collections import Counter

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "fixtures"))
import text_samples
from tokenizers import Tokenizer, pre_tokenizers


def texts_of(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for v in value.values():
            yield from texts_of(v)
    elif isinstance(value, list):
        for v in value:
            yield from texts_of(v)


def gather(folder, count):
    found, seen = [], set()
    for path in sorted(glob.glob(os.path.join(folder, "*.jsonl"))):
        for line in open(path, encoding="utf-8"):
            for text in texts_of(json.loads(line)):
                if text not in seen:
                    seen.add(text)
                    found.append(text)
    step = max(1, len(found) * 2 // count)
    chosen = text_samples.HAND_MADE + found[::step]
    return chosen + list(text_samples.generated(max(0, count - len(chosen))))


def rows(program, tokenizer, arguments, inputs):
    data = "\n".join(json.dumps(x) for x in inputs) + "\n"
    done = subprocess.run([program, tokenizer, *arguments], input=data, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{program} {tokenizer} {arguments}: {done.stderr}")
    return [json.loads(line) for line in done.stdout.split("\n")[:-1]]  # not splitlines(): texts hold U+2028


def clean(text):  # reading JSON lines turns NUL into U+FFFD
    return text.replace("\x00", "\ufffd")


failures = 0


def report(what, texts, ours, theirs):
    global failures
    wrong = [i for i in range(len(texts)) if ours[i] != theirs[i]]
    print(f"{what}: {len(texts)} texts, {len(wrong)} differences")
    for i in wrong[:5]:
        print("   ", repr(texts[i])[:150], "\n      ours  ", str(ours[i])[:200], "\n      theirs", str(theirs[i])[:200])
    failures += len(wrong)


def compare(program, path, backend, texts, label, limit=None):
    texts = [clean(t) for t in texts]
    for special in (True, False):
        for add in (False, True):
            backend.encode_special_tokens = not special
            backend.no_truncation()
            backend.no_padding()
            theirs = [e.ids for e in backend.encode_batch(texts, add_special_tokens=add)]
            ours = [r["ids"] for r in rows(program, path, ["encode"] + ["special"] * special + ["add"] * add, [{"text": t} for t in texts])]
            report(f"{label}: encode special={special} add={add}", texts, ours, theirs)
            if special and add:
                for skip in (False, True):
                    want = [t.encode("utf-8", "surrogatepass") for t in backend.decode_batch(theirs, skip_special_tokens=skip)]
                    got = [bytes.fromhex(r["hex"]) for r in rows(program, path, ["decode"] + ["skip"] * skip, [{"ids": i} for i in theirs])]
                    report(f"{label}: decode skip={skip}", texts, [g.decode("utf-8", "replace").encode() for g in got], want)
                if limit:
                    backend.enable_truncation(limit)
                    cut = [e.ids for e in backend.encode_batch(texts)]
                    got = rows(program, path, ["encode", "special", "add", f"limit={limit}"], [{"text": t} for t in texts])
                    report(f"{label}: limit {limit}", texts, [(r["ids"], r["cut"]) for r in got], [(c, len(c) < len(t)) for c, t in zip(cut, theirs)])
                    backend.no_truncation()


def compare_characters(program, path, backend, label):
    for form in ("{}", "a{}b", " {} 1"):
        points = [c for c in range(1, 0x110000) if not 0xD800 <= c <= 0xDFFF]
        texts = [form.format(chr(c)) for c in points]
        backend.encode_special_tokens = False
        theirs = [e.ids for e in backend.encode_batch(texts, add_special_tokens=False)]
        ours = [r["ids"] for r in rows(program, path, ["encode", "special"], [{"text": t} for t in texts])]
        wrong = [c for c, a, b in zip(points, ours, theirs) if a != b]
        print(f"{label}: every code point in {form!r}: {len(wrong)} of {len(points)} differ", dict(Counter(unicodedata.category(chr(c)) for c in wrong)), [hex(c) for c in wrong[:20]])


def arrays_of(path):
    from gguf import GGUFReader
    reader = GGUFReader(path)
    get = lambda key: reader.fields[key].contents() if key in reader.fields else None
    t = "tokenizer.ggml."
    return dict(pre=get(t + "pre"), tokens=get(t + "tokens"), types=get(t + "token_type"), merges=get(t + "merges"), bos=get(t + "bos_token_id"),
                eos=get(t + "eos_token_id"), pad=get(t + "padding_token_id"), unk=get(t + "unknown_token_id"), add_bos=bool(get(t + "add_bos_token")),
                chat_template=get("tokenizer.chat_template"))


def check_gguf(options, texts, work):
    from transformers import AutoTokenizer
    folder, name = os.path.split(os.path.abspath(options.gguf))
    reference = AutoTokenizer.from_pretrained(folder, gguf_file=name)
    arrays = arrays_of(options.gguf)
    if arrays["pre"] != "smollm":
        sys.exit(f"no reference is known for the pre-tokenizer {arrays['pre']}")
    reference.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])
    path = os.path.join(work, "model.arrays.json")
    json.dump(arrays, open(path, "w"))
    compare(options.program, path, reference.backend_tokenizer, texts, "GGUF")
    saved, again, hugging = (os.path.join(work, n) for n in ("saved", "again", "hugging_face"))
    subprocess.run([options.program, path, "save", saved], check=True)
    subprocess.run([options.program, saved, "save", again], check=True)
    for file in os.listdir(saved):
        report(f"saved {file} is saved again as it is", [file], [open(os.path.join(saved, file), "rb").read()], [open(os.path.join(again, file), "rb").read()])
    loaded = AutoTokenizer.from_pretrained(saved)
    report("transformers loads what was saved", ["settings"], [(loaded.chat_template, loaded.bos_token_id, loaded.eos_token_id, loaded.pad_token_id, len(loaded))],
           [(arrays["chat_template"], arrays["bos"], arrays["eos"], arrays["pad"], len(arrays["tokens"]))])
    texts = [clean(t) for t in texts]
    report("transformers with what was saved", texts, loaded(texts)["input_ids"], reference(texts)["input_ids"])
    compare(options.program, saved, loaded.backend_tokenizer, texts, "saved folder")
    reference.save_pretrained(hugging)
    compare(options.program, hugging, reference.backend_tokenizer, texts, "transformers' folder")
    if options.characters:
        compare_characters(options.program, path, reference.backend_tokenizer, "GGUF")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("data")
    parser.add_argument("--gguf")
    parser.add_argument("--bert")
    parser.add_argument("--folder", nargs="*", default=[])
    parser.add_argument("--count", type=int, default=10000)
    parser.add_argument("--characters", action="store_true")
    options = parser.parse_args()
    texts = gather(options.data, options.count)
    with tempfile.TemporaryDirectory() as work:
        if options.gguf:
            check_gguf(options, texts, work)
    if options.bert:
        backend = Tokenizer.from_file(os.path.join(options.bert, "tokenizer.json"))
        compare(options.program, options.bert, backend, texts, "BERT", limit=256)
        if options.characters:
            compare_characters(options.program, options.bert, backend, "BERT")
    for folder in options.folder:
        from transformers import AutoTokenizer
        backend = AutoTokenizer.from_pretrained(folder).backend_tokenizer
        compare(options.program, folder, backend, texts, folder)
        if options.characters:
            compare_characters(options.program, folder, backend, folder)
    sys.exit(failures > 0)


main()
