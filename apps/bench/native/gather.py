# A benchmark contestant: rows gathered with numpy.take into a preallocated output, its fastest form. Reads one command a
# line from standard input and answers one line of JSON, as apps/bench/src/gather-contestant.ts describes.
import json
import sys
import time

import numpy

BLOCK = 1 << 24


def mix(x):
    x ^= x >> numpy.uint32(16)
    x *= numpy.uint32(0x7FEB352D)
    x ^= x >> numpy.uint32(15)
    x *= numpy.uint32(0x846CA68B)
    return x ^ (x >> numpy.uint32(16))


def answer(value):
    print(json.dumps(value), flush=True)


size = int(sys.argv[1])
memory = numpy.empty(size, dtype=numpy.uint8)
words = memory.view(numpy.uint32)
for first in range(0, words.size, BLOCK):
    last = min(first + BLOCK, words.size)
    words[first:last] = numpy.arange(first, last, dtype=numpy.uint32) * numpy.uint32(2654435761)


def huge_bytes():
    try:
        with open("/proc/self/smaps_rollup") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("AnonHugePages"))
    except OSError:
        return 0


version = f"NumPy {numpy.__version__}, Python {sys.version.split()[0]}, {huge_bytes() / 2**30:.2f} GiB on huge pages"
answer({"ready": True, "version": version})

out = None
for line in sys.stdin:
    row_bytes, rows, count, calls, seed, check = (int(field) for field in line.split())
    table = memory[: rows * row_bytes].reshape(rows, row_bytes)
    counter = numpy.arange(count * calls, dtype=numpy.uint32) + numpy.uint32(seed)
    ids = (mix(counter) % numpy.uint32(rows)).astype(numpy.intp).reshape(calls, count)
    if out is None or out.shape != (count, row_bytes):
        out = numpy.ones((count, row_bytes), dtype=numpy.uint8)
    cpu_start = time.process_time_ns()
    start = time.perf_counter_ns()
    for call in range(calls):
        numpy.take(table, ids[call], axis=0, out=out, mode="clip")
    ns = time.perf_counter_ns() - start
    cpu_ns = time.process_time_ns() - cpu_start
    checksum = 0
    if check:
        gathered = out.reshape(-1).view(numpy.uint32)
        weights = numpy.arange(gathered.size, dtype=numpy.uint32) | numpy.uint32(1)
        checksum = int((gathered * weights).sum(dtype=numpy.uint32))
    answer({"ns": ns, "cpuNs": cpu_ns, "checksum": checksum})
