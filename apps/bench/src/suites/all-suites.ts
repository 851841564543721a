// The suites that there are, in the order in which they are listed. One place to add another.

import type { Suite } from "./suite.js";
import { tiersSuite } from "./tiers-suite.js";

/** All suites. */
export const SUITES: readonly Suite[] = [tiersSuite];
