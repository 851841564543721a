// Single blocks on every contestant in turn, after a sample of their values was compared with the first one's.

import { blockList, blockTokens } from "./block-list.js";
import { distance } from "./compute-cells.js";
import { valuesOf } from "./line-process.js";
import { type CellReport, cellLines, runCell } from "./paired-cells.js";
import type { StartedPeer } from "./peer-pool.js";

/** A block's cells. */
export interface BlockReport {
  readonly block: string;
  /** How far a sample of each contestant's values lies from the first one's, by tokens. */
  readonly agreements: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly failures: Readonly<Record<string, string>>;
  readonly cells: readonly CellReport[];
}

/** Blocks of a chain: enough to be timed where there are few tokens. */
const CHAINS: Readonly<Record<number, number>> = { 1: 16, 64: 8 };

/** Measures all blocks of one choice of sizes, until `deadline` (of `performance.now`). */
export async function compareBlocks(
  started: readonly StartedPeer[],
  choice: "published" | "small",
  rounds: number,
  deadline: number,
): Promise<BlockReport[]> {
  const torches = started.flatMap(({ peer, torch }) => (torch === undefined ? [] : [peer.name]));
  const reports: BlockReport[] = [];
  for (const [index, block] of blockList(choice).entries()) {
    if (performance.now() > deadline) {
      console.log(`${block.name}: left out, the time is over`);
      continue;
    }
    const { kind, spec, model, memoryWidth } = block;
    const failures: Record<string, string> = {};
    const agreements: Record<string, Record<string, number>> = {};
    const cells: CellReport[] = [];
    for (const tokens of blockTokens(kind, choice)) {
      const about = ({ torch }: StartedPeer) =>
        torch === undefined ? { choice, index } : { kind, spec, model, memoryWidth, type: torch };
      let expected: Float32Array | undefined;
      const found: Record<string, number> = {};
      for (const one of started) {
        if (failures[one.peer.name] !== undefined) continue;
        try {
          const values = valuesOf(await one.peer.ask({ do: "blockSample", tokens, ...about(one) }));
          expected ??= values;
          found[one.peer.name] = distance(values, expected);
        } catch (error) {
          failures[one.peer.name] = error instanceof Error ? error.message : String(error);
        }
      }
      agreements[tokens] = found;
      const chain = CHAINS[tokens] ?? 2;
      const alive = started.filter(({ peer }) => failures[peer.name] === undefined);
      const contestants = new Map(
        alive.map((one) => [
          one.peer.name,
          () => one.peer.time({ do: "block", tokens, chain, calls: 1, ...about(one) }),
        ]),
      );
      const name = `${block.name}: ${tokens} tokens`;
      cells.push(await runCell({ name, units: chain, unit: "blocks", rounds }, contestants, torches));
    }
    console.log(cells.flatMap(cellLines).join("\n"));
    console.log(`  ${JSON.stringify({ agreements, failures })}`);
    reports.push({ block: block.name, agreements, failures, cells });
  }
  return reports;
}
