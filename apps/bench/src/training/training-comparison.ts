// The comparison of whole trainers: all parts of a plan, on contestants that are started once, within a number of seconds.
// The report is written after each part, so that a part that fails or runs out of time loses none before it.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { machineCard } from "../machine-card.js";
import { compareTraining, type ModelTraining } from "./model-training.js";
import { startTorchTraining } from "./peer-training.js";
import { engineContestant, type TrainingContestant, torchContestant } from "./training-contestants.js";
import type { TrainingPlan } from "./training-plan.js";
import { startTrainingServer } from "./training-server.js";
import { openTrainingText, type TrainingText, writeTrainingText } from "./training-text.js";

/** Where the report goes, and how long it may take. */
export interface TrainingComparisonOptions {
  readonly plan: TrainingPlan;
  /** Folder of the report. */
  readonly out: string;
  /** Parts that would begin later than they can end are left out. */
  readonly seconds: number;
  /** Folder of the token shards, where they are written already. */
  readonly text?: string;
}

/** What is written. */
export interface TrainingReport {
  readonly benchmark: string;
  readonly date: string;
  readonly machine: object;
  readonly versions: Readonly<Record<string, string>>;
  readonly threads?: number;
  readonly text: { readonly tokens: number; readonly heldTokens: number; readonly vocabSize: number };
  readonly models: ModelTraining[];
  /** Seconds of each part. */
  readonly seconds: Record<string, number>;
  readonly leftOut: string[];
}

/** Runs a plan. */
export async function trainingComparison(options: TrainingComparisonOptions): Promise<TrainingReport> {
  const { plan, out } = options;
  const deadline = performance.now() + options.seconds * 1e3;
  mkdirSync(out, { recursive: true });
  const folder = mkdtempSync(join(tmpdir(), "engram-training-text-"));
  const started = await startContestants(plan);
  try {
    const path = options.text ?? join(folder, "text");
    if (options.text === undefined) await writeTrainingText(path, plan.text);
    const text = await openTrainingText(path);
    const report = emptyReport(plan, text, started.versions);
    const write = () =>
      writeFileSync(join(out, `training-${plan.name}.json`), `${JSON.stringify(report, rounded, 1)}\n`);
    for (const part of plan.parts) {
      const begin = performance.now();
      if (begin + part.seconds * 1e3 > deadline) {
        report.leftOut.push(`${part.model}: there were not ${part.seconds} s left`);
        continue;
      }
      try {
        report.models.push(await compareTraining(part, text, started.contestants, console.log));
      } catch (error) {
        report.leftOut.push(`${part.model}: ${error instanceof Error ? error.message : String(error)}`);
      }
      report.seconds[part.model] = (performance.now() - begin) / 1e3;
      write();
    }
    write();
    console.log(
      `seconds ${JSON.stringify(report.seconds, rounded)}; left out: ${report.leftOut.join("; ") || "nothing"}`,
    );
    return report;
  } finally {
    started.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Processes of all contestants; those that this machine lacks are left out, with a line on stderr. */
async function startContestants({ engines, torch, torchDevice, threads }: TrainingPlan) {
  const [python, ...own] = await Promise.all([
    startTorchTraining(torchDevice, threads),
    ...engines.map((engine) => startTrainingServer(engine, threads)),
  ]);
  const peers = own.flatMap((peer) => (peer === undefined ? [] : [peer]));
  const torches = python === undefined ? [] : torch.map((precision) => torchContestant(python, precision));
  const contestants: TrainingContestant[] = [...peers.map(engineContestant), ...torches];
  const all = python === undefined ? peers : [...peers, python];
  const versions = Object.fromEntries(all.map(({ name, version, device }) => [name, `${version} on ${device}`.trim()]));
  const close = (): void => {
    for (const peer of all) peer.close();
  };
  return { contestants, versions, close };
}

function emptyReport(plan: TrainingPlan, text: TrainingText, versions: TrainingReport["versions"]): TrainingReport {
  return {
    benchmark: `training-${plan.name}`,
    date: new Date().toISOString(),
    machine: machineCard(),
    versions,
    ...(plan.threads !== undefined && { threads: plan.threads }),
    text: {
      tokens: text.training.ids.length,
      heldTokens: text.held.ids.length,
      vocabSize: text.vocabulary.vocabSize,
    },
    ...{ models: [], seconds: {}, leftOut: [] },
  };
}

/** Five digits are more than what was measured has. */
function rounded(_key: string, value: unknown): unknown {
  return typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value;
}
