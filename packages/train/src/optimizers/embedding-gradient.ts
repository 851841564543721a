// The gradient of a token embedding, or of the rows of a step, as one dense tensor on the backend. A tape gives it a row for
// each time that one was looked up, and apart from it the gradient of a tied head; here the rows are added to that, or to
// zeros. Not here: how a backend adds rows by number.

import type { Backend, EmbeddedGradient } from "@engram-ts/core";

/**
 * Adds gradients of what was looked up to those of their tables, and disposes of them.
 * @param trained tables by name: gradients of others are let go.
 * @param dense gradients by name, in which tables without another one get theirs.
 */
export function addEmbedded<T>(
  backend: Backend<T>,
  embedded: readonly EmbeddedGradient<T>[],
  trained: ReadonlyMap<string, T>,
  dense: Map<string, T>,
): void {
  for (const { table, ids, rows } of embedded) {
    const name = [...trained].find(([, tensor]) => tensor === table)?.[0];
    if (name !== undefined) {
      const gradient = dense.get(name) ?? backend.updates.zeros(table);
      dense.set(name, gradient);
      backend.updates.scatterAdd(gradient, ids, rows);
    }
    backend.dispose([rows]);
  }
}
