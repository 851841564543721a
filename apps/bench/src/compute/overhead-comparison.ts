// What a graph, an operation and an upload of rows cost, on every contestant in turn.

import { CHAIN_LENGTHS } from "./compute-overhead.js";
import { type CellReport, cellLines, runCell } from "./paired-cells.js";
import type { StartedPeer } from "./peer-pool.js";

/** Sizes of the uploads. */
export interface OverheadSizes {
  readonly rounds: number;
  readonly calls: number;
  /** Tokens and values a token of the rows. */
  readonly rows: readonly [tokens: number, width: number];
}

/** Chains of operations on almost nothing, and rows from host memory. */
export async function compareOverhead(started: readonly StartedPeer[], sizes: OverheadSizes): Promise<CellReport[]> {
  const { rounds, calls } = sizes;
  const [tokens, width] = sizes.rows;
  const torches = started.flatMap(({ peer, torch }) => (torch === undefined ? [] : [peer.name]));
  const each = (request: object) =>
    new Map(started.map(({ peer }) => [peer.name, () => peer.time({ do: "", ...request })] as const));
  const cells: CellReport[] = [];
  for (const operations of CHAIN_LENGTHS) {
    const name = `${operations} additions of 64 values in a chain, read back`;
    const contestants = each({ do: "overhead", operations, calls });
    cells.push(await runCell({ name, units: calls, unit: "chains", rounds }, contestants, torches));
  }
  const name = `rows of ${tokens} tokens, ${width} values each, from host memory`;
  const contestants = each({ do: "rows", tokens, width, calls: 5 });
  cells.push(await runCell({ name, units: 5 * tokens * width * 4, unit: "bytes", rounds }, contestants, torches));
  console.log(cells.flatMap(cellLines).join("\n"));
  return cells;
}

/** Microseconds of a graph and of one operation more, from the cells of chains. */
export function overheadOf(cells: readonly CellReport[]): Record<string, { graphUs: number; operationUs: number }> {
  const [, one, many] = CHAIN_LENGTHS.map((length) => cells.find(({ name }) => name.startsWith(`${length} `)));
  const names = Object.keys(one?.unitsPerSecond ?? {});
  const us = (cell: CellReport | undefined, name: string) => 1e6 / (cell?.unitsPerSecond[name] ?? Number.NaN);
  return Object.fromEntries(
    names.map((name) => [
      name,
      { graphUs: us(one, name), operationUs: (us(many, name) - us(one, name)) / (CHAIN_LENGTHS[2] - CHAIN_LENGTHS[1]) },
    ]),
  );
}
