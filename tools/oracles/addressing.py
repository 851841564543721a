#!/usr/bin/env python3
"""Row ids of all addressing kinds, straight from their definitions, for packages/core/test/fixtures.

Independent of the TypeScript: NumPy's own generator draws the multipliers, a sieve finds the primes, Python's unbounded
integers hash one position at a time, and look-back is a walk over the sequence. Configurations vary orders, heads,
layers, seeds, vocabularies, and mix unequal, tiny and huge tables.

  python3 tools/oracles/addressing.py > packages/core/test/fixtures/addressing-vectors.json
"""
import json
import sys

import numpy as np

DEAD = None  # in a walk over tokens; the file lists dead positions beside the ids


def next_primes(start, count_hint=4096):
    """Primes from `start` upward, by sieving windows with all primes up to the square root."""
    low = start
    while True:
        high = low + max(count_hint, 1 << 16)
        root = int(high**0.5) + 1
        small = np.ones(root + 1, bool)
        small[:2] = False
        for i in range(2, int(root**0.5) + 1):
            if small[i]:
                small[i * i :: i] = False
        window = np.ones(high - low, bool)
        for p in np.flatnonzero(small).tolist():
            first = max(p * p, (low + p - 1) // p * p)
            window[first - low :: p] = False
        for n in range(low, min(2, high)):
            window[n - low] = False
        yield from (np.flatnonzero(window) + low).tolist()
        low = high


def table_primes(config):
    taken, tables = set(), []
    for _ in config["layers"]:
        table = []
        for base in config["bases"]:
            order = []
            for prime in next_primes(base):
                if len(order) == config["heads"]:
                    break
                if prime not in taken:
                    order.append(prime)
            taken.update(order)
            table.append(order)
        tables.append(table)
    return tables


def multipliers(config, index):
    count = len(config["bases"]) + 1
    half = max(1, (2**63 - 1) // config["vocab"] // 2)
    if config["kind"] != "qwen-ple":
        generator = np.random.default_rng(config["seed"] + 10007 * config["layers"][index])
        return [2 * int(r) + 1 for r in generator.integers(0, half, size=count, dtype=np.int64)]
    state, golden, out = config["seed"] + 10007 * index, 0x9E3779B97F4A7C15, []
    for i in range(1, count + 1):
        z = (state + golden * i + golden) % 2**64
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
        out.append(2 * ((z ^ (z >> 31)) % half) + 1)
    return out


def context(config, tokens, t):
    """What position t sees: the current token, then older ones until something stops the walk."""
    fill = config.get("pad", config.get("eos"))
    count = len(config["bases"]) + 1
    seen = [tokens[t]]
    while seen[-1] is not DEAD and len(seen) < count and t - len(seen) >= 0:
        older = tokens[t - len(seen)]
        if older is DEAD or (config["kind"] == "qwen-ple" and older == config["eos"]):
            break
        seen.append(older)
    if seen[0] is DEAD:
        seen = []
    return seen + [fill] * (count - len(seen))


def case(rng, config, length, special):
    out = []
    tables = table_primes(config)
    ids = rng.integers(0, config["vocab"], length).tolist()
    ids[length // 2 : length // 2 + 4] = [ids[0]] * len(ids[length // 2 : length // 2 + 4])  # a repeated token
    ids[-1] = config["vocab"] - 1  # the greatest id
    at = sorted(set(int(i) for i in special if i < length))
    if config["kind"] == "qwen-ple":
        for i in at:
            ids[i] = config["eos"]
    dead = at if config["kind"] == "deepseek-v4.1" else []
    tokens = [DEAD if i in dead else v for i, v in enumerate(ids)]
    for index, layer in enumerate(config["layers"]):
        factors, rows = multipliers(config, index), []
        for t in range(length):
            seen, row, offset = context(config, tokens, t), [], 0
            for n, order in enumerate(tables[index], start=2):
                mix = 0
                for token, factor in zip(seen[:n], factors):
                    mix ^= token * factor
                assert 0 <= mix < 2**63
                for prime in order:
                    row.append(offset + mix % prime)
                    offset += prime
            rows.append(row)
        extra = {"dead": dead} if dead else {}
        out.append({**config, "layer": layer, "multipliers": [str(m) for m in factors], "primes": tables[index],
                    "ids": ids, **extra, "rows": rows})
    return out


def main():
    rng = np.random.default_rng(7)
    e, v, q = "engram", "deepseek-v4.1", "qwen-ple"
    configs = [
        (dict(kind=e, vocab=50021, seed=7, layers=[0, 3, 22], bases=[70001, 91000, 50000], heads=5, pad=7), 24),
        (dict(kind=e, vocab=300, seed=123456789, layers=[4], bases=[2], heads=1, pad=0), 8),
        (dict(kind=e, vocab=1, seed=3, layers=[0], bases=[11, 5], heads=3, pad=0), 6),
        (dict(kind=e, vocab=128815, seed=2**53 - 1, layers=[9, 2], bases=[65000, 65536, 1000, 30000000], heads=9, pad=2), 12),
        (dict(kind=e, vocab=2**31, seed=11, layers=[65535], bases=[2**31], heads=1, pad=2**31 - 1), 20),
        (dict(kind=e, vocab=2**21 + 1, seed=2**40 + 5, layers=[1], bases=[1000003] * 7, heads=2, pad=1), 20),
        (dict(kind=v, vocab=60013, seed=0, layers=[2, 9], bases=[300000, 400000, 500000], heads=4, pad=2), 30),
        (dict(kind=v, vocab=99092, seed=5, layers=[14, 1], bases=[4096] * 4, heads=8, pad=99091), 20),
        (dict(kind=v, vocab=32000, seed=1, layers=[0], bases=[65521], heads=6, pad=0), 20),
        (dict(kind=q, vocab=50000, seed=99, layers=[5], bases=[123456, 123456], heads=6, eos=49999), 30),
        (dict(kind=q, vocab=248320, seed=1234, layers=[1, 8, 30], bases=[20000000, 20000000], heads=8, eos=248044), 16),
        (dict(kind=q, vocab=1000, seed=2**53 - 1, layers=[7], bases=[77, 200000, 9], heads=3, eos=0), 24),
    ]
    cases = []
    for config, length in configs:
        special = [0, 1, 5, 8, 9, length - 3] if config["seed"] % 2 else [4, 6, 7, 12, 20]
        cases += case(rng, config, length, special)
    json.dump(cases, sys.stdout)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
