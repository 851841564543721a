# Contestants of the LMDB benchmark in Python: `lmdb-peers.py load|serve|drop KIND FOLDER ROWS`. KIND is py-lmdb (a value a
# row, 32-bit integer keys, read through buffers) or engramdb (PyPI engramdb-python, a file of rows). `load` writes the
# table and says how long that took; `serve` answers requests as apps/bench/src/gather-workload.ts has them; `drop` asks the
# system to forget the pages of all files in the folder.
import json
import os
import sys
import time

ROW_BYTES = 264
BATCH = 60_000
action, kind, folder, rows = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
if action != "drop":
    import numpy


def answer(value):
    print(json.dumps(value), flush=True)


def mix(x):
    x ^= x >> numpy.uint32(16)
    x *= numpy.uint32(0x7FEB352D)
    x ^= x >> numpy.uint32(15)
    x *= numpy.uint32(0x846CA68B)
    return x ^ (x >> numpy.uint32(16))


def chunk(first, last):
    words = numpy.arange(first * 66, last * 66, dtype=numpy.uint32)
    return (words * numpy.uint32(2654435761)).tobytes()


def open_lmdb():
    import lmdb

    environment = lmdb.open(folder, map_size=1 << 36, max_dbs=2, readahead=False, meminit=False)
    return environment, environment.open_db(b"rows", integerkey=True)


def drop():
    for name in os.listdir(folder):
        descriptor = os.open(os.path.join(folder, name), os.O_RDONLY)
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def load():
    os.makedirs(folder, exist_ok=True)
    start = time.perf_counter()
    if kind == "py-lmdb":
        environment, database = open_lmdb()
        for first in range(0, rows, BATCH):
            last = min(rows, first + BATCH)
            data = memoryview(chunk(first, last))
            keys = numpy.arange(first, last, dtype=numpy.uint32).tobytes()
            with environment.begin(write=True, db=database) as transaction:
                with transaction.cursor() as cursor:
                    cursor.putmulti(
                        [
                            (keys[4 * i : 4 * i + 4], data[ROW_BYTES * i : ROW_BYTES * (i + 1)])
                            for i in range(last - first)
                        ],
                        append=True,
                    )
        environment.close()
        name = "data.mdb"
    else:
        name = "shard_000.bin"
        with open(os.path.join(folder, name), "wb") as file:
            for first in range(0, rows, BATCH):
                file.write(chunk(first, min(rows, first + BATCH)))
            file.flush()
            os.fsync(file.fileno())
    answer({"seconds": time.perf_counter() - start, "fileBytes": os.path.getsize(os.path.join(folder, name))})


def gather_lmdb():
    import lmdb

    environment, database = open_lmdb()
    transaction = environment.begin(db=database, buffers=True)
    get = transaction.get

    def gather(ids, out):
        keys = ids.tobytes()
        at = 0
        for i in range(0, len(keys), 4):
            out[at : at + ROW_BYTES] = get(keys[i : i + 4])
            at += ROW_BYTES

    return gather, f"py-lmdb {lmdb.__version__}, LMDB {'.'.join(map(str, lmdb.version()))}"


def gather_engramdb():
    import engramdb
    from importlib.metadata import version

    store = engramdb.Store(folder, shards=1, rows_per_shard=rows, width=ROW_BYTES)

    def gather(ids, out):
        out[:] = store.fetch(ids.tolist())

    return gather, f"engramdb-python {version('engramdb-python')}"


def serve():
    gather, version = gather_lmdb() if kind == "py-lmdb" else gather_engramdb()
    answer({"ready": True, "version": version})
    out = bytearray()
    for line in sys.stdin:
        row_bytes, among, count, calls, seed, check = (int(field) for field in line.split())
        counter = numpy.arange(count * calls, dtype=numpy.uint32) + numpy.uint32(seed)
        ids = (mix(counter) % numpy.uint32(among)).reshape(calls, count)
        if len(out) != count * row_bytes:
            out = bytearray(count * row_bytes)
        view = memoryview(out)
        cpu_start = time.process_time_ns()
        start = time.perf_counter_ns()
        for call in range(calls):
            gather(ids[call], view)
        ns = time.perf_counter_ns() - start
        cpu_ns = time.process_time_ns() - cpu_start
        checksum = 0
        if check:
            gathered = numpy.frombuffer(out, dtype=numpy.uint32)
            weights = numpy.arange(gathered.size, dtype=numpy.uint32) | numpy.uint32(1)
            checksum = int((gathered * weights).sum(dtype=numpy.uint32))
        answer({"ns": ns, "cpuNs": cpu_ns, "checksum": checksum})


{"drop": drop, "load": load, "serve": serve}[action]()
