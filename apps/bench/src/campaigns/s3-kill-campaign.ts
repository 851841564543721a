// Uploads killed with SIGKILL at random moments: each next process goes on, no committed row is lost, readers see the last
// finished version or none, and what is finished in the end is right, row by row. The program is s3-kill.ts.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { isEngramError } from "@engram-ts/core";
import { type FakeS3, fakeS3, findWrongRow, type SeededRandom, seededRandom } from "@engram-ts/store-kit";
import { KILL_TABLE, KILL_URI, killDriver } from "./s3-kill-child.js";

/** What came of it. */
export interface S3KillReport {
  readonly seed: number;
  readonly kills: number;
  /** Kills by what the upload had come to. */
  readonly killedWhile: Readonly<Record<string, number>>;
  /** Uploads that were finished and verified. */
  readonly finishedUploads: number;
  /** Must be empty. */
  readonly failures: readonly string[];
  readonly seconds: number;
}

const CHILD = fileURLToPath(new URL("../../dist/campaigns/s3-kill-child.js", import.meta.url));
/** What a process says when it begins something, how often it is killed in that, and how long after it said so. */
const MOMENTS = [
  { word: "ready", share: 0.2, mostMs: 300 },
  { word: "opened", share: 0.5, mostMs: 500 },
  { word: "finishing", share: 0.3, mostMs: 400 },
] as const;

/** What an upload that is under way leaves in the bucket. */
const PROGRESS_KEY = "killed/engram-upload.json";

/** When a process is killed. */
interface KillMoment {
  readonly word: string;
  readonly afterMs: number;
}

/** Kills `kills` uploads, then lets the last one finish. */
export async function s3KillCampaign(options: {
  readonly seed: number;
  readonly kills: number;
  readonly progress?: (kills: number) => void;
}): Promise<S3KillReport> {
  const start = performance.now();
  const random = seededRandom(options.seed);
  const s3 = await fakeS3({ minPartBytes: 1, faults: { latencyMs: [0, 4] } });
  const failures: string[] = [];
  const killedWhile: Record<string, number> = {};
  let [kills, finishedUploads, version, lastCommitted] = [0, 0, 1, 0];
  try {
    while (kills < options.kills || finishedUploads === 0) {
      const moment = kills < options.kills ? drawMoment(random) : undefined;
      const run = await runChild(s3.endpoint, version, moment);
      if (run.error !== undefined) failures.push(`upload ${version} failed: ${run.error}`);
      if (run.opened !== undefined && run.opened < lastCommitted) {
        failures.push(`upload ${version}: ${lastCommitted} rows were committed, and ${run.opened} are left`);
      }
      lastCommitted = Math.max(run.committed, run.opened ?? 0, lastCommitted);
      if (run.finished) {
        failures.push(...(await wrongRows(s3, version)));
        finishedUploads++;
        version++;
        lastCommitted = 0;
      }
      if (run.killed) {
        kills++;
        killedWhile[run.phase] = (killedWhile[run.phase] ?? 0) + 1;
        // the version that was finished last, or the new one where the kill came after it was published
        const seen = await Promise.all([wrongRows(s3, version - 1), wrongRows(s3, version)]);
        if (!run.finished && seen.every((wrong) => wrong.length > 0)) failures.push(...seen[0]);
        // killed when all was done, and only the last word was missing
        if (!run.finished && seen[1].length === 0 && !s3.keys("tables").includes(PROGRESS_KEY)) {
          finishedUploads++;
          version++;
          lastCommitted = 0;
        }
        options.progress?.(kills);
      }
      if (failures.length > 10) break;
    }
    return {
      seed: options.seed,
      kills,
      killedWhile,
      finishedUploads,
      failures,
      seconds: (performance.now() - start) / 1_000,
    };
  } finally {
    await s3.close();
  }
}

interface ChildRun {
  readonly killed: boolean;
  readonly finished: boolean;
  /** Rows that the child found, and the last number that it told. */
  readonly opened: number | undefined;
  readonly committed: number;
  readonly phase: string;
  readonly error: string | undefined;
}

function drawMoment(random: SeededRandom): KillMoment {
  let share = random.next();
  const moment = MOMENTS.find((one) => {
    share -= one.share;
    return share < 0;
  });
  const { word, mostMs } = moment ?? MOMENTS[0];
  return { word, afterMs: random.below(mostMs) };
}

async function runChild(endpoint: string, seed: number, moment: KillMoment | undefined): Promise<ChildRun> {
  const child = spawn(process.execPath, [CHILD, endpoint, `${seed}`], { stdio: ["ignore", "pipe", "pipe"] });
  let errors = "";
  child.stderr.on("data", (text: Buffer) => {
    errors = (errors + text.toString()).slice(-2_000);
  });
  const ended = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.once("close", (code, signal) => resolve({ code, signal }));
  });
  let [opened, committed, phase]: [number | undefined, number, string] = [undefined, 0, "starting"];
  for await (const line of createInterface({ input: child.stdout })) {
    const [word = "", number] = line.split(" ");
    if (word === moment?.word) setTimeout(() => child.kill("SIGKILL"), moment.afterMs);
    if (word === "opened") opened = Number(number);
    if (word === "committed") committed = Number(number);
    phase = { ready: "opening", opened: "writing", finishing: "finishing", finished: "finished" }[word] ?? phase;
  }
  const { code, signal } = await ended;
  const killed = signal === "SIGKILL";
  const error = killed || code === 0 ? undefined : errors;
  return { killed, finished: phase === "finished", opened, committed, phase, error };
}

/** What is wrong with the published version; there is none before the first is finished. */
async function wrongRows(s3: FakeS3, seed: number): Promise<string[]> {
  try {
    const opened = await killDriver(s3.endpoint).open(KILL_URI);
    const store = opened.tables.get(1);
    const ids = Uint32Array.from({ length: KILL_TABLE.rows }, (_, i) => i);
    const rows = new Uint8Array(KILL_TABLE.rows * KILL_TABLE.rowBytes);
    const ticket = store?.prefetch(ids);
    await ticket?.ready;
    ticket?.gather(rows);
    await opened.close();
    const wrong = findWrongRow(KILL_TABLE, seed, ids, rows);
    return wrong === -1 ? [] : [`version ${seed}: row ${wrong} is wrong`];
  } catch (error) {
    if (seed === 0 && isEngramError(error, "not-found")) return []; // nothing is published yet
    return [`version ${seed}: ${String(error)}`];
  }
}
