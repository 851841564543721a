// An engine and the reference, side by side: every tensor is a pair, every call is made on both, and values are compared
// where a check asks for it. It counts what was compared, and keeps the greatest errors.

import type { Backend, CacheShape, OperationName, ReferenceTensor, RowsToUpload } from "@engram-ts/core";
import { referenceBackend } from "@engram-ts/core";
import { expect } from "vitest";
import type { Tolerance } from "./tolerances.js";

/** One tensor on both. */
export interface Twin {
  readonly engine: unknown;
  readonly exact: ReferenceTensor;
}

/** Tensors by the names of inputs or outputs. */
export type NamedTwins = Readonly<Record<string, Twin>>;

/** A forward call on both, for its backward twin. Outputs have no entry `saved`. */
export interface TwinCall {
  readonly name: OperationName;
  readonly outputs: NamedTwins;
  readonly engineCall: object;
  readonly exactCall: object;
}

/** What a run of the suite compared. */
export interface EngineCounts {
  forward: number;
  backward: number;
  other: number;
  worst: number;
  worstAbout: string;
}

/** An engine and the reference. */
export interface Twins {
  readonly engine: Backend<unknown>;
  readonly reference: Backend<ReferenceTensor>;
  readonly tolerance: Tolerance;
  readonly counts: EngineCounts;
  upload(values: Float32Array, shape: readonly number[], use?: "parameter" | "matrix"): Twin;
  uploadRows(rows: RowsToUpload, shape: readonly [number, number]): Twin;
  createCache(shape: CacheShape): Twin;
  copyCache(cache: Twin): Twin;
  forward(name: OperationName, inputs: NamedTwins, options: object): TwinCall;
  backward(call: TwinCall, gradients: NamedTwins, wanted: ReadonlySet<string>): NamedTwins;
  /** Puts tensors that were made on both by other means under this one's care. */
  own(twin: Twin): Twin;
  /** Compares shapes and values. `floor` is the least magnitude that counts: below, errors are absolute. */
  compare(about: string, twin: Twin, kind: keyof Tolerance, floor?: number): Promise<void>;
  /** Compares values that were got by other means. */
  compareValues(
    about: string,
    found: ArrayLike<number>,
    expected: ArrayLike<number>,
    kind: keyof Tolerance,
    floor?: number,
  ): void;
  dispose(twins: Iterable<Twin>): void;
  /** Frees all tensors that are alive; the backends stay open. */
  clear(): void;
}

/** Values of operations on inputs of order 1 that are smaller than this throughout are differences of rounding. */
const FLOOR = 1e-2;

/** An operation seen without the types of its name: inputs and outputs come by name. */
interface AnyOperation<T> {
  forward(inputs: Readonly<Record<string, T>>, options: object): Readonly<Record<string, T>>;
  backward(
    call: object,
    gradients: Readonly<Record<string, T>>,
    wanted: ReadonlySet<string>,
  ): Readonly<Record<string, T>>;
}

export function operationOf<T>(backend: Backend<T>, name: OperationName): AnyOperation<T> {
  return backend.operations[name] as unknown as AnyOperation<T>; // names and types of inputs are the cases' own
}

/** Puts an engine beside a reference of its own. */
export function openTwins(engine: Backend<unknown>, tolerance: Tolerance, counts: EngineCounts): Twins {
  const reference = referenceBackend();
  const alive = new Set<Twin>();
  const saved = new Set<unknown>();
  const born = (onEngine: unknown, exact: ReferenceTensor): Twin => {
    const twin = { engine: onEngine, exact };
    alive.add(twin);
    return twin;
  };
  const pairs = (ours: Readonly<Record<string, unknown>>, exact: Readonly<Record<string, ReferenceTensor>>) => {
    const twins: Record<string, Twin> = {};
    for (const [name, tensor] of Object.entries(exact)) {
      if (name !== "saved") twins[name] = born(ours[name], tensor);
    }
    return twins;
  };
  const compareValues: Twins["compareValues"] = (about, found, expected, kind, floor = FLOOR) => {
    expect(found.length, `${about}: values`).toBe(expected.length);
    let greatest = floor;
    let worst = 0;
    for (let i = 0; i < expected.length; i++) {
      const value = expected[i] ?? Number.NaN;
      const difference = Math.abs((found[i] ?? Number.NaN) - value);
      greatest = Math.max(greatest, Math.abs(value));
      worst = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(worst, difference);
    }
    const error = worst / greatest;
    if (error > counts.worst) Object.assign(counts, { worst: error, worstAbout: `${about}, ${kind}` });
    if (kind === "forward") counts.forward++;
    else if (kind === "backward") counts.backward++;
    else counts.other++;
    expect(error, `${about}: error, ${kind} tolerance ${tolerance[kind]}`).toBeLessThanOrEqual(tolerance[kind]);
  };

  return {
    engine,
    reference,
    tolerance,
    counts,
    upload: (values, shape, use) => born(engine.upload(values, shape, use), reference.upload(values, shape, use)),
    uploadRows: (rows, shape) => born(engine.uploadRows(rows, shape), reference.uploadRows(rows, shape)),
    createCache: (shape) => born(engine.createCache(shape), reference.createCache(shape)),
    copyCache: (cache) => born(engine.copyCache(cache.engine), reference.copyCache(cache.exact)),
    own(twin) {
      alive.add(twin);
      return twin;
    },
    forward(name, inputs, options) {
      const ours = { inputs: side(inputs, "engine"), options: optionsOf(options, "engine") };
      const theirs = { inputs: side(inputs, "exact"), options: optionsOf(options, "exact") };
      const engineOutputs = operationOf(engine, name).forward(ours.inputs, ours.options);
      const exactOutputs = operationOf(reference, name).forward(theirs.inputs as never, theirs.options);
      for (const tensor of (engineOutputs.saved ?? []) as readonly unknown[]) saved.add(tensor);
      expect(
        Object.keys(engineOutputs)
          .filter((key) => key !== "saved")
          .sort(),
      ).toEqual(Object.keys(exactOutputs).sort());
      return {
        name,
        outputs: pairs(engineOutputs, exactOutputs),
        engineCall: { ...ours, outputs: engineOutputs },
        exactCall: { ...theirs, outputs: exactOutputs },
      };
    },
    backward(call, gradients, wanted) {
      const ours = operationOf(engine, call.name).backward(call.engineCall, side(gradients, "engine"), wanted);
      const exact = operationOf(reference, call.name).backward(
        call.exactCall,
        side(gradients, "exact") as Record<string, ReferenceTensor>,
        wanted,
      );
      expect(Object.keys(ours).sort(), `${call.name}: gradients of the inputs wanted`).toEqual(
        Object.keys(exact).sort(),
      );
      return pairs(ours, exact);
    },
    compareValues,
    async compare(about, { engine: ours, exact }, kind, floor) {
      expect([...engine.shape(ours)], `${about}: shape`).toEqual([...exact.shape]);
      const found = await engine.download(ours);
      compareValues(about, found, await reference.download(exact), kind, floor);
    },
    dispose(twins) {
      const all = [...twins];
      engine.dispose(all.map((twin) => twin.engine));
      reference.dispose(all.map((twin) => twin.exact));
      for (const twin of all) alive.delete(twin);
    },
    clear() {
      engine.dispose([...alive].map((twin) => twin.engine));
      engine.dispose(saved);
      reference.dispose([...alive].map((twin) => twin.exact));
      alive.clear();
      saved.clear();
    },
  };
}

function side(twins: NamedTwins, which: keyof Twin): Record<string, unknown> {
  return Object.fromEntries(Object.entries(twins).map(([name, twin]) => [name, twin[which]]));
}

/** Options as one side takes them: caches are given as twins. */
function optionsOf(options: object, which: keyof Twin): object {
  if (!("caches" in options)) return options;
  return { ...options, caches: (options.caches as readonly Twin[]).map((cache) => cache[which]) };
}
