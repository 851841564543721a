// Tables of the report of engram-bench, for READMEs.
//   benchFigures({ bench, folder, table, times, grouped, machineOf })   bench is the report, folder where it lies
import { pairedRatio, plotImages } from "../apps/bench/dist/index.js";

/** Cells of the suite `stores` that READMEs show: which of ours, against whom. */
const STORES = [
  ["dram/decode/hot", ["dram", "dram, output in its memory"], ["numpy take", "C memcpy loop", "JS loop"]],
  ["dram/prefill/hot", ["dram", "dram, output in its memory"], ["numpy take", "C memcpy loop", "JS loop"]],
  ["cache/decode/hot", ["cache, all hits"], ["JS Map"]],
  ["file/decode/hot", ["file, mapped"], ["numpy memmap", "readSync loop"]],
  ["file/decode/hot", ["file, not mapped"], ["readSync loop"]],
  ["file/prefill/hot", ["file, mapped"], ["numpy memmap", "readSync loop"]],
  ["file/decode/cold", ["file, mapped", "file, not mapped"], ["C pread, 16 at once"]],
  ["file/prefill/cold", ["file, mapped", "file, not mapped"], ["C pread, 16 at once"]],
  ["lmdb/decode/hot", ["lmdb"], ["lmdb-js, a value a row", "py-lmdb", "engramdb-python"]],
  ["lmdb/decode/cold", ["lmdb"], ["lmdb-js, a value a row", "py-lmdb", "engramdb-python", "C pread, 16 at once"]],
  ["s3/decode/cold", ["s3"], ["SDK GETs", "one SDK GET"]],
  ["s3, 20 ms away/decode/cold", ["s3"], ["SDK GETs", "one SDK GET"]],
];

/** The plots that READMEs show. */
export const SHOWN_PLOTS = ["latency", "throughput", "cost", "size"];

/** The figures by name. */
export function benchFigures({ bench, folder, table, times, grouped, machineOf }) {
  const machine = machineOf({ machine: bench.machine, date: bench.started });
  const micros = (ns) => (ns === undefined ? "" : ns < 1e5 ? (ns / 1e3).toFixed(1) : grouped(ns / 1e3));
  const cellOf = (suite, start) => bench.cells.find(({ id }) => id.startsWith(`${suite}/${start}`));
  const of = (cell, name) => cell?.contestants.find((contestant) => contestant.name === name);
  /** How many times as fast the first is. */
  const timesAsFast = (cell, name, peer) => {
    const [own, theirs] = [of(cell, name), of(cell, peer)];
    if (own === undefined || theirs === undefined) return undefined;
    const { ratio, low, high } = pairedRatio(theirs.ns, own.ns);
    return times({ median: ratio, low, high });
  };
  return {
    /** Hashing, and the token map before it. */
    hash() {
      const many = cellOf("addressing", "engram-demo/2048");
      const one = cellOf("addressing", "engram-demo/1");
      const map = cellOf("addressing", "token-map/");
      const rows = many.contestants.map(({ name, nsPerUnit, version }) => [
        name === "numpy" ? version.replace("numpy", "NumPy") : name,
        nsPerUnit.toFixed(1),
        timesAsFast(many, name, "numpy") ?? "",
        of(one, name) === undefined ? "" : grouped(of(one, name).nsPerUnit),
        timesAsFast(one, name, "numpy") ?? "",
      ]);
      const seconds = (name) => `${(of(map, name).nsPerUnit / 1e9).toFixed(1)} s`;
      const theirs =
        of(map, "Python, tokenizers") === undefined
          ? ""
          : `, Python with \`tokenizers\` ${seconds("Python, tokenizers")}`;
      const { tokens, compressed } = map?.labels ?? {};
      return [
        table(
          [
            "16 heads of one layer",
            "ns a token, 2,048 at once",
            "as fast as NumPy",
            "ns a token, one a call",
            "as fast as NumPy",
          ],
          rows,
        ),
        "",
        `Tokens of ${bench.traces[0].name}, rounds side by side in alternating order, equal row ids, 95 % bootstrap interval (${machine}).`,
        ...(map === undefined
          ? []
          : [
              "",
              `The token map of DeepSeek-V3's tokenizer, ${grouped(tokens)} ids to ${grouped(compressed)}, takes the command \`engram tokens\` ${seconds("engram tokens")}${theirs}, whole processes, equal maps.`,
            ]),
      ].join("\n");
    },
    /** Each store against what one would write without it. */
    stores() {
      const rows = STORES.flatMap(([start, ours, peers]) => {
        const cell = cellOf("stores", start);
        return ours
          .filter((name) => of(cell, name) !== undefined)
          .map((name) => [
            start.startsWith("s3,") ? start.slice(0, start.indexOf("/")) : name,
            `${cell.labels.access}, ${cell.labels.state}, ${grouped(cell.labels.count)} rows`,
            micros(of(cell, name).nsPerUnit * cell.unitsPerCall),
            peers
              .map((peer) => [peer, timesAsFast(cell, name, peer)])
              .filter(([, ratio]) => ratio !== undefined)
              .map(([peer, ratio]) => `${peer} ${ratio}`)
              .join("<br>"),
          ]);
      });
      const { rows: tableRows, rowBytes } = cellOf("stores", "dram/decode/hot").labels;
      return [
        table(["store", "a call", "µs", "times as fast as"], rows),
        "",
        `Rows of ${rowBytes} bytes, ${grouped(tableRows)} in the table, those that tokens of ${bench.traces[0].name} ask for; outputs checked, rounds side by side in alternating order, 95 % bootstrap interval. Cold: a fresh process, the system's cache of files dropped, read-ahead ${Object.values(bench.machine.readAheadKb ?? {}).join(", ")} KiB (${machine}).${growth()}`,
      ].join("\n");
    },
    /** A checkpoint brought into files and LMDB. */
    import() {
      const cell = cellOf("import", "");
      const rows = cell.contestants.map(({ name, nsPerUnit }) => [
        name.startsWith("to ") ? `import ${name}` : name,
        grouped(1e9 / nsPerUnit),
        timesAsFast(cell, name, "cp, then sync"),
      ]);
      return [
        table(["shards of DeepSeek-V4.1's layout in the page cache", "MB/s", "as fast as cp and sync"], rows),
        "",
        `${grouped(cell.unitsPerCall)} MB, whole processes, rounds in turn (${machine}). An import joins values and scales, digests, syncs and reads back; \`cp\` does none of it.`,
      ].join("\n");
    },
    /** Each tier of the cells that most ask about. */
    bench() {
      const rowCells = bench.cells.filter(({ suite }) => suite === "tiers");
      const [first] = rowCells;
      const cell = (access, state) =>
        rowCells.find(
          ({ labels }) =>
            labels.access === access &&
            labels.state === state &&
            labels.sequences === 1 &&
            labels.preset === first.labels.preset &&
            labels.rows === first.labels.rows,
        );
      const [hot, prefill, cold] = [cell("decode", "hot"), cell("prefill", "hot"), cell("decode", "cold")];
      const names = [...new Set([hot, cold].flatMap((one) => (one?.contestants ?? []).map(({ name }) => name)))];
      const call = (one, name) => of(one, name) && micros(of(one, name).nsPerUnit * one.unitsPerCall);
      const rows = names.map((name) => [
        name,
        call(hot, name) ?? "",
        of(hot, name)?.latency === undefined ? "" : micros(of(hot, name).latency.p99 * 1e3),
        of(prefill, name) === undefined ? "" : (1e3 / of(prefill, name).nsPerUnit).toFixed(1),
        call(cold, name) ?? "",
      ]);
      const { rows: tableRows, rowBytes, count, preset } = first.labels;
      return [
        table(["", "hot, µs a token", "p99, µs", "prefill, million rows/s", "cold, µs a token"], rows),
        "",
        `The ${count} rows of one token of one module of ${preset}, out of ${grouped(tableRows)} rows of ${rowBytes} bytes, tokens of ${bench.traces[0].name}; p99 of calls that arrive at random at half of what the tier keeps up. Peers read the same rows in the same rounds; fio reads blocks that hold such rows, past the system's cache (${machine}).`,
      ].join("\n");
    },
    /** Hit ratios of the first preset. */
    cache() {
      const curve = bench.curves.find(({ suite }) => suite === "cache");
      if (curve === undefined) throw new Error(`${folder} has no curve of the suite cache`);
      const sizes = curve.lines[0].points.map(([bytes]) => bytes).filter((bytes) => bytes >= 2 ** 18);
      const size = (bytes) => (bytes < 2 ** 20 ? `${bytes / 2 ** 10} KiB` : `${bytes / 2 ** 20} MiB`);
      const share = (points, bytes) => `${(100 * points.find(([at]) => at === bytes)[1]).toFixed(1)} %`;
      return [
        table(
          ["cache", ...curve.lines.map(({ name }) => name)],
          sizes.map((bytes) => [size(bytes), ...curve.lines.map(({ points }) => share(points, bytes))]),
        ),
        "",
        curve.note,
      ].join("\n");
    },
    /** The plots that every report begins with. */
    plots() {
      return plotImages(bench)
        .filter(({ id }) => SHOWN_PLOTS.includes(id))
        .map(({ id, title }) => `![${title}](${folder}/${id}.svg)`)
        .join("\n");
    },
  };

  /** What a row of memory costs as its table grows. */
  function growth() {
    const sizes = bench.cells
      .filter(({ suite, labels, contestants }) => {
        const hot = labels.state === "hot" && labels.access === "decode" && labels.sequences === 1;
        return suite === "scale" && hot && labels.rows > 9e5 && contestants.some(({ name }) => name === "dram");
      })
      .toSorted((a, b) => a.labels.rows - b.labels.rows);
    const [small, large] = [sizes[0], sizes.at(-1)];
    if (small === large) return "";
    const ratio = of(large, "dram").nsPerUnit / of(small, "dram").nsPerUnit;
    return ` A row out of memory costs ${ratio.toFixed(1)} times as much among ${grouped(large.labels.rows)} rows as among ${grouped(small.labels.rows)}.`;
  }
}
