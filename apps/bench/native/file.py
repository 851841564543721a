# A benchmark contestant: rows gathered out of a numpy.memmap, by indexing (KIND index) or by numpy.take into an output that
# is there already (KIND take), its fastest form. Reads one command a line, as apps/bench/src/file-contestant.ts does.
#   file.py KIND FILE ROW_BYTES hot|cold
import json
import sys
import time

import numpy


def mix(x):
    x ^= x >> numpy.uint32(16)
    x *= numpy.uint32(0x7FEB352D)
    x ^= x >> numpy.uint32(15)
    x *= numpy.uint32(0x846CA68B)
    return x ^ (x >> numpy.uint32(16))


def answer(value):
    print(json.dumps(value), flush=True)


kind, path, width, state = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
table = numpy.memmap(path, dtype=numpy.uint8, mode="r").reshape(-1, width)
if state == "hot":
    table[:: max(1, 4096 // width), 0].sum()
answer({"ready": True, "version": numpy.__version__})

out = None
for line in sys.stdin:
    row_bytes, rows, count, calls, seed, check = (int(field) for field in line.split())
    counter = numpy.arange(count * calls, dtype=numpy.uint32) + numpy.uint32(seed)
    ids = (mix(counter) % numpy.uint32(rows)).astype(numpy.intp).reshape(calls, count)
    if out is None or out.shape != (count, row_bytes):
        out = numpy.ones((count, row_bytes), dtype=numpy.uint8)
    start = time.perf_counter_ns()
    if kind == "take":
        for call in range(calls):
            numpy.take(table, ids[call], axis=0, out=out, mode="clip")
    else:
        for call in range(calls):
            out = table[ids[call]]
    ns = time.perf_counter_ns() - start
    checksum = 0
    if check:
        gathered = numpy.ascontiguousarray(out).reshape(-1).view(numpy.uint32)
        weights = numpy.arange(gathered.size, dtype=numpy.uint32) | numpy.uint32(1)
        checksum = int((gathered * weights).sum(dtype=numpy.uint32))
    answer({"ns": ns, "checksum": checksum})
