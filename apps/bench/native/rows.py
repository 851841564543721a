# Peers in Python for cells about rows. Takes part as src/cells/request.ts says.
#   rows.py serve '{"kind":"memmap","path":"/t/rows","rowBytes":264,"rows":1000,"ids":"/t/calls.u32","count":24}'
#   rows.py load  (the same): makes what the kind needs, from the file of packed rows
#   rows.py probe: which kinds this Python has, as JSON
# KIND: memmap (numpy.memmap, indexed), take (numpy.take from an array in memory), torch (an embedding in memory), py-lmdb (a
# value a row, integer keys, buffers), engramdb (PyPI engramdb-python over the same file).
import json
import os
import sys
import time
from importlib.metadata import PackageNotFoundError, version

PACKAGES = {"memmap": "numpy", "take": "numpy", "torch": "torch", "py-lmdb": "lmdb", "engramdb": "engramdb-python"}
OTHERS = {"tokenizers": "tokenizers"}  # of other programs than this one
BATCH = 60_000


def answer(value):
    print(json.dumps(value), flush=True)


def probe():
    found = {"python": sys.version.split()[0]}
    for kind, package in (PACKAGES | OTHERS).items():
        try:
            found[kind] = f"{package} {version(package)}"
        except PackageNotFoundError:
            continue
    answer(found)


def open_lmdb(folder):
    import lmdb

    environment = lmdb.open(folder, map_size=1 << 40, max_dbs=2, readahead=False, meminit=False)
    return environment, environment.open_db(b"rows", integerkey=True)


def load(given):
    import numpy

    folder, row_bytes, rows = given["folder"], given["rowBytes"], given["rows"]
    os.makedirs(folder, exist_ok=True)
    if given["kind"] == "engramdb":
        target = os.path.join(folder, "shard_000.bin")
        if not os.path.exists(target):
            os.link(given["path"], target)
    if given["kind"] == "py-lmdb":
        table = numpy.memmap(given["path"], dtype=numpy.uint8, mode="r")
        environment, database = open_lmdb(folder)
        for first in range(0, rows, BATCH):
            last = min(rows, first + BATCH)
            data = memoryview(table[first * row_bytes : last * row_bytes].tobytes())
            keys = numpy.arange(first, last, dtype=numpy.uint32).tobytes()
            with environment.begin(write=True, db=database) as transaction, transaction.cursor() as cursor:
                cursor.putmulti(
                    [
                        (keys[4 * i : 4 * i + 4], data[row_bytes * i : row_bytes * (i + 1)])
                        for i in range(last - first)
                    ],
                    append=True,
                )
        environment.close()
    answer({"loaded": True})


def gatherer(given):
    """Gives a function from row ids to the gathered bytes, and a note."""
    import numpy

    kind, path, row_bytes, count = given["kind"], given["path"], given["rowBytes"], given["count"]
    if kind == "memmap":
        table = numpy.memmap(path, dtype=numpy.uint8, mode="r").reshape(-1, row_bytes)
        return lambda ids: table[ids], numpy.intp
    if kind == "take":
        table = numpy.fromfile(path, dtype=numpy.uint8).reshape(-1, row_bytes)
        out = numpy.ones((count, row_bytes), dtype=numpy.uint8)
        return lambda ids: numpy.take(table, ids, axis=0, out=out, mode="clip"), numpy.intp
    if kind == "torch":
        import torch

        torch.set_num_threads(1)
        # rows as 32-bit integers: their bytes come through unchanged whatever they mean
        weight = torch.from_numpy(numpy.fromfile(path, dtype=numpy.int32).reshape(-1, row_bytes // 4))
        return lambda ids: torch.nn.functional.embedding(torch.from_numpy(ids), weight).numpy(), numpy.int64
    out = bytearray(count * row_bytes)
    view = memoryview(out)
    if kind == "engramdb":
        import engramdb

        store = engramdb.Store(given["folder"], shards=1, rows_per_shard=given["rows"], width=row_bytes)

        def fetch(ids):
            view[:] = store.fetch(ids.tolist())
            return view

        return fetch, numpy.uint32
    environment, database = open_lmdb(given["folder"])
    transaction = environment.begin(db=database, buffers=True)
    get = transaction.get

    def gets(ids):
        keys = ids.tobytes()
        at = 0
        for i in range(0, len(keys), 4):
            view[at : at + row_bytes] = get(keys[i : i + 4])
            at += row_bytes
        return view

    gets.environment = environment
    return gets, numpy.uint32


def serve(given):
    import numpy

    count = given["count"]
    gather, dtype = gatherer(given)
    calls_ids = numpy.fromfile(given["ids"], dtype=numpy.uint32).reshape(-1, count).astype(dtype)
    if given.get("touch"):
        for ids in calls_ids:
            gather(ids)
    package = PACKAGES[given["kind"]]
    answer({"ready": True, "version": f"{package} {version(package)}, Python {sys.version.split()[0]}"})
    for line in sys.stdin:
        first, calls, check = (int(field) for field in line.split()[:3])
        cpu_start = time.process_time_ns()
        start = time.perf_counter_ns()
        for call in range(calls):
            out = gather(calls_ids[(first + call) % len(calls_ids)])
        ns = time.perf_counter_ns() - start
        result = {"ns": ns, "cpuNs": time.process_time_ns() - cpu_start}
        if check:
            words = numpy.frombuffer(numpy.ascontiguousarray(out).data, dtype=numpy.uint8).view(numpy.uint32)
            weights = numpy.arange(words.size, dtype=numpy.uint32) | numpy.uint32(1)
            result["checksum"] = int((words * weights).sum(dtype=numpy.uint32))
        answer(result)


if sys.argv[1] == "probe":
    probe()
else:
    {"load": load, "serve": serve}[sys.argv[1]](json.loads(sys.argv[2]))
