// Tables of the reports of programs that engram-bench replaces, for as long as its own report has no such cells.
//   olderFigures({ report, table, times, grouped, machineOf })   report(name) reads docs/results/NAME.json

/** The figures by name. */
export function olderFigures({ report, table, times, grouped, machineOf }) {
  const figures = {
    gather() {
      const { date, machine, cells, growthFrom1MTo16MRows: growth } = report("gather");
      const names = {
        "dram-direct": "store-dram, output in the store's memory",
        "dram-huge": "store-dram, any output",
      };
      const micros = (value) => (value < 100 ? value.toFixed(2) : grouped(value));
      const rows = cells
        .filter(({ name }) => name.endsWith("rows a call"))
        .flatMap(({ name, timesAsFast, microsecondsPerCall }) =>
          Object.entries(names).map(([key, label]) => [
            name,
            label,
            micros(microsecondsPerCall[key]),
            ...["numpy.take", "C memcpy", "JS subarray"].map((peer) => times(timesAsFast[key][peer])),
          ]),
        );
      return [
        table(
          ["random rows from 2 GiB", "", "µs a call", "as fast as numpy.take", "as fast as C", "as fast as JS"],
          rows,
        ),
        "",
        `A row costs ${times(growth["dram-huge"])} as much in a table of 16M rows as in one of 1M. Paired rounds in alternating order, equal checksums, 95 % bootstrap interval (${machineOf({ machine, date })}; C without huge pages).`,
      ].join("\n");
    },
    import() {
      const { date, machine, bytes, results } = report("import");
      return [
        table(
          ["V4.1 shards in the page cache", "MB/s", "as fast as cp and sync"],
          results.map(({ name, megabytesPerSecond, timesCp }) => [name, grouped(megabytesPerSecond), times(timesCp)]),
        ),
        "",
        `${grouped(bytes / 1e6)} MB, whole processes, paired rounds (${machineOf({ machine, date })}). An import joins values and scales, digests, syncs and reads back; \`cp\` does none of it.`,
      ].join("\n");
    },
    tiers() {
      const [file, lmdb, s3] = ["file", "lmdb", "s3"].map(report);
      const cell = ({ cells }, name) => cells.find((one) => one.name === name);
      const peers = (timesAsFast, names) => names.map((name) => `${name} ${times(timesAsFast[name])}`).join("<br>");
      const cellRow = (tier, state, { microsecondsPerCall, timesAsFast }, own, names) => [
        tier,
        state,
        microsecondsPerCall[own] < 100 ? microsecondsPerCall[own].toFixed(1) : grouped(microsecondsPerCall[own]),
        peers(own in timesAsFast ? timesAsFast[own] : timesAsFast, names),
      ];
      const [near, far] = s3.networks;
      const cold = ({ coldGathers }) =>
        coldGathers.find(({ blockBytes, verified }) => blockBytes === 4096 && !verified);
      const gets = (network) =>
        `${grouped(cold(network).requestsPerGather)} ranged GETs at once: ${cold(network).inRangedGets.median.toFixed(1)} times one GET; 48 by the SDK at once ${times(cold(network).timesAsFast)}`;
      const hot = "hot, 48 rows a call";
      const many = "hot, 4096 rows a call";
      return [
        table(
          ["rows of 264 bytes", "", "µs a call", "times as fast as"],
          [
            cellRow("store-file, mapped (koffi)", hot, cell(file, hot), "mapped", [
              "numpy memmap[ids]",
              "readSync loop",
            ]),
            cellRow("store-file, mapped (koffi)", many, cell(file, many), "mapped", [
              "numpy memmap[ids]",
              "readSync loop",
            ]),
            cellRow("store-file, without koffi", hot, cell(file, hot), "unmapped", ["readSync loop"]),
            ...["cold, 48 rows a call", "cold, 98304 rows a call"].map((name) =>
              cellRow("store-file, mapped (koffi)", name, cell(file, name), "mapped", ["C pread, 16 at once"]),
            ),
            cellRow("store-lmdb", hot, cell(lmdb, hot), "lmdbStore", [
              "lmdb-js, a value a row",
              "py-lmdb",
              "engramdb-python",
            ]),
            cellRow("store-lmdb", "cold, 48 rows a call", cell(lmdb, "cold, 48 rows a call"), "lmdbStore", [
              "lmdb-js, a value a row",
              "engramdb-python",
              "C pread, 16 threads",
            ]),
            ["store-s3", "cold, 48 rows a call", grouped(cold(near).gatherMs * 1000), gets(near)],
            ["store-s3, 20 ms away", "cold, 48 rows a call", grouped(cold(far).gatherMs * 1000), gets(far)],
          ],
        ),
        "",
        `Cold: a fresh process, the page cache dropped, read-ahead ${Object.values(file.machine.readAheadKb ?? {}).join(", ")} KiB; the same reads by C with 16 at once. S3: ${s3.server}, on the same two cores (${machineOf(file)}).`,
      ].join("\n");
    },
  };
  return { stores: () => `${figures.gather()}\n\n${figures.tiers()}`, import: figures.import };
}
