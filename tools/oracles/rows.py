"""Expected values for the row encodings, from NumPy and ml_dtypes.

    pip install numpy ml_dtypes
    python tools/oracles/rows.py

Writes packages/core/test/fixtures/rows-codes.json (what each code of each format means), rows-casts.bin with its index
rows-casts.json (float32 values and their codes), rows-encoded.json (whole rows, encoded and decoded), and
manifest-v41.json (the manifest of two shards in the layout of DeepSeek-V4.1-Flash; their offsets are made up). Everything
is little-endian. NaNs are written as one NaN per format, since their sign and payload mean nothing here.
"""

import base64
import hashlib
import json
import math
from pathlib import Path

import ml_dtypes
import numpy as np

FIXTURES = Path(__file__).parents[2] / "packages/core/test/fixtures"
E4M3 = ml_dtypes.float8_e4m3fn
E8M0 = ml_dtypes.float8_e8m0fnu
BF16 = ml_dtypes.bfloat16
np.seterr(all="ignore")  # infinities and NaNs are among the cases
VERSIONS = {"numpy": np.__version__, "ml_dtypes": ml_dtypes.__version__}


def bits32(values):
    """float32 bits, every NaN as 0x7fc00000."""
    values = np.asarray(values, dtype=np.float32)
    return np.where(np.isnan(values), np.uint32(0x7FC00000), values.view(np.uint32)).astype("<u4")


def text(array):
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def write_json(name, value):
    (FIXTURES / name).write_text(json.dumps(value, indent=1) + "\n")


def codes():
    wide = np.arange(65536, dtype=np.uint16)
    out = {"made by": "tools/oracles/rows.py", "versions": VERSIONS}
    for name, dtype in (("f16", np.float16), ("bf16", BF16)):
        data = bits32(wide.view(dtype).astype(np.float32)).tobytes()
        # The first digits of the digest of each 256 codes tell where a difference lies.
        blocks = [sha256(data[at : at + 1024])[:8] for at in range(0, len(data), 1024)]
        out[name] = {"sha256": sha256(data), "blocks": " ".join(blocks)}
    narrow = np.arange(256, dtype=np.uint8)
    for name, dtype in (("e4m3", E4M3), ("e8m0", E8M0)):
        data = bits32(narrow.view(dtype).astype(np.float32))
        out[name] = {"sha256": sha256(data.tobytes()), "bits": " ".join(f"{b:08x}" for b in data)}
    write_json("rows-codes.json", out)


def midpoints(values):
    """Half-way between neighbours, and one float32 step to either side of it."""
    values = np.unique(values[np.isfinite(values)].astype(np.float64))
    middle = ((values[:-1] + values[1:]) / 2).astype(np.float32)
    up, down = np.float32(np.inf), np.float32(-np.inf)
    return np.concatenate([middle, np.nextafter(middle, up), np.nextafter(middle, down)])


def cast_values(rng):
    halves = np.arange(65536, dtype=np.uint16).view(np.float16).astype(np.float32)
    brains = np.arange(65536, dtype=np.uint16).view(BF16).astype(np.float32)
    eights = np.arange(256, dtype=np.uint8).view(E4M3).astype(np.float32)
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, -np.nan, 2.0**-149, -(2.0**-149), 2.0**-126, 3.4028234663852886e38]
    special += [-3.4028234663852886e38, 65504, 65519.99609375, 65520, -65520, 448, -448, 464, -464, 480, 1e30, -1e30]
    special += [2.0**-24, 2.0**-25, 2.0**-25 * (1 + 2**-23), 3 * 2.0**-25, 2.0**-14, 2.0**-9, 2.0**-10, 3 * 2.0**-10, 2.0**-6]
    parts = [
        np.array(special, dtype=np.float32),
        eights,
        midpoints(eights),
        rng.choice(midpoints(halves), 6000),
        rng.choice(midpoints(brains), 6000),
        rng.integers(0, 2**32, 6000, dtype=np.uint64).astype(np.uint32).view(np.float32),
        rng.standard_normal(4000).astype(np.float32),
        (rng.standard_normal(2000) * 200).astype(np.float32),
        (rng.choice([-1.0, 1.0], 4000) * np.exp2(rng.uniform(-27, 17, 4000))).astype(np.float32),
        rng.integers(0, 2**23, 1000, dtype=np.uint64).astype(np.uint32).view(np.float32),
    ]
    return np.concatenate(parts)


def to_e4m3(values):
    """Saturating cast: clamped before it is cast, as quantisers do; NaN stays NaN."""
    return np.clip(np.asarray(values, dtype=np.float32), -448, 448).astype(E4M3).view(np.uint8)


def casts():
    values = cast_values(np.random.default_rng(20261121))
    nan = np.isnan(values)
    half = np.where(nan, np.uint16(0x7E00), values.astype(np.float16).view(np.uint16)).astype("<u2")
    brain = np.where(nan, np.uint16(0x7FC0), values.astype(BF16).view(np.uint16)).astype("<u2")
    eight = np.where(nan, np.uint8(0x7F), to_e4m3(values))
    data = bits32(values).tobytes() + half.tobytes() + brain.tobytes() + eight.tobytes()
    (FIXTURES / "rows-casts.bin").write_bytes(data)
    layout = "n float32 values, n f16 codes, n bf16 codes, n e4m3 codes"
    write_json("rows-casts.json", {"versions": VERSIONS, "layout": layout, "n": len(values), "sha256": sha256(data)})


def encode_int8(row):
    largest = float(np.max(np.abs(row)))
    scale = largest / 127
    if scale < 2.0**-126:
        scale = math.ceil(scale * 2.0**149) * 2.0**-149
    scale = np.float32(scale)
    if np.isinf(scale * np.float32(127)):
        scale = np.nextafter(scale, np.float32(0))
    quotient = row.astype(np.float64) / float(scale) if scale > 0 else np.zeros(row.shape)
    q = np.clip(np.rint(quotient), -127, 127).astype(np.int8)
    return q.tobytes() + scale.astype("<f4").tobytes()


def decode_int8(data, width):
    rows = np.frombuffer(data, np.uint8).reshape(-1, width + 4)
    scales = np.ascontiguousarray(rows[:, width:]).view("<f4")
    return rows[:, :width].copy().view(np.int8).astype(np.float32) * scales


def encode_blocks(row):
    codes, scales = b"", b""
    for block in row.reshape(-1, 32):
        largest = float(np.max(np.abs(block)))
        k = -126
        while largest > math.ldexp(448.0, k):
            k += 1
        codes += to_e4m3((block.astype(np.float64) * math.ldexp(1.0, -k)).astype(np.float32)).tobytes()
        scales += np.array([math.ldexp(1.0, k)], dtype=np.float32).astype(E8M0).tobytes()
    return codes + scales


def decode_blocks(data, width):
    rows = np.frombuffer(data, np.uint8).reshape(-1, width + width // 32)
    values = rows[:, :width].copy().view(E4M3).astype(np.float32)
    scales = rows[:, width:].copy().view(E8M0).astype(np.float32)
    return values * np.repeat(scales, 32, axis=1)


def row_values(rng, width):
    rows = [rng.standard_normal(width) * s for s in (1, 1e-3, 1e4, 1e-30, 1e30)]
    rows += [np.zeros(width), np.full(width, 448.0), np.full(width, -449.0), np.full(width, 3.4028234663852886e38)]
    rows += [np.full(width, 2.0**-149), np.arange(width) * 2.0**-149, rng.standard_normal(width) * 2.0**-128]
    rows += [np.where(np.arange(width) % 2 == 0, 1.0, 1e-6), (np.arange(width) - width / 2) * 0.5]
    rows += [np.exp2(rng.uniform(-140, 127, width)) * rng.choice([-1, 1], width) for _ in range(8)]
    rows += [rng.standard_normal(width) * np.exp2(rng.uniform(-20, 20)) for _ in range(16)]
    return np.array(rows).astype(np.float32)


def encoded():
    rng = np.random.default_rng(7)
    width, stored_scale = 64, 0.000199317932
    scale = np.float32(stored_scale)
    values = row_values(rng, width)
    random_bytes = rng.integers(0, 256, 32 * (width + 4), dtype=np.uint8).tobytes()
    for_blocks = rng.integers(0, 256, 256 * (width + 2), dtype=np.uint8).reshape(256, -1)
    for_blocks[:, width] = np.arange(256)  # each scale once at least
    scaled = (values / scale).astype(np.float32)
    cases = {
        "int8": (b"".join(encode_int8(row) for row in values), decode_int8, random_bytes),
        "fp8-e4m3-e8m0": (b"".join(encode_blocks(row) for row in values), decode_blocks, for_blocks.tobytes()),
        "fp8-e4m3": (
            to_e4m3(scaled).tobytes(),
            lambda data, _: np.frombuffer(data, np.uint8).view(E4M3).astype(np.float32) * scale,
            bytes(range(256)),
        ),
    }
    out = {"versions": VERSIONS, "width": width, "scale": stored_scale, "values": text(bits32(values)), "encodings": {}}
    for name, (rows, decode, foreign) in cases.items():
        out["encodings"][name] = {
            "rows": base64.b64encode(rows).decode(),
            "decoded": text(bits32(decode(rows, width))),
            "foreign": base64.b64encode(foreign).decode(),
            "foreignDecodedSha256": sha256(bits32(decode(foreign, width)).tobytes()),
        }
    out["sha256"] = sha256(json.dumps(out["encodings"], sort_keys=True, separators=(",", ":")).encode())
    write_json("rows-encoded.json", out)


def is_prime(n):
    return n % 2 == 1 and all(n % d for d in range(3, math.isqrt(n) + 1, 2))


def manifest():
    vocab, sizes, heads, layers = 99092, [16_000_000] * 3, 8, [1, 14]
    half_bound = (2**63 - 1) // vocab // 2
    derived, modules, seen = [], [], set()
    for shard, layer in enumerate(layers):
        draws = np.random.default_rng(10007 * layer).integers(0, half_bound, len(sizes) + 1, dtype=np.int64)
        primes, offsets, rows = [], [], 0
        for size in sizes:
            cursor, own = size, []
            while len(own) < heads:
                if cursor not in seen and is_prime(cursor):
                    seen.add(cursor)
                    own.append(cursor)
                    offsets.append(rows)
                    rows += cursor
                cursor += 1
            primes.append(own)
        multipliers = [str(2 * int(draw) + 1) for draw in draws]
        derived.append({"layer": layer, "multipliers": multipliers, "primes": primes, "offsets": offsets, "rows": rows})
        start = 1024
        shard_file = {"uri": f"model-{47 + shard:05}-of-00048.safetensors", "bytes": start + rows * 264}
        data = {**shard_file, "offset": start + rows * 8, "stride": 256}
        scales = {**shard_file, "offset": start, "stride": 8}
        parts = [{"firstRow": 0, "rows": rows, "data": data, "scales": scales}]
        modules.append({"layer": layer, "rows": rows, "encoding": {"kind": "fp8-e4m3-e8m0", "width": 256}, "parts": parts})
    addressing = {"kind": "deepseek-v4.1", "vocabSize": vocab, "seed": 0, "layers": layers}
    addressing |= {"tableSizes": sizes, "headsPerOrder": heads, "padId": 2}
    out = {"format": "engram", "version": 1, "addressing": addressing, "derived": {"layers": derived}, "modules": modules}
    (FIXTURES / "manifest-v41.json").write_text(json.dumps(out, indent=2) + "\n")


codes()
casts()
encoded()
manifest()
