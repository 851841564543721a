// A process that takes part in cells about addressing: token ids to row ids by the WebAssembly kernel, by its TypeScript
// twin, or by a plain loop over BigInt as the definition has it. A call hashes `count` tokens.
//   addressing-contestant.js '{"kind":"wasm","preset":"engram-demo","tokens":"/t/tokens.u32","count":2048}'

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { ADDRESSING_PRESETS, type AddressingPresetName, createAddressing, type LayerAddressing } from "@engram-ts/core";
import { parseRequest } from "./request.js";
import { runRound } from "./round-loops.js";
import { checksum } from "./table-words.js";

/** What the process is told. */
export interface AddressingContestantOptions {
  readonly kind: "wasm" | "typescript" | "bigint";
  readonly preset: AddressingPresetName;
  /** A file of 32-bit token ids, as the preset's addressing takes them. */
  readonly tokens: string;
  readonly count: number;
}

const options = JSON.parse(process.argv[2] ?? "{}") as AddressingContestantOptions; // by the harness that starts this
const { kind, preset, count } = options;
const bytes = readFileSync(options.tokens);
const tokens = new Uint32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
const { config } = ADDRESSING_PRESETS[preset];
const addressing = createAddressing(config, { kernel: kind === "wasm" ? "wasm" : "typescript" });
const [layer] = addressing.layers;
if (layer === undefined) throw new Error("the preset has no layer");
const out = new Uint32Array(count * addressing.rowsPerToken);
const hash = kind === "bigint" ? hasher(layer, config.kind === "qwen-ple" ? config.eosId : config.padId) : undefined;

/** The definition: a product a look-back, an exclusive or, and a remainder a head. Of kind `engram` alone. */
function hasher({ primes, multipliers, offsets }: LayerAddressing, pad: number) {
  if (config.kind !== "engram") throw new Error("the BigInt loop is of kind engram");
  const moduli = primes.map((order) => order.map(BigInt));
  return (ids: Uint32Array): void => {
    let next = 0;
    for (let t = 0; t < ids.length; t++) {
      let mix = BigInt(ids[t] ?? 0) * (multipliers[0] ?? 0n);
      let head = 0;
      for (let order = 0; order < moduli.length; order++) {
        const older = t > order ? (ids[t - order - 1] ?? 0) : pad;
        mix ^= BigInt(older) * (multipliers[order + 1] ?? 0n);
        for (const modulus of moduli[order] ?? []) out[next++] = Number(mix % modulus) + (offsets[head++] ?? 0);
      }
    }
  };
}

console.log(JSON.stringify({ ready: true, version: `Node ${process.versions.node}` }));
for await (const line of createInterface({ input: process.stdin })) {
  const request = parseRequest(line);
  const call = (index: number) => {
    const ids = tokens.subarray(index * count, (index + 1) * count);
    if (hash === undefined) addressing.rowIds(layer.layer, ids, undefined, out);
    else hash(ids);
    return undefined;
  };
  const answer = await runRound(call, Math.floor(tokens.length / count), request);
  const sum = request.check === 1 ? { checksum: checksum(new Uint8Array(out.buffer)) } : {};
  console.log(JSON.stringify({ ...answer, ...sum }));
}
