#!/usr/bin/env python3
"""A small model's weights as one safetensors shard each in float32, bfloat16 and int8 with a scale per output.

  python3 tools/oracles/checkpoint-weights.py OUT_DIR

Writes checkpoint-f32.safetensors, checkpoint-bf16.safetensors, checkpoint-int8.safetensors and prints their sha256.
Matrices are narrowed, all but the router's and the streams'; vectors stay float32. Written by the reference
implementation of safetensors, so that whole files can be compared. Needs oracle-requirements.txt.
"""

import hashlib
import sys
from pathlib import Path

import ml_dtypes
import numpy as np
from safetensors import TensorSpec, serialize

BLOCK = "blocks.0"
SHAPES = {"embedding.weight": (11, 6)}
for part, inner in [
    ("attention", {"query.weight": (8, 6), "key.weight": (4, 6), "value.weight": (4, 6), "output.weight": (6, 8)}),
    (
        "feedForward",
        {
            "router.weight": (3, 6),
            "router.bias": (3,),
            "experts.gate.weight": (3, 5, 6),
            "experts.up.weight": (3, 5, 6),
            "experts.down.weight": (3, 6, 5),
            "shared.gate.weight": (5, 6),
            "shared.up.weight": (5, 6),
            "shared.down.weight": (6, 5),
        },
    ),
]:
    SHAPES[f"{BLOCK}.{part}Streams.projection.weight"] = (8, 12)
    SHAPES[f"{BLOCK}.{part}Streams.projection.bias"] = (8,)
    SHAPES[f"{BLOCK}.{part}Streams.scale"] = (3,)
    SHAPES[f"{BLOCK}.{part}Norm.weight"] = (6,)
    SHAPES |= {f"{BLOCK}.{part}.{name}": shape for name, shape in inner.items()}
SHAPES |= {"norm.weight": (6,), "head.weight": (11, 6)}


def values():
    random = np.random.default_rng(4)
    tensors = {name: random.standard_normal(shape).astype(np.float32) for name, shape in SHAPES.items()}
    head = tensors["head.weight"]
    head[0] = 0  # a scale of 0
    head[1] = [127, 0.5, 1.5, 2.5, -0.5, -1.5]  # a scale of 1, and ties
    head[2] = [-127, 126.5, -126.5, -0.0, 1e-30, -2.5]
    head[3] = np.float32([1.00390625, 1.01171875, -1.00390625, 1.0039064, 65504, 1e-40])  # ties of bfloat16, a subnormal
    return tensors


def narrowed(name, tensor):
    return tensor.ndim >= 2 and ".router." not in name and "Streams." not in name


def bf16(name, tensor):
    return {name: (("bfloat16", tensor.astype(ml_dtypes.bfloat16)) if narrowed(name, tensor) else ("float32", tensor))}


def int8(name, tensor):
    if not narrowed(name, tensor):
        return {name: ("float32", tensor)}
    scale = (np.abs(tensor).max(-1).astype(np.float64) / 127).astype(np.float32)
    divisor = np.where(scale == 0, 1, scale).astype(np.float64)[..., None]
    codes = np.rint(tensor.astype(np.float64) / divisor).astype(np.int8)
    return {name: ("int8", codes), f"{name}.scale": ("float32", scale)}


def main(out):
    encodings = {"f32": lambda name, tensor: {name: ("float32", tensor)}, "bf16": bf16, "int8": int8}
    for encoding, encode in encodings.items():
        tensors, alive = {}, []  # a specification holds an address alone
        for name, tensor in values().items():
            for own, (dtype, data) in encode(name, tensor).items():
                data = np.ascontiguousarray(data)
                alive.append(data)
                tensors[own] = TensorSpec(dtype=dtype, shape=list(data.shape), data_ptr=data.ctypes.data, data_len=data.nbytes)
        content = bytes(serialize(tensors, {"format": "pt"}))
        (out / f"checkpoint-{encoding}.safetensors").write_bytes(content)
        print(encoding, len(content), hashlib.sha256(content).hexdigest())


main(Path(sys.argv[1]))
