#!/usr/bin/env python3
"""Engram modules with random weights, inputs and the outputs that an exact implementation gives.

  python3 tools/oracles/module.py numpy OUT_DIR    module-engram, module-v41: formulae written out in NumPy
  python3 tools/oracles/module.py torch OUT_DIR    module-engram-torch, module-v41-torch, module-v41-fp8: PyTorch's own
                                                   Linear, RMSNorm and Conv1d, other shapes

Both compute in float64 and store float32. Prints each file's sha256. Needs numpy, for the second set torch >= 2.4 too.
"""

import hashlib
import json
import struct
import sys
from pathlib import Path

import numpy as np


# --- NumPy -----------------------------------------------------------------------------------------------------------


def rms_norm(x, weight, eps):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * weight


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def numpy_engram(hidden, e, w, d, streams, kernel, dilation):
    """hidden [T, streams, d], e [T, memory] -> residual update [T, streams, d]."""
    value = e @ w["value_proj.weight"].T + w["value_proj.bias"]
    gated = np.empty_like(hidden)
    for i in range(streams):
        key = rms_norm(e @ w[f"key_projs.{i}.weight"].T + w[f"key_projs.{i}.bias"], w[f"norm1.{i}.weight"], 2.0**-23)
        query = rms_norm(hidden[:, i], w[f"norm2.{i}.weight"], 2.0**-23)
        s = (key * query).sum(-1) / np.sqrt(d)
        gate = sigmoid(np.sign(s) * np.sqrt(np.maximum(np.abs(s), 1e-6)))
        gated[:, i] = gate[:, None] * value
    normed = np.stack([rms_norm(gated[:, i], w[f"short_conv.norms.{i}.weight"], 1e-5) for i in range(streams)], 1)
    flat = normed.reshape(len(normed), -1)
    conv, taps = np.zeros_like(flat), w["short_conv.conv.weight"][:, 0, :]
    for j in range(kernel):
        back = (kernel - 1 - j) * dilation
        shifted = np.zeros_like(flat)
        shifted[back:] = flat[: len(flat) - back] if back else flat
        conv += shifted * taps[:, j]
    return gated + (conv * sigmoid(conv)).reshape(hidden.shape)


def numpy_v41(hidden, e, w, d, streams):
    kv = e @ w["wkv.weight"].T
    keys, value = kv[:, : streams * d].reshape(-1, streams, d), kv[:, streams * d :]
    scale = w["q_weight"] * w["k_weight"]
    rstd = lambda x: 1 / np.sqrt((x * x).mean(-1) + 1e-20)
    dot = (hidden * scale * keys).sum(-1) * rstd(hidden) * rstd(keys) / np.sqrt(d)
    gate = sigmoid(np.copysign(np.sqrt(np.maximum(np.abs(dot), 1e-6)), dot))
    return gate[..., None] * value[:, None, :]


def numpy_set():
    rng = np.random.default_rng(1000)
    t, d, streams, memory, kernel, dilation = 24, 32, 4, 48, 4, 3
    f = lambda *shape: (rng.standard_normal(shape) / np.sqrt(shape[-1])).astype(np.float32)
    w = {"value_proj.weight": f(d, memory), "value_proj.bias": f(d)}
    for i in range(streams):
        w[f"key_projs.{i}.weight"], w[f"key_projs.{i}.bias"] = f(d, memory), f(d)
        w[f"norm1.{i}.weight"], w[f"norm2.{i}.weight"] = 1 + f(d), 1 + f(d)
        w[f"short_conv.norms.{i}.weight"] = 1 + f(d)
    w["short_conv.conv.weight"] = f(streams * d, 1, kernel)
    hidden, e = rng.standard_normal((t, streams, d)).astype(np.float32), rng.standard_normal((t, memory)).astype(np.float32)
    wide = lambda tensors: {k: v.astype(np.float64) for k, v in tensors.items()}
    y = numpy_engram(hidden.astype(np.float64), e.astype(np.float64), wide(w), d, streams, kernel, dilation)
    yield "module-engram", {**w, "hidden": hidden, "embeddings": e, "output": y.astype(np.float32)}
    w = {"wkv.weight": f((streams + 1) * d, memory), "q_weight": 1 + f(streams, d), "k_weight": 1 + f(streams, d)}
    y = numpy_v41(hidden.astype(np.float64), e.astype(np.float64), wide(w), d, streams)
    yield "module-v41", {**w, "hidden": hidden, "embeddings": e, "output": y.astype(np.float32)}


# --- PyTorch ---------------------------------------------------------------------------------------------------------


def torch_set():
    import torch
    from torch import nn

    torch.manual_seed(7)
    torch.set_default_dtype(torch.float64)
    rounded = lambda tensor: tensor.float().double()  # what a float32 file holds is what is computed with
    t, d, streams, memory, kernel, dilation = 37, 20, 3, 28, 3, 4

    class ShortConvolution(nn.Module):
        def __init__(self):
            super().__init__()
            self.norms = nn.ModuleList(nn.RMSNorm(d, eps=1e-5) for _ in range(streams))
            channels = streams * d
            self.conv = nn.Conv1d(channels, channels, kernel, groups=channels, bias=False,
                                  padding=(kernel - 1) * dilation, dilation=dilation)

        def forward(self, u):  # [T, streams, d]
            x = torch.cat([norm(u[:, i]) for i, norm in enumerate(self.norms)], -1)  # [T, C]
            y = self.conv(x.T[None])[0, :, : len(u)].T
            return u + nn.functional.silu(y).reshape(u.shape)

    class Engram(nn.Module):
        def __init__(self):
            super().__init__()
            self.value_proj = nn.Linear(memory, d)
            self.key_projs = nn.ModuleList(nn.Linear(memory, d) for _ in range(streams))
            self.norm1 = nn.ModuleList(nn.RMSNorm(d, eps=torch.finfo(torch.float32).eps) for _ in range(streams))
            self.norm2 = nn.ModuleList(nn.RMSNorm(d, eps=torch.finfo(torch.float32).eps) for _ in range(streams))
            self.short_conv = ShortConvolution()

        def forward(self, hidden, e):
            gates = []
            for i in range(streams):
                score = (self.norm1[i](self.key_projs[i](e)) * self.norm2[i](hidden[:, i])).sum(-1) / d**0.5
                gates.append(torch.sigmoid(score.abs().clamp_min(1e-6).sqrt() * score.sign()))
            gates = torch.stack(gates, 1)
            return self.short_conv(gates[..., None] * self.value_proj(e)[:, None]), gates

    def inputs():
        hidden, e = torch.randn(t, streams, d), torch.randn(t, memory)
        hidden[5] *= 1e-4  # mean squares near the epsilons, so that a wrong one shows
        e[6] *= 1e-3
        hidden[7], e[8], hidden[9], e[9] = 0, 0, 0, 0
        return rounded(hidden), rounded(e)

    engram = Engram()
    with torch.no_grad():
        for name, parameter in engram.named_parameters():
            if "norm" in name:
                parameter.add_(0.3 * torch.randn_like(parameter))
            if name.startswith("value_proj"):
                parameter.mul_(0.02)  # small values, for the convolution's epsilon
            parameter.copy_(rounded(parameter))
        hidden, e = inputs()
        y, gates = engram(hidden, e)
    store = lambda tensors: {k: v.detach().float().numpy() for k, v in tensors.items()}
    yield "module-engram-torch", store({**engram.state_dict(), "hidden": hidden, "embeddings": e, "output": y, "gates": gates})

    def v41(hidden, e, wkv, q_weight, k_weight, dead):
        keys, value = (e @ wkv.T).split([streams * d, d], -1)
        keys = keys.reshape(t, streams, d)
        normed = lambda x: nn.functional.rms_norm(x, (d,), eps=1e-20)
        score = (normed(hidden) * q_weight * normed(keys) * k_weight).sum(-1) / d**0.5
        gates = torch.sigmoid(torch.copysign(score.abs().clamp_min(1e-6).sqrt(), score))
        gates = gates.masked_fill(dead[:, None], 0)
        return gates[..., None] * value[:, None], gates

    dead = torch.zeros(t, dtype=torch.bool)
    dead[[0, 11, 12, 36]] = True
    wkv = rounded(torch.randn((streams + 1) * d, memory) / memory**0.5)
    q_weight, k_weight = (rounded(1 + 0.3 * torch.randn(streams, d)) for _ in range(2))
    hidden, e = inputs()
    hidden[5] *= 1e-7  # mean squares near 1e-20
    hidden = rounded(hidden)
    y, gates = v41(hidden, e, wkv, q_weight, k_weight, dead)
    tensors = store({"wkv.weight": wkv, "q_weight": q_weight, "k_weight": k_weight, "hidden": hidden, "embeddings": e, "output": y, "gates": gates})
    yield "module-v41-torch", {**tensors, "dead": dead.numpy().astype(np.uint8)}

    # As published: wkv in fp8 with one power of two per 32 x 32 block, the scales of key and query in bfloat16.
    d, memory = 40, 36
    rows = (streams + 1) * d
    codes = (torch.randn(rows, memory) * 8).float().to(torch.float8_e4m3fn)
    scale = torch.randint(118, 124, (-(-rows // 32), -(-memory // 32)), dtype=torch.uint8)
    spread = (2.0 ** (scale.double() - 127)).repeat_interleave(32, 0).repeat_interleave(32, 1)[:rows, :memory]
    q_weight, k_weight = ((1 + 0.3 * torch.randn(streams, d)).bfloat16() for _ in range(2))
    hidden, e = inputs()
    y, gates = v41(hidden, e, codes.double() * spread, q_weight.double(), k_weight.double(), torch.zeros(t, dtype=torch.bool))
    tensors = store({"hidden": hidden, "embeddings": e, "output": y, "gates": gates})
    raw = lambda kind, tensor: Raw(kind, list(tensor.shape), tensor.contiguous().view(torch.uint8).numpy().tobytes())
    yield "module-v41-fp8", {"layers.1.engram.wkv.weight": raw("F8_E4M3", codes), "layers.1.engram.wkv.scale": raw("F8_E8M0", scale),
                             "layers.1.engram.q_weight": raw("BF16", q_weight), "layers.1.engram.k_weight": raw("BF16", k_weight),
                             "layers.1.engram.embed.weight": Raw("F8_E4M3", [2, 256], bytes(512)),
                             "layers.1.engram.embed.scale": Raw("F8_E8M0", [2, 8], bytes(16)), **tensors}


# --- files -----------------------------------------------------------------------------------------------------------


class Raw:
    """A tensor of a type that NumPy has not."""

    def __init__(self, kind, shape, data):
        self.kind, self.shape, self.data = kind, shape, data


def as_raw(value):
    if isinstance(value, Raw):
        return value
    array = np.ascontiguousarray(value)
    return Raw({"float32": "F32", "uint8": "U8"}[array.dtype.name], list(array.shape), array.tobytes())


def write_safetensors(path, tensors):
    header, blobs, at = {}, [], 0
    for name, value in tensors.items():
        tensor = as_raw(value)
        header[name] = {"dtype": tensor.kind, "shape": tensor.shape, "data_offsets": [at, at + len(tensor.data)]}
        blobs.append(tensor.data)
        at += len(tensor.data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blobs))
    print(hashlib.sha256(path.read_bytes()).hexdigest(), path.name)


def main():
    sets = {"numpy": numpy_set, "torch": torch_set}
    if len(sys.argv) != 3 or sys.argv[1] not in sets:
        sys.exit(__doc__)
    for name, tensors in sets[sys.argv[1]]():
        write_safetensors(Path(sys.argv[2]) / f"{name}.safetensors", tensors)


if __name__ == "__main__":
    main()
