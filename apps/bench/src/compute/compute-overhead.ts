// What a graph and an operation cost where there is nothing to compute: chains of additions of 64 values, read back.

import type { Backend } from "@engram-ts/core";
import { timed } from "./compute-run.js";

/** Lengths of the chains; 0 is an upload that is read back. */
export const CHAIN_LENGTHS = [0, 1, 100] as const;

/** Nanoseconds of `calls` chains, each read back. */
export async function runChain<T>(backend: Backend<T>, operations: number, calls: number): Promise<number> {
  const shape = [1, 64];
  const x = backend.upload(new Float32Array(64).fill(0.5), shape);
  const b = backend.upload(new Float32Array(64).fill(0.25), shape);
  const ns = await timed(calls, async () => {
    const made: T[] = [];
    let y = x;
    for (let i = 0; i < operations; i++) {
      y = backend.operations.add.forward({ a: y, b }, {}).y;
      made.push(y);
    }
    await backend.download(y);
    backend.dispose(made);
  });
  backend.dispose([x, b]);
  return ns;
}

/** Nanoseconds of `calls` uploads of f32 rows `[tokens, width]`, each waited for by reading one value of a product. */
export async function runRows<T>(backend: Backend<T>, tokens: number, width: number, calls: number): Promise<number> {
  const values = new Float32Array(tokens * width).fill(0.5);
  const norm = backend.upload(new Float32Array(width).fill(1), [width]);
  const head = backend.upload(new Float32Array(width).fill(1), [1, width]);
  const ns = await timed(calls, async () => {
    const x = backend.uploadRows({ values }, [tokens, width]);
    const { y } = backend.operations.logits.forward(
      { x, norm, head },
      { tokens: Uint32Array.of(tokens - 1), epsilon: 1e-6 },
    );
    await backend.download(y);
    backend.dispose([x, y]);
  });
  backend.dispose([norm, head]);
  return ns;
}
