"""A persistent process that benchmarks measure against: PyTorch, told over stdin what to do, a JSON object a line.

  python3 engram_torch_bench.py [--device cpu|cuda] [--threads N]

The first line that it writes says its version; each request is answered by one line. Requests, all with a field `do`:
  load      a checkpoint and its tables, in a type       logits    of whole sequences, to compare
  prefill   timed                                        decodeOpen, decode   steps of a batch with caches, timed
  trainOpen, train   AdamW steps, timed                  block, blockSample   one module on seeded weights
  overhead  of operations on almost nothing, timed       rows      of host memory to the device, timed
A timed request gives `ns` of all its calls; what is uploaded and read back in it is in the time. Products of float32 are
float32, not TF32. `autocast` trains float32 weights with bfloat16 products, the others use the type of the weights.
"""

import argparse
import base64
import json
import os
import sys
import time
from contextlib import nullcontext

import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from engram_torch import Engram, EngramModel, GroupedQueryAttention, LatentAttention, MixtureOfExperts  # noqa: E402

TYPES = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}


def scramble(bits):
    """MurmurHash3's 32-bit finaliser, on int64."""
    mask = 0xFFFFFFFF
    x = (bits ^ (bits >> 16)) * 0x85EBCA6B & mask
    x = (x ^ (x >> 13)) * 0xC2B2AE35 & mask
    return x ^ (x >> 16)


def seeded_values(length, bound, seed, device):
    """Uniform in [-bound, bound), the same as the benchmark's own `seededValues`."""
    start = scramble(torch.tensor(seed + 1))
    parts = []
    for at in range(0, length, 1 << 24):
        counters = torch.arange(at + 1, min(length, at + (1 << 24)) + 1, device=device, dtype=torch.int64)
        counters = (counters * 0x9E3779B9 + int(start)) & 0xFFFFFFFF
        parts.append((((scramble(counters) >> 8).double() / 2**23 - 1) * bound).float())
    return torch.cat(parts)


class Peer:
    def __init__(self, device):
        self.device, self.model, self.blocks = torch.device(device), None, {}

    def synchronize(self):
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def timed(self, call, calls):
        self.synchronize()
        begin = time.perf_counter_ns()
        for _ in range(calls):
            call()
        self.synchronize()
        return {"ns": time.perf_counter_ns() - begin}

    def tensor(self, ids):
        return torch.tensor(ids, dtype=torch.int64).to(self.device)

    def memory(self, rows):
        return {int(layer): self.model.rows(int(layer), self.tensor(ids)) for layer, ids in rows.items()}

    def load(self, checkpoint, tables=None, type="f32"):
        self.model = EngramModel.load(checkpoint, self.device, TYPES[type])
        if tables:
            self.model.load_tables(tables, self.device, TYPES[type])
        return {"parameters": sum(one.numel() for one in self.model.parameters())}

    @torch.inference_mode()
    def logits(self, ids, rows, split=None):
        """`split`: tokens before it run at once, those after it one by one, over caches."""
        if split is None:
            values = self.model(self.tensor(ids), self.memory(rows))
        else:
            state, parts = self.model.state(len(ids), len(ids[0])), []
            ends = [split, *range(split + 1, len(ids[0]) + 1)]
            for start, end in zip([0, *ends], ends):
                part = {layer: [one[start:end] for one in row_ids] for layer, row_ids in rows.items()}
                own = self.tensor([one[start:end] for one in ids])
                parts.append(self.model(own, self.memory(part), state, start))
            values = torch.cat(parts, 1)
        return {"values": encoded(values)}

    @torch.inference_mode()
    def prefill(self, ids, rows, calls):
        def run():
            state = self.model.state(len(ids), len(ids[0]))
            logits = self.model(self.tensor(ids), self.memory(rows), state, last=True)
            return logits.argmax(-1).tolist()

        return self.timed(run, calls)

    @torch.inference_mode()
    def decodeOpen(self, ids, rows, capacity):
        self.state = self.model.state(len(ids), capacity)
        self.model(self.tensor(ids), self.memory(rows), self.state, last=True)
        return {}

    @torch.inference_mode()
    def decode(self, ids, rows, start):
        """ids [B, steps]: the tokens that each step is given; what it chooses is read back and not used."""
        self.length, steps = start, iter(range(len(ids[0])))

        def run():
            step = next(steps)
            part = {layer: [one[step : step + 1] for one in row_ids] for layer, row_ids in rows.items()}
            own = self.tensor([one[step : step + 1] for one in ids])
            logits = self.model(own, self.memory(part), self.state, self.length, last=True)
            self.length += 1
            return logits.argmax(-1).tolist()

        return self.timed(run, len(ids[0]))

    def trainOpen(self, learningRate, beta1, beta2, epsilon, weightDecay, autocast=False):
        self.autocast = autocast
        self.trained = [p for name, p in self.model.named_parameters() if name != "embedding.weight"]
        options = {"lr": learningRate, "betas": (beta1, beta2), "eps": epsilon, "weight_decay": weightDecay}
        self.optimizer = torch.optim.AdamW(self.trained, **options, fused=True)
        return {}

    def train(self, ids, targets, rows, calls):
        """Embedded tokens and rows are leaves: their gradients are read back, their tables stay as they are."""
        losses = []

        def run():
            with torch.no_grad():
                embedded = F.embedding(self.tensor(ids), self.model.embedding.weight)
                memory = self.memory(rows)
            for leaf in (embedded, *memory.values()):
                leaf.requires_grad_()
            bf16 = torch.autocast(self.device.type, torch.bfloat16) if self.autocast else nullcontext()
            with bf16:
                logits = self.model.head(self.model.norm(self.model.hidden(embedded, memory)))
            loss = F.cross_entropy(logits.flatten(0, 1).float(), self.tensor(targets).flatten())
            loss.backward()
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
            for leaf in (embedded, *memory.values()):
                leaf.grad.cpu()
            losses.append(loss.item())

        return {**self.timed(run, calls), "losses": losses}

    def block(self, tokens, chain, calls, **sizes):
        """Chains of one block, each on what the one before gave."""
        run = self.block_chain(tokens, chain, **sizes)
        with torch.inference_mode():
            return self.timed(run, calls)

    def blockSample(self, tokens, **sizes):
        with torch.inference_mode():
            y = self.block_chain(tokens, 1, **sizes)()
        values = y.flatten()[:: max(1, y.numel() // 4096)]
        return {"values": encoded(values)}

    def block_chain(self, tokens, chain, kind, spec, model, type="f32", memoryWidth=0):
        key = json.dumps([kind, spec, model, type, memoryWidth])
        if key not in self.blocks:
            self.blocks.clear()  # one at a time: they are large
            self.blocks[key] = self.build_block(kind, spec, model, TYPES[type], memoryWidth)
        block = self.blocks[key]
        d, n = model["width"], model["streams"]["count"]
        x = seeded_values(tokens * n * d, 1, 1000, self.device).view(1, tokens, n * d).to(TYPES[type])
        memory = None
        if memoryWidth:
            memory = seeded_values(tokens * memoryWidth, 1, 1001, self.device).view(1, tokens, -1).to(TYPES[type])

        def run():
            y = x
            for _ in range(chain):
                y = y + block(y, memory) if kind == "engram" else F.rms_norm(block(y), (d,), None, 1e-6)
            return y

        return run

    def build_block(self, kind, spec, model, dtype, memory_width):
        with torch.device("meta"):
            if kind == "engram":
                block = Engram(spec, model, memory_width)
            elif kind == "moe":
                block = MixtureOfExperts(spec, model["width"])
            elif kind == "gqa":
                block = GroupedQueryAttention(spec, model)
            else:
                block = LatentAttention(spec, model)
        tensors = {}
        for i, (name, one) in enumerate(block.named_parameters()):
            inputs = one.shape[-1]
            if "orm" in name:
                values = torch.ones(one.shape, device=self.device)
            else:
                values = seeded_values(one.numel(), (3 / inputs) ** 0.5, hash_name(name), self.device).view(one.shape)
            tensors[name] = torch.nn.Parameter(values.to(dtype), requires_grad=False)
        for name, one in block.named_buffers():
            if name.endswith("router.bias"):
                tensors[name] = torch.zeros(one.shape, device=self.device)
        block.load_state_dict(tensors, assign=True)
        if kind in ("gqa", "mla"):
            build = GroupedQueryAttention if kind == "gqa" else LatentAttention
            small = {**model, "width": 8}
            rotary = build({**spec, "heads": 1, "kvHeads": 1}, small).rotary
            block.rotary = rotary.to(self.device) if rotary is not None else None
        return block

    @torch.inference_mode()
    def overhead(self, operations, calls):
        x = torch.full((1, 64), 0.5, device=self.device)
        b = torch.full((1, 64), 0.25, device=self.device)

        def run():
            y = x
            for _ in range(operations):
                y = y + b
            return y.cpu()

        return self.timed(run, calls)

    @torch.inference_mode()
    def rows(self, tokens, width, calls):
        host = torch.rand(tokens, width)
        if self.device.type == "cuda":
            host = host.pin_memory()
        return self.timed(lambda: host.to(self.device).sum().item(), calls)


def encoded(values):
    return base64.b64encode(values.float().cpu().numpy().tobytes()).decode()


def hash_name(name):
    """A seed from a name: FNV-1a, 32 bits."""
    seed = 0x811C9DC5
    for byte in name.encode():
        seed = (seed ^ byte) * 0x01000193 & 0xFFFFFFFF
    return seed


def serve(make_peer, answer_of):
    """Answers requests from stdin, a JSON object a line, until there are no more."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.set_float32_matmul_precision("highest")
    peer = make_peer(options.device)
    cpu = f"cpu, {torch.get_num_threads()} threads"
    device = torch.cuda.get_device_name() if options.device == "cuda" else cpu
    answers = sys.stdout
    sys.stdout = sys.stderr  # what libraries print is no answer
    answers.write(json.dumps({"version": torch.__version__, "device": device}) + "\n")
    answers.flush()
    for line in sys.stdin:
        try:
            answer = answer_of(peer, json.loads(line))
        except Exception as error:  # the asker decides what to do without an answer
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    serve(Peer, lambda peer, request: getattr(peer, request.pop("do"))(**request))
