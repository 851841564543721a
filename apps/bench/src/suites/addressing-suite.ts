// The suite `addressing`: what it takes to turn tokens into row ids, for each preset, one token at a time and a prefill chunk
// at once, beside numpy and a plain BigInt loop where these can do the preset's kind of hash; and what it takes, once for a
// tokenizer, to make the map that tokens go through before.

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ADDRESSING_PRESETS, type AddressingPresetName, compressIds, createAddressing } from "@engram-ts/core";
import type { AddressingContestantOptions } from "../cells/addressing-contestant.js";
import type { CellContestant, CellPlan } from "../cells/cell-plan.js";
import type { CommandContestantOptions } from "../cells/command-contestant.js";
import { engramCommand } from "./engram-command.js";
import type { Suite, SuiteContext } from "./suite.js";

const PROGRAM = fileURLToPath(new URL("../../dist/cells/addressing-contestant.js", import.meta.url));
const COMMAND = fileURLToPath(new URL("../../dist/cells/command-contestant.js", import.meta.url));
const TOKENIZERS = fileURLToPath(new URL("../../native/token_map.py", import.meta.url));
const NUMPY = fileURLToPath(new URL("../../native/addressing.py", import.meta.url));

/** The suite. */
export const addressingSuite: Suite = {
  name: "addressing",
  description: "tokens to row ids: kernels against numpy and a BigInt loop, for each preset",
  plan(context) {
    const presets: AddressingPresetName[] = ["engram-demo", "deepseek-v4.1-flash", "qwen3.8-flash-next"];
    const cells = presets.flatMap((preset, i) =>
      [2_048, 1].map((count, k) => addressingCell(preset, count, i + k, context)),
    );
    return { cells: context.quick ? cells : [...cells, tokenMapCell(context)] };
  },
};

/** Whole processes, as for a command that is run once: a `tokenizer.json` read, the map made and written. */
function tokenMapCell({ tokenizer, folder, peers }: SuiteContext): CellPlan {
  const { name, path, tokenMap } = tokenizer;
  const own = (label: string, kind: CellContestant["kind"], command: readonly string[], target: string) => {
    const given: CommandContestantOptions = { command, target, compared: true };
    return { name: label, kind, command: [process.execPath, COMMAND, JSON.stringify(given)] };
  };
  const [map, theirs] = ["engram", "python"].map((one) => join(folder, `${one}.token-map`)) as [string, string]; // of two
  const tokens = [process.execPath, engramCommand(), "tokens", "--tokenizer", path, "--out", map];
  const python = [peers.pythonProgram, TOKENIZERS, path, theirs];
  return {
    id: `addressing/token-map/${name}`,
    suite: "addressing",
    title: `the token map of ${name}: ${tokenMap.tokens} ids to ${tokenMap.compressed}`,
    labels: { tokenizer: name, tokens: tokenMap.tokens, compressed: tokenMap.compressed },
    unit: "map",
    unitsPerCall: 1,
    listedCalls: 1,
    calls: 1,
    processes: 1,
    state: "hot",
    cacheState: "the file tokenizer.json in the system's cache; a process each time",
    contestants: [
      own("engram tokens", "tier", tokens, map),
      ...(peers.versions.tokenizers === undefined ? [] : [own("Python, tokenizers", "peer", python, theirs)]),
    ],
    baseline: "Python, tokenizers",
    checked: "the whole map, by both",
    priority: 1,
  };
}

function addressingCell(
  preset: AddressingPresetName,
  count: number,
  priority: number,
  context: SuiteContext,
): CellPlan {
  const { config } = ADDRESSING_PRESETS[preset];
  const { rowsPerToken } = createAddressing(config);
  const ids =
    preset === "qwen3.8-flash-next" ? context.trace.ids : compressIds(context.tokenizer.tokenMap, context.trace.ids);
  const contestants: CellContestant[] = [];
  return {
    id: `addressing/${preset}/${count}`,
    suite: "addressing",
    title: `${preset}: ${rowsPerToken} row ids a token, ${count === 1 ? "one token" : `${count} tokens`} a call`,
    labels: { preset, kind: config.kind, count, rowsPerToken },
    unit: "token",
    unitsPerCall: count,
    listedCalls: Math.max(1, Math.floor(ids.length / count)),
    state: "hot",
    cacheState: "the same outputs written again, all in the processor's caches",
    contestants,
    baseline: config.kind === "engram" ? "BigInt loop" : "TypeScript",
    checked: `row ids of the last call, ${config.kind === "engram" ? "by all contestants" : "by both kernels"}`,
    priority,
    prepare() {
      const tokens = context.shelf.callsFile(`tokens-${preset}`, ids);
      const own = (name: string, kind: AddressingContestantOptions["kind"]): CellContestant => {
        const command = [process.execPath, PROGRAM, JSON.stringify({ kind, preset, tokens, count })];
        return { name, kind: kind === "bigint" ? "peer" : "tier", command };
      };
      contestants.push(own("WebAssembly", "wasm"), own("TypeScript", "typescript"));
      if (config.kind === "engram")
        contestants.push(own("BigInt loop", "bigint"), ...numpy(preset, tokens, count, context));
      return Promise.resolve();
    },
  };
}

function numpy(preset: AddressingPresetName, tokens: string, count: number, { peers }: SuiteContext): CellContestant[] {
  const { config } = ADDRESSING_PRESETS[preset];
  const [layer] = createAddressing(config).layers;
  if (peers.versions.numpy === undefined || layer === undefined || config.kind === "qwen-ple") return [];
  const { primes, offsets } = layer;
  const given = {
    primes,
    offsets: [...offsets],
    multipliers: layer.multipliers.map(String),
    pad: config.padId,
    tokens,
    count,
  };
  return [{ name: "numpy", kind: "peer", command: [peers.pythonProgram, NUMPY, JSON.stringify(given)] }];
}
