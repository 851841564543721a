// Deterministic rows lie in core, where the command fills tables with them; the names stay here, beside the suite that uses
// them.

export { deterministicRows, fillRows, findWrongRow, verifyRow } from "@engram-ts/core";
