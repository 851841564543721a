// Experiment 2, a table against more experts: two models of equal total and activated parameters and operations, on prose,
// code and facts. Does the table help, and does it help most with what text says often.

import type { JsonValue } from "@engram-ts/core";
import { barPlot } from "../plots/bar-plot.js";
import { linePlot } from "../plots/line-plot.js";
import { type Cell, type CellResult, cellId } from "./cell.js";
import type { Experiment, ExperimentReport, ReportTable, Verdict } from "./experiment.js";
import { allocatedModel } from "./models/allocated-model.js";
import { EXPERIMENT_SIZES, experimentTraining } from "./models/experiment-sizes.js";
import { lossText, pairedDifference } from "./report/arms.js";
import { type Interval, intervalText, meanInterval } from "./report/intervals.js";
import { CORPORA } from "./running/experiment-corpora.js";

const EXPERIMENT = "comparison";
/** The share of experts that the paper calls best. */
const RHO = 0.8;
const KINDS = [
  ["experts", 1],
  ["table", RHO],
] as const;
/** Length of the phrases whose last token is asked for. */
const PHRASE = 4;

/** See the head of this file. */
export const comparison: Experiment = {
  name: EXPERIMENT,
  title: "A table against more experts, on prose, code and facts",
  claim:
    "At equal total and activated parameters and operations, a model with a table has a lower loss than one with more experts (table 1 of the paper: 1.950 against 1.960 on the Pile), on text of every kind, and recalls more of what it was told.",
  cells(scale, vocabulary) {
    const sizes = EXPERIMENT_SIZES[scale];
    const { seeds, budgets, batch, heldOutTokens } = sizes;
    const [budget] = budgets;
    if (budget === undefined) return [];
    const probes = [{ probe: "phrase-recall", options: { orders: [PHRASE], tokens: Math.min(65_536, heldOutTokens) } }];
    return seeds.flatMap((seed) =>
      CORPORA.flatMap((corpus) =>
        KINDS.map(([kind, rho]): Cell => {
          const arm = `${corpus} ${kind}`;
          return {
            ...{ id: cellId({ experiment: EXPERIMENT, arm, seed }), experiment: EXPERIMENT, arm, seed },
            ...{ labels: { corpus, kind, rho }, corpus, batch, heldOutTokens, probes },
            spec: allocatedModel(budget, rho, vocabulary),
            config: experimentTraining(sizes, budget.name),
          };
        }),
      ),
    );
  },
  report: comparisonReport,
};

function comparisonReport(results: readonly CellResult[]): ExperimentReport | undefined {
  const found = CORPORA.flatMap((corpus) => {
    const of = (kind: string) =>
      results.filter(({ cell }) => cell.labels.corpus === corpus && cell.labels.kind === kind);
    const [experts, table] = [of("experts"), of("table")];
    if (experts.length === 0 || table.length === 0) return [];
    const loss = pairedDifference(table, experts);
    const bits = pairedDifference(table, experts, ({ heldOut }) => heldOut.bitsPerByte ?? undefined);
    return [{ corpus, experts, table, loss, bits, bands: bandsOf(table, experts) }];
  });
  if (found.length === 0) return undefined;
  const table: ReportTable = {
    title: "Held-out loss",
    header: ["corpus", "experts alone, nats", "with a table, nats", "table minus experts, nats", "in bits per byte"],
    rows: found.map(({ corpus, experts, table: own, loss, bits }) => [
      corpus,
      lossText(experts),
      lossText(own),
      intervalText(loss),
      intervalText(bits),
    ]),
  };
  const recall: ReportTable = {
    title: `Phrases of ${PHRASE} tokens in held-out text, by how often the training text has them: share of last tokens that are the first guess`,
    header: ["corpus", "times in training", "phrases", "experts alone", "with a table", "table minus experts"],
    rows: found.flatMap(({ corpus, bands }) =>
      bands.map(({ name, phrases, experts, table: own, difference }) => [
        corpus,
        name,
        String(phrases),
        experts.value.toFixed(4),
        own.value.toFixed(4),
        intervalText(difference),
      ]),
    ),
  };
  const losses = barPlot({
    id: "comparison",
    title: "What a table changes of the held-out loss, against more experts",
    note: "Equal parameters and operations. Below 0 the table is better; bars have the interval of 95 % over seeds.",
    value: { label: "nats a token, table minus experts", scale: "linear", format: (value) => value.toFixed(3) },
    bars: found.map(({ corpus, loss: { value, low, high } }, colour) => ({
      ...{ name: corpus, value, colour },
      ...(Number.isFinite(low) && { range: [low, high] as const }),
    })),
  });
  const phrases = linePlot({
    id: "comparison-recall",
    title: `Recall of phrases of ${PHRASE} tokens, by how often they were read`,
    note: "Share of the last tokens of held-out phrases that are the model's first guess, table minus experts alone.",
    x: { label: "times in the training text, at least (0 drawn as 0.5)", scale: "log" },
    y: { label: "share more with a table", scale: "linear", format: (value) => value.toFixed(3) },
    lines: found.map(({ corpus, bands }) => ({
      name: corpus,
      points: bands.map(({ from, difference }) => [from === 0 ? 0.5 : from, difference.value] as const),
    })),
  });
  return {
    verdicts: [lossVerdict(found), ...found.flatMap(recallVerdict)],
    tables: [table, recall],
    plots: [losses, phrases].filter((plot) => plot !== undefined),
    notes: [
      "Equal: total and activated parameters and operations of a token within 1 %, text and its order for a seed, batch, steps, schedule, learning rate (rows five times of it), optimizer.",
      `With a table: ${RHO * 100} % of the sparse parameters are experts, the rest rows.`,
      "Phrases say what text repeats, not what a person would call a fact; factual text is WordNet's glosses and the World Factbook.",
    ],
  };
}

interface Found {
  readonly corpus: string;
  readonly loss: Interval;
  readonly bands: readonly Band[];
}

function lossVerdict(found: readonly Found[]): Verdict {
  const said = found.map(({ corpus, loss }) => `${corpus} ${intervalText(loss)}`).join(", ");
  const better = found.filter(({ loss }) => loss.high < 0).length;
  const worse = found.filter(({ loss }) => loss.low > 0).length;
  const sentence = `Loss with a table minus that of experts alone, in nats: ${said}. Better on ${better} and worse on ${worse} of ${found.length} kinds of text, for certain.`;
  if (better === found.length) return { outcome: "reproduced", sentence };
  return { outcome: worse > 0 ? "not reproduced" : "not decided", sentence };
}

/** Whether the phrases that were read most often gain. */
function recallVerdict({ corpus, bands }: Found): Verdict[] {
  const often = bands.at(-1);
  if (often === undefined) return [];
  const { difference, name, phrases } = often;
  const outcome = difference.low > 0 ? "reproduced" : difference.high < 0 ? "not reproduced" : "not decided";
  const sentence = `Recall in ${corpus}: of held-out phrases that were read ${name} times (${phrases} of them) the table completes ${intervalText(difference)} more, as a share.`;
  return [{ outcome, sentence }];
}

interface Band {
  readonly name: string;
  readonly from: number;
  readonly phrases: number;
  readonly experts: Interval;
  readonly table: Interval;
  readonly difference: Interval;
}

function bandsOf(table: readonly CellResult[], experts: readonly CellResult[]): Band[] {
  const known = bandsIn(table[0]);
  return known.map(({ from, to, tokens }, i) => {
    const accuracy = (result: CellResult) => bandsIn(result)[i]?.accuracy ?? undefined;
    const of = (results: readonly CellResult[]) => meanInterval(results.flatMap((one) => accuracy(one) ?? []));
    return {
      name: to === null ? `${from} or more` : from === to ? String(from) : `${from} to ${to}`,
      ...{ from, phrases: tokens, experts: of(experts), table: of(table) },
      difference: pairedDifference(table, experts, accuracy),
    };
  });
}

/** Bands of the held-out text as the probe gives them; none where it did not run. */
function bandsIn(result: CellResult | undefined) {
  const orders = fieldOf(fieldOf(result?.probes["phrase-recall"], "heldOut"), "orders");
  const bands = Array.isArray(orders) ? fieldOf(orders[0], "bands") : undefined;
  return (Array.isArray(bands) ? bands : []).flatMap((band: JsonValue) => {
    const [from, to, tokens, accuracy] = ["from", "to", "tokens", "accuracy"].map((name) => fieldOf(band, name));
    if (typeof from !== "number" || typeof tokens !== "number") return [];
    const number = (value: JsonValue | undefined) => (typeof value === "number" ? value : null);
    return [{ from, to: number(to), tokens, accuracy: number(accuracy) }];
  });
}

function fieldOf(value: JsonValue | undefined, name: string): JsonValue | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  return (value as { readonly [field: string]: JsonValue })[name]; // neither array nor null
}
