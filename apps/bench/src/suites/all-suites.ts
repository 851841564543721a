// The suites that there are, in the order in which they are listed. One place to add another. `compute` is loaded when it
// runs: its engines are the heaviest part of this package.

import { addressingSuite } from "./addressing-suite.js";
import { cacheSuite } from "./cache-suite.js";
import { importSuite } from "./import-suite.js";
import { offloadSuite } from "./offload-suite.js";
import { scaleSuite } from "./scale-suite.js";
import { storesSuite } from "./stores-suite.js";
import type { Suite } from "./suite.js";
import { tiersSuite } from "./tiers-suite.js";

const computeSuite: Suite = {
  name: "compute",
  description: "every operation of each engine against the exact reference, forward and backward",
  plan: async (context) => (await import("./compute-suite.js")).computeSuite.plan(context),
};

/** All suites. */
export const SUITES: readonly Suite[] = [
  tiersSuite,
  storesSuite,
  addressingSuite,
  scaleSuite,
  cacheSuite,
  offloadSuite,
  importSuite,
  computeSuite,
];
