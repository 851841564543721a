// The addressing and row encoding of the models known to ship Engram tables, as plain data; the same configurations lie
// as JSON files in examples/addressing. Sources: deepseek-ai/Engram `engram_demo_v1.py`; DeepSeek-V4.1-Flash and
// Qwen3.8-Flash-Next as Hugging Face transformers reads them (`deepseek_v41`, `qwen4_exp`). Not whole models.

import type { RowEncoding } from "../rows/encoding.js";
import type { AddressingConfig } from "./addressing-config.js";

/** How a known model addresses its tables and writes their rows. */
export interface AddressingPreset {
  readonly config: AddressingConfig;
  readonly encoding: RowEncoding;
}

/** The names of all presets. */
export type AddressingPresetName = "engram-demo" | "deepseek-v4.1-flash" | "qwen3.8-flash-next";

/** How the known models address their tables and write their rows. Plain data; do not change it. */
export const ADDRESSING_PRESETS: Readonly<Record<AddressingPresetName, AddressingPreset>> = {
  // 2 tables, 20,692,406 rows; the demo trains float32 tables, stored here as bf16: 2.6 GB
  "engram-demo": {
    config: {
      kind: "engram",
      vocabSize: 98_627,
      seed: 0,
      layers: [1, 15],
      tableSizes: [646_400, 646_400],
      headsPerOrder: 8,
      padId: 2,
    },
    encoding: { kind: "bf16", width: 64 },
  },
  // 2 tables of 384,006,168 and 384,016,682 rows, 188.8 GiB
  "deepseek-v4.1-flash": {
    config: {
      kind: "deepseek-v4.1",
      vocabSize: 99_092,
      seed: 0,
      layers: [1, 14],
      tableSizes: [16_000_000, 16_000_000, 16_000_000],
      headsPerOrder: 8,
      padId: 2,
    },
    encoding: { kind: "fp8-e4m3-e8m0", width: 256 },
  },
  // 1 table of 320,001,536 rows, 95.4 GiB in bf16
  "qwen3.8-flash-next": {
    config: {
      kind: "qwen-ple",
      vocabSize: 248_320,
      seed: 1234,
      layers: [1],
      tableSizes: [20_000_000, 20_000_000],
      headsPerOrder: 8,
      eosId: 248_044,
    },
    encoding: { kind: "bf16", width: 160 },
  },
};
