// Engines that are broken on purpose: the reference with one thing wrong each. The suite must catch every one of them, in
// the part named.

import {
  type Backend,
  type BackendUpdates,
  type CacheShape,
  EngramError,
  type OperationName,
  type ReferenceTensor,
  referenceBackend,
} from "@engram-ts/core";
import type { CheckGroup } from "./engine-check.js";

type Engine = Backend<ReferenceTensor>;
type Named = Readonly<Record<string, ReferenceTensor>>;
// biome-ignore lint/suspicious/noExplicitAny: options of all operations, each of which reads its own
type AnyOptions = any;

interface AnyOperation {
  forward(inputs: Named, options: AnyOptions): Named;
  backward(call: AnyOptions, gradients: Named, wanted: ReadonlySet<string>): Named;
}

/** One way of being wrong. */
export interface BrokenEngine {
  readonly about: string;
  /** The part of the suite that must catch it. */
  readonly group: CheckGroup;
  /** How the names of the checks begin that are run; all of the group where it is left out. */
  readonly checks?: string;
  open(): Engine;
}

/** The reference with one operation replaced. */
function broken(name: OperationName, change: (right: AnyOperation, backend: Engine) => Partial<AnyOperation>): Engine {
  const backend = referenceBackend();
  const right = backend.operations[name] as unknown as AnyOperation; // inputs come by name
  const wrong = { forward: right.forward, backward: right.backward, ...change(right, backend) };
  return { ...backend, operations: { ...backend.operations, [name]: wrong } };
}

function brokenUpdates(
  change: (right: BackendUpdates<ReferenceTensor>) => Partial<BackendUpdates<ReferenceTensor>>,
): Engine {
  const backend = referenceBackend();
  return { ...backend, updates: { ...backend.updates, ...change(backend.updates) } };
}

function scaled(tensor: ReferenceTensor | undefined, factor: number): void {
  tensor?.values.forEach((value, i) => {
    tensor.values[i] = value * factor;
  });
}

/** All of them. */
export const BROKEN_ENGINES: readonly BrokenEngine[] = [
  {
    about: "an output is 1.001 of what it should be",
    group: "operations",
    open: () =>
      broken("feedForward", (right) => ({
        forward(inputs, options) {
          const outputs = right.forward(inputs, options);
          scaled(outputs.y, 1.001);
          return outputs;
        },
      })),
  },
  {
    about: "a gradient is 1.001 of what it should be",
    group: "operations",
    open: () =>
      broken("mla", (right) => ({
        backward(call, gradients, wanted) {
          const found = right.backward(call, gradients, wanted);
          scaled(found.keyValueNorm, 1.001);
          return found;
        },
      })),
  },
  {
    about: "the last expert is dropped",
    group: "larger",
    checks: "moe",
    open: () =>
      broken("moe", (right, backend) => ({
        forward(inputs, options) {
          const { down } = inputs;
          if (down === undefined) return right.forward(inputs, options);
          const { shape, values } = down;
          const [experts = 1] = shape;
          const without = backend.upload(values.slice().fill(0, (values.length / experts) * (experts - 1)), shape);
          const outputs = right.forward({ ...inputs, down: without }, options);
          backend.dispose([without]);
          return outputs;
        },
      })),
  },
  {
    about: "tokens of the last sequence are left out where it is the only long one",
    group: "larger",
    checks: "gqa",
    open: () =>
      broken("gqa", (right) => ({
        forward(inputs, options) {
          const outputs = right.forward(inputs, options);
          const { y } = outputs;
          if ((y?.shape[0] ?? 0) > 256) y?.values.fill(0, y.values.length - (y.shape[1] ?? 0));
          return outputs;
        },
      })),
  },
  {
    about: "sequences of a batch see each other",
    group: "operations",
    open: () =>
      broken("gqa", (right) => ({
        forward(inputs, options) {
          const cumulativeLengths = Uint32Array.of(0, inputs.x?.shape[0] ?? 0);
          if (options.caches !== undefined) return right.forward(inputs, options);
          return right.forward(inputs, { ...options, sequences: { cumulativeLengths, starts: Uint32Array.of(0) } });
        },
      })),
  },
  {
    about: "rotary pairs are halves only",
    group: "operations",
    open: () =>
      broken("mla", (right) => ({
        forward: (inputs, options) =>
          right.forward(inputs, { ...options, rotary: { ...options.rotary, pairs: "halves" } }),
      })),
  },
  {
    about: "the start of a sequence is ignored",
    group: "caches",
    open: () =>
      broken("mla", (right) => ({
        forward(inputs, options) {
          const starts = new Uint32Array(options.sequences.starts.length);
          return right.forward(inputs, { ...options, sequences: { ...options.sequences, starts } });
        },
      })),
  },
  {
    about: "a convolution forgets what is in its cache",
    group: "caches",
    open: () =>
      broken("shortConvolution", (right, backend) => ({
        forward(inputs, options) {
          if (options.caches === undefined) return right.forward(inputs, options);
          const shapes = options.caches.map(({ cache }: { cache: CacheShape }) => cache);
          const caches = shapes.map((shape: CacheShape) => backend.createCache(shape));
          const outputs = right.forward(inputs, { ...options, caches });
          backend.dispose(caches);
          return outputs;
        },
      })),
  },
  {
    about: "a copied cache is the same cache",
    group: "caches",
    open: () => ({ ...referenceBackend(), copyCache: (cache: ReferenceTensor) => cache }),
  },
  {
    about: "rings are one token too short",
    group: "caches",
    open() {
      const backend = referenceBackend();
      return {
        ...backend,
        createCache: (shape: CacheShape) =>
          backend.createCache(shape.window === undefined ? shape : { ...shape, window: shape.window - 1 }),
      };
    },
  },
  {
    about: "dead tokens live",
    group: "operations",
    checks: "engramGate",
    open: () =>
      broken("engramGate", (right) => ({
        forward: (inputs, { dead: _, ...options }) => right.forward(inputs, options),
      })),
  },
  {
    about: "a score of 0 has no sign of its own",
    group: "larger",
    checks: "engramGate",
    open: () =>
      broken("engramGate", (right) => ({
        forward: (inputs, options) => right.forward(inputs, { ...options, zeroScore: "half" }),
      })),
  },
  {
    about: "tokens that are not counted count in the mean",
    group: "operations",
    checks: "crossEntropy",
    open: () =>
      broken("crossEntropy", (right) => ({
        forward(inputs, options) {
          const outputs = right.forward(inputs, options);
          const counted = options.targets.filter((target: number) => target >= 0).length;
          scaled(outputs.loss, counted / options.targets.length);
          return outputs;
        },
      })),
  },
  {
    about: "Sinkhorn stops one round early",
    group: "operations",
    checks: "hyperCoefficients",
    open: () =>
      broken("hyperCoefficients", (right) => ({
        forward: (inputs, options) => right.forward(inputs, { ...options, iterations: options.iterations - 1 }),
      })),
  },
  {
    about: "gradients that nobody wants are given, too",
    group: "operations",
    open: () =>
      broken("linear", (right) => ({
        backward: (call, gradients) => right.backward(call, gradients, new Set(["x", "weight", "bias"])),
      })),
  },
  {
    about: "every call leaves a tensor behind",
    group: "operations",
    open: () =>
      broken("add", (right, backend) => ({
        forward(inputs, options) {
          backend.upload(Float32Array.of(0), [1]);
          return right.forward(inputs, options);
        },
      })),
  },
  {
    about: "uploads are not copied",
    group: "rows",
    open() {
      const backend = referenceBackend();
      const sources = new Map<ReferenceTensor, Float32Array | Float64Array>();
      return {
        ...backend,
        upload(values: Float32Array | Float64Array, shape: readonly number[]) {
          const tensor = backend.upload(values, shape);
          sources.set(tensor, values);
          return tensor;
        },
        async download(tensor: ReferenceTensor) {
          const source = sources.get(tensor);
          return source === undefined ? backend.download(tensor) : Float32Array.from(source);
        },
      };
    },
  },
  {
    about: "scales of int8 rows are rounded to f16",
    group: "rows",
    open() {
      const backend = referenceBackend();
      return {
        ...backend,
        uploadRows(...[rows, shape]: Parameters<Engine["uploadRows"]>) {
          const tensor = backend.uploadRows(rows, shape);
          if ("encoding" in rows && rows.encoding.kind === "int8") scaled(tensor, 1 + 2 ** -12);
          return tensor;
        },
      };
    },
  },
  {
    about: "ids out of range are taken for the last",
    group: "rows",
    open: () =>
      broken("embed", (right) => ({
        forward: (inputs, { ids }) =>
          right.forward(inputs, { ids: ids.map((id: number) => Math.min(id, (inputs.table?.shape[0] ?? 1) - 1)) }),
      })),
  },
  {
    about: "rows added by number overwrite each other",
    group: "updates",
    open: () =>
      brokenUpdates((right) => ({
        scatterAdd(into, ids, rows) {
          const d = rows.shape[1] ?? 0;
          const last = new Map([...ids].map((id, t) => [id, t]));
          const kept = new Float64Array(rows.values.length);
          for (const t of last.values()) kept.set(rows.values.subarray(t * d, (t + 1) * d), t * d);
          right.scatterAdd(into, ids, { ...rows, values: kept });
        },
      })),
  },
  {
    about: "AdamW does not clip",
    group: "updates",
    open: () =>
      brokenUpdates((right) => ({
        adamW: (parameter, gradient, moments, options) => right.adamW(parameter, gradient, moments, options),
      })),
  },
  {
    about: "AdamW corrects no bias",
    group: "updates",
    open: () =>
      brokenUpdates((right) => ({
        adamW: (parameter, gradient, moments, options, factor) =>
          right.adamW(parameter, gradient, moments, { ...options, step: 1000 }, factor),
      })),
  },
  {
    about: "Muon takes the first expert's matrix alone",
    group: "updates",
    open: () =>
      brokenUpdates((right) => ({
        muon(parameters, options, factor) {
          const kept = parameters.map(({ parameter }) => parameter.values.slice());
          right.muon(parameters, options, factor);
          parameters.forEach(({ parameter: { shape, values } }, i) => {
            const first = shape.length < 3 ? values.length : values.length / (shape[0] ?? 1);
            values.set(kept[i]?.subarray(first) ?? [], first);
          });
        },
      })),
  },
  {
    about: "the norm is of the first gradient alone",
    group: "updates",
    open: () => brokenUpdates((right) => ({ clip: (gradients, most) => right.clip(gradients.slice(0, 1), most) })),
  },
  {
    about: "the factor leaves the loss's scale in",
    group: "updates",
    open: () =>
      brokenUpdates((right) => ({
        clip: (gradients, most, scale = 1) => right.clip(gradients, most * scale),
      })),
  },
  {
    about: "the gradient of rows is lost",
    group: "training",
    open: () =>
      broken("engramGate", (right) => ({
        backward(call, gradients, wanted) {
          const found = right.backward(call, gradients, wanted);
          scaled(found.memory, 0);
          return found;
        },
      })),
  },
  {
    about: "queries and keys are not normed",
    group: "parity",
    open: () =>
      broken("gqa", (right) => ({
        forward: ({ queryNorm: _, keyNorm: __, ...inputs }, options) => right.forward(inputs, options),
      })),
  },
  {
    about: "errors are plain ones",
    group: "refusals",
    open: () =>
      broken("linear", (right) => ({
        forward(inputs, options) {
          try {
            return right.forward(inputs, options);
          } catch (error) {
            throw new Error(String(error));
          }
        },
      })),
  },
  {
    about: "a refused call has appended to its caches",
    group: "caches",
    open: () =>
      broken("gqa", (right) => ({
        forward(inputs, options) {
          try {
            return right.forward(inputs, options);
          } catch (error) {
            for (const cache of options.caches ?? []) cache.values.fill(0);
            throw error;
          }
        },
      })),
  },
  {
    about: "an aborted download goes on",
    group: "life",
    open() {
      const backend = referenceBackend();
      return { ...backend, download: (tensor: ReferenceTensor) => backend.download(tensor) };
    },
  },
  {
    about: "disposing twice counts twice",
    group: "life",
    open() {
      const backend = referenceBackend();
      let extra = 0;
      return {
        ...backend,
        dispose(tensors: Iterable<ReferenceTensor>) {
          const all = [...tensors];
          const before = backend.memory().tensors;
          backend.dispose(all);
          extra += all.length - (before - backend.memory().tensors);
        },
        memory: () => ({ tensors: backend.memory().tensors - extra, bytes: backend.memory().bytes }),
      };
    },
  },
  {
    about: "a second engine is refused without a type",
    group: "life",
    open: () => referenceBackend(),
  },
];

/** An engine that rounds what every operation gives to float32: a right one, as far as float32 goes. */
export function roundedEngine(): Engine {
  const backend = referenceBackend();
  const round = (tensors: Readonly<Record<string, ReferenceTensor | undefined>>): void => {
    for (const tensor of Object.values(tensors)) tensor?.values.set(Float32Array.from(tensor.values));
  };
  const operations = Object.entries(backend.operations as unknown as Record<string, AnyOperation>).map(
    ([name, { forward, backward }]) => {
      const rounded: AnyOperation = {
        forward(inputs, options) {
          const outputs = forward(inputs, options);
          round(outputs);
          return outputs;
        },
        backward(call, gradients, wanted) {
          const found = backward(call, gradients, wanted);
          round(found);
          return found;
        },
      };
      return [name, rounded];
    },
  );
  return { ...backend, operations: Object.fromEntries(operations) };
}

/** For the engine of which there may be one only: opening another fails without a type, or with one. */
export function refusesSecond(typed: "typed" | "untyped"): () => Promise<Backend<unknown>> {
  return async () => {
    const message = "there is one already; close it first";
    if (typed === "untyped") throw new Error(message);
    throw new EngramError({ code: "unsupported", operation: "open", message });
  };
}
