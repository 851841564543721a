#!/usr/bin/env python3
"""Steps of optimizers as PyTorch takes them, in float64: AdamW, Muon, SparseAdam, Adam, clip_grad_norm_.

  python3 tools/oracles/updates.py CORE_FIXTURES TRAIN_FIXTURES

Writes updates.safetensors (AdamW, Muon, clip) into the first folder and row-updates.safetensors (SparseAdam, Adam) into
the second, and prints their sha256. Values before the first step and gradients are float32 values, so that they are
stored exactly; results are float64.

PyTorch's Muon rounds to bfloat16 within Newton-Schulz. Here that function runs as PyTorch wrote it but for the type, which
is float64. Needs torch >= 2.9 and safetensors.
"""

import hashlib
import inspect
import sys
import textwrap
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch.optim import _muon

source = textwrap.dedent(inspect.getsource(_muon._zeropower_via_newtonschulz))
assert source.count("torch.bfloat16") == 1
exec(source.replace("torch.bfloat16", "torch.float64"), _muon.__dict__)

STEPS = 3


def values(generator, *shape):
    return torch.randn(*shape, generator=generator, dtype=torch.float32).double()


def stepped(out, name, optimizer_of, parameter, gradients, state):
    """Records a parameter before, its gradients, and the parameter and its state after all steps."""
    out[f"{name}.before"] = parameter.float()
    tensor = torch.nn.Parameter(parameter.clone())
    optimizer = optimizer_of([tensor])
    for i, gradient in enumerate(gradients):
        out[f"{name}.gradient.{i}"] = gradient.float()
        tensor.grad = gradient.clone()
        optimizer.step()
        out[f"{name}.after.{i}"] = tensor.detach().clone()
    for ours, theirs in state.items():
        out[f"{name}.{ours}"] = optimizer.state[tensor][theirs].detach().clone()


def core():
    g = torch.Generator().manual_seed(7)
    out = {}
    moments = {"first": "exp_avg", "second": "exp_avg_sq"}
    adam_w = lambda p: torch.optim.AdamW(p, lr=0.02, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.1)
    stepped(out, "adamW", adam_w, values(g, 5, 3), [values(g, 5, 3) for _ in range(STEPS)], moments)
    buffer = {"momentum": "momentum_buffer"}
    for name, shape, options in [
        ("muon.wide", (3, 7), dict(nesterov=True, adjust_lr_fn="original")),
        ("muon.tall", (6, 2), dict(nesterov=True, adjust_lr_fn="original")),
        ("muon.square", (4, 4), dict(nesterov=False, adjust_lr_fn="match_rms_adamw")),
        ("muon.row", (1, 5), dict(nesterov=True, adjust_lr_fn="match_rms_adamw")),
    ]:
        muon = lambda p: torch.optim.Muon(p, lr=0.03, weight_decay=0.1, momentum=0.9, **options)
        stepped(out, name, muon, values(g, *shape), [values(g, *shape) for _ in range(STEPS)], buffer)
    parts = [values(g, 4, 2), values(g, 5)]
    for i, part in enumerate(parts):
        out[f"clip.gradient.{i}"] = part.float()
    leaves = [torch.nn.Parameter(part.clone()) for part in parts]
    for leaf, part in zip(leaves, parts):
        leaf.grad = part.clone()
    out["clip.norm"] = torch.nn.utils.get_total_norm(parts).reshape(1)
    return out


def rows():
    """A table of 11 rows of 4 values; a step touches some of them, some twice."""
    g = torch.Generator().manual_seed(8)
    out = {}
    before = values(g, 11, 4)
    out["before"] = before.float()
    steps = [[3, 1, 3, 9], [0, 9, 9, 9, 10], [1, 3]]
    table = torch.nn.Embedding.from_pretrained(before.clone(), freeze=False, sparse=True)
    optimizer = torch.optim.SparseAdam(table.parameters(), lr=0.05, betas=(0.9, 0.95), eps=1e-8)
    for i, ids in enumerate(steps):
        gradient = values(g, len(ids), 4)
        out[f"ids.{i}"] = torch.tensor(ids, dtype=torch.int32)
        out[f"gradient.{i}"] = gradient.float()
        optimizer.zero_grad()
        (table(torch.tensor(ids)) * gradient).sum().backward()
        optimizer.step()
        out[f"after.{i}"] = table.weight.detach().clone()
    state = optimizer.state[table.weight]
    out["first"], out["second"] = state["exp_avg"].clone(), state["exp_avg_sq"].clone()
    # dense Adam, where every step touches every row of those that it has
    ids = [2, 4, 2, 5, 4]
    parameter = torch.nn.Parameter(before[[2, 4, 5]].clone())
    dense = torch.optim.Adam([parameter], lr=0.05, betas=(0.9, 0.95), eps=1e-30)
    out["dense.ids"] = torch.tensor(ids, dtype=torch.int32)
    for i in range(STEPS):
        gradient = values(g, len(ids), 4)
        out[f"dense.gradient.{i}"] = gradient.float()
        parameter.grad = torch.stack([gradient[0] + gradient[2], gradient[1] + gradient[4], gradient[3]])
        dense.step()
    out["dense.after"] = parameter.detach().clone()
    return out


for folder, name, tensors in [(sys.argv[1], "updates", core()), (sys.argv[2], "row-updates", rows())]:
    path = Path(folder) / f"{name}.safetensors"
    save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, path)
    print(hashlib.sha256(path.read_bytes()).hexdigest(), path)
