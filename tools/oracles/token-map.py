"""Goldens of tokenizer compression, made with Hugging Face `tokenizers` (the Rust normalizers themselves).

    pip install tokenizers==0.23.3
    python tools/oracles/token-map.py map TOKENIZER_JSON OUT     the whole token map of one tokenizer
    python tools/oracles/token-map.py text OUT                   normalized forms of random strings
    python tools/oracles/token-map.py code-points OUT            digests over the normalized form of every code point
    python tools/oracles/token-map.py ids OUT                    ids and texts of small tokenizers with odd id spaces
    python tools/oracles/token-map.py encode TOKENIZER_JSON OUT  token ids of a set of texts

The compression follows the published description: decode each id alone; text holding U+FFFD keys by the vocabulary
string, else by the normalized text, or by the text itself where that is empty; keys numbered by first occurrence.
"""

import base64
import hashlib
import json
import random
import struct
import sys
import unicodedata
import zlib
from collections import Counter

import tokenizers
from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers

SENTINEL = "\ue000"
NORMALIZER = normalizers.Sequence(
    [
        normalizers.NFKC(),
        normalizers.NFD(),
        normalizers.StripAccents(),
        normalizers.Lowercase(),
        normalizers.Replace(Regex(r"[ \t\r\n]+"), " "),
        normalizers.Replace(Regex(r"^ $"), SENTINEL),
        normalizers.Strip(),
        normalizers.Replace(SENTINEL, " "),
    ]
)


def compress(path):
    tokenizer = Tokenizer.from_file(path)
    size = tokenizer.get_vocab_size(with_added_tokens=True)
    ids, keys, raw, empty = [], {}, 0, 0
    for token in range(size):
        text = tokenizer.decode([token], skip_special_tokens=False)
        if "\ufffd" in text:
            key, raw = tokenizer.id_to_token(token), raw + 1
        else:
            key = NORMALIZER.normalize_str(text)
            if not key:
                key, empty = text, empty + 1
        ids.append(keys.setdefault(key, len(keys)))
    return ids, list(keys), raw, empty


def varint(number):
    out = bytearray()
    while number >= 128:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def packed(ids):
    """Per id: 0 for the next new id, else a varint of the id + 1. Deflated, base64."""
    out, new = bytearray(), 0
    for value in ids:
        out += b"\0" if value == new else varint(value + 1)
        new += value == new
    return base64.b64encode(zlib.compress(bytes(out), 9)).decode()


def file_digest(path):
    with open(path, "rb") as file:
        return "sha256:" + hashlib.sha256(file.read()).hexdigest()


def map_golden(path):
    ids, keys, raw, empty = compress(path)
    merged = Counter(ids).most_common(12)
    return {
        "tokenizers": tokenizers.__version__,
        "tokenizerDigest": file_digest(path),
        "tokens": len(ids),
        "compressed": len(keys),
        "rawKeys": raw,
        "emptyForms": empty,
        "merged": [[keys[i], n] for i, n in merged],
        "digest": "sha256:" + hashlib.sha256(struct.pack(f"<{len(ids)}I", *ids)).hexdigest(),
        "keysDigest": "sha256:" + hashlib.sha256(json.dumps(keys, ensure_ascii=True, separators=(",", ":")).encode()).hexdigest(),
        "packed": packed(ids),
    }


# Single characters and ranges where normalizers differ from each other and from JavaScript.
TRICKY = (
    "ΣσςİıIiẞßſKÅΩ\ufeff\u0085\u00a0\u200b\u200c\u200d\u2028\u2029\u202f\u205f\u3000\u1680\u180e\u001c\u001f\t\r\n\v\f  "
    "\u0301\u0308\u0323\u0345\u0903\u093e\u20dd\u20e3\u0488\u3099\u309a\u0f71\u0f72\u1cf2\u1cf3\u1cf7\u05b0\u064b"
    "éÉñçŁøàÀêÔôüÖ가각갂힣각ᄒㄱㅏﬁﬃﬀŉǆǅ㎏㌀㋿①Ⅷ½²ªº™…‼¼ＡｂＺ１！ﾊﾞｶﾞ𝐀𝒃𝔷𝟙𝟘ℌℵ豈龜々𠀀が ザ"
    "ꟲꭩᾳᾼᾴΆώϔẛṩ\ue000\ufffd<|>_-'\"aZz09.,{}ǰ׳שׁﷺﷲ\U0001d15e\U0001d164\U0001f16c\U0001fbf0\U0001e030\U000105c9\U00011938"
)
RANGES = [
    (0x20, 0x7E), (0xA0, 0x17F), (0x300, 0x36F), (0x370, 0x3FF), (0x590, 0x5FF), (0x600, 0x6FF), (0x7FD, 0x8FF),
    (0x900, 0xDFF), (0xE00, 0xFFF), (0x1100, 0x11FF), (0x1AB0, 0x1AFF), (0x1CD0, 0x1DFF), (0x1E00, 0x1FFF),
    (0x2000, 0x20FF), (0x2100, 0x214F), (0x3000, 0x30FF), (0x3130, 0x33FF), (0xA640, 0xA8FF), (0xAC00, 0xD7A3),
    (0xF900, 0xFAFF), (0xFB00, 0xFDFF), (0xFE00, 0xFFEF), (0x105C0, 0x105FF), (0x10780, 0x107BF), (0x11000, 0x1245F),
    (0x16100, 0x1612F), (0x16D60, 0x16D6F), (0x1CCD0, 0x1CF4F), (0x1D100, 0x1D1FF), (0x1D400, 0x1D7FF),
    (0x1E000, 0x1E6FF), (0x1F100, 0x1F1FF), (0x1FB00, 0x1FBFF), (0x20000, 0x2FA1D), (0xE0100, 0xE01EF),
]  # fmt: skip


def text_golden(count=4000, seed=20260107372):
    rng = random.Random(seed)

    def character():
        if rng.random() < 0.5:
            return rng.choice(TRICKY)
        low, high = rng.choice(RANGES)
        return chr(rng.randint(low, high))

    texts = ["", " ", "  ", "\t", "\n \r", "\u00a0", "\u3000", "\u0301", " \u0301", "Σ", "ΑΣ", "ΑΣ Σ", "\ufeff", "\u0085"]
    while len(texts) < count:
        text = "".join(character() for _ in range(rng.randint(1, 12)))
        if rng.random() < 0.2:
            text = unicodedata.normalize(rng.choice(["NFC", "NFD", "NFKC", "NFKD"]), text)
        if rng.random() < 0.2:
            text = rng.choice([" ", "\n", "\u2003"]) + text + rng.choice(["", " ", "\t\t"])
        texts.append(text)
    return {
        "tokenizers": tokenizers.__version__,
        "seed": seed,
        "cases": [[text, NORMALIZER.normalize_str(text)] for text in texts],
    }


CODE_POINT_BLOCK = 1024


def code_points_golden():
    blocks = []
    for first in range(0, 0x110000, CODE_POINT_BLOCK):
        forms = [
            NORMALIZER.normalize_str(f"x{chr(c)}x")
            for c in range(first, first + CODE_POINT_BLOCK)
            if not 0xD800 <= c < 0xE000
        ]
        blocks.append(hashlib.sha256("\n".join(forms).encode()).hexdigest()[:8])
    return {"tokenizers": tokenizers.__version__, "block": CODE_POINT_BLOCK, "digests": blocks}


ENCODE_TEXTS = [
    "", " ", "Hello, world!", "The Quick BROWN fox jumped over 13 lazy dogs.", "it's don't I'LL we've they'd",
    "深度求索的条件记忆表。", "東京へ行きました。カタカナとひらがな", "안녕하세요 세계", "Привет, мир! Ёлка", "مرحبا بالعالم", "שלום עולם",
    "नमस्ते दुनिया", "สวัสดีชาวโลก", "Ελληνικά: ΟΔΥΣΣΕΥΣ Σ", "İstanbul ıspanak ŞĞÜ", "naïve café résumé", "nai\u0308ve cafe\u0301",
    "👍🏽 👩‍👩‍👧‍👦 🇩🇪 emoji 🤖!", "𝒎𝒂𝒕𝒉 𝔸ℝ ﬁ ﬂ ½ ²", "１２３ＡＢＣ", "3.14159 1,000,000 12345678901234567890 0x1F 1e-9",
    "a  b   c    d", "\n\n\n", "  leading and trailing  ", "tabs\tand\r\nline\n\n  ends \n", " \n \t x", "\u00a0nbsp\u3000wide\u2003em",
    "def f(x):\n    return x ** 2  # square\n\n\nif __name__ == '__main__':\n\tprint(f(3))", "const a = {b: [1, 2]}; // x\n",
    "<html><body class=\"a\">&nbsp;</body></html>", "https://example.org/path?q=1&r=a%20b#frag", "user@example.org", "$E = mc^2$ \\frac{a}{b}",
    "!!!???...---***", "---\n***\n\t```js\n", "snake_case camelCase PascalCase kebab-case SCREAMING_CASE",
    "\ufeffBOM first", "a\u200bb\u200dc", "\u0000\u0001\u001f", "e\u0301\u0323\u20dd", "\ue000 \ufffd", "#!/bin/sh\nset -e", "¿Qué? ¡Sí!", "“quotes” — dash…",
    "Zażółć gęślą jaźń", "Tiếng Việt có dấu", "ქართული ენა", "አማርኛ", "𠀀𠮷 rare", "ᚠᛇᚻ runes", "null undefined NaN",
    "<｜begin▁of▁sentence｜>Hi<｜end▁of▁sentence｜>", "<｜User｜>What?<｜Assistant｜><think>\nHm\n</think>", "x <｜▁pad▁｜> y<|im_start|>user\nhi<|im_end|>", "<|endoftext|>",
    "Unpaired < |User| > <｜User", "a" * 300, "ab" * 100, " " * 100, "=" * 77, "哈" * 60, "The cat sat. " * 20, "\n".join(f"{i}. item {i * i}" for i in range(20)),
]  # fmt: skip


def encode_golden(path):
    tokenizer = Tokenizer.from_file(path)
    return {
        "tokenizers": tokenizers.__version__,
        "tokenizerDigest": file_digest(path),
        "cases": [[text, tokenizer.encode(text, add_special_tokens=False).ids] for text in ENCODE_TEXTS],
    }


BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}
SENTENCEPIECE = {
    "type": "Sequence",
    "decoders": [
        {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "},
        {"type": "ByteFallback"},
        {"type": "Fuse"},
        {"type": "Strip", "content": " ", "start": 1, "stop": 0},
    ],
}


def small_tokenizer(vocab, added=(), decoder=BYTE_LEVEL):
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    model = {"dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": i, "content": content, "special": special, **flags} for i, content, special in added],
        "normalizer": None,
        "pre_tokenizer": None,
        "post_processor": None,
        "decoder": decoder,
        "model": {"type": "BPE", **model, "fuse_unk": False, "byte_fallback": False, "vocab": vocab, "merges": []},
    }


def ids_golden():
    letters = {"a": 0, "b": 1, "c": 2, "\u0120": 3}
    odd = [
        ("added after the vocabulary", small_tokenizer(letters, [(4, "<x>", True), (5, "<y>", False)])),
        ("gaps between added ids", small_tokenizer(letters, [(10, "<x>", True), (12, "<y>", False)])),
        ("added out of order", small_tokenizer(letters, [(5, "<x>", True), (4, "<y>", True)])),
        ("added already in the vocabulary", small_tokenizer(letters, [(0, "a", True), (4, "<x>", True)])),
        ("added in the vocabulary under another id", small_tokenizer(letters, [(7, "a", True)])),
        ("added twice", small_tokenizer(letters, [(4, "<x>", True), (5, "<x>", True), (6, "<y>", True)])),
        ("added without text", small_tokenizer(letters, [(4, "", True), (5, "<x>", True)])),
        ("holes in the vocabulary", small_tokenizer({"a": 0, "b": 5, "c": 2})),
        ("an added token that falls into a hole", small_tokenizer({"a": 0, "b": 5, "c": 2}, [(3, "<x>", True)])),
        ("an added token above holes", small_tokenizer({"a": 0, "b": 5, "c": 2}, [(5, "b", True), (6, "<x>", True)])),
        ("an added token pushed onto a vocabulary id", small_tokenizer({"a": 0, "b": 3, "c": 2}, [(9, "<x>", True)])),
        (
            "added tokens in and out of the byte alphabet",
            small_tokenizer(
                letters,
                [(4, "\u00e9", True), (5, "\u0120\u00e9 x", False), (6, "\u0120\u0120", False), (7, "\u00e3", False)],
            ),
        ),
        (
            "bytes",
            small_tokenizer(
                {"\u00e6\u0139\u00a5": 0, "\u00e6": 1, "\u65e5": 2, "\u65e5\u0120": 3, "\u00ef\u00bb\u00bf": 4, "\u0122": 5}
                | {"\u0143\u0144": 6, "\u0121": 7, "\u010a": 8, "~\u00a1\u00ac\u00ae\u00ff": 9, "\u00c2\u00a0": 10, "a\u0120b": 11}
                | {"\u0144": 12, "\u00a0": 13, "\u00ad": 14, "\u0100": 15, "\u0143": 16, "\u0145": 17, " ": 18, "\u00ef\u00bf\u00bd": 19}
            ),
        ),
        ("every byte", small_tokenizer({c: i for i, c in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))})),
        ("no decoder", small_tokenizer({**letters, "\u00e9": 4}, [(5, "<x>", True)], None)),
        (
            "a sequence of byte level and fuse",
            small_tokenizer(letters, [(4, "\u00e9", True)], {"type": "Sequence", "decoders": [BYTE_LEVEL, {"type": "Fuse"}]}),
        ),
        (
            "sentencepiece",
            small_tokenizer(
                {"\u2581": 0, "\u2581\u2581": 1, "\u2581a\u2581": 2, "<0x41>": 3, "<0xe9>": 4, "<0xE9>": 5, "<0x4>": 6}
                | {"<0xGG>": 7, "x<0x41>": 8, "<0x0A>": 9, "  b": 10, "<0x20>": 11, "<0x+1>": 12, "": 13},
                [(14, "<s>", True), (15, "\u2581<s>", True)],
                SENTENCEPIECE,
            ),
        ),
    ]
    cases = []
    for name, tokenizer_json in odd:
        tokenizer = Tokenizer.from_str(json.dumps(tokenizer_json))
        size = tokenizer.get_vocab_size(with_added_tokens=True)
        ids = [[tokenizer.id_to_token(i), tokenizer.decode([i], skip_special_tokens=False)] for i in range(size + 8)]
        cases.append({"name": name, "json": tokenizer_json, "size": size, "ids": ids})
    return {"tokenizers": tokenizers.__version__, "cases": cases}


def main(arguments):
    command, *rest = arguments
    make = {"map": map_golden, "text": text_golden, "code-points": code_points_golden, "ids": ids_golden, "encode": encode_golden}[command]
    golden = make(*rest[:-1])
    with open(rest[-1], "w", encoding="ascii") as file:
        json.dump(golden, file, ensure_ascii=True, separators=(",", ":"))
        file.write("\n")
    print({key: value for key, value in golden.items() if key not in ("packed", "cases", "digests")})


if __name__ == "__main__":
    main(sys.argv[1:])
