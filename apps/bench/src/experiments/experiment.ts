// An experiment: the claim that it tests, the cells that it trains at each scale, and the report that its results make. What a
// report says of the claim is computed from the results, never written by hand.

import type { Plot } from "../plots/plot.js";
import type { Cell, CellResult } from "./cell.js";

/** How large: for tests, for two cores, for a GPU. */
export const SCALES = ["miniature", "cpu", "gpu"] as const;

/** One of {@link SCALES}. */
export type Scale = (typeof SCALES)[number];

/** What models have to know of the tokenizer that all corpora share. */
export interface ExperimentVocabulary {
  /** Ids are below this. */
  readonly vocabSize: number;
  /** Ids after compression, which tables are addressed by. */
  readonly compressed: number;
  /** The compressed id that stands for nothing before the text. */
  readonly padId: number;
}

/** What the results say of the claim. */
export type Outcome = "reproduced" | "not reproduced" | "not decided";

/** One claim and what became of it. */
export interface Verdict {
  readonly outcome: Outcome;
  /** With its figures and intervals. */
  readonly sentence: string;
}

/** Rows of text under a header. */
export interface ReportTable {
  readonly title: string;
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** What an experiment found. */
export interface ExperimentReport {
  readonly verdicts: readonly Verdict[];
  readonly tables: readonly ReportTable[];
  readonly plots: readonly Plot[];
  /** What is equal between the arms, and the limits: sentences. Sizes, seeds, tokens and engines are added for all alike. */
  readonly notes: readonly string[];
}

/** An experiment. */
export interface Experiment {
  /** As the command line names it. */
  readonly name: string;
  readonly title: string;
  /** The paper's claim, with its section of arXiv 2601.07372. */
  readonly claim: string;
  /** Its cells, the most telling first: a run that is cut short has those. */
  cells(scale: Scale, vocabulary: ExperimentVocabulary): readonly Cell[];
  /** Of the results that are there, which may be only some; undefined where they are too few to say anything. */
  report(results: readonly CellResult[]): ExperimentReport | undefined;
}
