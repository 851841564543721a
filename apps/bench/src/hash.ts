// Times of hashing one layer of the demo's configuration (16 heads): the WebAssembly kernel, its TypeScript twin, a plain
// BigInt loop, and NumPy written as the reference program writes it, all on the same 65,536 tokens in alternating order.
// Usage: node apps/bench/dist/hash.js [python with numpy; default python3]. Prints lines for people, then JSON.
// Every contestant's row ids are compared; NumPy is timed without adding head offsets, which the others add.

import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { createInterface } from "node:readline";
import { ADDRESSING_PRESETS, type Addressing, createAddressing, type LayerAddressing } from "@engram-ts/core";
import { machineCard } from "./machine-card.js";

const TOKENS = 65_536;
const WARM_UP_ROUNDS = 3;
const ROUNDS = 30;

// Shift, multiply, exclusive or, one modulo per head, stack: the vectorised form of engram_demo_v1.py.
const NUMPY_PROGRAM = `
import hashlib, json, sys, time
import numpy as np
given = json.loads(sys.stdin.readline())
ids = np.array([given["ids"]], dtype=np.int64)
factors = [np.int64(m) for m in given["multipliers"]]
def shifted(k):
    if k == 0:
        return ids
    return np.pad(ids, ((0, 0), (k, 0)), mode="constant", constant_values=given["pad"])[:, : ids.shape[1]]
def hashes():
    shifts = [shifted(k) for k in range(len(factors))]
    out = []
    for n in range(2, len(factors) + 1):
        mix = shifts[0] * factors[0]
        for k in range(1, n):
            mix = np.bitwise_xor(mix, shifts[k] * factors[k])
        for prime in given["primes"][n - 2]:
            out.append((mix % np.int64(prime)).astype(np.int64, copy=False))
    return np.stack(out, axis=2)
offsets = np.array(given["offsets"], dtype=np.int64)
print(json.dumps(dict(digest=hashlib.sha256((hashes() + offsets).astype("<u4").tobytes()).hexdigest(), version=np.__version__)), flush=True)
for line in sys.stdin:
    start = time.perf_counter_ns()
    hashes()
    print(time.perf_counter_ns() - start, flush=True)
`;

/** One way to hash the input: runs once and says how many nanoseconds that took. */
interface Contestant {
  readonly name: string;
  run(): Promise<number>;
}

function local(name: string, hash: () => void): Contestant {
  return {
    name,
    async run() {
      const start = process.hrtime.bigint();
      hash();
      return Number(process.hrtime.bigint() - start);
    },
  };
}

function digestOf(rows: Uint32Array): string {
  return createHash("sha256").update(rows).digest("hex");
}

/** The definition with one BigInt product a look-back and one BigInt remainder a head. */
function hashWithBigInt(layer: LayerAddressing, ids: Uint32Array, pad: number, out: Uint32Array): void {
  const moduli = layer.primes.map((order) => order.map(BigInt));
  const { multipliers, offsets } = layer;
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
}

/** Starts NumPy in a process of its own, which times itself: the pipe is not part of the figure. */
async function startNumpy(python: string, layer: LayerAddressing, ids: Uint32Array, pad: number) {
  const child = spawn(python, ["-c", NUMPY_PROGRAM], { stdio: ["pipe", "pipe", "inherit"] });
  const failed = new Promise<never>((_, reject) => {
    child.once("error", reject);
    child.once("exit", (status) => reject(new Error(`${python} ended with ${status}; it needs numpy`)));
  });
  failed.catch(() => {}); // an end after the last answer is no failure
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async () => String((await Promise.race([lines.next(), failed])).value);
  const { primes, offsets } = layer;
  const multipliers = layer.multipliers.map(Number); // below 2^53: checked by the digests
  child.stdin.write(`${JSON.stringify({ ids: Array.from(ids), multipliers, primes, offsets, pad })}\n`);
  const { digest, version } = JSON.parse(await answer()) as { digest: string; version: string }; // our own program's
  const contestant: Contestant = {
    name: `NumPy ${version}`,
    async run() {
      child.stdin.write("run\n");
      return Number(await answer());
    },
  };
  return { contestant, digest, stop: () => child.stdin.end() };
}

/** Pseudo-random ids of the vocabulary, the same in every run (Lehmer, 2^31 - 1). */
function tokenIds(vocabSize: number): Uint32Array {
  let state = 20_261_121;
  return Uint32Array.from({ length: TOKENS }, () => {
    state = (state * 48_271) % 2_147_483_647;
    return state % vocabSize;
  });
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

/** The median with its 95 % bootstrap interval. */
function medianWithInterval(values: readonly number[]): { median: number; low: number; high: number } {
  let state = 1;
  const medians = Array.from({ length: 2000 }, () => {
    const drawn = values.map(() => {
      state = (state * 48_271) % 2_147_483_647;
      return values[state % values.length] ?? 0;
    });
    return quantile(drawn, 0.5);
  });
  return { median: quantile(values, 0.5), low: quantile(medians, 0.025), high: quantile(medians, 0.975) };
}

async function main(python: string): Promise<void> {
  const { config } = ADDRESSING_PRESETS["engram-demo"];
  const pad = config.kind === "qwen-ple" ? config.eosId : config.padId;
  const wasm = createAddressing(config, { kernel: "wasm" });
  const twin = createAddressing(config, { kernel: "typescript" });
  const layer = wasm.layers[0];
  if (layer === undefined) throw new Error("the preset has no layer");
  const ids = tokenIds(config.vocabSize);
  const outputs = [0, 1, 2].map(() => new Uint32Array(TOKENS * wasm.rowsPerToken));
  const [wasmRows, twinRows, bigintRows] = outputs as [Uint32Array, Uint32Array, Uint32Array]; // made three above
  const hashInto = (addressing: Addressing, out: Uint32Array) => addressing.rowIds(layer.layer, ids, undefined, out);

  const numpy = await startNumpy(python, layer, ids, pad);
  const contestants = [
    local("WebAssembly", () => hashInto(wasm, wasmRows)),
    local("TypeScript", () => hashInto(twin, twinRows)),
    local("BigInt loop", () => hashWithBigInt(layer, ids, pad, bigintRows)),
    numpy.contestant,
  ];
  const samples = contestants.map((): number[] => []);
  for (let round = 0; round < WARM_UP_ROUNDS + ROUNDS; round++) {
    const order = [...contestants.keys()];
    if (round % 2 === 1) order.reverse();
    for (const index of order) {
      const nanoseconds = (await contestants[index]?.run()) ?? Number.NaN;
      if (round >= WARM_UP_ROUNDS) samples[index]?.push(nanoseconds / TOKENS);
    }
  }
  numpy.stop();
  for (const [index, rows] of outputs.entries()) {
    if (digestOf(rows) === numpy.digest) continue;
    throw new Error(`${contestants[index]?.name}: row ids differ from NumPy's; no figure counts`);
  }

  const reference = samples.at(-1) ?? [];
  const results = contestants.map(({ name }, index) => {
    const own = samples[index] ?? [];
    const ratios = own.map((nanoseconds, round) => (reference[round] ?? Number.NaN) / nanoseconds);
    return {
      name,
      nsPerToken: { min: quantile(own, 0), median: quantile(own, 0.5) },
      timesNumpy: medianWithInterval(ratios),
      timesNumpyOfMinima: quantile(reference, 0) / quantile(own, 0),
      samples: own.map((nanoseconds) => Number(nanoseconds.toFixed(2))),
    };
  });
  console.log(`hash: ${TOKENS} tokens, ${wasm.rowsPerToken} heads, ${ROUNDS} paired rounds, identical row ids`);
  for (const { name, nsPerToken, timesNumpy } of results) {
    const { median, low, high } = timesNumpy;
    const ratio = `${median.toFixed(2)}x NumPy [${low.toFixed(2)}, ${high.toFixed(2)}]`;
    const figures = `min ${nsPerToken.min.toFixed(1)}  median ${nsPerToken.median.toFixed(1)} ns/token`;
    console.log(`  ${name.padEnd(14)} ${figures.padEnd(38)} ${ratio}`);
  }
  const head = { benchmark: "hash", date: new Date().toISOString(), machine: machineCard() };
  const workload = { tokens: TOKENS, rounds: ROUNDS, warmUpRounds: WARM_UP_ROUNDS, cacheState: "outputs reused, warm" };
  console.log(JSON.stringify({ ...head, ...workload, results }));
}

await main(process.argv[2] ?? "python3");
