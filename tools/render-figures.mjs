// Writes what READMEs quote from elsewhere, so that no figure and no program in them is typed by hand: tables from the
// committed reports in docs/results, programs from examples/; and the plots and pages of the report of engram-bench in
// docs/results/bench, from its report.json.
//   node tools/render-figures.mjs           writes
//   node tools/render-figures.mjs --check   fails where a README does not say what its sources say
// A README marks the place: <!-- figures: NAME --> ... <!-- /figures --> or <!-- file: PATH --> ... <!-- /file -->.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { plotImages, readReport, reportHtml, reportMarkdown } from "../apps/bench/dist/index.js";
import { computeFigures } from "./compute-figures.mjs";

process.chdir(fileURLToPath(new URL("..", import.meta.url)));

const report = (name) => JSON.parse(readFileSync(`docs/results/${name}.json`, "utf8"));
const times = ({ median, low, high }) => `${median.toFixed(2)}x (${low.toFixed(2)} to ${high.toFixed(2)})`;
const grouped = (number) => Math.round(number).toLocaleString("en-US");
const numeric = /^[\d.,]+(x |$| %)/;
/** Columns of numbers go to the right. */
const table = (header, rows) => {
  const rule = header.map((_, column) => (numeric.test(rows[0]?.[column] ?? "") ? "--:" : "---"));
  return [header, rule, ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
};
const machineOf = ({ machine, date }) => `${machine.cpu}, ${machine.cores} cores, ${date.slice(0, 10)}`;

/** What each name of a figure stands for. */
const figures = {
  quickstart() {
    const { date, machine, steps, tokens, rows, distinctRows, rowsPerSecond, peakMemoryBytes, uniqueNgrams, training } =
      report("quickstart");
    const total = steps.reduce((sum, { seconds }) => sum + seconds, 0);
    return [
      table(
        ["step", "seconds", "what"],
        [...steps.map(({ step, seconds, what }) => [step, seconds.toFixed(2), what]), ["total", total.toFixed(2), ""]],
      ),
      "",
      `${grouped(tokens)} tokens, ${grouped(uniqueNgrams[2])} different 2-grams and ${grouped(uniqueNgrams[3])} 3-grams, ${grouped(rows)} rows of which ${grouped(distinctRows)} differ, ${grouped(rowsPerSecond)} rows a second, ${(peakMemoryBytes / 1e9).toFixed(2)} GB at most (${machineOf({ machine, date })}; one run, not a benchmark).`,
      "",
      `Held out: loss ${training.held.loss.toFixed(3)} with a table (${training.held.bitsPerByte.toFixed(3)} bits a byte), ${training.heldWithout.loss.toFixed(3)} without one after as many steps, ${training.unigram.toFixed(3)} by token frequencies alone; ${grouped(training.parameters)} parameters, ${grouped(training.activated)} of them active for a token.`,
    ].join("\n");
  },
  hash() {
    const { date, machine, tokens, results } = report("hash");
    return [
      table(
        ["16 heads of one layer", "ns a token, least", "ns a token, median", "times as fast as NumPy"],
        [
          ...results.map(({ name, nsPerToken, timesNumpy }) => [
            name,
            nsPerToken.min.toFixed(1),
            nsPerToken.median.toFixed(1),
            times(timesNumpy),
          ]),
        ],
      ),
      "",
      `${grouped(tokens)} tokens a call, paired rounds in alternating order, equal row ids, 95 % bootstrap interval (${machineOf({ machine, date })}).`,
    ].join("\n");
  },
  gather() {
    const { date, machine, cells, growthFrom1MTo16MRows: growth } = report("gather");
    const names = { "dram-direct": "store-dram, output in the store's memory", "dram-huge": "store-dram, any output" };
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
    const cold = ({ coldGathers }) => coldGathers.find(({ blockBytes, verified }) => blockBytes === 4096 && !verified);
    const gets = (network) =>
      `${grouped(cold(network).requestsPerGather)} ranged GETs at once: ${cold(network).inRangedGets.median.toFixed(1)} times one GET; 48 by the SDK at once ${times(cold(network).timesAsFast)}`;
    const hot = "hot, 48 rows a call";
    const many = "hot, 4096 rows a call";
    return [
      table(
        ["rows of 264 bytes", "", "µs a call", "times as fast as"],
        [
          cellRow("store-file, mapped (koffi)", hot, cell(file, hot), "mapped", ["numpy memmap[ids]", "readSync loop"]),
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

/** The report of engram-bench that READMEs quote. */
const BENCH = "docs/results/bench";
const bench = readReport(BENCH);

const micros = (ns) => (ns === undefined ? "" : ns < 1e5 ? (ns / 1e3).toFixed(1) : grouped(ns / 1e3));

Object.assign(figures, {
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
    const of = (one, name) => one?.contestants.find((contestant) => contestant.name === name);
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
      `The ${count} rows of one token of one module of ${preset}, out of ${grouped(tableRows)} rows of ${rowBytes} bytes, tokens of ${bench.traces[0].name}; p99 of calls that arrive at random at half of what the tier keeps up. Peers read the same rows in the same rounds; fio reads pages of its own choice (${machineOf({ machine: bench.machine, date: bench.started })}).`,
    ].join("\n");
  },
  /** Hit ratios of the first preset. */
  cache() {
    const curve = bench.curves.find(({ suite }) => suite === "cache");
    if (curve === undefined) throw new Error(`${BENCH} has no curve of the suite cache`);
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
    const shown = ["latency", "throughput", "cost", "size"];
    return plotImages(bench)
      .filter(({ id }) => shown.includes(id))
      .map(({ id, title }) => `![${title}](${BENCH}/${id}.svg)`)
      .join("\n");
  },
});

Object.assign(figures, computeFigures({ report, table, times, grouped, machineOf }));

const check = process.argv.includes("--check");
/** Files made whole of the report. */
const made = [
  [`${BENCH}/report.md`, reportMarkdown(bench)],
  [`${BENCH}/report.html`, reportHtml(bench)],
  ...plotImages(bench).map(({ id, svg }) => [`${BENCH}/${id}.svg`, svg]),
];
const files = execFileSync("git", ["ls-files", "*.md"], { encoding: "utf8" }).split("\n").filter(Boolean);
let stale = 0;
for (const file of files) {
  const text = readFileSync(file, "utf8");
  const written = text
    .replace(/(<!-- figures: (\S+) -->\n)[\s\S]*?(<!-- \/figures -->)/g, (_, open, name, close) => {
      if (figures[name] === undefined)
        throw new Error(`${file}: there is no figure ${name}; known are ${Object.keys(figures).join(", ")}`);
      return `${open}\n${figures[name]()}\n\n${close}`;
    })
    .replace(/(<!-- file: (\S+) -->\n)[\s\S]*?(<!-- \/file -->)/g, (_, open, path, close) => {
      const language = path.split(".").at(-1).replace("mjs", "js");
      return `${open}\n\`\`\`${language}\n${readFileSync(path, "utf8").trimEnd()}\n\`\`\`\n\n${close}`;
    });
  update(file, text, written);
}
for (const [file, written] of made) update(file, existsSync(file) ? readFileSync(file, "utf8") : undefined, written);

function update(file, text, written) {
  if (written === text) return;
  if (check) {
    console.error(`${file} does not say what its sources say; run node tools/render-figures.mjs`);
    stale++;
  } else {
    writeFileSync(file, written);
    console.log(`${file}: written`);
  }
}
process.exit(stale > 0 ? 1 : 0);
