#!/usr/bin/env python3
"""Safetensors files of the format's reference implementation, for tests of our reader and writer.

  python3 tools/oracles/safetensors-files.py write OUT_DIR    writes the fixtures and prints their sha256
  python3 tools/oracles/safetensors-files.py read FILE        prints what the reference implementation reads, as JSON
  python3 tools/oracles/safetensors-files.py judge FILE...    prints one line a file: ok, or the refusal

Needs numpy and safetensors 0.8 (pip install numpy safetensors).
"""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
from safetensors import TensorSpec, deserialize, serialize

# Bits of one element; the 4- and 6-bit types are packed.
BITS = dict(BOOL=8, F4=4, U8=8, I8=8, F8_E5M2=8, F8_E4M3=8, F8_E8M0=8, F8_E4M3FNUZ=8, F8_E5M2FNUZ=8,
            I16=16, U16=16, F16=16, BF16=16, I32=32, U32=32, F32=32, C64=64, F64=64, I64=64, U64=64)
# What `serialize` calls them.
PYTHON_NAMES = dict(BOOL="bool", F4="float4_e2m1fn_x2", U8="uint8", I8="int8", F8_E5M2="float8_e5m2",
                    F8_E4M3="float8_e4m3fn", F8_E8M0="float8_e8m0fnu", F8_E4M3FNUZ="float8_e4m3fnuz",
                    F8_E5M2FNUZ="float8_e5m2fnuz", I16="int16", U16="uint16", F16="float16", BF16="bfloat16",
                    I32="int32", U32="uint32", F32="float32", C64="complex64", F64="float64", I64="int64", U64="uint64")


def save(tensors, metadata=None):
    """tensors: name -> (dtype, shape, bytes)."""
    keep, specs = [], {}
    for name, (dtype, shape, data) in tensors.items():
        array = np.frombuffer(data or b"\0", np.uint8)
        keep.append(array)
        # The implementation takes the shape of packed 4-bit values in bytes.
        stored = [*shape[:-1], shape[-1] // 2] if dtype == "F4" else shape
        specs[name] = TensorSpec(dtype=PYTHON_NAMES[dtype], shape=stored, data_ptr=array.ctypes.data, data_len=len(data))
    return bytes(serialize(specs, metadata=metadata))


def fixtures():
    rng = np.random.default_rng(20)
    data = lambda count: rng.integers(0, 256, count, dtype=np.uint8).tobytes()
    every = {}
    for dtype, bits in BITS.items():
        shape = [3, 8]
        every[f"type.{dtype}"] = (dtype, shape, bytes(i % 2 for i in range(24)) if dtype == "BOOL" else data(24 * bits // 8))
    yield "safetensors-dtypes", save(every, {"format": "pt"})

    f32 = lambda *shape: ("F32", list(shape), rng.standard_normal(shape).astype("<f4").tobytes())
    names = ["__proto__", "constructor", "toString", "1", "0", "", " ", "a\"b\\c\n\t\u0001", "\u00e9", "\uffff", "\U0001f600", "z"]
    yield "safetensors-names", save({name: f32(1 + i % 2) for i, name in enumerate(names)}, {"__proto__": "\u2028 \"quoted\" \U0001f600"})

    odd = {"scalar": f32(), "one": f32(1), "empty": f32(0), "empty.sides": f32(3, 0, 5), "row": f32(1, 7), "deep": f32(1, 2, 1, 3, 1),
           "byte": ("U8", [3], data(3)), "half": ("F16", [5], data(10)), "brain": ("BF16", [5], data(10)), "long": ("I64", [2], data(16))}
    yield "safetensors-shapes", save(odd)
    yield "safetensors-empty", save({})


def read(path):
    rows = [dict(name=name, dtype=view["dtype"], shape=view["shape"], sha256=hashlib.sha256(view["data"]).hexdigest())
            for name, view in deserialize(Path(path).read_bytes())]
    return json.dumps(sorted(rows, key=lambda row: row["name"]))


def judge(path):
    try:
        deserialize(Path(path).read_bytes())
        return "ok"
    except Exception as error:  # the package raises its own class, and others from the conversion of arguments
        return json.dumps(str(error))  # on one line


def main():
    command, *arguments = sys.argv[1:]
    if command == "write":
        out = Path(arguments[0])
        for name, data in fixtures():
            path = out / f"{name}.safetensors"
            path.write_bytes(data)
            print(hashlib.sha256(data).hexdigest(), path.name)
            (out / f"{name}.json").write_text(read(path) + "\n")
    elif command == "read":
        print(read(arguments[0]))
    elif command == "judge":
        for path in arguments:
            print(judge(path))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
