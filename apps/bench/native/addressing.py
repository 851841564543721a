# A peer in Python for cells about addressing: the vectorised form of the reference program (shift, multiply, exclusive or, a
# remainder a head) in numpy, head offsets added. Takes part as src/cells/request.ts says.
#   addressing.py '{"multipliers":["1"],"primes":[[7]],"offsets":[0],"pad":2,"tokens":"/t/tokens.u32","count":2048}'
import json
import sys
import time

import numpy as np

given = json.loads(sys.argv[1])
count = given["count"]
tokens = np.fromfile(given["tokens"], dtype=np.uint32).astype(np.int64)
calls_ids = tokens[: len(tokens) // count * count].reshape(-1, count)
factors = [np.int64(int(m)) for m in given["multipliers"]]
offsets = np.array(given["offsets"], dtype=np.int64)


def row_ids(ids):
    shifts = [ids]
    for k in range(1, len(factors)):
        shifts.append(np.concatenate([np.full(min(k, count), given["pad"], dtype=np.int64), ids[: max(0, count - k)]]))
    mix = shifts[0] * factors[0]
    out = []
    for k in range(1, len(factors)):
        mix = np.bitwise_xor(mix, shifts[k] * factors[k])
        out.extend(mix % np.int64(prime) for prime in given["primes"][k - 1])
    return np.stack(out, axis=1) + offsets


print(json.dumps({"ready": True, "version": f"numpy {np.__version__}"}), flush=True)
for line in sys.stdin:
    first, calls, check = (int(field) for field in line.split()[:3])
    cpu_start = time.process_time_ns()
    start = time.perf_counter_ns()
    for call in range(calls):
        rows = row_ids(calls_ids[(first + call) % len(calls_ids)])
    ns = time.perf_counter_ns() - start
    result = {"ns": ns, "cpuNs": time.process_time_ns() - cpu_start}
    if check:
        words = rows.astype(np.uint32).reshape(-1)
        weights = np.arange(words.size, dtype=np.uint32) | np.uint32(1)
        result["checksum"] = int((words * weights).sum(dtype=np.uint32))
    print(json.dumps(result), flush=True)
