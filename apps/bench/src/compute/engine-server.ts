// An engine in a process of its own, as a contestant: the same requests as engram_torch_bench.py answers, on an engine of
// this package. Several settings of one library that hold for a process can so be measured side by side.

import { createInterface } from "node:readline";
import { type Backend, parseModelSpec } from "@engram-ts/core";
import { blockList } from "./block-list.js";
import { type BlockRun, blockWeights, openBlock } from "./compute-blocks.js";
import { openEngine } from "./compute-engines.js";
import { type ModelWeights, modelWeights } from "./compute-fixture.js";
import { runChain, runRows } from "./compute-overhead.js";
import { type ComputeRun, openRun } from "./compute-run.js";
import { type Peer, type PeerAnswer, type PeerProcess, startPeer } from "./line-process.js";

/** What requests hold; each kind has some of it. */
interface EngineRequest {
  readonly do: string;
  readonly spec: unknown;
  readonly ids: readonly (readonly number[])[];
  readonly split?: number;
  readonly calls: number;
  readonly targets: readonly (readonly number[])[];
  readonly operations: number;
  readonly tokens: number;
  readonly width: number;
  readonly choice: "published" | "small";
  readonly index: number;
  readonly chain: number;
}

/** Starts this program again, as the server of one engine. */
export function startEngine(
  name: string,
  threads?: number,
  settings: Pick<PeerProcess, "env" | "errors"> = {},
): Promise<Peer | undefined> {
  const [, program = ""] = process.argv;
  const args = [program, "serve", name, ...(threads === undefined ? [] : [`${threads}`])];
  return startPeer(name, { ...settings, program: process.execPath, args });
}

/** Serves requests until stdin ends. */
export async function serveEngine(name: string, threads?: number): Promise<void> {
  const backend = await openEngine(name, threads);
  const say = (answer: object) => process.stdout.write(`${JSON.stringify(answer)}\n`);
  const { version = "", device } = backend as { version?: string; device?: { name: string; description: string } };
  say({ version, device: device === undefined ? backend.name : `${device.name} (${device.description})` });
  const server = engineServer(backend);
  for await (const line of createInterface({ input: process.stdin })) {
    const request = JSON.parse(line) as EngineRequest; // our own program's
    say(
      await server(request).catch((error: unknown) => ({ error: error instanceof Error ? error.message : `${error}` })),
    );
  }
  await backend.close();
}

function engineServer(backend: Backend<unknown>): (request: EngineRequest) => Promise<PeerAnswer> {
  let model: { readonly run: ComputeRun; readonly weights: ModelWeights } | undefined;
  let block: { readonly key: string; readonly run: BlockRun } | undefined;
  const loaded = (): ComputeRun => {
    if (model === undefined) throw new Error("no model is loaded");
    return model.run;
  };
  const blockOf = ({ choice, index }: EngineRequest): BlockRun => {
    const key = `${choice} ${index}`;
    if (block?.key === key) return block.run;
    block?.run.close();
    const one = blockList(choice)[index];
    if (one === undefined) throw new Error(`there is no block ${key}`);
    block = { key, run: openBlock(backend, one, blockWeights(one)) };
    return block.run;
  };
  return async (request) => {
    const { calls } = request;
    const ids = (request.ids ?? []).map((one) => Uint32Array.from(one));
    switch (request.do) {
      case "load": {
        model?.run.close();
        await model?.weights.close();
        const weights = await modelWeights(parseModelSpec(request.spec));
        model = { weights, run: openRun(backend, weights) };
        return {};
      }
      case "logits":
        return { values: encoded(await loaded().logits(ids, request.split)) };
      case "prefill":
        return { ns: await loaded().prefill(ids, calls) };
      case "decodeOpen":
        await loaded().openDecode(ids);
        return {};
      case "decode":
        return { ns: await loaded().decode(ids) };
      case "train":
        return loaded().train(ids, Int32Array.from(request.targets.flat()), calls);
      case "overhead":
        return { ns: await runChain(backend, request.operations, calls) };
      case "rows":
        return { ns: await runRows(backend, request.tokens, request.width, calls) };
      case "block":
        return { ns: await blockOf(request).run(request.tokens, request.chain, calls) };
      case "blockSample":
        return { values: encoded(await blockOf(request).sample(request.tokens)) };
      default:
        throw new Error(`there is no request ${request.do}`);
    }
  };
}

function encoded(values: Float32Array): string {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString("base64");
}
