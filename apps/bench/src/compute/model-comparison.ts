// All measurements of one model: its contestants load it, their logits and losses are compared, then each cell runs them in
// turn. A contestant that fails is left out of what follows, and the report says with what.

import {
  agreement,
  type CellSizes,
  inferenceCells,
  lossAgreement,
  type ModelContestant,
  trainingCell,
} from "./compute-cells.js";
import { computeFixture } from "./compute-fixture.js";
import { type ComputeModelName, computeModel } from "./compute-models.js";
import { type CellReport, cellLines } from "./paired-cells.js";
import type { StartedPeer } from "./peer-pool.js";
import { openEngineRun, openTorchRun } from "./peer-run.js";

/** What a comparison of one model gives. */
export interface ModelReport {
  readonly model: string;
  readonly parameters: number;
  readonly agreements: readonly object[];
  readonly failures: Readonly<Record<string, string>>;
  readonly cells: readonly CellReport[];
}

/** Measures one model on all of them. Ratios are to every PyTorch there is, else to all but the first contestant. */
export async function compareModel(
  name: ComputeModelName,
  started: readonly StartedPeer[],
  sizes: CellSizes,
  part: "inference" | "training",
): Promise<ModelReport> {
  const fixture = await computeFixture(computeModel(name));
  const failures: Record<string, string> = {};
  const failed = (peer: string, error: unknown): void => {
    failures[peer] = error instanceof Error ? error.message : String(error);
    console.log(`  ${peer}: FAILED: ${failures[peer]}`);
  };
  try {
    console.log(`\n${name}: ${fixture.parameterCount.toLocaleString("en-US")} parameters, ${part}`);
    const contestants: ModelContestant[] = [];
    for (const { peer, torch } of started) {
      try {
        const run = await (torch === undefined ? openEngineRun(peer, fixture) : openTorchRun(peer, fixture, torch));
        contestants.push({ name: peer.name, run });
      } catch (error) {
        failed(peer.name, error);
      }
    }
    const compare = part === "inference" ? agreement : lossAgreement;
    const agreements = await compare(fixture, contestants, failed);
    for (const one of agreements) console.log(`  ${JSON.stringify(one)}`);
    const alive = contestants.filter((one) => failures[one.name] === undefined);
    const torches = started.flatMap(({ peer, torch }) => (torch === undefined ? [] : [peer.name]));
    const peers = torches.length > 0 ? torches : alive.slice(1).map((one) => one.name);
    const cells =
      part === "inference"
        ? await inferenceCells(fixture, alive, peers, sizes)
        : [await trainingCell(fixture, alive, peers, sizes)];
    console.log(cells.flatMap(cellLines).join("\n"));
    return { model: name, parameters: fixture.parameterCount, agreements, failures, cells };
  } finally {
    fixture.close();
  }
}
