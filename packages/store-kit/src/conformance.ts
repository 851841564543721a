// The conformance suite: what every row store must do, as plain data that any test runner can run.
// A case runs on a store of its own, opened bare. It is skipped for what the store's capabilities disclaim and nothing
// else, and then proves the refusal. Results are counted, so that a suite which ran nothing cannot look green.

import type { StoreCapabilities } from "@engram-ts/core";
import { type CaseDefinition, type ConformanceTarget, DEFAULT_TABLE, type OpenedTable } from "./conformance-case.js";
import { deterministicRows } from "./deterministic-rows.js";
import { ConformanceFailure } from "./expectations.js";
import { abortedCases } from "./traits/aborted.js";
import { aliasingCases } from "./traits/aliasing.js";
import { argumentCases } from "./traits/arguments.js";
import { batchCases } from "./traits/batches.js";
import { closedCases } from "./traits/closed.js";
import { concurrentCases } from "./traits/concurrent.js";
import { describedCases } from "./traits/described.js";
import { durableCases } from "./traits/durable.js";
import { encodingCases } from "./traits/encodings.js";
import { readinessCases } from "./traits/readiness.js";
import { releasedCases } from "./traits/released.js";
import { transactionCases } from "./traits/transactions.js";

/**
 * What became of a case: its body ran; or the store disclaims what it needs, and was shown to refuse it; or the store
 * disclaims a promise that leaves nothing to refuse (`durable` alone).
 */
export type CaseOutcome = "ran" | "refusal-proved" | "disclaimed";

/** One promise of the contract, bound to a target. */
export interface ConformanceCase {
  /** The group it belongs to: `closed`, `aliasing`, `transactions`, ... */
  readonly trait: string;
  readonly name: string;
  /** Why a store with these capabilities skips the case; undefined where it runs. */
  needs?(capabilities: StoreCapabilities): string | undefined;
  /**
   * Opens a store, runs the case, closes the store.
   * @throws ConformanceFailure where the store does not keep the promise.
   */
  run(): Promise<CaseOutcome>;
}

const DEFINITIONS: readonly CaseDefinition[] = [
  ...describedCases,
  ...batchCases,
  ...encodingCases,
  ...readinessCases,
  ...argumentCases,
  ...aliasingCases,
  ...concurrentCases,
  ...abortedCases,
  ...releasedCases,
  ...closedCases,
  ...transactionCases,
  ...durableCases,
];

/** The seed of the rows that stores are opened with. */
const SEED = 1;

/** All cases for one store or wrapper. */
export function storeConformance(target: ConformanceTarget): readonly ConformanceCase[] {
  return DEFINITIONS.map((definition) => {
    const { trait, name, needs } = definition;
    const run = () => runCase(definition, target);
    return needs === undefined ? { trait, name, run } : { trait, name, run, needs: needs.missing };
  });
}

async function runCase(definition: CaseDefinition, target: ConformanceTarget): Promise<CaseOutcome> {
  const opened = await openTable(definition, target);
  try {
    if (definition.needs?.missing(opened.store.capabilities) !== undefined) {
      if (definition.needs.prove === undefined) return "disclaimed";
      await definition.needs.prove(opened);
      return "refusal-proved";
    }
    await definition.run(opened, target);
    return "ran";
  } finally {
    await opened.store.close();
  }
}

async function openTable(definition: CaseDefinition, target: ConformanceTarget): Promise<OpenedTable> {
  const table = definition.table ?? DEFAULT_TABLE;
  const rows = deterministicRows(table, SEED);
  const store = await target.open(table, rows.slice());
  const pick = (rowIds: Uint32Array): Uint8Array => {
    const out = new Uint8Array(rowIds.length * table.rowBytes);
    rowIds.forEach((row, i) => {
      out.set(rows.subarray(row * table.rowBytes, (row + 1) * table.rowBytes), i * table.rowBytes);
    });
    return out;
  };
  return { store, table, rows, pick };
}

/** The part of a test runner that the suite uses; vitest, `node:test`, Mocha and Jest have it. */
export interface TestRunner {
  describe(name: string, body: () => void): unknown;
  test(name: string, run: () => Promise<void>): unknown;
}

/** How many cases of one target came to what. */
export interface ConformanceReport {
  readonly target: string;
  readonly cases: number;
  readonly ran: number;
  readonly refusalsProved: number;
  readonly disclaimed: number;
  readonly failed: number;
}

/** What {@link runConformance} demands besides the cases themselves. */
export interface ConformanceOptions {
  /** Names of targets that must be among those given: a store that a condition left out is then a failure, not a gap. */
  readonly required?: readonly string[];
  /** Takes the summary line of each target. Default: `console.info`. */
  readonly print?: (line: string) => void;
}

/**
 * Declares the suite's cases as tests, and last a test for each target that prints how many cases ran and how many
 * refusals were proved, and fails where no case ran.
 * @throws ConformanceFailure at once, where a required target is missing or a name is given twice.
 * @example runConformance({ describe, test }, [{ name: "dram", open: (table, rows) => openMyStore(table, rows) }]);
 */
export function runConformance(
  runner: TestRunner,
  targets: readonly ConformanceTarget[],
  options: ConformanceOptions = {},
): void {
  const names = targets.map(({ name }) => name);
  const missing = (options.required ?? []).filter((name) => !names.includes(name));
  if (missing.length > 0) throw new ConformanceFailure(`required targets were not given: ${missing.join(", ")}`);
  if (names.length === 0) throw new ConformanceFailure("no target was given, so nothing would be tested");
  if (new Set(names).size < names.length) throw new ConformanceFailure(`a target name is given twice: ${names}`);
  for (const target of targets) declareTarget(runner, target, options.print ?? console.info);
}

function declareTarget(runner: TestRunner, target: ConformanceTarget, print: (line: string) => void): void {
  runner.describe(`store conformance: ${target.name}`, () => {
    const cases = storeConformance(target);
    const counts = { ran: 0, refusalsProved: 0, disclaimed: 0, failed: 0 };
    for (const { trait, name, run } of cases) {
      runner.test(`${trait}: ${name}`, async () => {
        counts.failed++; // until it has come back
        const outcome = await run();
        counts.failed--;
        if (outcome === "ran") counts.ran++;
        else if (outcome === "refusal-proved") counts.refusalsProved++;
        else counts.disclaimed++;
      });
    }
    runner.test("summary: cases ran", () => {
      print(summaryLine({ target: target.name, cases: cases.length, ...counts }));
      if (counts.ran > 0) return Promise.resolve();
      return Promise.reject(new ConformanceFailure(`no case of ${cases.length} ran on ${target.name}`));
    });
  });
}

/** One line for people: `dram: 95 cases ran, 1 refusal proved, 1 disclaimed`. */
export function summaryLine(report: ConformanceReport): string {
  const { target, ran, refusalsProved, disclaimed, failed, cases } = report;
  const notStarted = cases - ran - refusalsProved - disclaimed - failed;
  const parts = [`${ran} cases ran`, `${refusalsProved} ${refusalsProved === 1 ? "refusal" : "refusals"} proved`];
  if (disclaimed > 0) parts.push(`${disclaimed} disclaimed`);
  if (failed > 0) parts.push(`${failed} FAILED`);
  if (notStarted > 0) parts.push(`${notStarted} not started`);
  return `${target}: ${parts.join(", ")}`;
}
