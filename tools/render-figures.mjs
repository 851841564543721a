// Writes what READMEs quote from elsewhere, so that no figure and no program in them is typed by hand: tables from the
// committed reports in docs/results, programs from examples/; and the plots and pages of the report of engram-bench in
// docs/results/bench, from its report.json, as those of the experiments from their cells.jsonl.
//   node tools/render-figures.mjs           writes
//   node tools/render-figures.mjs --check   fails where a README does not say what its sources say
// A README marks the place: <!-- figures: NAME --> ... <!-- /figures --> or <!-- file: PATH --> ... <!-- /file -->.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { plotImages, readReport, reportHtml, reportMarkdown } from "../apps/bench/dist/index.js";
import { benchFigures, SHOWN_PLOTS } from "./bench-figures.mjs";
import { computeFigures } from "./compute-figures.mjs";
import { experimentFigures } from "./experiment-figures.mjs";
import { gateFigures } from "./gate-figures.mjs";
import { rowFigures } from "./row-figures.mjs";
import { trainingFigures } from "./training-figures.mjs";

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
    const { date, machine, steps, tokens, rows, distinctRows, rowsPerSecond, peakMemoryBytes, training } =
      report("quickstart");
    const total = steps.reduce((sum, { seconds }) => sum + seconds, 0);
    const { held, heldWithout, unigram, parameters, activated, tokensPerSecond, tiers } = training;
    return [
      table(
        ["", "what came out"],
        [
          [
            "rows of real text",
            `${grouped(rows)} rows of ${grouped(tokens)} tokens, ${grouped(distinctRows)} of them different, ${(rowsPerSecond / 1e6).toFixed(1)} million a second; ${(peakMemoryBytes / 1e9).toFixed(2)} GB at most`,
          ],
          [
            "trained with a table",
            `held-out loss ${held.loss.toFixed(3)}, ${held.bitsPerByte.toFixed(3)} bits a byte, at ${grouped(tokensPerSecond)} tokens a second; ${grouped(parameters)} parameters, ${grouped(activated)} active for a token`,
          ],
          [
            "trained without one",
            `${heldWithout.loss.toFixed(3)} after as many steps; by token frequencies alone ${unigram.toFixed(3)}`,
          ],
          [
            "the table on other tiers",
            tiers.map(({ tier, loss, seconds }) => `${tier} ${loss.toFixed(6)} in ${seconds.toFixed(1)} s`).join(", "),
          ],
        ],
      ),
      "",
      `${Math.round(total)} seconds in all; one run, not a benchmark (${machineOf({ machine, date })}).`,
    ].join("\n");
  },
};

/** The report of engram-bench that READMEs quote. */
const BENCH = "docs/results/bench";
const bench = readReport(BENCH);

Object.assign(figures, benchFigures({ bench, folder: BENCH, table, times, grouped, machineOf }));
Object.assign(figures, computeFigures({ report, table, times, grouped, machineOf }));
Object.assign(figures, trainingFigures({ report, table, times, grouped, machineOf }));
Object.assign(figures, rowFigures({ report, table, machineOf }));

const gates = gateFigures({ report, grouped });
Object.assign(figures, gates.figures);

const experiments = experimentFigures({ table });
Object.assign(figures, experiments.figures);

const check = process.argv.includes("--check");
/** Files made whole of the report. */
const made = [
  ...gates.images,
  ...experiments.files,
  [`${BENCH}/report.md`, reportMarkdown(bench)],
  [`${BENCH}/report.html`, reportHtml(bench)],
  ...plotImages(bench)
    .filter(({ id }) => SHOWN_PLOTS.includes(id)) // report.html has all
    .map(({ id, svg }) => [`${BENCH}/${id}.svg`, svg]),
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
for (const name of readdirSync(BENCH).filter((one) => one.endsWith(".svg"))) {
  const file = `${BENCH}/${name}`;
  if (!made.some(([one]) => one === file)) update(file, "");
}

function update(file, text, written) {
  if (written === text) return;
  if (check) {
    console.error(`${file} does not say what its sources say; run node tools/render-figures.mjs`);
    stale++;
  } else if (written === undefined) {
    rmSync(file);
    console.log(`${file}: removed`);
  } else {
    writeFileSync(file, written);
    console.log(`${file}: written`);
  }
}
process.exit(stale > 0 ? 1 : 0);
