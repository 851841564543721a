"""The model of this repository in PyTorch, written as one writes it there: the peer of benchmarks and of one test.

A specification (config.json of a checkpoint, every field there) makes an `EngramModel`, whose parameters have the names
of the checkpoint. Rows of tables are looked up by index in table tensors, or given as values. Sequences of a batch are
equally long: ids [B, T]. Fast where PyTorch is: fused attention, grouped matrix products for experts, preallocated caches.
Not here: hashing of n-grams (row ids are given), benchmarks and training (engram_torch_bench.py).

Letters: B sequences, T tokens, d width, n streams, m memory width, E experts, k experts of a token, H heads.
"""

import json
import math
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

try:
    from safetensors.torch import load_file
except ImportError:  # the format is a length, a JSON header and bytes

    def load_file(path):
        kinds = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
        data = bytearray(Path(path).read_bytes())
        start = 8 + int.from_bytes(data[:8], "little")
        header = json.loads(data[8:start])
        return {
            name: torch.frombuffer(
                data, dtype=kinds[one["dtype"]], offset=start + one["data_offsets"][0],
                count=math.prod(one["shape"]),
            ).reshape(one["shape"])
            for name, one in header.items() if name != "__metadata__"
        }


def load_checkpoint(folder):
    """The specification and the tensors of a checkpoint's folder."""
    folder = Path(folder)
    index = json.loads((folder / "model.safetensors.index.json").read_text())
    tensors = {}
    for shard in sorted(set(index["weight_map"].values())):
        tensors.update(load_file(str(folder / shard)))
    return json.loads((folder / "config.json").read_text()), tensors


class RMSNorm(nn.Module):
    """Norms each of `groups` equal parts of the last side by itself; scales by offset + weight."""

    def __init__(self, width, epsilon, groups=1, offset=0):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(groups * width))
        self.groups, self.width, self.epsilon, self.offset = groups, width, epsilon, offset

    def forward(self, x):
        weight = self.weight + self.offset if self.offset else self.weight
        if self.groups == 1:
            return F.rms_norm(x, (self.width,), weight.to(x.dtype), self.epsilon)
        y = F.rms_norm(x.unflatten(-1, (self.groups, self.width)), (self.width,), None, self.epsilon)
        return y.flatten(-2) * weight.to(x.dtype)


def yarn_factor(yarn, scale):
    return 1.0 if yarn["factor"] <= 1 else 0.1 * scale * math.log(yarn["factor"]) + 1


class Rotary(nn.Module):
    """Cosines and sines of all positions, made once; YaRN as Hugging Face computes it for deepseek_v3."""

    def __init__(self, rope, width, positions):
        super().__init__()
        pairs = torch.arange(0, width, 2, dtype=torch.float64)
        frequencies, amplitude = rope["theta"] ** (-pairs / width), 1.0
        yarn = rope.get("yarn")
        if yarn is not None:
            def pair_of(rotations):
                turns = yarn["originalContextTokens"] / (rotations * 2 * math.pi)
                return width * math.log(turns) / (2 * math.log(rope["theta"]))

            low = max(0, math.floor(pair_of(yarn["betaFast"])))
            high = min(width - 1, math.ceil(pair_of(yarn["betaSlow"])))
            span = 0.001 if high == low else high - low
            slow = ((torch.arange(width // 2) - low) / span).clamp(0, 1)
            frequencies = frequencies / yarn["factor"] * slow + frequencies * (1 - slow)
            if yarn["mscale"] > 0 and yarn["mscaleAllDim"] > 0:
                amplitude = yarn_factor(yarn, yarn["mscale"]) / yarn_factor(yarn, yarn["mscaleAllDim"])
            else:
                amplitude = yarn_factor(yarn, 1)
        angles = torch.outer(torch.arange(positions, dtype=torch.float64), frequencies)
        self.register_buffer("cos", (angles.cos() * amplitude).float(), persistent=False)
        self.register_buffer("sin", (angles.sin() * amplitude).float(), persistent=False)
        self.interleaved = rope["pairing"] == "interleaved"

    def forward(self, x, start):
        """x [B, H, T, width], the tokens at positions start, start + 1, ..."""
        tokens = x.shape[-2]
        cos = self.cos[start : start + tokens].to(x.dtype)
        sin = self.sin[start : start + tokens].to(x.dtype)
        if self.interleaved:
            u, v = x.unflatten(-1, (-1, 2)).unbind(-1)
            return torch.stack((u * cos - v * sin, u * sin + v * cos), -1).flatten(-2)
        u, v = x.chunk(2, -1)
        return torch.cat((u * cos - v * sin, u * sin + v * cos), -1)


def linear(outputs, inputs, bias=False):
    return nn.Linear(inputs, outputs, bias=bias)


class GroupedQueryAttention(nn.Module):
    def __init__(self, spec, model):
        super().__init__()
        self.heads, self.kv_heads, self.width = spec["heads"], spec["kvHeads"], spec["headDim"]
        self.query = linear(self.heads * self.width, model["width"])
        self.key = linear(self.kv_heads * self.width, model["width"])
        self.value = linear(self.kv_heads * self.width, model["width"])
        self.output = linear(model["width"], self.heads * self.width)
        if spec["queryKeyNorm"]:
            self.queryNorm = RMSNorm(self.width, model["normEpsilon"])
            self.keyNorm = RMSNorm(self.width, model["normEpsilon"])
        self.normed = spec["queryKeyNorm"]
        self.rotated = spec["ropeDim"]
        self.rotary = Rotary(spec["rope"], self.rotated, model["contextTokens"]) if self.rotated else None

    def rotate(self, x, start):
        if self.rotated == self.width:
            return self.rotary(x, start)
        if self.rotated == 0:
            return x
        turned, rest = x.split((self.rotated, self.width - self.rotated), -1)
        return torch.cat((self.rotary(turned, start), rest), -1)

    def forward(self, x, cache=None, start=0):
        heads = lambda y, count: y.unflatten(-1, (count, self.width))
        q, k, v = heads(self.query(x), self.heads), heads(self.key(x), self.kv_heads), heads(self.value(x), self.kv_heads)
        if self.normed:
            q, k = self.queryNorm(q), self.keyNorm(k)
        q, k, v = (y.transpose(1, 2) for y in (q, k, v))  # [B, H, T, w]
        q, k = self.rotate(q, start), self.rotate(k, start)
        if cache is not None:
            k, v = cache.append(start, k, v)
        grouped = self.kv_heads != self.heads
        if grouped and x.shape[1] == 1 and x.device.type == "cpu":
            # one token: the queries of a group are the rows of one product
            q = q.reshape(q.shape[0], self.kv_heads, self.heads // self.kv_heads, self.width)
            y = F.scaled_dot_product_attention(q, k, v).reshape(q.shape[0], self.heads, 1, self.width)
        else:
            if grouped and x.device.type == "cuda" and q.dtype == torch.float32:
                # the fused kernel of float32 knows no groups
                k, v = (y.repeat_interleave(self.heads // self.kv_heads, 1) for y in (k, v))
                grouped = False
            y = F.scaled_dot_product_attention(q, k, v, is_causal=x.shape[1] > 1, enable_gqa=grouped)
        return self.output(y.transpose(1, 2).flatten(-2))

    def cache(self, batch, capacity, like):
        return Cache(like, (batch, self.kv_heads, capacity, self.width), (batch, self.kv_heads, capacity, self.width))


class LatentAttention(nn.Module):
    """Whole heads where tokens come many at a time, the absorbed form on the latent where they come one by one."""

    def __init__(self, spec, model):
        super().__init__()
        d, epsilon, self.heads, self.rank = model["width"], model["normEpsilon"], spec["heads"], spec["kvRank"]
        self.content, self.rotated, self.value = spec["nopeHeadDim"], spec["ropeHeadDim"], spec["valueHeadDim"]
        queries = self.heads * (self.content + self.rotated)
        self.direct = spec["queryRank"] is None
        if self.direct:
            self.query = linear(queries, d)
        else:
            self.queryDown = linear(spec["queryRank"], d)
            self.queryNorm = RMSNorm(spec["queryRank"], epsilon)
            self.queryUp = linear(queries, spec["queryRank"])
        self.kvDown = linear(self.rank + self.rotated, d)
        self.kvNorm = RMSNorm(self.rank, epsilon)
        self.kvUp = linear(self.heads * (self.content + self.value), self.rank)
        self.output = linear(d, self.heads * self.value)
        self.rotary = Rotary(spec["rope"], self.rotated, model["contextTokens"])
        yarn = spec["rope"].get("yarn")
        factor = yarn_factor(yarn, yarn["mscaleAllDim"]) ** 2 if yarn and yarn["mscaleAllDim"] else 1
        self.scale = factor / math.sqrt(self.content + self.rotated)

    def forward(self, x, cache=None, start=0):
        q = self.query(x) if self.direct else self.queryUp(self.queryNorm(self.queryDown(x)))
        q = q.unflatten(-1, (self.heads, -1)).transpose(1, 2)
        q_content, q_rotated = q.split((self.content, self.rotated), -1)
        q_rotated = self.rotary(q_rotated, start)
        latent, k_rotated = self.kvDown(x).split((self.rank, self.rotated), -1)
        latent, k_rotated = self.kvNorm(latent), self.rotary(k_rotated.unsqueeze(1), start).squeeze(1)  # [B, T, r]
        if cache is not None:
            latent, k_rotated = cache.append(start, latent, k_rotated)
        if x.shape[1] == 1 and cache is not None:
            up = self.kvUp.weight.view(self.heads, self.content + self.value, self.rank)
            absorbed = torch.einsum("bhn,hnr->bhr", q_content[:, :, 0], up[:, : self.content])
            scores = absorbed @ latent.transpose(1, 2) + q_rotated[:, :, 0] @ k_rotated.transpose(1, 2)  # [B, H, P]
            mixed = (scores * self.scale).softmax(-1) @ latent  # [B, H, rank]
            y = torch.einsum("bhr,hvr->bhv", mixed, up[:, self.content :])
            return self.output(y.flatten(1).unsqueeze(1))
        kv = self.kvUp(latent).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        k_content, v = kv.split((self.content, self.value), -1)
        q = torch.cat((q_content, q_rotated), -1)
        k = torch.cat((k_content, k_rotated.unsqueeze(1).expand(-1, self.heads, -1, -1)), -1)
        wider = self.content + self.rotated - self.value
        if wider > 0:
            v = F.pad(v, (0, wider))  # the fused kernels want values as wide as keys
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=self.scale)
        return self.output(y[..., : self.value].transpose(1, 2).flatten(-2))

    def cache(self, batch, capacity, like):
        return Cache(like, (batch, capacity, self.rank), (batch, capacity, self.rotated))


class Cache:
    """Two preallocated tensors that tokens are written into; the side of the tokens is the last but one."""

    def __init__(self, like, *shapes):
        self.kept = [torch.zeros(shape, dtype=like.dtype, device=like.device) for shape in shapes]

    def append(self, start, *new):
        end = start + new[0].shape[-2]
        for kept, one in zip(self.kept, new):
            kept[..., start:end, :] = one
        return [kept[..., :end, :] for kept in self.kept]


class Dense(nn.Module):
    def __init__(self, d, width):
        super().__init__()
        self.gate, self.up, self.down = linear(width, d), linear(width, d), linear(d, width)

    def forward(self, x):
        return self.down(F.silu(self.gate(x)) * self.up(x))


class Stacked(nn.Module):
    def __init__(self, *shape):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(shape))


def grouped_mm(x, weight, ends):
    return F.grouped_mm(x, weight.transpose(1, 2), offs=ends) if hasattr(F, "grouped_mm") else torch._grouped_mm(
        x, weight.transpose(1, 2), offs=ends
    )


class MixtureOfExperts(nn.Module):
    def __init__(self, spec, d):
        super().__init__()
        self.spec, count, width = spec, spec["routedExperts"], spec["expertWidth"]
        self.router = Stacked(count, d)
        self.experts = nn.Module()
        self.experts.gate, self.experts.up = Stacked(count, width, d), Stacked(count, width, d)
        self.experts.down = Stacked(count, d, width)
        if spec["balancingBias"]:
            self.router.register_buffer("bias", torch.zeros(count))
        if spec["sharedExperts"]:
            self.shared = Dense(d, spec["sharedExperts"] * width)

    def route(self, x):
        """x [N, d] -> experts and weights [N, k]."""
        spec = self.spec
        products = F.linear(x, self.router.weight).float()
        affinities = products.sigmoid() if spec["scoring"] == "sigmoid" else products.softmax(-1)
        votes = affinities.detach()
        if spec["balancingBias"]:
            votes = votes + self.router.bias
        if spec["topGroups"] < spec["groups"]:
            grouped = votes.unflatten(-1, (spec["groups"], -1))
            best = grouped.topk(2, -1).values.sum(-1).topk(spec["topGroups"], -1).indices
            kept = torch.zeros(grouped.shape[:-1], dtype=torch.bool, device=x.device).scatter_(-1, best, True)
            votes = grouped.masked_fill(~kept.unsqueeze(-1), -math.inf).flatten(-2)
        experts = votes.topk(spec["topK"], -1).indices
        weights = affinities.gather(-1, experts)
        if spec["normalizeWeights"]:
            weights = weights / (weights.sum(-1, keepdim=True) + 1e-20)
        return experts, (weights * spec["routeScale"]).to(x.dtype)

    def forward(self, x):
        flat = x.reshape(-1, x.shape[-1])  # [N, d]
        experts, weights = self.route(flat)
        gate, up, down = self.experts.gate.weight, self.experts.up.weight, self.experts.down.weight
        pairs = experts.numel()
        if x.device.type == "cuda" and pairs <= len(gate) and not torch.is_grad_enabled():
            # few tokens: the weights of their experts are gathered, which costs less than a launch for each expert
            chosen = experts.flatten()
            tokens = flat.repeat_interleave(experts.shape[1], 0).unsqueeze(-1)  # [N k, d, 1]
            hidden = F.silu(gate[chosen] @ tokens) * (up[chosen] @ tokens)
            out = (down[chosen] @ hidden).squeeze(-1)
            y = (out.view(*experts.shape, -1) * weights.unsqueeze(-1)).sum(1)
        else:
            order = experts.flatten().argsort(stable=True)
            token = order // experts.shape[1]
            counts = torch.bincount(experts.flatten(), minlength=len(gate))
            self.load = counts  # what balancing goes by
            sorted_tokens = flat[token]
            if torch.is_autocast_enabled():
                kind = torch.get_autocast_dtype("cuda")
                gate, up, down, sorted_tokens = (one.to(kind) for one in (gate, up, down, sorted_tokens))
            if sorted_tokens.dtype == torch.bfloat16 and x.device.type == "cuda":
                ends = counts.cumsum(0).to(torch.int32)
                hidden = F.silu(grouped_mm(sorted_tokens, gate, ends)) * grouped_mm(sorted_tokens, up, ends)
                out = grouped_mm(hidden, down, ends)
            else:
                parts = zip(sorted_tokens.split(counts.tolist()), gate.unbind(), up.unbind(), down.unbind())
                out = torch.cat([
                    F.linear(F.silu(F.linear(part, own_gate)) * F.linear(part, own_up), own_down)
                    for part, own_gate, own_up, own_down in parts if len(part) or torch.is_grad_enabled()
                ])
            out = out * weights.flatten()[order].unsqueeze(-1)
            y = torch.zeros_like(flat).index_add(0, token, out.to(flat.dtype))
        y = y.view_as(x)
        return y + self.shared(x) if self.spec["sharedExperts"] else y


class Engram(nn.Module):
    """Gate and value from the rows of a token, then the short convolution where there is one."""

    def __init__(self, spec, model, memory_width):
        super().__init__()
        d, self.count = model["width"], model["streams"]["count"]
        self.width, self.copied_sign = d, spec["kind"] == "deepseek-v4.1"
        offset, bias = int(spec["kind"] == "qwen-ple"), bool(spec.get("bias"))
        norm = lambda epsilon: RMSNorm(d, epsilon, self.count, offset)
        self.key, self.value = linear(self.count * d, memory_width, bias), linear(d, memory_width, bias)
        self.keyNorm, self.queryNorm = norm(spec["normEpsilon"]), norm(spec["normEpsilon"])
        convolution = spec.get("convolution")
        self.look_back = 0
        if convolution:
            self.convolutionNorm = norm(convolution["normEpsilon"])
            self.convolution = Stacked(self.count * d, convolution["kernel"])
            self.dilation, self.kernel = convolution["dilation"], convolution["kernel"]
            self.look_back = (self.kernel - 1) * self.dilation

    def forward(self, streams, memory, past=None):
        """streams [B, T, n d], memory [B, T, m]; past: what `convolution_state` gave, changed in place."""
        split = lambda x: x.unflatten(-1, (self.count, self.width))
        key, query = split(self.keyNorm(self.key(memory))), split(self.queryNorm(streams))
        score = (key * query).sum(-1) / math.sqrt(self.width)  # [B, T, n]
        root = score.abs().clamp_min(1e-6).sqrt()
        gate = (torch.copysign(root, score) if self.copied_sign else root * score.sign()).sigmoid()
        y = (gate.unsqueeze(-1) * self.value(memory).unsqueeze(-2)).flatten(-2)
        if self.look_back == 0:
            return y
        normed = self.convolutionNorm(y)
        if past is None:
            padded = F.pad(normed, (0, 0, self.look_back, 0))
        else:
            padded = torch.cat((past, normed), 1)
            past.copy_(padded[:, -self.look_back :])
        taps = self.convolution.weight.to(y.dtype).unbind(1)  # as four products: faster than a depthwise convolution
        tokens = y.shape[1]
        mixed = sum(padded[:, i * self.dilation : i * self.dilation + tokens] * tap for i, tap in enumerate(taps))
        return y + F.silu(mixed)

    def convolution_state(self, batch, like):
        shape = (batch, self.look_back, self.count * self.width)
        return torch.zeros(shape, dtype=like.dtype, device=like.device)


class HyperConnections(nn.Module):
    """Coefficients of collapse, spread and mix, as core's HyperConnectionsSpec says."""

    def __init__(self, spec, model):
        super().__init__()
        n, self.spec, self.width = spec["count"], spec, model["width"]
        self.projection = linear((2 + n) * n, n * self.width, True)
        self.scale = nn.Parameter(torch.ones(3))
        self.epsilon = model["normEpsilon"]

    def forward(self, streams):
        n, epsilon, single = self.spec["count"], self.spec["epsilon"], self.spec["kind"] == "mhc-single-pass"
        normed = F.rms_norm(streams, streams.shape[-1:], None, self.epsilon)
        products = F.linear(normed, self.projection.weight).float()
        bias = self.projection.bias
        parts = zip(products.split((n, n, n * n), -1), bias.split((n, n, n * n)), self.scale)
        pre, post, mix = (product * scale + one for product, one, scale in parts)
        pre, post = pre.sigmoid(), 2 * post.sigmoid()
        mix = mix.unflatten(-1, (n, n))
        turns = self.spec["sinkhornIterations"]
        if single:
            pre, mix = pre + epsilon, mix.softmax(-1) + epsilon
            mix = mix / (mix.sum(-2, keepdim=True) + epsilon)
            turns -= 1
        else:
            mix = mix.exp()
        for _ in range(turns):
            mix = mix / (mix.sum(-1, keepdim=True) + epsilon)
            mix = mix / (mix.sum(-2, keepdim=True) + epsilon)
        return pre.to(streams.dtype), post.to(streams.dtype), mix.to(streams.dtype)


def collapse(streams, pre):
    """streams [B, T, n d], pre [B, T, n] -> [B, T, d]."""
    return (pre.unsqueeze(-2) @ streams.unflatten(-1, (pre.shape[-1], -1))).squeeze(-2)


def merge(streams, x, post, mix):
    mixed = mix.transpose(-1, -2) @ streams.unflatten(-1, (post.shape[-1], -1))
    return (mixed + post.unsqueeze(-1) * x.unsqueeze(-2)).flatten(-2)


class Block(nn.Module):
    def __init__(self, spec, model, memory_width):
        super().__init__()
        d, epsilon, streams = model["width"], model["normEpsilon"], model["streams"]
        self.hyper = streams["kind"] != "residual"
        self.single = streams["kind"] == "mhc-single-pass"
        self.engram = Engram(spec["engram"], model, memory_width) if "engram" in spec else None
        attention = {"gqa": GroupedQueryAttention, "mla": LatentAttention}[spec["attention"]["kind"]]
        self.attention = attention(spec["attention"], model)
        part = spec["feedForward"]
        self.feedForward = Dense(d, part["hiddenWidth"]) if part["kind"] == "dense" else MixtureOfExperts(part, d)
        self.attentionNorm, self.feedForwardNorm = RMSNorm(d, epsilon), RMSNorm(d, epsilon)
        if self.hyper:
            self.attentionStreams, self.feedForwardStreams = HyperConnections(streams, model), HyperConnections(streams, model)

    def forward(self, streams, before, memory, state, start):
        """Gives the streams after the block, and the collapse of the sub-layer after it where that is told ahead."""
        if self.engram is not None:
            streams = streams + self.engram(streams, memory, state and state["convolution"])
        cache = state and state["attention"]
        attend = lambda x: self.attention(self.attentionNorm(x), cache, start)
        feed = lambda x: self.feedForward(self.feedForwardNorm(x))
        if not self.hyper:
            streams = streams + attend(streams)
            return streams + feed(streams), None
        for connections, operation in ((self.attentionStreams, attend), (self.feedForwardStreams, feed)):
            pre, post, mix = connections(streams)
            own = before if self.single else pre
            x = collapse(streams, own) if own is not None else streams[..., : streams.shape[-1] // pre.shape[-1]]
            streams, before = merge(streams, operation(x), post, mix), pre
        return streams, before


class EngramModel(nn.Module):
    def __init__(self, spec):
        super().__init__()
        self.spec, d, epsilon = spec, spec["width"], spec["normEpsilon"]
        memory = spec.get("memory")
        memory_width = 0
        if memory:
            addressing = memory["addressing"]
            memory_width = len(addressing["tableSizes"]) * addressing["headsPerOrder"] * memory["encoding"]["width"]
        self.embedding = nn.Embedding(spec["vocabSize"], d)
        self.blocks = nn.ModuleList(Block(block, spec, memory_width) for block in spec["blocks"])
        self.norm = RMSNorm(d, epsilon)
        self.head = linear(spec["vocabSize"], d)
        if spec["head"] == "tied":
            self.head.weight = self.embedding.weight
        self.tables = {}

    @staticmethod
    def load(folder, device="cpu", dtype=torch.float32):
        spec, tensors = load_checkpoint(folder)
        model = EngramModel(spec)
        if spec["head"] == "tied":
            tensors["head.weight"] = tensors["embedding.weight"]
        model.load_state_dict(tensors)
        return model.to(device, dtype)

    def load_tables(self, path, device="cpu", dtype=torch.float32):
        """Tables `blocks.I.engram.table` of one safetensors file."""
        for name, table in load_file(str(path)).items():
            self.tables[int(name.split(".")[1])] = table.to(device, dtype)

    def rows(self, layer, row_ids):
        """row_ids [B, T, rows a token] -> [B, T, m]."""
        return F.embedding(row_ids, self.tables[layer]).flatten(-2)

    def state(self, batch, capacity):
        like = self.norm.weight
        return [
            {
                "attention": block.attention.cache(batch, capacity, like),
                "convolution": block.engram.convolution_state(batch, like)
                if block.engram is not None and block.engram.look_back else None,
            }
            for block in self.blocks
        ]

    def hidden(self, embedded, memory, state=None, start=0):
        """embedded [B, T, d], memory: [B, T, m] of each block with an engram -> [B, T, d], not yet normed."""
        streams, n = embedded, self.spec["streams"]["count"]
        if n > 1:
            streams = streams.repeat(1, 1, n)
        before = None
        for layer, block in enumerate(self.blocks):
            streams, before = block(streams, before, memory.get(layer), state and state[layer], start)
        if self.spec["streams"]["kind"] == "mhc-single-pass":
            return collapse(streams, before)
        return streams if n == 1 else streams.unflatten(-1, (n, -1)).mean(-2)

    def forward(self, ids, memory, state=None, start=0, last=False):
        """Logits [B, T, V], or [B, V] of the last tokens."""
        x = self.hidden(self.embedding(ids), memory, state, start)
        return self.head(self.norm(x[:, -1] if last else x))
