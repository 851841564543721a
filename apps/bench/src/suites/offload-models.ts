// The models whose decode steps the suite `offload` times, with random weights, and their tables written once a run. A tiny
// one that the exact reference computes in milliseconds, and a larger one for engines: what a tier costs depends on how long
// the model computes while rows are on their way.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  compressIds,
  createAddressing,
  encodedRowBytes,
  fillRows,
  type ModelSpec,
  modelPreset,
  parseModelSpec,
  tableInfo,
} from "@engram-ts/core";
import { writeTables } from "../cells/row-table.js";
import type { SuiteContext } from "./suite.js";

/** A model with its tables. */
export interface OffloadModel {
  readonly name: string;
  readonly specFile: string;
  /** Of all tables. */
  readonly rows: number;
  readonly rowBytes: number;
  /** Of one token, in all modules. */
  readonly rowsPerToken: number;
  readonly tokens: Uint32Array;
  /** Where its tables are, by scheme. */
  readonly tables: Readonly<Record<"file" | "lmdb", string>> & { readonly s3?: string };
  /** Writes those of this machine unless they are there. */
  write(): Promise<void>;
  /** The same for the object store's, where there is one. */
  writeFar(): Promise<void>;
}

/** Rows of a head: tables large enough that a step's rows lie apart. */
const SIZES = { tiny: [20_000, 200_000], "gqa-35m": [4_096, 32_768] } as const;

/** Names of the models. */
export type OffloadModelName = keyof typeof SIZES;

const engram = { kind: "engram" } as const;

/** Six blocks of 256 with experts, two modules with rows as DeepSeek-V4.1 has them, an output for each id of its tokens. */
function larger(size: number): ModelSpec {
  const addressing = {
    kind: "engram",
    vocabSize: 98_627, // of DeepSeek's tokenizer, compressed
    seed: 0,
    layers: [1, 3],
    tableSizes: [size, size],
    headsPerOrder: 8,
    padId: 2,
  } as const;
  return parseModelSpec({
    name: "gqa-35m",
    vocabSize: addressing.vocabSize,
    width: 256,
    contextTokens: 1_024,
    head: "tied",
    memory: { addressing, encoding: { kind: "fp8-e4m3-e8m0", width: 256 } },
    attention: { kind: "gqa", heads: 8, kvHeads: 4, headDim: 32 },
    feedForward: { kind: "moe", routedExperts: 8, sharedExperts: 1, expertWidth: 96, topK: 2 },
    blocks: [{ feedForward: { kind: "dense", hiddenWidth: 768 } }, { engram }, {}, { engram }, { repeat: 2 }],
  });
}

/** The preset with larger tables, for ids as the addressing takes them, so that it needs no token map. */
function tiny(size: number): ModelSpec {
  const preset = modelPreset("tiny");
  const { memory } = preset;
  if (memory === undefined) throw new Error("tiny has no memory");
  const addressing = { ...memory.addressing, tableSizes: memory.addressing.tableSizes.map(() => size) };
  return { ...preset, vocabSize: addressing.vocabSize, memory: { ...memory, addressing } };
}

/** A model in a run's scratch space. */
export function offloadModel(name: OffloadModelName, context: SuiteContext): OffloadModel {
  const [quickSize, fullSize] = SIZES[name];
  const size = context.quick ? quickSize : fullSize;
  const spec = name === "tiny" ? tiny(size) : larger(size);
  const { memory } = spec;
  if (memory === undefined) throw new Error(`${name} has no memory`);
  const { encoding } = memory;
  const hashes = createAddressing(memory.addressing);
  const at = (kind: string) => join(context.folder, `offload-${name}-${kind}`);
  const specFile = at("spec.json");
  const tables = {
    file: `file:${at("file")}`,
    lmdb: `lmdb:${at("lmdb")}`,
    ...(context.s3 === undefined ? {} : { s3: `${context.s3}/offload-${name}` }),
  };
  let writing: Promise<void> | undefined;
  let writingFar: Promise<void> | undefined;
  return {
    name,
    specFile,
    rows: hashes.layers.reduce((sum, layer) => sum + layer.rows, 0),
    rowBytes: encodedRowBytes(encoding),
    rowsPerToken: hashes.rowsPerToken * hashes.layers.length,
    tokens: compressIds(context.tokenizer.tokenMap, context.trace.ids),
    tables,
    write() {
      writing ??= writeAll([tables.file, tables.lmdb]);
      return writing;
    },
    writeFar() {
      writingFar ??= writeAll(tables.s3 === undefined ? [] : [tables.s3]);
      writingFar.catch(() => {
        writingFar = undefined; // told to this cell; the next one tries again
      });
      return writingFar;
    },
  };
  async function writeAll(uris: readonly string[]): Promise<void> {
    writeFileSync(specFile, JSON.stringify(spec));
    const infos = new Map(hashes.layers.map(({ layer, rows }) => [layer, tableInfo({ rows, encoding })]));
    for (const uri of uris) {
      await writeTables(uri, hashes, infos, (layer, firstRow, bytes) => {
        const table = infos.get(layer);
        if (table !== undefined) fillRows(table, layer, firstRow, bytes);
      });
    }
  }
}
