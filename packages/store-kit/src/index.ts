// The public names of @engram-ts/store-kit.

export {
  type CaseOutcome,
  type ConformanceCase,
  type ConformanceOptions,
  type ConformanceReport,
  runConformance,
  storeConformance,
  summaryLine,
  type TestRunner,
} from "./conformance.js";
export type { ConformanceTarget } from "./conformance-case.js";
export { deterministicRows, fillRows, findWrongRow, verifyRow } from "./deterministic-rows.js";
export { ConformanceFailure } from "./expectations.js";
export { type ModelPropertyOptions, storeModelProperty } from "./store-model-property.js";
