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
export { type FakeS3, type FakeS3Options, type FakeS3Stats, fakeS3 } from "./fake-s3.js";
export { S3_FAULT_KINDS, type S3FaultKind, type S3Faults, type S3Request } from "./fake-s3-faults.js";
export { STORE_FAULT_KINDS, type StoreFaultKind } from "./faulty-rows.js";
export { type FaultyOptions, type FaultyStore, faulty } from "./faulty-store.js";
export { type SeededRandom, seededRandom } from "./seeded-random.js";
export { type ModelPropertyOptions, storeModelProperty } from "./store-model-property.js";
