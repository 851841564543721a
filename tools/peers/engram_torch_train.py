"""The training process that our trainer is measured against: PyTorch, told over stdin what to do, a JSON object a line.

  python3 engram_torch_train.py [--device cpu|cuda] [--threads N]

A run is the model of engram_torch.py with tables as nn.Embedding(sparse=True): AdamW on the parameters, SparseAdam on the
rows, gradients clipped by their global norm, routers balanced without a loss, in float32 or under bfloat16 autocast, eager.
Parameters, rows, tokens and row ids are read from files that our side wrote. Requests, all with fields `do` and `run`:
  open      from a checkpoint, tables and batches         steps     the next ones, timed, with losses and norms
  evaluate  the mean loss of other batches                values    of a parameter or a table, to compare
  close     forgets a run
Gradients of rows are summed before they are clipped, so that the norm is that of dense tables. Losses stay on the device
until all steps of a request were taken: nothing waits for them.
"""

import os
import sys
import time
from contextlib import nullcontext

import torch
import torch.nn.functional as F
from torch import nn

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from engram_torch import EngramModel, MixtureOfExperts, load_file  # noqa: E402
from engram_torch_bench import encoded, serve  # noqa: E402

PHASES = ("data", "forward", "backward", "update", "rowUpdate")


class Batches:
    """ids and targets [S, B, T], row ids [S, B, T, rows a token] of each block with an engram; int32 files."""

    def __init__(self, folder, steps, rows, length, layers, device):
        def file(name, *shape):
            size = 1
            for side in shape:
                size *= side
            values = torch.from_file(os.path.join(folder, name), size=size, dtype=torch.int32).view(shape)
            return values.pin_memory() if device.type == "cuda" else values

        self.device, self.steps = device, steps
        self.ids = file("ids.bin", steps, rows, length)
        self.targets = file("targets.bin", steps, rows, length)
        self.rows = {int(layer): file(f"rows-{layer}.bin", steps, rows, length, each) for layer, each in layers.items()}

    def batch(self, step):
        send = lambda values: values[step].to(self.device, non_blocking=True).long()
        return send(self.ids), send(self.targets), {layer: send(one) for layer, one in self.rows.items()}


class Clock:
    """Seconds by phase: of the wall on a CPU, between events on a GPU, which nothing waits for."""

    def __init__(self, device):
        self.cuda, self.marks = device.type == "cuda", []

    def mark(self):
        if self.cuda:
            event = torch.cuda.Event(enable_timing=True)
            event.record()
            self.marks.append(event)
        else:
            self.marks.append(time.perf_counter())

    def seconds(self):
        """Of all steps since the last call; marks are at the beginning of a step and the end of each phase."""
        sums = dict.fromkeys(PHASES, 0.0)
        every = len(PHASES) + 1
        for at in range(0, len(self.marks), every):
            for i, phase in enumerate(PHASES):
                begin, end = self.marks[at + i], self.marks[at + i + 1]
                sums[phase] += begin.elapsed_time(end) / 1e3 if self.cuda else end - begin
        self.marks = []
        return sums


class Run:
    def __init__(self, device, checkpoint, tables, batches, config, rates, type, nudge=None):
        self.device, self.config, self.rates = device, config, rates
        self.model = EngramModel.load(checkpoint, device)
        self.tables = {
            int(name.split(".")[1]): nn.Embedding.from_pretrained(table.to(device), freeze=False, sparse=True)
            for name, table in load_file(tables).items()
        }
        self.batches = Batches(**batches, device=device)
        self.experts = [one for one in self.model.modules() if isinstance(one, MixtureOfExperts) and one.spec["balancingBias"]]
        self.dense = list(self.model.parameters())
        self.weights = [one.weight for one in self.tables.values()]
        if nudge is not None:
            self.nudge(nudge)
        adam, rows = config["adamW"], config["rows"]
        decayed = [one for one in self.dense if one.ndim >= 2]
        others = [one for one in self.dense if one.ndim < 2]
        self.adam = torch.optim.AdamW(
            [{"params": decayed, "weight_decay": adam["weightDecay"]}, {"params": others, "weight_decay": 0.0}],
            betas=(adam["beta1"], adam["beta2"]), eps=adam["epsilon"], fused=True,
        )
        self.sparse_adam = torch.optim.SparseAdam(
            self.weights, betas=(rows["beta1"], rows["beta2"]), eps=rows["epsilon"]
        ) if self.weights else None
        cast = type == "autocast"
        self.precision = (lambda: torch.autocast(device.type, torch.bfloat16)) if cast else nullcontext
        self.taken, self.clock = 0, Clock(device)

    def nudge(self, seed, part=1e-6):
        """Moves every value by a millionth of it, up or down: what rounding, which does as much, does to a run."""
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for one in (*self.dense, *self.weights):
                way = torch.randint(0, 2, one.shape, generator=generator).to(one) * 2 - 1
                one.mul_(1 + part * way)

    def loss(self, ids, rows, targets):
        memory = {layer: self.tables[layer](own).flatten(-2) for layer, own in rows.items()}
        with self.precision():
            logits = self.model(ids, memory)
        return F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten())  # -100 counts for nothing

    def step(self):
        """One step; gives its loss and the norm of its gradients, on the device."""
        config, mark = self.config, self.clock.mark
        mark()
        ids, targets, rows = self.batches.batch(self.taken)
        mark()
        loss = self.loss(ids, rows, targets)
        mark()
        loss.backward()
        mark()
        with torch.no_grad():
            norm = self.clip()
        rate = config["learningRate"] * self.rates[self.taken]
        for group in self.adam.param_groups:
            group["lr"] = rate
        self.adam.step()
        self.adam.zero_grad(set_to_none=True)
        self.balance()
        mark()
        if self.sparse_adam is not None:
            for group in self.sparse_adam.param_groups:
                group["lr"] = rate * config["rows"]["learningRateFactor"]
            self.sparse_adam.step()
            self.sparse_adam.zero_grad(set_to_none=True)
        mark()
        self.taken += 1
        return loss.detach(), norm

    def clip(self):
        dense = [one.grad for one in self.dense if one.grad is not None]
        for one in self.weights:
            one.grad = one.grad.coalesce()
        parts = [*dense, *(one.grad._values() for one in self.weights)]
        norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(parts)))
        if self.config["clip"] is not None:
            torch._foreach_mul_(parts, (self.config["clip"] / norm).clamp(max=1))
        return norm

    def balance(self):
        for one in self.experts:
            load = one.load.float()
            one.router.bias += self.config["balancingRate"] * (load.mean() - load).sign()

    def steps(self, count):
        synchronize(self.device)
        begin = time.perf_counter_ns()
        told = [torch.stack(self.step()) for _ in range(count)]
        losses, norms = torch.stack(told, 1).tolist()
        synchronize(self.device)
        ns = time.perf_counter_ns() - begin
        return {"ns": ns, "losses": losses, "norms": norms, "seconds": self.clock.seconds()}

    @torch.no_grad()
    def evaluate(self, batches):
        held = Batches(**batches, device=self.device)
        nats, counted = 0.0, 0
        for step in range(held.steps):
            ids, targets, rows = held.batch(step)
            count = int((targets >= 0).sum())
            nats += self.loss(ids, rows, targets).item() * count
            counted += count
        return {"loss": nats / counted}

    def values(self, name):
        """A parameter's or buffer's, or those of a table by its block's number."""
        own = dict(self.model.named_parameters()) | dict(self.model.named_buffers())
        values = self.tables[int(name)].weight if name.isdigit() else own[name]
        return {"values": encoded(values.detach())}


def synchronize(device):
    if device.type == "cuda":
        torch.cuda.synchronize()


class Peer:
    def __init__(self, device):
        self.device, self.runs = torch.device(device), {}

    def answer(self, do, run, **fields):
        if do == "open":
            self.runs[run] = Run(self.device, **fields)
            return {"parameters": sum(one.numel() for one in self.runs[run].dense)}
        if do == "close":
            self.runs.pop(run, None)
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
            return {}
        if do not in ("steps", "evaluate", "values"):
            raise ValueError(f"there is no request {do}")
        return getattr(self.runs[run], do)(**fields)


if __name__ == "__main__":
    serve(Peer, lambda peer, request: peer.answer(**request))
