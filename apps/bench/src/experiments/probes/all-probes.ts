// The probes by name, as cells name them. Not here: what a probe measures.

import type { Probe } from "../probe.js";

/** All probes. */
export const PROBES: readonly Probe[] = [];
