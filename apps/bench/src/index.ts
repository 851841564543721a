// The public names of @engram-ts/bench: the command as a program, and reports for whoever makes something else of them.

export { benchProgram } from "./program.js";
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
