// The public names of @engram-ts/bench: the command as a program, and reports for whoever makes something else of them.

export type { Outcome, Verdict as ClaimVerdict } from "./experiments/experiment.js";
export type { ExperimentFiles, ExperimentOutcome } from "./experiments/report/report-folder.js";
export { storedExperimentReport } from "./experiments/report/stored-report.js";
export type { DiskCard } from "./machine/disk-card.js";
export type { MachineCard } from "./machine-card.js";
export { gateImages, type TracedPassage } from "./plots/gate-image.js";
export { type PlotImage, plotImages } from "./plots/plot-image.js";
export { benchProgram } from "./program.js";
export { type ComparedContestant, type Comparison, compareReports } from "./report/compare.js";
export { reportHtml } from "./report/html.js";
export { reportMarkdown } from "./report/markdown.js";
export type { Prices } from "./report/prices.js";
export type {
  BenchReport,
  CellReport,
  ContestantKind,
  ContestantReport,
  CurveReport,
  LeftOut,
} from "./report/report.js";
export { readReport, writeReport } from "./report/report-files.js";
export type { OpenLoopLatency } from "./statistics/arrivals.js";
export { pairedRatio, type RatioInterval, type Series } from "./statistics/paired-ratio.js";
export type { Verdict, VerdictRule } from "./statistics/verdict.js";
export type { TraceCard } from "./traces/trace.js";
