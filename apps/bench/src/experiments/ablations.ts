// Experiment 4, ablations: one part of the engram at a time taken away or moved, against the model that has all of them. The
// arms are in ablation-arms.ts; here their cells and what is said of them.

import { barPlot } from "../plots/bar-plot.js";
import { ABLATION_ARMS, type AblationArm, ablationModel } from "./ablation-arms.js";
import { type Cell, type CellResult, cellId } from "./cell.js";
import type { Experiment, ExperimentReport, Verdict } from "./experiment.js";
import { EXPERIMENT_SIZES, experimentTraining } from "./models/experiment-sizes.js";
import { armsOf, lossText, pairedDifference } from "./report/arms.js";
import { type Interval, intervalText } from "./report/intervals.js";

const EXPERIMENT = "ablations";
const REFERENCE = "reference";

/** See the head of this file. */
export const ablations: Experiment = {
  name: EXPERIMENT,
  title: "Ablations: what of the engram matters",
  claim:
    "Context gating, tokenizer compression and a key for each stream matter most; the convolution matters little; one table in an early block, but not the first, is best; 4-grams at equal size are slightly worse (the paper's ablations, of a model with 3 billion parameters).",
  cells(scale, vocabulary) {
    const sizes = EXPERIMENT_SIZES[scale];
    const { seeds, budgets, batch, heldOutTokens } = sizes;
    const [budget] = budgets;
    if (budget === undefined) return [];
    return seeds.flatMap((seed) =>
      ABLATION_ARMS.map(({ arm, ...ablation }): Cell => {
        const { spec, fill } = ablationModel(budget, ablation, vocabulary);
        return {
          ...{ id: cellId({ experiment: EXPERIMENT, arm, seed }), experiment: EXPERIMENT, arm, seed },
          ...{ labels: { claim: ablation.claim }, corpus: "mixed", batch, heldOutTokens, probes: [] },
          ...{ spec, ...(fill && { fill }) },
          config: experimentTraining(sizes, budget.name),
        };
      }),
    );
  },
  report: ablationReport,
};

interface Found {
  readonly arm: AblationArm;
  readonly own: readonly CellResult[];
  /** The arm's loss minus that of the model that it is compared with. */
  readonly difference: Interval;
}

function ablationReport(results: readonly CellResult[]): ExperimentReport | undefined {
  const arms = armsOf(results);
  const of = (name: string) => arms.get(name) ?? [];
  if (of(REFERENCE).length === 0) return undefined;
  const found = ABLATION_ARMS.flatMap((arm): Found[] => {
    const own = of(arm.arm);
    return own.length === 0 || arm.arm === REFERENCE
      ? []
      : [{ arm, own, difference: pairedDifference(own, of(REFERENCE)) }];
  });
  const plot = barPlot({
    id: EXPERIMENT,
    title: "What the held-out loss changes by, against the reference",
    note: "Above 0 the change makes the model worse. The reference has a table in the second block, orders 2 and 3, gates, compression, convolution, and a key for each of two streams. Intervals of 95 % over seeds.",
    value: { label: "nats a token", scale: "linear", format: (value) => value.toFixed(4) },
    bars: found.map(({ arm, difference: { value, low, high } }) => ({
      ...{ name: arm.arm, value, colour: arm.claim === "none" ? 5 : 0 },
      ...(Number.isFinite(low) && { range: [low, high] as const }),
    })),
  });
  return {
    verdicts: [...found.flatMap(armVerdict), ...streamsVerdict(of)],
    tables: [
      {
        title: "Arms",
        header: ["arm", "what", "parameters", "held-out loss", "against the reference, nats"],
        rows: [{ arm: ABLATION_ARMS[0], own: of(REFERENCE), difference: undefined }, ...found].map(
          ({ arm, own, difference }) => [
            arm?.arm ?? "",
            arm?.what ?? "",
            `${((own[0]?.parameters.total ?? 0) / 1e6).toFixed(3)}M`,
            lossText(own),
            difference === undefined ? "" : intervalText(difference),
          ],
        ),
      },
    ],
    plots: plot === undefined ? [] : [plot],
    notes: [
      "Equal between the arms: rows of all tables together and their width, rows looked up for a token by each table, experts, text and its order for a seed, batch, steps, schedule, learning rate, optimizer. What is taken away is not paid for elsewhere.",
      "The paper takes branch-specific fusion away by one fusion for all streams; here the whole model has one stream instead, so its engram is compared with that of two streams by what each gains over the same model without a table.",
    ],
  };
}

/** What the paper says of an arm, and whether it is so here. */
function armVerdict({ arm: { arm, claim }, difference }: Found): Verdict[] {
  const said = `${arm}: ${intervalText(difference)} nats against the reference`;
  const { low, high } = difference;
  if (claim === "worse") {
    const outcome = low > 0 ? "reproduced" : high < 0 ? "not reproduced" : "not decided";
    return [{ outcome, sentence: `${said}; the paper's model gets worse by it.` }];
  }
  if (claim === "little") {
    const worst = Math.max(Math.abs(low), Math.abs(high));
    const outcome = worst < LITTLE ? "reproduced" : low > LITTLE || high < -LITTLE ? "not reproduced" : "not decided";
    return [{ outcome, sentence: `${said}; the paper's model changes little, taken as less than ${LITTLE} nats.` }];
  }
  return [];
}

/** Nats that count as little: a quarter of what a table gained in the paper's ablations (1.808 to 1.768). */
const LITTLE = 0.01;

/** What a table gains with two streams and two keys, and with one of each. */
function streamsVerdict(of: (arm: string) => readonly CellResult[]): Verdict[] {
  const [two, twoNone, one, oneNone] = [REFERENCE, "no table", "one stream", "one stream, no table"].map(of);
  if (!two?.length || !twoNone?.length || !one?.length || !oneNone?.length) return [];
  const lossOf = (results: readonly CellResult[], seed: number) =>
    results.find(({ cell }) => cell.seed === seed)?.heldOut.loss;
  const [gainTwo, gainOne] = [pairedDifference(two, twoNone), pairedDifference(one, oneNone)];
  const more = pairedDifference(two, one, (result) => {
    const none = lossOf(result.cell.arm === REFERENCE ? twoNone : oneNone, result.cell.seed);
    return none === undefined ? undefined : result.heldOut.loss - none;
  });
  const outcome = more.high < 0 ? "reproduced" : more.low > 0 ? "not reproduced" : "not decided";
  const sentence = `Streams: the table changes the loss by ${intervalText(gainTwo)} nats with two streams and a key for each, by ${intervalText(gainOne)} with one; the difference is ${intervalText(more)}. In the paper branch-specific keys matter.`;
  return [{ outcome, sentence }];
}
