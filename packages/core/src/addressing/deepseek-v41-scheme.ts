// DeepSeek-V4.1-Flash's addressing (arXiv 2609.19969; transformers `deepseek_v41`): the paper's multipliers and tables,
// and dead tokens (image placeholders), at which look-back latches: once it meets the start of the sequence or a dead
// token, it and all older ones read the pad id.

import { DEAD_TOKEN } from "./contexts.js";
import { engramScheme } from "./engram-scheme.js";
import type { HashScheme } from "./hash-scheme.js";

export const deepseekV41Scheme: HashScheme = {
  multipliers: engramScheme.multipliers,
  paddedRows: engramScheme.paddedRows,
  contextRule: (config) => ({ ...engramScheme.contextRule(config), boundary: DEAD_TOKEN }),
};
