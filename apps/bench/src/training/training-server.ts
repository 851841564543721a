// An engine's training runs in a process of their own, told over stdin what to do as engram_torch_train.py is, so that each
// contestant has its own memory, threads and compiled code.

import { createInterface } from "node:readline";
import { openEngine } from "../compute/compute-engines.js";
import { type Peer, startPeer } from "../compute/line-process.js";
import { type OwnRunOptions, openOwnRun } from "./own-run.js";
import type { TrainingRun } from "./training-run.js";

interface ServerRequest {
  readonly do: string;
  readonly run: string;
  readonly options: OwnRunOptions;
  readonly count: number;
  readonly name: string;
}

/** Starts this program again, as the server of one engine. */
export function startTrainingServer(engine: string, threads?: number): Promise<Peer | undefined> {
  const [, program = ""] = process.argv;
  const args = [program, "serve", engine, ...(threads === undefined ? [] : [`${threads}`])];
  return startPeer(engine, { program: process.execPath, args });
}

/** Serves requests until stdin ends. */
export async function serveTraining(engine: string, threads?: number): Promise<void> {
  const backend = await openEngine(engine, threads);
  const say = (answer: object) => process.stdout.write(`${JSON.stringify(answer)}\n`);
  const { version = "", device } = backend as { version?: string; device?: { name: string; description: string } };
  say({ version, device: device === undefined ? backend.name : `${device.name} (${device.description})` });
  const runs = new Map<string, TrainingRun>();
  const answer = async (request: ServerRequest): Promise<object> => {
    if (request.do === "open") {
      runs.set(request.run, await openOwnRun(backend, request.options));
      return {};
    }
    const run = runs.get(request.run);
    if (run === undefined) throw new Error(`there is no run ${request.run}`);
    switch (request.do) {
      case "steps":
        return run.steps(request.count);
      case "evaluate":
        return { loss: await run.evaluate() };
      case "values": {
        const { buffer, byteOffset, byteLength } = await run.values(request.name);
        return { values: Buffer.from(buffer, byteOffset, byteLength).toString("base64") };
      }
      case "close":
        runs.delete(request.run);
        await run.close();
        return {};
      default:
        throw new Error(`there is no request ${request.do}`);
    }
  };
  for await (const line of createInterface({ input: process.stdin })) {
    const request = JSON.parse(line) as ServerRequest; // our own program's
    say(
      await answer(request).catch((error: unknown) => ({ error: error instanceof Error ? error.message : `${error}` })),
    );
  }
  await backend.close();
}
