// The probes by name, as cells name them. Not here: what a probe measures.

import type { Probe } from "../probe.js";
import { logitLensProbe } from "./logit-lens-probe.js";
import { phraseRecallProbe } from "./phrase-recall-probe.js";
import { recallProbe } from "./recall-probe.js";
import { zeroedTableProbe } from "./zeroed-table-probe.js";

/** All probes. */
export const PROBES: readonly Probe[] = [phraseRecallProbe, zeroedTableProbe, logitLensProbe, recallProbe];
