// What results say of tables whose rows were zeroed: a figure of the shares that are kept, the losses with every kind of rows,
// and whether more is kept of contextual tasks than of factual ones. Part of the reports of the experiments that ask for it.

import { barPlot } from "../plots/bar-plot.js";
import type { CellResult } from "./cell.js";
import type { ExperimentReport, ReportTable, Verdict } from "./experiment.js";
import type { TaskOutcome } from "./probes/zeroed-table.js";
import type { ZeroedTableResult } from "./probes/zeroed-table-probe.js";
import { type Interval, intervalText, meanInterval } from "./report/intervals.js";

const ROWS = ["own", "zeros", "shuffled", "untrained"] as const;
const FACTUAL = "frequent phrases";

/**
 * The part of a report.
 * @param id of the figure.
 * @param results of cells with a table; others are to be left out before.
 */
export function zeroedReport(id: string, results: readonly CellResult[]): ExperimentReport | undefined {
  const own = results.filter((one) => tasksOf(one).length > 0);
  const [first] = own;
  if (first === undefined) return undefined;
  const each = [...new Set(own.map(({ cell }) => cell.corpus))].flatMap((corpus) => {
    const cells = own.filter(({ cell }) => cell.corpus === corpus);
    const names = [...new Set(cells.flatMap(tasksOf).map(({ name }) => name))];
    return names.map((name) => ({ corpus, name, found: cells.flatMap((one) => taskOf(one, name) ?? []) }));
  });
  const many = new Set(each.map(({ corpus }) => corpus)).size > 1;
  const plot = barPlot({
    id,
    title: "What is left without the table",
    note: "Share of a task's advantage over its base that is left when the table's rows are zeros, the mean of the seeds with its 95 % interval. Tasks that not every seed's model had learned (an advantage of 0.1 nats) are left out.",
    value: { label: "share kept", scale: "linear", from: 0, format: (share) => `${Math.round(100 * share)} %` },
    bars: each.flatMap(({ corpus, name, found }) => {
      const { value, low, high, count } = keptOf(found);
      if (count === 0) return [];
      const range = Number.isFinite(low) ? { range: [low, high] as const } : {};
      const colour = found[0]?.kind === "contextual" ? 1 : 0;
      return [{ name: many ? `${name}, ${corpus}` : name, value, ...range, colour }];
    }),
    colours: ["what the training text said", "what the same sequence said"],
  });
  const table: ReportTable = {
    title: "Loss with other rows in the table's place, nats, and the share kept with zeros",
    header: ["task", "corpus", "base", ...ROWS, "right, own", "right, zeros", "kept with zeros"],
    rows: each.map(({ corpus, name, found }) => {
      const mean = (of: (task: TaskOutcome) => number | undefined) =>
        meanInterval(found.flatMap((task) => of(task) ?? [])).value;
      const outcome = (task: TaskOutcome, rows: string) => task.rows.find((one) => one.rows === rows);
      const losses = ROWS.map((rows) => mean((task) => outcome(task, rows)?.loss).toFixed(3));
      const right = ["own", "zeros"].map((rows) => share(mean((task) => outcome(task, rows)?.accuracy)));
      return [name, corpus, mean(({ base }) => base).toFixed(3), ...losses, ...right, keptText(keptOf(found))];
    }),
  };
  return {
    verdicts: [verdictOf(own.filter(({ cell }) => cell.corpus === first.cell.corpus))],
    tables: [table],
    plots: plot === undefined ? [] : [plot],
    notes: [
      "Factual: the last tokens of held-out 4-grams that the training text has 16 times or more. Contextual: the second occurrence of random tokens, and values recalled by keys where the models were trained to.",
      "A score is how far the loss lies below the task's base: token frequencies, or guessing among the tokens of all values. The paper's scores are of benchmarks, which models of this size cannot take: the direction can be compared, the percentages hardly.",
      "Shuffled rows are those of other ids; untrained ones are as a table's before its first step.",
    ],
  };
}

function tasksOf({ probes }: CellResult): readonly TaskOutcome[] {
  return (probes["zeroed-table"] as unknown as ZeroedTableResult | undefined)?.tasks ?? []; // as the probe wrote it
}

function taskOf(result: CellResult, name: string): TaskOutcome | undefined {
  return tasksOf(result).find((task) => task.name === name);
}

/** What a task keeps with zeros. */
function keptWithZeros(task: TaskOutcome | undefined): number | undefined {
  return task?.rows.find(({ rows }) => rows === "zeros")?.kept ?? undefined;
}

/** The mean over seeds; of none where not all have learned the task. */
function keptOf(found: readonly TaskOutcome[]): Interval {
  const kept = found.flatMap((task) => keptWithZeros(task) ?? []);
  return meanInterval(kept.length === found.length ? kept : []);
}

/** Of the contextual tasks that every model learned, together, against the factual one. */
function verdictOf(results: readonly CellResult[]): Verdict {
  const factual = keptOf(results.flatMap((one) => taskOf(one, FACTUAL) ?? []));
  const names = [
    ...new Set(
      results
        .flatMap(tasksOf)
        .filter(({ kind }) => kind === "contextual")
        .map(({ name }) => name),
    ),
  ];
  const learned = names.filter((name) => keptOf(results.flatMap((one) => taskOf(one, name) ?? [])).count > 0);
  if (factual.count === 0 || learned.length === 0) {
    const missing = [...(factual.count === 0 ? [FACTUAL] : []), ...(learned.length === 0 ? names : [])];
    const other = factual.count === 0 ? "" : ` On ${FACTUAL} they keep ${keptText(factual)}.`;
    return {
      outcome: "not decided",
      sentence: `Zeroed rows: the models have not learned ${missing.join(" or ")}, so that there is nothing to keep there.${other}`,
    };
  }
  const contextualOf = (one: CellResult) => {
    const kept = learned.flatMap((name) => keptWithZeros(taskOf(one, name)) ?? []);
    return kept.reduce((sum, value) => sum + value, 0) / kept.length;
  };
  const contextual = meanInterval(results.map(contextualOf));
  const difference = meanInterval(
    results.map((one) => contextualOf(one) - (keptWithZeros(taskOf(one, FACTUAL)) ?? Number.NaN)),
  );
  const sentence = `Zeroed rows keep ${keptText(factual)} of the advantage on ${FACTUAL} and ${keptText(contextual)} on ${learned.join(" and ")}; the difference is ${intervalText(difference, 3)}.`;
  if (difference.low > 0) return { outcome: "reproduced", sentence };
  return { outcome: difference.high < 0 ? "not reproduced" : "not decided", sentence };
}

function keptText({ value, low, high, count }: Interval): string {
  if (count === 0) return "not learned";
  return Number.isFinite(low) ? `${share(value)} (${share(low)} to ${share(high)})` : `${share(value)} (one seed)`;
}

function share(value: number): string {
  return `${(100 * value).toFixed(0)} %`;
}
