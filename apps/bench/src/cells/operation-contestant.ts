// A process that takes part in cells about compute: one operation of one engine, forward or with its backward twin, on
// values from a seed. What it gives is compared with the exact reference when it starts and where a request asks for it: an
// engine that is wrong ends with an error, and no figure of it counts.
//   operation-contestant.js '{"engine":"ggml","operation":"linear","tokens":64,"backward":false}'

import { createInterface } from "node:readline";
import { type Backend, type OperationName, openScope, referenceBackend } from "@engram-ts/core";
import { seeded } from "../statistics/seeded.js";
import { openEngine } from "./open-engine.js";
import { operationShapes } from "./operation-shapes.js";
import { parseRequest } from "./request.js";

/** What the process is told. */
export interface OperationContestantOptions {
  readonly engine: string;
  readonly operation: OperationName;
  readonly tokens: number;
  readonly backward: boolean;
}

/** Part of the greatest value that an engine of float32 or of half precision may be off. */
const TOLERANCE = 0.02;

const { engine, operation, tokens, backward } = JSON.parse(process.argv[2] ?? "{}") as OperationContestantOptions; // by the harness
const { inputs: shapes, options } = operationShapes(tokens)[operation];

/** An operation as this program calls it: by a name that it was given. */
interface AnyOperation {
  forward(inputs: object, options: object): Record<string, unknown>;
  backward(call: object, gradients: object, wanted: ReadonlySet<string>): Record<string, unknown>;
}

/** A run of the operation on a backend, all outputs and gradients that it gives, by name. */
function runner(backend: Backend<unknown>) {
  const random = seeded(17);
  const inputs = Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => {
      const size = shape.reduce((product, side) => product * side, 1);
      const scale = Math.sqrt(3 / (shape.at(-1) ?? 1));
      const values = Float32Array.from({ length: size }, () => (2 * random() - 1) * (shape[0] === tokens ? 1 : scale));
      return [name, backend.upload(values, shape, shape[0] === tokens ? undefined : "parameter")];
    }),
  );
  const called = backend.operations[operation] as unknown as AnyOperation; // its inputs are those of its name
  const gradients: Record<string, unknown> = {};
  return () => {
    const scope = openScope(backend);
    const outputs = called.forward(inputs, options);
    const { saved = [], ...named } = outputs as Record<string, unknown> & { saved?: readonly unknown[] };
    for (const tensor of [...Object.values(named), ...saved]) scope.own(tensor);
    let given: Record<string, unknown> = named;
    if (backward) {
      for (const [name, tensor] of Object.entries(named).slice(0, 1)) gradients[name] ??= ones(backend, tensor);
      given = called.backward({ inputs, options, outputs }, gradients, new Set(Object.keys(inputs)));
      for (const tensor of Object.values(given)) scope.own(tensor);
    }
    return { given, close: () => scope.close() };
  };
}

function ones(backend: Backend<unknown>, like: unknown): unknown {
  const shape = backend.shape(like);
  const size = shape.reduce((product, side) => product * side, 1);
  return backend.upload(new Float32Array(size).fill(1), shape);
}

const expected = new Map<string, Float32Array>();
const reference = referenceBackend() as Backend<unknown>; // handles are opaque here
const exact = runner(reference)();
for (const [name, tensor] of Object.entries(exact.given)) expected.set(name, await reference.download(tensor));
exact.close();

const backend = await openEngine(engine);
const run = runner(backend);

async function check(): Promise<void> {
  const { given, close } = run();
  for (const [name, values] of expected) {
    const tensor = given[name];
    if (tensor === undefined) throw new Error(`Error: ${engine} gives no ${name} of ${operation}`);
    const found = await backend.download(tensor);
    const greatest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-6);
    const off = values.reduce((most, value, i) => Math.max(most, Math.abs(value - (found[i] ?? Number.NaN)) || 0), 0);
    if (!(off <= TOLERANCE * greatest) || found.some(Number.isNaN)) {
      throw new Error(`Error: ${name} of ${operation} on ${engine} is off by ${off} of ${greatest}`);
    }
  }
  close();
}

await check();
console.log(JSON.stringify({ ready: true, version: `Node ${process.versions.node}, ${backend.name}` }));
for await (const line of createInterface({ input: process.stdin })) {
  const { calls, check: checked } = parseRequest(line);
  const cpu = process.cpuUsage();
  const start = process.hrtime.bigint();
  let last: ReturnType<typeof run> | undefined;
  for (let i = 0; i < calls; i++) {
    last?.close();
    last = run();
  }
  // engines may queue: the time ends when the last call's first output is here
  const [first] = Object.values(last?.given ?? {});
  if (first !== undefined) await backend.download(first);
  const ns = Number(process.hrtime.bigint() - start);
  const { user, system } = process.cpuUsage(cpu);
  last?.close();
  if (checked === 1) await check();
  console.log(JSON.stringify({ ns, cpuNs: (user + system) * 1_000 }));
}
