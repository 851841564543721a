#!/usr/bin/env python3
"""What NumPy's default generator draws for many seeds and bounds, for packages/core/test/fixtures.

  python3 tools/oracles/numpy-random.py > packages/core/test/fixtures/numpy-random.json

`draws` lists seed, bound and drawn integers as decimal strings. `groups` covers thousands of random pairs in little
space: pairs come from a 64-bit linear congruential sequence that the test repeats, and the sha256 is over the drawn
integers, each written as 8 little-endian bytes.
"""
import hashlib
import json
import sys

import numpy as np

SEEDS = [0, 1, 10007, 150105, 2**32 - 1, 2**32, 2**64 - 1, 2**64 + 9, 2**96, 2**128 - 1, 2**128, 2**130 + 77, 2**200 + 3]
BOUNDS = [1, 2, 3, 10, 255, 2**16, 2**31 - 1, 2**31, 2**31 + 1, 2**32 - 2, 2**32 - 1, 2**32, 2**32 + 1, 2**32 + 2,
          3 * 2**31, 46539438283891, 46758859322775, 2**62, 2**62 + 1, 2**63 - 1]
# Lemire's draw rejects often for these: bounds just above half of the word
REJECTING = [2**31 + 1, 2**31 + 2**30, 2**62 + 2**61 + 1, 2**63 - 2**33]


def draw(seed, bound, count):
    return np.random.default_rng(seed).integers(0, bound, size=count, dtype=np.int64)


def sequence(state):
    while True:
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        yield state


def group(name, start, pairs, count, seed_bits, bound_shift):
    words, digest = sequence(start), hashlib.sha256()
    for _ in range(pairs):
        seed = 0
        for _ in range(-(-seed_bits // 64)):
            seed = seed * 2**64 + next(words)
        seed >>= (64 - seed_bits) % 64
        bound = max(1, next(words) >> (bound_shift + next(words) % 31))
        digest.update(draw(seed, bound, count).astype("<i8").tobytes())
    return dict(name=name, start=str(start), pairs=pairs, count=count, seedBits=seed_bits, boundShift=bound_shift,
                sha256=digest.hexdigest())


def main():
    draws = [[str(s), str(b), [str(x) for x in draw(s, b, 4)]] for s in SEEDS for b in BOUNDS]
    draws += [[str(s), str(b), [str(x) for x in draw(s, b, 12)]] for s in SEEDS[:4] for b in REJECTING]
    groups = [
        group("32-bit draws, odd counts use half a word", 1, 1500, 5, 32, 32),
        group("64-bit draws", 2, 1500, 4, 64, 1),
        group("seeds of 192 bits", 3, 600, 4, 192, 1),
        group("many draws of one generator", 4, 12, 400, 48, 1),
    ]
    json.dump(dict(numpy=np.__version__, draws=draws, groups=groups), sys.stdout)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
